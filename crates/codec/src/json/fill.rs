//! The careful way from a nested list to a tensor: one walk, and of several mistakes the one the reference reports.

use smallvec::SmallVec;

use super::cursor::Cursor;
use super::dump::dump;
use super::scalar::Store;
use super::value::{Kind, Value, skip};
use crate::{Code, DType, Error, Result, Shape};

/// What one list (or one element of `instances`) came to.
pub(super) struct Filled {
    pub shape: Shape,
    pub elements: usize,
    /// Where the value ends in the body.
    pub end: usize,
}

/// What a tensor may have.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub rank: usize,
    pub elements: usize,
    /// Elements it has already.
    pub taken: usize,
}

struct Fill<'b, 's> {
    cursor: Cursor<'b>,
    dtype: DType,
    store: &'s mut Store<'b>,
    bounds: Bounds,
    /// The dimensions along the first elements; -1 while that list is open.
    shape: Shape,
    /// Known once the first scalar or empty list is met.
    rank: Option<usize>,
    /// Elements so far of each open list.
    open: SmallVec<[i64; 8]>,
    elements: usize,
    /// The first mistake. The reference looks at a list's length before it looks into it, so that a list that holds the
    /// mistake and turns out to have the wrong length takes its place.
    mistake: Option<Error>,
}

/// Appends a value's elements to `store`. The shape follows the first elements; all others must agree.
///
/// # Errors
/// `INVALID_ARGUMENT` or `UNIMPLEMENTED` with TensorFlow Serving's texts; `RESOURCE_EXHAUSTED` for too many elements.
pub(super) fn fill<'b>(
    value: Value<'b>,
    dtype: DType,
    bounds: Bounds,
    store: &mut Store<'b>,
) -> Result<Filled> {
    let mut fill = Fill {
        cursor: Cursor::new(value.bytes, value.start),
        dtype,
        store,
        bounds,
        shape: Shape::new(),
        rank: None,
        open: SmallVec::new(),
        elements: 0,
        mistake: None,
    };
    fill.run()?;
    match fill.mistake {
        Some(mistake) => Err(mistake),
        None => Ok(Filled {
            shape: fill.shape,
            elements: fill.elements,
            end: fill.cursor.pos,
        }),
    }
}

impl<'b> Fill<'b, '_> {
    fn run(&mut self) -> Result<()> {
        loop {
            if self.enter()? {
                continue;
            }
            // A value is complete: count it, and close the lists that end here.
            loop {
                let Some(count) = self.open.last_mut() else {
                    return Ok(());
                };
                *count += 1;
                self.cursor.skip_space();
                if self.cursor.eat(b',') {
                    self.cursor.skip_space();
                    break;
                }
                self.close();
            }
        }
    }

    /// Takes the value that begins here; true if it is a list that now is open and has elements.
    fn enter(&mut self) -> Result<bool> {
        let level = self.open.len();
        let value = Value::new(self.cursor.bytes, self.cursor.pos);
        if self.mistake.is_some() {
            skip(&mut self.cursor);
            return Ok(false);
        }
        if value.kind() != Kind::Array {
            self.leaf(value, level)?;
            skip(&mut self.cursor);
            return Ok(false);
        }
        if let Some(rank) = self.rank.filter(|&rank| level >= rank) {
            let message =
                format!("Encountered list at unexpected level: {level} expected < {rank}");
            self.mistake = Some(Error::invalid(message));
            skip(&mut self.cursor);
            return Ok(false);
        }
        if level == self.bounds.rank {
            let message = format!(
                "JSON lists are nested deeper than {} levels",
                self.bounds.rank
            );
            return Err(Error::invalid(message));
        }
        if self.rank.is_none() {
            self.shape.push(-1);
        }
        self.open.push(0);
        self.cursor.pos += 1;
        self.cursor.skip_space();
        if self.cursor.peek() != b']' {
            return Ok(true);
        }
        self.close();
        Ok(false)
    }

    fn leaf(&mut self, value: Value<'b>, level: usize) -> Result<()> {
        let rank = *self.rank.get_or_insert(level);
        if level != rank {
            self.mistake = Some(Error::invalid(format!(
                "JSON Value: {} found at incorrect level: {} in the JSON DOM. Expected at level: {rank}",
                dump(value),
                level + 1
            )));
            return Ok(());
        }
        if self.bounds.taken + self.elements >= self.bounds.elements {
            let message = format!("a tensor of more than {} elements", self.bounds.elements);
            return Err(Error::new(Code::ResourceExhausted, message));
        }
        match self.store.push_value(self.dtype, value) {
            Ok(()) => self.elements += 1,
            Err(mistake) => self.mistake = Some(mistake),
        }
        Ok(())
    }

    /// Leaves the innermost list, its bracket here, and compares its length.
    fn close(&mut self) {
        self.cursor.pos += 1;
        let count = self.open.pop().unwrap_or_default();
        let level = self.open.len();
        let expected = &mut self.shape[level];
        if *expected == -1 {
            *expected = count;
            self.rank.get_or_insert(level + 1);
        } else if *expected != count {
            self.mistake = Some(Error::invalid(format!(
                "Encountered list at unexpected size: {count} at level: {level} expected size: {expected}"
            )));
        }
    }
}
