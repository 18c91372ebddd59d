/// A place in JSON bytes. Reading beyond the end gives NUL, which no JSON has outside strings.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'b> {
    pub bytes: &'b [u8],
    pub pos: usize,
}

impl<'b> Cursor<'b> {
    pub fn new(bytes: &'b [u8], pos: usize) -> Self {
        Cursor { bytes, pos }
    }

    /// The byte here, or NUL at the end.
    #[inline(always)]
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    /// Skips spaces, tabs and line ends.
    #[inline(always)]
    pub fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.pos += 1;
        }
    }

    /// Moves behind `byte` if it is the one here.
    #[inline(always)]
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte && self.pos < self.bytes.len();
        self.pos += usize::from(found);
        found
    }

    /// Moves behind `text` if it is what comes here.
    pub fn eat_text(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        self.pos += if found { text.len() } else { 0 };
        found
    }

    /// Everything from here on.
    pub fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }
}

/// Moves over a byte order mark at the beginning.
pub(super) fn skip_byte_order_mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    }
}
