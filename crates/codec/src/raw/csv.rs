//! CSV rows (RFC 4180) for signatures with one flat input: a row is an example, a field is an element.

use super::single_input;
use crate::{
    AlignedBuf, Code, DType, DecodedTensor, Error, Result, Shape, SignatureSpec, StringColumn,
    TensorData, TensorLimits,
};

/// Reads rows as the only input of `signature`; the shape is `[rows, fields]`, or `[rows]` for an input of rank 1.
///
/// With `header`, the first row is names and is skipped. Empty lines are skipped. Fields may be quoted.
///
/// # Errors
/// `INVALID_ARGUMENT` names the row and column (from 1) of the first field that does not fit; `RESOURCE_EXHAUSTED` past the limit.
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
        body,
        at: 0,
        line: 0,
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
    if rank != Some(1) || width != 1 {
        shape.push(width as i64);
    }
    Ok(DecodedTensor {
        dtype: input.dtype,
        shape,
        data: values.finish(),
    })
}

struct Field {
    text: Vec<u8>,
    /// Whether the row ends here.
    last: bool,
}

struct Fields<'b> {
    body: &'b [u8],
    at: usize,
    /// The line the last row began on, from 1.
    line: usize,
}

impl Fields<'_> {
    /// The first field of the next row that is not empty; `None` at the end.
    fn row(&mut self) -> Result<Option<Field>> {
        loop {
            match self.body.get(self.at) {
                None => return Ok(None),
                Some(b'\r') if self.body.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'\n') => self.at += 1,
                Some(_) => {
                    self.line += 1;
                    return self.field().map(Some);
                }
            }
            self.line += 1;
        }
    }

    fn field(&mut self) -> Result<Field> {
        let text = if self.body.get(self.at) == Some(&b'"') {
            self.quoted()?
        } else {
            let rest = &self.body[self.at..];
            let end = rest
                .iter()
                .position(|b| matches!(b, b',' | b'\n'))
                .unwrap_or(rest.len());
            self.at += end;
            let text = &rest[..end];
            let at_line_end = rest.get(end) != Some(&b',');
            let text = if at_line_end {
                text.strip_suffix(b"\r").unwrap_or(text)
            } else {
                text
            };
            text.to_vec()
        };
        if self.body[self.at..].starts_with(b"\r\n") {
            self.at += 1;
        }
        match self.body.get(self.at) {
            Some(b',') => {
                self.at += 1;
                Ok(Field { text, last: false })
            }
            Some(b'\n') => {
                self.at += 1;
                Ok(Field { text, last: true })
            }
            None => Ok(Field { text, last: true }),
            Some(_) => Err(Error::invalid(format!(
                "csv body: line {}: text after a closing quote",
                self.line
            ))),
        }
    }

    fn quoted(&mut self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        self.at += 1;
        loop {
            let rest = &self.body[self.at..];
            let Some(end) = rest.iter().position(|&b| b == b'"') else {
                return Err(Error::invalid(format!(
                    "csv body: line {}: a quote is never closed",
                    self.line
                )));
            };
            text.extend_from_slice(&rest[..end]);
            self.at += end + 1;
            if self.body.get(self.at) != Some(&b'"') {
                return Ok(text);
            }
            text.push(b'"');
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
