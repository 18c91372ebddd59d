//! The optimistic pass's way from nested lists to tensor memory. As there, `None` means: let the careful pass look at it.

use std::marker::PhantomData;

use smallvec::SmallVec;

use super::base64;
use super::cursor::Cursor;
use super::scalar::Scalar;
use super::text::plain;
use crate::{AlignedBuf, Shape, StringColumn};

/// The shape that the first value has shown and all others must have.
pub(super) struct Expected {
    /// -1 for a list that is still open.
    pub dims: Shape,
    /// Known once the first element or empty list is met.
    rank: Option<usize>,
    /// The deepest nesting allowed.
    limit: usize,
}

/// Reads elements of one type.
pub(super) trait Elements<'b> {
    /// Reads one element, the value that begins here.
    fn element(&mut self, cursor: &mut Cursor<'b>) -> Option<()>;

    /// Reads the elements of a list from its first one on and moves behind its bracket; gives their number, which is probably
    /// `expected`.
    fn row(&mut self, cursor: &mut Cursor<'b>, _expected: i64) -> Option<i64> {
        let mut count = 1;
        self.element(cursor)?;
        while another(cursor)? {
            self.element(cursor)?;
            count += 1;
        }
        Some(count)
    }

    /// Reads lists of `inner` elements each, the first one's bracket here, and moves behind the bracket that ends the list they
    /// are in; gives their number, which is probably `expected`.
    fn rows(&mut self, cursor: &mut Cursor<'b>, inner: i64, expected: i64) -> Option<i64>;
}

/// Moves behind an element's comma, to the next one, or behind the bracket that ends the list: then false.
#[inline(always)]
fn another(cursor: &mut Cursor<'_>) -> Option<bool> {
    let mut byte = cursor.peek();
    if byte != b',' && byte != b']' {
        cursor.skip_space();
        byte = cursor.peek();
    }
    cursor.pos += 1;
    match byte {
        b',' => {
            cursor.skip_space();
            Some(true)
        }
        b']' => Some(false),
        _ => None,
    }
}

pub(super) struct Numbers<'v, T> {
    buf: &'v mut AlignedBuf,
    of: PhantomData<T>,
}

impl<'v, T> Numbers<'v, T> {
    pub fn new(buf: &'v mut AlignedBuf) -> Self {
        Numbers {
            buf,
            of: PhantomData,
        }
    }
}

impl<'b, T: Scalar> Elements<'b> for Numbers<'_, T> {
    fn element(&mut self, cursor: &mut Cursor<'b>) -> Option<()> {
        T::read(cursor.bytes, &mut cursor.pos)?.push(self.buf);
        Some(())
    }

    /// The loop that most of the time is spent in: room is made for many elements at once, so that storing one costs nothing.
    fn row(&mut self, cursor: &mut Cursor<'b>, expected: i64) -> Option<i64> {
        // A row longer than expected ends up here for a second round; the caller refuses it.
        let block = usize::try_from(expected).map_or(16, |expected| expected.clamp(1, 4096));
        let start = self.buf.len();
        let mut cursor_here = *cursor;
        let mut filled = start;
        loop {
            self.buf.resize(filled + block * T::SIZE, 0);
            for slot in self.buf.as_mut_slice()[filled..].chunks_exact_mut(T::SIZE) {
                T::read(cursor_here.bytes, &mut cursor_here.pos)?.store(slot);
                filled += T::SIZE;
                if !another(&mut cursor_here)? {
                    self.buf.truncate(filled);
                    *cursor = cursor_here;
                    return i64::try_from((filled - start) / T::SIZE).ok();
                }
            }
        }
    }

    /// Images are lists of pixels of one or three numbers: what is done once a row would cost as much as its numbers.
    fn rows(&mut self, cursor: &mut Cursor<'b>, inner: i64, expected: i64) -> Option<i64> {
        let row = usize::try_from(inner).ok()?.checked_mul(T::SIZE)?;
        let expected = usize::try_from(expected).unwrap_or(16);
        let block = expected.clamp(1, 4096 / row.clamp(1, 4096));
        let start = self.buf.len();
        let mut here = *cursor;
        let mut filled = start;
        loop {
            self.buf.resize(filled + block * row, 0);
            for slots in self.buf.as_mut_slice()[filled..].chunks_exact_mut(row) {
                list_begins(&mut here)?;
                let mut open = true;
                for slot in slots.chunks_exact_mut(T::SIZE) {
                    open.then_some(())?;
                    T::read(here.bytes, &mut here.pos)?.store(slot);
                    open = another(&mut here)?;
                }
                (!open).then_some(())?;
                filled += row;
                if !another(&mut here)? {
                    self.buf.truncate(filled);
                    *cursor = here;
                    return i64::try_from((filled - start) / row).ok();
                }
            }
        }
    }
}

/// Moves behind the bracket of a list that begins here, to what is in it.
#[inline(always)]
fn list_begins(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.eat(b'[').then_some(())?;
    // Mostly a digit or a minus follows.
    if cursor.peek() <= b' ' {
        cursor.skip_space();
    }
    Some(())
}

impl<'b> Elements<'b> for StringColumn<'b> {
    fn element(&mut self, cursor: &mut Cursor<'b>) -> Option<()> {
        if cursor.peek() == b'{' {
            let text = base64_text(cursor)?;
            return self
                .push_with(|store| base64::decode_into(text, store))
                .ok();
        }
        let text = plain_string(cursor)?;
        self.push_source(cursor.pos - 1 - text.len(), text.len());
        Some(())
    }

    fn rows(&mut self, cursor: &mut Cursor<'b>, inner: i64, _expected: i64) -> Option<i64> {
        let mut count = 0;
        loop {
            list_begins(cursor)?;
            (self.row(cursor, inner)? == inner).then_some(())?;
            count += 1;
            if !another(cursor)? {
                return Some(count);
            }
        }
    }
}

/// Reads one value, a scalar or nested lists, of the expected shape.
pub(super) fn walk<'b, E: Elements<'b>>(
    cursor: &mut Cursor<'b>,
    shape: &mut Expected,
    elements: &mut E,
) -> Option<()> {
    // Elements so far of each open list above the innermost ones.
    let mut open: SmallVec<[i64; 8]> = SmallVec::new();
    if cursor.peek() != b'[' {
        shape.expect_rank(0)?;
        return elements.element(cursor);
    }
    loop {
        // A list begins here.
        let level = open.len();
        cursor.pos += 1;
        cursor.skip_space();
        if shape.rank.is_none() {
            (level < shape.limit).then_some(())?;
            shape.dims.push(-1);
        }
        match cursor.peek() {
            b'[' if shape.inner(level).is_some_and(|inner| inner > 0) => {
                let inner = shape.inner(level)?;
                let expected = shape.dims.get(level).copied().unwrap_or(-1);
                let count = elements.rows(cursor, inner, expected)?;
                shape.expect_dim(level, count)?;
            }
            b'[' => {
                open.push(0);
                shape
                    .rank
                    .is_none_or(|rank| open.len() < rank)
                    .then_some(())?;
                continue;
            }
            b']' => {
                cursor.pos += 1;
                shape.expect_rank(level + 1)?;
                shape.expect_dim(level, 0)?;
            }
            _ => {
                shape.expect_rank(level + 1)?;
                let expected = shape.dims.get(level).copied().unwrap_or(-1);
                let count = elements.row(cursor, expected)?;
                shape.expect_dim(level, count)?;
            }
        }
        // It has ended, and with it maybe some of those around it.
        loop {
            let Some(count) = open.last_mut() else {
                return Some(());
            };
            *count += 1;
            cursor.skip_space();
            if cursor.eat(b',') {
                cursor.skip_space();
                // Next to a list only a list can stand.
                (cursor.peek() == b'[').then_some(())?;
                break;
            }
            cursor.eat(b']').then_some(())?;
            let count = open.pop()?;
            shape.expect_dim(open.len(), count)?;
        }
    }
}

impl Expected {
    /// Nothing known yet but how deep lists may nest.
    pub fn new(limit: usize) -> Self {
        Expected {
            dims: Shape::new(),
            rank: None,
            limit,
        }
    }

    /// The length of the lists in a list of this level, if they are known to be the innermost ones.
    fn inner(&self, level: usize) -> Option<i64> {
        (self.rank == Some(level + 2)).then(|| self.dims.last().copied())?
    }

    fn expect_rank(&mut self, rank: usize) -> Option<()> {
        (*self.rank.get_or_insert(rank) == rank).then_some(())
    }

    fn expect_dim(&mut self, level: usize, count: i64) -> Option<()> {
        let dim = self.dims.get_mut(level)?;
        if *dim == -1 {
            *dim = count;
        }
        (*dim == count).then_some(())
    }
}

/// The content of a string without escapes, known to be UTF-8.
pub(super) fn plain_string<'b>(cursor: &mut Cursor<'b>) -> Option<&'b [u8]> {
    if !cursor.eat(b'"') {
        return None;
    }
    let rest = cursor.rest();
    let run = plain(rest);
    let content = &rest[..run.len];
    if rest.get(run.len) != Some(&b'"') || !run.ascii && std::str::from_utf8(content).is_err() {
        return None;
    }
    cursor.pos += run.len + 1;
    Some(content)
}

/// The text of `{"b64": "…"}`.
pub(super) fn base64_text<'b>(cursor: &mut Cursor<'b>) -> Option<&'b [u8]> {
    cursor.eat(b'{').then_some(())?;
    cursor.skip_space();
    cursor.eat_text(b"\"b64\"").then_some(())?;
    cursor.skip_space();
    cursor.eat(b':').then_some(())?;
    cursor.skip_space();
    let text = plain_string(cursor)?;
    cursor.skip_space();
    cursor.eat(b'}').then_some(text)
}
