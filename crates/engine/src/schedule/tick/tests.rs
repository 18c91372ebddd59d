//! The inline decision and the turn's budget.

use super::*;

const TINY: Duration = Duration::from_micros(20);

/// A run that nothing interrupted.
fn busy(time: Duration) -> Spent {
    Spent {
        wall: time,
        cpu: Some(time),
    }
}

/// A run that was off its core.
fn waited(wall: Duration) -> Spent {
    Spent {
        wall,
        cpu: Some(TINY),
    }
}

fn learned() -> Cost {
    let cost = Cost::default();
    for _ in 0..LEARN {
        cost.record(100, busy(TINY), true);
    }
    cost
}

/// Runs until the signature is inline again.
fn runs_home(cost: &Cost) -> usize {
    let mut runs = 0;
    while cost.inline(100).is_none() {
        cost.record(100, busy(TINY), cost.is_small(100));
        runs += 1;
    }
    runs
}

#[test]
fn a_signature_starts_on_the_pool_and_runs_inline_once_it_has_shown_to_be_cheap() {
    let cost = Cost::default();
    assert!(!cost.is_small(100));
    for _ in 0..LEARN - 1 {
        cost.record(100, busy(TINY), true);
        assert_eq!(cost.inline(100), None);
    }
    cost.record(100, busy(TINY), true);
    assert_eq!(cost.inline(100), Some(TINY));
}

#[test]
fn sizes_are_weighed_apart() {
    let cost = learned();
    assert!(cost.inline(1024).is_some());
    assert!(cost.inline(1025).is_none());
}

#[test]
fn one_slow_run_changes_nothing_three_do() {
    let cost = learned();
    cost.record(100, busy(Duration::from_millis(4)), true);
    assert!(cost.inline(100).is_some());
    cost.record(100, busy(Duration::from_millis(4)), true);
    cost.record(100, busy(Duration::from_millis(4)), true);
    assert_eq!(cost.inline(100), None);
}

#[test]
fn a_third_of_the_runs_off_their_core_change_nothing() {
    let cost = learned();
    for run in 0..3000 {
        let spent = match run % 3 {
            0 => waited(Duration::from_millis(6)),
            _ => busy(TINY),
        };
        cost.record(100, spent, true);
        assert!(cost.inline(100).is_some(), "run {run}");
    }
}

#[test]
fn a_model_that_waits_never_runs_inline() {
    let cost = Cost::default();
    for _ in 0..500 {
        cost.record(100, waited(Duration::from_micros(700)), true);
        assert_eq!(cost.inline(100), None);
    }
    let cost = learned();
    let mut runs = 0;
    while cost.inline(100).is_some() {
        cost.record(100, waited(Duration::from_micros(700)), true);
        runs += 1;
    }
    assert!(runs <= 16, "{runs} runs");
}

#[test]
fn what_other_threads_did_says_nothing_about_this_one() {
    let cost = Cost::default();
    for _ in 0..500 {
        cost.record(100, busy(TINY), false);
        assert_eq!(cost.inline(100), None);
    }
    assert!(cost.is_small(100));
}

#[test]
fn one_very_slow_run_sends_it_back_and_fast_ones_bring_it_home() {
    let cost = learned();
    cost.record(100, busy(Duration::from_millis(50)), true);
    assert_eq!(cost.inline(100), None);
    let runs = runs_home(&cost);
    assert!((20..100).contains(&runs), "{runs} runs");
}

#[test]
fn a_slow_model_never_runs_inline() {
    let cost = Cost::default();
    for _ in 0..500 {
        cost.record(100, busy(Duration::from_micros(400)), true);
        assert_eq!(cost.inline(100), None);
    }
}

#[test]
fn a_slow_start_is_forgotten() {
    let cost = Cost::default();
    cost.record(100, busy(Duration::from_millis(30)), false);
    let runs = runs_home(&cost);
    assert!(runs < 40, "{runs} runs");
}

#[test]
fn slow_hops_of_a_busy_machine_do_not_keep_a_tiny_model_on_the_pool() {
    let cost = Cost::default();
    let mut runs = 0;
    while cost.inline(100).is_none() {
        let alone = cost.is_small(100);
        let spent = match alone {
            true => busy(TINY),
            false => waited(Duration::from_millis(5)),
        };
        cost.record(100, spent, alone);
        runs += 1;
    }
    assert!(runs <= 100, "{runs} runs");
}

#[test]
fn a_long_model_is_never_run_alone() {
    let cost = Cost::default();
    for _ in 0..100 {
        assert!(!cost.is_small(100));
        cost.record(100, busy(Duration::from_millis(60)), false);
    }
}

#[test]
fn a_stopwatch_tells_work_from_waiting() {
    let watch = Stopwatch::start(true);
    let busy_until = Instant::now() + Duration::from_millis(3);
    while Instant::now() < busy_until {
        std::hint::spin_loop();
    }
    let worked = watch.spent();
    std::thread::sleep(Duration::from_millis(20));
    let slept = watch.spent();
    assert!(worked.at_most() > Duration::ZERO && worked.at_most() <= worked.wall);
    assert!(slept.wall >= worked.wall + Duration::from_millis(20));
    assert!(slept.at_most() < worked.at_most() + Duration::from_millis(10));
    let unmeasured = Stopwatch::start(false).spent();
    assert_eq!(unmeasured.cpu, None);
    assert_eq!(unmeasured.at_most(), unmeasured.wall);
}

#[test]
fn a_turn_spends_its_budget_and_begins_anew() {
    let mut turn = Turn::new(Duration::from_micros(100));
    assert!(turn.allows(TINY) && turn.is_on());
    turn.spend(busy(Duration::from_micros(90)));
    assert!(!turn.allows(TINY) && !turn.is_over());
    turn.spend(busy(TINY));
    assert!(turn.is_over());
    turn.begin();
    assert!(turn.allows(TINY) && !turn.is_over());
    let off = Turn::new(Duration::ZERO);
    assert!(!off.allows(TINY) && !off.is_on() && !off.is_over());
}

#[test]
fn cpu_time_is_measured_while_the_wall_clock_leaves_doubts() {
    let quick = Spent {
        wall: TINY,
        cpu: None,
    };
    let slow = Spent {
        wall: Duration::from_millis(5),
        cpu: None,
    };
    let is_measured = |turn: &Turn| turn.measure().spent().cpu.is_some();
    let mut turn = Turn::new(Duration::from_millis(2));
    for _ in 0..DOUBTS {
        assert!(is_measured(&turn));
        turn.spend(busy(TINY));
    }
    assert!(!is_measured(&turn));
    turn.spend(quick);
    assert!(!is_measured(&turn));
    turn.spend(slow);
    assert!(is_measured(&turn));
}

#[test]
fn an_unmeasured_slow_run_says_nothing_of_the_cpu_time() {
    let cost = learned();
    let slow = Spent {
        wall: Duration::from_millis(50),
        cpu: None,
    };
    cost.record(100, slow, true);
    assert_eq!(cost.inline(100), Some(TINY));
    let quick = Spent {
        wall: 2 * TINY,
        cpu: None,
    };
    cost.record(100, quick, true);
    assert!(cost.inline(100) > Some(TINY));
}
