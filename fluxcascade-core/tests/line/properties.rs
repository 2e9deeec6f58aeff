//! Short tests of single sentences of the properties, of those that no longer scenario would miss.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::model::{
    AnswerOutcome, Choice, ConflictStatus, ConnectionName, LinkStatus, LogRow, ObjectType,
    RecordId, Side, Sides, Value,
};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::store::Hint;
use fluxcascade_core::testkit::{CallKind, CrashPlan, CrashPoints, SimProfile, at_every_point};

use crate::scenario::listing_late;
use crate::world::{World, contacts};

fn with(capabilities: Capabilities) -> SimProfile {
    SimProfile { capabilities, ..SimProfile::default() }
}

fn pages_of(size: usize) -> SimProfile {
    with(Capabilities {
        page: size,
        read_batch: size,
        write_batch: size,
        create_batch: size,
        ..SimProfile::default().capabilities
    })
}

/// P1: what could not be decided yet is not taken for known when it is read again.
#[tokio::test]
pub(crate) async fn an_edit_that_waits_for_a_hidden_field_flows_when_it_shows() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.hide_field(&target, "phone");
    world.field.edit(&target, "name", "Ann B");
    world.crm.edit(&source, "phone", "256 555 0199");
    world.sync().await;
    world.minutes(15);
    world.field.show_field(&target, "phone");
    world.engine().await.run("contacts").full().sync().await.unwrap();
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    assert_eq!(world.crm.text(&source, "name"), "Ann B");
}

/// P2: a run over records that nobody has touched takes nothing in, listed again or read whole.
#[tokio::test]
pub(crate) async fn what_is_listed_again_is_not_taken_in() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    assert_eq!(world.sync().await.writes(), 1);
    world.minutes(1); // within the look-back
    let listed = world.sync().await;
    world.minutes(15);
    let whole = world.engine().await.run("contacts").full().sync().await.unwrap();
    for report in [listed, whole] {
        let counts = report.sides.as_ref().map(|side| (side.listed, side.taken));
        assert_eq!(counts, Sides::new((1, 0), (1, 0)), "{report}");
        assert_eq!(report.writes(), 0);
    }
}

/// P3, P15: the answer to a write shows an edit of another field that was made just before.
#[tokio::test]
pub(crate) async fn an_edit_of_another_field_between_read_and_write_is_not_lost() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    let edited = target.clone();
    world.field.before_next(CallKind::Update, move |field| {
        field.edit(&edited, "street", "2 Oak Ave");
    });
    world.sync().await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
}

/// P4.
#[tokio::test]
pub(crate) async fn a_field_that_is_not_shown_is_no_blank() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.hide_field(&source, "phone");
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0100");
}

/// P5: an echo is known by its value, and not by its time.
#[tokio::test]
pub(crate) async fn an_edit_by_hand_right_after_a_write_of_ours_is_no_echo() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    assert_eq!(world.sync().await.writes(), 1);
    world.minutes(1);
    world.field.edit(&target, "name", "Ann, by hand");
    world.minutes(1);
    world.sync().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann, by hand");
    world.settle().await;
}

/// P9: both sides were changed to the same: nothing is written, and there is no conflict.
#[tokio::test]
pub(crate) async fn the_same_edit_on_both_sides_is_no_conflict() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.minutes(5);
    world.field.edit(&target, "phone", "(256) 555-0199");
    world.minutes(5);
    assert_eq!(world.sync().await.writes(), 0);
    assert!(world.conflicts().await.is_empty());
    assert_eq!(world.field.text(&target, "phone"), "(256) 555-0199");
}

/// P11: an answer is to the values that were seen.
#[tokio::test]
pub(crate) async fn an_answer_is_not_carried_out_on_values_that_have_moved_since() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann A");
    world.field.edit(&target, "name", "Ann B");
    world.sync().await;
    assert_eq!(world.answer(Choice::Take(Side::Source)).await, AnswerOutcome::Stored);
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann C");
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    let mut status: Vec<_> = world.conflicts().await.iter().map(|row| row.status).collect();
    status.sort_by_key(|status| *status == ConflictStatus::Open);
    assert_eq!(status, [ConflictStatus::Stale, ConflictStatus::Open]);
}

/// P12: what has changed is told by values, however coarse a system's times are and wherever its
/// clock stands.
#[tokio::test]
pub(crate) async fn an_edit_in_the_minute_of_the_confirmed_version_flows() {
    for clock_offset in [0, 3600, -3600] {
        let coarse = SimProfile {
            granularity: Duration::from_secs(60),
            clock_offset,
            ..SimProfile::default()
        };
        let world = World::with(coarse.clone(), coarse, contacts());
        let (source, target) = world.linked().await;
        world.crm.edit(&source, "name", "Ann B");
        world.field.edit(&target, "street", "2 Oak Ave");
        world.sync().await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann B", "{clock_offset}");
        assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave", "{clock_offset}");
    }
}

/// P13: ties at a page's edge.
#[tokio::test]
pub(crate) async fn rows_of_one_time_on_several_pages_are_all_seen() {
    let world = World::with(pages_of(2), pages_of(2), contacts());
    for number in 0..5 {
        world.crm.insert([("email", format!("p{number}@x.io"))]);
    }
    world.sync().await;
    assert_eq!(world.field.records().len(), 5);
}

/// P13: a row that is visible late, within the declared look-back.
#[tokio::test]
pub(crate) async fn a_row_that_shows_late_is_seen_without_a_full_read() {
    let lag = Duration::from_secs(120);
    let lagging = SimProfile {
        list_lag: lag,
        ..with(Capabilities {
            list: Consistency::Lagging(lag),
            ..SimProfile::default().capabilities
        })
    };
    let world = World::with(lagging, SimProfile::default(), contacts());
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.minutes(1);
    assert_eq!(world.sync().await.writes(), 0, "it does not show yet");
    world.minutes(15);
    world.sync().await;
    let target = world.field.records().remove(0);
    assert_eq!(world.field.text(&target, "name"), "Ann B");
}

/// P13, P17: a run that ends between two calls has passed nothing that is not stored.
#[tokio::test]
pub(crate) async fn a_cursor_does_not_pass_a_page_that_is_not_stored() {
    let points = at_every_point(|crash: CrashPlan| async move {
        let world = World::new();
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann B");
        world.minutes(10); // longer ago than the look-back
        let points = CrashPoints::new();
        let engine = world.engine_at(&points).await;
        let ended = points.run(crash, engine.sync("contacts")).await;
        drop(engine);
        for _ in 0..2 {
            world.minutes(15);
            world.sync().await;
        }
        assert_eq!(world.field.text(&target, "name"), "Ann B", "{ended:?}");
        ended
    })
    .await;
    assert!(points > 10, "{points}");
}

/// P15: the report tells the widest time between a batch's read and its write.
#[tokio::test]
pub(crate) async fn the_report_tells_how_long_a_write_was_after_its_read() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    let clock = Arc::clone(&world.clock);
    world.field.before_next(CallKind::Fetch, move |_| clock.advance(Duration::from_secs(7)));
    let report = world.sync().await;
    assert_eq!(report.sides.target.widest_window, Duration::from_secs(7), "{report}");
}

/// P16: events that are repeated, early, or of nobody make what a listing would make, once; and
/// what an event tells of is seen before any listing shows it.
#[tokio::test]
pub(crate) async fn hints_are_reasons_to_read_and_nothing_else() {
    let world = listing_late(Duration::from_secs(600));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    world.sync().await;
    let target = world.field.records().remove(0);
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.minutes(1);
    let tenant = world.engine().await.mapping_key(&world.mapping.name).tenant;
    let hint = |record: &RecordId| Hint {
        tenant: tenant.clone(),
        connection: ConnectionName::new("crm").unwrap(),
        object: ObjectType::new("contacts").unwrap(),
        record: record.clone(),
    };
    let nobody = RecordId::new("nobody").unwrap();
    world.store.notify(&[hint(&nobody), hint(&source), hint(&source)]).await.unwrap();
    assert_eq!(world.sync().await.writes(), 1);
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    world.store.notify(&[hint(&source)]).await.unwrap();
    world.settle().await;
    assert_eq!((world.links().await.len(), world.field.records().len()), (1, 1));
    assert_eq!(world.engine().await.counts("contacts").await.unwrap().inbox, 0);
}

/// A few people, edits on both sides, a conflict, a create on each side; the trace of all runs.
async fn trace(profile: SimProfile) -> (World, Vec<LogRow>) {
    let world = World::with(profile.clone(), profile, contacts());
    let both: Vec<(RecordId, RecordId)> = (0..4)
        .map(|number| {
            let mail = format!("p{number}@x.io");
            (world.crm.insert([("email", mail.clone())]), world.field.insert([("mail", mail)]))
        })
        .collect();
    world.sync().await;
    world.minutes(15);
    for (source, target) in &both {
        world.crm.edit(source, "name", format!("of {source}"));
        world.field.edit(target, "street", "2 Oak Ave");
    }
    world.crm.edit(&both[0].0, "phone", "256 555 1400");
    world.minutes(5);
    world.field.edit(&both[0].1, "phone", "256 555 1405");
    world.crm.insert([("email", "new@x.io")]);
    world.field.insert([("mail", "other@x.io")]);
    world.settle().await;
    let log = world.log().await;
    (world, log)
}

/// P21: the same happenings leave the same trace, ids included; and whatever the size of pages and
/// batches, the same records.
#[tokio::test]
pub(crate) async fn the_same_edits_leave_the_same_trace() {
    let (world, log) = trace(pages_of(100)).await;
    let (_, again) = trace(pages_of(100)).await;
    assert_eq!(log, again);
    let links: Vec<_> = world.links().await;
    let (other, _) = trace(pages_of(1)).await;
    assert_eq!(other.links().await.len(), links.len());
    for link in links {
        assert_eq!(link.status, LinkStatus::Active);
        let there = other.link_of(&link.records.source).await;
        for (system, same, record, twin) in [
            (&world.crm, &other.crm, &link.records.source, &there.records.source),
            (&world.field, &other.field, &link.records.target, &there.records.target),
        ] {
            for field in ["email", "mail", "name", "phone", "address", "street"] {
                assert_eq!(system.value(record, field), same.value(twin, field), "{field}");
            }
        }
    }
}

/// P22: the answer to a write shows what became of the value: that is no edit by anybody.
#[tokio::test]
pub(crate) async fn what_a_system_makes_of_a_value_is_not_written_back() {
    let upper = SimProfile {
        normaliser: Some(Arc::new(|field, value: &Value| {
            let name = value.as_text().filter(|_| field.as_str() == "name")?;
            Some(Value::from(name.to_uppercase()))
        })),
        ..SimProfile::default()
    };
    let world = World::with(SimProfile::default(), upper, contacts());
    let (source, target) = world.linked_with_name("ANN").await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann Lee");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "ANN LEE");
    assert_eq!(world.crm.text(&source, "name"), "Ann Lee");
    assert_eq!(world.crm.calls(CallKind::Update), 0);
}

/// P27: a changed record is read once on the side that is written, and on no other.
#[tokio::test]
pub(crate) async fn an_edit_costs_one_read_and_one_write() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    assert_eq!(world.sync().await.writes(), 1);
    assert_eq!((world.crm.calls(CallKind::Changes), world.crm.ledger().len()), (1, 1));
    let calls = [CallKind::Changes, CallKind::Fetch, CallKind::Update];
    assert_eq!(calls.map(|kind| world.field.calls(kind)), [1, 1, 1]);
    assert_eq!(world.field.ledger().len(), 3);
}
