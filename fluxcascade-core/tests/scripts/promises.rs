//! What the project promises by name: no duplicate though a search is late and answers are lost,
//! and rest though systems rewrite what they get.

use std::sync::Arc;

use fluxcascade_core::model::Side::{Source, Target};
use fluxcascade_core::model::{FieldName, HoldReason, Side, Sides, Value};
use fluxcascade_core::testkit::{CallKind, Fault, Normaliser};

use crate::ALL_HANDS;
use crate::kept::Keeps;
use crate::kernels::{BOTH, Kernel};
use crate::script::Script;
use crate::setup::{Like, Manner, NAME, Setup, View, mail};
use crate::step::{Deed, Place, Start};
use crate::tally::Tally;

/// P6, P17: answers of creates are lost on both sides, the search is late, and the process is killed
/// at every call.
#[test]
fn lost_creates_and_a_late_search_make_no_duplicate_and_leave_nothing_unlinked() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hubspot = Manner { like: Like::HubSpot, ..Manner::PLAIN };
    for (name, crm) in
        [("like HubSpot", hubspot), ("with no unique key", Manner::PLAIN.lagging(600))]
    {
        let lost = |side| Deed::Fail(side, CallKind::Create, Fault::AnswerLost);
        let kernel = Kernel {
            name,
            setup: Setup { systems: Sides::new(crm, Manner::PLAIN.lagging(60)), ..Setup::plain() },
            start: vec![
                Start { on: [true, false], filled: [1, 0] },
                Start { on: [false, true], filled: [0, 1] },
                Start { on: [false, true], filled: [0, 1] },
            ],
            opening: None,
            deeds: vec![lost(Source), lost(Source), lost(Target)],
            revision: crate::setup::Revision::Whole,
        };
        let (_, state, _) = runtime.block_on(kernel.play(Vec::new()));
        assert_eq!(state.linked(), 3, "{name}: all are linked: {state:?}");
        assert!(state.nothing_waits(), "{name}: {state:?}");
        let mut total = Tally::default();
        let points = runtime.block_on(kernel.at_every_point(&mut total));
        assert!(points > 40, "{name}: a run has more calls than {points}");
    }
}

/// P22, with each way to write values down on both sides at once.
#[test]
fn systems_that_rewrite_on_both_sides_get_two_writes_per_pair_and_then_rest() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for source in ALL_HANDS {
        for target in ALL_HANDS {
            for side in Side::BOTH {
                let hands = Sides::new(*source, *target);
                let systems = hands.map(|hand| Manner { hand, ..Manner::PLAIN });
                for keeps in [Keeps::Values, Keeps::Fingerprints] {
                    runtime.block_on(rewritten(Setup { systems, keeps, ..Setup::plain() }, side));
                }
            }
        }
    }
}

async fn rewritten(setup: Setup, side: Side) {
    let told = format!("{:?}", setup.systems.as_ref().map(|manner| manner.hand));
    let mut script = Script::begin(setup, &[BOTH]).await;
    script.run_to_the_end().await;
    for pair in 0..crate::setup::PAIRS.len() {
        script.people.act(&Deed::Edit(Place { person: 0, pair, side }));
    }
    let before = script.world.witness.acts().len();
    for _ in 0..6 {
        script.world.minutes(20);
        script.run_to_the_end().await;
    }
    for pair in &crate::setup::PAIRS {
        let acts = script.world.witness.acts();
        let writes = acts[before..].iter().filter(|act| {
            let fields = pair.fields[act.side];
            act.by.is_engine() && act.sent.iter().any(|(name, _)| fields.contains(&name.as_str()))
        });
        let writes = writes.count();
        assert!(writes <= 2, "{}: {writes} writes with {told} (P22)", pair.id);
    }
    script.settle_in(2).await;
    script.judge().await;
}

/// P22: each system edits by itself what the engine writes, and neither lets the other's stand:
/// whichever pair it is, whoever begins, and however much is read and decided at once.
#[test]
fn a_pair_that_never_settles_is_named_and_held() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut total = Tally::default();
    // A phone means the same in capitals, and one-way pairs have one writer.
    for (pair, side) in [NAME, 2].into_iter().flat_map(|pair| Side::BOTH.map(|side| (pair, side))) {
        for (batch, engine_batch) in [(1, 1), (1, 200), (2, 1), (2, 200), (100, 1), (100, 200)] {
            let setup = Setup { batch, engine_batch, ..Setup::plain() };
            let place = Place { person: 0, pair, side };
            total.add(&runtime.block_on(never_settles(setup, place)));
        }
    }
    eprintln!("{}", total.print("pairs that never settle"));
    total.assert_floor(20, &["hold: oscillating".to_owned()]);
}

async fn never_settles(setup: Setup, place: Place) -> Tally {
    let mut script = Script::new_with(setup, |side, profile| {
        let case: fn(&str) -> String = match side {
            Source => |text| text.to_uppercase(),
            Target => |text| text.to_lowercase(),
        };
        profile.automation = Some(automation(case));
    })
    .await;
    script.people.begin(&[BOTH], View::AsDrawn);
    script.world.minutes(30);
    script.run_to_the_end().await;
    script.people.act(&Deed::Edit(place));
    let mut named = None;
    for _ in 0..12 {
        script.world.minutes(20);
        let report = script.run_to_the_end().await;
        let mut held = report.held.iter();
        let oscillates = held.find(|held| held.reason == HoldReason::Oscillating);
        named = named.or(oscillates.map(|held| held.detail.clone()));
    }
    let named = named.expect("the report names the pair that never settles (P22)");
    assert!(["Vv", "vv", "VV"].iter().any(|value| named.contains(value)), "{named}");
    script.settle_in(2).await;
    let holds = script.world.remains().await.holds;
    assert!(holds.iter().any(|hold| hold.reason == HoldReason::Oscillating), "{holds:?}");
    script.finish()
}

/// Edits all texts but the keys.
fn automation(case: fn(&str) -> String) -> Normaliser {
    Arc::new(move |field: &FieldName, value: &Value| {
        let is_key = Side::BOTH.iter().any(|&side| mail(side) == field.as_str());
        let text = value.as_text().filter(|_| !is_key)?;
        Some(Value::from(case(text)))
    })
}
