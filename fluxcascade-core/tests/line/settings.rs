//! Modes, filters, references and changed mappings, one with the other.

use fluxcascade_core::engine::Divergence;
use fluxcascade_core::mapping::{Create, DeletePolicy, Direction, FirstSync, Mapping, Test};
use fluxcascade_core::model::{LinkStatus, Side, Value};
use fluxcascade_core::transform::value_map;

use crate::references::{Firm, company, contacts as firm_contacts, settle, to};
use crate::scenario::{able, by_mail, checked, plain};
use crate::world::{World, contacts};

/// P28: an agreed reference is agreed: its ids differ by nature.
#[tokio::test]
async fn verify_knows_that_translated_references_agree() {
    let (engine, firm) = Firm::new(company()).engine().await.unwrap();
    // ids of the two systems must not be alike by chance
    firm.erp_companies.insert([("name", "Zed")]);
    let acme = firm.crm_companies.insert([("name", "Acme")]);
    firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", to(&acme))]);
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let copy = firm.erp.records()[0].clone();
    assert_ne!(firm.erp.value(&copy, "company"), Value::Null);
    let found = engine.verify("contacts").await.unwrap();
    assert!(found.is_explained(), "{found}");
    assert_eq!(found.count(Divergence::Agreed), 2, "{found}");
}

/// P25 with `first_sync`: a reference left out of a create is written once it is linked.
#[tokio::test]
async fn a_reference_left_out_of_a_create_is_written_in_every_mode() {
    for mode in [FirstSync::Merge, FirstSync::FillBlanks, FirstSync::LinkOnly] {
        let mut firm = Firm::new(company());
        firm.contacts = firm_contacts().first_sync(mode);
        let (engine, firm) = firm.engine().await.unwrap();
        let acme = firm.crm_companies.insert([("name", "Acme")]);
        firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", to(&acme))]);
        settle(&engine, &firm, "contacts").await;
        settle(&engine, &firm, "companies").await;
        settle(&engine, &firm, "contacts").await;
        let copy = firm.erp.records()[0].clone();
        assert_ne!(firm.erp.value(&copy, "company"), Value::Null, "{mode:?}");
    }
}

/// A recreate where nothing may be created is found when the mapping is built, or is no recreate.
#[tokio::test]
async fn recreate_where_creates_are_off() {
    for mapping in
        [contacts().create(Create::Never), contacts().first_sync(FirstSync::UpdateExisting)]
    {
        let mapping = mapping.on_delete(Side::Target, DeletePolicy::Recreate);
        let world = able(mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.field.delete(&target);
        world.sync().await;
        world.settle().await;
        let log = world.log().await;
        let says = log.iter().any(|row| row.note.contains("made again"));
        let link = world.link_of(&source).await;
        let live = world.field.records().len();
        assert!(
            !says || link.status == fluxcascade_core::model::LinkStatus::Active,
            "the log says that it is made again: {link:?} {live} {log:#?}"
        );
    }
}

/// `what_if` finds what the builder finds.
#[tokio::test]
async fn what_if_refuses_what_the_builder_refuses() {
    let world = World::new();
    world.linked().await;
    let engine = world.engine().await;
    let elsewhere = Mapping::builder("contacts")
        .source("field", "clients")
        .target("crm", "contacts")
        .match_on("mail", "email")
        .pair("mail", "email")
        .build()
        .unwrap();
    let told = engine.what_if(elsewhere).await;
    assert!(told.is_err(), "other endpoints: {}", told.unwrap());
}

/// Two pairs read one field: an edit from the other side reaches both in the end.
#[tokio::test]
async fn a_field_that_two_pairs_read_reaches_both() {
    let world = plain(
        by_mail().pair("name", "name").pair_with("name", "street", |p| p.source_only().id("alias")),
    );
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    let target = world.field.records()[0].clone();
    world.minutes(15);
    world.field.edit(&target, "name", "Ann T");
    world.sync().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "Ann T");
}

/// A field that refers to companies is not translated by the links of contacts.
#[tokio::test]
async fn a_reference_by_the_mapping_of_another_object_is_found() {
    let mut firm = Firm::new(company());
    firm.contacts = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("company", "company", |p| p.references("contacts"));
    assert!(firm.engine().await.is_err(), "company refers to companies, not to contacts");
}

/// A value that a create left out, because it was refused, flows once the mapping takes it.
#[tokio::test]
async fn a_value_left_out_of_a_create_flows_when_the_mapping_is_mended() {
    for mode in [FirstSync::Merge, FirstSync::FillBlanks, FirstSync::LinkOnly] {
        let mapping = |rows: Vec<(&str, &str)>| {
            let rows: Vec<(String, String)> =
                rows.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            Mapping::builder("contacts")
                .source("crm", "contacts")
                .target("field", "clients")
                .first_sync(mode)
                .match_on("email", "mail")
                .pair("email", "mail")
                .pair_with("status", "name", |p| p.transform(value_map(rows)))
        };
        let mut world = plain(mapping(vec![("a", "A")]));
        world.crm.insert([("email", "ann@x.io"), ("status", "b")]);
        world.settle().await;
        let copy = world.field.records()[0].clone();
        assert_eq!(world.field.text(&copy, "name"), "");
        let holds = world.holds().await;
        assert_eq!(holds.len(), 1, "{mode:?}: nothing says that the value was refused");
        world.mapping = mapping(vec![("a", "A"), ("b", "B")]).build().unwrap();
        world.settle().await;
        assert_eq!(world.field.text(&copy, "name"), "B", "{mode:?}");
    }
}

/// Creates that a rebuild withheld are done when the mode is an ordinary one again.
#[tokio::test]
async fn a_rebuild_that_becomes_a_merge_creates_what_was_withheld() {
    let mut world = plain(contacts().first_sync(FirstSync::Rebuild));
    world.linked().await;
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    world.mapping = contacts().build().unwrap();
    world.settle().await;
    world.minutes(60 * 25);
    world.settle().await;
    assert_eq!(world.field.records().len(), 2, "{:?}", world.holds().await);
}

/// Records that were not created because of the mode are, once it is another one and both sides
/// are read.
#[tokio::test]
async fn update_existing_that_becomes_merge() {
    let mut world = plain(contacts().first_sync(FirstSync::UpdateExisting));
    world.linked().await;
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    world.mapping = contacts().build().unwrap();
    world.minutes(15);
    let engine = world.engine().await;
    engine.run("contacts").full().sync().await.unwrap();
    assert_eq!(world.field.records().len(), 2);
}

/// A mapping from target to source: creates, drift, deletes.
#[tokio::test]
async fn a_mapping_from_target_to_source() {
    let world = able(
        contacts()
            .direction(Direction::TargetToSource)
            .on_delete(Side::Target, DeletePolicy::Archive)
            .on_delete(Side::Source, DeletePolicy::Archive),
    );
    let ann = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    checked(&world).await;
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 1));
    let copy = world.link_of(&ann).await.records.source;
    world.crm.edit(&copy, "name", "drift");
    world.minutes(15);
    checked(&world).await;
    assert_eq!(world.field.text(&ann, "name"), "Ann");
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert!(found.is_explained(), "{found}");
    world.field.edit(&ann, "name", "Ann T");
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&copy, "name"), "Ann T");
    world.field.delete(&ann);
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.records().len(), 1);
}

/// A filter that hides a record does not lose the edits of the other side, nor a delete.
#[tokio::test]
async fn a_filter_and_what_happens_meanwhile() {
    let filtered = || contacts().filter(Side::Source, "status", Test::Differs("off".into()));
    let world = able(filtered().on_delete(Side::Target, DeletePolicy::Archive));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "status", "off");
    world.field.edit(&target, "name", "Ann T");
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann");
    assert_eq!(world.link().await.status, LinkStatus::Suspended);
    world.crm.edit(&source, "phone", "256 555 0777");
    world.settle().await;
    world.crm.edit(&source, "status", "on");
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0777");
    // hidden, the twin deleted, in scope again: then it counts
    world.crm.edit(&source, "status", "off");
    world.settle().await;
    world.field.delete(&target);
    world.settle().await;
    assert_eq!(world.crm.records().len(), 1);
    world.crm.edit(&source, "status", "on");
    world.settle().await;
    assert_eq!(world.crm.records().len(), 0, "{:?}", world.links().await);
}

/// `what_if` errs "if the mapping is not valid".
#[tokio::test]
async fn what_if_refuses_references_that_the_builder_refuses() {
    let (engine, _firm) = Firm::new(company()).engine().await.unwrap();
    let changed = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("company", "company", |p| p.references("firms"))
        .build()
        .unwrap();
    let told = engine.what_if(changed).await;
    assert!(told.is_err(), "{}", told.unwrap());
}

/// Changing what creates do, and a one-way direction, is shown by `what_if`.
#[tokio::test]
async fn what_if_shows_a_changed_direction() {
    let world = World::new();
    world.linked().await;
    let engine = world.engine().await;
    let told = engine
        .what_if(contacts().direction(Direction::SourceToTarget).build().unwrap())
        .await
        .unwrap()
        .to_string();
    assert!(!told.contains("nothing changes"), "{told}");
}
