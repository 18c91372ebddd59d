//! Warm-up on a fake model: files of records and made-up requests.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use servable_codec::{Code, DType, Error, tfrecord};
use servable_engine::warmup::{self, MAX_RECORDS, Plan, Report, WARMUP_FILE};
use servable_engine::{Engine, Settings};
use support::{Fake, PREDICT, Watch, endpoint, field, predict_request, signature};

/// A folder of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("servable-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("assets.extra")).unwrap();
        Self(path)
    }

    fn with(name: &str, records: &[Vec<u8>]) -> Self {
        let mut bytes = Vec::new();
        for record in records {
            tfrecord::write(record, &mut bytes);
        }
        Self::with_bytes(name, &bytes)
    }

    fn with_bytes(name: &str, bytes: &[u8]) -> Self {
        let folder = Self::new(name);
        fs::write(folder.0.join(WARMUP_FILE), bytes).unwrap();
        folder
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A PredictionLog whose field `kind` holds a request.
fn log(kind: u8, request: &[u8]) -> Vec<u8> {
    let (mut inner, mut record) = (Vec::new(), Vec::new());
    field(&mut inner, 1, request);
    field(&mut record, kind, &inner);
    record
}

fn predict(values: &[f32]) -> Vec<u8> {
    log(6, &predict_request("", &[("x", values)], &[]))
}

fn warm(folder: &Folder, fake: Fake, plan: &Plan) -> Result<Report, (Error, u64)> {
    warmup::run(&fake.servable(), folder.path(), plan, &Settings::default())
}

fn watched() -> (Fake, Arc<Watch>) {
    let fake = Fake::default();
    let watch = Arc::clone(&fake.watch);
    (fake, watch)
}

const AUTO: fn() -> Plan = || Plan {
    iterations: 0,
    auto: true,
    batch_sizes: vec![1, 4],
};

#[test]
fn every_record_is_run_as_often_as_asked_whatever_model_it_names() {
    let folder = Folder::with("runs", &[predict(&[1.0]), Vec::new(), predict(&[2.0, 3.0])]);
    let (fake, watch) = watched();
    let plan = Plan {
        iterations: 3,
        ..Plan::default()
    };
    let report = warm(&folder, fake, &plan).unwrap();
    // The record without a log_type counts, but there is nothing to run.
    assert_eq!(report.records, Some(3));
    assert_eq!(watch.runs.load(Ordering::SeqCst), 6);
}

#[test]
fn a_record_that_cannot_be_parsed_is_shown() {
    for (name, record) in [("junk", b"hello".to_vec()), ("request", log(6, b"hello"))] {
        let folder = Folder::with(name, &[predict(&[1.0]), record.clone()]);
        let (error, read) = warm(&folder, Fake::default(), &Plan::default()).unwrap_err();
        let shown = String::from_utf8_lossy(&record);
        let path = format!("{}/{WARMUP_FILE}", folder.path());
        let text = format!("Failed to parse warmup record: {shown} from {path}");
        assert_eq!((error.code, error.message), (Code::InvalidArgument, text));
        assert_eq!(read, 1);
    }
}

#[test]
fn a_request_that_fails_is_the_answer() {
    let folder = Folder::with("fails", &[log(6, &predict_request("none", &[], &[]))]);
    let (error, _) = warm(&folder, Fake::default(), &Plan::default()).unwrap_err();
    assert_eq!(error.code, Code::FailedPrecondition);
    assert_eq!(error.message, "Serving signature key \"none\" not found.");
}

#[test]
fn streams_and_session_runs_are_not_supported() {
    for kind in [5, 7] {
        let folder = Folder::with(&format!("kind{kind}"), &[log(kind, b"")]);
        let (error, _) = warm(&folder, Fake::default(), &Plan::default()).unwrap_err();
        let text = format!("Unsupported log_type for warmup: {kind}");
        assert_eq!((error.code, error.message), (Code::Unimplemented, text));
    }
}

#[test]
fn the_thousand_and_first_record_is_one_too_many_once_it_has_run() {
    let records = vec![predict(&[1.0]); MAX_RECORDS as usize];
    let folder = Folder::with("thousand", &records);
    let report = warm(&folder, Fake::default(), &Plan::default()).unwrap();
    assert_eq!(report.records, Some(1000));

    let folder = Folder::with("more", &[records, vec![predict(&[1.0])]].concat());
    let (fake, watch) = watched();
    let (error, read) = warm(&folder, fake, &Plan::default()).unwrap_err();
    let path = format!("{}/{WARMUP_FILE}", folder.path());
    let text = format!("Number of warmup records exceeds the maximum (1000) at {path}");
    assert_eq!((error.code, error.message), (Code::InvalidArgument, text));
    assert_eq!((read, watch.runs.load(Ordering::SeqCst)), (1001, 1001));
}

#[test]
fn a_damaged_file_fails_in_tensorflow_s_words() {
    let mut bytes = Vec::new();
    tfrecord::write(&predict(&[1.0]), &mut bytes);
    let length = bytes.len();
    tfrecord::write(&predict(&[2.0]), &mut bytes);
    let cut = Folder::with_bytes("cut", &bytes[..bytes.len() - 6]);
    let (error, read) = warm(&cut, Fake::default(), &Plan::default()).unwrap_err();
    assert_eq!(error.code, Code::DataLoss);
    assert!(
        error
            .message
            .starts_with(&format!("truncated record at {length}'"))
    );
    assert_eq!(read, 1);

    *bytes.last_mut().unwrap() ^= 1;
    let changed = Folder::with_bytes("changed", &bytes);
    let (error, _) = warm(&changed, Fake::default(), &Plan::default()).unwrap_err();
    let text = format!("corrupted record at {}", length + tfrecord::HEADER_BYTES);
    assert_eq!((error.code, error.message), (Code::DataLoss, text));
}

#[test]
fn without_a_file_nothing_is_run_unless_asked_for() {
    let folder = Folder::new("nothing");
    let (fake, watch) = watched();
    let report = warm(&folder, fake, &Plan::default()).unwrap();
    assert_eq!((report.records, report.runs), (None, 0));
    assert_eq!(watch.runs.load(Ordering::SeqCst), 0);
}

#[test]
fn with_a_file_nothing_is_made_up() {
    let folder = Folder::with("file", &[predict(&[1.0])]);
    let report = warm(&folder, Fake::default(), &AUTO()).unwrap();
    assert_eq!((report.records, report.runs), (Some(1), 1));
}

fn fake(signatures: Vec<servable_engine::runner::SignatureSource>) -> Fake {
    Fake {
        signatures,
        ..Fake::default()
    }
}

fn of_one_input(name: &str, dtype: DType, shape: Option<&[i64]>) -> Fake {
    fake(vec![signature(
        name,
        PREDICT,
        vec![endpoint("x", dtype, shape)],
        vec![endpoint("y", DType::FLOAT, shape)],
    )])
}

#[test]
fn made_up_requests_have_every_batch_size_where_the_first_dimension_is_free() {
    let folder = Folder::new("sizes");
    let mut free = of_one_input("free", DType::FLOAT, Some(&[-1, 2]));
    // Slow enough that nothing is left to learn.
    free.delay = Duration::from_millis(101);
    assert_eq!(warm(&folder, free, &AUTO()).unwrap().runs, 2);
    let mut fixed = of_one_input("fixed", DType::FLOAT, Some(&[3, -1]));
    fixed.delay = Duration::from_millis(101);
    assert_eq!(warm(&folder, fixed, &AUTO()).unwrap().runs, 1);
}

#[test]
fn what_must_not_or_cannot_be_made_up_is_told() {
    let folder = Folder::new("skips");
    let reason = |fake: Fake| {
        let watch = Arc::clone(&fake.watch);
        let report = warm(&folder, fake, &AUTO()).unwrap();
        let [(_, reason)] = &report.skipped[..] else {
            panic!("{report:?}");
        };
        assert_eq!(watch.runs.load(Ordering::SeqCst), 0);
        reason.clone()
    };
    let mut assigns = of_one_input("s", DType::FLOAT, Some(&[-1]));
    assigns.keeps_feeds = true;
    assert!(reason(assigns).contains("assigns variables"));
    assert!(reason(of_one_input("s", DType::STRING, Some(&[-1]))).contains("inputs.x is of"));
    assert!(reason(of_one_input("s", DType::FLOAT, None)).contains("unknown rank"));
    let huge = of_one_input("s", DType::FLOAT, Some(&[-1, 1 << 40]));
    assert!(reason(huge).contains("more than"));
    let mut image = of_one_input("s", DType::FLOAT, Some(&[-1, -1, -1, 3]));
    image.smallest_rank = Some(4);
    assert!(reason(image).contains("size of an image"));
}

#[test]
fn a_made_up_request_that_fails_is_told_and_the_next_signature_runs() {
    let folder = Folder::new("one");
    let inputs = || vec![endpoint("x", DType::FLOAT, Some(&[-1]))];
    let y = |name: &str| vec![endpoint(name, DType::FLOAT, Some(&[-1]))];
    let fake = fake(vec![
        signature("a", PREDICT, inputs(), y("missing")),
        signature("b", PREDICT, inputs(), y("y")),
    ]);
    let report = warm(&folder, fake, &AUTO()).unwrap();
    assert_eq!(report.skipped[0].0, "a");
    assert!(report.runs >= 2);
}

#[test]
fn warm_up_is_not_counted_as_requests_and_zeros_teach_nothing_of_their_cost() {
    let folder = Folder::new("cost");
    let servable = of_one_input("serving_default", DType::FLOAT, Some(&[-1])).servable();
    warmup::run(&servable, folder.path(), &AUTO(), &Settings::default()).unwrap();
    let may_inline = servable.may_inline(100);
    let engine = Engine::<Fake>::default();
    engine.catalog.publish("m", 1, servable).unwrap();
    let all = engine.catalog.counters();
    let (_, counters) = all.iter().find(|(name, _)| **name == *"m").unwrap();
    assert_eq!(counters.pooled_runs.load(Ordering::Relaxed), 0);
    assert!(!may_inline, "a loop over zeros is always short");
}

#[test]
fn recorded_requests_teach_what_a_request_costs() {
    let folder = Folder::with("learn", &[predict(&[1.0])]);
    let plan = Plan {
        iterations: 40,
        ..AUTO()
    };
    let servable = Fake::default().servable();
    warmup::run(&servable, folder.path(), &plan, &Settings::default()).unwrap();
    assert!(servable.may_inline(100), "the first request runs inline");
}
