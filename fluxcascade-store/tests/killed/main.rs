//! A process that syncs HubSpot and Jobber is killed with SIGKILL at random moments, again and again,
//! while users edit records in both. The systems are simulated, as servers of this process, which is
//! not killed; the store is a file, or on a server. In the end no update is lost, nothing is there
//! twice, and nothing is unlinked.
//!
//! A test run kills twenty times for each store; `-- --ignored killed_500_times` is the soak. The seed
//! is printed, and `FLUXCASCADE_SEED` gives it again: what is edited and when the process is to be
//! killed is the same then, where it is killed is not.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod child;
#[cfg(feature = "postgres")]
mod fleet;
#[cfg(feature = "postgres")]
#[path = "../shared/server.rs"]
mod server;
mod systems;
#[cfg(feature = "postgres")]
mod worker;

use std::time::{Duration, Instant};

use crate::child::{Heard, Kept, Running};
use crate::systems::Systems;

/// How many people there are from the start on.
const PEOPLE: usize = 30;

/// What users do in one run of the process.
const DEEDS: u64 = 8;

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A moment within a time.
    fn moment(&mut self, within: Duration) -> Duration {
        within * self.below(1000) / 1000
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.roll() % u64::from(end)).unwrap()
    }
}

fn seed() -> u64 {
    if let Ok(seed) = std::env::var("FLUXCASCADE_SEED") {
        return seed.parse().expect("FLUXCASCADE_SEED is a number");
    }
    u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()
}

/// How the processes ended that were to be killed.
#[derive(Debug, Default)]
struct Told {
    /// Before its run began.
    early: usize,
    amid: usize,
    /// It was done before its time came.
    late: usize,
}

/// Kills a process in its run so many times, and judges what is left.
#[allow(clippy::print_stderr, reason = "the seed is for people")]
fn killed(times: usize, kept: &Kept) {
    let seed = seed();
    let mut dice = Dice(seed);
    let mut systems = Systems::start(PEOPLE);
    let mut told = Told::default();
    // How long a run takes that nobody kills, with as much to do.
    Running::start(&systems.order(kept), systems.ahead()).finish();
    systems.learn(kept);
    (0..DEEDS).for_each(|_| systems.act(dice.below(16), dice.roll()));
    systems.minutes(6);
    let (took, _) = Running::start(&systems.order(kept), systems.ahead()).finish();
    while told.amid < times {
        let all = told.early + told.amid + told.late;
        assert!(all < 20 * times, "seed {seed}: runs end before they can be killed: {told:?}");
        let running = Running::start(&systems.order(kept), systems.ahead());
        // Some are killed while they open the store and ask for accounts and schemas.
        let begun = if dice.below(8) == 0 {
            running.hear(dice.moment(took))
        } else {
            running.hear(Duration::from_secs(60))
        };
        match begun {
            Heard::Nothing => told.early += 1,
            Heard::Begun => match until_killed(&running, &mut systems, &mut dice, took) {
                Heard::Nothing => told.amid += 1,
                Heard::Synced(_) => told.late += 1,
                heard @ (Heard::Begun | Heard::Failed(_) | Heard::Ended) => {
                    panic!("seed {seed}: {heard:?} (P17)")
                }
            },
            heard @ (Heard::Synced(_) | Heard::Failed(_) | Heard::Ended) => {
                panic!("seed {seed}: {heard:?} (P17)")
            }
        }
        running.kill();
        systems.learn(kept);
        // Its lease has ended when the next process comes, and look-ups show what it made.
        systems.minutes(6);
    }
    settle(&mut systems, kept, seed);
    eprintln!("killed on {}, seed {seed}: {told:?}", kept.word());
    systems.judge(kept);
}

/// Users act while the process runs, until the moment at which it is to be killed or it is done.
fn until_killed(
    running: &Running,
    systems: &mut Systems,
    dice: &mut Dice,
    took: Duration,
) -> Heard {
    let began = Instant::now();
    let end = dice.moment(took);
    let mut deeds: Vec<Duration> = (0..DEEDS).map(|_| dice.moment(took)).collect();
    deeds.sort();
    for at in deeds.into_iter().filter(|at| *at < end) {
        match running.hear(at.saturating_sub(began.elapsed())) {
            Heard::Nothing => systems.act(dice.below(16), dice.roll()),
            heard @ (Heard::Begun | Heard::Synced(_) | Heard::Failed(_) | Heard::Ended) => {
                return heard;
            }
        }
    }
    running.hear(end.saturating_sub(began.elapsed()))
}

/// Runs that nobody kills, until two after another have nothing to do (P1).
fn settle(systems: &mut Systems, kept: &Kept, seed: u64) {
    let mut quiet = 0;
    for _ in 0..6 {
        systems.minutes(15);
        let (_, writes) = Running::start(&systems.order(kept), systems.ahead()).finish();
        quiet = if writes == 0 { quiet + 1 } else { 0 };
        if quiet == 2 {
            return;
        }
    }
    panic!("seed {seed}: six runs did not come to rest (P1)");
}

/// P17 over P1–P6.
#[test]
fn a_process_that_is_killed_again_and_again_loses_and_doubles_nothing_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    killed(20, &Kept::File(folder.path().join("sync.db")));
}

/// P17 over P1–P6.
#[cfg(feature = "postgres")]
#[test]
fn a_process_that_is_killed_again_and_again_loses_and_doubles_nothing_on_a_server() {
    let Some(place) = server::Place::or_skip() else { return };
    killed(20, &Kept::Server(place));
}

#[test]
#[ignore = "a soak of some minutes: cargo test --release -p fluxcascade-store --features postgres --test killed \
            -- --ignored killed_500_times --nocapture"]
fn killed_500_times_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    killed(500, &Kept::File(folder.path().join("sync.db")));
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "a soak of some minutes: cargo test --release -p fluxcascade-store --features postgres --test killed \
            -- --ignored killed_500_times --nocapture"]
fn killed_500_times_on_a_server() {
    killed(500, &Kept::Server(server::Place::new().unwrap()));
}

/// P24 and P17 over P1–P6: four workers on one server.
#[cfg(feature = "postgres")]
#[test]
fn four_workers_of_which_some_are_killed_and_one_stands_still_do_what_one_does() {
    fleet::mishaps(fleet::Mishaps { kills: 3, pauses: 1 });
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "a soak of some minutes: cargo test --release -p fluxcascade-store --features postgres --test killed \
            -- --ignored four_workers_for_long --nocapture"]
fn four_workers_for_long() {
    fleet::mishaps(fleet::Mishaps { kills: 60, pauses: 20 });
}
