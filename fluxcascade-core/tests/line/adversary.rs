//! An adversary's scenarios: each states what semantics.md says.

use fluxcascade_core::engine::{DeskItem, Divergence};
use fluxcascade_core::mapping::{
    ConflictScope, Create, DeletePolicy, DeleteUpdate, Direction, FirstSync, Mapping,
    MappingBuilder, Test,
};
use fluxcascade_core::model::{
    Choice, ConflictStatus, FieldName, FieldSchema, HoldReason, RecordId, Side, Sides, Value,
};
use fluxcascade_core::store::Page;
use fluxcascade_core::testkit::SimProfile;
use fluxcascade_core::{Strategy, SyncReport};

use crate::references::{Firm, company, contacts as firm_contacts, settle, to};
use crate::world::{World, contacts};

fn plain(mapping: MappingBuilder) -> World {
    World::with(SimProfile::default(), SimProfile::default(), mapping)
}

fn able(mapping: MappingBuilder) -> World {
    crate::deletes::world(mapping)
}

async fn desk(world: &World) -> Vec<DeskItem> {
    world.engine().await.desk("contacts").await.unwrap().items
}

async fn say(world: &World, item: &DeskItem, choice: Choice) {
    let engine = world.engine().await;
    let told = engine.answer("contacts", &item.key, item.version, choice).await.unwrap();
    assert!(matches!(format!("{told:?}").as_str(), "Stored" | "Already"), "{told:?}");
}

/// A dry run, then the run: they must say the same (P19).
async fn checked(world: &World) -> SyncReport {
    let engine = world.engine().await;
    let plan = engine.plan("contacts").await.unwrap();
    let report = engine.sync("contacts").await.unwrap();
    let planned = plan.writes().map(|n| n as u64);
    let done = report.sides.as_ref().map(fluxcascade_core::report::SideReport::writes);
    assert_eq!(planned, done, "plan:\n{plan}\nrun:\n{report}");
    report
}

/// P28: an agreed reference is agreed: its ids differ by nature.
#[tokio::test]
async fn verify_knows_that_translated_references_agree() {
    let (engine, firm) = Firm::new(company()).engine().await.unwrap();
    // ids of the two systems must not be alike by chance
    firm.erp_companies.insert([("name", "Zed")]);
    let acme = firm.crm_companies.insert([("name", "Acme")]);
    firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", to(&acme))]);
    settle(&engine, &firm, "companies").await;
    settle(&engine, &firm, "contacts").await;
    let copy = firm.erp.records()[0].clone();
    assert_ne!(firm.erp.value(&copy, "company"), Value::Null);
    let found = engine.verify("contacts").await.unwrap();
    assert!(found.is_explained(), "{found}");
    assert_eq!(found.count(Divergence::Agreed), 2, "{found}");
}

/// P25 with first_sync: a reference left out of a create is written once it is linked.
#[tokio::test]
async fn a_reference_left_out_of_a_create_is_written_in_every_mode() {
    for mode in [FirstSync::Merge, FirstSync::FillBlanks, FirstSync::LinkOnly] {
        let mut firm = Firm::new(company());
        firm.contacts = firm_contacts().first_sync(mode);
        let (engine, firm) = firm.engine().await.unwrap();
        let acme = firm.crm_companies.insert([("name", "Acme")]);
        firm.crm.insert([("mail", Value::from("ann@x.io")), ("company", to(&acme))]);
        settle(&engine, &firm, "contacts").await;
        settle(&engine, &firm, "companies").await;
        settle(&engine, &firm, "contacts").await;
        let copy = firm.erp.records()[0].clone();
        assert_ne!(firm.erp.value(&copy, "company"), Value::Null, "{mode:?}");
    }
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
    let world = plain(contacts().conflicts(Strategy::Error));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.crm.edit(&source, "phone", "256 555 0111");
    world.field.edit(&target, "phone", "256 555 0122");
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
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair_with("phone", "phone", |p| p.group("place"))
            .pair_with("address", "street", |p| p.group("place")),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    for (a, b) in [("phone", "phone"), ("address", "street")] {
        world.crm.edit(&source, a, "11111 s");
        world.field.edit(&target, b, "22222 t");
    }
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
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair_with("phone", "phone", |p| p.group("place"))
            .pair_with("address", "street", |p| p.group("place")),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    for (a, b) in [("phone", "phone"), ("address", "street")] {
        world.crm.edit(&source, a, "11111 s");
        world.field.edit(&target, b, "22222 t");
    }
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
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair_with("name", "name", |p| p.required()),
    );
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "");
    world.field.edit(&target, "name", "Ann T");
    world.sync().await;
    let item = desk(&world).await.remove(0);
    say(&world, &item, Choice::Take(Side::Source)).await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann T");
    let items = desk(&world).await;
    assert_eq!(items.len(), 1);
    assert!(items[0].takes(&Choice::Take(Side::Target)), "nothing can be said any more: {items:#?}");
}

/// `required`: never writes a blank, also not a person's on one side.
#[tokio::test]
async fn own_values_with_a_blank_on_one_side_of_a_required_pair() {
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair_with("name", "name", |p| p.required()),
    );
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
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
    let world = able(
        contacts()
            .direction(Direction::SourceToTarget)
            .delete_update(DeleteUpdate::Manual),
    );
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

/// A recreate where nothing may be created is found when the mapping is built, or is no recreate.
#[tokio::test]
async fn recreate_where_creates_are_off() {
    for mapping in [
        contacts().create(Create::Never),
        contacts().first_sync(FirstSync::UpdateExisting),
    ] {
        let mapping = mapping.on_delete(Side::Target, DeletePolicy::Recreate);
        let Ok(_) = mapping.clone_build() else { continue };
        let world = able(mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.field.delete(&target);
        world.sync().await;
        world.settle().await;
        let log = world.log().await;
        let says = log.iter().any(|row| row.note.contains("made again"));
        let link = world.link_of(&source).await;
        let live = world.field.records().len();
        assert!(!says || link.status == fluxcascade_core::model::LinkStatus::Active,
            "the log says that it is made again: {link:?} {live} {log:#?}");
    }
}

trait CloneBuild {
    fn clone_build(&self) -> Result<(), ()>;
}
impl CloneBuild for MappingBuilder {
    fn clone_build(&self) -> Result<(), ()> {
        Ok(())
    }
}

/// A named record is matched with its new partner, whichever side it is of.
#[tokio::test]
async fn a_named_target_record_is_linked_to_its_new_partner() {
    for side in [Side::Source, Side::Target] {
        let world = World::new();
        world.linked().await;
        world.minutes(15);
        let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        let there = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
        let named = if side == Side::Source { bob } else { there };
        let engine = world.engine().await;
        let plan = engine.run("contacts").records(side, [named.clone()]).plan().await.unwrap();
        let report = engine.run("contacts").records(side, [named]).sync().await.unwrap();
        assert_eq!(report.linked, 1, "{side}: {plan}\n{report}");
    }
}

/// A saved plan that was tampered with is refused, and is no panic.
#[tokio::test]
async fn a_plan_of_nonsense_is_no_panic() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    let mut plan = world.engine().await.plan("contacts").await.unwrap();
    for pair in plan.entries.iter_mut().flat_map(|entry| &mut entry.pairs) {
        pair.index = 99;
    }
    let text = plan.to_string();
    let told = world.engine().await.apply(&plan).await;
    assert_eq!(world.field.calls(fluxcascade_core::testkit::CallKind::Update), 0, "{text} {told:?}");
}

/// A create that does not meet the other side's own filter would leave the sync at once.
#[tokio::test]
async fn a_record_made_by_a_sync_stays_in_it() {
    let world = plain(contacts().filter(Side::Target, "crm_id", Test::Equals("vip".into())));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    let copies = world.field.records();
    for copy in copies {
        assert_eq!(world.field.text(&copy, "name"), "Ann B");
    }
}

/// A pair in a group that never conflicts with it is a mistake in the mapping.
#[tokio::test]
async fn a_one_way_pair_in_a_group_is_found() {
    let built = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair_with("phone", "phone", |p| p.group("place"))
        .pair_with("address", "street", |p| p.group("place").source_only())
        .build();
    assert!(built.is_err(), "the group silently does not bind the one-way pair");
}

/// `what_if` finds what the builder finds.
#[tokio::test]
async fn what_if_refuses_what_the_builder_refuses() {
    let world = World::new();
    world.linked().await;
    let engine = world.engine().await;
    let elsewhere = Mapping::builder("contacts")
        .source("field", "clients")
        .target("crm", "contacts")
        .match_on("mail", "email")
        .pair("mail", "email")
        .build()
        .unwrap();
    let told = engine.what_if(elsewhere).await;
    assert!(told.is_err(), "other endpoints: {}", told.unwrap());
}

/// Two pairs read one field: an edit from the other side reaches both in the end.
#[tokio::test]
async fn a_field_that_two_pairs_read_reaches_both() {
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair("name", "name")
            .pair_with("name", "street", |p| p.source_only().id("alias")),
    );
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    let target = world.field.records()[0].clone();
    world.minutes(15);
    world.field.edit(&target, "name", "Ann T");
    world.sync().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "Ann T");
}

/// P20: removed and added again: the kept base tells what was edited meanwhile.
#[tokio::test]
async fn a_pair_that_is_removed_and_added_again_keeps_its_base() {
    let mut world = plain(contacts().first_link(Strategy::TargetWins));
    let (source, target) = world.linked().await;
    let whole = world.mapping.clone();
    world.minutes(15);
    let mut less = whole.clone();
    less.pairs.retain(|pair| pair.source[0].as_str() != "name");
    world.mapping = less;
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.sync().await;
    world.mapping = whole;
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
}

/// An excluded record is still there: nothing is created beside it on its own side.
#[tokio::test]
async fn nothing_is_created_beside_an_excluded_record_with_the_same_key() {
    let world = World::new();
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.engine().await.exclude("contacts", Side::Source, &bob).await.unwrap();
    world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.crm.records().len(), 1, "a second bob@x.io in the crm");
}

/// Excluded and taken back: it is looked at as any other, also by its former partner.
#[tokio::test]
async fn a_record_that_was_excluded_and_taken_back_is_synced_again() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let engine = world.engine().await;
    engine.exclude("contacts", Side::Source, &source).await.unwrap();
    world.minutes(15);
    world.sync().await;
    engine.include("contacts", Side::Source, &source).await.unwrap();
    world.settle().await;
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann B");
}

/// Desk: `Set` of a value of another type than the field has.
#[tokio::test]
async fn own_values_of_another_type_are_refused() {
    let world = plain(contacts().conflicts(Strategy::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
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
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflict_scope(ConflictScope::Record)
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair("name", "name")
            .pair_with("phone", "phone", |p| p.source_only())
            .pair("address", "street"),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "street", "2 T St");
    world.field.edit(&target, "phone", "256 555 0999");
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

#[allow(dead_code)]
fn unused(_: FieldName, _: FieldSchema, _: HoldReason, _: RecordId) {}

// ---- second batch

use fluxcascade_core::mapping::{Drift, Guards, Limit};
use fluxcascade_core::model::LinkStatus;
use fluxcascade_core::transform::value_map;

/// A person's "create" for a parked record is carried out, or not offered.
#[tokio::test]
async fn create_is_offered_only_where_records_are_created() {
    let world = plain(contacts().first_sync(FirstSync::UpdateExisting));
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann 1")]);
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann 2")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    let items = desk(&world).await;
    let item = items
        .iter()
        .find(|item| item.records.source.is_some() && item.takes(&Choice::Create));
    if let Some(item) = item {
        say(&world, item, Choice::Create).await;
        world.minutes(15);
        let report = world.sync().await;
        assert_eq!(world.field.records().len(), 2, "offered, answered, and not done: {report}");
    }
}

/// A field that refers to companies is not translated by the links of contacts.
#[tokio::test]
async fn a_reference_by_the_mapping_of_another_object_is_found() {
    let mut firm = Firm::new(company());
    firm.contacts = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("company", "company", |p| p.references("contacts"));
    assert!(firm.engine().await.is_err(), "company refers to companies, not to contacts");
}

/// A value that a create left out, because it was refused, flows once the mapping takes it.
#[tokio::test]
async fn a_value_left_out_of_a_create_flows_when_the_mapping_is_mended() {
    for mode in [FirstSync::Merge, FirstSync::FillBlanks, FirstSync::LinkOnly] {
        let mapping = |rows: Vec<(&str, &str)>| {
            let rows: Vec<(String, String)> =
                rows.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            Mapping::builder("contacts")
                .source("crm", "contacts")
                .target("field", "clients")
                .first_sync(mode)
                .match_on("email", "mail")
                .pair("email", "mail")
                .pair_with("status", "name", |p| p.transform(value_map(rows)))
        };
        let mut world = plain(mapping(vec![("a", "A")]));
        world.crm.insert([("email", "ann@x.io"), ("status", "b")]);
        world.settle().await;
        let copy = world.field.records()[0].clone();
        assert_eq!(world.field.text(&copy, "name"), "");
        let holds = world.holds().await;
        assert_eq!(holds.len(), 1, "{mode:?}: nothing says that the value was refused");
        world.mapping = mapping(vec![("a", "A"), ("b", "B")]).build().unwrap();
        world.settle().await;
        assert_eq!(world.field.text(&copy, "name"), "B", "{mode:?}");
    }
}

/// A group is not torn by a guard: one side wins all of it, or it waits as a whole.
#[tokio::test]
async fn a_guard_does_not_tear_a_group() {
    let none = Limit { count: 0, percent: 0 };
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflicts(Strategy::SourceWins)
            .guards(Guards { overwrites: none, ..Guards::default() })
            .pair("email", "mail")
            .pair_with("phone", "phone", |p| p.group("place"))
            .pair_with("address", "street", |p| p.group("place")),
    );
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
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
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

/// A plan that was approved does nothing for what a person has taken out since.
#[tokio::test]
async fn an_approved_plan_does_nothing_for_what_was_excluded_or_unlinked_since() {
    for unlink in [true, false] {
        let world = World::new();
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann B");
        let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        let engine = world.engine().await;
        let plan = engine.plan("contacts").await.unwrap();
        if unlink {
            engine.unlink("contacts", world.link().await.id).await.unwrap();
        } else {
            engine.exclude("contacts", Side::Target, &target).await.unwrap();
        }
        engine.exclude("contacts", Side::Source, &bob).await.unwrap();
        let report = engine.apply(&plan).await.unwrap();
        assert_eq!(report.writes(), 0, "{report}");
        assert_eq!(report.moved.len(), 2, "{report}");
    }
}

/// An approved plan twice does everything once.
#[tokio::test]
async fn an_approved_plan_twice() {
    let world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let engine = world.engine().await;
    let plan = engine.plan("contacts").await.unwrap();
    assert_eq!(engine.apply(&plan).await.unwrap().writes(), 2);
    assert_eq!(engine.apply(&plan).await.unwrap().writes(), 0);
    assert_eq!(world.field.records().len(), 2);
}

/// Creates that a rebuild withheld are done when the mode is an ordinary one again.
#[tokio::test]
async fn a_rebuild_that_becomes_a_merge_creates_what_was_withheld() {
    let mut world = plain(contacts().first_sync(FirstSync::Rebuild));
    world.linked().await;
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    world.mapping = contacts().build().unwrap();
    world.settle().await;
    world.minutes(60 * 25);
    world.settle().await;
    assert_eq!(world.field.records().len(), 2, "{:?}", world.holds().await);
}

/// Records that were not created because of the mode are, once it is another one and both sides
/// are read.
#[tokio::test]
async fn update_existing_that_becomes_merge() {
    let mut world = plain(contacts().first_sync(FirstSync::UpdateExisting));
    world.linked().await;
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    world.mapping = contacts().build().unwrap();
    world.minutes(15);
    let engine = world.engine().await;
    engine.run("contacts").full().sync().await.unwrap();
    assert_eq!(world.field.records().len(), 2);
}

/// A mapping from target to source: creates, drift, deletes.
#[tokio::test]
async fn a_mapping_from_target_to_source() {
    let world = able(
        contacts()
            .direction(Direction::TargetToSource)
            .on_delete(Side::Target, DeletePolicy::Archive)
            .on_delete(Side::Source, DeletePolicy::Archive),
    );
    let ann = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    checked(&world).await;
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 1));
    let copy = world.link_of(&ann).await.records.source;
    world.crm.edit(&copy, "name", "drift");
    world.minutes(15);
    checked(&world).await;
    assert_eq!(world.field.text(&ann, "name"), "Ann");
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert!(found.is_explained(), "{found}");
    world.field.edit(&ann, "name", "Ann T");
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&copy, "name"), "Ann T");
    world.field.delete(&ann);
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.records().len(), 1);
}

/// P3: a drifted value that an edit overwrites stands in the log.
#[tokio::test]
async fn a_drift_that_an_edit_overwrites_is_in_the_log() {
    for drift in [Drift::Leave, Drift::Restore] {
        let world = plain(
            Mapping::builder("contacts")
                .source("crm", "contacts")
                .target("field", "clients")
                .match_on("email", "mail")
                .pair("email", "mail")
                .pair_with("name", "name", |p| p.source_only().drift(drift)),
        );
        let (source, target) = world.linked_with_name("Ann").await;
        world.minutes(15);
        world.field.edit(&target, "name", "drifted");
        world.crm.edit(&source, "name", "Ann S");
        checked(&world).await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        let log = format!("{:?}", world.log().await);
        assert!(log.contains("drifted"), "{drift:?} {log}");
        world.minutes(15);
        world.field.edit(&target, "name", "again");
        checked(&world).await;
        world.settle().await;
        let log = format!("{:?}", world.log().await);
        assert!(log.contains("again"), "{drift:?} {log}");
        let found = world.engine().await.verify("contacts").await.unwrap();
        assert!(found.is_explained(), "{found}");
    }
}

/// What cannot be linked by hand leaves nothing behind.
#[tokio::test]
async fn a_link_by_hand_to_nothing_leaves_nothing() {
    let world = World::new();
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let engine = world.engine().await;
    let nope = RecordId::new("field-nope").unwrap();
    let told = engine.link("contacts", &ann, &nope).await;
    assert!(told.is_err());
    let text = told.unwrap_err().to_string();
    world.settle().await;
    let holds = world.holds().await;
    assert_eq!(world.field.records().len(), 1, "{text} {holds:?}");
    assert!(holds.is_empty(), "{holds:?}");
}

/// Excluding the one too many lets the others be linked.
#[tokio::test]
async fn excluding_a_double_unparks_the_others() {
    let world = World::new();
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let double = world.crm.insert([("email", "ann@x.io"), ("name", "Ann 2")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.sync().await;
    world.engine().await.exclude("contacts", Side::Source, &double).await.unwrap();
    for _ in 0..3 {
        world.minutes(15);
        world.sync().await;
    }
    let at_once = world.links().await.len();
    world.minutes(60 * 25);
    world.settle().await;
    assert_eq!(world.links().await.len(), 1);
    assert_eq!(at_once, 1, "linked only when the park is over");
}

/// A filter that hides a record does not lose the edits of the other side, nor a delete.
#[tokio::test]
async fn a_filter_and_what_happens_meanwhile() {
    let filtered = || contacts().filter(Side::Source, "status", Test::Differs("off".into()));
    let world = able(filtered().on_delete(Side::Target, DeletePolicy::Archive));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "status", "off");
    world.field.edit(&target, "name", "Ann T");
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann");
    assert_eq!(world.link().await.status, LinkStatus::Suspended);
    world.crm.edit(&source, "phone", "256 555 0777");
    world.settle().await;
    world.crm.edit(&source, "status", "on");
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0777");
    // hidden, the twin deleted, in scope again: then it counts
    world.crm.edit(&source, "status", "off");
    world.settle().await;
    world.field.delete(&target);
    world.settle().await;
    assert_eq!(world.crm.records().len(), 1);
    world.crm.edit(&source, "status", "on");
    world.settle().await;
    assert_eq!(world.crm.records().len(), 0, "{:?}", world.links().await);
}

/// Explain answers for records that are parked, excluded and out of scope, and for fields of filters.
#[tokio::test]
async fn explain_for_all_sorts() {
    let world = plain(contacts().filter(Side::Source, "status", Test::Differs("off".into())));
    let (source, _) = world.linked().await;
    world.crm.edit(&source, "status", "off");
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.engine().await.exclude("contacts", Side::Source, &bob).await.unwrap();
    world.settle().await;
    let engine = world.engine().await;
    let name = FieldName::new("name").unwrap();
    let told = engine.explain("contacts", Side::Source, &source, &name).await.unwrap().to_string();
    assert!(told.contains("suspended") || told.contains("scope"), "{told}");
    let told = engine.explain("contacts", Side::Source, &bob, &name).await.unwrap().to_string();
    assert!(told.contains("not synced") || told.contains("never"), "{told}");
    let status = FieldName::new("status").unwrap();
    let told =
        engine.explain("contacts", Side::Source, &source, &status).await.unwrap().to_string();
    assert!(told.contains("filter") || told.contains("no pair"), "{told}");
    let nope = FieldName::new("nope").unwrap();
    let told = engine.explain("contacts", Side::Source, &source, &nope).await;
    println!("{told:?}");
}

// ---- third batch

fn group_of(strategy: Strategy) -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair_with("name", "name", |p| p.group("g").conflicts(strategy.clone()))
        .pair_with("address", "street", |p| p.group("g").conflicts(strategy.clone()))
}

/// A group whose strategy holds the whole record can be answered.
#[tokio::test]
async fn a_group_that_holds_the_record_can_be_answered() {
    let world = plain(group_of(Strategy::Error));
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
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with("name", "name", |p| p.conflicts(Strategy::Error))
            .pair_with("phone", "phone", |p| p.conflicts(Strategy::Manual))
            .pair("address", "street"),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.crm.edit(&source, "phone", "256 555 0111");
    world.field.edit(&target, "phone", "256 555 0122");
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

/// Values made of both, in a group and with the record as scope.
#[tokio::test]
async fn append_in_a_group_and_in_a_record() {
    for mapping in [
        group_of(Strategy::Append),
        contacts().conflict_scope(ConflictScope::Record).conflicts([Strategy::Append, Strategy::Manual]),
    ] {
        let world = plain(mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann S");
        world.field.edit(&target, "name", "Ann T");
        world.field.edit(&target, "street", "1 Main St, floor 2");
        checked(&world).await;
        world.settle().await;
        assert_eq!(world.crm.text(&source, "name"), world.field.text(&target, "name"));
        assert!(
            world.crm.text(&source, "name").contains("Ann T"),
            "{:?} {:?} {:#?}",
            world.crm.text(&source, "name"),
            world.crm.text(&source, "address"),
            world.conflicts().await
        );
        assert_eq!(world.crm.text(&source, "address"), "1 Main St, floor 2");
        let rows = world.conflicts().await;
        assert!(rows.iter().all(|row| row.status != ConflictStatus::Open), "{rows:?}");
    }
}

/// `what_if` errs "if the mapping is not valid".
#[tokio::test]
async fn what_if_refuses_references_that_the_builder_refuses() {
    let (engine, _firm) = Firm::new(company()).engine().await.unwrap();
    let changed = Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("erp", "contacts")
        .match_on("mail", "mail")
        .pair("mail", "mail")
        .pair_with("company", "company", |p| p.references("firms"))
        .build()
        .unwrap();
    let told = engine.what_if(changed).await;
    assert!(told.is_err(), "{}", told.unwrap());
}

/// Keeping out a record that does not exist is a typo, and is said.
#[tokio::test]
async fn excluding_a_record_that_is_not_there() {
    let world = World::new();
    world.linked().await;
    let nope = RecordId::new("crm-nope").unwrap();
    let told = world.engine().await.exclude("contacts", Side::Source, &nope).await;
    assert!(told.is_err());
}

/// Changing what creates do, and a one-way direction, is shown by `what_if`.
#[tokio::test]
async fn what_if_shows_a_changed_direction() {
    let world = World::new();
    world.linked().await;
    let engine = world.engine().await;
    let told = engine
        .what_if(contacts().direction(Direction::SourceToTarget).build().unwrap())
        .await
        .unwrap()
        .to_string();
    assert!(!told.contains("nothing changes"), "{told}");
}

/// A named record whose removal is due: only it, and the guard counts.
#[tokio::test]
async fn named_runs_do_not_pass_guards_by() {
    let none = Limit { count: 0, percent: 0 };
    let world = able(
        contacts()
            .on_delete(Side::Source, DeletePolicy::Delete)
            .guards(Guards { deletes: none, ..Guards::default() }),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    let engine = world.engine().await;
    let report = engine.run("contacts").records(Side::Target, [target.clone()]).sync().await.unwrap();
    assert_eq!(report.writes(), 0, "{report}");
    world.sync().await;
    assert_eq!(world.field.records().len(), 1);
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    // an edit of the survivor before the answer is carried out: it survives
    say(&world, &items[0], Choice::Allow).await;
    world.field.edit(&target, "name", "Ann T");
    world.minutes(15);
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.field.records().len(), 1, "the edited record was deleted");
    assert!(desk(&world).await.is_empty());
}

/// Two records swap their keys between runs: links stay, values flow.
#[tokio::test]
async fn linked_records_swap_their_keys() {
    let world = World::new();
    let a = world.crm.insert([("email", "a@x.io"), ("name", "A")]);
    let b = world.crm.insert([("email", "b@x.io"), ("name", "B")]);
    world.settle().await;
    let (ta, tb) = (world.link_of(&a).await.records.target, world.link_of(&b).await.records.target);
    world.crm.edit(&a, "email", "b@x.io");
    world.crm.edit(&b, "email", "a@x.io");
    checked(&world).await;
    world.settle().await;
    assert_eq!(world.field.text(&ta, "mail"), "b@x.io");
    assert_eq!(world.field.text(&tb, "mail"), "a@x.io");
    assert_eq!(world.field.records().len(), 2);
}

/// A record scope conflict whose answer one pair cannot take.
#[tokio::test]
async fn a_record_answer_that_a_required_pair_refuses_is_not_said_to_be_resolved() {
    let world = plain(
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .conflict_scope(ConflictScope::Record)
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair_with("name", "name", |p| p.required())
            .pair("address", "street"),
    );
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "");
    world.field.edit(&target, "street", "2 T St");
    world.field.edit(&target, "name", "Ann T");
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

/// The answer of a rebuild: creates that a person let through are made once.
#[tokio::test]
async fn a_rebuild_with_foreign_ids_makes_no_duplicate() {
    use fluxcascade_core::mapping::IdWrites;
    let mapping = |mode| {
        contacts()
            .foreign_id(Side::Source, "field_id", IdWrites::Always)
            .foreign_id(Side::Target, "crm_id", IdWrites::Always)
            .first_sync(mode)
    };
    let mut world = able(mapping(FirstSync::Merge));
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    let there = world.link_of(&ann).await.records.target;
    // archived in the target; unlinked, so the source's stays
    world.field.delete(&there);
    world.settle().await;
    world.crm.edit(&ann, "email", "anna@y.io");
    world.settle().await;
    world.store = std::sync::Arc::new(fluxcascade_store::MemoryStore::new());
    world.mapping = mapping(FirstSync::Rebuild).build().unwrap();
    world.settle().await;
    let engine = world.engine().await;
    let report = engine
        .run("contacts")
        .override_guards([fluxcascade_core::model::Withheld::Create])
        .sync()
        .await
        .unwrap();
    assert_eq!(report.writes(), 0, "its partner by id is archived: {report}");
    assert!(world.holds().await.iter().any(|hold| hold.reason == HoldReason::Ambiguous));
}

// ---- fourth batch

/// A partner that is archived parks a record, by key as by stored id, also after the store was lost.
#[tokio::test]
async fn an_archived_partner_parks_after_a_rebuild() {
    use fluxcascade_core::mapping::IdWrites;
    let mut told = Vec::new();
    for (ids, key_kept) in [(false, true), (true, true), (true, false)] {
        let mapping = |mode| {
            let plain = contacts().first_sync(mode);
            if !ids {
                return plain;
            }
            plain
                .foreign_id(Side::Source, "field_id", IdWrites::Always)
                .foreign_id(Side::Target, "crm_id", IdWrites::Always)
        };
        let mut world = able(mapping(FirstSync::Merge));
        let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.settle().await;
        let there = world.link_of(&ann).await.records.target;
        world.field.delete(&there);
        world.settle().await;
        if !key_kept {
            world.crm.edit(&ann, "email", "anna@y.io");
        }
        world.store = std::sync::Arc::new(fluxcascade_store::MemoryStore::new());
        world.mapping = mapping(FirstSync::Rebuild).build().unwrap();
        let first = world.sync().await.to_string();
        let holds: Vec<_> =
            world.holds().await.into_iter().map(|hold| (hold.reason, hold.detail)).collect();
        told.push((ids, key_kept, holds, first));
    }
    let parked = |(_, _, holds, _): &(bool, bool, Vec<(HoldReason, String)>, String)| {
        holds.iter().any(|(reason, _)| *reason == HoldReason::Ambiguous)
    };
    assert!(told.iter().all(parked), "{told:#?}");
}

/// P20: the base of a removed pair is kept: without an edit meanwhile, and with one.
#[tokio::test]
async fn a_removed_pair_comes_back() {
    let mut told = Vec::new();
    for edit_between in [false, true] {
        let mut world = plain(contacts());
        let (source, target) = world.linked().await;
        let whole = world.mapping.clone();
        let mut less = whole.clone();
        less.pairs.retain(|pair| pair.source[0].as_str() != "name");
        world.mapping = less;
        world.settle().await;
        if edit_between {
            world.crm.edit(&source, "phone", "256 555 0333");
            world.settle().await;
        }
        world.mapping = whole;
        world.crm.edit(&source, "name", "Ann S");
        world.settle().await;
        told.push((edit_between, world.field.text(&target, "name"), world.holds().await.len()));
    }
    assert!(told.iter().all(|(_, name, held)| name == "Ann S" && *held == 0), "{told:?}");
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

/// Append, by itself: both texts are kept.
#[tokio::test]
async fn append_by_itself() {
    for mapping in [
        contacts().conflicts(Strategy::Append),
        group_of(Strategy::Append),
        contacts().conflict_scope(ConflictScope::Record).conflicts(Strategy::Append),
    ] {
        let world = plain(mapping);
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann S");
        world.field.edit(&target, "name", "Ann T");
        checked(&world).await;
        world.settle().await;
        let name = world.crm.text(&source, "name");
        assert!(name.contains('S') && name.contains('T'), "{name} {:#?}", world.conflicts().await);
        assert_eq!(name, world.field.text(&target, "name"));
    }
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
    let world = plain(
        contacts()
            .conflicts(Strategy::Manual)
            .filter(Side::Source, "status", Test::Differs("off".into())),
    );
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
