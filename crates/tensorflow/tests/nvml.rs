//! Figures of GPUs, from a library made for the test: machines without GPUs must be able to run it.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::path::PathBuf;
use std::process::Command;

use servable_tensorflow::Nvml;

const FAKE: &str = r#"
#include <string.h>
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)(long)(i + 1); return i == 1 ? 15 : 0; }
int nvmlDeviceGetName(void *d, char *s, unsigned n) { strncpy(s, "NVIDIA Test", n); return 0; }
int nvmlDeviceGetUtilizationRates(void *d, unsigned *u) { u[0] = 25; u[1] = 50; return 0; }
int nvmlDeviceGetMemoryInfo(void *d, unsigned long long *m) { m[0] = 100; m[1] = 60; m[2] = 40; return 0; }
int nvmlDeviceGetTemperature(void *d, unsigned sensor, unsigned *t) { *t = sensor == 0 ? 61 : 0; return 0; }
int nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { *mw = 70500; return d == (void *)3L ? 3 : 0; }
"#;

fn build(name: &str, init: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (
        dir.join(format!("{name}.c")),
        dir.join(format!("{name}.so")),
    );
    std::fs::write(&source, FAKE).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", &format!("-DINIT={init}"), "-o"]);
    assert!(
        compiler
            .arg(&library)
            .arg(&source)
            .status()
            .unwrap()
            .success()
    );
    library
}

#[test]
fn every_gpu_tells_what_its_driver_knows() {
    let gpus = Nvml::open(build("nvml-good", "0")).unwrap().gpus();
    // One cannot be reached: the others are told all the same.
    assert_eq!(gpus.iter().map(|it| it.index).collect::<Vec<_>>(), [0, 2]);
    let first = &gpus[0];
    assert_eq!(
        (first.name.as_str(), first.uuid.as_str()),
        ("NVIDIA Test", "")
    );
    assert_eq!(first.utilization, Some(0.25));
    assert_eq!(
        (first.memory_used, first.memory_total),
        (Some(40), Some(100))
    );
    assert_eq!((first.temperature, first.power), (Some(61), Some(70.5)));
    assert_eq!(gpus[1].power, None);
}

#[test]
fn a_machine_without_a_driver_has_no_figures() {
    assert!(Nvml::open("libthere-is-none.so.1").is_none());
    assert!(Nvml::open(build("nvml-no-driver", "9")).is_none());
}
