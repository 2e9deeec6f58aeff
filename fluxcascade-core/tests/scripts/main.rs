//! Large scripts drawn at random, over the whole line and both stores that are at hand: people edit,
//! create and delete on both sides, calls fail, processes are killed around any call, the mapping
//! is revised, systems lag, rewrite values and tell times badly. When all has settled, an oracle
//! that knows nothing of the engine looks at what is left.
//!
//! A test run plays a fixed set. `FLUXCASCADE_CASES=5000` plays as many new ones per test instead
//! (a tenth of them on a file), and says the smallest script that fails. What a named scenario
//! does, step by step, is in `tests/line`.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod oracle;
mod script;
mod setup;
mod step;
mod world;

use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::script::{Script, Tally};
use crate::setup::{Case, Setup, Storage, setups};
use crate::step::{Step, steps};

/// How many scripts a test plays: these ones, or as many new ones as the environment asks for.
fn config(quick: u32, share: u32) -> Config {
    let asked = std::env::var("FLUXCASCADE_CASES").ok();
    let asked: Option<u32> = asked.map(|text| text.parse().expect("FLUXCASCADE_CASES is a number"));
    let (cases, rng_seed) = match asked {
        None => (quick, RngSeed::Fixed(7)),
        Some(asked) => ((asked / share).max(1), RngSeed::Random),
    };
    let max_shrink_iters = 20_000;
    Config { cases, rng_seed, max_shrink_iters, failure_persistence: None, ..Config::default() }
}

fn play(setup: Setup, steps: &[Step]) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut script = Script::new(setup).await;
        script.play(steps).await;
        oracle::check(&script).await
    })
}

/// Plays all scripts, and makes sure that what they are for did happen.
fn play_all(config: Config, setups: impl Strategy<Value = Setup>) {
    let floor = (config.cases as usize / 20).clamp(1, 20);
    let total = Mutex::new(Tally::default());
    let played = TestRunner::new(config).run(&(setups, steps()), |(setup, steps)| {
        let tally = play(setup, &steps);
        let mut total = total.lock().unwrap();
        total.cut_off += tally.cut_off;
        total.misled += tally.misled;
        total.created += tally.created;
        total.conflicts += tally.conflicts;
        total.failed += tally.failed;
        Ok(())
    });
    if let Err(error) = played {
        panic!("{error}");
    }
    let Tally { cut_off, misled, created, conflicts, failed } = total.into_inner().unwrap();
    let least = cut_off.min(misled).min(created).min(conflicts).min(failed);
    assert!(
        least >= floor,
        "of some there were fewer than {floor}: {cut_off} runs cut off, {misled} misled, \
         {failed} failed, {created} records created, {conflicts} conflicts"
    );
}

/// P1, P2, P3, P4, P6, P7, P8, P10, P17, P20, with a store that only the process forgets.
#[test]
fn the_sides_agree_and_nothing_is_lost_or_made_up_whatever_happens() {
    play_all(config(200, 1), setups(&[Case::AsSent], Storage::Memory));
}

/// P22, and the same with systems that write values down in another way.
#[test]
fn systems_that_rewrite_what_they_get_come_to_rest_whatever_happens() {
    play_all(config(200, 1), setups(&[Case::AsSent, Case::Upper, Case::Lower], Storage::Memory));
}

/// P17: a process that is killed leaves behind what is in the file, and no more.
#[test]
fn the_next_process_goes_on_from_the_file_whatever_happens() {
    play_all(config(30, 10), setups(&[Case::AsSent], Storage::Sqlite));
}
