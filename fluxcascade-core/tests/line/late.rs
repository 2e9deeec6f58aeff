//! Reads by id that show late what was written: what they do not show yet says nothing.

use std::time::Duration;

use fluxcascade_core::Strategy;
use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::mapping::IdWrites;
use fluxcascade_core::model::{Choice, ConnectionName, ObjectType, RecordId, Side};
use fluxcascade_core::store::Hint;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::scenario::{desk, say};
use crate::world::{World, contacts};

/// A system whose reads by id are as late as this, in seconds, and are declared to be ten minutes
/// late at most; its listing is not late.
pub(crate) fn late(fetch: u64) -> SimProfile {
    let lag = Duration::from_secs(600);
    SimProfile {
        fetch_lag: Duration::from_secs(fetch),
        capabilities: Capabilities {
            list: Consistency::Lagging(lag),
            fetch: Consistency::Lagging(lag),
            look_back: lag,
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    }
}

async fn hint(world: &World, side: Side, record: &RecordId) {
    let tenant = world.engine().await.mapping_key(&world.mapping.name).tenant;
    let (connection, object) = match side {
        Side::Source => ("crm", "contacts"),
        Side::Target => ("field", "clients"),
    };
    let hint = Hint {
        tenant,
        connection: ConnectionName::new(connection).unwrap(),
        object: ObjectType::new(object).unwrap(),
        record: record.clone(),
    };
    world.store.notify(&[hint]).await.unwrap();
}

/// P5: what was there before our own write is no edit.
#[tokio::test]
async fn a_read_by_id_that_does_not_show_our_own_write_yet_is_no_edit() {
    let world = World::with(SimProfile::default(), late(60), contacts());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.sync().await;
    hint(&world, Side::Target, &target).await;
    assert_eq!(world.sync().await.writes(), 0);
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann B", "{:?}", world.conflicts().await);
    assert_eq!(world.field.text(&target, "name"), "Ann B");
}

/// P3: our own old value wins no conflict against the next edit.
#[tokio::test]
async fn a_late_read_by_id_before_a_write_is_no_conflict() {
    let mapping = contacts().conflicts(Strategy::TargetWins);
    let world = World::with(SimProfile::default(), late(60), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.sync().await;
    world.clock.advance(Duration::from_secs(10));
    world.crm.edit(&source, "name", "Ann C");
    let report = world.sync().await;
    assert_eq!((report.writes(), report.waiting), (0, 1), "{report}");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann C", "{:?}", world.conflicts().await);
    assert_eq!(world.field.text(&target, "name"), "Ann C");
    assert!(world.conflicts().await.is_empty());
}

/// P3: a read that is older than the listing hides no edit that was listed.
#[tokio::test]
async fn a_late_read_by_id_does_not_hide_a_listed_edit() {
    let mapping = contacts().conflicts(Strategy::TargetWins);
    let world = World::with(SimProfile::default(), late(60), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "name", "Ann T");
    world.field.edit(&target, "phone", "256 555 0222");
    world.crm.edit(&source, "phone", "256 555 0111");
    world.crm.edit(&source, "address", "2 S St");
    world.sync().await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T", "{:?}", world.conflicts().await);
    assert_eq!(world.crm.text(&source, "phone"), "256 555 0222");
    assert_eq!(world.field.text(&target, "street"), "2 S St");
}

/// P12: a version that is older for good, as after a clock was set back, is believed once the
/// declared time has passed.
#[tokio::test]
async fn an_edit_with_an_older_version_is_believed_when_a_read_cannot_be_late_any_more() {
    let world = World::with(SimProfile::default(), late(0), contacts());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.sync().await;
    world.minutes(60);
    world.field.jump_clock(-7200);
    world.field.edit(&target, "name", "Ann C");
    hint(&world, Side::Target, &target).await;
    assert_eq!(world.sync().await.writes(), 0, "it may be late");
    world.minutes(9);
    assert_eq!(world.sync().await.writes(), 0, "it may be late still");
    world.minutes(2);
    assert_eq!(world.sync().await.writes(), 1);
    assert_eq!(world.crm.text(&source, "name"), "Ann C");
}

/// P17: a write without an answer is not judged by a read that may not show it yet.
#[tokio::test]
pub(crate) async fn a_write_without_an_answer_is_settled_when_a_read_surely_shows_it() {
    let field = SimProfile { list_lag: Duration::from_secs(500), ..late(500) };
    let world = World::with(SimProfile::default(), field, contacts());
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    world.settle().await;
    world.crm.edit(&source, "name", "Ann B");
    world.field.fail_next(CallKind::Update, Fault::AnswerLost);
    world.sync().await;
    for _ in 0..40 {
        world.minutes(1);
        assert_eq!(world.sync().await.sides.source.writes(), 0);
    }
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann B", "{:?}", world.conflicts().await);
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    assert_eq!(world.field.calls(CallKind::Update), 1);
}

/// P5: an answer without values is read back, and what that does not show yet is no edit.
#[tokio::test]
async fn a_write_is_not_read_back_too_early() {
    let field = SimProfile { answers_with_values: false, ..late(60) };
    let mapping = contacts().conflicts(Strategy::TargetWins);
    let world = World::with(SimProfile::default(), field, mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.sync().await;
    world.crm.edit(&source, "name", "Ann C");
    world.minutes(30);
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann C", "{:?}", world.conflicts().await);
    assert_eq!(world.field.text(&target, "name"), "Ann C");
    assert!(world.conflicts().await.is_empty());
}

/// P6: what was listed and is not found by a read that may be late is not gone.
#[tokio::test]
pub(crate) async fn a_record_that_a_late_read_does_not_find_keeps_its_key() {
    let world = World::with(SimProfile::default(), late(30), contacts());
    world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]);
    world.minutes(15);
    world.settle().await;
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let there = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    hint(&world, Side::Target, &there).await;
    hint(&world, Side::Source, &ann).await;
    let report = world.sync().await;
    assert!(report.writes() == 0 && report.waiting > 0, "{report}");
    world.settle().await;
    assert_eq!(world.field.records().len(), 2, "{:?}", world.holds().await);
    assert_eq!(world.link_of(&ann).await.records.target, there);
}

/// P6: one that is not found when a read surely shows it is gone, and something is made again.
#[tokio::test]
async fn a_record_that_is_not_found_any_more_waits_once() {
    let world = World::with(SimProfile::default(), late(30), contacts());
    world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]);
    world.minutes(15);
    world.settle().await;
    let there = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.delete(&there);
    hint(&world, Side::Target, &there).await;
    world.settle().await;
    assert_eq!(world.field.records().len(), 2, "{:?}", world.holds().await);
    assert_ne!(world.link_of(&ann).await.records.target, there);
}

/// P6: a record that was just made and is not found yet is not missing.
#[tokio::test]
async fn a_new_record_that_a_late_read_does_not_find_is_not_missing() {
    let world = World::with(SimProfile::default(), late(30), contacts());
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    let made = world.link_of(&ann).await.records.target;
    hint(&world, Side::Target, &made).await;
    world.sync().await;
    assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    world.crm.edit(&ann, "name", "Ann B");
    world.settle().await;
    assert_eq!(world.field.text(&made, "name"), "Ann B");
}

/// A linked pair, and nothing to do.
async fn with_a_phone(world: &World) -> (RecordId, RecordId) {
    let source = world.crm.insert([("email", "ann@x.io"), ("phone", "1 555 0100")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("phone", "1 555 0100")]);
    world.minutes(15);
    world.settle().await;
    (source, target)
}

/// A system whose listing is a minute late.
fn late_listing() -> SimProfile {
    let lag = Duration::from_secs(600);
    SimProfile {
        list_lag: Duration::from_secs(60),
        capabilities: Capabilities {
            list: Consistency::Lagging(lag),
            look_back: lag,
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    }
}

/// P5: while a pair waits for a person the base keeps the version of before. Another pair goes on, and
/// what a late listing shows of it is no edit, though it is newer than that version.
#[tokio::test]
pub(crate) async fn a_late_listing_of_a_record_of_which_a_pair_is_held_is_not_believed() {
    held_and_edited(late_listing()).await;
}

/// P5: nor what a late read by id shows.
#[tokio::test]
pub(crate) async fn a_late_read_by_id_of_a_record_of_which_a_pair_is_held_is_not_believed() {
    held_and_edited(late(60)).await;
}

/// The name was edited on both sides, which a person decides; then the phone on the source.
async fn held_and_edited(crm: SimProfile) {
    let mapping = contacts().conflicts(Strategy::Manual);
    let world = World::with(crm, SimProfile::default(), mapping);
    let (source, target) = with_a_phone(&world).await;
    world.crm.edit(&source, "name", "Ann B");
    world.field.edit(&target, "name", "Ann C");
    world.minutes(5);
    world.sync().await;
    assert_eq!(world.holds().await.len(), 1);
    world.crm.edit(&source, "phone", "1 555 0101");
    let mut writes = 0;
    for _ in 0..6 {
        writes += world.sync().await.writes();
        hint(&world, Side::Source, &source).await;
        writes += world.sync().await.writes();
        world.clock.advance(Duration::from_secs(20));
    }
    for _ in 0..4 {
        world.minutes(15);
        writes += world.sync().await.writes();
    }
    assert_eq!(world.field.text(&target, "phone"), "1 555 0101");
    assert_eq!(writes, 1, "{:?}", world.log().await);
}

/// P5: nor while the whole record waits, as the write to the other side failed.
#[tokio::test]
async fn a_late_listing_of_a_record_of_which_half_was_written_is_not_believed() {
    let world = World::with(late_listing(), SimProfile::default(), contacts());
    let (source, target) = with_a_phone(&world).await;
    world.crm.edit(&source, "address", "2 Oak Ave");
    world.clock.advance(Duration::from_secs(10));
    world.crm.edit(&source, "phone", "1 555 0101");
    world.field.edit(&target, "name", "Ann T");
    hint(&world, Side::Source, &source).await;
    world.crm.fail_next(CallKind::Update, Fault::Unavailable);
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "1 555 0101");
    world.clock.advance(Duration::from_secs(52));
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "1 555 0101");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
}

/// P5: nor once the hold has ended with a write to one side, and that to the other one failed.
#[tokio::test]
async fn a_late_listing_after_a_hold_that_ended_half_way_is_not_believed() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let world = World::with(late_listing(), SimProfile::default(), mapping);
    let (source, target) = with_a_phone(&world).await;
    world.crm.edit(&source, "name", "Ann B");
    world.field.edit(&target, "name", "Ann C");
    world.minutes(2);
    world.sync().await;
    world.crm.edit(&source, "phone", "1 555 0101");
    hint(&world, Side::Source, &source).await;
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "1 555 0101");
    world.clock.advance(Duration::from_secs(10));
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Source)).await;
    world.field.edit(&target, "street", "2 T St");
    let limit = Fault::RateLimited(Duration::from_secs(5));
    world.crm.fail_next(CallKind::Update, limit);
    let _ = world.engine().await.sync("contacts").await;
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    world.clock.advance(Duration::from_secs(10));
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "1 555 0101");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "address"), "2 T St");
}

/// P3, P26: a write that was repeated on its way meets its own change, and a late read does not show it.
#[tokio::test]
async fn a_conditional_write_that_was_done_twice_is_told_when_a_read_surely_shows_it() {
    let mut field = late(60);
    field.capabilities.conditional_writes = true;
    let mapping = contacts().conflicts(Strategy::SourceWins);
    let world = World::with(SimProfile::default(), field, mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.settle().await;
    world.crm.edit(&source, "name", "Ann B");
    world.field.edit(&target, "name", "Ann C");
    world.minutes(5);
    world.field.fail_next(CallKind::Update, Fault::DoneTwice);
    world.sync().await;
    world.minutes(15);
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    let log = world.log().await;
    assert_eq!(world.conflicts().await.len(), 1, "{log:#?}");
    let told = log.iter().flat_map(|row| &row.pairs).any(|p| p.before == ["Ann C".into()]);
    assert!(told, "{log:#?}");
}

/// P23: an id that is taken out while a read may not show it yet is written again once one would.
#[tokio::test]
async fn an_id_that_is_taken_out_right_after_it_was_written_is_written_again() {
    let mapping = contacts().foreign_id(Side::Source, "field_id", IdWrites::Always);
    let world = World::with(late(0), SimProfile::default(), mapping);
    let source = world.crm.insert([("email", "ann@x.io")]);
    let target = world.field.insert([("mail", "ann@x.io")]);
    world.sync().await;
    assert_eq!(world.crm.text(&source, "field_id"), target.as_str());
    world.clock.advance(Duration::from_secs(2));
    world.crm.edit(&source, "field_id", "");
    for _ in 0..4 {
        world.minutes(5);
        world.sync().await;
    }
    assert_eq!(world.crm.text(&source, "field_id"), target.as_str());
    world.settle().await;
}
