//! Deleted records that are seen again, and records beside tombstones.

use fluxcascade_core::Side;
use fluxcascade_core::connector::{Capabilities, DeleteSignal};
use fluxcascade_core::mapping::DeletePolicy;
use fluxcascade_core::model::{Choice, Ending, HoldReason, LinkStatus, LogKind};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::deletes::asking;
use crate::deletes::{able, world};
use crate::world::World;

/// P8: a restore is seen; the link has its old bases, so that both sides' edits flow.
#[tokio::test]
async fn a_deleted_record_that_is_seen_again_has_its_link_again() {
    let world = world(asking());
    let (source, target) = world.linked().await;
    let before = world.link().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.settle().await;
    world.field.edit(&target, "name", "Anna");
    world.settle().await;
    world.crm.restore(&source);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.settle().await;
    let link = world.link().await;
    assert_eq!((link.id, link.status, link.ending), (before.id, LinkStatus::Active, None));
    assert_eq!(world.crm.text(&source, "name"), "Anna");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    assert!(world.log().await.iter().any(|row| row.kind == LogKind::Resume));
    assert!(world.conflicts().await.is_empty());
}

#[tokio::test]
async fn both_records_of_an_ended_link_come_back_together() {
    let world = world(asking());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.field.delete(&target);
    world.settle().await;
    world.field.restore(&target);
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Tombstone);
    assert!(world.crm.records().is_empty());
    world.crm.restore(&source);
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Active);
}

async fn archived(field: SimProfile) -> World {
    let mapping = asking().on_delete(Side::Source, DeletePolicy::Archive);
    let world = World::with(able(DeleteSignal::Flag), field, mapping);
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.sync().await;
    world.answer(Choice::Allow).await;
    world.settle().await;
    assert!(world.field.records().is_empty());
    world.crm.restore(&source);
    world
}

#[tokio::test]
async fn a_twin_that_the_engine_archived_is_restored_with_the_record() {
    for fault in [None, Some(Fault::AnswerLost), Some(Fault::RequestLost)] {
        let world = archived(able(DeleteSignal::Flag)).await;
        if let Some(fault) = fault {
            world.field.fail_next(CallKind::Restore, fault);
        }
        world.sync().await;
        world.settle().await;
        assert_eq!(world.field.records().len(), 1, "{fault:?}");
        let link = world.link().await;
        assert_eq!((link.status, link.ending), (LinkStatus::Active, None), "{fault:?}");
        world.crm.edit(&link.records.source, "name", "Anna");
        world.settle().await;
        assert_eq!(world.field.text(&link.records.target, "name"), "Anna");
        assert!(world.holds().await.is_empty());
    }
}

#[tokio::test]
async fn a_record_whose_twin_cannot_be_restored_is_parked_with_it() {
    let profile = able(DeleteSignal::Flag);
    let capabilities = Capabilities { restores: false, ..profile.capabilities.clone() };
    let world = archived(SimProfile { capabilities, ..profile }).await;
    world.settle().await;
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.reason, HoldReason::Ambiguous);
    assert_eq!(hold.candidates, [(Side::Target, world.link().await.records.target)]);
    assert!(world.field.records().is_empty());
    world.answer(Choice::Create).await;
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
}

/// P8: a record with a new id is free for what a tombstone names.
#[tokio::test]
async fn a_survivor_is_linked_to_a_record_with_a_new_id() {
    let world = world(asking());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.settle().await;
    let again = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    let links = world.links().await;
    let active: Vec<_> = links.iter().filter(|l| l.status == LinkStatus::Active).collect();
    assert_eq!(active.len(), 1);
    assert_eq!((&active[0].records.source, &active[0].records.target), (&again, &target));
    // P7: the old record comes back, and its twin is taken.
    world.crm.restore(&source);
    world.settle().await;
    assert_eq!(world.holds().await[0].reason, HoldReason::Ambiguous);
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 1));
}

/// P7: two deleted records of one survivor come back at once, and one of them gets it.
#[tokio::test]
async fn of_two_restored_records_one_has_the_twin() {
    let world = world(asking());
    let (first, _) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&first);
    world.settle().await;
    let second = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    world.crm.delete(&second);
    world.settle().await;
    let tombstones = world.links().await;
    assert!(tombstones.iter().all(|l| l.ending == Some(Ending::Deleted(Side::Source))));
    world.crm.restore(&first);
    world.crm.restore(&second);
    world.settle().await;
    let links = world.links().await;
    assert_eq!(links.iter().filter(|l| l.status == LinkStatus::Active).count(), 1);
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 1));
}

/// P6, P8: what is to be made again is looked at once more, and nothing is made beside what is back.
#[tokio::test]
async fn a_record_that_is_back_before_it_is_made_again_has_its_link_again() {
    let world = world(asking().on_delete(Side::Target, DeletePolicy::Recreate));
    let (_, target) = world.linked().await;
    let before = world.link().await;
    world.minutes(15);
    world.field.delete(&target);
    let back = target.clone();
    // It is read, and is gone: from the next look at the source on it is back.
    let (crm, field) = (world.crm.clone(), world.field.clone());
    world.field.before_next(CallKind::Fetch, move |_| {
        crm.before_next(CallKind::Fetch, move |_| {
            field.restore(&back);
            field.edit(&back, "name", "Anna");
        });
    });
    world.settle().await;
    let log = world.log().await;
    let kinds: Vec<LogKind> = log.iter().rev().map(|row| row.kind).collect();
    let ended = kinds.iter().position(|kind| *kind == LogKind::End).unwrap();
    assert!(
        kinds[ended..].contains(&LogKind::Resume),
        "it was back after its link ended: {kinds:?}"
    );
    assert_eq!(world.field.records(), std::slice::from_ref(&target));
    let link = world.link().await;
    assert_eq!(
        (link.id, link.status, link.records.target),
        (before.id, LinkStatus::Active, target)
    );
    assert_eq!(world.crm.text(&link.records.source, "name"), "Anna");
}

/// P8: what was made again takes nothing from the memory of what was deleted: that one is parked when
/// it is back, whatever key it has by then.
#[tokio::test]
async fn a_deleted_record_that_is_back_after_it_was_made_again_is_parked() {
    for key in ["ann@x.io", "", "annie@z.io"] {
        let world = world(asking().on_delete(Side::Target, DeletePolicy::Recreate));
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.field.delete(&target);
        world.settle().await;
        let again = world.link_of(&source).await.records.target;
        assert_ne!(again, target);
        world.minutes(15);
        world.field.restore(&target);
        world.field.edit(&target, "mail", key);
        world.settle().await;
        assert_eq!(
            world.crm.records(),
            std::slice::from_ref(&source),
            "{key:?}: a copy of it was made"
        );
        assert_eq!(world.link_of(&source).await.records.target, again, "{key:?}");
        let hold = world.holds().await.remove(0);
        assert_eq!(hold.reason, HoldReason::Ambiguous, "{key:?}");
    }
}

/// P6, P8: a record that was to be made again is linked to another one meanwhile, by whichever of the
/// two is looked at first: it is not made again later.
#[tokio::test]
async fn a_record_that_was_linked_before_it_was_made_again_is_not_made_again() {
    let world = world(asking().on_delete(Side::Target, DeletePolicy::Recreate));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.delete(&target);
    for _ in 0..5 {
        world.field.fail_next(CallKind::Create, Fault::Unavailable);
    }
    world.sync().await;
    world.sync().await;
    let by_hand = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    world.field.fail_no_more();
    world.settle().await;
    assert_eq!(world.link_of(&source).await.records.target, by_hand);
    world.engine().await.exclude("contacts", Side::Target, &by_hand).await.unwrap();
    world.settle().await;
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    assert_eq!(world.field.records(), [by_hand]);
}

/// P6, P8: the answer to the create is lost, and the deleted record is back under another key: nothing
/// is made for it.
#[tokio::test]
async fn a_record_that_is_back_beside_a_create_without_an_answer_is_not_copied() {
    for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::Unavailable] {
        for key in ["ann@x.io", "annie@z.io"] {
            let world = world(asking().on_delete(Side::Target, DeletePolicy::Recreate));
            let (source, target) = world.linked().await;
            world.minutes(15);
            world.field.delete(&target);
            world.field.fail_next(CallKind::Create, fault);
            world.sync().await;
            world.minutes(1);
            world.sync().await;
            world.field.restore(&target);
            world.field.edit(&target, "mail", key);
            world.crm.edit(&source, "name", "Ann S");
            for _ in 0..6 {
                world.minutes(15);
                world.sync().await;
            }
            world.minutes(60 * 24 * 8);
            world.settle().await;
            assert_eq!(world.crm.records().len(), 1, "{fault:?} {key}");
            assert_eq!(world.link_of(&source).await.status, LinkStatus::Active, "{fault:?} {key}");
        }
    }
}
