//! A runner without TensorFlow: `y = x / 2 + b` on floats, with knobs for what tests need to see.

#![expect(dead_code, reason = "each test file uses a part")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use servable_codec::json::print::NonFinite;
use servable_codec::proto;
use servable_codec::{AlignedBuf, Code, DType, Error, TensorView, ViewData};
use servable_engine::catalog::Choice;
use servable_engine::infer::Method;
use servable_engine::runner::{EndpointSource, RunMode, Runner, RunnerTensor, SignatureSource};
use servable_engine::schedule::tick::Turn;
use servable_engine::servable::Servable;
use servable_engine::shape_check::InputShapeCheck;
use servable_engine::{Answer, Body, Call, Engine, Placed, Settings};

pub const CLASSIFY: &str = "tensorflow/serving/classify";
pub const PREDICT: &str = "tensorflow/serving/predict";

/// What a test sees of a fake model.
#[derive(Default)]
pub struct Watch {
    pub runs: AtomicUsize,
    pub plans: AtomicUsize,
    pub dropped: AtomicBool,
    /// The address of the last run's first feed.
    pub feed: AtomicUsize,
    /// Shape and numbers of the last run's first feed.
    pub last: Mutex<(Vec<i64>, Vec<f32>)>,
}

pub struct Fake {
    pub watch: Arc<Watch>,
    pub farewell: Farewell,
    pub bias: f32,
    pub delay: Duration,
    pub panic: bool,
    /// Tell `watch` what runs are fed.
    pub records: bool,
    /// A run that is fed this number fails.
    pub poison: Option<f32>,
    /// The shape of every output, whatever it should be.
    pub output_shape: Option<Vec<i64>>,
    pub keeps_feeds: bool,
    pub smallest_rank: Option<usize>,
    pub signatures: Vec<SignatureSource>,
}

pub enum Memory {
    Own(AlignedBuf),
    Shared(Box<dyn AsRef<[u8]> + Send + Sync>),
    Strings(Vec<Vec<u8>>),
}

pub struct FakeTensor {
    dtype: DType,
    shape: Vec<i64>,
    memory: Memory,
}

impl FakeTensor {
    fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Own(buffer) => buffer.as_slice(),
            Memory::Shared(owner) => (**owner).as_ref(),
            Memory::Strings(_) => &[],
        }
    }
}

impl RunnerTensor for FakeTensor {
    fn dtype(&self) -> DType {
        self.dtype
    }
    fn shape(&self) -> &[i64] {
        &self.shape
    }
    fn data(&self) -> ViewData<'_> {
        match &self.memory {
            Memory::Strings(strings) => ViewData::Strings(strings),
            _ => ViewData::Bytes(self.bytes()),
        }
    }
}

pub fn endpoint(alias: &str, dtype: DType, shape: Option<&[i64]>) -> EndpointSource {
    EndpointSource {
        alias: alias.into(),
        tensor_name: format!("{alias}:0"),
        dtype,
        shape: shape.map(<[i64]>::to_vec),
        default: None,
    }
}

pub fn signature(
    name: &str,
    method_name: &str,
    inputs: Vec<EndpointSource>,
    outputs: Vec<EndpointSource>,
) -> SignatureSource {
    let (name, method_name) = (name.into(), method_name.into());
    SignatureSource {
        name,
        method_name,
        inputs,
        outputs,
        unsupported: None,
    }
}

impl Default for Fake {
    fn default() -> Self {
        let watch = Arc::<Watch>::default();
        Self {
            farewell: Farewell(Arc::clone(&watch)),
            watch,
            bias: 2.0,
            delay: Duration::ZERO,
            panic: false,
            records: false,
            poison: None,
            output_shape: None,
            keeps_feeds: false,
            smallest_rank: None,
            signatures: vec![signature(
                "serving_default",
                PREDICT,
                vec![endpoint("x", DType::FLOAT, None)],
                vec![endpoint("y", DType::FLOAT, None)],
            )],
        }
    }
}

impl Fake {
    pub fn servable(self) -> Arc<Servable<Fake>> {
        Arc::new(Servable::new(self, InputShapeCheck::Auto))
    }
}

/// Tells the watch that the model is gone.
pub struct Farewell(Arc<Watch>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::SeqCst);
    }
}

/// Numbers the fetches, so that a run knows how many to make.
pub struct FakePlan(usize);

impl Runner for Fake {
    type Tensor = FakeTensor;
    type Plan = FakePlan;

    fn signatures(&self) -> Vec<SignatureSource> {
        self.signatures.clone()
    }

    fn smallest_rank(&self, _feeds: &[&str], _fetches: &[&str]) -> Option<usize> {
        self.smallest_rank
    }

    fn signature_def_map(&self) -> &[u8] {
        b"map"
    }

    fn plan(
        &self,
        _feeds: &[&str],
        fetches: &[&str],
        _targets: &[&str],
    ) -> Result<FakePlan, Error> {
        self.watch.plans.fetch_add(1, Ordering::SeqCst);
        if fetches.contains(&"missing:0") {
            return Err(Error::new(
                Code::NotFound,
                "FetchOutputs node missing:0: not found",
            ));
        }
        Ok(FakePlan(fetches.len()))
    }

    fn keeps_feeds(&self, _plan: &FakePlan) -> bool {
        self.keeps_feeds
    }

    fn tensor(&self, dtype: DType, shape: &[i64], buffer: AlignedBuf) -> Result<FakeTensor, Error> {
        Ok(FakeTensor {
            dtype,
            shape: shape.to_vec(),
            memory: Memory::Own(buffer),
        })
    }

    fn shared_tensor<B>(&self, dtype: DType, shape: &[i64], owner: B) -> Result<FakeTensor, Error>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        // The trait asks for Send only; leaking the owner keeps the fake simple and sound.
        let owner: &'static B = Box::leak(Box::new(owner));
        let bytes = owner.as_ref();
        Ok(FakeTensor {
            dtype,
            shape: shape.to_vec(),
            memory: Memory::Shared(Box::new(bytes)),
        })
    }

    fn string_tensor<'a, I>(&self, shape: &[i64], strings: I) -> Result<FakeTensor, Error>
    where
        I: ExactSizeIterator<Item = &'a [u8]>,
    {
        let memory = Memory::Strings(strings.map(<[u8]>::to_vec).collect());
        Ok(FakeTensor {
            dtype: DType::STRING,
            shape: shape.to_vec(),
            memory,
        })
    }

    fn run(
        &self,
        plan: &FakePlan,
        feeds: &[&FakeTensor],
        _mode: RunMode,
    ) -> Result<Vec<FakeTensor>, Error> {
        self.watch.runs.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panic, "a bug in a kernel");
        std::thread::sleep(self.delay);
        let feed = feeds[0];
        self.watch
            .feed
            .store(feed.bytes().as_ptr() as usize, Ordering::SeqCst);
        if let Memory::Own(buffer) = &feed.memory
            && self.records
        {
            let numbers: Vec<f32> = buffer
                .as_slice()
                .chunks_exact(4)
                .map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap()))
                .collect();
            if self.poison.is_some_and(|poison| numbers.contains(&poison)) {
                return Err(Error::invalid("poison"));
            }
            *self.watch.last.lock().unwrap() = (feed.shape.clone(), numbers);
        }
        let outputs = (0..plan.0).map(|_| {
            let mut buffer = AlignedBuf::new();
            let count = usize::try_from(feed.shape.iter().product::<i64>()).unwrap();
            for index in 0..count {
                let x = match &feed.memory {
                    // Examples count as their length.
                    Memory::Strings(strings) => strings[index].len() as f32,
                    _ => {
                        let bytes = &feed.bytes()[index * 4..index * 4 + 4];
                        f32::from_ne_bytes(bytes.try_into().unwrap())
                    }
                };
                buffer.push((x / 2.0 + self.bias).to_ne_bytes());
            }
            let shape = feed.shape.clone();
            if let Some(shape) = &self.output_shape {
                let bytes = 4 * shape.iter().product::<i64>();
                return FakeTensor {
                    dtype: DType::FLOAT,
                    shape: shape.clone(),
                    memory: Memory::Own(AlignedBuf::zeroed(usize::try_from(bytes).unwrap())),
                };
            }
            FakeTensor {
                dtype: DType::FLOAT,
                shape,
                memory: Memory::Own(buffer),
            }
        });
        Ok(outputs.collect())
    }
}

pub fn call<'a>(method: Method, name: &'a str, settings: &'a Settings) -> Call<'a> {
    Call {
        method,
        name,
        choice: Choice::Latest,
        nonfinite: NonFinite::Token,
        body: servable_engine::BodyForm::Json,
        signature_name: "",
        npy_reply: false,
        queued: Duration::ZERO,
        answered: None,
        settings,
    }
}

/// Runs a body on the calling thread, as a pool thread does.
pub fn ask(engine: &Engine<Fake>, call: &Call<'_>, body: &[u8]) -> (Answer, Vec<u8>) {
    let mut out = Vec::new();
    match engine.answer(call, &Body::new(body.to_vec()), &mut out) {
        Placed::Answered(answer) => (answer, out),
        _ => panic!("the request was not answered on this thread"),
    }
}

/// A request that was answered on this thread, and not refused.
pub fn answered(placed: Placed<Fake>) {
    assert!(matches!(placed, Placed::Answered(answer) if answer.result.is_ok()));
}

pub fn rest(engine: &Engine<Fake>, body: &str) -> Result<String, Error> {
    let settings = Settings::default();
    let (answer, out) = ask(
        engine,
        &call(Method::RestPredict, "m", &settings),
        body.as_bytes(),
    );
    answer.result.map(|()| String::from_utf8(out).unwrap())
}

pub fn inline(engine: &Engine<Fake>, body: &str, turn: &mut Turn) -> Option<Answer> {
    let settings = Settings::default();
    let call = call(Method::RestPredict, "m", &settings);
    match engine.answer_inline(&call, body.as_bytes(), turn, &mut Vec::new()) {
        Placed::Answered(answer) => Some(answer),
        Placed::Pool => None,
        Placed::Batch(_) => panic!("nothing is batched"),
    }
}

/// A PredictRequest with one float tensor per input.
pub fn predict_request(signature: &str, inputs: &[(&str, &[f32])], filter: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut spec = Vec::new();
    field(&mut spec, 1, b"m");
    field(&mut spec, 3, signature.as_bytes());
    field(&mut body, 1, &spec);
    for (name, values) in inputs {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        let shape = [values.len() as i64];
        let data = ViewData::Bytes(&bytes);
        let view = TensorView {
            dtype: DType::FLOAT,
            shape: &shape,
            data,
        };
        let mut tensor = Vec::new();
        proto::tensor::encode(&view, true, &mut tensor).unwrap();
        let mut entry = Vec::new();
        field(&mut entry, 1, name.as_bytes());
        field(&mut entry, 2, &tensor);
        field(&mut body, 2, &entry);
    }
    for name in filter {
        field(&mut body, 3, name.as_bytes());
    }
    body
}

/// Appends a length-delimited protobuf field.
pub fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}
