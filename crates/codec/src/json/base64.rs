//! Base64 as TensorFlow Serving reads it: standard alphabet, padding optional and also written `.`, white space skipped.

/// The text could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undecodable;

/// Appends the bytes that `text` stands for; leaves `out` as it was on failure.
pub(super) fn decode_into(text: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
    let start = out.len();
    // Almost all base64 is plain and padded; only what is not takes the loop below.
    if base64_simd::STANDARD.decode_append(text, out).is_ok() {
        return Ok(());
    }
    out.truncate(start);
    let result = decode_leniently(text, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends standard base64 with padding.
pub(super) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    base64_simd::STANDARD.encode_append(bytes, out);
}

fn decode_leniently(text: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
    let mut bits = 0u32;
    let mut digits = 0;
    let mut bytes = text
        .iter()
        .copied()
        .filter(|byte| !is_space(*byte))
        .peekable();
    while let Some(digit) = bytes.peek().and_then(|&byte| digit_value(byte)) {
        bytes.next();
        bits = bits << 6 | digit;
        digits += 1;
        if digits == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, digits) = (0, 0);
        }
    }
    let padding = match digits {
        0 => 0,
        2 => {
            out.push((bits >> 4) as u8);
            2
        }
        3 => {
            out.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]);
            1
        }
        _ => return Err(Undecodable),
    };
    let mut found = 0;
    for byte in bytes {
        match byte {
            b'=' | b'.' => found += 1,
            _ => return Err(Undecodable),
        }
    }
    if found == 0 || found == padding {
        Ok(())
    } else {
        Err(Undecodable)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn digit_value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let result = decode_into(text.as_bytes(), &mut out);
        assert!(out.starts_with(b"before"));
        assert!(result.is_ok() || out.len() == 6);
        result.ok().map(|()| out.split_off(6))
    }

    #[test]
    fn padding_is_optional_and_white_space_is_skipped() {
        for text in [
            "aGVsbG8=",
            "aGVsbG8",
            "aGVsbG8.",
            " aGVs\tbG8\n=\x0b",
            "aGVsbG9",
        ] {
            assert_eq!(decoded(text).as_deref(), Some(&b"hello"[..]), "{text}");
        }
        assert_eq!(decoded("AP8=").as_deref(), Some(&[0, 255][..]));
        assert_eq!(decoded("AA=="), Some(vec![0]));
        assert_eq!(decoded(""), Some(vec![]));
        assert_eq!(decoded("  "), Some(vec![]));
    }

    #[test]
    fn wrong_digits_and_wrong_padding_are_refused() {
        for text in [
            "@@@", "!!!", "-_8=", "A", "AAAAA", "AA=", "AAA==", "AAAA=", "====", "AA==AA==",
            "AA=A", "A\0AA",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
