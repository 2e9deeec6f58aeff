//! Edits flow: merged by field, read before they are written over, quiet afterwards.

use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::mapping::Drift;
use fluxcascade_core::model::{Cause, LogKind, Value};
use fluxcascade_core::testkit::{CallKind, SimProfile};

use crate::world::{World, contacts};

#[tokio::test]
async fn an_edit_on_either_side_reaches_the_other_with_one_write() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.sides.source.updated), (1, 0), "{report}");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");

    world.minutes(15);
    world.field.edit(&target, "street", "2 Oak Ave");
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.sides.source.updated), (0, 1), "{report}");
    assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave");
}

/// P2, P5, P27.
#[tokio::test]
pub(crate) async fn a_run_after_a_write_is_quiet_and_costs_one_request_per_side() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.sync().await;
    for _ in 0..3 {
        world.crm.clear_ledger();
        world.field.clear_ledger();
        world.minutes(1); // within the look-back: our own write is listed again
        let report = world.sync().await;
        assert_eq!((report.writes(), report.waiting), (0, 0), "{report}");
        assert_eq!(world.crm.ledger().len(), 1);
        assert_eq!(world.field.ledger().len(), 1);
    }
    assert!(world.conflicts().await.is_empty());
}

/// P9.
#[tokio::test]
pub(crate) async fn edits_of_different_fields_on_both_sides_are_merged_without_a_conflict() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.field.edit(&target, "street", "2 Oak Ave");
    let report = world.sync().await;
    assert_eq!((report.sides.source.updated, report.sides.target.updated), (1, 1), "{report}");
    for (record, system, address) in
        [(&source, &world.crm, "address"), (&target, &world.field, "street")]
    {
        assert_eq!(system.text(record, "phone"), "256 555 0199");
        assert_eq!(system.text(record, address), "2 Oak Ave");
    }
    assert!(world.conflicts().await.is_empty());
    world.settle().await;
}

/// P3, P15.
#[tokio::test]
pub(crate) async fn an_edit_made_on_the_target_between_pull_and_write_is_not_lost() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    // A person edits another field, and then the same field, after both sides were listed.
    let edited = target.clone();
    world.field.before_next(CallKind::Fetch, move |field| {
        field.edit(&edited, "street", "2 Oak Ave");
    });
    world.sync().await;
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");

    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0150");
    let (edited, clock) = (target.clone(), std::sync::Arc::clone(&world.clock));
    world.field.before_next(CallKind::Fetch, move |field| {
        clock.advance(Duration::from_secs(60));
        field.edit(&edited, "phone", "256 555 0151");
    });
    world.sync().await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0151");
    assert_eq!(world.crm.text(&source, "phone"), "256 555 0151");
    let conflicts = world.conflicts().await;
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].loser().unwrap(), [Value::from("256 555 0150")]);
}

/// Stale rows: a listing that lags shows the state before our own write.
#[tokio::test]
pub(crate) async fn a_stale_row_listed_after_our_own_write_changes_nothing() {
    let lagging = SimProfile {
        list_lag: Duration::from_secs(120),
        capabilities: Capabilities {
            list: Consistency::Lagging(Duration::from_secs(120)),
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let world = World::with(SimProfile::default(), lagging, contacts());
    world.crm.insert([("email", "ann@x.io"), ("phone", "1 555 0100")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("phone", "1 555 0100")]);
    world.minutes(3);
    assert_eq!(world.sync().await.linked, 1);
    let source = world.crm.records()[0].clone();
    // The target is edited, so that its row is listed, late; we write over it meanwhile.
    world.minutes(10);
    world.field.edit(&target, "name", "Ann");
    world.minutes(1);
    world.crm.edit(&source, "phone", "1 555 0199");
    assert_eq!(world.sync().await.sides.target.updated, 1);
    world.minutes(1);
    world.clock.advance(Duration::from_secs(30));
    // Now the listing shows the record with the name, and the phone from before our write.
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "1 555 0199");
    assert_eq!(world.crm.text(&source, "phone"), "1 555 0199");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "phone"), "1 555 0199");
    assert_eq!(world.crm.text(&source, "name"), "Ann");
    assert!(world.conflicts().await.is_empty());
}

/// P10: a one-way pair never writes its origin, and its drift is left or set back.
#[tokio::test]
pub(crate) async fn a_one_way_pair_never_writes_its_origin() {
    for (drift, expected) in [(Drift::Leave, "drifted"), (Drift::Restore, "new lead")] {
        let mapping = fluxcascade_core::Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with("name", "name", |pair| pair.source_only().drift(drift));
        let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "new lead")]);
        world.sync().await;
        let target = world.field.records()[0].clone();
        world.minutes(15);
        world.field.edit(&target, "name", "drifted");
        world.settle().await;
        assert_eq!(world.crm.text(&source, "name"), "new lead");
        assert_eq!(world.field.text(&target, "name"), expected);
        let causes: Vec<Cause> = world
            .log()
            .await
            .into_iter()
            .flat_map(|row| row.pairs)
            .map(|pair| pair.cause)
            .collect();
        let noted = match drift {
            Drift::Leave => Cause::DriftLeft,
            Drift::Restore => Cause::DriftRestored,
        };
        assert_eq!(causes.iter().filter(|&cause| *cause == noted).count(), 1, "{causes:?}");
        // The origin's next edit flows again.
        world.crm.edit(&source, "name", "customer");
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "customer");
    }
}

/// P22: the base is what the system made of the value, not what was sent.
#[tokio::test]
pub(crate) async fn a_system_that_rewrites_values_is_written_once_and_then_quiet() {
    for answers_with_values in [true, false] {
        let rewriting = SimProfile {
            answers_with_values,
            normaliser: Some(std::sync::Arc::new(|field, value| {
                let text = value.as_text()?;
                (field.as_str() == "name").then(|| Value::from(text.trim().to_uppercase()))
            })),
            ..SimProfile::default()
        };
        let world = World::with(SimProfile::default(), rewriting, contacts());
        let (source, target) = world.linked_with_name("ANN").await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann Lee");
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "ANN LEE");
        let writes = world.field.calls(CallKind::Update) + world.crm.calls(CallKind::Update);
        assert!(writes <= 2, "{writes} writes");
    }
}

/// P26: each write has one row with before, after and why.
#[tokio::test]
pub(crate) async fn the_log_tells_each_write_with_before_after_and_why() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.sync().await;
    let log = world.log().await;
    assert_eq!(
        log.iter().map(|row| row.kind).collect::<Vec<_>>(),
        [LogKind::Update, LogKind::Link]
    );
    let row = &log[0];
    assert_eq!(row.records.target.as_ref(), Some(&target));
    assert_eq!(row.pairs.len(), 1);
    assert_eq!(row.pairs[0].before, [Value::from("256 555 0100")]);
    assert_eq!(row.pairs[0].after, [Value::from("256 555 0199")]);
    assert_eq!(row.pairs[0].cause, Cause::Edit);
}

/// P26: what the record holds now, whether the answer says so or it was read back.
#[tokio::test]
async fn the_log_has_a_value_as_the_system_wrote_it_down() {
    for answers_with_values in [true, false] {
        let lower = SimProfile {
            answers_with_values,
            normaliser: Some(std::sync::Arc::new(|field, value| {
                let text = value.as_text()?;
                (field.as_str() == "mail").then(|| Value::from(text.to_lowercase()))
            })),
            ..SimProfile::default()
        };
        let world = World::with(SimProfile::default(), lower, contacts());
        world.crm.insert([("email", "Bob@X.io")]);
        world.sync().await;
        let log = world.log().await;
        let mail: Vec<_> =
            log[0].pairs.iter().filter(|p| p.pair.as_str().contains("mail")).collect();
        assert_eq!(mail.len(), 1, "{log:?}");
        assert_eq!(mail[0].after, [Value::from("bob@x.io")]);
    }
}

/// P19.
#[tokio::test]
pub(crate) async fn a_dry_run_writes_nothing_and_says_what_the_run_then_does() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let engine = world.engine().await;
    let plan = engine.plan("contacts").await.unwrap();
    assert_eq!(plan.writes().target, 2, "{plan}");
    assert!(plan.to_string().contains("256 555 0199"), "{plan}");
    let again = engine.plan("contacts").await.unwrap();
    assert_eq!(again.entries, plan.entries);
    assert_eq!(world.field.calls(CallKind::Update) + world.field.calls(CallKind::Create), 0);
    let saved: fluxcascade_core::Plan =
        serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(saved, plan);
    let report = engine.sync("contacts").await.unwrap();
    assert_eq!((report.sides.target.updated, report.sides.target.created), (1, 1), "{report}");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
}

/// P3, P15: only between its fetch and its own write can an edit be overwritten, also where a
/// record was read before to be decided at all.
#[tokio::test]
async fn a_record_that_was_read_early_is_read_again_directly_before_its_write() {
    let coarse = SimProfile {
        granularity: Duration::from_secs(60),
        capabilities: Capabilities {
            read_batch: 1,
            write_batch: 1,
            create_batch: 1,
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let world = World::with(coarse.clone(), coarse, contacts());
    let people: Vec<_> = (0..3)
        .map(|i| {
            let mail = format!("p{i}@x.io");
            (world.crm.insert([("email", mail.clone())]), world.field.insert([("mail", mail)]))
        })
        .collect();
    world.sync().await;
    // In the minute of their confirmed versions: rows that are not newer are read by id first.
    for (source, target) in &people {
        world.crm.edit(source, "name", "from the source");
        world.field.edit(target, "street", "1 Main St");
    }
    let targets: Vec<_> = people.into_iter().map(|(_, target)| target).collect();
    let edited = targets.clone();
    world.field.before_next(CallKind::Update, move |field| {
        for target in &edited {
            field.edit(target, "name", "by hand");
        }
    });
    world.sync().await;
    let rows = world.conflicts().await;
    let lost = targets.iter().filter(|target| world.field.text(target, "name") != "by hand");
    assert!(lost.count() <= 1 + rows.len(), "only the first was in its window: {rows:?}");
}
