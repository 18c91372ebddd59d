//! Bodies that are one tensor, for signatures with a single input: NumPy's `.npy`, CSV rows, and images.

pub mod csv;
pub mod image;
pub mod npy;

use crate::{Error, Result, SignatureSpec, TensorInfo};

/// The only input of a signature.
///
/// # Errors
/// `INVALID_ARGUMENT` when there is another number of inputs: such bodies cannot name one.
fn single_input<'s>(signature: &'s SignatureSpec, body: &str) -> Result<&'s TensorInfo> {
    match signature.inputs.as_slice() {
        [input] => Ok(input),
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|input| input.alias.as_str()).collect();
            Err(Error::invalid(format!(
                "{body} body: signature \"{}\" has {} inputs ({}), such a body can fill only one",
                signature.name,
                inputs.len(),
                names.join(", ")
            )))
        }
    }
}
