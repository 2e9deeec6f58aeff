//! P20: the base of a pair that left the mapping is kept for the retention time.

use fluxcascade_core::Strategy;
use fluxcascade_core::engine::Change;
use fluxcascade_core::mapping::{DeletePolicy, Mapping, MappingBuilder};
use fluxcascade_core::model::{Choice, ConflictKind, HoldReason, RecordId, Side, Sides, Value};
use fluxcascade_core::testkit::{CallKind, Fault};

use crate::scenario::{able, by_mail, checked, desk, edited, plain, say};
use crate::world::{World, contacts};

/// The mapping without the pairs of these source fields.
fn without(mapping: &Mapping, fields: &[&str]) -> Mapping {
    let mut less = mapping.clone();
    less.pairs.retain(|pair| !fields.contains(&pair.source[0].as_str()));
    less
}

/// Two agreed records, and a mapping that has let go of their names.
async fn without_names(mapping: MappingBuilder) -> (World, Mapping, RecordId, RecordId) {
    let mut world = plain(mapping);
    let (source, target) = world.linked().await;
    let whole = world.mapping.clone();
    world.mapping = without(&whole, &["name"]);
    world.settle().await;
    (world, whole, source, target)
}

fn names(world: &World, source: &RecordId, target: &RecordId) -> (String, String) {
    (world.crm.text(source, "name"), world.field.text(target, "name"))
}

/// What was edited on one side flows, whoever would win a first link.
#[tokio::test]
pub(crate) async fn what_was_edited_while_a_pair_was_removed_flows_when_it_is_put_back() {
    for (edited, first_link) in
        [(Side::Source, Strategy::TargetWins), (Side::Target, Strategy::SourceWins)]
    {
        for between in [None, Some("256 555 0333")] {
            let mapping = contacts().first_link(first_link.clone());
            let (mut world, whole, source, target) = without_names(mapping).await;
            match edited {
                Side::Source => world.crm.edit(&source, "name", "Ann B"),
                Side::Target => world.field.edit(&target, "name", "Ann B"),
            }
            if let Some(phone) = between {
                world.crm.edit(&source, "phone", phone);
            }
            world.settle().await;
            assert_ne!(world.crm.text(&source, "name"), world.field.text(&target, "name"));
            world.mapping = whole;
            world.minutes(15);
            checked(&world).await;
            let both = ("Ann B".to_owned(), "Ann B".to_owned());
            assert_eq!(names(&world, &source, &target), both, "{edited} {between:?}");
            world.settle().await;
            assert_eq!(names(&world, &source, &target), both, "{edited} {between:?}");
            assert!(world.holds().await.is_empty() && world.conflicts().await.is_empty());
        }
    }
}

/// The same with an edit that nobody has seen before the pair is back.
#[tokio::test]
async fn an_edit_that_no_run_saw_before_the_pair_was_put_back_flows() {
    let mapping = contacts().first_link(Strategy::TargetWins);
    let (mut world, whole, source, target) = without_names(mapping).await;
    world.mapping = whole;
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    assert_eq!(names(&world, &source, &target), ("Ann B".into(), "Ann B".into()));
    assert!(world.holds().await.is_empty());
}

/// While it is removed it decides nothing, and what nobody edited is no reason for a write.
#[tokio::test]
async fn a_removed_pair_has_no_effect_until_it_is_put_back() {
    let (mut world, whole, source, target) = without_names(contacts()).await;
    world.minutes(15);
    let report = checked(&world).await;
    assert_eq!(report.sides.as_ref().map(|side| side.fetched), Sides::new(0, 0), "{report}");
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.crm.edit(&source, "phone", "256 555 0333");
    world.minutes(15);
    assert_eq!(checked(&world).await.writes(), 1);
    world.settle().await;
    assert!(world.holds().await.is_empty() && world.conflicts().await.is_empty());
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert!(found.is_explained(), "{found}");
    world.crm.edit(&source, "name", "Ann");
    world.field.edit(&target, "name", "Ann");
    world.settle().await;
    world.mapping = whole;
    world.minutes(15);
    assert_eq!(checked(&world).await.writes(), 0);
    world.settle().await;
    assert!(world.conflicts().await.is_empty(), "both hold what they held");
}

/// Edits of both sides are a conflict, with what both held before.
#[tokio::test]
async fn edits_of_both_sides_while_a_pair_was_removed_are_a_conflict_with_the_old_base() {
    let mapping = contacts().conflicts(Strategy::Manual).first_link(Strategy::TargetWins);
    let (mut world, whole, source, target) = without_names(mapping).await;
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.settle().await;
    world.mapping = whole;
    world.settle().await;
    assert_eq!(names(&world, &source, &target), ("Ann S".into(), "Ann T".into()));
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Conflict));
    let rows = world.conflicts().await;
    let before = Some(vec![Value::from("Ann")]);
    assert_eq!((rows.len(), rows[0].kind), (1, ConflictKind::UpdateUpdate));
    assert_eq!(rows[0].base, Sides::new(before.clone(), before));
}

/// After the retention time it is a new pair: decided as if the records had just been linked.
#[tokio::test]
async fn a_pair_that_is_put_back_after_the_retention_time_is_decided_as_a_new_one() {
    for (days, expected) in [(89, "Ann S"), (91, "Ann")] {
        let mapping = contacts().first_link(Strategy::TargetWins);
        let (mut world, whole, source, target) = without_names(mapping).await;
        world.crm.edit(&source, "name", "Ann S");
        world.minutes(days * 24 * 60);
        world.mapping = whole;
        world.settle().await;
        let both = (expected.to_owned(), expected.to_owned());
        assert_eq!(names(&world, &source, &target), both, "{days} days");
    }
}

/// Whatever else is changed meanwhile: its base moves from revision to revision.
#[tokio::test]
async fn a_base_is_kept_through_other_changes_of_the_mapping() {
    let mapping = contacts().first_link(Strategy::TargetWins);
    let (mut world, whole, source, target) = without_names(mapping).await;
    world.mapping = without(&whole, &["name", "address"]);
    world.settle().await;
    world.crm.edit(&source, "phone", "256 555 0333");
    world.crm.edit(&source, "address", "2 Main St");
    world.settle().await;
    world.mapping.pairs.rotate_left(1);
    world.mapping.conflicts = Strategy::SourceWins.into();
    world.settle().await;
    world.mapping = without(&whole, &["name"]);
    world.crm.edit(&source, "name", "Ann S");
    world.settle().await;
    assert_eq!(names(&world, &source, &target), ("Ann S".into(), "Ann".into()));
    assert_eq!(world.field.text(&target, "street"), "2 Main St");
    world.mapping = whole;
    world.settle().await;
    assert_eq!(names(&world, &source, &target), ("Ann S".into(), "Ann S".into()));
    assert!(world.holds().await.is_empty() && world.conflicts().await.is_empty());
}

/// A pair under the id of one that is removed is another pair, and takes nothing from it.
#[tokio::test]
async fn the_id_of_a_removed_pair_may_be_used_for_other_fields() {
    let tied = |field: &'static str| {
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .first_link(Strategy::SourceWins)
            .conflicts(Strategy::Manual)
            .pair("email", "mail")
            .pair_with("name", field, |p| p.id("x"))
    };
    let mut world = plain(tied("name"));
    let (source, target) = world.linked().await;
    world.mapping = tied("street").build().unwrap();
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "Ann", "decided as a new pair");
    world.field.edit(&target, "name", "Ann T");
    world.settle().await;
    world.mapping = tied("name").build().unwrap();
    world.settle().await;
    assert_eq!(names(&world, &source, &target), ("Ann T".into(), "Ann T".into()));
    // The other one has its own base, too.
    world.field.edit(&target, "street", "Ann U");
    world.settle().await;
    world.mapping = tied("street").build().unwrap();
    world.settle().await;
    let rows = world.conflicts().await;
    let row = rows.iter().find(|row| row.kind == ConflictKind::UpdateUpdate).unwrap();
    assert_eq!(row.base, Sides::from_fn(|_| Some(vec![Value::from("Ann")])));
    let values = [&row.values.source, &row.values.target];
    assert_eq!(values, [&vec![Value::from("Ann T")], &vec![Value::from("Ann U")]]);
}

/// Records that were linked while it was removed have no base of it.
#[tokio::test]
async fn a_link_that_was_made_while_a_pair_was_removed_is_decided_as_new() {
    let mapping = contacts().first_link(Strategy::TargetWins);
    let (mut world, whole, ..) = without_names(mapping).await;
    let source = world.crm.insert([("email", "bob@x.io"), ("name", "Bob S")]);
    let target = world.field.insert([("mail", "bob@x.io"), ("name", "Bob T")]);
    world.settle().await;
    world.mapping = whole;
    world.settle().await;
    assert_eq!(names(&world, &source, &target), ("Bob T".into(), "Bob T".into()));
}

/// A record that was made again meanwhile never held the value: it is filled, and blanks nothing.
#[tokio::test]
async fn a_record_that_was_made_again_while_a_pair_was_removed_is_filled() {
    let mut world = able(contacts().on_delete(Side::Target, DeletePolicy::Recreate));
    let (source, target) = world.linked().await;
    let whole = world.mapping.clone();
    world.mapping = without(&whole, &["name"]);
    world.settle().await;
    world.field.delete(&target);
    world.settle().await;
    let again = world.link_of(&source).await.records.target;
    assert_ne!(again, target);
    world.mapping = whole;
    world.settle().await;
    assert_eq!(names(&world, &source, &again), ("Ann".into(), "Ann".into()));
}

/// `what_if` tells whose bases are kept, and what comes back with one.
#[tokio::test]
async fn what_if_tells_what_is_kept_what_comes_back_and_what_is_over() {
    let (world, whole, ..) = without_names(contacts()).await;
    let engine = world.engine().await;
    let less = world.mapping.clone();
    let what = engine.what_if(less.clone()).await.unwrap();
    assert!(what.pairs.is_empty() && !what.reads_whole, "{what}");
    let [kept] = what.kept.as_slice() else { panic!("{what}") };
    assert_eq!(kept.label, "name = name");
    let told = format!("put back before {}, it goes on from the base that it had", kept.until);
    assert!(what.to_string().contains(&told), "{what}");

    // Linked while it was removed: for this one it is new.
    world.crm.insert([("email", "bob@x.io")]);
    world.field.insert([("mail", "bob@x.io")]);
    world.settle().await;
    let what = engine.what_if(whole.clone()).await.unwrap();
    let told: Vec<_> = what.pairs.iter().map(|pair| (pair.change, pair.links)).collect();
    let returned = Change::Returned { since: kept.since };
    assert_eq!(told, [(returned, 1), (Change::New, 1)], "{what}");
    assert!(what.kept.is_empty() && what.reads_whole, "{what}");
    let words = what.to_string();
    assert!(words.contains("comes back with the base that 1 link kept of it"), "{words}");

    world.minutes(91 * 24 * 60);
    let what = engine.what_if(whole.clone()).await.unwrap();
    let told: Vec<_> = what.pairs.iter().map(|pair| (pair.change, pair.links)).collect();
    assert_eq!(told, [(Change::New, 2)], "{what}");
    let what = engine.what_if(without(&less, &["phone"])).await.unwrap();
    let told: Vec<_> = what.pairs.iter().map(|pair| pair.change).collect();
    assert_eq!(told, [Change::Removed, Change::Forgotten { since: kept.since }], "{what}");
    assert_eq!(what.kept.len(), 1, "{what}");
}

/// P3: whether a pair was written cannot be seen while the mapping has it not. Its base is what it
/// was before, so that when it is put back the write is repeated, or is found; an edit that was made
/// since is a conflict with what was sent.
#[tokio::test]
async fn a_write_that_settles_while_its_pair_is_retired_is_found_when_it_is_put_back() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        for edited in [false, true] {
            let mut world = plain(contacts().conflicts(Strategy::SourceWins));
            let (source, target) = world.linked().await;
            world.minutes(15);
            world.crm.edit(&source, "name", "Ann 1");
            world.field.fail_next(CallKind::Update, fault);
            world.sync().await;
            let whole = world.mapping.clone();
            world.mapping = without(&whole, &["name"]);
            world.settle().await;
            if edited {
                world.crm.edit(&source, "name", "Ann 2");
                world.settle().await;
            }
            let name = world.crm.text(&source, "name");
            world.mapping = whole;
            world.settle().await;
            let both = (name.clone(), name);
            assert_eq!(names(&world, &source, &target), both, "{fault:?} {edited}");
            let rows = world.conflicts().await;
            let losers: Vec<&str> =
                rows.iter().filter_map(|row| row.values.target[0].as_text()).collect();
            let clash = edited && matches!(fault, Fault::AnswerLost);
            assert_eq!(losers, if clash { vec!["Ann 1"] } else { vec![] }, "{fault:?} {edited}");
        }
    }
}

/// P1: an own value of a person that was written on one side and not on the other while its pair was
/// retired is decided when the pair is back.
#[tokio::test]
async fn own_values_of_which_a_half_was_lost_are_decided_when_their_pair_is_put_back() {
    for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::Unavailable] {
        let mapping = by_mail()
            .conflicts(Strategy::Manual)
            .first_link(Strategy::TargetWins)
            .pair("name", "name");
        let (mut world, source, target) =
            edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
        world.sync().await;
        let item = desk(&world).await.remove(0);
        let own = Choice::Set(Sides::from_fn(|_| vec!["Anna".into()]));
        say(&world, &item, own).await;
        world.crm.fail_next(CallKind::Update, fault);
        world.minutes(15);
        world.sync().await;
        let whole = world.mapping.clone();
        world.mapping = without(&whole, &["name"]);
        world.settle().await;
        world.settle().await;
        world.mapping = whole;
        world.settle().await;
        assert_eq!(names(&world, &source, &target), ("Anna".into(), "Anna".into()), "{fault:?}");
        assert!(world.holds().await.is_empty(), "{fault:?}");
    }
}
