//! The other side's id, stored in a field of ours: written into records, and matched by.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, Consistency, DeleteSignal};
use fluxcascade_core::mapping::{Direction, FirstSync, IdWrites, MappingBuilder};
use fluxcascade_core::model::{Cause, FieldName, HoldReason, Value};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_core::{Engine, Side, SyncError};
use fluxcascade_store::MemoryStore;

use crate::deletes::able;
use crate::late::late;
use crate::world::{World, contacts};

fn both(writes: IdWrites) -> MappingBuilder {
    contacts().foreign_id(Side::Source, "field_id", writes).foreign_id(
        Side::Target,
        "crm_id",
        writes,
    )
}

fn plain(mapping: MappingBuilder) -> World {
    World::with(SimProfile::default(), SimProfile::default(), mapping)
}

fn assert_stored_on_both_sides(world: &World) {
    let (source, target) = (&world.crm.records()[0], &world.field.records()[0]);
    assert_eq!(world.crm.text(source, "field_id"), target.as_str());
    assert_eq!(world.field.text(target, "crm_id"), source.as_str());
}

/// The example of the card: both ids on both sides, the e-mail changed on one side, still one link;
/// the store deleted, and linked again by the ids (P23).
#[tokio::test]
async fn both_ids_on_both_sides_keep_one_link_through_a_changed_key_and_a_lost_store() {
    for mode in [FirstSync::Rebuild, FirstSync::Merge] {
        let mut world = plain(both(IdWrites::Always).first_sync(FirstSync::Merge));
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.settle().await;
        assert_stored_on_both_sides(&world);
        let target = world.field.records()[0].clone();

        world.field.edit(&target, "mail", "anna@y.io");
        world.settle().await;
        assert_eq!(world.crm.text(&source, "email"), "anna@y.io");
        assert_eq!((world.links().await.len(), world.field.records().len()), (1, 1));

        // The store is lost, and the e-mails differ before the next run.
        world.store = Arc::new(MemoryStore::new());
        world.mapping = both(IdWrites::Always).first_sync(mode).build().unwrap();
        world.field.edit(&target, "mail", "ann@z.io");
        world.settle().await;
        let link = world.link().await;
        assert_eq!((&link.records.source, &link.records.target), (&source, &target), "{mode:?}");
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
        assert_stored_on_both_sides(&world);
    }
}

#[tokio::test]
async fn ids_are_written_into_linked_records_only_where_the_mapping_asks_for_it() {
    for (writes, stored) in [(IdWrites::Always, true), (IdWrites::OnCreate, false)] {
        let world = plain(both(writes));
        let source = world.crm.insert([("email", "ann@x.io")]);
        let target = world.field.insert([("mail", "ann@x.io")]);
        world.settle().await;
        assert_eq!(!world.crm.text(&source, "field_id").is_empty(), stored, "{writes:?}");
        assert_eq!(!world.field.text(&target, "crm_id").is_empty(), stored, "{writes:?}");
        let made = world.crm.insert([("email", "bob@x.io")]);
        world.settle().await;
        let bob = world.link_of(&made).await.records.target;
        assert_eq!(world.field.text(&bob, "crm_id"), made.as_str(), "{writes:?}");
        assert_eq!(!world.crm.text(&made, "field_id").is_empty(), stored, "{writes:?}");
    }
}

/// P10, P26: also against a one-way mapping's direction, and the log says so.
#[tokio::test]
async fn an_id_on_the_origin_of_a_one_way_mapping_is_the_only_thing_written_there() {
    let world = plain(both(IdWrites::Always).direction(Direction::SourceToTarget));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    assert_stored_on_both_sides(&world);
    world.crm.edit(&source, "field_id", "someone's note");
    world.settle().await;
    assert_stored_on_both_sides(&world);
    let rows = world.log().await;
    let of_source: Vec<_> = rows
        .iter()
        .filter(|row| row.side == Side::Source && row.operation.is_some())
        .flat_map(|row| &row.pairs)
        .collect();
    assert!(of_source.iter().all(|pair| pair.cause == Cause::OtherId), "{of_source:?}");
    assert_eq!(of_source.len(), 2);
    assert_eq!(of_source[0].before, ["someone's note".into()]);
}

/// P2: what is stored is not written again.
#[tokio::test]
pub(crate) async fn ids_that_are_there_are_not_written() {
    let world = plain(both(IdWrites::Always));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    world.crm.clear_ledger();
    world.crm.edit(&source, "name", "Anna");
    world.settle().await;
    world.minutes(25 * 60);
    world.settle().await;
    assert_eq!(world.crm.calls(CallKind::Update), 0);
}

/// Ids go before all rules.
#[tokio::test]
async fn an_id_decides_before_the_match_rules() {
    let world = plain(both(IdWrites::OnCreate));
    let target = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let source = world
        .crm
        .insert([("email", "ann@x.io".to_owned()), ("field_id", target.as_str().to_owned())]);
    let other = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    assert_eq!(world.link_of(&target).await.records.source, source);
    let holds = world.holds().await;
    assert!(holds.iter().any(|hold| hold.reason == HoldReason::Ambiguous), "{holds:?}");
    assert_eq!(world.crm.records().len(), 1, "{other} is not created");
}

#[tokio::test]
async fn several_records_with_one_id_are_parked() {
    let world = plain(both(IdWrites::OnCreate));
    let target = world.field.insert([("mail", "bob@x.io")]);
    for mail in ["one@x.io", "two@x.io"] {
        let id = target.as_str().to_owned();
        world.crm.insert([("email", mail.to_owned()), ("field_id", id)]);
    }
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes(), report.held.len()), (0, 0, 3), "{report}");
}

#[tokio::test]
async fn an_id_of_nobody_is_no_match() {
    let world = plain(both(IdWrites::OnCreate));
    world.crm.insert([("email", "ann@x.io"), ("field_id", "field-999999")]);
    world.settle().await;
    assert_eq!(world.links().await.len(), 1);
    assert_eq!(world.field.records().len(), 1);
}

/// P6 (a): a create by a unique field of ours is looked for, sent again as it is, and makes one record.
#[tokio::test]
async fn a_create_by_a_unique_id_is_repeated_without_a_second_record() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let profile = able(DeleteSignal::Flag);
        let capabilities = Capabilities { upserts: true, ..profile.capabilities.clone() };
        let field = SimProfile { capabilities, ..profile };
        let mut world = World::with(SimProfile::default(), field, both(IdWrites::OnCreate));
        world.field = world.field.unique("crm_id");
        world.crm.insert([("name", "no key at all"), ("phone", "256 555 0100")]);
        world.field.fail_next(CallKind::Create, fault);
        world.sync().await;
        world.minutes(15);
        world.sync().await;
        assert_eq!(world.field.calls(CallKind::Find), usize::from(fault == Fault::RequestLost));
        world.settle().await;
        assert_eq!((world.field.records().len(), world.links().await.len()), (1, 1), "{fault:?}");
    }
}

/// P3: what is sent again changes what it has made; a person may have edited that meanwhile.
#[tokio::test]
async fn a_create_by_a_unique_id_that_is_repeated_overwrites_no_edit_of_what_it_made() {
    let hour = Duration::from_secs(3600);
    let profile = able(DeleteSignal::Flag);
    let capabilities = Capabilities {
        upserts: true,
        list: Consistency::Lagging(hour),
        look_back: 2 * hour,
        ..profile.capabilities.clone()
    };
    // It is not seen by itself before it is due to be sent again.
    let field = SimProfile { capabilities, list_lag: hour, ..profile };
    let mut world = World::with(SimProfile::default(), field, both(IdWrites::OnCreate));
    world.field = world.field.unique("crm_id");
    let source = world.crm.insert([("name", "Ann"), ("phone", "256 555 0100")]);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.sync().await;
    let made = world.field.records()[0].clone();
    world.field.edit(&made, "name", "Anna");
    world.minutes(15);
    world.sync().await;
    assert_eq!(
        (world.crm.text(&source, "name"), world.field.text(&made, "name")),
        ("Ann".into(), "Anna".into())
    );
    assert_eq!(world.field.calls(CallKind::Create), 1);
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Conflict), "a person decides");
}

/// P6 (c): without an upsert the create is looked for by the id.
#[tokio::test]
async fn a_create_without_a_key_is_looked_for_by_its_id() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let world = plain(both(IdWrites::OnCreate));
        world.crm.insert([("name", "no key at all"), ("phone", "256 555 0100")]);
        world.field.fail_next(CallKind::Create, fault);
        world.sync().await;
        world.settle().await;
        assert_eq!((world.field.records().len(), world.links().await.len()), (1, 1), "{fault:?}");
        assert!(world.holds().await.is_empty());
    }
}

/// P14: a refused id holds the id alone.
#[tokio::test]
async fn an_id_that_is_refused_stops_nothing_else() {
    let world = plain(both(IdWrites::Always));
    world.crm.refuse("field_id");
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    let target = world.field.records()[0].clone();
    world.field.edit(&target, "name", "Anna");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Anna");
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Rejected), "{holds:?}");
    world.crm.accept("field_id");
    world.minutes(24 * 60);
    world.settle().await;
    assert_stored_on_both_sides(&world);
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn a_field_that_does_not_exist_or_is_in_a_pair_is_found_when_the_engine_is_built() {
    let paired = contacts().foreign_id(Side::Source, "name", IdWrites::Always).build();
    assert!(paired.unwrap_err().to_string().contains("is in the pair name = name too"));
    let unknown = contacts()
        .foreign_id(Side::Source, "feild_id", IdWrites::Always)
        .filter(Side::Target, "stret", fluxcascade_core::mapping::Test::IsBlank)
        .build()
        .unwrap();
    let world = World::new();
    let built = Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", world.field.clone())
        .store(Arc::clone(&world.store))
        .mapping(unknown)
        .build()
        .await;
    let Err(SyncError::Config(error)) = built else { panic!("it was built") };
    let text = error.to_string();
    assert!(text.contains("did you mean field_id?"), "{text}");
    assert!(text.contains("did you mean street?"), "{text}");
}

/// P22: a system that keeps the id in its own way is written once, and not again in every run.
#[tokio::test]
async fn an_id_that_the_system_keeps_in_its_own_way_is_written_once() {
    for answers_with_values in [true, false] {
        let shouts = SimProfile {
            normaliser: Some(Arc::new(|field: &FieldName, value: &Value| {
                let id = value.as_text().filter(|_| field.as_str() == "crm_id")?;
                Some(Value::from(format!("<{}>", id.to_uppercase())))
            })),
            answers_with_values,
            ..SimProfile::default()
        };
        let world = World::with(SimProfile::default(), shouts, both(IdWrites::Always));
        let source = world.crm.insert([("email", "ann@x.io")]);
        let target = world.field.insert([("mail", "ann@x.io")]);
        for minutes in [15, 15, 15, 25 * 60, 25 * 60] {
            world.minutes(minutes);
            world.sync().await;
        }
        let kept = format!("<{}>", source.as_str().to_uppercase());
        assert_eq!(world.field.text(&target, "crm_id"), kept);
        assert_eq!(world.field.calls(CallKind::Update), 1);
        let log = world.log().await;
        let causes = log.iter().filter(|row| row.side == Side::Target).flat_map(|row| &row.pairs);
        let rewritten = causes.filter(|pair| pair.cause == Cause::Rewritten).count();
        assert_eq!(rewritten, 1, "{log:?}");

        // What somebody else puts there is not the id.
        world.field.edit(&target, "crm_id", "someone's note");
        world.settle().await;
        assert_eq!(world.field.text(&target, "crm_id"), kept);
        assert_eq!(world.field.calls(CallKind::Update), 2);
    }
}

/// P22: an id that a system never keeps is written three times, and then waits for a person.
#[tokio::test]
async fn an_id_that_a_workflow_changes_after_each_write_is_not_written_for_ever() {
    let upper = |field: &FieldName, value: &Value| {
        let text = value.as_text().filter(|_| field.as_str() == "crm_id")?;
        Some(Value::from(text.to_uppercase()))
    };
    let field = SimProfile {
        automation: Some(Arc::new(upper)),
        automation_delay: Duration::from_secs(2),
        ..SimProfile::default()
    };
    let mapping = contacts().foreign_id(Side::Target, "crm_id", IdWrites::Always);
    let world = World::with(SimProfile::default(), field, mapping);
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let mut writes = 0;
    for _ in 0..12 {
        world.minutes(15);
        writes += world.sync().await.writes();
    }
    assert_eq!(writes, 3);
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.reason, HoldReason::Rejected);
    assert!(hold.detail.contains("crm_id: the target changes again and again"), "{}", hold.detail);
    // Somebody stops the workflow, and mends the field.
    let there = world.field.records().remove(0);
    world.field.edit(&there, "crm_id", world.crm.records()[0].as_str());
    world.settle().await;
    assert!(world.holds().await.is_empty());
}

/// P2, P22: where reads by id may be late and answers have no values, an id is written a few times at
/// most.
#[tokio::test]
async fn an_id_that_a_late_read_never_shows_is_not_written_for_ever() {
    let keeps_none = SimProfile {
        normaliser: Some(Arc::new(|field: &FieldName, value: &Value| {
            let id = value.as_text().filter(|_| field.as_str() == "crm_id")?;
            Some(Value::from(format!("<{id}>")))
        })),
        answers_with_values: false,
        ..late(0)
    };
    let world = World::with(SimProfile::default(), keeps_none, both(IdWrites::Always));
    world.crm.insert([("email", "ann@x.io")]);
    world.field.insert([("mail", "ann@x.io")]);
    for _ in 0..30 {
        world.minutes(30);
        world.sync().await;
    }
    assert!(world.field.calls(CallKind::Update) <= 3, "{}", world.field.calls(CallKind::Update));
}

/// P14: an id that a system refuses keeps its count, whatever else is edited meanwhile.
#[tokio::test]
async fn an_id_that_is_refused_waits_on_when_something_else_is_edited() {
    let world = plain(both(IdWrites::Always));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.crm.refuse("field_id");
    for _ in 0..8 {
        world.sync().await;
        world.minutes(15);
    }
    let before = world.holds().await;
    assert!(before.len() == 1 && before[0].attempts > 3, "{before:#?}");
    world.crm.edit(&source, "name", "Ann B");
    world.minutes(1);
    world.sync().await;
    assert_eq!(world.field.text(&world.field.records()[0], "name"), "Ann B");
    let after = world.holds().await;
    assert!(after.len() == 1 && after[0].attempts >= before[0].attempts, "{after:#?}");
}

/// P5: an id that a late read does not show yet is not written again.
#[tokio::test]
async fn an_id_that_a_late_read_does_not_show_yet_is_written_once() {
    let late = SimProfile { answers_with_values: false, ..late(600) };
    let world = World::with(SimProfile::default(), late, both(IdWrites::Always));
    world.crm.insert([("email", "ann@x.io")]);
    let target = world.field.insert([("mail", "ann@x.io")]);
    world.minutes(15);
    for _ in 0..5 {
        world.sync().await;
        world.minutes(1);
        let engine = world.engine().await;
        engine.run("contacts").records(Side::Target, [target.clone()]).sync().await.unwrap();
    }
    assert_eq!(world.field.calls(CallKind::Update), 1);
    world.settle().await;
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
    assert_stored_on_both_sides(&world);
}

/// P23, P26: an id that a condition refused is not taken for written.
#[tokio::test]
async fn an_id_whose_write_a_condition_refused_is_written_later() {
    let crm = SimProfile {
        capabilities: Capabilities {
            conditional_writes: true,
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let world = World::with(crm, SimProfile::default(), both(IdWrites::Always));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    let edited = source.clone();
    world.crm.before_next(CallKind::Update, move |crm| crm.edit(&edited, "name", "Ann B"));
    world.minutes(15);
    world.sync().await;
    world.settle().await;
    assert_stored_on_both_sides(&world);
    assert_eq!(world.field.text(&world.field.records()[0], "name"), "Ann B");
    let log = world.log().await;
    let rewritten = log.iter().flat_map(|row| &row.pairs);
    assert_eq!(rewritten.filter(|pair| pair.cause == Cause::Rewritten).count(), 0, "{log:#?}");
}
