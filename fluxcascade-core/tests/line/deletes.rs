//! A record of a link is deleted: what becomes of the link and of the other record.

use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, DeleteSignal};
use fluxcascade_core::mapping::{
    Create, DeletePolicy, DeleteUpdate, Direction, Guards, Limit, MappingBuilder,
};
use fluxcascade_core::model::{
    AnswerOutcome, Choice, ConflictKind, ConflictStatus, Ending, HoldReason, LinkStatus, LogKind,
    Winner, Withheld,
};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_core::{Side, SyncError};

use crate::world::{World, contacts};

/// The mapping of most tests, where every delete is asked for, and a side may lose its last record.
pub(crate) fn asking() -> MappingBuilder {
    let deletes = Limit { count: 0, percent: 0 };
    contacts().guards(Guards { deletes, empty_from: u64::MAX, ..Guards::default() })
}

/// A system that archives, deletes and restores.
pub(crate) fn able(deletes: DeleteSignal) -> SimProfile {
    let capabilities = Capabilities {
        deletes,
        archives: true,
        deletes_for_good: true,
        restores: true,
        ..SimProfile::default().capabilities
    };
    SimProfile { capabilities, ..SimProfile::default() }
}

pub(crate) fn world(mapping: MappingBuilder) -> World {
    World::with(able(DeleteSignal::Flag), able(DeleteSignal::Flag), mapping)
}

fn archiving() -> MappingBuilder {
    asking()
        .on_delete(Side::Source, DeletePolicy::Archive)
        .on_delete(Side::Target, DeletePolicy::Archive)
}

/// P8: by whatever evidence, a delete ends the link, and the survivor is not made again for it.
#[tokio::test]
pub(crate) async fn a_deleted_record_ends_its_link_and_the_other_stays() {
    for signal in [DeleteSignal::Flag, DeleteSignal::Feed, DeleteSignal::Absence] {
        let world = World::with(able(signal), able(signal), asking());
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.delete(&source);
        for _ in 0..3 {
            world.minutes(25 * 60);
            world.sync().await;
        }
        let link = world.link().await;
        assert_eq!(link.status, LinkStatus::Tombstone, "{signal:?}");
        assert_eq!(link.ending, Some(Ending::Deleted(Side::Source)), "{signal:?}");
        assert_eq!(world.log().await[0].kind, LogKind::End);
        world.field.edit(&target, "name", "Anna");
        world.settle().await;
        assert!(world.crm.records().is_empty(), "{signal:?}");
        assert_eq!(world.field.text(&target, "name"), "Anna");
        assert!(world.holds().await.is_empty());
    }
}

/// P8: what is not found is waited for, and comes back with its link.
#[tokio::test]
pub(crate) async fn a_record_that_is_missing_for_less_than_the_grace_time_is_not_deleted() {
    let world = World::with(SimProfile::default(), SimProfile::default(), asking());
    let (source, target) = world.linked().await;
    world.crm.delete(&source);
    world.minutes(25 * 60);
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::Missing, "{report}");
    world.field.edit(&target, "name", "Anna");
    world.minutes(60);
    world.sync().await;
    let hold = &world.holds().await[0];
    assert_eq!(hold.reason, HoldReason::Missing);
    let due = hold.not_before.unwrap();
    assert_eq!(due, hold.since + Duration::from_secs(24 * 3600));
    world.crm.restore(&source);
    world.settle().await;
    assert_eq!(world.link().await.status, LinkStatus::Active);
    assert_eq!(world.crm.text(&source, "name"), "Anna");
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn a_record_that_is_missing_when_the_grace_time_is_over_is_deleted() {
    let world = World::with(SimProfile::default(), SimProfile::default(), asking());
    let (source, _) = world.linked().await;
    world.crm.delete(&source);
    world.minutes(25 * 60);
    world.sync().await;
    assert_eq!(world.link().await.status, LinkStatus::Active);
    world.minutes(23 * 60);
    world.sync().await;
    assert_eq!(world.link().await.status, LinkStatus::Active);
    world.minutes(61);
    world.sync().await;
    assert_eq!(world.link().await.ending, Some(Ending::Deleted(Side::Source)));
}

/// P18: the other record goes only if a guard or a person lets it.
#[tokio::test]
pub(crate) async fn the_other_record_is_archived_when_it_is_let_through() {
    let world = world(archiving());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    let report = world.sync().await;
    assert_eq!(report.writes(), 0, "{report}");
    let hold = world.holds().await.remove(0);
    assert_eq!((hold.reason, hold.withheld), (HoldReason::Guard, Some(Withheld::Archive)));
    assert_eq!(hold.not_before, None);
    assert_eq!(world.answer(Choice::Allow).await, AnswerOutcome::Stored);
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!(report.sides.target.removed, 1, "{report}");
    assert!(world.field.records().is_empty());
    assert_eq!(world.field.calls(CallKind::Archive), 1);
    assert_eq!(world.link().await.ending, Some(Ending::TwinRemoved(Side::Source)));
    let kinds: Vec<LogKind> = world.log().await.iter().take(2).map(|row| row.kind).collect();
    assert!(kinds.contains(&LogKind::Archive) && kinds.contains(&LogKind::End), "{kinds:?}");
    world.settle().await;
    assert!(world.holds().await.is_empty());
    world.field.restore(&target);
    world.settle().await;
    assert!(world.crm.records().is_empty(), "what was deleted comes back");
}

#[tokio::test]
async fn a_person_may_leave_the_other_record_instead() {
    let world = world(archiving());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.sync().await;
    world.answer(Choice::Leave).await;
    world.settle().await;
    assert_eq!(world.field.records(), [target]);
    assert_eq!(world.link().await.ending, Some(Ending::Deleted(Side::Source)));
}

#[tokio::test]
async fn a_record_is_deleted_for_good_only_where_the_policy_says_so() {
    let mapping = asking().on_delete(Side::Target, DeletePolicy::Delete);
    let world = world(mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.delete(&target);
    world.sync().await;
    assert_eq!(world.holds().await[0].withheld, Some(Withheld::Delete));
    world.answer(Choice::Allow).await;
    world.settle().await;
    world.crm.restore(&source);
    assert!(world.crm.records().is_empty(), "it was archived, not deleted");
}

/// P8: an edit that comes after the plan is seen before the other record goes.
#[tokio::test]
async fn an_edit_just_before_the_archive_saves_the_record() {
    let world = world(archiving());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.sync().await;
    world.answer(Choice::Allow).await;
    world.minutes(15);
    let edited = target.clone();
    // The first fetch decides, the second one is the read before the write.
    world.field.before_next(CallKind::Fetch, |_| {});
    world.field.before_next(CallKind::Fetch, move |field| {
        field
            .clone()
            .before_next(CallKind::Fetch, move |field| field.edit(&edited, "name", "Anna"));
    });
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Anna");
    assert_eq!(world.field.calls(CallKind::Archive), 0);
    assert_eq!(world.conflicts().await[0].kind, ConflictKind::DeleteUpdate);
}

/// P3, P8: one deleted, the other edited: the edit survives, with one row.
#[tokio::test]
async fn a_delete_never_removes_an_edit() {
    let world = world(archiving());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "name", "Anna");
    world.crm.delete(&source);
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Anna");
    let rows = world.conflicts().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].kind, &rows[0].pair), (ConflictKind::DeleteUpdate, &None));
    assert_eq!(rows[0].status, ConflictStatus::Auto);
    assert_eq!(rows[0].winner, Some(Winner::Target));
    assert_eq!(rows[0].values.target, ["Anna".into()]);
    assert_eq!(world.link().await.ending, Some(Ending::Deleted(Side::Source)));
}

/// The same where no signal tells of the delete: the edit finds the record missing, and waits.
#[tokio::test]
async fn a_delete_that_only_a_sweep_shows_keeps_an_edit_made_before_it() {
    for lag in [0, 20] {
        let world = World::with(SimProfile::default(), SimProfile::default(), asking());
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.delete(&source);
        world.minutes(lag);
        world.sync().await;
        world.field.edit(&target, "name", "Anna");
        for minutes in [15, 25 * 60, 25 * 60, 25 * 60, 15] {
            world.minutes(minutes);
            world.sync().await;
        }
        assert_eq!(world.field.text(&target, "name"), "Anna");
        let rows = world.conflicts().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0].kind, ConflictKind::DeleteUpdate);
    }
}

#[tokio::test]
async fn a_deleted_record_whose_twin_was_edited_is_made_again_by_policy() {
    let world = world(asking().delete_update(DeleteUpdate::Recreate));
    let (source, target) = world.linked().await;
    let before = world.link().await;
    world.minutes(15);
    world.field.edit(&target, "name", "Anna");
    world.crm.delete(&source);
    world.settle().await;
    let made = world.crm.records();
    assert_eq!(made.len(), 1);
    assert_eq!(world.crm.text(&made[0], "name"), "Anna");
    let link = world.link_of(&made[0]).await;
    assert_eq!((link.id, link.status), (before.id, LinkStatus::Active));
    assert_ne!(link.records.source, source);
    assert_eq!(world.conflicts().await.len(), 1);
}

#[tokio::test]
async fn a_person_decides_a_delete_against_an_edit_where_the_policy_says_so() {
    for choice in [Choice::Recreate, Choice::Leave] {
        let world = world(asking().delete_update(DeleteUpdate::Manual));
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.field.edit(&target, "name", "Anna");
        world.crm.delete(&source);
        world.settle().await;
        assert_eq!(world.link().await.status, LinkStatus::Active);
        assert_eq!(world.conflicts().await[0].status, ConflictStatus::Open);
        // Another edit is another question.
        world.field.edit(&target, "name", "Anne");
        world.settle().await;
        let statuses: Vec<_> = world.conflicts().await.iter().map(|row| row.status).collect();
        assert_eq!(statuses, [ConflictStatus::Open, ConflictStatus::Stale]);
        assert_eq!(world.answer(choice.clone()).await, AnswerOutcome::Stored);
        world.settle().await;
        let remade = usize::from(choice == Choice::Recreate);
        assert_eq!(world.crm.records().len(), remade, "{choice:?}");
        assert_eq!(world.conflicts().await[0].status, ConflictStatus::Resolved);
        assert!(world.holds().await.is_empty());
    }
}

/// P8: what nothing may be created for is not said to be made again.
#[tokio::test]
async fn a_deleted_record_is_made_again_only_where_records_are_created() {
    let world = world(asking().create(Create::ToTarget).delete_update(DeleteUpdate::Recreate));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "name", "Anna");
    world.crm.delete(&source);
    world.settle().await;
    assert!(world.crm.records().is_empty());
    assert_eq!(world.link().await.ending, Some(Ending::Deleted(Side::Source)));
    let log = world.log().await;
    assert!(log.iter().all(|row| !row.note.contains("made again")), "{log:?}");
}

/// P20: what a person was asked is decided by the policy that the mapping has now.
#[tokio::test]
async fn another_policy_decides_a_delete_against_an_edit_that_a_person_was_asked() {
    let mut world = world(asking().delete_update(DeleteUpdate::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "name", "Anna");
    world.crm.delete(&source);
    world.settle().await;
    assert_eq!(world.conflicts().await[0].status, ConflictStatus::Open);
    world.mapping = asking().delete_update(DeleteUpdate::Recreate).build().unwrap();
    world.minutes(15);
    world.sync().await;
    assert!(world.holds().await.is_empty());
    world.settle().await;
    let made = world.crm.records();
    assert_eq!(world.crm.text(&made[0], "name"), "Anna");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Auto), "{rows:?}");
}

#[tokio::test]
async fn a_deleted_record_is_made_again_with_the_same_link_where_the_policy_says_so() {
    let world = world(asking().on_delete(Side::Target, DeletePolicy::Recreate));
    let (source, target) = world.linked().await;
    let before = world.link().await;
    world.minutes(15);
    world.field.delete(&target);
    world.settle().await;
    let made = world.field.records();
    assert_eq!(made.len(), 1);
    assert_ne!(made[0], target);
    assert_eq!(world.field.text(&made[0], "street"), "1 Main St");
    let link = world.link_of(&made[0]).await;
    assert_eq!((link.id, link.status), (before.id, LinkStatus::Active));
    assert_eq!((&link.records.source, &link.records.target), (&source, &made[0]));
    world.crm.edit(&source, "name", "Anna");
    world.settle().await;
    assert_eq!(world.field.text(&made[0], "name"), "Anna");
}

/// P6: the record that is made again is made once, also if the answer is lost.
#[tokio::test]
async fn a_record_is_made_again_once_though_the_answer_is_lost() {
    let world = world(asking().on_delete(Side::Target, DeletePolicy::Recreate));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.delete(&target);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.sync().await;
    assert_eq!(world.field.records().len(), 1);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    assert_eq!(world.link_of(&source).await.status, LinkStatus::Active);
}

#[tokio::test]
async fn two_deleted_records_end_their_link() {
    let world = world(archiving());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    world.field.delete(&target);
    world.settle().await;
    assert_eq!(world.link().await.ending, Some(Ending::BothDeleted));
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn a_one_way_mapping_never_deletes_or_makes_again_on_its_origin() {
    for policy in [DeletePolicy::Archive, DeletePolicy::Recreate] {
        let mapping = asking()
            .direction(Direction::SourceToTarget)
            .on_delete(Side::Target, policy)
            .on_delete(Side::Source, policy);
        let world = world(mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        match policy {
            DeletePolicy::Archive => world.field.delete(&target),
            DeletePolicy::Unlink | DeletePolicy::Delete | DeletePolicy::Recreate => {
                world.crm.delete(&source);
            }
        }
        world.settle().await;
        assert_eq!(world.link().await.status, LinkStatus::Tombstone, "{policy:?}");
        assert!(world.holds().await.is_empty(), "{policy:?}");
        let left = world.crm.records().len() + world.field.records().len();
        assert_eq!(left, 1, "{policy:?}");
    }
}

/// P17: an archive without an answer is settled by what the record is.
#[tokio::test]
async fn an_archive_without_an_answer_is_settled() {
    for (fault, calls) in [(Fault::AnswerLost, 1), (Fault::RequestLost, 2)] {
        let world = world(archiving());
        let (source, _) = world.linked().await;
        world.minutes(15);
        world.crm.delete(&source);
        world.sync().await;
        world.answer(Choice::Allow).await;
        world.field.fail_next(CallKind::Archive, fault);
        world.sync().await;
        assert_eq!(world.link().await.status, LinkStatus::Active);
        world.settle().await;
        if fault == Fault::RequestLost {
            // It was not carried out: a person is asked once more before it is sent again.
            assert_eq!(world.answer(Choice::Allow).await, AnswerOutcome::Stored);
            world.settle().await;
        }
        assert_eq!(world.link().await.ending, Some(Ending::TwinRemoved(Side::Source)));
        assert_eq!(world.field.calls(CallKind::Archive), calls, "{fault:?}");
        let archived = world.log().await.iter().filter(|r| r.kind == LogKind::Archive).count();
        assert_eq!(archived, 1, "{fault:?}");
    }
}

/// A pair that waits for a person does not outlive its link.
#[tokio::test]
async fn holds_and_open_rows_of_a_link_that_ends_are_closed() {
    let world = world(asking().conflicts(fluxcascade_core::Strategy::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Anna");
    world.field.edit(&target, "name", "Anne");
    world.sync().await;
    assert_eq!(world.holds().await.len(), 1);
    world.minutes(15);
    world.crm.delete(&source);
    world.settle().await;
    assert!(world.holds().await.is_empty());
    let rows = world.conflicts().await;
    let open = rows.iter().filter(|row| row.status == ConflictStatus::Open).count();
    assert_eq!((rows.len(), open), (2, 0), "{rows:?}");
}

#[tokio::test]
async fn a_policy_that_a_system_cannot_carry_out_is_found_when_the_engine_is_built() {
    let world = World::with(SimProfile::default(), SimProfile::default(), archiving());
    let build = fluxcascade_core::Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", world.field.clone())
        .store(std::sync::Arc::clone(&world.store))
        .mapping(world.mapping.clone())
        .build()
        .await;
    let Err(SyncError::Config(error)) = build else { panic!("it was built") };
    assert_eq!(error.findings.len(), 2, "{error}");
    assert!(error.to_string().contains("field clients cannot put records away"), "{error}");
}
