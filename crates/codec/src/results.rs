use crate::{Code, Error, Result, Strings};

/// What a classify signature answered: for each of `batch` examples `classes` pairs of label and score.
#[derive(Clone, Copy)]
pub struct Classifications<'a> {
    /// The number of examples.
    pub batch: usize,
    /// The number of pairs per example.
    pub classes: usize,
    /// The labels, example by example; `None` prints empty ones.
    pub labels: Option<&'a dyn Strings>,
    /// The scores as float32 in the machine's byte order, example by example; `None` prints zeros.
    pub scores: Option<&'a [u8]>,
}

impl<'a> Classifications<'a> {
    /// Checks that labels and scores have `batch × classes` elements.
    ///
    /// # Errors
    /// `INTERNAL`: the caller checks outputs before it gets here.
    pub(crate) fn check(&self) -> Result<()> {
        let pairs = self.batch.checked_mul(self.classes);
        let labels = self.labels.is_none_or(|labels| Some(labels.len()) == pairs);
        let scores = self
            .scores
            .is_none_or(|scores| Some(scores.len()) == pairs.and_then(|n| n.checked_mul(4)));
        if labels && scores && pairs.is_some() {
            return Ok(());
        }
        Err(Error::new(
            Code::Internal,
            "labels or scores do not have batch x classes elements",
        ))
    }

    /// The label of a pair.
    pub(crate) fn label(&self, pair: usize) -> &'a [u8] {
        self.labels.map_or(b"", |labels| labels.get(pair))
    }

    /// The score of a pair.
    pub(crate) fn score(&self, pair: usize) -> f32 {
        self.scores.map_or(0.0, |scores| float_at(scores, pair))
    }
}

/// The float32 at `index` of bytes in the machine's order.
pub(crate) fn float_at(bytes: &[u8], index: usize) -> f32 {
    let at = index * 4;
    f32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
