//! P5 and P22: a value that flaps is told by our own last writes, and held.

use std::time::Duration;

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::mapping::{Drift, PairBuilder};
use fluxcascade_core::model::record::fingerprint_values;
use fluxcascade_core::model::{HoldReason, Side, Version, WriteOrigin, Written};

use crate::given::{Given, at, given, one_hold, writes};

const HOUR: i64 = 3600;
const NOW: i64 = 100_000;

/// Both sides held `a`; now the target has `b`, which would be written to the source.
fn flapping() -> Given {
    given(&["x"], |m| m.pair("x", "x")).agreed("x", "a").with(Target, "x", "b")
}

fn wrote(mut given: Given, side: Side, value: &str, seconds: i64, origin: WriteOrigin) -> Given {
    let position = u32::try_from(given.mapping.pairs[0].ends[side].base.start).unwrap();
    let fingerprint = fingerprint_values(&[value.into()]);
    let written = Written { position, fingerprint, at: at(seconds), origin };
    given.link().bases[side].note_written(written);
    given
}

fn person(given: Given, side: Side, value: &str, seconds: i64) -> Given {
    wrote(given, side, value, seconds, WriteOrigin::Person)
}

/// Writes by turns: `b` to the source, `a` to the target, and so on, the last `hours` ago.
fn by_turns(given: Given, hours: i64) -> Given {
    let last = NOW - hours * HOUR;
    let given = person(given, Source, "b", last - 3 * HOUR);
    let given = person(given, Target, "a", last - 2 * HOUR);
    let given = person(given, Source, "b", last - HOUR);
    person(given, Target, "a", last)
}

#[test]
fn a_value_that_comes_back_for_the_third_time_is_held_with_both_values_named() {
    let entry = by_turns(flapping(), 1).entry();
    assert!(entry.pairs.is_empty());
    let hold = one_hold(&entry);
    assert_eq!(hold.reason, HoldReason::Oscillating);
    assert!(hold.detail.contains("\"a\" on the source, \"b\" on the target"), "{}", hold.detail);
    let waiting = by_turns(flapping(), 1).held();
    assert!(waiting.entry().is_quiet(), "it waits as it did");
}

#[test]
fn a_sensitive_value_is_not_named() {
    let given = given(&["x"], |m| m.pair_with("x", "x", PairBuilder::sensitive))
        .agreed("x", "secret-a")
        .with(Target, "x", "b");
    let given = person(given, Source, "b", NOW - 4 * HOUR);
    let given = person(given, Target, "secret-a", NOW - 3 * HOUR);
    let given = person(given, Source, "b", NOW - 2 * HOUR);
    let given = person(given, Target, "secret-a", NOW - HOUR);
    let entry = given.entry();
    assert_eq!(one_hold(&entry).reason, HoldReason::Oscillating);
    assert!(!one_hold(&entry).detail.contains("secret"), "{}", one_hold(&entry).detail);
}

#[test]
fn the_second_time_and_another_value_and_another_day_are_not_held() {
    let twice = person(flapping(), Source, "b", NOW - 2 * HOUR);
    let twice = person(twice, Target, "a", NOW - HOUR);
    assert_eq!(writes(&twice, &twice.entry()), ["source x = b"]);
    let other = by_turns(flapping(), 1).with(Target, "x", "c");
    assert_eq!(writes(&other, &other.entry()), ["source x = c"]);
    let old = by_turns(flapping(), 24);
    assert_eq!(writes(&old, &old.entry()), ["source x = b"]);
}

#[test]
fn a_pair_that_is_edited_on_one_side_only_never_flaps() {
    let mut given = flapping();
    for hours in [4, 3, 2, 1] {
        given = person(given, Source, "b", NOW - hours * HOUR);
    }
    assert_eq!(writes(&given, &given.entry()), ["source x = b"]);
}

/// The target's record was changed so long after our write to it.
fn rewritten(given: Given, after: i64) -> Given {
    let mut given = given.changed_at(Target, 90_000 + after);
    let ours = Version::modified(at(90_000), Duration::from_secs(1));
    given.link().bases.target.version = ours;
    wrote(given, Target, "a", 90_000, WriteOrigin::Person)
}

#[test]
fn a_change_within_moments_of_our_write_to_that_side_is_the_system_s_own() {
    let near = rewritten(flapping(), 6).entry();
    assert_eq!((near.pairs.len(), near.rewritings.as_slice()), (1, &[0][..]));
    let far = rewritten(flapping(), 7).entry();
    assert_eq!((far.pairs.len(), far.rewritings.len()), (1, 0));
    // Our last write went to the other side: this is an edit of the target.
    let other = person(rewritten(flapping(), 2), Source, "z", 90_001).entry();
    assert!(other.rewritings.is_empty());
    // Both sides were changed: not by the system alone.
    let both = rewritten(flapping(), 2).with(Source, "x", "c");
    assert!(both.entry().rewritings.is_empty());
}

#[test]
fn the_third_write_in_a_row_that_only_answers_a_rewriting_is_held() {
    let before = |given: Given| {
        let given = wrote(given, Target, "1", 70_000, WriteOrigin::Person);
        let given = wrote(given, Source, "2", 80_000, WriteOrigin::Rewriting);
        let mut given = wrote(given, Target, "3", 90_000, WriteOrigin::Rewriting);
        given.link().bases.target.version = Version::modified(at(90_000), Duration::from_secs(1));
        given
    };
    let own = before(flapping()).changed_at(Target, 90_003);
    let entry = own.entry();
    assert_eq!(one_hold(&entry).reason, HoldReason::Oscillating);
    assert!(one_hold(&entry).detail.contains("the target changes again and again"));
    let edited = before(flapping()).changed_at(Target, 95_000);
    assert_eq!(writes(&edited, &edited.entry()), ["source x = b"]);
}

/// The same for a one-way pair whose target does not keep what is set back.
#[test]
fn a_target_that_undoes_each_restoring_is_held() {
    let given = given(&["x"], |m| m.pair_with("x", "x", |p| p.source_only().drift(Drift::Restore)))
        .agreed("x", "a")
        .with(Target, "x", "b")
        .changed_at(Target, 90_003);
    let given = wrote(given, Target, "a", 80_000, WriteOrigin::Rewriting);
    let mut given = wrote(given, Target, "a", 90_000, WriteOrigin::Rewriting);
    given.link().bases.target.version = Version::modified(at(90_000), Duration::from_secs(1));
    assert_eq!(one_hold(&given.entry()).reason, HoldReason::Oscillating);
}
