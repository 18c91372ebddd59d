//! Memory stays flat. Alone in its process, so that nothing else moves the figure.

mod support;

use std::fs;

use servable_tensorflow::{RunOptions, Tensor};
use support::{Placed, library};

/// Resident memory in KiB; `None` where the system does not say.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn ten_thousand_runs_and_fifty_loads_leave_memory_as_it_was() {
    let model = support::load("half_plus_two/1");
    let plan = support::plan(&model, "serving_default");
    let strings = support::load("strings/1");
    let echo = support::plan(&strings, "bytes_echo");
    let word = vec![b'w'; 1000];
    let run = |offset: usize| {
        let owner = Placed::new(&[0; 4000], offset);
        let input = Tensor::from_bytes(library(), 1, &[1000], owner).unwrap();
        model.run(&plan, &[&input], &RunOptions::inline()).unwrap();
        let input = Tensor::from_strings(library(), &[4], [&word[..]; 4]).unwrap();
        strings
            .run(&echo, &[&input], &RunOptions::pooled())
            .unwrap();
        // Errors must not leak either.
        model
            .run(&plan, &[&input], &RunOptions::inline())
            .unwrap_err();
    };
    (0..2000).for_each(|i| run(i % 2 * 4));
    drop((0..5).map(|_| support::load("echo/1")).collect::<Vec<_>>());
    let Some(before) = resident_kib() else {
        eprintln!("not measured: no /proc/self/status on this system");
        return;
    };
    (0..10_000).for_each(|i| run(i % 2 * 4));
    let after = resident_kib().unwrap();
    // One leaked input of 4 kB a run would be 40 MB.
    assert!(
        after < before + 8 * 1024,
        "runs: {before} KiB before, {after} after"
    );
    (0..50).for_each(|_| drop(support::load("echo/1")));
    let last = resident_kib().unwrap();
    // One leaked session of this model a load would be 100 MB and more.
    assert!(
        last < after + 32 * 1024,
        "loads: {after} KiB before, {last} after"
    );
    eprintln!("resident: {before} KiB, {after} after 10 000 runs, {last} after 50 loads");
}
