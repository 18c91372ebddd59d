//! The whole body's syntax: RapidJSON's grammar, texts and offsets, without recursion and almost without memory.

use super::cursor::{Cursor, skip_byte_order_mark};
use super::number;
use super::text::{hex_value, plain, unescape};
use crate::{Error, Result};

/// Where the parts of a syntactically right body lie.
#[derive(Clone, Copy)]
pub(super) struct Document<'b> {
    pub bytes: &'b [u8],
    /// Where the root value begins.
    pub root: usize,
    /// Where the values of the members in `KEYS` begin, if the root is an object that has them; the first of equal keys.
    members: [Option<usize>; KEYS.len()],
}

/// The members of the root that anybody reads.
const KEYS: [&str; 5] = [
    "signature_name",
    "instances",
    "inputs",
    "context",
    "examples",
];

impl Document<'_> {
    /// Where the value of a top-level member begins.
    pub fn member(&self, key: &str) -> Option<usize> {
        KEYS.iter()
            .position(|&known| known == key)
            .and_then(|index| self.members[index])
    }
}

/// What is wrong and at which byte, as RapidJSON tells it.
type Fault = (&'static str, usize);

/// What the parser waits for; the names are RapidJSON's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Finish,
    ObjectInitial,
    MemberDelimiter,
    MemberKey,
    KeyValueDelimiter,
    MemberValue,
    ArrayInitial,
    ElementDelimiter,
    Element,
}

impl State {
    /// The text when something else comes.
    fn fault(self) -> &'static str {
        match self {
            State::Start => "The document is empty.",
            State::Finish => "The document root must not be followed by other values.",
            State::ObjectInitial | State::MemberDelimiter => "Missing a name for object member.",
            State::MemberKey => "Missing a colon after a name of object member.",
            State::MemberValue => "Missing a comma or '}' after an object member.",
            State::KeyValueDelimiter | State::ArrayInitial | State::ElementDelimiter => {
                INVALID_VALUE
            }
            State::Element => "Missing a comma or ']' after an array element.",
        }
    }

    fn wants_value(self) -> bool {
        matches!(
            self,
            State::Start | State::KeyValueDelimiter | State::ArrayInitial | State::ElementDelimiter
        )
    }
}

const INVALID_VALUE: &str = "Invalid value.";

/// The kinds of the open containers, one bit each: deep nesting costs next to nothing.
#[derive(Default)]
struct Nesting {
    bits: Vec<u64>,
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
    }

    /// Whether the innermost open container is an object; `None` if none is open.
    fn innermost_is_object(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.bits[last / 64] >> (last % 64) & 1 == 1)
    }

    /// What comes after a value.
    fn after_value(&self) -> State {
        match self.innermost_is_object() {
            None => State::Finish,
            Some(true) => State::MemberValue,
            Some(false) => State::Element,
        }
    }
}

/// Checks a body and finds its parts.
///
/// # Errors
/// `INVALID_ARGUMENT` `JSON Parse error: ‹text› at offset: ‹byte›`.
pub(super) fn check(bytes: &[u8]) -> Result<Document<'_>> {
    if bytes.is_empty() {
        return Err(Error::invalid("JSON Parse error: The document is empty"));
    }
    walk(bytes).map_err(|(text, offset)| {
        Error::invalid(format!("JSON Parse error: {text} at offset: {offset}"))
    })
}

fn walk(bytes: &[u8]) -> std::result::Result<Document<'_>, Fault> {
    let mut cursor = Cursor::new(bytes, skip_byte_order_mark(bytes));
    cursor.skip_space();
    let mut document = Document {
        bytes,
        root: cursor.pos,
        members: [None; KEYS.len()],
    };
    let mut nesting = Nesting::default();
    let mut state = State::Start;
    // The top-level key whose value comes next.
    let mut key = None;
    loop {
        let at_end = cursor.pos >= bytes.len();
        if state == State::Finish && at_end {
            return Ok(document);
        }
        let byte = cursor.peek();
        state = match (state, byte) {
            (State::ArrayInitial | State::Element, b']')
            | (State::ObjectInitial | State::MemberValue, b'}') => {
                cursor.pos += 1;
                nesting.depth -= 1;
                nesting.after_value()
            }
            (State::Element, b',') => step(&mut cursor, State::ElementDelimiter),
            (State::MemberValue, b',') => step(&mut cursor, State::MemberDelimiter),
            (State::MemberKey, b':') => step(&mut cursor, State::KeyValueDelimiter),
            (State::ObjectInitial | State::MemberDelimiter, b'"') => {
                let content = string(&mut cursor)?;
                if nesting.depth == 1 {
                    let name = unescape(content);
                    key = KEYS.iter().position(|known| known.as_bytes() == &*name);
                }
                State::MemberKey
            }
            (waiting, _)
                if !waiting.wants_value() || matches!(byte, 0 | b',' | b':' | b']' | b'}') =>
            {
                return Err((waiting.fault(), cursor.pos));
            }
            _ => {
                if nesting.depth == 1
                    && let Some(index) = key.take()
                {
                    document.members[index].get_or_insert(cursor.pos);
                }
                value(&mut cursor, &mut nesting)?
            }
        };
        cursor.skip_space();
    }
}

fn step(cursor: &mut Cursor<'_>, state: State) -> State {
    cursor.pos += 1;
    state
}

/// Moves over a scalar, or into a container.
fn value(cursor: &mut Cursor<'_>, nesting: &mut Nesting) -> std::result::Result<State, Fault> {
    match cursor.peek() {
        b'{' => {
            cursor.pos += 1;
            nesting.push(true);
            return Ok(State::ObjectInitial);
        }
        b'[' => {
            cursor.pos += 1;
            nesting.push(false);
            return Ok(State::ArrayInitial);
        }
        b'"' => {
            string(cursor)?;
        }
        b't' => literal(cursor, b"true")?,
        b'f' => literal(cursor, b"false")?,
        b'n' => literal(cursor, b"null")?,
        _ => decimal(cursor)?,
    }
    Ok(nesting.after_value())
}

/// Moves over a word; at fault is the first byte that differs.
fn literal(cursor: &mut Cursor<'_>, word: &[u8]) -> std::result::Result<(), Fault> {
    for &byte in word {
        if !cursor.eat(byte) {
            return Err((INVALID_VALUE, cursor.pos));
        }
    }
    Ok(())
}

fn decimal(cursor: &mut Cursor<'_>) -> std::result::Result<(), Fault> {
    let start = cursor.pos;
    cursor.eat(b'-');
    match cursor.peek() {
        b'0' => cursor.pos += 1,
        b'1'..=b'9' => skip_digits(cursor),
        b'N' => return literal(cursor, b"NaN"),
        b'I' => {
            literal(cursor, b"Inf")?;
            // RapidJSON has decided for the long form once an `i` follows.
            return if cursor.peek() == b'i' {
                literal(cursor, b"inity")
            } else {
                Ok(())
            };
        }
        _ => return Err((INVALID_VALUE, cursor.pos)),
    }
    if cursor.eat(b'.') {
        if !cursor.peek().is_ascii_digit() {
            return Err(("Miss fraction part in number.", cursor.pos));
        }
        skip_digits(cursor);
    }
    let mut big = cursor.pos - start > 300;
    if matches!(cursor.peek(), b'e' | b'E') {
        cursor.pos += 1;
        let _sign = cursor.eat(b'+') || cursor.eat(b'-');
        if !cursor.peek().is_ascii_digit() {
            return Err(("Miss exponent in number.", cursor.pos));
        }
        skip_digits(cursor);
        big = true;
    }
    // Only these can be too big, and only the value itself tells.
    if big
        && number::classify(&cursor.bytes[start..cursor.pos])
            .as_f64()
            .is_infinite()
    {
        return Err(("Number too big to be stored in double.", start));
    }
    Ok(())
}

fn skip_digits(cursor: &mut Cursor<'_>) {
    while cursor.peek().is_ascii_digit() {
        cursor.pos += 1;
    }
}

/// Moves over a string and gives what is between its quotes.
fn string<'b>(cursor: &mut Cursor<'b>) -> std::result::Result<&'b [u8], Fault> {
    cursor.pos += 1;
    let start = cursor.pos;
    let mut ascii = true;
    loop {
        let run = plain(cursor.rest());
        ascii &= run.ascii;
        cursor.pos += run.len;
        match cursor.peek() {
            b'"' => break,
            b'\\' => escape(cursor)?,
            0 => return Err(("Missing a closing quotation mark in string.", cursor.pos)),
            _ => return Err(("Invalid escape character in string.", cursor.pos)),
        }
    }
    let content = &cursor.bytes[start..cursor.pos];
    if !ascii && let Err(error) = std::str::from_utf8(content) {
        return Err(("Invalid encoding in string.", start + error.valid_up_to()));
    }
    cursor.pos += 1;
    Ok(content)
}

/// Moves over one escape; at fault is its backslash.
fn escape(cursor: &mut Cursor<'_>) -> std::result::Result<(), Fault> {
    let start = cursor.pos;
    cursor.pos += 2;
    match cursor.bytes.get(start + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
        Some(b'u') => {
            let unit = code_unit(cursor, start)?;
            let paired = match unit {
                0xd800..0xdc00 => {
                    cursor.eat_text(b"\\u") && (0xdc00..0xe000).contains(&code_unit(cursor, start)?)
                }
                0xdc00..0xe000 => false,
                _ => true,
            };
            if paired {
                Ok(())
            } else {
                Err(("The surrogate pair in string is invalid.", start))
            }
        }
        _ => Err(("Invalid escape character in string.", start)),
    }
}

fn code_unit(cursor: &mut Cursor<'_>, escape: usize) -> std::result::Result<u32, Fault> {
    let mut unit = 0;
    for _ in 0..4 {
        match hex_value(cursor.peek()) {
            Some(digit) => unit = unit << 4 | digit,
            None => return Err(("Incorrect hex digit after \\u escape in string.", escape)),
        }
        cursor.pos += 1;
    }
    Ok(unit)
}
