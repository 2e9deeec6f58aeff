//! Detect, merge and plan over linked pairs, beside plain `==` of the same values.
//!
//! The store and the systems are not here: works are in memory, as the planner gets them.
//! `benches/README.md` says what the figures mean.

#![expect(clippy::print_stdout, reason = "the ratio is this program's output")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use fluxcascade_benches::{Edits, FIELDS, Fixture, PAGE};

/// How many linked pairs.
const RECORDS: u32 = 100_000;
/// How often plan and `==` are timed by turns, for their ratio.
const ROUNDS: usize = 15;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    for (name, edits) in [("unchanged", Edits::None), ("one_percent_edited", Edits::OnePercent)] {
        let fixture = Fixture::new(RECORDS as usize, FIELDS, edits);
        check(&fixture, edits);
        measure(&mut criterion, name, &fixture);
        if std::env::args().any(|argument| argument == "--bench") {
            print_ratio(name, &fixture);
        }
    }
    criterion.final_summary();
}

/// A bench of something that does not do its work would be fast.
fn check(fixture: &Fixture, edits: Edits) {
    let edited = RECORDS as usize / 100;
    let (writes, differences) = match edits {
        Edits::None => (0, 0),
        Edits::OnePercent => (edited, 2 * 2 * edited), // two fields on each of two sides
    };
    let planned = fixture.plan_all();
    assert_eq!((planned.source, planned.target), (writes, writes));
    assert_eq!(fixture.compare_all(), differences);
    assert!(fixture.pages().iter().all(|page| fixture.plan(page).needs.is_empty()));
}

fn measure(criterion: &mut Criterion, name: &str, fixture: &Fixture) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(u64::from(RECORDS)));
    group.bench_function(BenchmarkId::new("plan", RECORDS), |b| {
        b.iter(|| black_box(fixture).plan_all());
    });
    group.bench_function(BenchmarkId::new("plain_eq", RECORDS), |b| {
        b.iter(|| black_box(fixture).compare_all());
    });
    // One page over and over: everything is in the processor's cache, as after a store's read.
    group.throughput(Throughput::Elements(PAGE as u64));
    let page = &fixture.pages()[0];
    group.bench_function(BenchmarkId::new("plan", PAGE), |b| {
        b.iter(|| fixture.plan(black_box(page)));
    });
    group.bench_function(BenchmarkId::new("plain_eq", PAGE), |b| {
        b.iter(|| black_box(page).compare());
    });
    group.finish();
}

/// Times both by turns, so that what slows the machine down slows both down, and prints medians.
fn print_ratio(name: &str, fixture: &Fixture) {
    let page = &fixture.pages()[0];
    let pages = RECORDS as usize / PAGE;
    let rows = [
        ("100,000 pairs", by_turns(|| fixture.plan_all(), || fixture.compare_all())),
        (
            "one page, cached",
            by_turns(
                || (0..pages).for_each(|_| drop(black_box(fixture.plan(black_box(page))))),
                || (0..pages).map(|_| black_box(page).compare()).sum::<usize>(),
            ),
        ),
    ];
    for (what, (plan, equal)) in rows {
        println!(
            "{name}, {what}: plan {plan:.0} ns per record, plain == {equal:.0} ns, ratio {:.2}",
            plan / equal
        );
    }
}

/// The medians of both, in nanoseconds per record.
fn by_turns<A, B>(plan: impl Fn() -> A, equal: impl Fn() -> B) -> (f64, f64) {
    let (mut plans, mut equals) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plans.push(per_record(&plan));
        equals.push(per_record(&equal));
    }
    (median(plans), median(equals))
}

fn per_record<T>(what: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    black_box(what());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(RECORDS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
