//! A JSON value as error messages show it: laid out anew, and cut once it has 256 bytes.

use super::cursor::Cursor;
use super::number::Literal;
use super::text::{put_string, unescape};
use super::value::{Kind, Value, skip};

/// Writing stops before the next part once this many bytes are there; a long string is one part.
const ENOUGH: usize = 256;

/// The dump of a value of a checked body.
pub(super) fn dump(value: Value<'_>) -> String {
    let mut out = Vec::new();
    write(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// What is open: its closing bracket, and whether something is in it.
struct Open {
    close: u8,
    empty: bool,
}

/// Never holds more than `ENOUGH` open containers: each has written a bracket.
fn write(value: Value<'_>, out: &mut Vec<u8>) {
    let mut cursor = Cursor::new(value.bytes, value.start);
    let mut open: Vec<Open> = Vec::new();
    while out.len() < ENOUGH {
        cursor.skip_space();
        let byte = cursor.peek();
        if matches!(byte, b']' | b'}' | 0) {
            let Some(container) = open.pop() else { return };
            if container.close == b'}' && !container.empty {
                new_line(out, open.len());
            }
            out.push(container.close);
            cursor.pos += 1;
        } else if byte == b',' {
            cursor.pos += 1;
            continue;
        } else {
            if let Some(container) = open.last_mut() {
                let first = std::mem::replace(&mut container.empty, false);
                if !first {
                    out.push(b',');
                }
                if container.close == b'}' {
                    new_line(out, open.len());
                    key(&mut cursor, out);
                    if out.len() >= ENOUGH {
                        return;
                    }
                    out.extend_from_slice(b": ");
                } else if !first {
                    out.push(b' ');
                }
            }
            match cursor.peek() {
                bracket @ (b'[' | b'{') => {
                    out.push(bracket);
                    open.push(Open {
                        close: if bracket == b'[' { b']' } else { b'}' },
                        empty: true,
                    });
                    cursor.pos += 1;
                }
                _ if !scalar(Value::new(cursor.bytes, cursor.pos), out) => return,
                _ => skip(&mut cursor),
            }
        }
        if open.is_empty() {
            return;
        }
    }
}

fn new_line(out: &mut Vec<u8>, level: usize) {
    out.push(b'\n');
    out.resize(out.len() + 4 * level, b' ');
}

/// Writes a member's name and moves to its value.
fn key(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) {
    put_string(
        out,
        &unescape(Value::new(cursor.bytes, cursor.pos).raw_string().1),
    );
    skip(cursor);
    cursor.skip_space();
    cursor.eat(b':');
    cursor.skip_space();
}

/// Writes a value that is no container; false where RapidJSON's writer gives up, at NaN and the infinities.
fn scalar(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    match value.kind() {
        Kind::String => put_string(out, &value.text()),
        Kind::Number => match value.number() {
            Literal::Unsigned(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Literal::Negative(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Literal::Double(number) if number.is_finite() => {
                out.extend_from_slice(double(number).as_bytes())
            }
            Literal::Double(_) => return false,
        },
        _ => out.extend_from_slice(&value.bytes[value.start..value.end()]),
    }
    true
}

/// A double the way RapidJSON lays one out: plain between 1e-6 and 1e21, else with an exponent.
fn double(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-6..=20).contains(&exponent) {
        return format!("{mantissa}e{exponent}");
    }
    let plain = number.to_string();
    if plain.contains('.') {
        plain
    } else {
        plain + ".0"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumped(json: &str) -> String {
        dump(Value::new(json.as_bytes(), 0))
    }

    #[test]
    fn lists_stay_on_a_line_and_objects_do_not() {
        assert_eq!(
            dumped("[1 ,[ ],{ }, \"a\\u0001\\n\" ]"),
            r#"[1, [], {}, "a\u0001\n"]"#
        );
        assert_eq!(
            dumped(r#"{"a":[{"b":1,"c":null}],"d":{}}"#),
            "{\n    \"a\": [{\n            \"b\": 1,\n            \"c\": null\n        }],\n    \"d\": {}\n}"
        );
    }

    #[test]
    fn doubles_print_as_rapidjson_prints_them() {
        for (json, text) in [
            ("1e2", "100.0"),
            ("0.1", "0.1"),
            ("-1.50", "-1.5"),
            ("1e20", "100000000000000000000.0"),
            ("1e21", "1e21"),
            ("1.25e30", "1.25e30"),
            ("0.000001", "0.000001"),
            ("1.5e-7", "1.5e-7"),
            ("-0.0", "-0.0"),
            ("-0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("NaN", ""),
            ("[1, Infinity, 2]", "[1, "),
        ] {
            assert_eq!(dumped(json), text, "{json}");
        }
    }
}
