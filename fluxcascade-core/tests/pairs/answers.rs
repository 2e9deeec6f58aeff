//! What a person said about a pair that is held, checked on what both sides hold.

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::mapping::PairBuilder;
use fluxcascade_core::model::{
    Answer, Cause, Choice, ConflictStatus, Hold, HoldKey, HoldReason, Provenance, RecordId, Winner,
};
use fluxcascade_core::plan::{Need, PairAction};
use fluxcascade_core::resolver::Strategy;

use crate::given::{Given, LINK, adopted, at, given, one_hold, record, writes};

fn conflict() -> Given {
    given(&["x"], |m| m.conflicts(Strategy::Manual).pair("x", "x"))
        .agreed("x", "base")
        .with(Source, "x", "s")
        .with(Target, "x", "t")
}

#[test]
fn the_side_that_a_person_takes_is_written_to_the_other_and_the_row_is_resolved() {
    let given = conflict().answered(&Choice::Take(Target));
    let open = given.work.holds[0].conflict;
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["source x = t"]);
    let PairAction::Write { cause, conflict: Some(row), .. } = &entry.pairs[0].action else {
        panic!("{entry:?}")
    };
    assert_eq!(*cause, Cause::Answered { choice: "take target".into() });
    assert_eq!((Some(row.id), row.status), (open, ConflictStatus::Resolved));
    assert_eq!(row.winner, Some(Winner::Target));
    assert_eq!(entry.released, [given.work.holds[0].key.clone()]);
    assert!(entry.judged.is_empty());
}

/// P11: a stale answer is refused.
#[test]
fn an_answer_to_values_that_have_moved_is_stale_and_the_pair_is_decided_anew() {
    let given = conflict().answered(&Choice::Take(Target)).with(Source, "x", "s2");
    let entry = given.entry();
    assert!(writes(&given, &entry).is_empty());
    assert_eq!(entry.judged, [(given.work.holds[0].conflict.unwrap(), ConflictStatus::Stale)]);
    assert_eq!(entry.conflicts.len(), 1);
    assert_eq!(one_hold(&entry).answer, None);
}

#[test]
fn an_answer_is_checked_on_fetched_sides() {
    let mut given = conflict().answered(&Choice::Leave);
    let listed = given.work.entries.target.as_mut().unwrap().observation.as_mut().unwrap();
    listed.provenance = Provenance::Listed;
    let needs = given.plan().needs;
    assert_eq!(needs, [Need::Fetch { side: Target, record: record(Target) }]);
}

#[test]
fn leave_takes_both_sides_as_they_are_and_the_row_has_no_winner() {
    let given = conflict().answered(&Choice::Leave);
    let entry = given.entry();
    assert_eq!((writes(&given, &entry).len(), adopted(&entry)), (0, 1));
    assert_eq!(
        (entry.conflicts[0].winner, entry.conflicts[0].status),
        (None, ConflictStatus::Resolved)
    );
    assert_eq!(entry.notes[0].1.cause, Cause::Answered { choice: "leave".into() });
}

#[test]
fn an_answer_that_would_be_written_against_the_direction_is_asked_again() {
    let mut given = given(&["x"], |m| m.pair_with("x", "x", PairBuilder::source_only))
        .agreed("x", "base")
        .with(Source, "x", "s");
    let values = {
        let entry = given.entry();
        entry.pairs[0].values.clone()
    };
    let print = |v: &Vec<_>| fluxcascade_core::model::record::fingerprint_values(v);
    given.work.holds = vec![Hold {
        values: values.as_ref().map(|v| Some(print(v))),
        answer: Some(Answer { choice: Choice::Take(Target), at: at(1) }),
        ..Hold::new(
            HoldKey::Pair(LINK, given.mapping.pairs[0].id.clone()),
            HoldReason::Oscillating,
            "flaps",
            at(1),
        )
    }];
    let before = given.work.holds[0].version();
    let entry = given.entry();
    assert!(entry.pairs.is_empty());
    let hold = one_hold(&entry);
    assert_eq!(hold.answer, None);
    assert_ne!(hold.version(), before, "the store keeps an answer to the same version");

    given.answer(&Choice::Take(Source));
    assert_eq!(writes(&given, &given.entry()), ["target x = s"]);
}

/// A refusal of the system, which is tried again later or never.
fn refused() -> Given {
    let mut given = given(&["x", "y"], |m| m.pair("x", "x").pair("y", "y"))
        .agreed("x", "base")
        .agreed("y", "base")
        .with(Source, "x", "s");
    let values = given.entry().pairs[0].values.clone();
    let key = HoldKey::Pair(LINK, given.mapping.pairs[0].id.clone());
    let mut hold = Hold::new(key, HoldReason::Rejected, "refused", at(1));
    hold.values = values.map(|v| Some(fluxcascade_core::model::record::fingerprint_values(&v)));
    given.work.holds = vec![hold];
    given
}

#[test]
fn what_was_refused_is_tried_once_more_when_a_person_says_so() {
    let mut given = refused();
    assert!(given.entry().pairs.is_empty());
    given.answer(&Choice::Retry);
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target x = s"]);
    assert_eq!(entry.released.len(), 1);
    given.answer(&Choice::Leave);
    let entry = given.entry();
    assert_eq!((writes(&given, &entry).len(), adopted(&entry)), (0, 1));
}

#[test]
fn an_answer_that_is_not_about_pairs_leaves_the_pair_waiting() {
    for choice in [Choice::Create, Choice::LinkTo(RecordId::new("x").unwrap()), Choice::Allow] {
        let given = conflict().answered(&choice);
        let entry = given.entry();
        assert!(entry.pairs.is_empty() && entry.released.is_empty(), "{choice:?}");
    }
}

/// The strategy `error` holds the record; its answer goes to the pair that it asked about.
#[test]
fn an_answer_to_a_record_that_waits_for_a_conflict_lets_the_record_go_on() {
    let given = given(&["x", "y"], |m| {
        m.pair_with("x", "x", |p| p.conflicts(Strategy::Error)).pair("y", "y")
    })
    .agreed("x", "base")
    .agreed("y", "base")
    .with(Source, "x", "s")
    .with(Target, "x", "t")
    .with(Source, "y", "new");
    assert!(given.entry().pairs.is_empty());
    let given = given.answered(&Choice::Take(Source));
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target x = s", "target y = new"]);
    assert_eq!(entry.conflicts[0].winner, Some(Winner::Source));
}
