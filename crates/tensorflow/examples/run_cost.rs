//! What opening TensorFlow and running a model costs:
//! `cargo run --release --example run_cost -- LIBRARY MODEL_DIR` with half_plus_two's folder.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use servable_tensorflow::{
    Library, LoadOptions, OpenOptions, Plan, RunOptions, SavedModel, Tensor,
};

const ROUNDS: usize = 11;
const RUNS: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(library), Some(dir)) = (arguments.next(), arguments.next()) else {
        return Err("usage: run_cost LIBRARY MODEL_DIR".into());
    };
    let mut out = stdout().lock();

    let start = Instant::now();
    let library = Library::open(&library, &OpenOptions::default())?;
    writeln!(
        out,
        "open TensorFlow {}: {:?}",
        library.version_text(),
        start.elapsed()
    )?;
    let start = Instant::now();
    let model = SavedModel::load(library, &dir, &LoadOptions::default())?;
    writeln!(out, "load {}: {:?}", dir.display(), start.elapsed())?;

    let signature = model
        .signatures()
        .get("serving_default")
        .ok_or("no signature serving_default")?;
    let feeds: Vec<&str> = signature
        .inputs
        .iter()
        .map(|input| input.tensor_name.as_str())
        .collect();
    let fetches: Vec<&str> = signature
        .outputs
        .iter()
        .map(|output| output.tensor_name.as_str())
        .collect();
    let plan = model.plan(&feeds, &fetches)?;

    // Interleaved, so that both see the same machine; the median of the rounds.
    let (mut inline, mut pooled) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        inline.push(round(library, &model, &plan, &RunOptions::inline())?);
        pooled.push(round(library, &model, &plan, &RunOptions::pooled())?);
    }
    writeln!(out, "run inline: {:?} each", median(inline))?;
    writeln!(out, "run pooled: {:?} each", median(pooled))?;

    let start = Instant::now();
    for _ in 0..RUNS {
        black_box(input(library)?);
    }
    writeln!(
        out,
        "make and drop an input: {:?} each",
        start.elapsed() / RUNS
    )?;
    Ok(())
}

fn round(
    library: &'static Library,
    model: &SavedModel,
    plan: &Plan,
    options: &RunOptions,
) -> Result<Duration, servable_tensorflow::Error> {
    let input = input(library)?;
    let start = Instant::now();
    for _ in 0..RUNS {
        black_box(model.run(plan, &[&input], options)?);
    }
    Ok(start.elapsed() / RUNS)
}

/// Three floats.
fn input(library: &'static Library) -> Result<Tensor, servable_tensorflow::Error> {
    #[repr(align(64))]
    struct Line([u8; 12]);
    impl AsRef<[u8]> for Line {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Tensor::from_bytes(library, 1, &[3], Line([0; 12]))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
