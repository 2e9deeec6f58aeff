//! Large scripts drawn at random, over the whole line and both stores that are at hand: people edit,
//! create, delete, restore and merge on both sides, at any point of a run; calls fail by order and
//! by seed; processes are killed around any call; the mapping is revised; systems lag, rewrite
//! values and tell times badly, or are like the four real ones. When all has settled, an oracle
//! that knows nothing of the engine judges what happened.
//!
//! A test run plays a fixed set. `FLUXCASCADE_CASES=5000` plays as many new ones per test instead
//! (a tenth of them on a file), and says the smallest script that fails. What a named scenario
//! does, step by step, is in `tests/line`.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod cells;
mod kernels;
mod metamorphic;
mod people;
mod promises;
mod script;
mod setup;
mod state;
mod step;
mod tally;
mod values;
mod world;

use std::ops::Range;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::script::Script;
use crate::setup::{Setup, Storage, setups};
use crate::step::{Play, plays};
use crate::tally::Tally;
use crate::values::Hand;

const ALL_HANDS: &[Hand] =
    &[Hand::AsSent, Hand::Upper, Hand::Lower, Hand::Trims, Hand::Cuts, Hand::Rounds];

/// How many scripts a test plays: these ones, or as many new ones as the environment asks for.
fn seeds(quick: u64, share: u64) -> Range<u64> {
    let asked = std::env::var("FLUXCASCADE_CASES").ok();
    let asked: Option<u64> = asked.map(|text| text.parse().expect("FLUXCASCADE_CASES is a number"));
    match asked {
        None => 0..quick,
        Some(asked) => {
            let first = first_seed();
            first..first + (asked / share).max(1)
        }
    }
}

/// One script, from this seed.
fn config(seed: u64) -> Config {
    Config {
        cases: 1,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 2000,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Another one each time, unless the environment says which.
fn first_seed() -> u64 {
    match std::env::var("FLUXCASCADE_SEED") {
        Ok(seed) => seed.parse().expect("FLUXCASCADE_SEED is a number"),
        Err(_) => {
            let since = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
            since.as_secs() * 1_000_000
        }
    }
}

fn play(setup: Setup, play: &Play) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Script::play(setup, play))
}

/// Plays the script of a seed. If it fails: why, and the smallest script that fails so.
fn play_seed(seed: u64, setups: &BoxedStrategy<Setup>, total: &Mutex<Tally>) -> Result<(), String> {
    let played = TestRunner::new(config(seed)).run(&(setups, plays()), |(setup, script)| {
        let tally = play(setup, &script);
        total.lock().unwrap().add(&tally);
        Ok(())
    });
    match played {
        Ok(()) => Ok(()),
        Err(TestError::Abort(why)) => Err(format!("seed {seed}: {why}")),
        Err(TestError::Fail(why, (setup, script))) => Err(format!(
            "seed {seed}: {why}\nthe smallest script that fails:\n{setup:?}\n{script:?}"
        )),
    }
}

/// Plays all scripts, and says how often what happened.
fn play_all(
    title: &str,
    seeds: Range<u64>,
    setups: impl Strategy<Value = Setup> + 'static,
) -> Tally {
    let (total, setups) = (Mutex::new(Tally::default()), setups.boxed());
    let survey = std::env::var("SURVEY").is_ok();
    let mut failures = Vec::new();
    for seed in seeds {
        match play_seed(seed, &setups, &total) {
            Ok(()) => {}
            Err(failure) if survey => failures.push(failure),
            Err(failure) => panic!("{title}: {failure}"),
        }
    }
    let total = total.into_inner().unwrap();
    eprintln!("{}", total.print(title));
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n\n"));
    total
}

/// P1, P2, P3, P4, P5, P6, P7, P8, P10, P15, P17, P20, with a store that only the process forgets.
#[test]
fn the_sides_agree_and_nothing_is_lost_or_made_up_whatever_happens() {
    play_all("as sent", seeds(200, 1), setups(&[Hand::AsSent], Storage::Memory));
}

/// P22, and the same with systems that write values down in another way.
#[test]
fn systems_that_rewrite_what_they_get_come_to_rest_whatever_happens() {
    play_all("rewriting", seeds(200, 1), setups(ALL_HANDS, Storage::Memory));
}

/// P17: a process that is killed leaves behind what is in the file, and no more.
#[test]
fn the_next_process_goes_on_from_the_file_whatever_happens() {
    play_all("on a file", seeds(30, 10), setups(&[Hand::AsSent], Storage::Sqlite));
}
