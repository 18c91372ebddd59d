//! Large request bodies, put together in native memory while they come in.

use crate::Body;
use servable_codec::{AlignedBuf, Code, Error};

/// Most that is allocated before any of it has come in: a length is only what the client says.
const MAX_ADVANCE: usize = 64 << 20;

/// The bodies of one event loop, by small numbers.
///
/// In JavaScript's memory they would bring a whole garbage collection about every few dozen requests (V8 counts 64 MiB), and
/// stay there until the next one.
#[derive(Default)]
pub struct Bodies {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

enum Slot {
    Free,
    Filling(AlignedBuf),
    Whole(Body),
}

impl Bodies {
    /// Begins a body of about `expected` bytes.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no memory for it.
    pub fn open(&mut self, expected: usize) -> Result<u32, Error> {
        let buffer = AlignedBuf::try_with_capacity(expected.min(MAX_ADVANCE));
        let slot = Slot::Filling(buffer.ok_or_else(|| exhausted(expected))?);
        if let Some(free) = self.free.pop() {
            self.slots[free as usize] = slot;
            return Ok(free);
        }
        self.slots.push(slot);
        Ok(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
    }

    /// Appends a part. Nothing happens once the body is whole.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no memory for it.
    pub fn write(&mut self, body: u32, part: &[u8]) -> Result<(), Error> {
        let Some(Slot::Filling(buffer)) = self.slots.get_mut(body as usize) else {
            return Ok(());
        };
        let length = buffer.len() + part.len();
        if length > buffer.capacity() {
            let wanted = length.max(buffer.len() * 2);
            let larger = AlignedBuf::try_with_capacity(wanted);
            let mut larger = larger.ok_or_else(|| exhausted(wanted))?;
            larger.extend_from_slice(buffer.as_slice());
            *buffer = larger;
        }
        buffer.extend_from_slice(part);
        Ok(())
    }

    /// The body, which is whole from now on.
    pub fn whole(&mut self, body: u32) -> Option<Body> {
        let slot = self.slots.get_mut(body as usize)?;
        let whole = match std::mem::replace(slot, Slot::Free) {
            Slot::Free => return None,
            Slot::Filling(buffer) => Body::new(buffer),
            Slot::Whole(body) => body,
        };
        *slot = Slot::Whole(whole.clone());
        Some(whole)
    }

    /// Lets a body go. Its memory is free once no run reads it.
    pub fn close(&mut self, body: u32) {
        if let Some(slot) = self.slots.get_mut(body as usize)
            && !matches!(std::mem::replace(slot, Slot::Free), Slot::Free)
        {
            self.free.push(body);
        }
    }
}

fn exhausted(bytes: usize) -> Error {
    let text = format!("no memory for a request body of {bytes} bytes");
    Error::new(Code::ResourceExhausted, text)
}

#[cfg(test)]
mod tests {
    use servable_codec::ALIGNMENT;

    use super::*;

    #[test]
    fn parts_become_one_aligned_body_that_outlives_its_number() {
        let mut bodies = Bodies::default();
        let id = bodies.open(3).expect("memory");
        for part in [&b"ab"[..], b"", b"cdefghijklm"] {
            bodies.write(id, part).expect("memory");
        }
        let whole = bodies.whole(id).expect("open");
        bodies.write(id, b"too late").expect("ignored");
        assert_eq!(bodies.whole(id).expect("open").bytes(), whole.bytes());
        bodies.close(id);
        assert!(bodies.whole(id).is_none());
        assert_eq!(whole.bytes(), b"abcdefghijklm");
        assert!((whole.bytes().as_ptr() as usize).is_multiple_of(ALIGNMENT));
    }

    #[test]
    fn numbers_are_used_again_but_never_twice_at_once() {
        let mut bodies = Bodies::default();
        let first = bodies.open(1).expect("memory");
        bodies.close(first);
        bodies.close(first);
        let (second, third) = (bodies.open(1), bodies.open(1));
        assert_ne!(second.expect("memory"), third.expect("memory"));
        bodies.close(99);
    }

    #[test]
    fn a_length_nobody_can_hold_is_not_allocated_in_advance() {
        let mut bodies = Bodies::default();
        assert!(bodies.open(usize::MAX).is_ok());
    }
}
