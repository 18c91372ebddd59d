//! The optimistic pass of a predict request: one walk over the bytes that writes elements straight into tensor memory.
//!
//! It knows the common shapes of a body and no error texts. Whatever it does not expect (an unknown key, an escape in a key, a
//! ragged list, a value of another type) makes it give up with `None`, and the careful pass decides what that means. Whatever
//! it accepts, the careful pass would answer the same; a property test holds the two together.

use std::borrow::Cow;

use super::cursor::{Cursor, skip_byte_order_mark};
use super::predict::{Format, PredictBody, Resolver};
use super::scalar::{Store, with_scalar};
use super::walk::{Expected, Numbers, base64_text, plain_string, walk};
use crate::{DecodedTensor, JsonLimits, MAX_RANK, Result, Shape, SignatureSpec, TensorInfo};

const SIGNATURE_NAME: &[u8] = b"\"signature_name\"";

/// Decodes a body that has nothing unusual in it; `None` says nothing about any other.
pub(super) fn decode<'b, 's, F>(
    body: &'b [u8],
    limits: &JsonLimits,
    resolver: &mut Resolver<'b, 's, F>,
) -> Option<PredictBody<'b, 's>>
where
    F: FnMut(&str) -> Result<&'s SignatureSpec>,
{
    let mut cursor = Cursor::new(body, skip_byte_order_mark(body));
    cursor.skip_space();
    if !cursor.eat(b'{') {
        return None;
    }
    let mut name: Option<&'b str> = None;
    // The format, the signature and the name it was asked for with.
    let mut decoded: Option<(PredictBody<'b, 's>, &'b str)> = None;
    loop {
        cursor.skip_space();
        let format = if cursor.eat_text(SIGNATURE_NAME) {
            None
        } else if cursor.eat_text(b"\"instances\"") {
            Some(Format::Row)
        } else if cursor.eat_text(b"\"inputs\"") {
            Some(Format::Column)
        } else {
            return None;
        };
        cursor.skip_space();
        if !cursor.eat(b':') {
            return None;
        }
        cursor.skip_space();
        match format {
            None if name.is_none() => name = Some(plain_text(&mut cursor)?),
            Some(format) if decoded.is_none() => {
                let asked = name.or_else(|| name_at_end(&cursor)).unwrap_or_default();
                let signature = resolver.signature(Cow::Borrowed(asked)).ok()?;
                let tensors = tensors(&mut cursor, format, &signature.inputs, limits)?;
                decoded = Some((
                    PredictBody {
                        format,
                        signature,
                        tensors,
                    },
                    asked,
                ));
            }
            _ => return None,
        }
        cursor.skip_space();
        if !cursor.eat(b',') {
            break;
        }
    }
    if !cursor.eat(b'}') {
        return None;
    }
    cursor.skip_space();
    let (decoded, asked) = decoded?;
    (cursor.pos == body.len() && asked == name.unwrap_or_default()).then_some(decoded)
}

/// A string without escapes.
fn plain_text<'b>(cursor: &mut Cursor<'b>) -> Option<&'b str> {
    let content = plain_string(cursor)?;
    std::str::from_utf8(content).ok()
}

/// A guess at a `signature_name` that follows the values, taken from the last bytes of the body; checked once it is reached.
fn name_at_end<'b>(cursor: &Cursor<'b>) -> Option<&'b str> {
    const LOOK_BACK: usize = 256;
    // Only a string can be a name, and mostly the values' bracket is what comes last.
    let last = cursor
        .bytes
        .trim_ascii_end()
        .strip_suffix(b"}")?
        .trim_ascii_end();
    last.ends_with(b"\"").then_some(())?;
    let start = cursor.bytes.len().saturating_sub(LOOK_BACK).max(cursor.pos);
    let end = cursor.bytes.get(start..)?;
    let found = end
        .windows(SIGNATURE_NAME.len())
        .rposition(|window| window == SIGNATURE_NAME)?;
    let mut cursor = Cursor::new(cursor.bytes, start + found + SIGNATURE_NAME.len());
    cursor.skip_space();
    cursor.eat(b':').then_some(())?;
    cursor.skip_space();
    plain_text(&mut cursor)
}

/// One input as its values come in.
struct Column<'b, 'i> {
    info: &'i TensorInfo,
    store: Store<'b>,
    shape: Expected,
    /// The number of values added.
    values: usize,
}

impl<'b, 'i> Column<'b, 'i> {
    fn new(info: &'i TensorInfo, body: &'b [u8], limit: usize, inputs: usize) -> Self {
        // Eight bytes of JSON an element is a fair guess; the buffer grows if there are more, unused pages cost nothing.
        let bytes = body.len() / 8 / inputs * info.dtype.size().unwrap_or(0);
        let shape = Expected::new(limit);
        Column {
            info,
            store: Store::new(info.dtype, body, bytes),
            shape,
            values: 0,
        }
    }

    fn add(&mut self, cursor: &mut Cursor<'b>) -> Option<()> {
        self.values += 1;
        let shape = &mut self.shape;
        match &mut self.store {
            Store::Strings(column) => walk(cursor, shape, column),
            Store::Bytes(buf) => with_scalar!(
                self.info.dtype,
                T => walk(cursor, shape, &mut Numbers::<T>::new(buf)),
                _ => None
            ),
        }
    }

    /// The tensor, of the values' shape with these dimensions in front.
    fn finish(self, front: &[i64], limits: &JsonLimits) -> Option<DecodedTensor<'b>> {
        let mut shape = Shape::from_slice(front);
        shape.extend_from_slice(&self.shape.dims);
        let elements = crate::tensor::element_count(&shape)?;
        let data = self.store.into_data();
        (elements <= limits.max_elements).then_some(DecodedTensor {
            dtype: self.info.dtype,
            shape,
            data,
        })
    }
}

fn tensors<'b>(
    cursor: &mut Cursor<'b>,
    format: Format,
    inputs: &[TensorInfo],
    limits: &JsonLimits,
) -> Option<Vec<DecodedTensor<'b>>> {
    if inputs.is_empty() {
        return None;
    }
    let body = cursor.bytes;
    // An input of that name makes an object with one string ambiguous.
    let names = inputs.iter().all(|info| info.alias != "b64");
    let columns = |limit| {
        inputs
            .iter()
            .map(|info| Column::new(info, body, limit, inputs.len()))
            .collect::<Vec<_>>()
    };
    match format {
        Format::Column if cursor.peek() == b'{' && names && !is_base64(*cursor) => {
            let mut columns = columns(limits.max_depth.min(MAX_RANK));
            object(cursor, &mut columns, 1)?;
            columns
                .into_iter()
                .map(|column| column.finish(&[], limits))
                .collect()
        }
        Format::Column => {
            let [info] = inputs else { return None };
            let mut column = Column::new(info, body, limits.max_depth.min(MAX_RANK), 1);
            column.add(cursor)?;
            Some(vec![column.finish(&[], limits)?])
        }
        Format::Row => {
            let mut first = *cursor;
            first.eat(b'[').then_some(())?;
            first.skip_space();
            if first.peek() == b'{' && names && !is_base64(first) {
                let mut columns = columns(limits.max_depth.min(MAX_RANK - 1));
                *cursor = first;
                let count = objects(cursor, &mut columns)?;
                return columns
                    .into_iter()
                    .map(|column| column.finish(&[count], limits))
                    .collect();
            }
            let [info] = inputs else { return None };
            // The list of instances is the outermost dimension: all of it is one nested list, and may not be empty.
            let mut column = Column::new(
                info,
                body,
                limits.max_depth.saturating_add(1).min(MAX_RANK),
                1,
            );
            (first.peek() != b']').then_some(())?;
            column.add(cursor)?;
            Some(vec![column.finish(&[], limits)?])
        }
    }
}

/// Whether a base64 object begins here.
fn is_base64(mut cursor: Cursor<'_>) -> bool {
    base64_text(&mut cursor).is_some()
}

/// The objects of `instances`, behind the opening bracket; gives their number.
fn objects<'b>(cursor: &mut Cursor<'b>, columns: &mut [Column<'b, '_>]) -> Option<i64> {
    let mut count = 0;
    loop {
        count += 1;
        object(cursor, columns, count)?;
        cursor.skip_space();
        if cursor.eat(b']') {
            return i64::try_from(count).ok();
        }
        cursor.eat(b',').then_some(())?;
        cursor.skip_space();
    }
}

/// One object with exactly one value for every column; afterwards each has `count` values.
fn object<'b>(cursor: &mut Cursor<'b>, columns: &mut [Column<'b, '_>], count: usize) -> Option<()> {
    cursor.eat(b'{').then_some(())?;
    for turn in 0..columns.len() {
        cursor.skip_space();
        let key = plain_string(cursor)?;
        // Mostly the keys come in one order; the signature's is tried first.
        let at = match columns[turn].info.alias.as_bytes() == key {
            true => turn,
            false => columns
                .iter()
                .position(|column| column.info.alias.as_bytes() == key)?,
        };
        cursor.skip_space();
        cursor.eat(b':').then_some(())?;
        cursor.skip_space();
        columns[at].add(cursor)?;
        if columns[at].values != count {
            return None;
        }
        cursor.skip_space();
        let end = if turn + 1 == columns.len() {
            b'}'
        } else {
            b','
        };
        cursor.eat(end).then_some(())?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    /// Whether this pass takes a body, for inputs of these names and a dtype.
    fn takes(body: &str, inputs: &[&str], dtype: DType) -> bool {
        let info = |alias: &&str| TensorInfo {
            alias: (*alias).to_owned(),
            dtype,
            shape: None,
        };
        let spec = SignatureSpec {
            name: String::new(),
            method_name: String::new(),
            inputs: inputs.iter().map(info).collect(),
            outputs: Vec::new(),
            text: String::new(),
        };
        let mut resolver = Resolver::new(|_: &str| Ok(&spec));
        decode(body.as_bytes(), &JsonLimits::default(), &mut resolver).is_some()
    }

    #[test]
    fn usual_bodies_never_need_the_careful_pass() {
        for body in [
            r#"{"instances": [1.0, 2, 5e-3]}"#,
            r#"{"signature_name": "s", "instances": [[[1, 2]], [[3, 4]]]}"#,
            r#"{"instances": [[1, 2], [3, 4]], "signature_name": "s"}"#,
            r#"{"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}"#,
            r#"{"inputs": {"x": [[1, 2], [3, 4]]}}"#,
            "{\n  \"inputs\": [\n    1,\n    2\n  ]\n}\n",
            r#"{"inputs": 5}"#,
            r#"{"instances": [NaN, -Infinity]}"#,
            r#"{"inputs": [0.12345678901234568, 123456789012345678901234567890]}"#,
        ] {
            assert!(takes(body, &["x"], DType::FLOAT), "{body}");
        }
        let rows = r#"{"instances": [{"y": 1, "x": [2]}, {"x": [3], "y": 4}]}"#;
        assert!(takes(rows, &["x", "y"], DType::INT64));
        assert!(takes(
            r#"{"inputs": {"y": 1, "x": [2]}}"#,
            &["x", "y"],
            DType::HALF
        ));
        for body in [
            r#"{"instances": ["a", {"b64": "AA=="}, "é"]}"#,
            r#"{"instances": [{"b64": "AA=="}]}"#,
            r#"{"instances": [{"x": {"b64": "AA=="}}]}"#,
        ] {
            assert!(takes(body, &["x"], DType::STRING), "{body}");
        }
        assert!(takes(
            r#"{"instances": [true, false]}"#,
            &["x"],
            DType::BOOL
        ));
    }
}
