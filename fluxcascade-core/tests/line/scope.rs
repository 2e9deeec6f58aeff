//! Records that a filter or a permission hides, and records that cannot be read.

use fluxcascade_core::Side;
use fluxcascade_core::connector::DeleteSignal;
use fluxcascade_core::mapping::{DeletePolicy, MappingBuilder, Test};
use fluxcascade_core::model::{HoldReason, LinkStatus, LogKind};
use fluxcascade_core::testkit::{CallKind, SimProfile};

use crate::deletes::able;
use crate::deletes::asking;
use crate::world::World;

fn deleting() -> MappingBuilder {
    asking()
        .on_delete(Side::Source, DeletePolicy::Delete)
        .on_delete(Side::Target, DeletePolicy::Delete)
}

fn world(mapping: MappingBuilder) -> World {
    World::with(able(DeleteSignal::Flag), able(DeleteSignal::Flag), mapping)
}

/// P8: a lost permission is never a delete; edits meanwhile flow when it is back.
#[tokio::test]
async fn a_hidden_record_suspends_its_link_and_resumes_it_when_it_shows_again() {
    let world = world(deleting());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.hide(&source);
    world.minutes(25 * 60); // it shows in no listing, and is missed by the sweep
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Suspended);
    assert!(world.holds().await.is_empty());
    world.field.edit(&target, "name", "Anna");
    world.crm.edit(&source, "phone", "256 555 0199");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0100");
    world.minutes(30 * 60);
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Suspended);
    world.crm.show(&source);
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Active);
    assert_eq!(world.crm.text(&source, "name"), "Anna");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    assert!(world.conflicts().await.is_empty());
    let kinds: Vec<LogKind> = world.log().await.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == LogKind::Suspend).count(), 1);
    assert_eq!(kinds.iter().filter(|kind| **kind == LogKind::Resume).count(), 1);
}

fn customers() -> MappingBuilder {
    deleting().filter(Side::Source, "status", Test::Equals("customer".into()))
}

/// P8: a filter is never a delete, and what it leaves out is not created.
#[tokio::test]
async fn a_record_that_the_filter_leaves_out_is_not_synced_until_it_meets_it() {
    let world = world(customers());
    let ann = world.crm.insert([("email", "ann@x.io"), ("status", "customer")]);
    let bob = world.crm.insert([("email", "bob@x.io"), ("status", "lead")]);
    world.crm.insert([("email", "eve@x.io")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    let target = world.link().await.records.target;
    world.crm.edit(&ann, "status", "lead");
    world.crm.edit(&ann, "name", "Ann");
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Suspended);
    assert_eq!(world.field.text(&target, "name"), "");
    world.crm.edit(&bob, "status", "customer");
    world.crm.edit(&ann, "status", "Customer");
    world.settle().await;
    assert_eq!(world.field.records().len(), 2);
    assert_eq!(world.link_of(&ann).await.status, LinkStatus::Suspended);
    world.crm.edit(&ann, "status", "customer");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert_eq!(world.links().await.len(), 2);
}

/// Nothing is created beside a record that is out of scope.
#[tokio::test]
async fn a_partner_that_is_out_of_scope_is_linked_and_suspended() {
    let world = world(customers());
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), ("status", "lead")]);
    let target = world.field.insert([("mail", "ann@x.io")]);
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
    let link = world.link().await;
    assert_eq!(link.status, LinkStatus::Suspended);
    assert_eq!((&link.records.source, &link.records.target), (&ann, &target));
    assert_eq!(world.field.text(&target, "name"), "");
    world.crm.edit(&ann, "status", "customer");
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Active);
    assert_eq!(world.field.text(&target, "name"), "Ann");
}

#[tokio::test]
async fn every_test_of_a_filter_is_applied_and_absent_fields_meet_none() {
    let name = |name: &str| Test::Equals(name.into());
    let cases = [
        (Test::Equals("a".into()), ["a"].as_slice()),
        (Test::Differs("a".into()), &["b", ""]),
        (Test::OneOf(vec!["a".into(), "b".into()]), &["a", "b"]),
        (Test::IsBlank, &[""]),
        (Test::IsNotBlank, &["a", "b"]),
        (name("c"), &[]),
    ];
    for (test, created) in cases {
        let world = world(asking().filter(Side::Source, "status", test.clone()));
        for status in ["a", "b", ""] {
            let mail = format!("p{status}@x.io");
            world.crm.insert([("email", mail.as_str()), ("name", status), ("status", status)]);
        }
        let hidden = world.crm.insert([("email", "h@x.io"), ("status", "a")]);
        world.crm.hide_field(&hidden, "status");
        world.settle().await;
        let field = &world.field;
        let mut made: Vec<String> =
            field.records().iter().map(|record| field.text(record, "name")).collect();
        made.sort();
        let mut wanted: Vec<&str> = created.to_vec();
        wanted.sort_unstable();
        assert_eq!(made, wanted, "{test:?}");
    }
}

/// P27: what the filter leaves out costs no reads by id.
#[tokio::test]
async fn records_that_the_filter_leaves_out_are_not_fetched() {
    let world = world(customers());
    for i in 0..20 {
        world.crm.insert([("email", format!("p{i}@x.io")), ("status", "lead".to_owned())]);
    }
    world.settle().await;
    assert_eq!(world.crm.calls(CallKind::Fetch), 0);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_held_and_nothing_else_waits_for_it() {
    let world = World::with(SimProfile::default(), SimProfile::default(), asking());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.garble(&source);
    world.field.edit(&target, "name", "Anna");
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.holds().await[0].reason, HoldReason::Unreadable);
    assert_eq!(world.link_of(&bob).await.status, LinkStatus::Active);
    world.crm.mend(&source);
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Anna");
    assert!(world.holds().await.is_empty());
}
