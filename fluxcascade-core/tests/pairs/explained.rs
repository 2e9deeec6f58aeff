//! The policy of a pair, told by deciding every case.

use fluxcascade_core::Side;
use fluxcascade_core::mapping::{Drift, MappingBuilder, PairBuilder};
use fluxcascade_core::model::{FieldType, PairId};
use fluxcascade_core::plan::PolicyTable;
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::transform::value_map;

use crate::given::compile;

fn explain(
    kind: FieldType,
    mapping: impl FnOnce(MappingBuilder) -> MappingBuilder,
    pair: impl FnOnce(PairBuilder) -> PairBuilder,
) -> PolicyTable {
    let compiled = compile(&[("x", kind), ("y", FieldType::Text)], |m| {
        mapping(m).pair("y", "y").pair_with("x", "x", |p| pair(p.id("x")))
    });
    compiled.explain_policy(&PairId::new("x").unwrap()).unwrap()
}

fn outcome<'t>(table: &'t PolicyTable, case: &str) -> &'t str {
    let row = table.rows.iter().find(|row| row.case == case);
    row.unwrap_or_else(|| panic!("no case {case:?} in\n{table}")).outcome.as_str()
}

#[test]
fn a_pair_that_flows_both_ways_says_who_wins_and_when() {
    let table = explain(FieldType::Text, |m| m.primary(Side::Target), |p| p);
    assert_eq!(outcome(&table, "neither was edited"), "nothing is done");
    assert_eq!(
        outcome(&table, "only the source was edited"),
        "written to the target (edited on the other side)"
    );
    assert_eq!(
        outcome(&table, "both were edited, the source later"),
        "the source wins: written to the target (newest_wins)"
    );
    assert!(outcome(&table, "both were edited at about one time").starts_with("the target wins"));
    assert_eq!(
        outcome(&table, "the source was blanked"),
        "written to the target (edited on the other side); under the guard (blanking)"
    );
    assert_eq!(
        outcome(&table, "linked: both hold another value"),
        "the target wins: written to the source (primary_wins); under the guard (overwrite)"
    );
    assert_eq!(outcome(&table, "the target does not show the field"), "nothing is done");
    assert!(table.to_string().contains("conflicts: newest_wins; when linked: primary_wins"));
}

#[test]
fn the_table_is_what_the_strategies_do_with_values_of_the_field_s_type() {
    let max = explain(FieldType::Int, |m| m, |p| p.conflicts(Strategy::Max));
    for case in ["both were edited, the source later", "both were edited, the target later"] {
        assert_eq!(outcome(&max, case), "the target wins: written to the source (max)");
    }
    let of_text = FieldType::Set { item: Box::new(FieldType::Text) };
    let union = explain(of_text, |m| m, |p| p.conflicts(Strategy::Union));
    let case = "both were edited, the source later";
    assert_eq!(outcome(&union, case), "a value of both is written on both");
    let error = explain(FieldType::Text, |m| m, |p| p.conflicts(Strategy::Error));
    assert_eq!(outcome(&error, case), "the whole record waits for a person");
    let skip = explain(FieldType::Text, |m| m, |p| p.conflicts(Strategy::Skip));
    assert_eq!(outcome(&skip, case), "both stay as they are (skip: both values stay)");
}

#[test]
fn one_way_pairs_say_what_becomes_of_drift_and_required_ones_of_blanks() {
    let case = "only the target was edited";
    let left = explain(FieldType::Text, |m| m, PairBuilder::source_only);
    assert_eq!(outcome(&left, case), "both stay: edited against the pair's direction: left");
    let back = explain(FieldType::Text, |m| m, |p| p.source_only().drift(Drift::Restore));
    assert!(outcome(&back, case).starts_with("written to the target"));
    let required = explain(FieldType::Text, |m| m, |p| p.source_only().required());
    assert!(outcome(&required, "the source was blanked").starts_with("refused (invalid)"));
}

/// Every type has three values that differ, so that no case is empty for it.
#[test]
fn every_type_and_a_transform_have_every_case() {
    let item = || Box::new(FieldType::Text);
    let object = fluxcascade_core::model::ObjectType::new("things").unwrap();
    let types = [
        FieldType::Bool,
        FieldType::Int,
        FieldType::Decimal,
        FieldType::Text,
        FieldType::Email,
        FieldType::Phone,
        FieldType::Date,
        FieldType::Time,
        FieldType::Instant,
        FieldType::Zoned,
        FieldType::Choice { options: vec!["a".into()] },
        FieldType::Set { item: item() },
        FieldType::List { item: item() },
        FieldType::Money,
        FieldType::Ref { object },
    ];
    for kind in types {
        let name = format!("{kind:?}");
        let table = explain(kind, |m| m, |p| p.conflicts(Strategy::Manual));
        let conflict = outcome(&table, "both were edited at about one time");
        assert_eq!(conflict, "waits for a person; other pairs go on", "{name}");
        let edit = outcome(&table, "only the target was edited");
        assert!(edit.starts_with("written to the source"), "{name}: {edit}");
    }
    let mapped = |p: PairBuilder| p.transform(value_map([("a", "b")])).group("g");
    let table = explain(FieldType::Text, |m| m.pair_with("key", "key", |p| p.group("g")), mapped);
    assert!(outcome(&table, "only the source was edited").starts_with("written to the target"));
    assert!(table.together.contains("key = key"), "{table}");
}
