//! What the whole record waits for stands above what its pairs wait for: nothing of those is lost by it,
//! and no system is asked for them meanwhile.

use fluxcascade_core::Strategy;
use fluxcascade_core::engine::DeskItem;
use fluxcascade_core::mapping::{ConflictScope, Limit, PairDirection, Test};
use fluxcascade_core::model::{Choice, ConflictStatus, HoldReason, RecordId, Side, Withheld};
use fluxcascade_core::testkit::{CallKind, Fault};

use crate::connectors::names_none;
use crate::crossed::{streets, whole};
use crate::references::{Firm, company, contacts as firm_contacts, settle, to};
use crate::scenario::{desk, edited, say};
use crate::world::{World, contacts};

fn fetches(world: &World) -> usize {
    world.field.calls(CallKind::Fetch) + world.crm.calls(CallKind::Fetch)
}

/// Runs in which nothing is read by its id, minutes apart.
async fn reads_nothing(world: &World, minutes: u64) {
    let before = fetches(world);
    for _ in 0..3 {
        world.minutes(minutes);
        world.sync().await;
    }
    assert_eq!(fetches(world), before, "{:#?}", world.holds().await);
}

/// P14, P2: a guard lets a blanking through, the system refuses the record and names no field: it is tried
/// later each time, then waits for a person, as one item.
#[tokio::test]
async fn a_blanking_that_is_refused_with_its_record_is_tried_later_each_time() {
    let (world, _, target) = edited(contacts(), &[("phone", "")], &[]).await;
    world.field.refuse("phone");
    let engine = world.engine_with(names_none(&world.field)).await;
    for attempts in 1..=10 {
        engine.sync("contacts").await.unwrap();
        let holds = world.holds().await;
        let counted: Vec<u32> =
            holds.iter().filter(|h| h.key.pair().is_none()).map(|h| h.attempts).collect();
        assert!(counted == [attempts] || attempts > 9, "{attempts}: {holds:#?}");
        if attempts > 6 {
            reads_nothing(&world, 5).await;
        }
        world.minutes(6 * 60 + 1);
    }
    reads_nothing(&world, 6 * 60 + 1).await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert_eq!(items[0].reason, HoldReason::Rejected);
    world.field.accept("phone");
    say(&world, &items[0], Choice::Retry).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P2: what a pair waits for falls due while its record is out of scope.
#[tokio::test]
async fn a_refused_pair_of_a_record_that_is_out_of_scope_is_not_looked_at_in_each_run() {
    let scoped = contacts().filter(Side::Source, "status", Test::Differs("off".into()));
    let (world, source, target) = edited(scoped, &[("name", "Ann S")], &[]).await;
    world.field.refuse("name");
    world.sync().await;
    world.crm.edit(&source, "status", "off");
    world.minutes(15);
    world.sync().await;
    reads_nothing(&world, 15).await;
    world.field.accept("name");
    world.crm.edit(&source, "status", "on");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P2, P14: an answer that could not be written is tried at its time, and nothing is read before.
#[tokio::test]
async fn an_answer_that_is_tried_later_is_not_read_before() {
    let (world, source, target) =
        edited(whole(), &[("name", "Ann S")], &[("street", "2 T St")]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    for _ in 0..6 {
        world.field.fail_next(CallKind::Update, Fault::Unavailable);
        world.sync().await;
        world.minutes(61);
    }
    world.field.fail_next(CallKind::Update, Fault::Unavailable);
    world.sync().await;
    let held = world.holds().await;
    assert!(held[0].answer.is_some() && held[0].not_before.is_some(), "{held:#?}");
    reads_nothing(&world, 5).await;
    world.minutes(61);
    world.settle().await;
    assert_eq!(streets(&world, &source, &target), ("1 Main St".into(), "1 Main St".into()));
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// A person has taken the source's side, and the street, which was hidden then, is refused when it shows.
async fn street_asked_once_more() -> (World, RecordId, RecordId) {
    let (world, source, target) =
        edited(whole(), &[("name", "Ann S")], &[("street", "2 T St")]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.hide_field(&target, "street");
    world.settle().await;
    world.field.show_field(&target, "street");
    world.field.refuse("street");
    world.minutes(75);
    world.sync().await;
    world.field.accept("street");
    (world, source, target)
}

/// P11: what is asked once more of one pair of a record is answered by itself, whatever else was edited.
#[tokio::test]
async fn what_is_asked_once_more_of_a_pair_is_a_persons_with_conflict_scope_record() {
    for is_edited in ["before", "after"] {
        let (world, source, target) = street_asked_once_more().await;
        let items = desk(&world).await;
        assert_eq!(items.len(), 1, "{items:#?}");
        if is_edited == "before" {
            world.crm.edit(&source, "phone", "256 555 0199");
            world.settle().await;
            assert_eq!(desk(&world).await.len(), 1, "{:#?}", desk(&world).await);
            assert_eq!(streets(&world, &source, &target), ("1 Main St".into(), "2 T St".into()));
        }
        say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
        if is_edited == "after" {
            world.crm.edit(&source, "phone", "256 555 0199");
        }
        world.settle().await;
        assert_eq!(streets(&world, &source, &target), ("1 Main St".into(), "1 Main St".into()));
        assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
        assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
    }
}

/// P11: an answer for the record is carried out while one of its pairs is asked once more.
#[tokio::test]
async fn a_pair_that_is_asked_once_more_stops_no_answer_for_its_record() {
    let (world, source, target) = street_asked_once_more().await;
    world.crm.edit(&source, "name", "Ann S2");
    world.field.edit(&target, "name", "Ann T2");
    world.minutes(15);
    world.sync().await;
    let items = desk(&world).await;
    let of_record = items.iter().find(|item| item.key.pair().is_none()).unwrap();
    say(&world, of_record, Choice::Take(Side::Source)).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S2", "{:#?}", desk(&world).await);
    assert_eq!(desk(&world).await.len(), 1, "the street is asked on");
}

/// P25, P11: of an answer for a whole record, what refers to a record that is not linked yet is written
/// when it is, and the rest at once.
#[tokio::test]
async fn an_answer_for_a_record_does_not_wait_for_a_reference_of_it() {
    let mut firm = Firm::new(company());
    firm.contacts =
        firm_contacts().conflicts(Strategy::Manual).conflict_scope(ConflictScope::Record);
    let (engine, firm) = firm.engine().await.unwrap();
    let ann = firm.crm.insert([("mail", "ann@x.io")]);
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let copy = firm.erp.records()[0].clone();
    let acme = firm.crm_companies.insert([("name", "Acme")]);
    firm.crm.edit(&ann, "company", to(&acme));
    firm.erp.edit(&copy, "mail", "ann@y.io");
    firm.minutes(15);
    engine.sync("contacts").await.unwrap();
    let item = engine.desk("contacts").await.unwrap().items.remove(0);
    engine.answer("contacts", &item.key, item.version, Choice::Take(Side::Source)).await.unwrap();
    firm.minutes(15);
    engine.sync("contacts").await.unwrap();
    assert_eq!(firm.erp.text(&copy, "mail"), "ann@x.io");
    let items = engine.desk("contacts").await.unwrap().items;
    assert!(items.is_empty(), "{items:#?}");
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let acme_there = firm.erp_companies.records().pop().unwrap();
    assert_eq!(firm.erp.value(&copy, "company"), to(&acme_there));
}

/// P18, P11: what a person lets through waits with its record, and is asked once.
#[tokio::test]
async fn what_a_person_lets_through_is_done_when_the_record_goes_on() {
    let (mut world, _, target) = edited(
        contacts().conflicts(Strategy::Error),
        &[("name", "Ann S"), ("phone", "")],
        &[("name", "Ann T")],
    )
    .await;
    world.mapping.guards.overwrites = Limit { count: 0, percent: 0 };
    world.sync().await;
    let of = |items: Vec<DeskItem>, reason| {
        items.into_iter().find(|item| item.reason == reason).unwrap()
    };
    say(&world, &of(desk(&world).await, HoldReason::Guard), Choice::Allow).await;
    world.minutes(15);
    world.sync().await;
    reads_nothing(&world, 15).await;
    say(&world, &of(desk(&world).await, HoldReason::Conflict), Choice::Take(Side::Source)).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.field.text(&target, "phone"), "", "{:#?}", world.holds().await);
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P20: a pair that flows one way from now on is in no conflict, and holds no record.
#[tokio::test]
async fn a_question_ends_when_its_only_pair_flows_one_way() {
    let (mut world, _, target) =
        edited(contacts().conflicts(Strategy::Error), &[("name", "Ann S")], &[("name", "Ann T")])
            .await;
    world.sync().await;
    assert_eq!(desk(&world).await.len(), 1);
    world.mapping.pairs[1].direction = Some(PairDirection::SourceOnly);
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S", "{:#?}", world.holds().await);
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
    let rows = world.conflicts().await;
    assert!(rows.iter().all(|row| row.status != ConflictStatus::Open), "{rows:#?}");
}

/// P14: that its whole record is refused in between is no end of the attempts that a value had, which a
/// guard let through.
#[tokio::test]
async fn attempts_at_a_value_are_counted_on_when_its_record_is_refused_in_between() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "");
    world.field.refuse("phone");
    let attempts = async || {
        let holds = world.holds().await;
        let of_pair = holds.iter().find(|hold| hold.key.pair().is_some()).unwrap();
        (of_pair.attempts, of_pair.withheld)
    };
    for tried in 1..3 {
        world.sync().await;
        assert_eq!(attempts().await, (tried, Some(Withheld::Blanking)));
        world.minutes(60);
    }
    world.engine_with(names_none(&world.field)).await.sync("contacts").await.unwrap();
    assert_eq!(attempts().await, (2, Some(Withheld::Blanking)), "{:#?}", world.holds().await);
    world.minutes(25 * 60);
    world.sync().await;
    assert_eq!(attempts().await, (3, Some(Withheld::Blanking)), "{:#?}", world.holds().await);
}

/// What a person said of a pair whose whole record waits is not promised for the next run.
#[tokio::test]
async fn the_desk_says_that_an_answer_waits_with_its_record() {
    let phones = [[("phone", "256 555 1400")], [("phone", "256 555 1405")]];
    let manual = contacts().conflicts(Strategy::Manual);
    let (world, _, target) = edited(manual, &phones[0], &phones[1]).await;
    world.sync().await;
    world.field.garble(&target);
    world.minutes(15);
    world.engine().await.run("contacts").full().sync().await.unwrap();
    let of_pair = |item: &&DeskItem| item.key.pair().is_some();
    let asked = desk(&world).await.iter().find(of_pair).unwrap().clone();
    say(&world, &asked, Choice::Take(Side::Source)).await;
    let item = desk(&world).await.iter().find(of_pair).unwrap().clone();
    let waits = "when its whole record goes on, a run carries out the answer: take source";
    assert_eq!(item.next, waits);
    world.field.show(&target);
    world.engine().await.run("contacts").full().sync().await.unwrap();
    assert_eq!(world.field.text(&target, "phone"), "256 555 1400");
    assert!(desk(&world).await.is_empty());
}
