use std::fmt;

use smallvec::SmallVec;

use crate::{AlignedBuf, DType, Error, Result, StringColumn, Strings};

/// The dimensions of a tensor; those of usual ranks live inline.
pub type Shape = SmallVec<[i64; 6]>;

/// The elements of a decoded tensor, row by row, numbers in the machine's byte order.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData<'a> {
    /// Aligned bytes, ready to be given to TensorFlow as they are.
    Owned(AlignedBuf),
    /// A part of the request message, exactly as long as the elements. Its alignment is whatever the message gave it.
    Borrowed(&'a [u8]),
    /// The elements of a string tensor.
    Strings(StringColumn<'a>),
}

/// A tensor read from a request. The data has exactly as many elements as the shape says.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedTensor<'a> {
    /// The type of the elements.
    pub dtype: DType,
    /// The dimensions; empty for a scalar.
    pub shape: Shape,
    /// The elements.
    pub data: TensorData<'a>,
}

impl DecodedTensor<'_> {
    /// The tensor as the encoders take it.
    pub fn view(&self) -> TensorView<'_> {
        let data = match &self.data {
            TensorData::Owned(buf) => ViewData::Bytes(buf.as_slice()),
            TensorData::Borrowed(bytes) => ViewData::Bytes(bytes),
            TensorData::Strings(column) => ViewData::Strings(column),
        };
        TensorView {
            dtype: self.dtype,
            shape: &self.shape,
            data,
        }
    }
}

/// A tensor to be written into a response.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// The type of the elements.
    pub dtype: DType,
    /// The dimensions; empty for a scalar.
    pub shape: &'a [i64],
    /// The elements, row by row.
    pub data: ViewData<'a>,
}

/// The elements of a tensor to be written.
#[derive(Clone, Copy)]
pub enum ViewData<'a> {
    /// Elements of fixed size in the machine's byte order, of any alignment.
    Bytes(&'a [u8]),
    /// The elements of a string tensor.
    Strings(&'a dyn Strings),
}

impl fmt::Debug for ViewData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewData::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            ViewData::Strings(strings) => write!(f, "{} strings", strings.len()),
        }
    }
}

impl TensorView<'_> {
    /// The number of elements, once it is sure that the data holds exactly that many.
    ///
    /// # Errors
    /// `INTERNAL` if shape, dtype and data contradict each other: an output that TensorFlow never makes.
    pub(crate) fn elements(&self, name: &str) -> Result<usize> {
        let elements = element_count(self.shape);
        let held = match (self.data, self.dtype.size()) {
            (ViewData::Strings(strings), None) => Some(strings.len()),
            (ViewData::Bytes(bytes), Some(size)) if bytes.len() % size == 0 => {
                Some(bytes.len() / size)
            }
            _ => None,
        };
        match elements {
            Some(elements) if held == Some(elements) => Ok(elements),
            _ => Err(Error::new(
                crate::Code::Internal,
                format!(
                    "Tensor name: {name}: {:?} does not fit {} of shape {:?}",
                    self.data, self.dtype, self.shape
                ),
            )),
        }
    }
}

/// The number of elements of a shape; `None` if a dimension is negative or the number does not fit.
pub(crate) fn element_count(shape: &[i64]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &dim| {
        count.checked_mul(usize::try_from(dim).ok()?)
    })
}
