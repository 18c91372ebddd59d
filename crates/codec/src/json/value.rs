//! Moving about in a body whose syntax has been checked. Nothing is built: a value is the place where it begins.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::number::{Literal, classify};
use super::text::{plain, unescape};

/// The types of JSON values, named as TensorFlow Serving's messages name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    Object,
    Array,
    String,
    Number,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "Null",
            Kind::False => "False",
            Kind::True => "True",
            Kind::Object => "Object",
            Kind::Array => "Array",
            Kind::String => "String",
            Kind::Number => "Number",
        }
    }
}

/// A value of a checked body.
#[derive(Clone, Copy)]
pub(super) struct Value<'b> {
    pub bytes: &'b [u8],
    pub start: usize,
}

impl<'b> Value<'b> {
    pub fn new(bytes: &'b [u8], start: usize) -> Self {
        Value { bytes, start }
    }

    pub fn kind(self) -> Kind {
        match self.bytes.get(self.start) {
            Some(b'n') => Kind::Null,
            Some(b'f') => Kind::False,
            Some(b't') => Kind::True,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            _ => Kind::Number,
        }
    }

    /// Where the value ends.
    pub fn end(self) -> usize {
        let mut cursor = Cursor::new(self.bytes, self.start);
        skip(&mut cursor);
        cursor.pos
    }

    /// The content of a string, its escapes as they are, and where it begins.
    pub fn raw_string(self) -> (usize, &'b [u8]) {
        let start = self.start + 1;
        let end = self.end().saturating_sub(1).max(start);
        (start, self.bytes.get(start..end).unwrap_or_default())
    }

    /// The text of a string.
    pub fn text(self) -> Cow<'b, [u8]> {
        unescape(self.raw_string().1)
    }

    /// The value of a number.
    pub fn number(self) -> Literal {
        classify(&self.bytes[self.start..self.end()])
    }

    /// The string of a base64 object: an object with exactly one member, named `b64`, that is a string.
    pub fn base64(self) -> Option<Value<'b>> {
        if self.kind() != Kind::Object {
            return None;
        }
        let mut members = Members::new(self);
        let (key, value) = members.next()?;
        if &*key.text() != b"b64" || value.kind() != Kind::String {
            return None;
        }
        members.next().is_none().then_some(value)
    }

    /// Whether the value is an object and not a base64 object: named values, in a list of instances.
    pub fn is_named(self) -> bool {
        self.kind() == Kind::Object && self.base64().is_none()
    }
}

/// Moves behind the value that begins here.
pub(super) fn skip(cursor: &mut Cursor<'_>) {
    let mut depth = 0usize;
    loop {
        match cursor.peek() {
            b'"' => skip_string(cursor),
            b'[' | b'{' => {
                depth += 1;
                cursor.pos += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                cursor.pos += 1;
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => cursor.pos += 1,
            0 => return,
            _ => skip_word(cursor),
        }
        if depth == 0 {
            return;
        }
    }
}

fn skip_string(cursor: &mut Cursor<'_>) {
    cursor.pos += 1;
    loop {
        cursor.pos += plain(cursor.rest()).len;
        match cursor.peek() {
            b'\\' => cursor.pos += 2,
            b'"' => {
                cursor.pos += 1;
                return;
            }
            _ => return,
        }
    }
}

/// Moves over a number or a literal.
fn skip_word(cursor: &mut Cursor<'_>) {
    while !matches!(
        cursor.peek(),
        0 | b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'
    ) {
        cursor.pos += 1;
    }
}

/// The elements of an array, each skipped when the next one is asked for.
pub(super) struct Elements<'b> {
    cursor: Cursor<'b>,
    started: bool,
    /// Where the last element given ends, if the caller knows.
    end: Option<usize>,
    last: usize,
}

impl<'b> Elements<'b> {
    pub fn new(array: Value<'b>) -> Self {
        Elements {
            cursor: Cursor::new(array.bytes, array.start + 1),
            started: false,
            end: None,
            last: 0,
        }
    }

    /// Says where the last element given ends, which saves skipping it.
    pub fn ends_at(&mut self, end: usize) {
        self.end = Some(end);
    }
}

impl<'b> Iterator for Elements<'b> {
    type Item = Value<'b>;

    fn next(&mut self) -> Option<Value<'b>> {
        if self.started {
            self.cursor.pos = self
                .end
                .take()
                .unwrap_or_else(|| Value::new(self.cursor.bytes, self.last).end());
            self.cursor.skip_space();
            if !self.cursor.eat(b',') {
                return None;
            }
        }
        self.started = true;
        self.cursor.skip_space();
        if matches!(self.cursor.peek(), b']' | 0) {
            return None;
        }
        self.last = self.cursor.pos;
        Some(Value::new(self.cursor.bytes, self.last))
    }
}

/// The members of an object as key and value.
pub(super) struct Members<'b> {
    cursor: Cursor<'b>,
    started: bool,
    end: Option<usize>,
    last: usize,
}

impl<'b> Members<'b> {
    pub fn new(object: Value<'b>) -> Self {
        Members {
            cursor: Cursor::new(object.bytes, object.start + 1),
            started: false,
            end: None,
            last: 0,
        }
    }

    /// Says where the last value given ends, which saves skipping it.
    pub fn ends_at(&mut self, end: usize) {
        self.end = Some(end);
    }
}

impl<'b> Iterator for Members<'b> {
    type Item = (Value<'b>, Value<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.cursor.bytes;
        if self.started {
            self.cursor.pos = self
                .end
                .take()
                .unwrap_or_else(|| Value::new(bytes, self.last).end());
            self.cursor.skip_space();
            if !self.cursor.eat(b',') {
                return None;
            }
        }
        self.started = true;
        self.cursor.skip_space();
        if self.cursor.peek() != b'"' {
            return None;
        }
        let key = Value::new(bytes, self.cursor.pos);
        skip(&mut self.cursor);
        self.cursor.skip_space();
        self.cursor.eat(b':');
        self.cursor.skip_space();
        self.last = self.cursor.pos;
        Some((key, Value::new(bytes, self.last)))
    }
}
