//! What the GPUs do, for the metrics page.

use std::sync::LazyLock;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use napi_derive::napi;
use parking_lot::Mutex;
use servable_tensorflow::{Gpu, NVML_LIBRARY, Nvml};

/// Figures are not read more often than this.
const INTERVAL: Duration = Duration::from_secs(5);

/// One GPU. See `servable_tensorflow::Gpu`; `null` is not told.
#[napi(object, use_nullable = true)]
pub struct GpuInfo {
    /// Its place, from 0.
    pub index: u32,
    /// Such as `NVIDIA H200`.
    pub name: String,
    /// Such as `GPU-…`.
    pub uuid: String,
    /// 0 to 1.
    pub utilization: Option<f64>,
    /// Bytes in use by all processes.
    pub memory_used: Option<f64>,
    /// Bytes there are.
    pub memory_total: Option<f64>,
    /// Degrees Celsius.
    pub temperature: Option<f64>,
    /// Watts.
    pub power: Option<f64>,
}

impl From<&Gpu> for GpuInfo {
    fn from(gpu: &Gpu) -> Self {
        Self {
            index: gpu.index,
            name: gpu.name.clone(),
            uuid: gpu.uuid.clone(),
            utilization: gpu.utilization,
            memory_used: gpu.memory_used.map(|bytes| bytes as f64),
            memory_total: gpu.memory_total.map(|bytes| bytes as f64),
            temperature: gpu.temperature.map(f64::from),
            power: gpu.power,
        }
    }
}

#[derive(Default)]
struct Sampler {
    /// `None` before the first question and where there is no NVML.
    thread: Option<Thread>,
    started: bool,
    read: Option<Instant>,
    gpus: Vec<Gpu>,
}

static SAMPLER: LazyLock<Mutex<Sampler>> = LazyLock::new(Mutex::default);

/// What the GPUs did at the last look. A thread of its own looks, because the driver may take seconds: the first question is
/// answered with none, and nothing looks while nobody asks.
#[napi(catch_unwind)]
pub fn gpu_figures() -> Vec<GpuInfo> {
    let mut sampler = SAMPLER.lock();
    if !sampler.started {
        sampler.started = true;
        let name = std::env::var("SERVABLE_NVML_LIBRARY").unwrap_or_else(|_| NVML_LIBRARY.into());
        // Without a thread there are no figures.
        let spawned = thread::Builder::new()
            .name("servable-gpu".into())
            .spawn(move || sample(&name));
        sampler.thread = spawned.ok().map(|handle| handle.thread().clone());
    } else if sampler.read.is_none_or(|read| read.elapsed() >= INTERVAL)
        && let Some(thread) = &sampler.thread
    {
        thread.unpark();
    }
    sampler.gpus.iter().map(GpuInfo::from).collect()
}

fn sample(name: &str) {
    let Some(nvml) = Nvml::open(name) else {
        SAMPLER.lock().thread = None;
        return;
    };
    loop {
        let gpus = nvml.gpus();
        {
            let mut sampler = SAMPLER.lock();
            sampler.gpus = gpus;
            sampler.read = Some(Instant::now());
        }
        thread::park();
    }
}
