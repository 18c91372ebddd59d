//! String tensors: blocks of `TF_TString`.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

use crate::c_api::{TfTString, TfTensor};
use crate::error::Error;
use crate::library::Library;
use crate::tensor::DT_STRING;

/// The alignment TensorFlow gives its own tensors.
const ALIGNMENT: usize = 64;

/// `count` initialised strings. Dropping it frees them and the block.
struct Block {
    library: &'static Library,
    data: NonNull<TfTString>,
    count: usize,
}

// SAFETY: the block is reached through this value only, and freeing it is not tied to a thread.
unsafe impl Send for Block {}

impl Block {
    /// `count` empty strings.
    fn new(library: &'static Library, count: usize) -> Result<Self, Error> {
        let layout = Self::layout(count).ok_or_else(|| {
            Error::invalid_argument(format!("a string tensor of {count} elements is too large"))
        })?;
        // SAFETY: the layout has a size, at least one element.
        let data = unsafe { alloc_zeroed(layout) };
        let Some(data) = NonNull::new(data.cast::<TfTString>()) else {
            handle_alloc_error(layout)
        };
        let block = Self {
            library,
            data,
            count,
        };
        for i in 0..count {
            // SAFETY: `i` lies in the block.
            unsafe { (library.api().string_init)(data.as_ptr().add(i)) };
        }
        Ok(block)
    }

    /// Room for one element at least, so that there is always an address.
    fn layout(count: usize) -> Option<Layout> {
        let bytes = count.max(1).checked_mul(size_of::<TfTString>())?;
        Layout::from_size_align(bytes, ALIGNMENT).ok()
    }

    fn set(&mut self, index: usize, value: &[u8]) {
        assert!(index < self.count, "more strings than the shape holds");
        // SAFETY: an initialised string of this block, and `value.len()` readable bytes, which are
        // copied.
        unsafe {
            let target = self.data.as_ptr().add(index);
            (self.library.api().string_copy)(target, value.as_ptr().cast(), value.len());
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        for i in 0..self.count {
            // SAFETY: an initialised string of this block, freed once.
            unsafe { (self.library.api().string_dealloc)(self.data.as_ptr().add(i)) };
        }
        if let Some(layout) = Self::layout(self.count) {
            // SAFETY: allocated with the same layout.
            unsafe { dealloc(self.data.as_ptr().cast(), layout) };
        }
    }
}

/// A new tensor of `count` strings; `shape` and `rank` are checked already.
pub(crate) fn new_tensor<'a>(
    library: &'static Library,
    shape: &[i64],
    rank: c_int,
    count: usize,
    elements: impl Iterator<Item = &'a [u8]>,
) -> Result<NonNull<TfTensor>, Error> {
    let mut block = Block::new(library, count)?;
    let mut given = 0;
    for element in elements {
        if given < count {
            block.set(given, element);
        }
        given += 1;
    }
    if given != count {
        let text = format!("a string tensor of shape {shape:?} has {count} elements, got {given}");
        return Err(Error::invalid_argument(text));
    }
    let data = block.data.as_ptr().cast::<c_void>();
    let length = count * size_of::<TfTString>();
    let argument = Box::into_raw(Box::new(block)).cast::<c_void>();
    // SAFETY: `count` initialised strings at `data`, which live until the deallocator runs, exactly
    // once.
    let raw = unsafe {
        (library.api().new_tensor)(
            DT_STRING,
            shape.as_ptr(),
            rank,
            data,
            length,
            drop_block,
            argument,
        )
    };
    NonNull::new(raw)
        .ok_or_else(|| Error::internal(format!("TF_NewTensor refused strings of shape {shape:?}")))
}

/// Frees a block of strings. TensorFlow calls it once, on any thread.
unsafe extern "C" fn drop_block(_data: *mut c_void, _length: usize, argument: *mut c_void) {
    // SAFETY: `argument` came from `Box::<Block>::into_raw` and is given back once.
    drop(unsafe { Box::from_raw(argument.cast::<Block>()) });
}

/// The elements of a string tensor, in row-major order.
#[derive(Clone, Copy)]
pub struct StringsView<'a> {
    library: &'static Library,
    data: *const TfTString,
    count: usize,
    tensor: PhantomData<&'a [u8]>,
}

// SAFETY: reads memory that nobody writes while the tensor it borrows is alive.
unsafe impl Send for StringsView<'_> {}
// SAFETY: as above.
unsafe impl Sync for StringsView<'_> {}

impl<'a> StringsView<'a> {
    /// # Safety
    /// `count` initialised strings at `data` that stay as they are for `'a`.
    pub(crate) unsafe fn new(
        library: &'static Library,
        data: *const TfTString,
        count: usize,
    ) -> Self {
        Self {
            library,
            data,
            count,
            tensor: PhantomData,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Element `index`, any bytes.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> &'a [u8] {
        assert!(index < self.count, "string {index} of {}", self.count);
        let api = self.library.api();
        // SAFETY: an initialised string of the tensor; its bytes live as long as the tensor, which
        // is borrowed for `'a`.
        unsafe {
            let string = self.data.add(index);
            let length = (api.string_size)(string);
            if length == 0 {
                return &[];
            }
            slice::from_raw_parts((api.string_data)(string).cast::<u8>(), length)
        }
    }

    /// Every element in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let view = *self;
        (0..view.count).map(move |index| view.get(index))
    }
}
