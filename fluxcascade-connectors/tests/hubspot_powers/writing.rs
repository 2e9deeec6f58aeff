//! Writes beside creates and updates of contacts: what other object types need, upserts, archives.

use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::Reader;
use fluxcascade_core::connector::{
    Connector, ErrorKind, ExternalIdField, WriteAction, WriteOutcome,
};
use fluxcascade_core::model::{RecordId, State, Value};

use super::bench::{Bench, DEAL, applied, archive, change, create, name, texts, to_all, write};

/// Makes a unique property of contacts or deals.
async fn unique(bench: &Bench, property: &str) {
    let (object, label) = (bench.object.clone(), "Their id".to_owned());
    let field = ExternalIdField { object, field: name(property), label };
    let provisioner = bench.hubspot.extensions().provisioner.unwrap();
    provisioner.ensure_external_id_field(field).await.unwrap();
}

fn upsert(by: &str, fields: &[(&str, Value)]) -> fluxcascade_core::connector::Write {
    write(WriteAction::Upsert { by: name(by) }, fields)
}

#[tokio::test]
async fn a_company_needs_a_name_or_a_domain_and_a_refusal_names_both() {
    let bench = Bench::of("companies", &["name", "domain"]).await;
    for empty in [vec![], vec![("city", "Tampa")], vec![("name", " "), ("domain", "")]] {
        let outcome = bench.write_one(create(&empty)).await;
        let WriteOutcome::Rejected { fields, error } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(*fields, [name("name"), name("domain")]);
        assert!(error.message.contains("`name` or `domain`"), "{error}");
    }
    assert_eq!(bench.sent(&["create"]), [0]);
    for one in [("name", "Oak"), ("domain", "oak.example")] {
        applied(&bench.write_one(create(&[one])).await);
    }
}

#[tokio::test]
async fn what_every_new_record_of_a_type_needs_is_in_its_schema_and_is_named() {
    let mut bench = Bench::new().await;
    for (object, needed) in [
        ("deals", &["dealname", "dealstage", "pipeline"][..]),
        ("notes", &["hs_timestamp"]),
        ("tasks", &["hs_timestamp"]),
    ] {
        bench.look_at(object, &["hs_object_id"]);
        let schema = bench.hubspot.schema(&bench.object).await.unwrap();
        let required = schema.fields.iter().filter(|field| field.required);
        let mut required: Vec<&str> = required.map(|field| field.name.as_str()).collect();
        required.sort_unstable();
        assert_eq!(required, needed);
        let WriteOutcome::Rejected { fields, .. } = bench.write_one(create(&[])).await else {
            panic!("{object} is made without anything")
        };
        assert_eq!(fields, needed.iter().map(|field| name(field)).collect::<Vec<_>>());
    }
    bench.look_at("notes", &["hs_note_body", "associations.contacts"]);
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let mut note = texts(&[("hs_timestamp", "2026-03-01T14:00:00Z"), ("hs_note_body", "called")]);
    note.push(("associations.contacts", to_all("contacts", &[&ann])));
    let note = applied(&bench.write_one(write(WriteAction::Create, &note)).await);
    assert_eq!(bench.sim.associated(("notes", &note), "contacts"), [(ann, false)]);
}

#[tokio::test]
async fn an_upsert_by_a_unique_property_makes_or_changes_in_one_request() {
    let bench = Bench::of("deals", &["dealname", "their_id", "amount"]).await;
    unique(&bench, "their_id").await;
    let deal = |id: &str, amount: &str| {
        let mut fields = texts(&DEAL);
        fields.extend([("their_id", Value::from(id)), ("amount", Value::from(amount))]);
        upsert("their_id", &fields)
    };
    let first = bench.write(vec![deal("j-1", "1"), deal("j-2", "2")]).await;
    let second = bench.write(vec![deal("j-2", "20"), deal("j-3", "3"), deal("j-1", "10")]).await;
    assert_eq!(applied(&first[0]), applied(&second[2]));
    assert_eq!(applied(&first[1]), applied(&second[0]));
    assert_eq!(bench.sim.records("deals").len(), 3);
    assert_eq!(bench.sim.record("deals", &applied(&first[0])).unwrap().value("amount"), "10");
    assert_eq!(bench.sent(&["upsert", "create", "update"]), [2, 0, 0]);
    // The same value twice is in two requests.
    bench.write(vec![deal("j-9", "1"), deal("J-9", "2")]).await;
    assert_eq!(bench.sent(&["upsert"]), [4]);
    assert_eq!(bench.sim.records("deals").len(), 4);
    for (by, fields) in
        [("amount", texts(&[("amount", "1")])), ("their_id", texts(&[("amount", "1")]))]
    {
        let outcome = bench.write_one(upsert(by, &fields)).await;
        let WriteOutcome::Rejected { fields, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(*fields, [name(by)]);
    }
}

#[tokio::test]
async fn an_upsert_makes_nothing_that_a_create_would_be_refused_for() {
    let mut bench = Bench::of("companies", &["name", "domain", "their_id"]).await;
    unique(&bench, "their_id").await;
    let bare = |id: &str| upsert("their_id", &texts(&[("their_id", id), ("city", "Tampa")]));
    let oak = bench.sim.seed("companies", [("name", "Oak"), ("their_id", "J-1")]).unwrap();
    let outcomes = bench.write(vec![bare("j-2"), bare(" j-1 "), bare("j-3")]).await;
    for refused in [&outcomes[0], &outcomes[2]] {
        let WriteOutcome::Rejected { fields, error } = refused else { panic!("{refused:?}") };
        assert_eq!(*fields, [name("name"), name("domain")]);
        assert!(error.message.contains("`name` or `domain`"), "{error}");
    }
    assert_eq!(applied(&outcomes[1]), oak, "what is there needs nothing more");
    assert_eq!(bench.sim.record("companies", &oak).unwrap().value("city"), "Tampa");
    assert_eq!(bench.sim.records("companies").len(), 1);
    assert_eq!(bench.sent(&["read", "upsert", "update"]), [1, 0, 1]);
    // Of deals all that a new one needs.
    bench.look_at("deals", &["dealname", "their_id"]);
    unique(&bench, "their_id").await;
    let fields = texts(&[("their_id", "j-1"), ("dealname", "Fence")]);
    let WriteOutcome::Rejected { fields, .. } = bench.write_one(upsert("their_id", &fields)).await
    else {
        panic!("a deal without a stage")
    };
    assert_eq!(fields, [name("dealstage"), name("pipeline")]);
}

#[tokio::test]
async fn an_upsert_by_e_mail_changes_the_contact_that_has_it_with_its_associations() {
    let bench = Bench::of("contacts", &["email", "firstname", "associations.companies"]).await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io"), ("phone", "1")]).unwrap();
    let oak = bench.sim.seed("companies", [("name", "Oak")]).unwrap();
    let fields = |mail: &'static str| {
        let mut fields = texts(&[("email", mail), ("firstname", "Ann")]);
        fields.push(("associations.companies", to_all("companies", &[&oak])));
        fields
    };
    let writes = vec![upsert("email", &fields("ANN@x.io")), upsert("email", &fields("new@x.io"))];
    let outcomes = bench.write(writes).await;
    assert_eq!(applied(&outcomes[0]), ann);
    for outcome in &outcomes {
        let id = applied(outcome);
        assert_eq!(bench.sim.contact(&id).unwrap().value("firstname"), "Ann");
        assert_eq!(bench.sim.associated(("contacts", &id), "companies"), [(oak.clone(), false)]);
    }
    assert_eq!(bench.sim.contact(&ann).unwrap().value("phone"), "1", "what is not written stays");
    assert_eq!(bench.sim.contacts().len(), 2);
}

#[tokio::test]
async fn a_unique_value_that_is_taken_names_its_holder_in_whatever_words() {
    let bench = Bench::of("deals", &["dealname", "their_id"]).await;
    unique(&bench, "their_id").await;
    let taken = [DEAL[0], DEAL[1], DEAL[2], ("their_id", "j-1")];
    let first = bench.sim.seed("deals", taken).unwrap();
    let exists = WriteOutcome::Exists(RecordId::new(&first).unwrap());
    assert_eq!(bench.write_one(create(&taken)).await, exists);
    let outcome = bench
        .write_one(change(&bench.sim.seed("deals", DEAL).unwrap(), &texts(&[("their_id", "j-1")])));
    let WriteOutcome::Rejected { fields, error } = outcome.await else { panic!() };
    assert_eq!(
        (fields.as_slice(), error.kind),
        ([name("their_id")].as_slice(), ErrorKind::Validation)
    );
}

#[tokio::test]
async fn records_are_archived_in_batches_and_what_is_gone_already_is_told_apart() {
    let bench = Bench::new().await;
    bench.sim.seed_people(102).unwrap();
    let ids: Vec<String> = bench.sim.contacts().into_iter().map(|contact| contact.id).collect();
    bench.sim.archive_contact(&ids[0]).unwrap();
    let survivor = bench.sim.merge_contacts(&ids[1], &ids[2]).unwrap();
    let mut writes: Vec<_> =
        ids.iter().filter(|id| **id != survivor).map(|id| archive(id)).collect();
    writes.push(archive("424242"));
    let outcomes = bench.write(writes).await;
    assert_eq!(applied(&outcomes[0]), ids[0], "it is archived already");
    let merged = &outcomes[1];
    let WriteOutcome::Rejected { error, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(error.kind, ErrorKind::NotFound, "its survivor must not be taken for it");
    assert!(bench.sim.contact(&survivor).unwrap().archived_at.is_none());
    let WriteOutcome::Rejected { error, .. } = outcomes.last().unwrap() else { panic!() };
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(bench.sent(&["archive"]), [1]);
    assert_eq!(bench.sim.contacts().len(), 1);
    assert!(matches!(bench.fetch(&ids[50]).await, State::Archived(_)));
    applied(&bench.write_one(archive(&ids[50])).await);
}

#[tokio::test]
async fn an_archive_without_an_answer_is_unknown_and_without_a_read_is_not_sent() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let fault = |effect, path: &str| FaultRule::new(When::Next(5), effect).path(path);
    bench.sim.add_fault(fault(Effect::Status(503), "*/batch/read"));
    assert!(matches!(bench.write_one(archive(&ann)).await, WriteOutcome::NotSent(_)));
    assert!(bench.sim.contact(&ann).unwrap().archived_at.is_none());
    bench.sim.set_faults(fluxcascade_connectors::sim::FaultPlan::default());
    bench.sim.add_fault(fault(Effect::LostAnswer, "*/batch/archive"));
    assert!(matches!(bench.write_one(archive(&ann)).await, WriteOutcome::Unknown(_)));
    assert!(bench.sim.contact(&ann).unwrap().archived_at.is_some());
}

#[tokio::test]
async fn nothing_is_restored_or_deleted_for_good_and_the_capabilities_say_so() {
    let bench = Bench::new().await;
    let ann = RecordId::new(bench.sim.seed_contact([("email", "ann@x.io")]).unwrap()).unwrap();
    let can = bench.hubspot.capabilities(&bench.object);
    assert!(can.archives && can.upserts && !can.restores && !can.deletes_for_good);
    for action in [
        WriteAction::Restore { record: ann.clone() },
        WriteAction::Delete { record: ann, if_tag: None },
    ] {
        let WriteOutcome::Rejected { error, .. } = bench.write_one(write(action, &[])).await else {
            panic!()
        };
        assert_eq!(error.kind, ErrorKind::Permanent);
    }
}
