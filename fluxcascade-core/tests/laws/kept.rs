//! P30: pairs of which fingerprints alone are kept are decided as those with values, and nothing of
//! what is stored about them has a value in it.

use fluxcascade_core::mapping::{BaseKeeping, CompiledMapping};
use fluxcascade_core::model::{Provenance, Side, Sides, Slot, Timestamp, Value};
use fluxcascade_core::plan::{Entry, PairPlan, PlanContext, plan, recall};

use crate::given::{Linked, context};
use crate::outcome::{Outcome, outcome};
use crate::plans::{for_all_scenes, is_changed};
use crate::scene::Scene;

fn is_kept(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Some of the pairs keep fingerprints, or all of them.
fn keepings() -> [fn(usize) -> BaseKeeping; 2] {
    [
        |_| BaseKeeping::Fingerprints,
        |number| if is_kept(number) { BaseKeeping::Fingerprints } else { BaseKeeping::Values },
    ]
}

/// A link as it is stored by a mapping that keeps fingerprints of some pairs.
fn stored(mapping: &CompiledMapping, mut linked: Linked, context: &PlanContext) -> Linked {
    for pair in &mapping.pairs {
        for side in Side::BOTH {
            let slots = &mut linked.bases[side][pair.ends[side].base.clone()];
            let values: Option<Vec<Value>> = slots.iter().map(|s| s.value().cloned()).collect();
            let Some(values) = values else { continue };
            let kept = pair.stored(side, &values, &context.key);
            slots.iter_mut().zip(kept).for_each(|(slot, value)| *slot = Slot::Present(value));
        }
    }
    linked
}

fn decided(scene: &Scene, mapping: &CompiledMapping, linked: &Linked) -> Entry {
    let context = context(Timestamp::from_secs(scene.now));
    let mut works = [stored(mapping, linked.clone(), &context).work(mapping)];
    recall(mapping, &mut works, &context);
    let mut plan = plan(mapping, &works, &context);
    assert!(plan.needs.is_empty(), "needs {:?}", plan.needs);
    plan.entries.remove(0)
}

/// What conflict rows have of pairs that keep fingerprints is those.
fn with_stored_rows(mut outcome: Outcome, mapping: &CompiledMapping) -> Outcome {
    let context = context(Timestamp::from_secs(0));
    for (id, row) in &mut outcome.conflicts {
        let Some(index) = id.as_ref().and_then(|id| mapping.pair_index(id)) else { continue };
        let pair = &mapping.pairs[index];
        row.values = Sides::from_fn(|side| pair.stored(side, &row.values[side], &context.key));
    }
    outcome
}

/// What is written, adopted, noted, asked and held is what it is with values.
#[test]
fn pairs_that_keep_fingerprints_are_decided_as_those_that_keep_values() {
    for_all_scenes(31, |scene| {
        let with_values = outcome(scene);
        for keeping in keepings() {
            let mapping = scene.mapping_keeping(keeping);
            let entry = decided(scene, &mapping, &scene.fetched(&mapping));
            let expected = with_stored_rows(with_values.clone(), &mapping);
            assert_eq!(Outcome::of(&mapping, &entry), expected);
        }
    });
}

/// A base that was kept under another key says nothing: the pair is decided as a new one, and nothing
/// is taken for an edit of both sides.
#[test]
fn what_was_kept_under_another_key_is_no_base() {
    for_all_scenes(32, |scene| {
        let mapping = scene.mapping_keeping(|_| BaseKeeping::Fingerprints);
        let here = context(Timestamp::from_secs(scene.now));
        let there = PlanContext {
            key: fluxcascade_core::mapping::FingerprintKey::new([7; 32]),
            ..here.clone()
        };
        let mut works = [stored(&mapping, scene.fetched(&mapping), &there).work(&mapping)];
        recall(&mapping, &mut works, &here);
        let link = works[0].link.as_ref().unwrap();
        for side in Side::BOTH {
            assert!(link.bases[side].slots.iter().all(Slot::is_absent), "{link:?}");
        }
    });
}

/// Nothing is decided for a pair on the fingerprint of a value: what is not seen is read.
#[test]
fn a_side_that_was_not_seen_is_read_before_a_kept_pair_is_decided() {
    for_all_scenes(33, |scene| {
        let mapping = scene.mapping_keeping(|_| BaseKeeping::Fingerprints);
        let context = context(Timestamp::from_secs(scene.now));
        let mut linked =
            scene.linked(&mapping, Sides::new(Provenance::Fetched, Provenance::Fetched));
        linked.seen.target = None;
        let mut works = [stored(&mapping, linked, &context).work(&mapping)];
        recall(&mapping, &mut works, &context);
        let plan = plan(&mapping, &works, &context);
        let edited =
            |pair: &crate::scene::Pair| !pair.is_absent() && is_changed(pair, Side::Source);
        if scene.pairs.iter().any(edited) {
            assert!(!plan.needs.is_empty());
        }
        for (_, send, _) in plan.entries[0].pairs.iter().flat_map(PairPlan::writes) {
            assert!(!send.iter().any(Value::is_kept), "{send:?}");
        }
        for planned in &plan.entries[0].pairs {
            assert!(!planned.values.iter().any(|(_, values)| values.iter().any(Value::is_kept)));
        }
    });
}
