/// A sequence of byte strings, however it is stored: what the printers need of a string tensor.
pub trait Strings {
    /// The number of elements.
    fn len(&self) -> usize;
    /// The element at `index`, which is below `len()`.
    fn get(&self, index: usize) -> &[u8];
    /// Whether there are no elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Strings for Vec<Vec<u8>> {
    fn len(&self) -> usize {
        Vec::len(self)
    }
    fn get(&self, index: usize) -> &[u8] {
        &self[index]
    }
}

impl Strings for [&[u8]] {
    fn len(&self) -> usize {
        <[&[u8]]>::len(self)
    }
    fn get(&self, index: usize) -> &[u8] {
        self[index]
    }
}

/// The elements of a decoded string tensor, row by row.
///
/// An element lies in the request's bytes where it could be taken from there, and in one shared store where it had to be
/// unescaped or decoded: no element has an allocation of its own.
#[derive(Clone, Debug, Default)]
pub struct StringColumn<'a> {
    source: &'a [u8],
    store: Vec<u8>,
    spans: Vec<Span>,
    /// More than the spans when the last element fills the rest, as in TensorFlow.
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    len: usize,
    stored: bool,
}

impl<'a> StringColumn<'a> {
    /// An empty column whose borrowed elements will be parts of `source`.
    pub fn new(source: &'a [u8]) -> Self {
        StringColumn {
            source,
            ..Self::default()
        }
    }

    /// Appends the part of the source from `start` on, `len` bytes long.
    pub(crate) fn push_source(&mut self, start: usize, len: usize) {
        debug_assert!(self.source.len() >= start + len);
        self.spans.push(Span {
            start,
            len,
            stored: false,
        });
        self.len = self.spans.len();
    }

    /// Appends a copy of `bytes`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.push_with(|store| store.extend_from_slice(bytes));
    }

    /// Appends what `write` appends to the store.
    pub(crate) fn push_with<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.store.len();
        let result = write(&mut self.store);
        self.spans.push(Span {
            start,
            len: self.store.len() - start,
            stored: true,
        });
        self.len = self.spans.len();
        result
    }

    /// Sets the number of elements: a surplus is dropped, a lack filled with the last element (empty if there is none).
    pub(crate) fn set_len(&mut self, len: usize) {
        self.spans.truncate(len);
        self.len = len;
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The element at `index`.
    ///
    /// # Panics
    /// If `index` is not below `len()`.
    pub fn get(&self, index: usize) -> &[u8] {
        assert!(index < self.len, "element {index} of {}", self.len);
        match self.spans.get(index).or(self.spans.last()) {
            Some(span) if span.stored => &self.store[span.start..span.start + span.len],
            Some(span) => &self.source[span.start..span.start + span.len],
            None => b"",
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len).map(|index| self.get(index))
    }
}

impl Strings for StringColumn<'_> {
    fn len(&self) -> usize {
        self.len
    }
    fn get(&self, index: usize) -> &[u8] {
        StringColumn::get(self, index)
    }
}

impl PartialEq for StringColumn<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}
