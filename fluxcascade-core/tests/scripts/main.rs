//! Large scripts drawn at random, over the whole line and both stores that are at hand: people edit,
//! create, delete, restore and merge on both sides, at any point of a run; calls fail by order and
//! by seed; processes are killed around any call; the mapping is revised; systems lag, rewrite
//! values and tell times badly, or are like the four real ones. When all has settled, an oracle
//! that knows nothing of the engine judges what happened.
//!
//! A test run plays a fixed set. `FLUXCASCADE_CASES=5000` plays as many new ones instead, and
//! `-- --ignored soak` goes on for `FLUXCASCADE_SOAK_SECONDS`; both say the seed and the smallest
//! script that fails. `FLUXCASCADE_SEED=… FLUXCASCADE_CASES=1` plays one again, and with
//! `FLUXCASCADE_TRACE=1` each of its runs is told. What a named scenario does, step by step, is in `tests/line`.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do
#![allow(clippy::print_stderr)] // how often what was hit is for people
#![allow(clippy::wildcard_enum_match_arm)] // what is drawn names what it changes, and leaves the rest
#![allow(clippy::struct_excessive_bools)] // each is a power that a system has or not
#![allow(clippy::large_futures)] // a world on the stack of a test is no loss

mod cells;
mod found;
mod ids;
mod kept;
mod kernels;
mod killed;
mod metamorphic;
mod people;
mod promises;
mod refers;
mod script;
mod sets;
mod setup;
mod state;
mod step;
mod storage;
mod tally;
mod values;
mod wanted;
mod world;

use std::io::Write as _;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::kept::Keeps;
use crate::sets::{Ends, Set, play_seed, play_set};
use crate::step::Theme;
use crate::storage::Storage;
use crate::tally::Tally;
use crate::values::Hand;

const ALL_HANDS: &[Hand] =
    &[Hand::AsSent, Hand::Upper, Hand::Lower, Hand::Trims, Hand::Cuts, Hand::Rounds];
/// The same for drawing: a value that is cut is the one that a write without an answer cannot be told
/// by.
const DRAWN_HANDS: &[Hand] = &[
    Hand::AsSent,
    Hand::Upper,
    Hand::Lower,
    Hand::Trims,
    Hand::Cuts,
    Hand::Cuts,
    Hand::Cuts,
    Hand::Rounds,
];

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

/// Another one each time, unless the environment says which.
fn first_seed() -> u64 {
    if let Ok(seed) = std::env::var("FLUXCASCADE_SEED") {
        return seed.parse().expect("FLUXCASCADE_SEED is a number");
    }
    let since = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    since.as_secs() * 1_000_000
}

const SETS: [Set; 6] = [
    Set {
        title: "as sent",
        theme: Theme::Values,
        hands: &[Hand::AsSent],
        storage: Storage::Memory,
        ends: Ends::Killed,
        keeps: Keeps::values,
        quick: 1100,
        share: 3,
    },
    Set {
        title: "rewritten",
        theme: Theme::Values,
        hands: DRAWN_HANDS,
        storage: Storage::Memory,
        ends: Ends::Killed,
        keeps: Keeps::values,
        quick: 1600,
        share: 3,
    },
    Set {
        title: "records",
        theme: Theme::Records,
        hands: &[Hand::AsSent],
        storage: Storage::Memory,
        ends: Ends::Killed,
        keeps: Keeps::values,
        quick: 2300,
        share: 3,
    },
    Set {
        title: "on a file",
        theme: Theme::Values,
        hands: DRAWN_HANDS,
        storage: Storage::Sqlite,
        ends: Ends::Killed,
        keeps: Keeps::values,
        quick: 60,
        share: 20,
    },
    Set {
        title: "without answers",
        theme: Theme::Values,
        hands: DRAWN_HANDS,
        storage: Storage::Memory,
        ends: Ends::Unanswered,
        keeps: Keeps::values,
        quick: 300,
        share: 10,
    },
    Set {
        title: "kept as fingerprints",
        theme: Theme::Values,
        hands: DRAWN_HANDS,
        storage: Storage::Memory,
        ends: Ends::Killed,
        keeps: Keeps::drawn,
        quick: 450,
        share: 6,
    },
];

/// P1–P8, P10, P11, P14, P15, P16, P17, P18, P20, P22, P26: two thousand scripts with faults and
/// crashes, and on a file the next process goes on from what is in it; and with answers of the store
/// that are lost.
#[test]
fn the_sides_agree_and_nothing_is_lost_or_made_up_whatever_happens() {
    let parts: Vec<(&Set, Range<u64>)> = SETS
        .iter()
        .flat_map(|set| {
            let all = seeds(set.quick, set.share);
            let half = all.start + (all.end - all.start) / 2;
            [(set, all.start..half), (set, half..all.end)]
        })
        .collect();
    let queue = Mutex::new(parts.into_iter());
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((set, seeds)) = next else { break };
                    let tally = play_set(set, seeds);
                    total.lock().unwrap().add(&tally);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    // It is for people: shown whether the test passes or not.
    writeln!(std::io::stderr(), "\n{}", total.print("scripts")).unwrap();
    if std::env::var("FLUXCASCADE_CASES").is_err() {
        total.assert_floor(20, &wanted::wanted());
    }
}

/// A soak of so many seconds (`FLUXCASCADE_SOAK_SECONDS`, 60 unless said otherwise): new scripts, and
/// by turns all kernels with all pairs of crashes and all scripts of two records and three edits with a
/// crash at each point. Each script that fails is told with its seed, as small as it could be made.
#[test]
#[ignore = "a soak, as long as it is told: FLUXCASCADE_SOAK_SECONDS=1800 cargo test \
            -p fluxcascade-core --release --test scripts -- --ignored soak --nocapture"]
fn soak() {
    let seconds = std::env::var("FLUXCASCADE_SOAK_SECONDS");
    let seconds = seconds.map_or(60, |text| text.parse().expect("a number of seconds"));
    let (began, first) = (std::time::Instant::now(), first_seed());
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(0));
    let total = Mutex::new(Tally::default());
    let is_over = || began.elapsed().as_secs() >= seconds;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in (0..).take_while(|_| !is_over()) {
                kernels::soak(step, &total);
            }
        });
        scope.spawn(|| {
            while !is_over() {
                let seed = next.fetch_add(1, Relaxed);
                let set = match seed % 40 {
                    0 => &SETS[3],
                    1..=4 => &SETS[4],
                    5..=9 => &SETS[5],
                    at => &SETS[(at % 3) as usize],
                };
                if let Err(failure) = play_seed(set, seed, &total) {
                    failed.fetch_add(1, Relaxed);
                    eprintln!("{}: {failure}\n", set.title);
                }
            }
        });
    });
    let (total, last) = (total.into_inner().unwrap(), next.load(Relaxed));
    eprintln!("{}", total.print(&format!("soak of {seconds} s, seeds {first} to {last}")));
    assert_eq!(failed.load(Relaxed), 0, "scripts fail: see above");
}
