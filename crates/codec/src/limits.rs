/// The most dimensions a tensor may have: TensorFlow ends the process above it.
pub const MAX_RANK: usize = 254;

/// What a JSON request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// The deepest nesting of lists in a value that becomes a tensor. Values nobody reads may nest deeper.
    pub max_depth: usize,
    /// The most elements of one tensor.
    pub max_elements: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        JsonLimits {
            max_depth: 256,
            max_elements: 1 << 31,
        }
    }
}

/// What one tensor of a protobuf request may cost; a few bytes can declare a tensor of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorLimits {
    /// The most bytes one tensor may take in memory; an element of a string tensor counts as 24, TensorFlow's handle.
    pub max_bytes: u64,
    /// The most elements of one tensor.
    pub max_elements: u64,
}

impl TensorLimits {
    /// The most bytes of a tensor whose elements take `element_bytes` each.
    pub fn bytes_of(&self, element_bytes: u64) -> u64 {
        self.max_bytes
            .min(self.max_elements.saturating_mul(element_bytes))
    }
}

impl Default for TensorLimits {
    fn default() -> Self {
        TensorLimits {
            max_bytes: 1 << 31,
            max_elements: 1 << 31,
        }
    }
}

/// The most bytes that repeating a context for every example may add to a request: a megabyte of body could otherwise ask for
/// gigabytes.
pub(crate) const MAX_REPEATED_CONTEXT_BYTES: usize = 1 << 28;
