//! Pairs that conflict together: groups, and the whole record.

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::mapping::{ConflictScope, MappingBuilder};
use fluxcascade_core::model::{
    Cause, Choice, ConflictStatus, HoldKey, HoldReason, Value, Winner, Withheld,
};
use fluxcascade_core::plan::Gate;
use fluxcascade_core::resolver::Strategy;

use crate::given::{Given, LINK, adopted, given, one_hold, writes};

fn address(mapping: MappingBuilder, strategy: &Strategy) -> MappingBuilder {
    mapping
        .pair("name", "name")
        .pair_with("street", "street", |p| p.group("address").conflicts(strategy.clone()))
        .pair_with("city", "city", |p| p.group("address").conflicts(strategy.clone()))
}

fn moved(strategy: &Strategy) -> Given {
    given(&["name", "street", "city"], |m| address(m, strategy))
        .agreed("name", "Ann")
        .agreed("street", "1 Main")
        .agreed("city", "Boaz")
        .with(Source, "street", "2 Oak")
        .with(Target, "city", "Arab")
}

/// P4: no address is made of two halves.
#[test]
fn edits_of_different_pairs_of_a_group_are_a_conflict_that_one_side_wins() {
    let given = moved(&Strategy::SourceWins);
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target street = 2 Oak", "target city = Boaz"]);
    let rows: Vec<_> = entry.pairs.iter().filter_map(|pair| pair.conflict()).collect();
    // Only the city's edit on the target is overwritten.
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].values.target, [Value::from("Arab")]);
    assert_eq!(rows[0].winner, Some(Winner::Source));

    let given = moved(&Strategy::TargetWins);
    assert_eq!(writes(&given, &given.entry()), ["source street = 1 Main", "source city = Arab"]);
}

#[test]
fn pairs_outside_of_the_group_are_decided_by_themselves() {
    let given = moved(&Strategy::SourceWins).with(Target, "name", "Anne");
    let entry = given.entry();
    assert_eq!(writes(&given, &entry)[0], "source name = Anne");
}

#[test]
fn edits_of_a_group_on_one_side_alone_are_no_conflict() {
    let given = moved(&Strategy::Manual).with(Target, "city", "Boaz").with(Source, "city", "Arab");
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target street = 2 Oak", "target city = Arab"]);
    assert!(entry.holds.is_empty() && entry.conflicts.is_empty());
}

/// P11: each pair of the group has one row, and looking again adds none.
#[test]
fn manual_holds_the_pairs_of_the_group_and_no_others() {
    let given = moved(&Strategy::Manual).with(Source, "name", "Anne");
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target name = Anne"]);
    assert_eq!((entry.holds.len(), entry.conflicts.len()), (2, 2));

    let given = given.held();
    let again = given.entry();
    assert_eq!(writes(&given, &again), ["target name = Anne"]);
    assert!(again.holds.is_empty() && again.conflicts.is_empty() && again.released.is_empty());
}

#[test]
fn an_answer_to_one_pair_of_a_group_is_for_all_of_it() {
    let mut given = moved(&Strategy::Manual).answered(&Choice::Take(Target));
    given.work.holds[0].answer = None;
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["source street = 1 Main", "source city = Arab"]);
    assert_eq!(entry.released.len(), 2);
    let rows: Vec<_> = entry.pairs.iter().filter_map(|pair| pair.conflict()).collect();
    assert!(rows.iter().all(|row| row.status == ConflictStatus::Resolved));
}

#[test]
fn another_edit_of_a_held_group_makes_its_row_stale_and_asks_anew() {
    let given = moved(&Strategy::Manual).held().with(Source, "street", "3 Elm");
    let entry = given.entry();
    let stale = entry.judged.iter().filter(|(_, status)| *status == ConflictStatus::Stale);
    assert_eq!((stale.count(), entry.conflicts.len(), entry.holds.len()), (1, 1, 2));
}

fn record(strategy: Strategy) -> Given {
    given(&["name", "street"], |m| {
        m.conflict_scope(ConflictScope::Record)
            .conflicts(strategy)
            .pair("name", "name")
            .pair("street", "street")
    })
    .agreed("name", "Ann")
    .agreed("street", "1 Main")
    .with(Source, "name", "Anne")
    .with(Target, "street", "2 Oak")
}

#[test]
fn with_record_scope_edits_of_different_pairs_are_a_conflict_of_the_record() {
    let given = record(Strategy::TargetWins);
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["source name = Ann", "source street = 2 Oak"]);
    let causes: Vec<_> = entry.pairs.iter().map(|pair| pair.conflict().is_some()).collect();
    assert_eq!(causes, [true, false]);

    // The same edits are none, pair by pair.
    let given = Given::new(crate::given::compile(
        &[
            ("name", fluxcascade_core::model::FieldType::Text),
            ("street", fluxcascade_core::model::FieldType::Text),
        ],
        |m| m.pair("name", "name").pair("street", "street"),
    ))
    .agreed("name", "Ann")
    .agreed("street", "1 Main")
    .with(Source, "name", "Anne")
    .with(Target, "street", "2 Oak");
    assert_eq!(writes(&given, &given.entry()), ["target name = Anne", "source street = 2 Oak"]);
}

#[test]
fn with_record_scope_manual_holds_the_link_with_one_row() {
    let given = record(Strategy::Manual);
    let entry = given.entry();
    assert!(entry.pairs.is_empty());
    let hold = one_hold(&entry);
    assert_eq!((&hold.key, hold.reason), (&HoldKey::Link(LINK), HoldReason::Conflict));
    assert_eq!(entry.conflicts.len(), 1);
    assert_eq!(entry.conflicts[0].pair, None);

    let given = given.held();
    let again = given.entry();
    assert!(again.pairs.is_empty() && again.conflicts.is_empty() && again.judged.is_empty());
    assert_eq!(again.holds.len(), 1);

    let mut told = given;
    told.answer(&Choice::Take(Source));
    let entry = told.entry();
    assert_eq!(writes(&told, &entry), ["target name = Anne", "target street = 1 Main"]);
    assert_eq!(entry.conflicts[0].winner, Some(Winner::Source));
    assert_eq!(entry.conflicts[0].status, ConflictStatus::Resolved);
    assert_eq!(entry.released, [HoldKey::Link(LINK)]);
    assert!(matches!(
        &entry.pairs[0].action,
        fluxcascade_core::plan::PairAction::Write { cause: Cause::Answered { .. }, .. }
    ));
}

#[test]
fn skip_leaves_all_pairs_of_the_unit() {
    let given = moved(&Strategy::Skip);
    let entry = given.entry();
    assert_eq!((writes(&given, &entry).len(), adopted(&entry)), (0, 2));
    assert_eq!(entry.conflicts.len(), 2);
}

/// P10: one-way pairs conflict with nothing, also not as a group.
#[test]
fn a_group_of_one_way_pairs_flows_pair_by_pair() {
    let given = given(&["a", "b"], |m| {
        let group = |p: fluxcascade_core::mapping::PairBuilder| p.group("g").source_only();
        m.conflicts(Strategy::Manual).pair_with("a", "a", group).pair_with("b", "b", group)
    })
    .agreed("a", "1")
    .agreed("b", "1")
    .with(Source, "a", "2")
    .with(Target, "b", "2");
    let entry = given.entry();
    assert_eq!((writes(&given, &entry), adopted(&entry)), (vec!["target a = 2".into()], 1));
    assert!(entry.holds.is_empty());
}

/// P4: blanks of a group are not filled from both sides.
#[test]
fn records_that_each_have_half_of_a_group_are_in_conflict_when_linked() {
    let fields = ["street", "city"];
    let mapping = |m: MappingBuilder| {
        m.first_link(Strategy::SourceWins)
            .pair_with("street", "street", |p| p.group("address"))
            .pair_with("city", "city", |p| p.group("address"))
    };
    let mut halves =
        given(&fields, mapping).with(Source, "street", "1 Main").with(Target, "city", "Arab");
    halves.context.gate = Gate::Open([Withheld::Blanking].into());
    let entry = halves.entry();
    assert_eq!(writes(&halves, &entry), ["target street = 1 Main", "target city = (blank)"]);

    let whole =
        given(&fields, mapping).with(Target, "street", "1 Main").with(Target, "city", "Arab");
    let entry = whole.entry();
    assert_eq!(writes(&whole, &entry), ["source street = 1 Main", "source city = Arab"]);
}
