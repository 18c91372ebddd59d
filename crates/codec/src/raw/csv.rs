//! CSV rows (RFC 4180) for signatures with one flat input: a row is an example, a field is an element.

use std::borrow::Cow;

use super::single_input;
use crate::float16::{bfloat16_from_f64, half_from_f64};
use crate::{
    AlignedBuf, Code, DType, DecodedTensor, Error, Result, Shape, SignatureSpec, StringColumn,
    TensorData, TensorLimits,
};

/// Reads rows as the only input of `signature`; the shape is `[rows, fields]`, or `[rows]` for an input of rank 1.
///
/// With `header`, the first row is names and is skipped. Empty lines are skipped, and so is a byte order mark. Fields may be
/// quoted; numbers may have spaces around them. `true`, `false`, `1` and `0` are booleans, in any case.
///
/// # Errors
/// `INVALID_ARGUMENT` names the line and field (from 1) of the first field that does not fit; `RESOURCE_EXHAUSTED` past the limit.
pub fn decode<'b>(
    body: &'b [u8],
    signature: &SignatureSpec,
    limits: &TensorLimits,
    header: bool,
) -> Result<DecodedTensor<'b>> {
    let input = single_input(signature, "csv")?;
    let rank = input.shape.as_ref().map(Vec::len);
    if rank.is_some_and(|rank| rank == 0 || rank > 2) {
        return Err(Error::invalid(format!(
            "csv body: input \"{}\" has {} dimensions, rows of fields fill 1 or 2",
            input.alias,
            rank.unwrap_or(0)
        )));
    }
    let mut values = Values::new(input.dtype, limits.max_bytes)?;
    let mut fields = Fields {
        body: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body),
        at: 0,
        line: 0,
        next_line: 1,
    };
    let (mut rows, mut width) = (0usize, None);
    let mut skip = header;
    while let Some(first) = fields.row()? {
        let mut field = Some(first);
        let mut count = 0;
        while let Some(Field { text, last }) = field {
            count += 1;
            if !skip {
                values.push(&text, fields.line, count)?;
            }
            field = if last { None } else { Some(fields.field()?) };
        }
        if std::mem::take(&mut skip) {
            continue;
        }
        if rank == Some(1) && count != 1 {
            return Err(Error::invalid(format!(
                "csv body: line {} has {count} fields, input \"{}\" has one dimension and takes one a row",
                fields.line, input.alias
            )));
        }
        if *width.get_or_insert(count) != count {
            return Err(Error::invalid(format!(
                "csv body: line {} has {count} fields, the first row has {}",
                fields.line,
                width.unwrap_or(0)
            )));
        }
        rows += 1;
    }
    let Some(width) = width else {
        return Err(Error::invalid("csv body: no rows"));
    };
    let mut shape: Shape = [rows as i64].into_iter().collect();
    if rank != Some(1) {
        shape.push(width as i64);
    }
    Ok(DecodedTensor {
        dtype: input.dtype,
        shape,
        data: values.finish(),
    })
}

struct Field<'b> {
    text: Cow<'b, [u8]>,
    /// Whether the row ends here.
    last: bool,
}

struct Fields<'b> {
    body: &'b [u8],
    at: usize,
    /// The line the last row began on, from 1.
    line: usize,
    /// The line at `at`: a quoted field may take several.
    next_line: usize,
}

impl<'b> Fields<'b> {
    /// The first field of the next row that is not empty; `None` at the end.
    fn row(&mut self) -> Result<Option<Field<'b>>> {
        loop {
            let end = self.line_end();
            if end == 0 {
                if self.at == self.body.len() {
                    return Ok(None);
                }
                self.line = self.next_line;
                return self.field().map(Some);
            }
            self.at += end;
            self.next_line += 1;
        }
    }

    /// Bytes of the line end that stands here: 0 for none. A carriage return ends the last line too.
    fn line_end(&self) -> usize {
        match &self.body[self.at..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            [b'\r'] => 1,
            _ => 0,
        }
    }

    fn field(&mut self) -> Result<Field<'b>> {
        let text = if self.body.get(self.at) == Some(&b'"') {
            self.quoted()?
        } else {
            Cow::Borrowed(self.bare())
        };
        let last = match self.line_end() {
            0 => match self.body.get(self.at) {
                None => true,
                Some(b',') => {
                    self.at += 1;
                    false
                }
                Some(_) => {
                    return Err(Error::invalid(format!(
                        "csv body: line {}: text after a closing quote",
                        self.next_line
                    )));
                }
            },
            end => {
                self.at += end;
                self.next_line += 1;
                true
            }
        };
        Ok(Field { text, last })
    }

    /// Everything up to the next comma or line end.
    fn bare(&mut self) -> &'b [u8] {
        let rest = &self.body[self.at..];
        let end = rest
            .iter()
            .position(|b| matches!(b, b',' | b'\n'))
            .unwrap_or(rest.len());
        let text = &rest[..end];
        let text = match (rest.get(end), text) {
            (Some(b','), _) => text,
            (_, [text @ .., b'\r']) => text,
            _ => text,
        };
        self.at += text.len();
        text
    }

    fn quoted(&mut self) -> Result<Cow<'b, [u8]>> {
        let opening = self.next_line;
        let mut text = Cow::Borrowed(&[][..]);
        self.at += 1;
        loop {
            let rest = &self.body[self.at..];
            let Some(end) = rest.iter().position(|&b| b == b'"') else {
                return Err(Error::invalid(format!(
                    "csv body: line {opening}: a quote is never closed"
                )));
            };
            let part = &rest[..end];
            self.next_line += part.iter().filter(|&&b| b == b'\n').count();
            if text.is_empty() {
                text = Cow::Borrowed(part);
            } else {
                text.to_mut().extend_from_slice(part);
            }
            self.at += end + 1;
            if self.body.get(self.at) != Some(&b'"') {
                return Ok(text);
            }
            text.to_mut().push(b'"');
            self.at += 1;
        }
    }
}

enum Values {
    Numbers {
        dtype: DType,
        buf: AlignedBuf,
        max_bytes: u64,
    },
    Strings {
        column: StringColumn<'static>,
        bytes: u64,
        max_bytes: u64,
    },
}

impl Values {
    fn new(dtype: DType, max_bytes: u64) -> Result<Self> {
        match dtype {
            DType::STRING => Ok(Values::Strings {
                column: StringColumn::new(&[]),
                bytes: 0,
                max_bytes,
            }),
            DType::FLOAT
            | DType::DOUBLE
            | DType::HALF
            | DType::BFLOAT16
            | DType::INT8
            | DType::INT16
            | DType::INT32
            | DType::INT64
            | DType::UINT8
            | DType::UINT16
            | DType::UINT32
            | DType::UINT64
            | DType::BOOL => Ok(Values::Numbers {
                dtype,
                buf: AlignedBuf::new(),
                max_bytes,
            }),
            other => Err(Error::invalid(format!(
                "csv body: {other} has no CSV form, send JSON"
            ))),
        }
    }

    fn push(&mut self, text: &[u8], line: usize, column: usize) -> Result<()> {
        let (used, max_bytes) = match self {
            Values::Strings {
                column,
                bytes,
                max_bytes,
            } => {
                *bytes += 24 + text.len() as u64;
                column.push(text);
                (*bytes, *max_bytes)
            }
            Values::Numbers {
                dtype,
                buf,
                max_bytes,
            } => {
                push_number(buf, *dtype, text).ok_or_else(|| {
                    Error::invalid(format!(
                        "csv body: line {line}, field {column}: want {dtype}, got \"{:.32}\"",
                        String::from_utf8_lossy(text)
                    ))
                })?;
                (buf.len() as u64, *max_bytes)
            }
        };
        if used > max_bytes {
            return Err(Error::new(
                Code::ResourceExhausted,
                format!("csv body: the elements take more than {max_bytes} bytes"),
            ));
        }
        Ok(())
    }

    fn finish(self) -> TensorData<'static> {
        match self {
            Values::Numbers { buf, .. } => TensorData::Owned(buf),
            Values::Strings { column, .. } => TensorData::Strings(column),
        }
    }
}

fn push_number(buf: &mut AlignedBuf, dtype: DType, text: &[u8]) -> Option<()> {
    let text = text.trim_ascii();
    macro_rules! integer {
        ($type:ty) => {
            buf.push(
                std::str::from_utf8(text)
                    .ok()?
                    .parse::<$type>()
                    .ok()?
                    .to_ne_bytes(),
            )
        };
    }
    match dtype {
        DType::FLOAT => buf.push(fast_float2::parse::<f32, _>(text).ok()?.to_ne_bytes()),
        DType::DOUBLE => buf.push(fast_float2::parse::<f64, _>(text).ok()?.to_ne_bytes()),
        DType::HALF => buf.push(half_from_f64(fast_float2::parse(text).ok()?).to_ne_bytes()),
        DType::BFLOAT16 => {
            buf.push(bfloat16_from_f64(fast_float2::parse(text).ok()?).to_ne_bytes())
        }
        DType::INT8 => integer!(i8),
        DType::INT16 => integer!(i16),
        DType::INT32 => integer!(i32),
        DType::INT64 => integer!(i64),
        DType::UINT8 => integer!(u8),
        DType::UINT16 => integer!(u16),
        DType::UINT32 => integer!(u32),
        DType::UINT64 => integer!(u64),
        DType::BOOL => match text.to_ascii_lowercase().as_slice() {
            b"true" | b"1" => buf.push([1]),
            b"false" | b"0" => buf.push([0]),
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}
