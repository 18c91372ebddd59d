//! Responses: predictions, outputs, results and errors, laid out byte for byte as TensorFlow Serving lays them out.

use super::predict::Format;
use super::print_value::{
    Lists, Part, Style, printable, put_bytes_or_text, put_f32, put_floats, put_line, put_part,
};
use super::text::put_string;
use crate::{Classifications, Code, Error, Result, TensorView};

/// How NaN and the infinities are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// The bare tokens `NaN`, `Infinity`, `-Infinity`, as TensorFlow Serving does; not valid JSON.
    #[default]
    Token,
    /// `null`.
    Null,
    /// The tokens in quotes.
    String,
}

/// Appends the answer to a predict request: `predictions` row by row, or whole `outputs`. Several outputs are sorted by name.
///
/// Strings are JSON strings; those of an output whose name ends in `_bytes`, and any that is not UTF-8, are `{"b64": …}`.
///
/// # Errors
/// `INVALID_ARGUMENT` with TensorFlow Serving's texts: no outputs, a dtype without JSON form, in row format an output without
/// a first dimension or of another batch size than the first. `INTERNAL` if a view contradicts itself. `out` is then as it was.
pub fn predict(
    format: Format,
    outputs: &[(&str, TensorView<'_>)],
    nonfinite: NonFinite,
    out: &mut Vec<u8>,
) -> Result<()> {
    if outputs.is_empty() {
        return Err(Error::invalid("Cannot convert empty tensor map to JSON"));
    }
    let sorted;
    let outputs = if outputs.is_sorted_by_key(|(name, _)| *name) {
        outputs
    } else {
        let mut copy = outputs.to_vec();
        copy.sort_by_key(|(name, _)| *name);
        sorted = copy;
        &sorted[..]
    };
    for (name, tensor) in outputs {
        if tensor.elements(name)? > 0 && !printable(tensor.dtype) {
            let message = format!(
                "Failed to write JSON value for tensor type: {}",
                tensor.dtype
            );
            return Err(Error::invalid(message));
        }
    }
    match format {
        Format::Row => rows(outputs, nonfinite, out),
        Format::Column => {
            columns(outputs, nonfinite, out);
            Ok(())
        }
    }
}

fn style(name: &str, lists: Lists, nonfinite: NonFinite) -> Style {
    Style {
        lists,
        nonfinite,
        bytes: name.ends_with("_bytes"),
    }
}

fn columns(outputs: &[(&str, TensorView<'_>)], nonfinite: NonFinite, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\n    \"outputs\": ");
    if let [(name, tensor)] = outputs {
        let part = Part {
            tensor: *tensor,
            dims: tensor.shape,
            first: 0,
            level: 1,
        };
        put_part(out, part, style(name, Lists::Expanded, nonfinite));
    } else {
        out.push(b'{');
        for (i, (name, tensor)) in outputs.iter().enumerate() {
            put_key(out, i, name, 2);
            let part = Part {
                tensor: *tensor,
                dims: tensor.shape,
                first: 0,
                level: 2,
            };
            put_part(out, part, style(name, Lists::Expanded, nonfinite));
        }
        put_line(out, 1);
        out.push(b'}');
    }
    out.extend_from_slice(b"\n}");
}

fn rows(outputs: &[(&str, TensorView<'_>)], nonfinite: NonFinite, out: &mut Vec<u8>) -> Result<()> {
    let batch = batch_size(outputs)?;
    out.extend_from_slice(b"{\n    \"predictions\": [");
    for row in 0..batch {
        if let [(name, tensor)] = outputs {
            if row > 0 {
                out.extend_from_slice(b", ");
            }
            put_part(
                out,
                row_part(tensor, row, 2),
                style(name, Lists::Inline, nonfinite),
            );
            continue;
        }
        if row > 0 {
            out.push(b',');
        }
        put_line(out, 2);
        out.push(b'{');
        for (i, (name, tensor)) in outputs.iter().enumerate() {
            put_key(out, i, name, 3);
            put_part(
                out,
                row_part(tensor, row, 3),
                style(name, Lists::Inline, nonfinite),
            );
        }
        put_line(out, 2);
        out.push(b'}');
    }
    out.extend_from_slice(if batch > 0 { b"\n    ]\n}" } else { b"]\n}" });
    Ok(())
}

/// The first dimension, which all outputs must share.
fn batch_size(outputs: &[(&str, TensorView<'_>)]) -> Result<usize> {
    let mut batch = None;
    for (name, tensor) in outputs {
        let Some(&size) = tensor.shape.first() else {
            return Err(Error::invalid(format!(
                "Tensor name: {name} has no shape information "
            )));
        };
        let expected = *batch.get_or_insert(size);
        if size != expected {
            return Err(Error::invalid(format!(
                "Tensor name: {name} has inconsistent batch size: {size} expecting: {expected}"
            )));
        }
    }
    Ok(batch
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(0))
}

/// One row of an output that has a first dimension.
fn row_part<'a>(tensor: &TensorView<'a>, row: usize, level: usize) -> Part<'a> {
    let dims = &tensor.shape[1..];
    let step: usize = dims
        .iter()
        .map(|&dim| usize::try_from(dim).unwrap_or(0))
        .product();
    Part {
        tensor: *tensor,
        dims,
        first: row * step,
        level,
    }
}

/// Begins a member of an object on a line of its own.
fn put_key(out: &mut Vec<u8>, index: usize, name: &str, level: usize) {
    if index > 0 {
        out.push(b',');
    }
    put_line(out, level);
    put_string(out, name.as_bytes());
    out.extend_from_slice(b": ");
}

/// Appends the answer to a classify request: `results`, per example a list of `[label, score]`.
///
/// # Errors
/// `INVALID_ARGUMENT` if there are no examples; `INTERNAL` if labels or scores do not have `batch × classes` elements. `out` is
/// then as it was.
pub fn classifications(
    results: &Classifications<'_>,
    nonfinite: NonFinite,
    out: &mut Vec<u8>,
) -> Result<()> {
    results.check()?;
    if results.batch == 0 {
        return Err(Error::invalid(
            "Cannot convert empty ClassificationResults to JSON",
        ));
    }
    out.extend_from_slice(b"{\n    \"results\": [");
    for example in 0..results.batch {
        out.extend_from_slice(if example > 0 { b", [" } else { b"[" });
        for class in 0..results.classes {
            let pair = example * results.classes + class;
            out.extend_from_slice(if class > 0 { b", [" } else { b"[" });
            put_bytes_or_text(out, results.label(pair), false, 4);
            out.extend_from_slice(b", ");
            put_f32(out, results.score(pair), nonfinite);
            out.push(b']');
        }
        out.push(b']');
    }
    out.extend_from_slice(b"\n    ]\n}");
    Ok(())
}

/// Appends the answer to a regress request: `results`, one number per example. `values` is float32 in the machine's byte order.
///
/// # Errors
/// `INVALID_ARGUMENT` if there are no values; `INTERNAL` if they are not whole floats. `out` is then as it was.
pub fn regressions(values: &[u8], nonfinite: NonFinite, out: &mut Vec<u8>) -> Result<()> {
    if values.is_empty() {
        return Err(Error::invalid(
            "Cannot convert empty RegressionResults to JSON",
        ));
    }
    if !values.len().is_multiple_of(4) {
        return Err(Error::new(
            Code::Internal,
            "regression values are not whole floats",
        ));
    }
    out.extend_from_slice(b"{\n    \"results\": ");
    put_floats(out, values, 1, nonfinite);
    out.extend_from_slice(b"\n}");
    Ok(())
}

/// Appends the body of an error answer.
pub fn error(message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\n    \"error\": ");
    put_string(out, message.as_bytes());
    out.extend_from_slice(b"\n}");
}
