//! What a person says at the desk, of pairs, groups and whole records.

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{
    ConflictScope, DeleteUpdate, Direction, FirstSync, Guards, Limit, MappingBuilder, PairBuilder,
    Test,
};
use fluxcascade_core::model::{Choice, ConflictStatus, Side, Sides, Value};
use fluxcascade_core::store::Page;
use fluxcascade_core::transform::value_map;

use crate::references::{Firm, company, contacts as firm_contacts, settle, to};
use crate::scenario::{able, by_mail, checked, desk, edited, group_of, plain, say};
use crate::world::contacts;

/// The phone and the address conflict together.
fn place(strategy: Strategy) -> MappingBuilder {
    by_mail().conflicts(strategy).pair_with("phone", "phone", |p| p.group("place")).pair_with(
        "address",
        "street",
        |p| p.group("place"),
    )
}

/// P25: an answer whose value waits for a link is carried out when the link is made.
#[tokio::test]
async fn an_answer_for_a_reference_that_is_not_linked_yet_is_not_lost() {
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
    firm.minutes(15);
    engine.sync("contacts").await.unwrap();
    let desk = engine.desk("contacts").await.unwrap();
    let item = &desk.items[0];
    engine.answer("contacts", &item.key, item.version, Choice::Take(Side::Source)).await.unwrap();
    firm.minutes(15);
    engine.sync("contacts").await.unwrap();
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let acme_there = firm.erp_companies.records().pop().unwrap();
    let key = engine.mapping_key(&firm_contacts().build().unwrap().name);
    let rows = firm.store.conflicts(&key, &Page::all()).await.unwrap();
    let holds = firm.store.holds(&key, &Page::all()).await.unwrap();
    assert_eq!(firm.erp.value(&copy, "company"), to(&acme_there), "{holds:?}\n{rows:?}");
}

/// Strategy `error` on two pairs: the record waits for one conflict at a time, and a person can end
/// both.
#[tokio::test]
async fn two_conflicts_that_each_hold_the_record_can_both_be_answered() {
    let (world, _, target) = edited(
        contacts().conflicts(Strategy::Error),
        &[("name", "Ann S"), ("phone", "256 555 0111")],
        &[("name", "Ann T"), ("phone", "256 555 0122")],
    )
    .await;
    for _ in 0..6 {
        world.minutes(15);
        world.sync().await;
        for item in desk(&world).await {
            say(&world, &item, Choice::Take(Side::Source)).await;
        }
    }
    let items = desk(&world).await;
    assert!(items.is_empty(), "after five answers: {items:#?}");
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0111");
}

/// A group waits as one: one's own values for one pair alone are not written without the other.
#[tokio::test]
async fn own_values_for_one_pair_of_a_group() {
    let (world, _, target) = edited(
        place(Strategy::Manual),
        &[("phone", "11111 s"), ("address", "11111 s")],
        &[("phone", "22222 t"), ("street", "22222 t")],
    )
    .await;
    world.sync().await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 2);
    let of = |name: &str| {
        items.iter().find(|item| item.pair.as_deref().unwrap().starts_with(name)).unwrap().clone()
    };
    let own = |v: &str| Choice::Set(Sides::new(vec![v.into()], vec![v.into()]));
    say(&world, &of("phone"), own("33333")).await;
    world.minutes(15);
    let report = checked(&world).await;
    let halves = (world.field.text(&target, "phone"), world.field.text(&target, "street"));
    // Either all of it is decided or none.
    assert_ne!(halves, ("33333".into(), "22222 t".into()), "{report}");
}

/// The same, for the second pair of the group: an answer alone must not be ignored without a word.
#[tokio::test]
async fn own_values_for_all_pairs_of_a_group_are_written() {
    let (world, source, target) = edited(
        place(Strategy::Manual),
        &[("phone", "11111 s"), ("address", "11111 s")],
        &[("phone", "22222 t"), ("street", "22222 t")],
    )
    .await;
    world.sync().await;
    let own = |v: &str| Choice::Set(Sides::new(vec![v.into()], vec![v.into()]));
    for item in desk(&world).await {
        say(&world, &item, own("33333")).await;
    }
    world.minutes(15);
    checked(&world).await;
    assert_eq!(world.field.text(&target, "phone"), "33333");
    assert_eq!(world.field.text(&target, "street"), "33333");
    assert_eq!(world.crm.text(&source, "phone"), "33333");
    world.settle().await;
}

/// A blank of a required pair is never written, and the person is told and can decide otherwise.
#[tokio::test]
async fn an_answer_that_would_blank_a_required_pair_still_waits_on_the_desk() {
    let mapping =
        by_mail().conflicts(Strategy::Manual).pair_with("name", "name", PairBuilder::required);
    let (world, _, target) = edited(mapping, &[("name", "")], &[("name", "Ann T")]).await;
    world.sync().await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Source)).await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann T");
    let items = desk(&world).await;
    assert_eq!(items.len(), 1);
    assert!(
        items[0].takes(&Choice::Take(Side::Target)),
        "nothing can be said any more: {items:#?}"
    );
}

/// `required`: never writes a blank, also not a person's on one side.
#[tokio::test]
async fn own_values_with_a_blank_on_one_side_of_a_required_pair() {
    let mapping =
        by_mail().conflicts(Strategy::Manual).pair_with("name", "name", PairBuilder::required);
    let (world, _, target) = edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
    world.sync().await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Set(Sides::new(vec!["Anna".into()], vec!["".into()]))).await;
    world.minutes(15);
    world.sync().await;
    assert_ne!(world.field.text(&target, "name"), "");
}

/// The desk offers only what the direction lets be done.
#[tokio::test]
async fn a_one_way_mapping_offers_no_recreate_on_its_origin() {
    let world =
        able(contacts().direction(Direction::SourceToTarget).delete_update(DeleteUpdate::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "name", "Ann T");
    world.crm.delete(&source);
    world.sync().await;
    world.minutes(15);
    world.sync().await;
    for item in desk(&world).await {
        assert!(!item.takes(&Choice::Recreate), "{item:#?}");
    }
}

/// Desk: `Set` of a value of another type than the field has.
#[tokio::test]
async fn own_values_of_another_type_are_refused() {
    let (world, _, target) =
        edited(contacts().conflicts(Strategy::Manual), &[("name", "Ann S")], &[("name", "Ann T")])
            .await;
    world.sync().await;
    let item = desk(&world).await.remove(0);
    let own = Choice::Set(Sides::new(vec![Value::Bool(true)], vec![Value::Bool(true)]));
    let told = world.engine().await.answer("contacts", &item.key, item.version, own).await;
    world.minutes(15);
    world.sync().await;
    assert_ne!(world.field.value(&target, "name"), Value::Bool(true), "{told:?}");
}

/// Record scope, with a one-way pair drifting and another edited: direction holds.
#[tokio::test]
async fn record_scope_and_one_way_pairs() {
    let (world, source, _) = edited(
        by_mail()
            .conflict_scope(ConflictScope::Record)
            .conflicts(Strategy::Manual)
            .pair("name", "name")
            .pair_with("phone", "phone", PairBuilder::source_only)
            .pair("address", "street"),
        &[("name", "Ann S")],
        &[("street", "2 T St"), ("phone", "256 555 0999")],
    )
    .await;
    checked(&world).await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Target)).await;
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "phone"), "256 555 0100");
    assert_eq!(world.crm.text(&source, "address"), "2 T St");
    assert!(desk(&world).await.is_empty());
    let rows = world.conflicts().await;
    assert!(rows.iter().all(|row| row.status != ConflictStatus::Open), "{rows:?}");
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert!(found.is_explained(), "{found}");
}

/// A person's "create" for a parked record is carried out, or not offered.
#[tokio::test]
async fn create_is_offered_only_where_records_are_created() {
    let world = plain(contacts().first_sync(FirstSync::UpdateExisting));
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann 1")]);
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann 2")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    let items = desk(&world).await;
    let item =
        items.iter().find(|item| item.records.source.is_some() && item.takes(&Choice::Create));
    if let Some(item) = item {
        say(&world, item, Choice::Create).await;
        world.minutes(15);
        let report = world.sync().await;
        assert_eq!(world.field.records().len(), 2, "offered, answered, and not done: {report}");
    }
}

/// A group is not torn by a guard: one side wins all of it, or it waits as a whole.
#[tokio::test]
async fn a_guard_does_not_tear_a_group() {
    let none = Limit { count: 0, percent: 0 };
    let world =
        plain(place(Strategy::SourceWins).guards(Guards { overwrites: none, ..Guards::default() }));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "");
    world.crm.edit(&source, "address", "2 S St");
    world.field.edit(&target, "phone", "256 555 0222");
    world.field.edit(&target, "street", "3 T St");
    checked(&world).await;
    let now = (world.field.text(&target, "phone"), world.field.text(&target, "street"));
    assert_ne!(now, ("256 555 0222".into(), "2 S St".into()), "half of each");
}

/// An answer that a transform refuses can be given otherwise on the desk.
#[tokio::test]
async fn an_answer_that_a_transform_refuses_still_waits_on_the_desk() {
    let world = plain(
        by_mail()
            .conflicts(Strategy::Manual)
            .pair_with("name", "name", |p| p.transform(value_map([("a", "A"), ("b", "B")]))),
    );
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "a")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "A")]);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "z");
    world.field.edit(&target, "name", "B");
    world.sync().await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Source)).await;
    world.minutes(15);
    world.sync().await;
    let items = desk(&world).await;
    assert!(items[0].takes(&Choice::Take(Side::Target)), "{items:#?}");
}

/// A group whose strategy holds the whole record can be answered.
#[tokio::test]
async fn a_group_that_holds_the_record_can_be_answered() {
    let world = plain(group_of(&Strategy::Error));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "street", "2 T St");
    for _ in 0..4 {
        world.minutes(15);
        world.sync().await;
        for item in desk(&world).await {
            say(&world, &item, Choice::Take(Side::Source)).await;
        }
    }
    let items = desk(&world).await;
    assert!(items.is_empty(), "{items:#?}");
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.field.text(&target, "street"), "1 Main St");
}

/// An answer for a pair is not lost because another pair holds the record.
#[tokio::test]
async fn an_answer_for_a_pair_of_a_record_that_waits_is_not_lost() {
    let (world, _, target) = edited(
        by_mail()
            .pair_with("name", "name", |p| p.conflicts(Strategy::Error))
            .pair_with("phone", "phone", |p| p.conflicts(Strategy::Manual))
            .pair("address", "street"),
        &[("name", "Ann S"), ("phone", "256 555 0111")],
        &[("name", "Ann T"), ("phone", "256 555 0122")],
    )
    .await;
    world.sync().await;
    let items = desk(&world).await;
    if let Some(item) = items.iter().find(|item| item.pair.is_some()) {
        say(&world, item, Choice::Take(Side::Source)).await;
    }
    world.minutes(15);
    world.sync().await;
    let record = desk(&world).await.into_iter().find(|item| item.pair.is_none()).unwrap();
    say(&world, &record, Choice::Take(Side::Source)).await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0111", "{:#?}", desk(&world).await);
}

/// A record scope conflict whose answer one pair cannot take.
#[tokio::test]
async fn a_record_answer_that_a_required_pair_refuses_is_not_said_to_be_resolved() {
    let (world, _, target) = edited(
        by_mail()
            .conflict_scope(ConflictScope::Record)
            .conflicts(Strategy::Manual)
            .pair_with("name", "name", PairBuilder::required)
            .pair("address", "street"),
        &[("name", "")],
        &[("street", "2 T St"), ("name", "Ann T")],
    )
    .await;
    world.sync().await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Source)).await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann T");
    let rows = world.conflicts().await;
    let items = desk(&world).await;
    assert!(
        rows.iter().any(|row| row.status == ConflictStatus::Open),
        "the blank was not written, but no row is open: {rows:#?} {items:#?}"
    );
}

/// A page of no items does not say that there is more at the same place for ever.
#[tokio::test]
async fn a_desk_page_of_nothing_ends() {
    use fluxcascade_core::engine::DeskPage;
    let world = plain(contacts().conflicts(Strategy::Manual));
    let (source, target) = world.linked().await;
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.minutes(15);
    world.sync().await;
    let page = DeskPage { limit: 0, ..DeskPage::default() };
    let desk = world.engine().await.desk_page("contacts", &page).await.unwrap();
    assert_ne!(desk.next, Some(0), "a caller who follows `next` never ends");
}

/// `max` on a group, one side wins all: no half.
#[tokio::test]
async fn a_record_that_a_person_excluded_is_no_longer_on_the_desk() {
    let world = plain(contacts().conflicts(Strategy::Error));
    let (source, target) = world.linked().await;
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.minutes(15);
    world.sync().await;
    world.engine().await.exclude("contacts", Side::Source, &source).await.unwrap();
    world.settle().await;
    assert!(desk(&world).await.is_empty());
    let rows = world.conflicts().await;
    assert!(rows.iter().all(|row| row.status == ConflictStatus::Stale), "{rows:?}");
}

/// Taken with a filter: a hold of a record out of scope can be answered once it is back.
#[tokio::test]
async fn an_answer_while_the_record_is_out_of_scope_waits_and_is_carried_out() {
    let world = plain(contacts().conflicts(Strategy::Manual).filter(
        Side::Source,
        "status",
        Test::Differs("off".into()),
    ));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.sync().await;
    world.crm.edit(&source, "status", "off");
    world.settle().await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 1);
    say(&world, &items[0], Choice::Take(Side::Source)).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann T", "written though out of scope");
    world.crm.edit(&source, "status", "on");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert!(desk(&world).await.is_empty());
}

/// P11: the row of a record that waited says who has won, also when both sides are written.
#[tokio::test]
async fn the_row_of_a_record_that_waited_names_its_winner_when_both_sides_are_written() {
    let (world, source, target) = edited(
        by_mail()
            .pair_with("name", "name", |p| p.conflicts(Strategy::Error))
            .pair("phone", "phone"),
        &[("name", "Ann S")],
        &[("name", "Ann T"), ("phone", "256 555 0222")],
    )
    .await;
    world.sync().await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Source)).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.crm.text(&source, "phone"), "256 555 0222");
    let rows = world.conflicts().await;
    let told: Vec<_> = rows.iter().map(|row| (row.status, row.winner)).collect();
    assert_eq!(told, [(ConflictStatus::Resolved, Some(Side::Source.into()))], "{rows:#?}");
}
