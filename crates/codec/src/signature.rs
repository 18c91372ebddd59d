use crate::DType;

/// One named input or output of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name requests and responses use.
    pub alias: String,
    /// The type of the elements.
    pub dtype: DType,
    /// The dimensions, -1 for a free one; `None` when the rank is unknown.
    pub shape: Option<Vec<i64>>,
}

/// What the codecs need of a `SignatureDef`. The maker sorts both lists by alias; no two aliases are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureSpec {
    /// The key in the model's signature map, for example `serving_default`.
    pub name: String,
    /// For example `tensorflow/serving/predict`; empty if the model names none.
    pub method_name: String,
    /// The inputs, sorted by alias.
    pub inputs: Vec<TensorInfo>,
    /// The outputs, sorted by alias.
    pub outputs: Vec<TensorInfo>,
    /// The signature in protobuf's text format, for error messages that print it.
    pub text: String,
}
