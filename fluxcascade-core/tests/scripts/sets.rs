//! How a set of drawn scripts is played: each from its seed, and one that fails as small as it can be
//! made. Which sets there are, and how long they are played, is each test program's.

use std::ops::Range;
use std::sync::Mutex;

use fluxcascade_core::mapping::DeletePolicy;
use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::kept::Keeps;
use crate::script::Script;
use crate::setup::{Revision, Setup, setups};
use crate::step::{Crash, Play, Theme, plays};
use crate::storage::Storage;
use crate::tally::Tally;
use crate::values::Hand;

/// One script, from this seed.
pub(crate) fn config(seed: u64) -> Config {
    Config {
        cases: 1,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 2000,
        failure_persistence: None,
        ..Config::default()
    }
}

/// What a script runs on, with all that a store's driver may need.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn play(setup: Setup, play: &Play) -> Tally {
    runtime().block_on(Script::play(setup, play))
}

/// How runs end that do not come to their end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The process is killed.
    Killed,
    /// A call of the store gets no answer, done or not.
    Unanswered,
}

/// Ends the runs of a script as its set has it.
fn ended(ends: Ends, mut script: Play) -> Play {
    let crashes = script.rounds.iter_mut().flat_map(|round| &mut round.crashes);
    for crash in crashes.filter(|_| ends == Ends::Unanswered) {
        *crash = match *crash {
            Crash::At(point) | Crash::Amid(point) | Crash::Unanswered(point) => {
                Crash::Unanswered(point)
            }
            Crash::No => Crash::No,
        };
    }
    script
}

/// Where a record may be removed because its twin was, no field is left out of the mapping: what was
/// edited there meanwhile would go with it.
fn tame(setup: &Setup, mut script: Play) -> Play {
    if removes(setup) {
        for round in &mut script.rounds {
            round.revision = Revision::Whole;
        }
    }
    script
}

/// Whether a record may be removed because its twin was.
fn removes(setup: &Setup) -> bool {
    setup.policies.on_delete.iter().any(|(_, policy)| match policy {
        DeletePolicy::Archive | DeletePolicy::Delete => true,
        DeletePolicy::Unlink | DeletePolicy::Recreate => false,
    })
}

/// Plays the script of a seed. If it fails: why, and the smallest script that fails so.
pub(crate) fn play_seed(set: &Set, seed: u64, total: &Mutex<Tally>) -> Result<(), String> {
    let keeps = (set.keeps)(seed);
    let setups = setups(set.hands, set.storage);
    let setups = setups.prop_map(move |setup| Setup { keeps, ..setup });
    let drawn = (setups, plays(set.theme));
    let played = TestRunner::new(config(seed)).run(&drawn, |(setup, script)| {
        let script = ended(set.ends, tame(&setup, script));
        let tally = play(setup, &script);
        total.lock().unwrap().add(&tally);
        Ok(())
    });
    match played {
        Ok(()) => Ok(()),
        Err(TestError::Abort(why)) => Err(format!("seed {seed}: {why}")),
        Err(TestError::Fail(why, (setup, script))) => {
            let script = ended(set.ends, tame(&setup, script));
            Err(format!(
                "seed {seed}: {why}\nthe smallest script that fails:\n{setup:?}\n{script:?}"
            ))
        }
    }
}

/// A set of scripts.
pub(crate) struct Set {
    pub(crate) title: &'static str,
    pub(crate) theme: Theme,
    pub(crate) hands: &'static [Hand],
    pub(crate) storage: Storage,
    pub(crate) ends: Ends,
    /// What the mapping of a script keeps of its pairs, by the script's seed.
    pub(crate) keeps: fn(u64) -> Keeps,
    /// How many are played in a test run, and which share of those that are asked for.
    pub(crate) quick: u64,
    pub(crate) share: u64,
}

/// Plays all scripts of a set, and says how often what happened.
pub(crate) fn play_set(set: &Set, seeds: Range<u64>) -> Tally {
    let total = Mutex::new(Tally::default());
    for seed in seeds {
        if let Err(failure) = play_seed(set, seed, &total) {
            panic!("{}: {failure}", set.title);
        }
    }
    total.into_inner().unwrap()
}
