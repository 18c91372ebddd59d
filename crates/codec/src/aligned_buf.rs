use std::fmt;

/// Where a buffer's first byte lies: at a multiple of this many bytes, as TensorFlow's kernels want it.
pub const ALIGNMENT: usize = 64;

/// Growable bytes whose first one is aligned to [`ALIGNMENT`], so that TensorFlow can use them without a copy.
///
/// Numbers are in the machine's byte order. Safe code cannot ask an allocator for an alignment, so the buffer holds a few
/// bytes of padding in front; it counts them again whenever it grows. Moving the buffer does not move its bytes.
pub struct AlignedBuf {
    /// Padding, then the content. Never grows past its capacity: that would move the content off its alignment.
    storage: Vec<u8>,
    start: usize,
}

impl AlignedBuf {
    /// An empty buffer that owns no memory yet.
    pub const fn new() -> Self {
        AlignedBuf {
            storage: Vec::new(),
            start: 0,
        }
    }

    /// An empty buffer with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        if bytes == 0 {
            return Self::new();
        }
        Self::padded(Vec::with_capacity(bytes.saturating_add(ALIGNMENT - 1)))
    }

    /// As `with_capacity`; `None` if the allocator refuses, where `with_capacity` would end the process.
    pub fn try_with_capacity(bytes: usize) -> Option<Self> {
        let mut storage = Vec::new();
        storage
            .try_reserve_exact(bytes.checked_add(ALIGNMENT - 1)?)
            .ok()?;
        Some(Self::padded(storage))
    }

    fn padded(mut storage: Vec<u8>) -> Self {
        let start = storage.as_ptr().align_offset(ALIGNMENT);
        storage.resize(start, 0);
        AlignedBuf { storage, start }
    }

    /// A buffer of `bytes` zeros.
    pub fn zeroed(bytes: usize) -> Self {
        let mut buf = Self::with_capacity(bytes);
        buf.resize(bytes, 0);
        buf
    }

    /// Bytes in use.
    pub fn len(&self) -> usize {
        self.storage.len() - self.start
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it can hold before it has to move.
    pub fn capacity(&self) -> usize {
        self.storage.capacity() - self.start
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.storage[self.start..]
    }

    /// The bytes, writable.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..]
    }

    /// Makes room for `bytes` more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        if bytes > self.storage.capacity() - self.storage.len() {
            self.grow(bytes);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        let wanted = self
            .len()
            .saturating_add(bytes)
            .max(self.len().saturating_mul(2))
            .max(ALIGNMENT);
        let mut larger = Self::with_capacity(wanted);
        larger.storage.extend_from_slice(self.as_slice());
        *self = larger;
    }

    /// Appends bytes, usually those of one number (`to_ne_bytes`).
    #[inline(always)]
    pub fn push<const N: usize>(&mut self, bytes: [u8; N]) {
        self.reserve(N);
        self.storage.extend_from_slice(&bytes);
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.storage.extend_from_slice(bytes);
    }

    /// Appends `count` copies of `bytes`.
    pub fn extend_repeated(&mut self, bytes: &[u8], count: usize) {
        self.reserve(bytes.len().saturating_mul(count));
        match bytes {
            [byte] => self.resize(self.len() + count, *byte),
            _ => (0..count).for_each(|_| self.storage.extend_from_slice(bytes)),
        }
    }

    /// Cuts the buffer to `bytes` bytes; does nothing if it is shorter.
    pub fn truncate(&mut self, bytes: usize) {
        self.storage.truncate(self.start + bytes);
    }

    /// Grows or cuts the buffer to `bytes` bytes; new ones are `value`.
    pub fn resize(&mut self, bytes: usize, value: u8) {
        self.reserve(bytes.saturating_sub(self.len()));
        self.storage.resize(self.start + bytes, value);
    }
}

impl Default for AlignedBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl AsRef<[u8]> for AlignedBuf {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<&[u8]> for AlignedBuf {
    fn from(bytes: &[u8]) -> Self {
        let mut buf = Self::with_capacity(bytes.len());
        buf.extend_from_slice(bytes);
        buf
    }
}

impl Clone for AlignedBuf {
    fn clone(&self) -> Self {
        Self::from(self.as_slice())
    }
}

impl PartialEq for AlignedBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for AlignedBuf {}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBuf({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_aligned_while_it_grows() {
        let mut buf = AlignedBuf::new();
        for i in 0..100_000u32 {
            buf.push(i.to_ne_bytes());
            if i.is_power_of_two() {
                assert_eq!(buf.as_slice().as_ptr() as usize % ALIGNMENT, 0);
            }
        }
        assert_eq!(buf.len(), 400_000);
        assert_eq!(buf.as_slice()[4 * 77..4 * 78], 77u32.to_ne_bytes());
        let moved = buf;
        assert_eq!(moved.as_slice().as_ptr() as usize % ALIGNMENT, 0);
        assert_eq!(moved.clone().as_slice().as_ptr() as usize % ALIGNMENT, 0);
    }

    #[test]
    fn repeats_truncates_and_resizes() {
        let mut buf = AlignedBuf::zeroed(3);
        buf.extend_repeated(&[1, 2], 2);
        buf.extend_repeated(&[9], 2);
        assert_eq!(buf.as_slice(), [0, 0, 0, 1, 2, 1, 2, 9, 9]);
        buf.truncate(4);
        buf.resize(6, 7);
        assert_eq!(buf.as_slice(), [0, 0, 0, 1, 7, 7]);
    }
}
