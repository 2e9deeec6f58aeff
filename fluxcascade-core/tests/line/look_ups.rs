//! P6: creates without an answer that cannot be looked for: now, or at all.

use std::time::Duration;

use fluxcascade_core::SyncReport;
use fluxcascade_core::connector::{
    Capabilities, ConnectorError, Consistency, ErrorKind, FindRequest,
};
use fluxcascade_core::mapping::MappingBuilder;
use fluxcascade_core::model::{HoldReason, Value};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::connectors::picky;
use crate::world::{World, contacts};

fn answered(kind: ErrorKind) -> ConnectorError {
    ConnectorError { status: Some(400), ..ConnectorError::new(kind, "not now") }
}

/// The target lists what was made an hour late, so that it is looked for.
fn world(mapping: MappingBuilder) -> World {
    let late = Duration::from_secs(3600);
    let target = SimProfile {
        list_lag: late,
        capabilities: Capabilities {
            list: Consistency::Lagging(late),
            look_back: 2 * late,
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    World::with(SimProfile::default(), target, mapping)
}

async fn sync(world: &World, refuses: fn(&FindRequest) -> Option<ConnectorError>) -> SyncReport {
    let engine = world.engine_with(picky(&world.field, refuses)).await;
    engine.sync("contacts").await.unwrap()
}

#[tokio::test]
async fn a_create_is_not_sent_again_while_one_of_its_keys_cannot_be_looked_for() {
    for refuses in [
        (|asked| (asked.field.as_str() == "mail").then(|| answered(ErrorKind::Validation)))
            as fn(&FindRequest) -> Option<ConnectorError>,
        |asked| (asked.field.as_str() == "mail").then(|| answered(ErrorKind::Permanent)),
        // It names the field, and is the system's answer nevertheless.
        |asked| {
            let fields = vec![asked.field.clone()];
            let error = ConnectorError { fields, ..answered(ErrorKind::Permanent) };
            (asked.field.as_str() == "mail").then_some(error)
        },
        |asked| {
            let error = ConnectorError::new(ErrorKind::Permanent, "no request could be made");
            (asked.field.as_str() == "mail").then_some(error)
        },
    ] {
        let world = world(contacts().match_on("phone", "phone"));
        world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")]);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        sync(&world, refuses).await;
        // By its other key it is not found any more.
        world.field.edit(&world.field.records()[0], "phone", "256 555 0199");
        for _ in 0..2 {
            world.minutes(15);
            let report = sync(&world, refuses).await;
            assert_eq!((report.writes(), report.waiting), (0, 1), "{report}");
            assert_eq!(world.holds().await.len(), 1, "what is known stays where people see it");
        }
        let report = world.sync().await;
        assert_eq!((report.linked, report.sides.target.created), (1, 0), "{report}");
        assert_eq!(world.field.records().len(), 1);
        assert_eq!(world.field.calls(CallKind::Create), 1);
        let holds = world.holds().await;
        assert!(holds.iter().all(|hold| hold.reason != HoldReason::UnknownOutcome), "{holds:?}");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_looked_for_keeps_no_other_create_waiting() {
    let world = world(contacts());
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    for _ in 0..2 {
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    }
    let refuses = |asked: &FindRequest| {
        let is_bad = |value: &Value| value.as_text() == Some("bob@x.io");
        asked.values.iter().any(is_bad).then(|| answered(ErrorKind::Validation))
    };
    sync(&world, refuses).await;
    world.minutes(15);
    let report = sync(&world, refuses).await;
    assert_eq!((report.linked, report.waiting, report.writes()), (1, 1, 0), "{report}");
    let told: Vec<_> = report.failed.iter().map(|told| told.error.message.as_str()).collect();
    assert_eq!(told, ["not now"], "why it waits: {report}");
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes()), (1, 0), "{report}");
    assert_eq!((world.field.records().len(), world.crm.records().len()), (2, 2));
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn a_create_waits_for_a_person_where_the_system_has_no_look_up_by_its_key() {
    let world = world(contacts());
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::RequestLost);
    let refuses = |asked: &FindRequest| {
        Some(ConnectorError::no_look_up(asked.field.clone(), "there is no look-up by it"))
    };
    sync(&world, refuses).await;
    world.minutes(15);
    let report = sync(&world, refuses).await;
    assert_eq!((report.writes(), report.waiting), (0, 0), "{report}");
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::UnknownOutcome));
    assert_eq!(holds[0].not_before, None, "no later run finds it out by itself");
    assert!(world.field.records().is_empty());
}
