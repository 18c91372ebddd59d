//! Strings: finding their end, undoing and making escapes.

use std::borrow::Cow;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// How far plain text reaches, and whether it has bytes beyond ASCII.
pub(super) struct Plain {
    pub len: usize,
    pub ascii: bool,
}

/// The bytes before the first quote, backslash or control byte. Eight at a time.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> Plain {
    let mut high = 0u64;
    let mut len = 0;
    while let Some(chunk) = bytes[len..].first_chunk::<8>() {
        let chunk = u64::from_le_bytes(*chunk);
        // A byte is zero exactly where a borrow from above it reaches its top bit; the lowest one found is always right.
        let zero = |x: u64| x.wrapping_sub(LOW_BITS) & !x & HIGH_BITS;
        let quote = zero(chunk ^ (LOW_BITS * b'"' as u64));
        let backslash = zero(chunk ^ (LOW_BITS * b'\\' as u64));
        let control = chunk.wrapping_sub(LOW_BITS * 0x20) & !chunk & HIGH_BITS;
        let stops = quote | backslash | control;
        if stops != 0 {
            let count = stops.trailing_zeros() / 8;
            high |= chunk & HIGH_BITS & ((1u64 << (8 * count)) - 1);
            return Plain {
                len: len + count as usize,
                ascii: high == 0,
            };
        }
        high |= chunk & HIGH_BITS;
        len += 8;
    }
    while let Some(&byte) = bytes.get(len) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        high |= u64::from(byte) & 0x80;
        len += 1;
    }
    Plain {
        len,
        ascii: high == 0,
    }
}

/// The text of a string whose syntax has been checked; `content` lies between its quotes.
pub(super) fn unescape(content: &[u8]) -> Cow<'_, [u8]> {
    let first = plain(content).len;
    if first == content.len() {
        return Cow::Borrowed(content);
    }
    let mut text = Vec::with_capacity(content.len());
    unescape_into(content, &mut text);
    Cow::Owned(text)
}

/// As [`unescape`], appended to `text`.
pub(super) fn unescape_into(content: &[u8], text: &mut Vec<u8>) {
    let mut rest = content;
    loop {
        let (copied, tail) = rest.split_at(plain(rest).len);
        text.extend_from_slice(copied);
        let Some((b'\\', [kind, tail @ ..])) = tail.split_first() else {
            return;
        };
        rest = tail;
        match kind {
            b'b' => text.push(0x08),
            b'f' => text.push(0x0c),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let (unit, tail) = code_unit(rest);
                rest = tail;
                let mut point = unit;
                if (0xd800..0xdc00).contains(&unit)
                    && let Some(tail) = rest.strip_prefix(b"\\u")
                {
                    let (low, tail) = code_unit(tail);
                    point = 0x10000 + ((unit - 0xd800) << 10) + low.wrapping_sub(0xdc00);
                    rest = tail;
                }
                // The syntax check lets no lone surrogate through.
                let char = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // A quote, a backslash or a slash stands for itself.
            other => text.push(*other),
        }
    }
}

/// Four hexadecimal digits and what follows them.
fn code_unit(bytes: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = bytes.split_at(bytes.len().min(4));
    let value = digits.iter().fold(0, |value, &digit| {
        value << 4 | hex_value(digit).unwrap_or(0)
    });
    (value, rest)
}

/// The value of a hexadecimal digit.
pub(super) fn hex_value(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

/// Appends a JSON string: bytes as they are, except those that must be escaped.
pub(super) fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let (copied, tail) = rest.split_at(plain(rest).len);
        out.extend_from_slice(copied);
        let Some((&byte, tail)) = tail.split_first() else {
            break;
        };
        rest = tail;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.push(b'"');
}
