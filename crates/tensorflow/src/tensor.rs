//! Tensors: TensorFlow's reference-counted blocks of memory, with ours inside where that needs no
//! copy.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::c_api::TfTensor;
use crate::error::Error;
use crate::library::{Library, base_dtype};
use crate::shape::{element_count, rank, too_large};
use crate::strings::{self, StringsView};

/// `DataType` of string tensors.
pub const DT_STRING: i32 = 7;

static COPIES: AtomicU64 = AtomicU64::new(0);

/// How many times since the process began the bytes of an input had to be copied into TensorFlow's
/// memory. For tests and metrics.
pub fn copies() -> u64 {
    COPIES.load(Ordering::Relaxed)
}

/// Whose memory a tensor stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// TensorFlow's, or a block that nobody else can see.
    Exclusive,
    /// An owner's that others may read too, so TensorFlow must never be left alone with it.
    Shared,
}

/// A tensor. Its memory is read only and lives as long as TensorFlow or this value needs it,
/// whichever is longer; the session it came from may be gone.
pub struct Tensor {
    library: &'static Library,
    raw: NonNull<TfTensor>,
    dtype: i32,
    shape: SmallVec<[i64; 6]>,
    memory: Memory,
    copied: bool,
}

// SAFETY: a TF_Tensor is a reference-counted handle (atomic count) to memory that is only read
// through it; owners are Send.
unsafe impl Send for Tensor {}
// SAFETY: as above: nothing is changed through a shared reference.
unsafe impl Sync for Tensor {}

impl Tensor {
    /// A tensor of `dtype` and `shape` (row-major) over the bytes of `owner`, little-endian as
    /// TensorFlow has them in memory.
    ///
    /// Nothing is copied where the bytes begin at a multiple of [`Library::alignment`]; otherwise
    /// TensorFlow copies them once and [`was_copied`](Self::was_copied) says so. `owner` is dropped
    /// when TensorFlow has let go of the memory, on whichever thread that happens, possibly after
    /// the run and this tensor have ended.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: a dtype without a fixed size, a negative or too large shape, or a length
    /// that is not elements × size.
    pub fn from_bytes<B>(
        library: &'static Library,
        dtype: i32,
        shape: &[i64],
        owner: B,
    ) -> Result<Self, Error>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let owner = Box::new(owner);
        let bytes = (*owner).as_ref();
        let (data, length) = (bytes.as_ptr().cast_mut(), bytes.len());
        Self::over(
            library,
            dtype,
            shape,
            (data, length),
            (owner, Memory::Shared),
        )
    }

    /// As [`from_bytes`](Self::from_bytes) for memory that only `owner` can reach, which also
    /// spares the copy that [`SavedModel::run`](crate::SavedModel::run) makes for graphs that keep
    /// what they are fed.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_exclusive<B>(
        library: &'static Library,
        dtype: i32,
        shape: &[i64],
        owner: B,
    ) -> Result<Self, Error>
    where
        B: AsMut<[u8]> + Send + 'static,
    {
        let mut owner = Box::new(owner);
        let bytes = (*owner).as_mut();
        let (data, length) = (bytes.as_mut_ptr(), bytes.len());
        Self::over(
            library,
            dtype,
            shape,
            (data, length),
            (owner, Memory::Exclusive),
        )
    }

    /// A tensor over `length` bytes at `data`, which lie in `owner`.
    fn over<B: Send + 'static>(
        library: &'static Library,
        dtype: i32,
        shape: &[i64],
        (data, length): (*mut u8, usize),
        (owner, memory): (Box<B>, Memory),
    ) -> Result<Self, Error> {
        let dtype = base_dtype(dtype);
        let Some(size) = library.element_size(dtype) else {
            return Err(Error::invalid_argument(format!(
                "dtype {dtype} has no elements of a fixed size"
            )));
        };
        let expected = element_count(shape)?
            .checked_mul(size)
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or_else(|| too_large(shape))?;
        if length != expected {
            let text = format!(
                "a tensor of dtype {dtype} and shape {shape:?} has {expected} bytes, got {length}"
            );
            return Err(Error::invalid_argument(text));
        }
        // An empty slice points anywhere; TensorFlow looks at the alignment all the same.
        let data = if length == 0 {
            EMPTY.0.as_ptr().cast_mut()
        } else {
            data
        };
        let argument = Box::into_raw(owner).cast::<c_void>();
        // SAFETY: the shape is checked (rank, signs, overflow), `length` bytes are readable at
        // `data` until the deallocator runs, because they lie in `owner`, which stays boxed and
        // untouched until then. It runs exactly once, even if null is returned.
        let raw = unsafe {
            (library.api().new_tensor)(
                dtype,
                shape.as_ptr(),
                rank(shape),
                data.cast(),
                length,
                drop_owner::<B>,
                argument,
            )
        };
        let raw = NonNull::new(raw).ok_or_else(|| {
            Error::internal(format!(
                "TF_NewTensor refused dtype {dtype}, shape {shape:?}"
            ))
        })?;
        // SAFETY: the tensor is alive.
        let address = unsafe { (library.api().tensor_data)(raw.as_ptr()) };
        let copied = length > 0 && address != data.cast();
        if copied {
            COPIES.fetch_add(1, Ordering::Relaxed);
        }
        let memory = if copied { Memory::Exclusive } else { memory };
        Ok(Self {
            library,
            raw,
            dtype,
            shape: shape.into(),
            memory,
            copied,
        })
    }

    /// A string tensor of `shape`; the elements are copied, in row-major order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: a negative or too large shape, or another number of elements than it
    /// has.
    pub fn from_strings<'a, I>(
        library: &'static Library,
        shape: &[i64],
        elements: I,
    ) -> Result<Self, Error>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let count = element_count(shape)?;
        let raw = strings::new_tensor(library, shape, rank(shape), count, elements.into_iter())?;
        let (memory, copied) = (Memory::Exclusive, false);
        Ok(Self {
            library,
            raw,
            dtype: DT_STRING,
            shape: shape.into(),
            memory,
            copied,
        })
    }

    /// Takes over a tensor that TensorFlow has made.
    ///
    /// # Safety
    /// `raw` must be alive and owned by the caller, who gives it away.
    pub(crate) unsafe fn from_raw(library: &'static Library, raw: NonNull<TfTensor>) -> Self {
        let api = library.api();
        // SAFETY: the tensor is alive; dimensions are asked for within its rank.
        let (dtype, shape) = unsafe {
            let rank = (api.num_dims)(raw.as_ptr());
            (
                (api.tensor_type)(raw.as_ptr()),
                (0..rank).map(|i| (api.dim)(raw.as_ptr(), i)).collect(),
            )
        };
        // An output may stand on the memory of an input (Identity), whose owner may be shared.
        Self {
            library,
            raw,
            dtype,
            shape,
            memory: Memory::Shared,
            copied: false,
        }
    }

    /// The dtype's number (`DataType`), never a REF one.
    pub fn dtype(&self) -> i32 {
        self.dtype
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// The number of elements: the product of the shape.
    pub fn len(&self) -> usize {
        self.shape
            .iter()
            .map(|size| usize::try_from(*size).unwrap_or(0))
            .product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// The elements as they lie in memory, aligned at least to the element's size. Empty for
    /// strings, resources and variants, whose memory is not their value.
    pub fn bytes(&self) -> &[u8] {
        if self.library.element_size(self.dtype).is_none() {
            return &EMPTY.0[..0];
        }
        let api = self.library.api();
        // SAFETY: the tensor is alive.
        let (data, length) = unsafe {
            (
                (api.tensor_data)(self.raw.as_ptr()),
                (api.tensor_byte_size)(self.raw.as_ptr()),
            )
        };
        if length == 0 || data.is_null() {
            return &EMPTY.0[..0];
        }
        // SAFETY: `length` initialised bytes at `data`, alive as long as the tensor and written by
        // nobody while it lives.
        unsafe { slice::from_raw_parts(data.cast::<u8>(), length) }
    }

    /// The elements of a string tensor, in row-major order. `None` for other dtypes.
    pub fn strings(&self) -> Option<StringsView<'_>> {
        if self.dtype != DT_STRING {
            return None;
        }
        // SAFETY: the tensor is alive; string tensors of `len()` elements hold that many
        // TF_TString.
        let data = unsafe { (self.library.api().tensor_data)(self.raw.as_ptr()) };
        // SAFETY: as above, and the view borrows the tensor.
        Some(unsafe { StringsView::new(self.library, data.cast(), self.len()) })
    }

    /// Whether making this tensor had to copy the owner's bytes, because they were not aligned.
    pub fn was_copied(&self) -> bool {
        self.copied
    }

    /// Whether nothing else stands on this memory: not the model (a constant, a variable), not
    /// another tensor. Only then may the elements be handed out for writing. `false` where this
    /// TensorFlow cannot tell.
    pub fn is_only_owner(&mut self) -> bool {
        let Some(maybe_move) = self.library.api().tensor_maybe_move else {
            return false;
        };
        // SAFETY: the tensor is alive and borrowed exclusively; null leaves it untouched, else the
        // result replaces it.
        match NonNull::new(unsafe { maybe_move(self.raw.as_ptr()) }) {
            Some(moved) => {
                self.raw = moved;
                true
            }
            None => false,
        }
    }

    pub(crate) fn raw(&self) -> *mut TfTensor {
        self.raw.as_ptr()
    }

    /// Whether others may be reading the memory, so that a graph which keeps its inputs must get a
    /// copy.
    pub(crate) fn is_shared(&self) -> bool {
        self.memory == Memory::Shared
    }

    /// The same values in memory of their own. Tensors without readable bytes or strings are not
    /// copied: `None`.
    pub(crate) fn duplicate(&self) -> Result<Option<Self>, Error> {
        if let Some(view) = self.strings() {
            return Self::from_strings(self.library, &self.shape, view.iter()).map(Some);
        }
        if self.library.element_size(self.dtype).is_none() {
            return Ok(None);
        }
        let bytes = self.bytes();
        let api = self.library.api();
        // SAFETY: dtype and shape are those of a live tensor, and `bytes` is its length.
        let raw = unsafe {
            (api.allocate_tensor)(
                self.dtype,
                self.shape.as_ptr(),
                rank(&self.shape),
                bytes.len(),
            )
        };
        let raw = NonNull::new(raw)
            .ok_or_else(|| Error::internal("TF_AllocateTensor returned nothing"))?;
        if !bytes.is_empty() {
            // SAFETY: the new tensor has `bytes.len()` bytes of its own.
            unsafe {
                let target = (api.tensor_data)(raw.as_ptr()).cast::<u8>();
                target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
        }
        let (library, dtype, shape) = (self.library, self.dtype, self.shape.clone());
        Ok(Some(Self {
            library,
            raw,
            dtype,
            shape,
            memory: Memory::Exclusive,
            copied: true,
        }))
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: owned, and released once.
        unsafe { (self.library.api().delete_tensor)(self.raw.as_ptr()) };
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tensor")
            .field("dtype", &self.dtype)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

#[repr(align(64))]
struct Aligned([u8; 64]);
static EMPTY: Aligned = Aligned([0; 64]);

/// Drops the owner of a tensor's memory. TensorFlow calls it once, on any thread.
unsafe extern "C" fn drop_owner<B>(_data: *mut c_void, _length: usize, argument: *mut c_void) {
    // SAFETY: `argument` came from `Box::<B>::into_raw` and is given back once.
    let owner = unsafe { Box::from_raw(argument.cast::<B>()) };
    // A panic must not unwind into C++.
    let result: Result<(), Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(|| drop(owner)));
    drop(result);
}
