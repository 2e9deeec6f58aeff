//! Two plans of one link: what makes them do different things.

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::model::{ConflictStatus, HoldKey, OperationId, Winner};
use fluxcascade_core::plan::{Entry, Plan};
use fluxcascade_core::resolver::Strategy;

use crate::given::{LINK, given, record};

/// An edit on one side, and a conflict that leaves both values.
fn planned() -> Plan {
    given(&["x", "y"], |m| m.pair("x", "x").pair_with("y", "y", |p| p.conflicts(Strategy::Skip)))
        .agreed("x", "base")
        .agreed("y", "base")
        .with(Source, "x", "s")
        .with(Source, "y", "s")
        .with(Target, "y", "t")
        .plan()
}

type Change = fn(&mut Entry);

fn differs(what: Change) -> bool {
    let plan = planned();
    assert!(plan.diff(&plan.clone()).is_empty());
    let mut other = plan.clone();
    what(&mut other.entries[0]);
    let (there, back) = (plan.diff(&other), other.diff(&plan));
    assert_eq!(there.changed.len(), back.changed.len());
    !there.is_empty()
}

#[test]
fn whatever_is_written_or_stored_otherwise_is_a_difference() {
    let changes: [(&str, Change); 9] = [
        ("the origin of a write", |entry| entry.rewritings.push(0)),
        ("an open half that is taken over", |entry| entry.resumes = Some(OperationId([7; 16]))),
        ("a record's keys", |entry| entry.drops.push((Target, record(Target)))),
        ("what is looked at again", |entry| entry.wakes.push((Target, record(Target)))),
        ("a hold that ends", |entry| entry.released.push(HoldKey::Link(LINK))),
        ("a row's status", |entry| {
            let row = entry.conflicts[0].id;
            entry.judged.push((row, ConflictStatus::Stale));
        }),
        ("a row", |entry| entry.conflicts.clear()),
        ("a row's winner", |entry| entry.conflicts[0].winner = Some(Winner::Source)),
        ("a row that waits", |entry| entry.conflicts[0].status = ConflictStatus::Open),
    ];
    for (what, change) in changes {
        assert!(differs(change), "{what}");
    }
}

#[test]
fn what_is_only_counted_or_told_is_none() {
    assert!(!differs(|entry| entry.retransformed.push(0)));
    assert!(!differs(|entry| entry.conflicts[0].why = "in other words".into()));
}
