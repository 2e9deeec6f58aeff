//! Laws of what a plan does not depend on: the order of works, clocks, and how a record was seen.

use fluxcascade_core::Timestamp;
use fluxcascade_core::mapping::{CompiledMapping, PairDirection};
use fluxcascade_core::model::{Observation, Provenance, Side, Sides, Slot, Work};
use fluxcascade_core::plan::{Entry, Need, Step, plan};
use fluxcascade_core::resolver::Strategy;

use crate::given::{Linked, context};
use crate::outcome::{Outcome, decided, outcome, plan_of};
use crate::plans::{for_all_scenes, held, id, is_changed};
use crate::scene::{Pair, Scene};

/// P21: the same input gives the same plan, also as a value that is stored.
#[test]
fn planning_twice_gives_the_same_plan() {
    for_all_scenes(2, |scene| {
        let mapping = scene.mapping();
        let linked = scene.fetched(&mapping);
        let (first, second) =
            (plan_of(&mapping, &linked, scene.now), plan_of(&mapping, &linked, scene.now));
        assert_eq!(first, second);
        assert_eq!(first.to_string(), second.to_string());
        let stored = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<fluxcascade_core::Plan>(&stored).unwrap(), first);
    });
}

/// P21: each link is decided by itself, in whatever order and company.
#[test]
fn the_order_of_works_does_not_matter() {
    for_all_scenes(3, |scene| {
        let mapping = scene.mapping();
        let mut without_bases = Scene { number: 2, ..scene.clone() };
        let mut edited_at_the_source = Scene { number: 3, ..scene.clone() };
        without_bases.pairs.iter_mut().for_each(|pair| pair.base = None);
        for pair in &mut edited_at_the_source.pairs {
            if let Some(base) = &pair.base {
                pair.seen.target = base.target.iter().cloned().map(Slot::Present).collect();
            }
        }
        let works: Vec<Work> = [scene, &without_bases, &edited_at_the_source]
            .map(|scene| scene.fetched(&mapping).work(&mapping))
            .into();
        let context = context(Timestamp::from_secs(scene.now));
        let alone: Vec<Entry> = works
            .iter()
            .map(|work| plan(&mapping, std::slice::from_ref(work), &context).entries.remove(0))
            .collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let ordered: Vec<Work> = order.iter().map(|&place| works[place].clone()).collect();
            let together = plan(&mapping, &ordered, &context).entries;
            assert!(order.iter().zip(together).all(|(&place, entry)| alone[place] == entry));
        }
    });
}

/// P12: no clock says what has changed. If all clocks are set elsewhere the plan is the same; if one
/// system's is, so is all but what a strategy of time decides.
#[test]
fn what_has_changed_is_told_by_no_clock() {
    for_all_scenes(11, |scene| {
        let out = outcome(scene);
        // Within the bound in which clocks differ, within a granularity, and far off.
        let by = [-86_400, 4, 50][scene.pairs.len() % 3];
        let engine = scene.shift(None, by);
        assert_eq!(outcome(&engine), out);
        assert_eq!(
            outcome(&engine.shift(Some(Side::Source), by).shift(Some(Side::Target), by)),
            out
        );
        for side in Side::BOTH {
            let one = outcome(&scene.shift(Some(side), by));
            if !one.holds_record() && !out.holds_record() {
                assert_eq!(untimed(scene, &one), untimed(scene, &out));
            }
        }
    });
}

/// All but what a strategy of time may decide.
fn untimed(scene: &Scene, out: &Outcome) -> Outcome {
    let mut rest = out.clone();
    for pair in &scene.pairs {
        if pair.base.is_some() && pair.conflicts.iter().any(Strategy::goes_by_time) {
            let both = Side::BOTH.iter().all(|&side| is_changed(pair, side));
            if both && pair.direction == PairDirection::Bidirectional {
                rest.acts.remove(&id(pair));
                rest.conflicts.remove(&Some(id(pair)));
                rest.holds.retain(|(held, _)| *held != Some(id(pair)));
            }
        }
    }
    rest
}

/// P15, P21: a record that was listed, or not seen because nothing happened to it, is decided as one
/// that was fetched, after at most three rounds of reading; and nothing is written unread.
#[test]
fn how_a_record_was_seen_does_not_change_what_is_done() {
    for_all_scenes(12, |scene| {
        let (mapping, entry) = decided(scene);
        let expected = Outcome::of(&mapping, &entry);
        let fetched = scene.fetched(&mapping);
        for how in [
            [Some(Provenance::Listed), Some(Provenance::Listed)],
            [Some(Provenance::Listed), Some(Provenance::Fetched)],
            [Some(Provenance::Fetched), Some(Provenance::Listed)],
            [None, Some(Provenance::Listed)],
            [Some(Provenance::Fetched), None],
        ] {
            let how = Sides::new(how[0], how[1]);
            if let Some(linked) = seen_as(scene, &fetched, how) {
                assert_eq!(
                    read_and_decided(scene, &mapping, &linked, &fetched),
                    expected,
                    "{how:?}"
                );
            }
        }
    });
}

/// The link with its records seen in this way; `None` if something happened to an unseen one.
fn seen_as(scene: &Scene, fetched: &Linked, how: Sides<Option<Provenance>>) -> Option<Linked> {
    let mut linked = fetched.clone();
    for side in Side::BOTH {
        if let Some(provenance) = how[side] {
            linked.seen[side].as_mut()?.provenance = provenance;
            continue;
        }
        let as_confirmed = |pair: &Pair| match &pair.base {
            Some(base) => held(pair, side).is_some_and(|seen| seen.iter().copied().eq(&base[side])),
            None => false,
        };
        if !scene.pairs.iter().all(as_confirmed) {
            return None;
        }
        linked.seen[side] = None;
    }
    Some(linked)
}

/// Plans, reads what is needed, and plans again.
fn read_and_decided(
    scene: &Scene,
    mapping: &CompiledMapping,
    linked: &Linked,
    truth: &Linked,
) -> Outcome {
    let mut context = context(Timestamp::from_secs(scene.now));
    for _ in 0..3 {
        let mut plan = plan(mapping, &[linked.work(mapping)], &context);
        let entry = plan.entries.remove(0);
        if plan.needs.is_empty() {
            for side in Side::BOTH {
                let read = context.fetched.contains_key(&(side, linked.record(side)))
                    || linked.seen[side]
                        .as_ref()
                        .is_some_and(|seen: &Observation| seen.provenance == Provenance::Fetched);
                assert!(read || !entry.writes_to(side), "the {side} is written unread");
            }
            return Outcome::of(mapping, &entry);
        }
        assert_eq!(entry.step, Step::Needs);
        for need in plan.needs {
            let Need::Fetch { side, record } = need else { panic!("{need:?}") };
            let seen = truth.seen[side].clone().unwrap();
            assert!(context.fetched.insert((side, record), seen).is_none(), "asked twice");
        }
    }
    panic!("a need is still there after three rounds");
}
