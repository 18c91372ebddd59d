//! What NVIDIA's driver tells of its GPUs: `libnvidia-ml`, opened at run time where it is there.

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use libloading::os::unix::{Library, Symbol};

/// The driver's library.
pub const LIBRARY_NAME: &str = "libnvidia-ml.so.1";

const SUCCESS: c_int = 0;
/// `NVML_TEMPERATURE_GPU`.
const GPU_SENSOR: c_uint = 0;
const NAME_BYTES: usize = 96;

type Device = *mut c_void;
type Init = unsafe extern "C" fn() -> c_int;
type Count = unsafe extern "C" fn(*mut c_uint) -> c_int;
type ByIndex = unsafe extern "C" fn(c_uint, *mut Device) -> c_int;
type Text = unsafe extern "C" fn(Device, *mut c_char, c_uint) -> c_int;
type Number = unsafe extern "C" fn(Device, *mut c_uint) -> c_int;
type Sensor = unsafe extern "C" fn(Device, c_uint, *mut c_uint) -> c_int;

/// `nvmlUtilization_t`, in percent.
#[repr(C)]
#[derive(Default)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

/// `nvmlMemory_t`, in bytes.
#[repr(C)]
#[derive(Default)]
struct Memory {
    total: u64,
    free: u64,
    used: u64,
}

/// One GPU; what its driver does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gpu {
    /// Its place, from 0.
    pub index: u32,
    /// Such as `NVIDIA H200`; empty where it is not told.
    pub name: String,
    /// Such as `GPU-…`; empty where it is not told.
    pub uuid: String,
    /// Share of the last moments that a kernel ran, 0 to 1.
    pub utilization: Option<f64>,
    /// Bytes in use by all processes.
    pub memory_used: Option<u64>,
    /// Bytes there are.
    pub memory_total: Option<u64>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Watts.
    pub power: Option<f64>,
}

/// The driver's library, initialised.
pub struct Nvml {
    count: Symbol<Count>,
    by_index: Symbol<ByIndex>,
    name: Option<Symbol<Text>>,
    uuid: Option<Symbol<Text>>,
    utilization: Option<Symbol<unsafe extern "C" fn(Device, *mut Utilization) -> c_int>>,
    memory: Option<Symbol<unsafe extern "C" fn(Device, *mut Memory) -> c_int>>,
    temperature: Option<Symbol<Sensor>>,
    power: Option<Symbol<Number>>,
    /// Last: the symbols are of it.
    _library: Library,
}

impl Nvml {
    /// Opens and initialises the library; `None` where it is not there, is not NVML, or has no driver to talk to. May take seconds
    /// on a machine without NVIDIA's persistence daemon.
    pub fn open(name: impl AsRef<OsStr>) -> Option<Self> {
        // SAFETY: NVML's initialisers do nothing but set up its own state.
        let library =
            unsafe { Library::open(Some(name.as_ref()), libloading::os::unix::RTLD_LAZY) };
        let library = library.ok()?;
        // SAFETY: the types are those of nvml.h, whose functions keep theirs for ever: a change gets a new name.
        let nvml = unsafe {
            let init: Symbol<Init> = library.get(b"nvmlInit_v2\0").ok()?;
            if init() != SUCCESS {
                return None;
            }
            Self {
                count: library.get(b"nvmlDeviceGetCount_v2\0").ok()?,
                by_index: library.get(b"nvmlDeviceGetHandleByIndex_v2\0").ok()?,
                name: library.get(b"nvmlDeviceGetName\0").ok(),
                uuid: library.get(b"nvmlDeviceGetUUID\0").ok(),
                utilization: library.get(b"nvmlDeviceGetUtilizationRates\0").ok(),
                memory: library.get(b"nvmlDeviceGetMemoryInfo\0").ok(),
                temperature: library.get(b"nvmlDeviceGetTemperature\0").ok(),
                power: library.get(b"nvmlDeviceGetPowerUsage\0").ok(),
                _library: library,
            }
        };
        Some(nvml)
    }

    /// Every GPU as it is now.
    pub fn gpus(&self) -> Vec<Gpu> {
        let mut count = 0;
        // SAFETY: `count` outlives the call.
        if unsafe { (self.count)(&raw mut count) } != SUCCESS {
            return Vec::new();
        }
        (0..count).filter_map(|index| self.gpu(index)).collect()
    }

    fn gpu(&self, index: u32) -> Option<Gpu> {
        let mut device: Device = ptr::null_mut();
        // SAFETY: `device` outlives the call.
        if unsafe { (self.by_index)(index, &raw mut device) } != SUCCESS {
            return None;
        }
        let mut gpu = Gpu {
            index,
            name: text(self.name.as_ref(), device),
            uuid: text(self.uuid.as_ref(), device),
            ..Gpu::default()
        };
        let mut rates = Utilization::default();
        let mut memory = Memory::default();
        let (mut degrees, mut milliwatts) = (0, 0);
        // SAFETY: the device is one that NVML gave; what it writes to outlives the calls.
        unsafe {
            if told(
                self.utilization
                    .as_ref()
                    .map(|get| get(device, &raw mut rates)),
            ) {
                gpu.utilization = Some(f64::from(rates.gpu) / 100.0);
            }
            if told(self.memory.as_ref().map(|get| get(device, &raw mut memory))) {
                gpu.memory_used = Some(memory.used);
                gpu.memory_total = Some(memory.total);
            }
            let get = self.temperature.as_ref();
            if told(get.map(|get| get(device, GPU_SENSOR, &raw mut degrees))) {
                gpu.temperature = Some(degrees);
            }
            if told(
                self.power
                    .as_ref()
                    .map(|get| get(device, &raw mut milliwatts)),
            ) {
                gpu.power = Some(f64::from(milliwatts) / 1000.0);
            }
        }
        Some(gpu)
    }
}

fn told(status: Option<c_int>) -> bool {
    status == Some(SUCCESS)
}

fn text(get: Option<&Symbol<Text>>, device: Device) -> String {
    let mut buffer = [0 as c_char; NAME_BYTES];
    let length = NAME_BYTES as c_uint;
    // SAFETY: the buffer is as long as it is said to be.
    let status = get.map(|get| unsafe { get(device, buffer.as_mut_ptr(), length) });
    if !told(status) {
        return String::new();
    }
    buffer[NAME_BYTES - 1] = 0;
    // SAFETY: the buffer ends with a zero.
    let text = unsafe { CStr::from_ptr(buffer.as_ptr()) };
    text.to_string_lossy().into_owned()
}
