//! The same script in two worlds that should not matter: both end alike.
//!
//! P9, P12, P16, P21. Nothing is edited within a run, and nothing fails: what a person sees of
//! another's edit then depends on the run, and the scripts would not be the same.

use std::ops::Range;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::kept::Keeps;
use crate::script::Script;
use crate::seeds;
use crate::sets::config;
use crate::setup::{Manner, Revision, Setup, View, setups};
use crate::state::State;
use crate::step::{Crash, Deed, Play, Theme, plays};
use crate::storage::Storage;
use crate::tally::Tally;
use crate::values::Hand;

/// A script in which people act between runs, and nothing fails.
fn calm(play: Play) -> Play {
    let acts = |deed: &Deed| match deed {
        Deed::Edit(_)
        | Deed::Clash(..)
        | Deed::Agree(..)
        | Deed::Blank(_)
        | Deed::Refer(..)
        | Deed::Mail(..)
        | Deed::Create(_)
        | Deed::Twin(..)
        | Deed::Hide(..)
        | Deed::Show(..)
        | Deed::HideField(_)
        | Deed::ShowField(_)
        | Deed::Refuse(..)
        | Deed::Accept(..)
        | Deed::Delete(..)
        | Deed::DeleteBoth(_)
        | Deed::Garble(..)
        | Deed::Restore(..)
        | Deed::Merge(..) => true,
        Deed::Fail(..) | Deed::Wait(_) | Deed::EventsFail(..) => false,
    };
    let rounds = play.rounds.into_iter().map(|mut round| {
        round.before.retain(acts);
        round.during.clear();
        round.crashes = vec![Crash::No];
        round.mislead = false;
        round.answers = None;
        // Longer than any lag: what a run sees is then told by the script.
        round.wait += 1200;
        round
    });
    Play { rounds: rounds.collect(), ..play }
}

fn still(mut setup: Setup) -> Setup {
    setup.systems = setup.systems.map(Manner::without_faults);
    setup.webhooks = false;
    setup.refers = false; // a row of a value that names a record has an id in it
    setup
}

async fn state(setup: &Setup, play: &Play) -> (State, Tally) {
    let mut script = Script::begin(setup.clone(), &play.start).await;
    for round in &play.rounds {
        script.round(round).await;
    }
    script.settle_in(6).await;
    let remains = script.world.remains().await;
    (State::of(&script.world, &remains), script.finish())
}

/// Plays each script as it is and in the other world, and compares.
fn alike(title: &str, seeds: Range<u64>, other: impl Fn(&Setup) -> Setup) {
    alike_if(title, seeds, |play| play, other);
}

fn alike_if(
    title: &str,
    seeds: Range<u64>,
    tame: impl Fn(Play) -> Play + Clone + 'static,
    other: impl Fn(&Setup) -> Setup,
) {
    alike_of(title, seeds, (|setup| setup, tame), other);
}

fn alike_of(
    title: &str,
    seeds: Range<u64>,
    (of, tame): (
        impl Fn(Setup) -> Setup + Clone + 'static,
        impl Fn(Play) -> Play + Clone + 'static,
    ),
    other: impl Fn(&Setup) -> Setup,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let total = Mutex::new(Tally::default());
    for seed in seeds {
        let setups = setups(&[Hand::AsSent], Storage::Memory).prop_map(still).prop_map(of.clone());
        let plays = plays(Theme::Values).prop_map(calm).prop_map(tame.clone());
        let played = TestRunner::new(config(seed)).run(&(setups, plays), |(setup, play)| {
            let ((one, tally), (two, _)) = runtime.block_on(async {
                (state(&setup, &play).await, state(&other(&setup), &play).await)
            });
            total.lock().unwrap().add(&tally);
            prop_assert_eq!(one, two);
            Ok(())
        });
        if let Err(error) = played {
            panic!("{title}: seed {seed}: {error}");
        }
    }
    eprintln!("{}", total.lock().unwrap().print(title));
}

fn quick() -> Range<u64> {
    seeds(40, 10)
}

/// P9: what is said of the source is true of the target if everything is mirrored.
#[test]
fn sides_that_are_swapped_end_alike() {
    alike("sides swapped", quick(), |setup| Setup { view: View::Swapped, ..setup.clone() });
}

/// P21, but for a record that is deleted after another was merged into it: which of two links
/// follows is told by their ids.
#[test]
fn records_in_another_order_end_alike() {
    let without_merges = |mut play: Play| {
        for round in &mut play.rounds {
            round.before.retain(|deed| !matches!(deed, Deed::Merge(..)));
        }
        play
    };
    let other = |setup: &Setup| Setup { view: View::IdsPermuted, ..setup.clone() };
    alike_if("ids permuted", quick(), without_merges, other);
}

/// P12: both clocks, for a conflict may be decided by which edit was later.
#[test]
fn clocks_that_are_shifted_end_alike() {
    alike("clocks shifted", quick(), |setup| Setup {
        systems: setup.systems.map(|manner| Manner { offset: manner.offset + 5000, ..manner }),
        ..setup.clone()
    });
}

/// P30: what is kept of values makes no difference, where nothing is merged of both.
#[test]
fn scripts_end_alike_whether_values_or_fingerprints_are_kept() {
    for keeps in [Keeps::Fingerprints, Keeps::Some] {
        let unmerged = move |setup: Setup| {
            let conflicts = Setup { keeps, ..setup.clone() }.strategies();
            Setup { conflicts, ..setup }
        };
        alike_of("kept as fingerprints", quick(), (unmerged, |play| play), |setup| Setup {
            keeps,
            ..setup.clone()
        });
    }
}

/// P21.
#[test]
fn pages_of_one_and_of_a_hundred_records_end_alike() {
    alike("pages", quick(), |setup| Setup {
        batch: if setup.batch == 1 { 100 } else { 1 },
        ..setup.clone()
    });
}

/// P21.
#[test]
fn records_decided_one_by_one_and_together_end_alike() {
    alike("batches", quick(), |setup| Setup {
        engine_batch: if setup.engine_batch == 1 { 200 } else { 1 },
        ..setup.clone()
    });
}

/// P16: webhooks are hints to read, and make no difference in the end. The mapping stays: when a
/// link is looked at is when its base comes to a new revision. What is deleted is so when all else is
/// done: whether an edit comes before the delete is known, or after, is when it is seen. And nothing
/// is hidden for a while, which no sweep shows.
#[test]
fn webhooks_make_no_difference_in_the_end() {
    let orderly = |mut play: Play| {
        let goes = |deed: &Deed| matches!(deed, Deed::Delete(..) | Deed::DeleteBoth(_));
        let (mut going, last) = (Vec::new(), play.rounds.len().saturating_sub(1));
        for (at, round) in play.rounds.iter_mut().enumerate() {
            round.revision = Revision::Whole;
            let (gone, rest): (Vec<Deed>, _) = round.before.drain(..).partition(goes);
            round.before = rest;
            round.before.retain(|deed| !matches!(deed, Deed::Hide(..)));
            going.extend(gone);
            if at == last {
                round.before.append(&mut going);
            }
        }
        play
    };
    let other = |setup: &Setup| Setup { webhooks: true, ..setup.clone() };
    alike_if("webhooks", quick(), orderly, other);
}
