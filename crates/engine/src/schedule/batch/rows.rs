//! One request's rows of a merged output, and the rows of a split request put together again.

use std::ops::Range;

use servable_codec::{AlignedBuf, DType, Error, Strings, ViewData};

use crate::runner::RunnerTensor;

/// Some rows of a tensor, read where they lie.
pub(super) struct Rows<'a, T> {
    tensor: &'a T,
    shape: Vec<i64>,
    range: Range<usize>,
    strings: Option<StringRows<'a>>,
}

/// Some strings of more.
struct StringRows<'a> {
    all: &'a dyn Strings,
    elements: Range<usize>,
}

impl Strings for StringRows<'_> {
    fn len(&self) -> usize {
        self.elements.len()
    }

    fn get(&self, index: usize) -> &[u8] {
        self.all.get(self.elements.start + index)
    }
}

impl<'a, T: RunnerTensor> Rows<'a, T> {
    /// The rows `range` of a tensor that has at least one dimension and as many rows.
    pub fn new(tensor: &'a T, range: Range<usize>) -> Self {
        let mut shape = tensor.shape().to_vec();
        let strings = match tensor.data() {
            ViewData::Bytes(_) => None,
            ViewData::Strings(all) => Some(StringRows {
                all,
                elements: part(tensor, all.len(), &range),
            }),
        };
        if let Some(first) = shape.first_mut() {
            *first = i64::try_from(range.len()).unwrap_or(i64::MAX);
        }
        Self {
            tensor,
            shape,
            range,
            strings,
        }
    }
}

impl<T: RunnerTensor> RunnerTensor for Rows<'_, T> {
    fn dtype(&self) -> DType {
        self.tensor.dtype()
    }

    fn shape(&self) -> &[i64] {
        &self.shape
    }

    fn data(&self) -> ViewData<'_> {
        match (&self.strings, self.tensor.data()) {
            (Some(strings), _) => ViewData::Strings(strings),
            (None, ViewData::Bytes(bytes)) => {
                ViewData::Bytes(&bytes[part(self.tensor, bytes.len(), &self.range)])
            }
            (None, whole) => whole,
        }
    }
}

/// Which of a tensor's `units` (bytes or strings) belong to some of its rows.
pub(super) fn part<T: RunnerTensor>(tensor: &T, units: usize, rows: &Range<usize>) -> Range<usize> {
    let all = tensor.shape().first().copied().unwrap_or(0);
    let row = units / usize::try_from(all).unwrap_or(0).max(1);
    rows.start * row..rows.end * row
}

/// A tensor in memory of its own.
pub(super) struct Whole {
    dtype: DType,
    shape: Vec<i64>,
    data: WholeData,
}

enum WholeData {
    Bytes(AlignedBuf),
    Strings(Vec<Vec<u8>>),
}

impl Whole {
    /// Puts parts together, row after row.
    ///
    /// # Errors
    /// `FailedPrecondition` where the parts have other dimensions: the model's outputs depend on the rest of the batch.
    pub fn join<T: RunnerTensor>(parts: &[Rows<'_, T>]) -> Result<Self, Error> {
        let misfit = || {
            Error::new(
                servable_codec::Code::FailedPrecondition,
                "Batched output tensors of a split request have different shapes",
            )
        };
        let first = parts.first().ok_or_else(misfit)?;
        let (dtype, mut shape) = (first.dtype(), first.shape().to_vec());
        let mut rows = 0;
        let mut bytes = AlignedBuf::new();
        let mut strings = Vec::new();
        for part in parts {
            if part.dtype() != dtype || part.shape().get(1..) != shape.get(1..) {
                return Err(misfit());
            }
            rows += part.shape().first().copied().unwrap_or(0);
            match part.data() {
                ViewData::Bytes(more) => bytes.extend_from_slice(more),
                ViewData::Strings(more) => {
                    strings.extend((0..more.len()).map(|index| more.get(index).to_vec()));
                }
            }
        }
        if let Some(dim) = shape.first_mut() {
            *dim = rows;
        }
        let data = if dtype == DType::STRING {
            WholeData::Strings(strings)
        } else {
            WholeData::Bytes(bytes)
        };
        Ok(Self { dtype, shape, data })
    }
}

impl RunnerTensor for Whole {
    fn dtype(&self) -> DType {
        self.dtype
    }

    fn shape(&self) -> &[i64] {
        &self.shape
    }

    fn data(&self) -> ViewData<'_> {
        match &self.data {
            WholeData::Bytes(bytes) => ViewData::Bytes(bytes.as_slice()),
            WholeData::Strings(strings) => ViewData::Strings(strings),
        }
    }
}
