//! A request's bytes, kept alive for as long as any tensor stands on them.

use std::ops::Range;
use std::sync::Arc;

/// The bytes of a request that is not answered on the spot: a copy, or memory that its owner keeps in place.
#[derive(Clone)]
pub struct Body(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl Body {
    /// Takes `owner` over; it is dropped with the last tensor that stands on it.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(owner))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        (*self.0).as_ref()
    }

    /// The same memory as `part`, which must lie in this body, with a life of its own.
    pub fn slice(&self, part: &[u8]) -> Option<BodySlice> {
        let bytes = self.bytes();
        let start = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= bytes.len()).then(|| BodySlice {
            body: self.clone(),
            range: start..end,
        })
    }
}

/// A part of a [`Body`] that keeps it alive.
pub struct BodySlice {
    body: Body,
    range: Range<usize>,
}

impl AsRef<[u8]> for BodySlice {
    fn as_ref(&self) -> &[u8] {
        &self.body.bytes()[self.range.clone()]
    }
}
