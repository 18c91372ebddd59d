//! Whose turn it is on the pool, without threads and with times of the test's.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use servable_engine::schedule::lines::{Line, Lines, Ticket};

const MS: Duration = Duration::from_millis(1);

fn line(number: u64) -> Line {
    Line::numbered(number)
}

fn push(lines: &mut Lines<u64>, of: Line, job: u64) {
    lines.push(of, job, Instant::now());
}

/// Lets the first run of a line teach what its runs take.
fn teach(lines: &mut Lines<u64>, of: Line, took: Duration) {
    push(lines, of, 0);
    let (ticket, _) = lines.begin().unwrap().split();
    lines.ended(ticket, Some(took));
}

/// Begins the next job; tells whose it is.
fn begin(lines: &mut Lines<u64>) -> Option<(Line, Ticket)> {
    let turn = lines.begin()?;
    Some((turn.line, turn.split().0))
}

#[test]
fn a_hundred_runs_of_a_quick_model_come_to_one_of_a_slow_one() {
    let mut lines = Lines::new(1, 10_000);
    let (slow, quick) = (line(1), line(2));
    teach(&mut lines, slow, 100 * MS);
    teach(&mut lines, quick, MS);
    for job in 0..1000 {
        push(&mut lines, slow, job);
        push(&mut lines, quick, job);
    }
    let mut turns = HashMap::new();
    for _ in 0..505 {
        let (whose, ticket) = begin(&mut lines).unwrap();
        *turns.entry(whose).or_insert(0) += 1;
        lines.ended(ticket, Some(if whose == slow { 100 * MS } else { MS }));
    }
    assert!(turns[&quick] >= 495, "quick: {} turns", turns[&quick]);
    assert!(turns[&slow] >= 4, "slow: {} turns", turns[&slow]);
}

#[test]
fn a_line_that_was_idle_has_saved_nothing_up() {
    let mut lines = Lines::new(1, 10_000);
    let (busy, idle) = (line(1), line(2));
    teach(&mut lines, idle, MS);
    for job in 0..200 {
        push(&mut lines, busy, job);
    }
    for _ in 0..100 {
        let (_, ticket) = begin(&mut lines).unwrap();
        lines.ended(ticket, Some(MS));
    }
    for job in 0..100 {
        push(&mut lines, idle, job);
    }
    let mut in_a_row = 0;
    for _ in 0..20 {
        let (whose, ticket) = begin(&mut lines).unwrap();
        in_a_row = if whose == idle { in_a_row + 1 } else { 0 };
        assert!(in_a_row <= 2, "the other line waits for {in_a_row} turns");
        lines.ended(ticket, Some(MS));
    }
}

#[test]
fn a_quick_model_gets_the_spare_thread_while_a_slow_one_holds_all_others() {
    let mut lines = Lines::new(2, 100);
    let (slow, quick, middling) = (line(1), line(2), line(3));
    teach(&mut lines, slow, 100 * MS);
    teach(&mut lines, quick, MS);
    teach(&mut lines, middling, 50 * MS);
    for job in 0..10 {
        push(&mut lines, slow, job);
    }
    assert_eq!(begin(&mut lines).unwrap().0, slow);
    let (_, second) = begin(&mut lines).unwrap();
    assert!(!lines.may_start(), "the spare thread is not for more of it");
    push(&mut lines, middling, 0);
    assert!(!lines.may_start(), "nor for one that may take as long");
    push(&mut lines, quick, 0);
    push(&mut lines, quick, 1);
    let (whose, spare) = begin(&mut lines).unwrap();
    assert_eq!(whose, quick);
    assert!(!lines.may_start(), "there is one spare thread");
    lines.ended(spare, Some(MS));
    assert_eq!(begin(&mut lines).unwrap().0, quick, "its next in turn");
    lines.ended(second, Some(100 * MS));
    assert!(
        !lines.may_start(),
        "two threads and the spare one are running again"
    );
}

#[test]
fn one_thread_has_no_spare_one() {
    let mut lines = Lines::new(1, 100);
    let (slow, quick) = (line(1), line(2));
    teach(&mut lines, slow, 100 * MS);
    push(&mut lines, slow, 0);
    let (_, ticket) = begin(&mut lines).unwrap();
    push(&mut lines, quick, 0);
    assert!(!lines.may_start());
    lines.ended(ticket, Some(100 * MS));
    assert_eq!(begin(&mut lines).unwrap().0, quick);
}

#[test]
fn a_model_that_fills_its_line_takes_no_other_models_place() {
    let mut lines = Lines::new(2, 8);
    let (greedy, other) = (line(1), line(2));
    while lines.has_room(greedy) {
        push(&mut lines, greedy, 0);
    }
    assert_eq!(lines.waiting_in(greedy), 8);
    for _ in 0..4 {
        assert!(lines.has_room(other));
        push(&mut lines, other, 0);
    }
    assert!(!lines.has_room(other), "half of the places is its share");
    assert!(!lines.has_room(greedy));
}

#[test]
fn a_wait_counts_what_others_may_take_meanwhile_and_no_more() {
    let mut lines = Lines::new(2, 1000);
    let (slow, quick) = (line(1), line(2));
    teach(&mut lines, slow, 100 * MS);
    teach(&mut lines, quick, MS);
    for _ in 0..50 {
        push(&mut lines, slow, 0);
    }
    for _ in 0..10 {
        push(&mut lines, quick, 0);
    }
    assert_eq!(
        lines.expected_wait(quick),
        10 * MS,
        "10 ms of its own, 10 of the slow one's"
    );
    assert_eq!(lines.expected_wait(slow), 2505 * MS);
    assert_eq!(lines.expected_wait(line(3)), Duration::ZERO);
}

#[test]
fn a_line_that_is_never_empty_may_only_be_half_as_long() {
    let mut lines = Lines::new(2, 4096);
    let model = line(1);
    teach(&mut lines, model, 5 * MS);
    let longest = Some(2000 * MS);
    let began = Instant::now();
    let at = |ms: u32| began + ms * MS;
    let fill = |lines: &mut Lines<u64>, now: Instant| {
        while !lines.is_full(model, longest, now) {
            lines.push(model, 0, now);
        }
        lines.waiting_in(model)
    };
    assert_eq!(fill(&mut lines, at(0)), 801, "a burst of two seconds");
    assert_eq!(fill(&mut lines, at(1900)), 801);
    for _ in 0..400 {
        let (_, ticket) = begin(&mut lines).unwrap();
        lines.ended(ticket, Some(5 * MS));
    }
    assert!(
        lines.is_full(model, longest, at(2100)),
        "one second of work and it lasts"
    );
    while let Some((_, ticket)) = begin(&mut lines) {
        lines.ended(ticket, Some(5 * MS));
    }
    assert_eq!(fill(&mut lines, at(2200)), 801, "an empty line begins anew");
    assert!(!lines.is_full(line(2), longest, at(9000)));
    let (slow, few) = (line(3), 64);
    teach(&mut lines, slow, 10_000 * MS);
    for job in 0..few {
        assert!(!lines.is_full(slow, longest, at(9000)), "{job} wait");
        push(&mut lines, slow, job);
    }
    assert!(lines.is_full(slow, longest, at(9000)));
}

#[test]
fn names_made_up_by_clients_are_not_kept() {
    let mut lines = Lines::new(1, 10_000);
    let known = Line::of("known");
    push(&mut lines, known, 7);
    for made_up in 0..5000 {
        push(&mut lines, Line::of(&format!("made up {made_up}")), made_up);
        let (ticket, _) = lines.begin().unwrap().split();
        lines.ended(ticket, None);
    }
    assert!(lines.remembered() <= 1025, "{} lines", lines.remembered());
    assert_eq!(lines.waiting(), 1);
}

/// What may happen to a pool.
#[derive(Debug, Clone)]
enum Event {
    Push(u64),
    Begin,
    /// The oldest run ends after so many milliseconds; without a number the job was not run.
    End(Option<u32>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0_u64..5).prop_map(Event::Push),
        4 => Just(Event::Begin),
        3 => proptest::option::of(0_u32..200).prop_map(Event::End),
    ]
}

proptest! {
    #[test]
    fn every_job_has_its_turn_once_and_in_its_lines_order(
        threads in 1_usize..4,
        events in proptest::collection::vec(event(), 1..300),
    ) {
        let mut lines: Lines<u64> = Lines::new(threads, 1000);
        let mut pushed: HashMap<Line, u64> = HashMap::new();
        let mut begun: HashMap<Line, u64> = HashMap::new();
        let mut running: Vec<Ticket> = Vec::new();
        let mut start = |lines: &mut Lines<u64>, running: &mut Vec<Ticket>| -> Result<bool, TestCaseError> {
            let promised = lines.may_start();
            let Some(turn) = lines.begin() else {
                prop_assert!(!promised);
                return Ok(false);
            };
            prop_assert!(promised);
            let whose = turn.line;
            let (ticket, job) = turn.split();
            let next = begun.entry(whose).or_insert(0);
            prop_assert_eq!(job, *next, "in order");
            *next += 1;
            running.push(ticket);
            Ok(true)
        };
        for event in events {
            match event {
                Event::Push(number) => {
                    let next = pushed.entry(line(number)).or_insert(0);
                    push(&mut lines, line(number), *next);
                    *next += 1;
                }
                Event::Begin => {
                    start(&mut lines, &mut running)?;
                    let most = threads + usize::from(threads > 1);
                    prop_assert!(lines.running() <= most);
                    prop_assert_eq!(lines.running(), running.len());
                    prop_assert!(lines.waiting() == 0 || lines.running() >= threads || lines.may_start());
                }
                Event::End(took) if !running.is_empty() => {
                    lines.ended(running.remove(0), took.map(|ms| ms * MS));
                }
                Event::End(_) => {}
            }
        }
        loop {
            while start(&mut lines, &mut running)? {}
            if running.is_empty() {
                break;
            }
            lines.ended(running.remove(0), Some(MS));
        }
        prop_assert_eq!(lines.waiting(), 0);
        prop_assert_eq!(begun, pushed);
    }

    #[test]
    fn lines_that_always_want_more_get_the_same_time(
        costs in proptest::collection::vec(1_u32..100, 2..5),
        turns in 50_usize..400,
    ) {
        let mut lines: Lines<u64> = Lines::new(1, 1000);
        let mut served = vec![Duration::ZERO; costs.len()];
        for (number, cost) in costs.iter().enumerate() {
            teach(&mut lines, line(number as u64), *cost * MS);
        }
        for number in 0..costs.len() {
            push(&mut lines, line(number as u64), 0);
            push(&mut lines, line(number as u64), 0);
        }
        for _ in 0..turns {
            let (whose, ticket) = begin(&mut lines).unwrap();
            let number = (0..costs.len()).find(|at| line(*at as u64) == whose).unwrap();
            let took = costs[number] * MS;
            served[number] += took;
            lines.ended(ticket, Some(took));
            push(&mut lines, whose, 0);
        }
        let longest = *costs.iter().max().unwrap() * MS;
        let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
        // Teaching them one after the other has put their clocks up to one run apart.
        prop_assert!(*most <= *least + 3 * longest, "{served:?}, longest run {longest:?}");
    }

    #[test]
    fn whoever_waits_is_not_overtaken_for_ever(
        rival in 1_u32..50,
        own in 1_u32..500,
    ) {
        let mut lines: Lines<u64> = Lines::new(1, 1000);
        teach(&mut lines, line(1), rival * MS);
        teach(&mut lines, line(2), own * MS);
        push(&mut lines, line(2), 0);
        let (_, ticket) = begin(&mut lines).unwrap();
        lines.ended(ticket, Some(own * MS));
        push(&mut lines, line(2), 1);
        push(&mut lines, line(1), 0);
        let mut overtaken = 0;
        loop {
            let (whose, ticket) = begin(&mut lines).unwrap();
            if whose == line(2) {
                break;
            }
            overtaken += 1;
            prop_assert!(overtaken <= 2 * own / rival + 2, "{overtaken} times");
            lines.ended(ticket, Some(rival * MS));
            push(&mut lines, line(1), 0);
        }
    }
}
