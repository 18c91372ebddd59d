//! Native memory handed to JavaScript.

use napi::Env;
use napi::bindgen_prelude::{Array, ArrayBuffer, BufferSlice, Float64ArraySlice, Object};
use servable_codec::ViewData;
use servable_engine::runner::RunnerTensor;
use servable_engine::tensorflow::TensorFlowTensor;

/// Smaller results are copied: below this a copy costs less than a finalizer (see ARCHITECTURE.md).
const EXTERNAL_BYTES: usize = 4096;

/// A pooled reply as a `Buffer`: large ones stand on the reply's own memory.
pub fn reply_buffer(env: &Env, bytes: Vec<u8>) -> napi::Result<BufferSlice<'_>> {
    if bytes.len() < EXTERNAL_BYTES {
        BufferSlice::copy_from(env, bytes)
    } else {
        BufferSlice::from_data(env, bytes)
    }
}

/// One output of a library predict, on its way to JavaScript.
pub struct OutputTensor(TensorFlowTensor);

impl OutputTensor {
    /// Hands `tensor` over.
    pub fn new(tensor: TensorFlowTensor) -> Self {
        Self(tensor)
    }

    /// `{ dtype, shape, data }` for numbers, where `data` is an `ArrayBuffer` over TensorFlow's memory;
    /// `{ dtype, shape, block, ends }` for strings.
    pub fn into_js(self, env: &Env) -> napi::Result<Object<'_>> {
        let mut object = Object::new(env)?;
        object.set("dtype", self.0.dtype().number())?;
        object.set(
            "shape",
            self.0
                .shape()
                .iter()
                .map(|dim| *dim as f64)
                .collect::<Vec<_>>(),
        )?;
        if let ViewData::Strings(strings) = self.0.data() {
            let mut block = Vec::new();
            let mut ends = Vec::with_capacity(strings.len());
            for index in 0..strings.len() {
                block.extend_from_slice(strings.get(index));
                ends.push(block.len() as f64);
            }
            object.set("block", &reply_buffer(env, block)?)?;
            object.set("ends", Float64ArraySlice::from_data(env, ends)?)?;
        } else {
            object.set("data", array_buffer(env, self.0)?)?;
        }
        Ok(object)
    }
}

/// The outputs of one predict, in order.
pub fn output_list(env: &Env, outputs: Vec<OutputTensor>) -> napi::Result<Array<'_>> {
    let mut list = env.create_array(0)?;
    for (index, output) in (0..).zip(outputs) {
        list.set(index, output.into_js(env)?)?;
    }
    Ok(list)
}

/// A tensor's memory as an `ArrayBuffer` of its own.
///
/// Memory that something else stands on (a constant of the model, another output) is copied: JavaScript may write to what
/// it is given.
fn array_buffer(env: &Env, mut tensor: TensorFlowTensor) -> napi::Result<ArrayBuffer<'_>> {
    if tensor.tensor().bytes().len() < EXTERNAL_BYTES || !tensor.is_only_owner() {
        return ArrayBuffer::copy_from(env, tensor.tensor().bytes());
    }
    let bytes = tensor.tensor().bytes();
    let (data, length) = (bytes.as_ptr().cast_mut(), bytes.len());
    // SAFETY: the memory belongs to `tensor` alone, which lives until the finalizer drops it; nobody else reads or writes it.
    unsafe { ArrayBuffer::from_external(env, data, length, tensor, |_env, tensor| drop(tensor)) }
}
