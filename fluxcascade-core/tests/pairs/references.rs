//! P25: values that refer to other records, translated through another mapping's links.

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::model::{
    Awaited, FieldType, HoldReason, MappingName, ObjectType, RecordId, Reference, Side, Value,
};
use fluxcascade_core::plan::Need;

use crate::given::{Given, given_typed, one_hold, writes};

fn object() -> ObjectType {
    ObjectType::new("companies").unwrap()
}

fn id(id: &str) -> RecordId {
    RecordId::new(id).unwrap()
}

fn to(company: &str) -> Value {
    Value::Ref(Reference { object: object(), id: id(company) })
}

fn awaited(side: Side, company: &str) -> Awaited {
    let mapping = MappingName::new("companies").unwrap();
    Awaited { mapping, side, record: id(company) }
}

fn contact() -> Given {
    given_typed(&[("company", FieldType::Ref { object: object() })], |m| {
        m.pair_with("company", "company", |p| p.references("companies"))
    })
}

/// The companies `s1` and `t1` are linked, and so on; `s9` and `t9` are not.
fn linked(mut given: Given) -> Given {
    for n in [1, 2] {
        let (s, t) = (format!("s{n}"), format!("t{n}"));
        given.context.references.insert(awaited(Source, &s), Some(id(&t)));
        given.context.references.insert(awaited(Target, &t), Some(id(&s)));
    }
    given.context.references.insert(awaited(Source, "s9"), None);
    given.context.references.insert(awaited(Target, "t9"), None);
    given
}

fn employed() -> Given {
    linked(contact()).based(Source, "company", to("s1")).based(Target, "company", to("t1"))
}

#[test]
fn a_link_is_asked_for_before_anything_is_said_of_a_reference() {
    let given = contact().with(Source, "company", to("s1"));
    assert_eq!(given.plan().needs, [Need::Reference(awaited(Source, "s1"))]);
    assert!(given.plan().entries[0].pairs.is_empty());
}

#[test]
fn a_reference_is_written_as_the_other_side_s_record() {
    let there = employed().with(Source, "company", to("s2")).with(Target, "company", to("t1"));
    assert_eq!(writes(&there, &there.entry()), ["target company = companies/t2"]);
    let back = employed().with(Source, "company", to("s1")).with(Target, "company", to("t2"));
    assert_eq!(writes(&back, &back.entry()), ["source company = companies/s2"]);
}

#[test]
fn references_to_the_two_records_of_one_link_mean_the_same() {
    let both = employed().with(Source, "company", to("s2")).with(Target, "company", to("t2"));
    let entry = both.entry();
    assert!(writes(&both, &entry).is_empty());
    assert_eq!(entry.pairs.len(), 1, "the new base");
    // The same id on both sides is another record on each.
    let mut same = employed().with(Source, "company", to("s1")).with(Target, "company", to("s1"));
    same.context.references.insert(awaited(Target, "s1"), None);
    assert_eq!(one_hold(&same.entry()).reason, HoldReason::Reference);
}

#[test]
fn a_reference_to_a_record_that_is_not_linked_waits_for_that_link() {
    let given = employed().with(Source, "company", to("s9")).with(Target, "company", to("t1"));
    let entry = given.entry();
    assert!(entry.pairs.is_empty());
    let hold = one_hold(&entry);
    assert_eq!(
        (hold.reason, hold.waits_for.as_ref()),
        (HoldReason::Reference, Some(&awaited(Source, "s9")))
    );

    let mut given = given.held();
    assert!(given.entry().is_quiet());
    given.context.references.insert(awaited(Source, "s9"), Some(id("t9")));
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target company = companies/t9"]);
    assert_eq!(entry.released.len(), 1);
}

#[test]
fn a_bare_id_is_written_where_the_other_side_has_bare_ids() {
    let given = linked(contact())
        .based(Source, "company", "s1")
        .based(Target, "company", "t1")
        .with(Source, "company", "s2")
        .with(Target, "company", "t1");
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["target company = t2"]);
}

#[test]
fn several_references_are_translated_one_by_one() {
    let item = Box::new(FieldType::Ref { object: object() });
    let set = |ids: &[&str]| Value::Set(ids.iter().map(|&id| to(id)).collect());
    let given = linked(given_typed(&[("all", FieldType::Set { item })], |m| {
        m.pair_with("all", "all", |p| p.references("companies"))
    }))
    .with(Source, "all", set(&["s1", "s2"]));
    assert_eq!(writes(&given, &given.entry()), ["target all = companies/t1, companies/t2"]);
}

#[test]
fn a_reference_that_was_blanked_blanks_the_other_side_under_the_guard() {
    let given = employed().with(Source, "company", Value::Null).with(Target, "company", to("t1"));
    assert_eq!(one_hold(&given.entry()).reason, HoldReason::Guard);
}
