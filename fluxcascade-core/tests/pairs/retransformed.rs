//! P20: what a changed transform, strategy or list of pairs does to what is stored.

use std::collections::BTreeSet;

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::mapping::{CompiledMapping, DEFAULT_RETENTION, OnChange};
use fluxcascade_core::model::{
    Base, Cause, ConflictStatus, FieldType, HoldReason, Side, Value, Withheld,
};
use fluxcascade_core::plan::{Gate, PairAction};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::transform::{trim, value_map};

use crate::given::{Given, LINK, at, compile, given, one_hold, writes};

fn words(words: [(&str, &str); 2], on_change: OnChange) -> CompiledMapping {
    compile(&[("x", FieldType::Text), ("y", FieldType::Text)], |m| {
        m.first_link(Strategy::TargetWins)
            .pair_with("x", "x", |p| p.id("x").transform(value_map(words)).on_change(on_change))
            .pair("y", "y")
    })
}

/// Both sides agreed by an older table, and hold what they held.
fn changed(on_change: OnChange) -> Given {
    let mut before = words([("1", "one"), ("2", "two")], on_change);
    let stored: Vec<_> =
        before.adopt(&[], at(0), DEFAULT_RETENTION).revision().into_iter().collect();
    let mut now = words([("1", "uno"), ("2", "due")], on_change);
    let added = now
        .adopt(&stored, at(0), DEFAULT_RETENTION)
        .revision()
        .expect("another transform is another revision");
    let stored = [stored, vec![added]].concat();
    let changed = now.retransformed(1, &stored);
    let mut given = Given::new(now)
        .based(Source, "x", "1")
        .based(Target, "x", "one")
        .with(Source, "x", "1")
        .with(Target, "x", "one")
        .agreed("y", "same");
    given.context.gate = Gate::Open(BTreeSet::from([Withheld::Overwrite]));
    let link = given.work.link.as_mut().unwrap();
    for side in Side::BOTH {
        let of_before = Base { revision: 1, ..link.bases[side].clone() };
        link.bases[side] = given.mapping.relay(side, &of_before, &stored);
        assert_eq!(link.bases[side].retransformed, [0]);
    }
    given.context.retransformed.insert(LINK, changed);
    given
}

#[test]
fn only_pairs_whose_transform_is_another_are_looked_at() {
    let given = changed(OnChange::Keep);
    assert_eq!(given.context.retransformed[&LINK], [0]);
}

#[test]
fn keep_leaves_both_sides_and_counts_the_pair() {
    let given = changed(OnChange::Keep);
    let entry = given.entry();
    assert!(entry.pairs.is_empty() && entry.holds.is_empty());
    assert_eq!(entry.retransformed, [0]);
    // The next edit flows through the new transform.
    let edited = changed(OnChange::Keep).with(Source, "x", "2");
    assert_eq!(writes(&edited, &edited.entry()), ["target x = due"]);
}

#[test]
fn a_pair_that_still_means_the_same_is_not_counted() {
    let given = changed(OnChange::RewriteTarget).based(Target, "x", "uno").with(Target, "x", "uno");
    assert!(given.entry().retransformed.is_empty());
}

#[test]
fn a_side_is_rewritten_where_the_mapping_says_so() {
    for (on_change, expected) in [
        (OnChange::RewriteTarget, vec!["target x = uno"]),
        (OnChange::FirstLink, vec![]), // the new table has no way back for the target's value
    ] {
        let given = changed(on_change);
        assert_eq!(writes(&given, &given.entry()), expected, "{on_change:?}");
    }
    let given = changed(OnChange::RewriteSource).based(Target, "x", "due").with(Target, "x", "due");
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["source x = 2"]);
    let PairAction::Write { cause, .. } = &entry.pairs[0].action else { panic!("{entry:?}") };
    assert_eq!(*cause, Cause::TransformChanged);
    let first = changed(OnChange::FirstLink).based(Target, "x", "due").with(Target, "x", "due");
    assert_eq!(writes(&first, &first.entry()), ["source x = 2"]);
}

#[test]
fn a_rewriting_is_withheld_by_the_guard_and_not_forgotten() {
    let mut given = changed(OnChange::RewriteTarget);
    given.context.gate = Gate::Closed;
    let entry = given.entry();
    assert!(entry.pairs.is_empty());
    assert_eq!(one_hold(&entry).withheld, Some(Withheld::Overwrite));
    let mut given = given.held();
    assert!(given.entry().is_quiet());
    given.context.gate = Gate::Open(BTreeSet::from([Withheld::Overwrite]));
    assert_eq!(writes(&given, &given.entry()), ["target x = uno"]);
}

fn conflict(strategy: Strategy) -> Given {
    given(&["x"], |m| m.conflicts(strategy).pair("x", "x"))
        .agreed("x", "base")
        .with(Source, "x", "s")
        .with(Target, "x", "t")
}

#[test]
fn another_strategy_decides_what_was_left_to_a_person() {
    let held = conflict(Strategy::Manual).held();
    let mut given = conflict(Strategy::SourceWins);
    given.work.holds = held.work.holds.clone();
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target x = s"]);
    assert_eq!(entry.released.len(), 1);
    let row = entry.pairs[0].conflict().unwrap();
    assert_eq!((Some(row.id), row.status), (held.work.holds[0].conflict, ConflictStatus::Resolved));
    assert!(entry.judged.is_empty());
}

/// A record's time that moved because of another field does not decide what a person was asked.
#[test]
fn the_same_strategy_is_not_asked_again() {
    let near = |given: Given| given.changed_at(Source, 90_000).changed_at(Target, 90_002);
    let given = near(conflict(Strategy::NewestWins));
    assert_eq!(one_hold(&given.entry()).reason, HoldReason::Conflict);
    let given = given.held().changed_at(Source, 95_000);
    assert!(given.entry().is_quiet());
}

#[test]
fn what_is_held_for_a_pair_that_the_mapping_no_longer_has_ends() {
    let held = conflict(Strategy::Manual).held();
    let mut given = given(&["x", "y"], |m| m.pair("y", "y")).agreed("y", "same");
    given.work.holds = held.work.holds.clone();
    let entry = given.entry();
    assert_eq!(entry.released, [held.work.holds[0].key.clone()]);
    assert_eq!(entry.judged, [(held.work.holds[0].conflict.unwrap(), ConflictStatus::Stale)]);
}

#[test]
fn a_base_is_laid_out_anew_and_keeps_its_values() {
    let before = |m: fluxcascade_core::mapping::MappingBuilder| m.pair("x", "x").pair("y", "y");
    let fields = [("x", FieldType::Text), ("y", FieldType::Text)];
    let mut old = compile(&fields, before);
    let stored: Vec<_> = old.adopt(&[], at(0), DEFAULT_RETENTION).revision().into_iter().collect();
    let given = Given::new(old).agreed("x", "1").agreed("y", "2");
    let mut new =
        compile(&fields, |m| m.pair_with("y", "y", |p| p.transform(trim())).pair("x", "x"));
    let stored = [
        stored.clone(),
        new.adopt(&stored, at(0), DEFAULT_RETENTION).revision().into_iter().collect(),
    ]
    .concat();
    let base = &given.work.link.as_ref().unwrap().bases[Side::Source];
    let relaid = new.relay(Side::Source, base, &stored);
    let held: Vec<_> = relaid.slots.iter().filter_map(|slot| slot.value().cloned()).collect();
    assert_eq!(held, [Value::from("2"), Value::from("1")]);
    assert_eq!(new.retransformed(1, &stored), [0]);
    assert!(new.retransformed(2, &stored).is_empty());
}

/// A pair that another mapping's links translate is looked at as one with another transform.
#[test]
fn a_pair_that_is_translated_by_another_mapping_has_changed() {
    let object = || fluxcascade_core::model::ObjectType::new("companies").unwrap();
    let by = |mapping: &'static str| {
        compile(&[("company", FieldType::Ref { object: object() })], |m| {
            m.pair_with("company", "company", |p| p.references(mapping))
        })
    };
    let (mut before, mut now) = (by("companies"), by("accounts"));
    let mut stored: Vec<_> =
        before.adopt(&[], at(0), DEFAULT_RETENTION).revision().into_iter().collect();
    let added = now.adopt(&stored, at(0), DEFAULT_RETENTION).revision();
    stored.extend(added);
    assert_eq!(stored.len(), 2, "another revision");
    assert_eq!(now.retransformed(1, &stored), [0]);
}
