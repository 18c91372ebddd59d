//! Where requests of a queue go, kept by a number so that the hot call passes nothing else.

use std::time::Duration;

use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use servable_codec::Error;
use servable_codec::json::print::NonFinite;
use servable_codec::proto::named_model;
use servable_engine::catalog::Choice;
use servable_engine::infer::Method;
use servable_engine::schedule::lines::Line;
use servable_engine::{BodyForm, Call, Settings};

use crate::error::{Fault, Result, throw};

/// Where requests go.
#[napi(object, use_nullable = true)]
pub struct TargetSpec {
    /// Such as `rest.predict`.
    pub method: String,
    /// REST only.
    pub name: String,
    /// REST only.
    pub version: Option<BigInt>,
    /// REST only.
    pub label: Option<String>,
    /// `token`, `null` or `string`.
    pub non_finite: String,
    /// REST predict only: `json`, `protobuf`, `npy`, `csv`, `csv+header`, `image` or `image+scale`.
    pub body: String,
    /// REST predict only: the signature of a body that cannot name one; empty for the default one.
    pub signature_name: String,
    /// REST predict only: the reply is an `.npy` file.
    pub npy_reply: bool,
}

fn body_form(name: &str) -> Result<BodyForm> {
    Ok(match name {
        "json" => BodyForm::Json,
        "protobuf" => BodyForm::Protobuf,
        "npy" => BodyForm::Npy,
        "csv" => BodyForm::Csv { header: false },
        "csv+header" => BodyForm::Csv { header: true },
        "image" => BodyForm::Image { keep_scale: false },
        "image+scale" => BodyForm::Image { keep_scale: true },
        other => {
            return Err(throw(Error::invalid(format!(
                "body \"{other}\": not a form of ours"
            ))));
        }
    })
}

/// A target as the engine takes it.
pub struct Target {
    method: Method,
    name: String,
    version: Option<i64>,
    label: Option<String>,
    nonfinite: NonFinite,
    body: BodyForm,
    signature_name: String,
    npy_reply: bool,
}

impl Target {
    /// The model in the path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a request to this target waits for the pool. Over gRPC its body tells the model.
    pub fn line(&self, body: &[u8]) -> Line {
        let is_nested = self.method == Method::GrpcMultiInference;
        match self.name.as_str() {
            "" => named_model(body, is_nested).map_or_else(Line::default, Line::of),
            name => Line::of(name),
        }
    }

    /// One request to this target but for its body, which has waited for `queued`.
    pub fn call<'a>(&'a self, settings: &'a Settings, queued: Duration) -> Call<'a> {
        let choice = match (self.version, &self.label) {
            (Some(version), _) => Choice::Specific(version),
            (None, Some(label)) => Choice::Label(label),
            (None, None) => Choice::Latest,
        };
        let (method, nonfinite) = (self.method, self.nonfinite);
        Call {
            method,
            name: &self.name,
            choice,
            nonfinite,
            body: self.body,
            signature_name: &self.signature_name,
            npy_reply: self.npy_reply,
            queued,
            answered: None,
            settings,
        }
    }
}

impl TryFrom<TargetSpec> for Target {
    type Error = napi::Error<Fault>;

    fn try_from(spec: TargetSpec) -> Result<Self> {
        let method = Method::from_name(&spec.method).ok_or_else(|| {
            throw(Error::invalid(format!(
                "method \"{}\": not one of ours",
                spec.method
            )))
        })?;
        let nonfinite = match spec.non_finite.as_str() {
            "null" => NonFinite::Null,
            "string" => NonFinite::String,
            _ => NonFinite::Token,
        };
        Ok(Self {
            method,
            name: spec.name,
            version: spec.version.map(|version| version.get_i64().0),
            label: spec.label,
            nonfinite,
            body: body_form(&spec.body)?,
            signature_name: spec.signature_name,
            npy_reply: spec.npy_reply,
        })
    }
}
