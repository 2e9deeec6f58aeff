//! P20: a mapping that changes between two runs.

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{Mapping, MappingBuilder, OnChange, PairBuilder, PairDirection};
use fluxcascade_core::model::{Cause, Choice, ConflictStatus, HoldReason, RecordId, Side, Sides};
use fluxcascade_core::testkit::{
    CallKind, CrashPlan, CrashPoints, Fault, SimProfile, at_every_point,
};
use fluxcascade_core::transform::value_map;

use crate::connectors::names_none;
use crate::world::{World, contacts};

fn titled(titles: [(&str, &str); 2], on_change: OnChange) -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair_with("name", "name", |p| {
            p.id("name").transform(value_map(titles)).on_change(on_change)
        })
}

/// Three links agreed by one table; then the table is another one.
async fn changed(on_change: OnChange) -> (World, Vec<RecordId>) {
    let before = titled([("1", "one"), ("2", "two")], on_change);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), before);
    let mut targets = Vec::new();
    for i in 0..3 {
        let mail = format!("p{i}@x.io");
        world.crm.insert([("email", mail.as_str()), ("name", "1")]);
        targets.push(world.field.insert([("mail", mail.as_str()), ("name", "one")]));
    }
    assert_eq!(world.sync().await.linked, 3);
    world.mapping = titled([("1", "uno"), ("2", "due")], on_change).build().unwrap();
    world.minutes(15);
    (world, targets)
}

#[tokio::test]
async fn a_changed_transform_is_counted_and_keeps_what_is_there() {
    let (world, targets) = changed(OnChange::Keep).await;
    let report = world.sync().await;
    assert_eq!(report.writes(), 0, "{report}");
    assert_eq!(report.retransformed, [("name".to_owned(), 3)], "{report}");
    assert!(report.to_string().contains("3 links do not mean the same by it"), "{report}");
    assert_eq!(world.field.text(&targets[0], "name"), "one");
    world.minutes(15);
    let report = world.sync().await;
    assert!(report.retransformed.is_empty(), "it is counted once: {report}");
    let source = world.crm.records()[0].clone();
    world.crm.edit(&source, "name", "2");
    world.settle().await;
    assert_eq!(world.field.text(&targets[0], "name"), "due");
}

#[tokio::test]
async fn a_changed_transform_rewrites_the_side_that_the_mapping_names() {
    let (world, targets) = changed(OnChange::RewriteTarget).await;
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.retransformed[0].1), (3, 3), "{report}");
    assert_eq!(world.field.text(&targets[2], "name"), "uno");
    let log = world.log().await;
    let changed = log.iter().flat_map(|row| &row.pairs);
    assert_eq!(changed.filter(|pair| pair.cause == Cause::TransformChanged).count(), 3);
    world.settle().await;
}

/// P20, P1: what the mapping says of a changed transform is done also where the record or the field is not
/// shown in the first run after it.
#[tokio::test]
async fn a_changed_transform_is_not_forgotten_while_it_cannot_be_judged() {
    for way in ["scope", "field", "garbled"] {
        let (world, targets) = changed(OnChange::RewriteTarget).await;
        match way {
            "scope" => world.field.hide(&targets[0]),
            "field" => world.field.hide_field(&targets[0], "name"),
            _ => world.field.garble(&targets[0]),
        }
        world.engine().await.run("contacts").full().sync().await.unwrap();
        world.settle().await;
        let name = |at: usize| world.field.text(&targets[at], "name");
        assert_eq!((name(0), name(1)), ("one".to_owned(), "uno".to_owned()), "{way}");
        match way {
            "field" => world.field.show_field(&targets[0], "name"),
            _ => world.field.show(&targets[0]),
        }
        world.minutes(15);
        world.engine().await.run("contacts").full().sync().await.unwrap();
        world.settle().await;
        assert_eq!(name(0), "uno", "{way}: {:#?}", world.holds().await);
        assert!(world.holds().await.is_empty(), "{way}: {:#?}", world.holds().await);
    }
}

/// P14: it is tried again where the system refuses it, by the field or with the record.
#[tokio::test]
async fn a_changed_transform_is_tried_again_where_it_is_refused() {
    for is_named in ["named", "not named"] {
        let (world, targets) = changed(OnChange::RewriteTarget).await;
        world.field.refuse("name");
        let engine = match is_named {
            "named" => world.engine().await,
            _ => world.engine_with(names_none(&world.field)).await,
        };
        for attempts in 1..4 {
            engine.sync("contacts").await.unwrap();
            let holds = world.holds().await;
            let counts: Vec<u32> = holds.iter().map(|hold| hold.attempts).collect();
            assert!(counts.contains(&attempts), "{is_named} {attempts}: {holds:#?}");
            world.minutes(30);
        }
        world.field.accept("name");
        world.settle().await;
        assert_eq!(world.field.text(&targets[2], "name"), "uno", "{is_named}");
        assert!(world.holds().await.is_empty(), "{is_named}: {:#?}", world.holds().await);
    }
}

/// P26: what was refused for another reason, and is taken back, is no changed transform.
#[tokio::test]
async fn a_refused_blanking_that_is_taken_back_rewrites_nothing() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    world.mapping.pairs[2].on_change = OnChange::RewriteTarget;
    world.mapping.pairs[2].direction = Some(PairDirection::SourceOnly);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "phone", "256 555 0777");
    world.settle().await;
    world.crm.edit(&source, "phone", "");
    world.field.refuse("phone");
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.holds().await[0].reason, HoldReason::Rejected);
    world.field.accept("phone");
    world.crm.edit(&source, "phone", "256 555 0100");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0777");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P20: it waits with its record, and is done when that goes on.
#[tokio::test]
async fn a_changed_transform_of_a_record_that_waits_is_done_when_it_goes_on() {
    let of = |titles| titled(titles, OnChange::RewriteTarget).pair("phone", "phone");
    let before = of([("1", "one"), ("2", "two")]).conflicts(Strategy::Error);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), before);
    let source = world.crm.insert([("email", "p@x.io"), ("name", "1"), ("phone", "1")]);
    let target = world.field.insert([("mail", "p@x.io"), ("name", "one"), ("phone", "1")]);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "2");
    world.field.edit(&target, "phone", "3");
    world.sync().await;
    let after = of([("1", "uno"), ("2", "due")]).conflicts(Strategy::Error);
    world.mapping = after.build().unwrap();
    for _ in 0..3 {
        world.minutes(15);
        world.sync().await;
    }
    assert_eq!(world.field.text(&target, "name"), "one");
    world.field.edit(&target, "phone", "2");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "uno", "{:#?}", world.holds().await);
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P20, P11: what its change leaves to a person stays theirs, whatever else of the records is edited, and
/// is neither agreed by a later look nor decided by the strategies for edits.
#[tokio::test]
async fn what_a_changed_transform_asks_of_a_person_stays_asked() {
    for first_link in [Strategy::Manual, Strategy::Error] {
        let of = |titles| {
            titled(titles, OnChange::FirstLink)
                .pair("phone", "phone")
                .first_link(first_link.clone())
                .conflicts(Strategy::SourceWins)
        };
        let before = of([("1", "one"), ("2", "two")]);
        let mut world = World::with(SimProfile::default(), SimProfile::default(), before);
        let source = world.crm.insert([("email", "p@x.io"), ("name", "1"), ("phone", "1")]);
        let target = world.field.insert([("mail", "p@x.io"), ("name", "one"), ("phone", "1")]);
        world.sync().await;
        world.mapping = of([("1", "uno"), ("2", "one")]).build().unwrap();
        world.minutes(15);
        world.sync().await;
        for edit in 2..5 {
            let holds = world.holds().await;
            assert_eq!(holds.len(), 1, "{first_link:?} {edit}: {holds:#?}");
            assert_eq!(holds[0].reason, HoldReason::Conflict, "{first_link:?} {edit}");
            world.crm.edit(&source, "phone", format!("256 555 010{edit}"));
            world.minutes(25 * 60);
            world.engine().await.run("contacts").full().sync().await.unwrap();
        }
        assert_eq!(world.field.text(&target, "name"), "one", "{first_link:?}");
        assert_eq!(world.conflicts().await[0].status, ConflictStatus::Open, "{first_link:?}");
        world.answer(Choice::Take(Side::Target)).await;
        world.settle().await;
        assert_eq!(world.crm.text(&source, "name"), "2", "{first_link:?}");
        assert_eq!(world.holds().await, [], "{first_link:?}");
    }
}

/// P20: a value that the new transform does not take is told until one is given, or the transform is mended.
#[tokio::test]
async fn a_value_that_a_changed_transform_refuses_stays_held() {
    let (mut world, targets) = changed(OnChange::RewriteTarget).await;
    world.mapping = titled([("3", "uno"), ("2", "due")], OnChange::RewriteTarget).build().unwrap();
    for _ in 0..3 {
        world.minutes(25 * 60);
        world.engine().await.run("contacts").full().sync().await.unwrap();
        let reasons: Vec<_> = world.holds().await.iter().map(|hold| hold.reason).collect();
        assert_eq!(reasons, [HoldReason::Invalid; 3]);
    }
    world.mapping = titled([("1", "uno"), ("2", "due")], OnChange::RewriteTarget).build().unwrap();
    world.settle().await;
    assert_eq!(world.field.text(&targets[1], "name"), "uno");
    assert_eq!(world.holds().await, []);
}

/// P20, P17: a link that is stored before all of its record is done does not lose it, wherever a run ends.
#[tokio::test]
async fn a_changed_transform_is_not_forgotten_by_a_run_that_ends_between_its_sides() {
    let points = at_every_point(async |crash: CrashPlan| {
        let of = |titles| {
            titled(titles, OnChange::RewriteTarget).pair("phone", "phone").pair("address", "street")
        };
        let before = of([("1", "one"), ("2", "two")]);
        let mut world = World::with(SimProfile::default(), SimProfile::default(), before);
        let source = world.crm.insert([("email", "p@x.io"), ("name", "1")]);
        let target = world.field.insert([("mail", "p@x.io"), ("name", "one")]);
        world.sync().await;
        world.mapping = of([("1", "uno"), ("2", "due")]).build().unwrap();
        world.minutes(15);
        world.crm.edit(&source, "phone", "256 555 0100");
        world.field.edit(&target, "street", "1 Main St");
        world.crm.fail_next(CallKind::Update, Fault::RequestLost);
        let points = CrashPoints::new();
        let engine = world.engine_at(&points).await;
        let ended = points.run(crash, engine.sync("contacts")).await;
        drop(engine);
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
        }
        assert_eq!(world.field.text(&target, "name"), "uno", "{ended:?}");
        assert_eq!(world.crm.text(&source, "address"), "1 Main St", "{ended:?}");
        ended
    })
    .await;
    assert!(points > 20, "{points}");
}

#[tokio::test]
async fn a_conflict_of_a_pair_that_is_gone_from_the_mapping_ends() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.sync().await;
    assert_eq!(world.holds().await.len(), 1);
    world.mapping = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair("name", "name")
        .build()
        .unwrap();
    world.minutes(15);
    world.sync().await;
    assert!(world.holds().await.is_empty());
    assert_eq!(world.conflicts().await[0].status, ConflictStatus::Stale);
    world.settle().await;
}

#[tokio::test]
async fn another_strategy_decides_in_the_next_run_what_a_person_was_asked() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.sync().await;
    world.minutes(15);
    world.mapping = contacts().conflicts(Strategy::TargetWins).build().unwrap();
    let plan = world.engine().await.plan("contacts").await.unwrap();
    assert_eq!(plan.entries.len(), 1, "a plan has it, too: {plan}");
    world.sync().await;
    assert_eq!(world.crm.text(&source, "phone"), "256 555 1405");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved));
    assert!(world.holds().await.is_empty());
    world.settle().await;
}

#[tokio::test]
async fn a_field_that_is_no_longer_required_is_written_in_the_next_run() {
    let required = |p: PairBuilder| p.id("name").required();
    let mapping = |with: fn(PairBuilder) -> PairBuilder| {
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with("name", "name", with)
    };
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping(required));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "");
    world.sync().await;
    assert_eq!(world.holds().await[0].reason, HoldReason::Invalid);
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.holds().await.len(), 1, "nothing has changed: it waits");
    world.mapping = mapping(|p| p.id("name")).build().unwrap();
    world.minutes(15);
    world.sync().await;
    assert!(world.holds().await.is_empty());
    assert_eq!(world.field.text(&target, "name"), "");
    world.settle().await;
}

/// What a mapping decides otherwise is looked at again, and nothing is read for it but what waits.
#[tokio::test]
async fn another_strategy_reads_no_side_again() {
    let mut world = World::new();
    let (source, _) = world.linked().await;
    world.settle().await;
    world.minutes(15);
    world.mapping = contacts().conflicts(Strategy::SourceWins).build().unwrap();
    let report = world.sync().await;
    assert_eq!(report.sides.map(|side| (side.listed, side.fetched)), Sides::new((0, 0), (0, 0)));
    world.crm.edit(&source, "name", "Ann B.");
    world.settle().await;
}
