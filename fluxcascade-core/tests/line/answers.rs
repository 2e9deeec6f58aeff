//! What a person said of a conflict, and the write of it fails or is refused: it is not lost, and they
//! are asked again where it cannot be done.

use fluxcascade_core::Strategy;
use fluxcascade_core::connector::Capabilities;
use fluxcascade_core::engine::DeskItem;
use fluxcascade_core::mapping::{ConflictScope, MappingBuilder};
use fluxcascade_core::model::{
    Choice, Conflict, ConflictStatus, HoldKey, HoldReason, RecordId, Side, Sides, Value, Winner,
};
use fluxcascade_core::store::Page;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::connectors::names_one;
use crate::references::{Firm, company, contacts as firm_contacts, settle, to};
use crate::scenario::{by_mail, desk, edited, plain, say};
use crate::world::{World, contacts};

/// The name alone holds the record, or the record waits as a whole.
fn scopes() -> [MappingBuilder; 2] {
    let of_record = contacts().conflicts(Strategy::Manual).conflict_scope(ConflictScope::Record);
    [contacts().conflicts(Strategy::Error), of_record]
}

/// A record that waits for a conflict of its name, of which a person has said that the source's stands.
async fn told(mapping: MappingBuilder) -> (World, RecordId, RecordId) {
    let (world, source, target) = edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
    world.sync().await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert!(matches!(items[0].key, HoldKey::Link(_)), "{items:#?}");
    say(&world, &items[0], Choice::Take(Side::Source)).await;
    (world, source, target)
}

/// What is on the desk without an answer.
async fn asked(world: &World) -> Vec<DeskItem> {
    let mut items = desk(world).await;
    items.retain(|item| item.answered.is_none());
    items
}

/// The only row there is, with its state and who has won.
async fn ended(world: &World) -> (ConflictStatus, Option<Winner>) {
    let rows = world.conflicts().await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    (rows[0].status, rows[0].winner)
}

const TAKEN: (ConflictStatus, Option<Winner>) = (ConflictStatus::Resolved, Some(Winner::Source));

/// P14: the system was not there. Nobody is asked the same again, and it is not asked at once again.
#[tokio::test]
async fn an_answer_for_a_record_outlives_a_write_that_fails() {
    for fault in [Fault::Unavailable, Fault::RequestLost] {
        for mapping in scopes() {
            let (world, _, target) = told(mapping).await;
            world.field.fail_next(CallKind::Update, fault);
            world.sync().await;
            let updates = world.field.calls(CallKind::Update);
            world.clock.advance(std::time::Duration::from_secs(20));
            world.sync().await;
            assert_eq!(world.field.calls(CallKind::Update), updates, "{fault:?}");
            for _ in 0..2 {
                assert!(asked(&world).await.is_empty(), "{fault:?} {:#?}", desk(&world).await);
                world.minutes(15);
                world.sync().await;
            }
            assert_eq!(world.field.text(&target, "name"), "Ann S", "{fault:?}");
            assert!(world.holds().await.is_empty(), "{fault:?} {:#?}", world.holds().await);
            assert_eq!(ended(&world).await, TAKEN, "{fault:?}");
            world.settle().await;
        }
    }
}

/// P14: what fails again and again is asked again, once, with the system's words.
#[tokio::test]
async fn an_answer_for_a_record_that_fails_and_fails_is_asked_again() {
    for mapping in scopes() {
        let (world, _, target) = told(mapping).await;
        for _ in 0..20 {
            world.field.fail_next(CallKind::Update, Fault::Unavailable);
            world.sync().await;
            if !asked(&world).await.is_empty() {
                break;
            }
            world.minutes(400);
        }
        let updates = world.field.calls(CallKind::Update);
        assert!((8..=10).contains(&updates), "{updates} times");
        for _ in 0..2 {
            let items = asked(&world).await;
            assert_eq!(items.len(), 1, "{items:#?}");
            let words = &items[0].detail;
            assert!(words.contains("could not be written") && words.contains("anew"), "{words}");
            world.minutes(400);
            world.sync().await;
        }
        assert_eq!(world.field.calls(CallKind::Update), updates, "it waits for a person");
        world.field.fail_no_more();
        say(&world, &asked(&world).await[0], Choice::Take(Side::Source)).await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
        assert_eq!(ended(&world).await, TAKEN);
    }
}

/// P11, P17: the write was carried out, and its answer was lost.
#[tokio::test]
async fn the_row_of_an_answer_whose_write_has_no_answer_ends_with_who_has_won() {
    for mapping in scopes() {
        let (world, _, target) = told(mapping).await;
        world.field.fail_next(CallKind::Update, Fault::AnswerLost);
        world.sync().await;
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        world.minutes(15);
        world.sync().await;
        assert_eq!(ended(&world).await, TAKEN);
        assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
        assert_eq!(world.field.calls(CallKind::Update), 1);
        world.settle().await;
    }
}

/// P11: both sides come to agree while the answer waits for its next attempt.
#[tokio::test]
async fn an_answer_that_waits_to_be_tried_again_ends_when_both_sides_agree() {
    for mapping in scopes() {
        let (world, _, target) = told(mapping).await;
        world.field.fail_next(CallKind::Update, Fault::Unavailable);
        world.sync().await;
        world.field.edit(&target, "name", "Ann S");
        world.clock.advance(std::time::Duration::from_secs(20));
        world.sync().await;
        assert_eq!(ended(&world).await.0, ConflictStatus::Resolved);
        assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
        world.settle().await;
    }
}

/// P11: the record waits for a conflict, and what a person said of another pair of it cannot be written:
/// the conflict is not forgotten over that.
#[tokio::test]
async fn a_conflict_ends_although_another_answer_of_its_record_has_failed() {
    let mapping = by_mail()
        .conflicts(Strategy::Manual)
        .conflict_scope(ConflictScope::Record)
        .pair_with("name", "name", |pair| {
            pair.transform(fluxcascade_core::transform::value_map([("Ann", "Ann")]))
        })
        .pair("address", "street");
    let (world, source, target) = edited(mapping, &[("name", "Zoe")], &[]).await;
    world.sync().await;
    let of_name = desk(&world).await.remove(0);
    assert_eq!(of_name.reason, HoldReason::Invalid);
    world.minutes(15);
    world.crm.edit(&source, "address", "2 S St");
    world.field.edit(&target, "street", "2 T St");
    world.sync().await;
    let mut items = desk(&world).await;
    items.retain(|item| item.key == of_name.key);
    say(&world, &items[0], Choice::Take(Side::Target)).await;
    world.crm.fail_next(CallKind::Update, Fault::Unavailable);
    world.sync().await;
    // Meanwhile people agree on everything.
    world.crm.edit(&source, "name", "Ann");
    world.crm.edit(&source, "address", "2 T St");
    world.settle().await;
    let rows = world.conflicts().await;
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row.status != ConflictStatus::Open), "{rows:#?}");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P11, P14: what a person chose for a record and the system refuses is asked again, with its words.
#[tokio::test]
async fn an_answer_for_a_record_that_is_refused_is_asked_again() {
    for mapping in scopes() {
        let (world, _, target) = told(mapping).await;
        world.field.refuse("name");
        world.sync().await;
        for _ in 0..2 {
            let items = asked(&world).await;
            assert_eq!(items.len(), 1, "{items:#?}");
            let words = &items[0].detail;
            assert!(words.contains("cannot be done"), "{words}");
            assert!(words.contains("refuses name"), "{words}");
            assert_eq!(ended(&world).await, (ConflictStatus::Open, None));
            assert_eq!(world.holds().await.len(), 1, "{:#?}", world.holds().await);
            world.minutes(15);
            world.sync().await;
        }
        assert_eq!(world.field.calls(CallKind::Update), 1, "it waits for a person");
        world.field.accept("name");
        say(&world, &asked(&world).await[0], Choice::Take(Side::Source)).await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
        assert_eq!(ended(&world).await, TAKEN);
    }
}

/// A record of which the name and the street conflict together, and the source's stand.
async fn told_of_two() -> (World, RecordId, RecordId) {
    let [_, of_record] = scopes();
    let (world, source, target) = edited(
        of_record,
        &[("name", "Ann S"), ("address", "2 S St")],
        &[("name", "Ann T"), ("street", "2 T St")],
    )
    .await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    (world, source, target)
}

fn of_status(rows: &[Conflict], status: ConflictStatus) -> Vec<&Conflict> {
    rows.iter().filter(|row| row.status == status).collect()
}

/// P11, P14: what is written of it is decided, and the rest is asked again.
#[tokio::test]
async fn what_is_refused_of_an_answer_for_a_record_is_asked_again_alone() {
    let (world, _, target) = told_of_two().await;
    world.field.refuse("street");
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    for _ in 0..2 {
        let items = asked(&world).await;
        assert_eq!(items.len(), 1, "{items:#?}");
        assert!(items[0].detail.contains("refuses street"), "{items:#?}");
        assert!(items[0].detail.contains("decide anew"), "{items:#?}");
        let rows = world.conflicts().await;
        let open = of_status(&rows, ConflictStatus::Open);
        assert_eq!((rows.len(), open.len()), (2, 1), "{rows:#?}");
        assert_eq!(open[0].values.source, [Value::from("2 S St")]);
        assert_eq!(open[0].base.target.as_deref(), Some(&[Value::from("1 Main St")][..]));
        let resolved = of_status(&rows, ConflictStatus::Resolved);
        assert_eq!(resolved[0].winner, Some(Winner::Source), "{rows:#?}");
        world.minutes(15);
        world.sync().await;
    }
    world.field.accept("street");
    say(&world, &asked(&world).await[0], Choice::Take(Side::Source)).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "2 S St");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
    let rows = world.conflicts().await;
    assert_eq!(of_status(&rows, ConflictStatus::Resolved).len(), 2, "{rows:#?}");
}

/// P14: of a write that is refused in part, and then fails, all stands that was said.
#[tokio::test]
async fn an_answer_for_a_record_that_is_refused_in_part_and_then_fails_stands() {
    let (world, _, target) = told_of_two().await;
    world.field.refuse("street");
    world.field.fail_next(CallKind::Update, Fault::Stale); // which is none of an update
    world.field.fail_next(CallKind::Update, Fault::Unavailable);
    world.sync().await;
    assert!(asked(&world).await.is_empty(), "{:#?}", asked(&world).await);
    assert_eq!(world.field.text(&target, "name"), "Ann T");
    world.field.accept("street");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.field.text(&target, "street"), "2 S St");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
    assert_eq!(ended(&world).await, TAKEN);
}

/// P14: two fields that are refused one after the other are asked together.
#[tokio::test]
async fn an_answer_for_a_record_whose_fields_are_refused_one_by_one_is_asked_again_whole() {
    let (world, _, target) = told_of_two().await;
    world.field.refuse("name");
    world.field.refuse("street");
    let engine = world.engine_with(names_one(&world.field)).await;
    engine.sync("contacts").await.unwrap();
    for _ in 0..2 {
        let items = asked(&world).await;
        assert_eq!(items.len(), 1, "{items:#?}");
        let words = &items[0].detail;
        assert!(words.contains("refuses name") && words.contains("refuses street"), "{words}");
        assert_eq!(ended(&world).await, (ConflictStatus::Open, None));
        world.minutes(15);
        engine.sync("contacts").await.unwrap();
    }
    world.field.accept("name");
    world.field.accept("street");
    say(&world, &asked(&world).await[0], Choice::Take(Side::Source)).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "2 S St");
    assert_eq!(ended(&world).await, TAKEN);
}

/// P14: the first half of a person's own value was carried out and its answer lost: the half that the
/// source refuses then waits longer each time, and then for a person.
#[tokio::test]
async fn a_refused_half_of_an_own_value_whose_first_half_had_no_answer_waits_longer_each_time() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let (world, source, target) = edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
    world.sync().await;
    let own = Choice::Set(Sides::new(vec!["Ann X".into()], vec!["Ann X".into()]));
    say(&world, &desk(&world).await[0], own).await;
    world.field.fail_next(CallKind::Update, Fault::AnswerLost);
    world.crm.refuse("name");
    world.sync().await;
    world.minutes(15);
    for _ in 0..8 {
        world.sync().await;
        world.minutes(5);
    }
    let tried = world.crm.calls(CallKind::Update);
    assert!((4..=5).contains(&tried), "{tried} times in 40 minutes");
    for _ in 0..12 {
        world.sync().await;
        world.minutes(400);
    }
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert_eq!(items[0].reason, HoldReason::Rejected, "{items:#?}");
    let tried = world.crm.calls(CallKind::Update);
    world.sync().await;
    assert_eq!(world.crm.calls(CallKind::Update), tried);
    world.crm.accept("name");
    say(&world, &items[0], Choice::Retry).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann X");
    assert_eq!(world.field.text(&target, "name"), "Ann X");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P14: what was refused of a create that is not made is a pair of no link.
#[tokio::test]
async fn a_field_that_is_refused_of_a_create_that_is_not_made_leaves_no_hold() {
    for fault in [Fault::Unavailable, Fault::RequestLost, Fault::AnswerLost] {
        let world = plain(contacts());
        world.field.refuse("phone");
        world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")]);
        world.field.fail_next(CallKind::Create, Fault::Stale); // which is none of a create
        world.field.fail_next(CallKind::Create, fault);
        world.sync().await;
        let holds = world.holds().await;
        assert!(holds.iter().all(|hold| hold.key.pair().is_none()), "{fault:?} {holds:#?}");
        world.field.accept("phone");
        for _ in 0..4 {
            world.minutes(15);
            world.sync().await;
        }
        let target = world.field.records()[0].clone();
        assert_eq!(world.field.text(&target, "phone"), "256 555 0100", "{fault:?}");
        assert!(world.holds().await.is_empty(), "{fault:?} {:#?}", world.holds().await);
    }
}

/// P14: the same where the system says that there is such a record already.
#[tokio::test]
async fn a_field_that_is_refused_of_a_create_that_runs_into_a_record_leaves_no_hold() {
    let mut world = World::with(SimProfile::default(), refuses_duplicates(), contacts());
    world.field = world.field.unique("mail");
    world.field.refuse("phone");
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")]);
    let field = world.field.clone();
    world.field.before_next(CallKind::Create, move |_| {
        field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    });
    world.sync().await;
    world.field.accept("phone");
    for _ in 0..4 {
        world.minutes(15);
        world.sync().await;
    }
    assert_eq!(world.links().await.len(), 1);
    assert_eq!(world.field.records().len(), 1);
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

pub(crate) fn refuses_duplicates() -> SimProfile {
    let capabilities =
        Capabilities { refuses_duplicates: true, ..SimProfile::default().capabilities };
    SimProfile { capabilities, ..SimProfile::default() }
}

/// P14, P25: an answer that has waited for a link, and that the system refuses when it is there, is
/// asked again with the system's words.
#[tokio::test]
async fn an_answer_that_waited_for_a_link_and_is_refused_then_is_asked_again() {
    let mut firm = Firm::new(company());
    firm.contacts = firm_contacts().conflicts(Strategy::Manual);
    let (engine, firm) = firm.engine().await.unwrap();
    let ann = firm.crm.insert([("mail", Value::from("ann@x.io"))]);
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let copy = firm.erp.records()[0].clone();
    let acme = firm.crm_companies.insert([("name", "Acme")]);
    let zed = firm.erp_companies.insert([("name", "Zed")]);
    firm.crm.edit(&ann, "company", to(&acme));
    firm.erp.edit(&copy, "company", to(&zed));
    let next = async || {
        firm.minutes(15);
        engine.sync("contacts").await.unwrap();
        engine.desk("contacts").await.unwrap().items
    };
    let take = async |item: &DeskItem| {
        let choice = Choice::Take(Side::Source);
        engine.answer("contacts", &item.key, item.version, choice).await.unwrap();
    };
    take(&next().await[0]).await;
    next().await;
    firm.erp.refuse("company");
    settle(&engine, &firm, "companies").await;
    next().await;
    for _ in 0..2 {
        let items = next().await;
        assert_eq!(items.len(), 1, "{items:#?}");
        assert!(items[0].detail.contains("refuses company"), "{items:#?}");
        assert!(items[0].conflict.is_some(), "{items:#?}");
    }
    firm.erp.accept("company");
    take(&next().await[0]).await;
    settle(&engine, &firm, "contacts").await;
    let acme_there = firm.erp_companies.records().pop().unwrap();
    assert_eq!(firm.erp.value(&copy, "company"), to(&acme_there));
    let key = engine.mapping_key(&firm_contacts().build().unwrap().name);
    assert!(firm.store.holds(&key, &Page::all()).await.unwrap().is_empty());
    let rows = firm.store.conflicts(&key, &Page::all()).await.unwrap();
    assert!(rows.iter().all(|row| row.status == ConflictStatus::Resolved), "{rows:#?}");
}
