//! What comes of writes to a simulated system, by its powers and its schema.

use std::sync::Arc;

use fluxcascade_core::connector::{Capabilities, ErrorKind, WriteAction, WriteOutcome};
use fluxcascade_core::model::{FieldName, FieldSchema, FieldType, RecordId, State, Value};
use fluxcascade_core::testkit::{CallKind, Normaliser, SimProfile};

use crate::world::{World, act, create, name, named, rename, upsert};

fn able() -> SimProfile {
    let capabilities = Capabilities {
        upserts: true,
        archives: true,
        deletes_for_good: true,
        restores: true,
        refuses_duplicates: true,
        conditional_writes: true,
        ..SimProfile::default().capabilities
    };
    SimProfile { capabilities, ..SimProfile::default() }
}

fn refusal(outcome: &WriteOutcome) -> (Vec<&str>, ErrorKind) {
    let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
    (fields.iter().map(FieldName::as_str).collect(), error.kind)
}

fn is_applied(outcome: &WriteOutcome) -> bool {
    matches!(outcome, WriteOutcome::Applied { .. })
}

#[test]
fn an_upsert_changes_the_record_with_the_value_and_makes_one_where_there_is_none() {
    let world = World::new(able());
    let ann = world.people(&["ann"]).remove(0);
    let outcomes =
        world.write(vec![upsert("ANN@x.io", "Ann"), upsert("bob@x.io", "Bob"), upsert("", "?")]);
    assert!(outcomes[..2].iter().all(is_applied), "{outcomes:?}");
    assert_eq!(refusal(&outcomes[2]), (vec!["email"], ErrorKind::Validation));
    assert_eq!((world.crm.text(&ann, "name").as_str(), world.crm.records().len()), ("Ann", 2));
}

#[test]
fn what_is_archived_is_restored_and_what_is_deleted_is_not() {
    let world = World::new(able());
    let ann = world.people(&["ann"]).remove(0);
    let archive = || WriteAction::Archive { record: ann.clone(), if_tag: None };
    let delete = || WriteAction::Delete { record: ann.clone(), if_tag: None };
    let restore = || WriteAction::Restore { record: ann.clone() };
    for _ in 0..2 {
        assert!(is_applied(&world.write(vec![act(archive())])[0]), "also when it is gone");
        assert!(world.crm.records().is_empty());
    }
    for _ in 0..2 {
        assert!(is_applied(&world.write(vec![act(restore())])[0]), "also when it is there");
        assert_eq!(named(&world.fetch(&ann)), Ok("ann".into()));
    }
    for _ in 0..2 {
        assert!(is_applied(&world.write(vec![act(delete())])[0]), "also when it is gone");
        assert_eq!(world.fetch(&ann), State::Missing);
    }
    assert_eq!(refusal(&world.write(vec![act(restore())])[0]), (vec![], ErrorKind::NotFound));
    let outcome = world.write(vec![rename(&ann, "x")]).remove(0);
    assert_eq!(refusal(&outcome), (vec![], ErrorKind::NotFound));
}

#[test]
fn what_a_system_is_not_able_to_do_is_refused() {
    let world = World::new(SimProfile::default());
    let ann = world.people(&["ann"]).remove(0);
    let outcomes = world.write(vec![
        upsert("ann@x.io", "Ann"),
        act(WriteAction::Archive { record: ann.clone(), if_tag: None }),
        act(WriteAction::Delete { record: ann.clone(), if_tag: None }),
        act(WriteAction::Restore { record: ann.clone() }),
    ]);
    assert_eq!(outcomes.len(), 4);
    for outcome in &outcomes {
        assert_eq!(refusal(outcome), (vec![], ErrorKind::Permanent));
    }
    assert_eq!(world.crm.text(&ann, "name"), "ann");
}

/// P15: the validator tells two edits within one step of the clock apart.
#[test]
fn a_write_on_condition_fails_once_the_record_has_moved_on() {
    let world = World::new(able());
    let ann = world.people(&["ann"]).remove(0);
    let State::Known { version, .. } = world.fetch(&ann) else { panic!("ann is there") };
    world.crm.edit(&ann, "name", "Anne");
    let (record, if_tag) = (ann.clone(), version.tag);
    let mut update = rename(&ann, "Ann");
    update.action = WriteAction::Update { record: record.clone(), if_tag: if_tag.clone() };
    let archive = act(WriteAction::Archive { record, if_tag });
    let outcomes = world.write(vec![update, archive]);
    assert_eq!(outcomes, vec![WriteOutcome::PreconditionFailed; 2]);
    assert_eq!(world.crm.text(&ann, "name"), "Anne");
}

#[test]
fn a_value_that_another_record_has_is_refused() {
    let world = World::new(able());
    let people = world.people(&["ann", "bob"]);
    let mut update = rename(&people[1], "x");
    update.fields.push((name("email"), Value::from("Ann@x.io")));
    let mut same = rename(&people[1], "Bob");
    same.fields.push((name("email"), Value::from("bob@x.io")));
    let outcomes = world.write(vec![create("ANN@x.io"), update, same]);
    assert_eq!(outcomes[0], WriteOutcome::Exists(people[0].clone()));
    assert_eq!(refusal(&outcomes[1]), (vec!["email"], ErrorKind::Validation));
    assert!(is_applied(&outcomes[2]), "its own value is not another's");
}

#[test]
fn fields_that_cannot_be_written_and_those_that_a_record_needs_are_named() {
    let mut world = World::new(SimProfile::default());
    let number = FieldSchema::new(name("number"), FieldType::Int);
    let company = FieldSchema::new(name("company"), FieldType::Text);
    world.crm = world.crm.schema_field(number.read_only()).schema_field(company.required());
    let ann = world.people(&["ann"]).remove(0);
    world.crm.hide_field(&ann, "email");
    let update = |field: &str| {
        let mut update = rename(&ann, "x");
        update.fields.push((name(field), Value::from("1")));
        update
    };
    let outcomes = world.write(vec![
        update("number"),
        update("email"),
        update("nothing"),
        create("bob@x.io"),
        rename(&ann, "Ann"),
    ]);
    let refused: Vec<_> = outcomes[..4].iter().map(refusal).collect();
    let named: Vec<_> = refused.iter().map(|(fields, _)| fields[0]).collect();
    assert_eq!(named, ["number", "email", "nothing", "company"]);
    assert!(is_applied(&outcomes[4]));
    assert_eq!(world.crm.text(&ann, "name"), "Ann");
}

#[test]
fn outcomes_are_in_the_order_of_the_writes_whatever_the_batches() {
    let mut profile = able();
    profile.capabilities.write_batch = 2;
    profile.capabilities.create_batch = 1;
    let world = World::new(profile);
    let people = world.people(&["ann", "bob", "cid"]);
    let outcomes = world.write(vec![
        rename(&people[0], "a"),
        create("dora@x.io"),
        rename(&people[1], "b"),
        create("ann@x.io"),
        rename(&people[2], "c"),
    ]);
    let record = |at: usize| match &outcomes[at] {
        WriteOutcome::Applied { record, .. } | WriteOutcome::Exists(record) => record.clone(),
        WriteOutcome::Rejected { .. }
        | WriteOutcome::PreconditionFailed
        | WriteOutcome::NotSent(_)
        | WriteOutcome::Unknown(_) => panic!("{outcomes:?}"),
    };
    let changed: Vec<RecordId> = [0, 2, 4].map(record).to_vec();
    assert_eq!(changed, people);
    assert_eq!(world.crm.text(&record(1), "email"), "dora@x.io");
    assert_eq!(record(3), people[0]);
    assert_eq!((world.crm.calls(CallKind::Create), world.crm.calls(CallKind::Update)), (2, 2));
}

fn upper(field: &FieldName, value: &Value) -> Option<Value> {
    let text = value.as_text().filter(|_| field.as_str() == "name");
    text.map(|text| Value::from(text.to_uppercase()))
}

/// P22
#[test]
fn a_normaliser_rewrites_at_once_and_an_automation_when_its_time_has_come() {
    let upper: Normaliser = Arc::new(upper);
    let at_once = SimProfile { normaliser: Some(Arc::clone(&upper)), ..SimProfile::default() };
    let world = World::new(at_once);
    let ann = world.people(&["ann"]).remove(0);
    assert_eq!(world.crm.text(&ann, "name"), "ANN", "whoever writes");

    let world = World::new(SimProfile { automation: Some(upper), ..SimProfile::default() });
    let ann = world.people(&["ann"]).remove(0);
    world.wait(60);
    assert_eq!(world.crm.text(&ann, "name"), "ann", "a person's edit starts nothing");
    assert!(is_applied(&world.write(vec![rename(&ann, "Anne")])[0]));
    assert_eq!(world.crm.text(&ann, "name"), "Anne");
    world.wait(1);
    assert_eq!(world.crm.text(&ann, "name"), "ANNE");
}
