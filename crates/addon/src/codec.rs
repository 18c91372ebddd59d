//! The wire formats for JavaScript: the kernels the server's fused call uses, without a model. See `ts/codec/`.

use napi::Env;
use napi::bindgen_prelude::{
    Array, ArrayBuffer, BufferSlice, Float64Array, JsObjectValue, Object, Uint8ArraySlice,
};
use napi_derive::napi;
use servable_codec::json::predict::Format;
use servable_codec::json::print::{self, NonFinite};
use servable_codec::json::{examples, predict};
use servable_codec::proto::tensor;
use servable_codec::{
    Classifications, Code, DType, DecodedTensor, Error, JsonLimits, SignatureSpec, StringColumn,
    Strings, TensorData, TensorInfo, TensorLimits, TensorView, ViewData,
};

use crate::error::{Result, refused, throw};
use crate::outputs::{aligned_array_buffer, set_strings};

/// A signature as far as the JSON dialect needs it.
#[napi(object, use_nullable = true)]
pub struct CodecSignature {
    /// Its name, which a body may state.
    pub name: String,
    /// Its inputs.
    pub inputs: Vec<CodecInput>,
}

/// One input of a signature.
#[napi(object, use_nullable = true)]
pub struct CodecInput {
    /// The name requests use.
    pub name: String,
    /// TensorFlow's number of the element type.
    pub dtype: i32,
    /// Dimensions, -1 for a free one; `null`: unknown rank.
    pub shape: Option<Vec<i64>>,
}

/// A decoded classify or regress body.
#[napi(object, use_nullable = true)]
pub struct CodecExamples<'env> {
    /// Empty for the default signature.
    pub signature_name: String,
    /// Serialized `tf.Example`s, the context's bytes in front of each.
    pub examples: Vec<BufferSlice<'env>>,
}

/// How many results there are.
#[napi(object, use_nullable = true)]
pub struct CodecResultSize {
    /// Examples.
    pub batch: u32,
    /// Pairs for each.
    pub classes: u32,
}

/// Reads the JSON body of `:predict`; `{ columnar, tensors }`, the tensors in the order of the signature's inputs sorted by name.
#[napi(
    catch_unwind,
    ts_return_type = "{ columnar: boolean; tensors: unknown[] }"
)]
pub fn decode_predict<'env>(
    env: &'env Env,
    body: Uint8ArraySlice<'_>,
    signature: CodecSignature,
    max_depth: u32,
) -> Result<Object<'env>> {
    let spec = spec(signature).map_err(throw)?;
    let limits = JsonLimits {
        max_depth: max_depth as usize,
        ..JsonLimits::default()
    };
    let decoded = predict::decode(&body, &limits, |name| resolve(&spec, name)).map_err(throw)?;
    let columnar = decoded.format == Format::Column;
    let objects = decoded
        .tensors
        .into_iter()
        .map(|tensor| tensor_object(env, tensor));
    let objects = objects.collect::<Result<Vec<_>>>()?;
    let write = || -> napi::Result<Object<'env>> {
        let mut result = Object::new(env)?;
        result.set("columnar", columnar)?;
        let mut tensors = env.create_array(0)?;
        for (index, object) in (0..).zip(objects) {
            tensors.set(index, object)?;
        }
        result.set("tensors", tensors)?;
        Ok(result)
    };
    write().map_err(refused)
}

/// Prints tensors as the answer of `:predict`. `outputs` are `{ name, dtype, shape, data, ends }`.
#[napi(catch_unwind)]
pub fn encode_predict<'env>(
    env: &'env Env,
    columnar: bool,
    #[napi(
        ts_arg_type = "{ name: string; dtype: number; shape: readonly number[]; data: Uint8Array; ends: Float64Array | null }[]"
    )]
    outputs: Array<'_>,
    non_finite: String,
) -> Result<BufferSlice<'env>> {
    let outputs = (0..outputs.len())
        .map(|at| HeldTensor::read(&outputs, at))
        .collect::<Result<Vec<_>>>()?;
    let mut views: Vec<(&str, TensorView<'_>)> = outputs
        .iter()
        .map(|output| (output.name.as_str(), output.view()))
        .collect();
    views.sort_by_key(|(name, _)| *name);
    let format = if columnar {
        Format::Column
    } else {
        Format::Row
    };
    let mut out = Vec::new();
    print::predict(format, &views, parse_non_finite(&non_finite)?, &mut out).map_err(throw)?;
    buffer(env, out)
}

/// Reads the JSON body of `:classify` and `:regress`.
#[napi(catch_unwind)]
pub fn decode_examples<'env>(
    env: &'env Env,
    body: Uint8ArraySlice<'_>,
) -> Result<CodecExamples<'env>> {
    let decoded = examples::decode(&body).map_err(throw)?;
    let examples = decoded
        .examples
        .into_iter()
        .map(|example| buffer(env, example))
        .collect::<Result<_>>()?;
    Ok(CodecExamples {
        signature_name: decoded.signature_name,
        examples,
    })
}

/// Prints the answer of `:classify`: `classes` pairs of label and score for each of `batch` examples, in one row.
#[napi(catch_unwind)]
pub fn encode_classifications<'env>(
    env: &'env Env,
    size: CodecResultSize,
    labels: Option<Vec<String>>,
    scores: Option<Uint8ArraySlice<'_>>,
    non_finite: String,
) -> Result<BufferSlice<'env>> {
    let labels: Option<Vec<Vec<u8>>> =
        labels.map(|labels| labels.into_iter().map(String::into_bytes).collect());
    let results = Classifications {
        batch: size.batch as usize,
        classes: size.classes as usize,
        labels: labels.as_ref().map(|labels| labels as &dyn Strings),
        scores: scores.as_deref(),
    };
    let mut out = Vec::new();
    print::classifications(&results, parse_non_finite(&non_finite)?, &mut out).map_err(throw)?;
    buffer(env, out)
}

/// Prints the answer of `:regress`; `values` are float32.
#[napi(catch_unwind)]
pub fn encode_regressions<'env>(
    env: &'env Env,
    values: Uint8ArraySlice<'_>,
    non_finite: String,
) -> Result<BufferSlice<'env>> {
    let mut out = Vec::new();
    print::regressions(&values, parse_non_finite(&non_finite)?, &mut out).map_err(throw)?;
    buffer(env, out)
}

/// Reads a serialized `tensorflow.TensorProto`; `name` is for error texts.
#[napi(
    catch_unwind,
    ts_return_type = "{ dtype: number; shape: number[]; data?: ArrayBuffer; block?: Buffer; ends?: Float64Array }"
)]
pub fn decode_tensor_proto<'env>(
    env: &'env Env,
    name: String,
    bytes: Uint8ArraySlice<'_>,
) -> Result<Object<'env>> {
    let decoded = tensor::decode(&name, &bytes, &TensorLimits::default()).map_err(throw)?;
    tensor_object(env, decoded)
}

/// Writes a serialized `tensorflow.TensorProto`, as typed fields or as `tensor_content`.
#[napi(catch_unwind)]
pub fn encode_tensor_proto<'env>(
    env: &'env Env,
    #[napi(
        ts_arg_type = "{ name: string; dtype: number; shape: readonly number[]; data: Uint8Array; ends: Float64Array | null }[]"
    )]
    tensors: Array<'_>,
    as_content: bool,
) -> Result<BufferSlice<'env>> {
    let held = HeldTensor::read(&tensors, 0)?;
    let mut out = Vec::new();
    tensor::encode(&held.view(), as_content, &mut out).map_err(throw)?;
    buffer(env, out)
}

fn spec(signature: CodecSignature) -> std::result::Result<SignatureSpec, Error> {
    let mut inputs = signature
        .inputs
        .into_iter()
        .map(|input| {
            Ok(TensorInfo {
                alias: input.name,
                dtype: dtype(input.dtype)?,
                shape: input.shape,
            })
        })
        .collect::<std::result::Result<Vec<_>, Error>>()?;
    inputs.sort_by(|a, b| a.alias.cmp(&b.alias));
    Ok(SignatureSpec {
        name: signature.name,
        method_name: String::new(),
        inputs,
        outputs: Vec::new(),
        text: String::new(),
    })
}

fn resolve<'s>(
    spec: &'s SignatureSpec,
    name: &str,
) -> std::result::Result<&'s SignatureSpec, Error> {
    if name.is_empty() || name == spec.name {
        return Ok(spec);
    }
    Err(Error::invalid(format!(
        "Serving signature name: \"{name}\" not found in signature def"
    )))
}

fn dtype(number: i32) -> std::result::Result<DType, Error> {
    DType::from_i32(number).ok_or_else(|| Error::invalid(format!("dtype {number}: unknown")))
}

fn parse_non_finite(name: &str) -> Result<NonFinite> {
    match name {
        "token" => Ok(NonFinite::Token),
        "null" => Ok(NonFinite::Null),
        "string" => Ok(NonFinite::String),
        other => Err(throw(Error::new(
            Code::InvalidArgument,
            format!("nonFinite: want token, null or string, got \"{other}\""),
        ))),
    }
}

fn buffer(env: &Env, bytes: Vec<u8>) -> Result<BufferSlice<'_>> {
    BufferSlice::from_data(env, bytes).map_err(refused)
}

/// `{ dtype, shape, data }` for numbers, `{ dtype, shape, block, ends }` for strings; memory of its own.
fn tensor_object<'env>(env: &'env Env, tensor: DecodedTensor<'_>) -> Result<Object<'env>> {
    if let TensorData::Strings(column) = &tensor.data {
        check_block(column)?;
    }
    let write = || -> napi::Result<Object<'env>> {
        let mut object = Object::new(env)?;
        object.set("dtype", tensor.dtype.number())?;
        let shape: Vec<f64> = tensor.shape.iter().map(|dim| *dim as f64).collect();
        object.set("shape", shape)?;
        match tensor.data {
            TensorData::Owned(bytes) => object.set("data", aligned_array_buffer(env, bytes)?)?,
            TensorData::Borrowed(bytes) => {
                object.set("data", ArrayBuffer::copy_from(env, bytes)?)?;
            }
            TensorData::Strings(column) => set_strings(env, &mut object, &column)?,
        }
        Ok(object)
    };
    write().map_err(refused)
}

/// Refuses strings that are too long side by side: a message may state one and ask for millions of it.
fn check_block(column: &StringColumn<'_>) -> Result<()> {
    let limit = TensorLimits::default().max_bytes;
    let bytes: u64 = column.iter().map(|element| element.len() as u64).sum();
    if bytes <= limit {
        return Ok(());
    }
    Err(throw(Error::new(
        Code::ResourceExhausted,
        format!("the strings take {bytes} bytes, at most {limit} are taken"),
    )))
}

/// One tensor of JavaScript, its bytes copied.
struct HeldTensor {
    name: String,
    dtype: DType,
    shape: Vec<i64>,
    bytes: Vec<u8>,
    strings: Option<Vec<Vec<u8>>>,
}

impl HeldTensor {
    fn read(list: &Array<'_>, at: u32) -> Result<Self> {
        let object: Object<'_> = list
            .get(at)
            .map_err(refused)?
            .ok_or_else(|| throw(Error::invalid(format!("tensor {at}: missing"))))?;
        let name: String = object.get_named_property("name").map_err(refused)?;
        let number: i32 = object.get_named_property("dtype").map_err(refused)?;
        let shape: Vec<i64> = object.get_named_property("shape").map_err(refused)?;
        let data: Uint8ArraySlice<'_> = object.get_named_property("data").map_err(refused)?;
        let ends: Option<Float64Array> = object.get_named_property("ends").map_err(refused)?;
        let bytes: &[u8] = &data;
        let strings = ends.map(|ends| split(bytes, &ends)).transpose()?;
        let bytes = if strings.is_some() {
            Vec::new()
        } else {
            bytes.to_vec()
        };
        Ok(Self {
            name,
            dtype: dtype(number).map_err(throw)?,
            shape,
            bytes,
            strings,
        })
    }

    fn view(&self) -> TensorView<'_> {
        let data = match &self.strings {
            Some(strings) => ViewData::Strings(strings),
            None => ViewData::Bytes(&self.bytes),
        };
        TensorView {
            dtype: self.dtype,
            shape: &self.shape,
            data,
        }
    }
}

fn split(block: &[u8], ends: &[f64]) -> Result<Vec<Vec<u8>>> {
    let mut start = 0;
    ends.iter()
        .map(|&end| {
            let end = end as usize;
            let element = block.get(start..end).map(<[u8]>::to_vec);
            start = end;
            element.ok_or_else(|| throw(Error::invalid("tensor: ends outside of its bytes")))
        })
        .collect()
}
