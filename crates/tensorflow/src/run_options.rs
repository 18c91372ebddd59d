//! `tensorflow.RunOptions`, serialized once and reused for every run.

use crate::c_api::TfBuffer;

/// Field 2 `timeout_in_ms` and field 3 `inter_op_thread_pool`, both varints.
const TIMEOUT_TAG: u8 = 2 << 3;
const THREAD_POOL_TAG: u8 = 3 << 3;

/// How a run is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    serialized: Vec<u8>,
}

impl RunOptions {
    /// On TensorFlow's own threads, the default: ops that do not depend on each other run at the
    /// same time.
    pub fn pooled() -> Self {
        Self::default()
    }

    /// Every op on the calling thread (`inter_op_thread_pool` -1): several times cheaper for tiny
    /// graphs.
    pub fn inline() -> Self {
        let mut options = Self::default();
        options.put(THREAD_POOL_TAG, -1);
        options
    }

    /// From a serialized `tensorflow.RunOptions`.
    pub fn from_serialized(serialized: Vec<u8>) -> Self {
        Self { serialized }
    }

    /// As `self`, giving up after `milliseconds` with `DEADLINE_EXCEEDED`. TensorFlow looks at the
    /// clock between ops only.
    #[must_use]
    pub fn with_timeout_ms(mut self, milliseconds: u32) -> Self {
        self.put(TIMEOUT_TAG, i64::from(milliseconds));
        self
    }

    /// The bytes as a buffer lent to one call; `None` when there is nothing to say.
    pub(crate) fn lend(&self) -> Option<TfBuffer> {
        let data = self.serialized.as_ptr().cast();
        let length = self.serialized.len();
        (length > 0).then_some(TfBuffer {
            data,
            length,
            data_deallocator: None,
        })
    }

    fn put(&mut self, tag: u8, value: i64) {
        self.serialized.push(tag);
        // Protobuf writes an int32 or int64 as the varint of its 64-bit two's complement.
        let mut rest = value.cast_unsigned();
        while rest >= 0x80 {
            self.serialized.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.serialized.push(rest as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::RunOptions;

    #[test]
    fn options_are_written_as_protobuf_writes_them() {
        let inline = [
            0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        assert_eq!(RunOptions::inline().serialized, inline);
        assert_eq!(
            RunOptions::pooled().with_timeout_ms(300).serialized,
            [0x10, 0xac, 0x02]
        );
        assert!(RunOptions::pooled().lend().is_none());
    }
}
