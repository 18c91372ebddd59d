//! Native memory handed to JavaScript.

use napi::Env;
use napi::bindgen_prelude::{Array, ArrayBuffer, BufferSlice, Float64ArraySlice, Object};
use napi_derive::napi;
use servable_codec::{AlignedBuf, Strings, ViewData};
use servable_engine::runner::RunnerTensor;
use servable_engine::tensorflow::TensorFlowTensor;

use crate::error::{Result, refused};

/// Smaller results are copied: below this a copy costs less than a finalizer (see ARCHITECTURE.md).
const EXTERNAL_BYTES: usize = 4096;

/// Takes an ArrayBuffer's memory away and frees it, where V8 made it: what stands on it is empty afterwards.
///
/// Left alone it would stay until the next garbage collection, and V8 starts a whole one for every 64 MiB.
#[napi(catch_unwind)]
pub fn free_array_buffer(memory: ArrayBuffer<'_>) -> Result<()> {
    memory.detach().map_err(refused)
}

/// A pooled reply as a `Buffer`: large ones stand on the reply's own memory.
pub fn reply_buffer(env: &Env, bytes: Vec<u8>) -> napi::Result<BufferSlice<'_>> {
    if bytes.len() < EXTERNAL_BYTES {
        BufferSlice::copy_from(env, bytes)
    } else {
        BufferSlice::from_data(env, bytes)
    }
}

/// One output of a library predict, on its way to JavaScript.
pub struct OutputTensor(TensorFlowTensor);

impl OutputTensor {
    /// Hands `tensor` over.
    pub fn new(tensor: TensorFlowTensor) -> Self {
        Self(tensor)
    }

    /// `{ dtype, shape, data }` for numbers, where `data` is an `ArrayBuffer` over TensorFlow's memory;
    /// `{ dtype, shape, block, ends }` for strings.
    pub fn into_js(self, env: &Env) -> napi::Result<Object<'_>> {
        let mut object = Object::new(env)?;
        object.set("dtype", self.0.dtype().number())?;
        object.set(
            "shape",
            self.0
                .shape()
                .iter()
                .map(|dim| *dim as f64)
                .collect::<Vec<_>>(),
        )?;
        if let ViewData::Strings(strings) = self.0.data() {
            set_strings(env, &mut object, strings)?;
        } else {
            object.set("data", array_buffer(env, self.0)?)?;
        }
        Ok(object)
    }
}

/// The outputs of one predict, in order.
pub fn output_list(env: &Env, outputs: Vec<OutputTensor>) -> napi::Result<Array<'_>> {
    let mut list = env.create_array(0)?;
    for (index, output) in (0..).zip(outputs) {
        list.set(index, output.into_js(env)?)?;
    }
    Ok(list)
}

/// Sets `block`, all strings in a row, and `ends`, where each of them ends in it.
pub fn set_strings(env: &Env, object: &mut Object<'_>, strings: &dyn Strings) -> napi::Result<()> {
    let mut block = Vec::new();
    let mut ends = Vec::with_capacity(strings.len());
    for index in 0..strings.len() {
        block.extend_from_slice(strings.get(index));
        ends.push(block.len() as f64);
    }
    object.set("block", reply_buffer(env, block)?)?;
    object.set("ends", Float64ArraySlice::from_data(env, ends)?)
}

/// A tensor's memory as an `ArrayBuffer` of its own.
///
/// Memory that something else stands on (a constant of the model, another output) is copied: JavaScript may write to what
/// it is given.
fn array_buffer(env: &Env, mut tensor: TensorFlowTensor) -> napi::Result<ArrayBuffer<'_>> {
    if tensor.tensor().bytes().len() < EXTERNAL_BYTES || !tensor.is_only_owner() {
        return ArrayBuffer::copy_from(env, tensor.tensor().bytes());
    }
    // SAFETY: the memory belongs to `tensor` alone and stays where it is when `tensor` is moved.
    unsafe { owned_array_buffer(env, tensor, |tensor| tensor.tensor().bytes()) }
}

/// A decoded tensor's memory as an `ArrayBuffer` of its own.
pub fn aligned_array_buffer(env: &Env, bytes: AlignedBuf) -> napi::Result<ArrayBuffer<'_>> {
    // SAFETY: the memory belongs to `bytes` alone and stays where it is when `bytes` is moved.
    unsafe { owned_array_buffer(env, bytes, AlignedBuf::as_slice) }
}

/// `bytes(&owner)` as an `ArrayBuffer` that keeps `owner` until it is garbage collected; a copy where they are few.
///
/// # Safety
/// The memory is writable, belongs to `owner` alone and does not move with it: JavaScript reads and writes it until the finalizer
/// drops `owner`.
unsafe fn owned_array_buffer<'env, O: 'env>(
    env: &Env,
    owner: O,
    bytes: impl Fn(&O) -> &[u8],
) -> napi::Result<ArrayBuffer<'env>> {
    let memory = bytes(&owner);
    if memory.len() < EXTERNAL_BYTES {
        return ArrayBuffer::copy_from(env, memory);
    }
    let (data, length) = (memory.as_ptr().cast_mut(), memory.len());
    // SAFETY: the caller's promise; the finalizer gets `owner`, whose memory this is.
    unsafe { ArrayBuffer::from_external(env, data, length, owner, |_env, owner| drop(owner)) }
}
