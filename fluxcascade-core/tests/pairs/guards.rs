//! P18: blankings and overwrites at a first link wait for the guard; other writes do not.

use std::collections::BTreeSet;

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::mapping::PairBuilder;
use fluxcascade_core::model::{Cause, Choice, HoldReason, Value, Withheld};
use fluxcascade_core::plan::Gate;
use fluxcascade_core::resolver::Strategy;

use crate::given::{Given, adopted, given, one_hold, writes};

fn blanked() -> Given {
    given(&["x", "y"], |m| m.pair("x", "x").pair("y", "y"))
        .agreed("x", "base")
        .agreed("y", "base")
        .with(Source, "x", Value::Null)
        .with(Source, "y", "new")
}

fn open(mut given: Given, kinds: &[Withheld]) -> Given {
    given.context.gate = Gate::Open(kinds.iter().copied().collect::<BTreeSet<_>>());
    given
}

#[test]
fn a_blanking_is_withheld_and_the_other_pairs_go_on() {
    let given = blanked();
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target y = new"]);
    let hold = one_hold(&entry);
    assert_eq!((hold.reason, hold.withheld), (HoldReason::Guard, Some(Withheld::Blanking)));
    assert!(hold.values.source.is_some() && hold.values.target.is_some());

    let again = blanked().held().entry();
    assert!(again.holds.is_empty() && again.released.is_empty(), "it waits as it did");
}

#[test]
fn an_open_gate_lets_through_what_it_is_about_and_the_hold_ends() {
    let given = open(blanked().held(), &[Withheld::Blanking]);
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target x = (blank)", "target y = new"]);
    assert_eq!(entry.released.len(), 1);
    let other = open(blanked().held(), &[Withheld::Overwrite, Withheld::Delete]);
    assert_eq!(writes(&other, &other.entry()), ["target y = new"]);
}

#[test]
fn a_person_s_answer_lets_exactly_that_one_through() {
    let allowed = blanked().answered(&Choice::Allow);
    let entry = allowed.entry();
    assert_eq!(writes(&allowed, &entry), ["target x = (blank)", "target y = new"]);
    let left = blanked().answered(&Choice::Leave);
    let entry = left.entry();
    assert_eq!((writes(&left, &entry), adopted(&entry)), (vec!["target y = new".to_owned()], 1));
    // Decided anew on what is there: a value that has come back is no blanking any more.
    let moved = blanked().answered(&Choice::Allow).with(Source, "x", "back");
    assert_eq!(writes(&moved, &moved.entry())[0], "target x = back");
    // And another blanking is another question.
    let other = blanked().answered(&Choice::Allow).with(Target, "x", "edited");
    assert!(!writes(&other, &other.entry()).iter().any(|write| write.contains("(blank)")));
}

#[test]
fn filling_a_blank_and_overwriting_by_an_edit_are_not_withheld() {
    let edit = blanked().with(Source, "x", "another");
    assert_eq!(writes(&edit, &edit.entry()).len(), 2);
    let fill = given(&["x"], |m| m.pair("x", "x")).with(Source, "x", "value");
    assert_eq!(writes(&fill, &fill.entry()), ["target x = value"]);
}

#[test]
fn an_overwrite_at_a_first_link_is_withheld() {
    let one_way = given(&["x"], |m| m.pair_with("x", "x", PairBuilder::source_only))
        .with(Source, "x", "s")
        .with(Target, "x", "t");
    let by_strategy = given(&["x"], |m| m.first_link(Strategy::SourceWins).pair("x", "x"))
        .with(Source, "x", "s")
        .with(Target, "x", "t");
    for given in [one_way, by_strategy] {
        let entry = given.entry();
        assert!(writes(&given, &entry).is_empty() && entry.conflicts.is_empty());
        assert_eq!(one_hold(&entry).withheld, Some(Withheld::Overwrite));
        let given = open(given.held(), &[Withheld::Overwrite]);
        let entry = given.entry();
        assert_eq!(writes(&given, &entry), ["target x = s"]);
        assert_eq!(entry.released.len(), 1);
    }
}

/// A person who takes a blank has been asked.
#[test]
fn a_conflict_that_a_person_decides_for_a_blank_is_not_withheld() {
    let given = given(&["x"], |m| m.conflicts(Strategy::Manual).pair("x", "x"))
        .agreed("x", "base")
        .with(Source, "x", Value::Null)
        .with(Target, "x", "t")
        .answered(&Choice::Take(Source));
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target x = (blank)"]);
    assert!(entry.pairs.iter().all(|pair| pair.conflict().is_some()));
    let cause = Cause::Answered { choice: "take source".into() };
    assert!(format!("{:?}", entry.pairs[0].action).contains(&format!("{cause:?}")));
}
