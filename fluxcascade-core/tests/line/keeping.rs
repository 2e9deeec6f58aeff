//! P20, P30: a pair of which other things are kept from now on, in the same store or in another one.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::mapping::{BaseKeeping, OnChange, PairBuilder};
use fluxcascade_core::model::{LinkStatus, Side, Sides, Slot, Value};
use fluxcascade_core::store::{Store, export_links, import_links};
use fluxcascade_core::testkit::{CallKind, Fault};
use fluxcascade_core::transform::value_map;
use fluxcascade_store::MemoryStore;

use crate::kept::{keeping, kept};
use crate::scenario::{by_mail, plain};
use crate::world::{World, contacts};

/// How many values of bases are kept as they are, and by their fingerprints.
async fn stored(world: &World) -> (usize, usize) {
    let links = world.links().await;
    let slots = links.iter().flat_map(|link| link.bases.iter()).flat_map(|(_, base)| &base.slots);
    let values: Vec<&Value> = slots.filter_map(Slot::value).collect();
    let fingerprints = values.iter().filter(|value| value.is_kept()).count();
    (values.len() - fingerprints, fingerprints)
}

/// Nothing is written by the change alone, nothing is left behind, and no edit is lost; and so when it
/// is taken back.
#[tokio::test]
async fn a_pair_keeps_other_things_from_the_next_run_on() {
    let mut world = plain(contacts());
    let (source, target) = world.linked().await;
    world.settle().await;
    assert_eq!(stored(&world).await, (8, 0));
    let (values, prints) = (BaseKeeping::Values, BaseKeeping::Fingerprints);
    let changed = keeping(world.mapping.clone(), prints);
    let what_if = world.engine().await.what_if(changed).await.unwrap().to_string();
    assert!(what_if.contains("base: values becomes fingerprints"), "{what_if}");
    for (base, expected) in [(prints, (0, 8)), (values, (8, 0)), (prints, (0, 8))] {
        world.mapping = keeping(world.mapping, base);
        world.minutes(15);
        let report = world.sync().await;
        assert_eq!((report.writes(), report.conflicts_decided), (0, 0), "{base:?}: {report}");
        assert_eq!(stored(&world).await, expected, "{base:?}");
        world.settle().await;
        // One edit of each side, made before it changes again.
        world.minutes(15);
        world.crm.edit(&source, "name", format!("Ann {base:?}"));
        world.field.edit(&target, "street", format!("{base:?} St"));
        world.mapping = keeping(world.mapping, BaseKeeping::Values);
        world.minutes(15);
        let report = world.sync().await;
        assert_eq!((report.writes(), report.conflicts_decided), (2, 0), "{base:?}: {report}");
        assert_eq!(world.field.text(&target, "name"), format!("Ann {base:?}"));
        assert_eq!(world.crm.text(&source, "address"), format!("{base:?} St"));
        world.settle().await;
    }
}

/// The bases of records that no listing shows any more have values too.
#[tokio::test]
async fn values_of_links_that_rest_are_not_kept_either() {
    let mut world = plain(contacts());
    let (source, target) = world.linked().await;
    world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]); // so that its side is not empty
    world.settle().await;
    world.crm.hide(&source);
    world.sync().await;
    world.minutes(60 * 25);
    world.sync().await;
    assert_ne!(world.link_of(&source).await.status, LinkStatus::Active);
    assert_eq!(stored(&world).await, (16, 0));
    world.mapping = keeping(world.mapping, BaseKeeping::Fingerprints);
    world.minutes(15);
    world.sync().await;
    assert_eq!(stored(&world).await, (0, 16));
    world.field.edit(&target, "name", "Ann T");
    world.crm.show(&source);
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
    assert!(world.conflicts().await.is_empty());
}

/// The base of a pair that was taken out is kept for a time: a field whose values are not kept has
/// none in it.
#[tokio::test]
async fn the_base_of_a_pair_that_left_the_mapping_has_no_value_of_a_field_that_keeps_none() {
    let mut world = plain(by_mail().pair_with("name", "name", |p| p.id("called")));
    world.linked_with_name("Ann").await;
    world.settle().await;
    world.mapping = keeping(by_mail().pair("name", "name").build().unwrap(), BaseKeeping::Values);
    world.minutes(15);
    world.sync().await;
    let fingerprints = |pair: PairBuilder| pair.id("name").base(BaseKeeping::Fingerprints);
    world.mapping = by_mail().pair_with("name", "name", fingerprints).build().unwrap();
    world.minutes(15);
    world.sync().await;
    let link = world.link().await;
    let names = |side: Side| {
        let slots = link.bases[side].slots.iter().filter_map(Slot::value);
        slots.filter(|value| value.as_text() == Some("Ann")).count()
    };
    assert_eq!((names(Side::Source), names(Side::Target)), (0, 0), "{link:?}");
}

/// What is sent is decided anew when what the intent has is not known: a half that was stored with its
/// value is not sent as a fingerprint.
#[tokio::test]
async fn an_update_that_was_begun_with_values_is_settled_by_a_mapping_that_keeps_none() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        let mut world = plain(contacts());
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "phone", "256 555 0199");
        world.field.fail_next(CallKind::Update, fault);
        world.sync().await;
        world.mapping = keeping(world.mapping, BaseKeeping::Fingerprints);
        world.minutes(15);
        world.settle().await;
        assert_eq!(world.field.text(&target, "phone"), "256 555 0199", "{fault:?}");
        assert_eq!(world.crm.text(&source, "phone"), "256 555 0199", "{fault:?}");
        assert_eq!(stored(&world).await, (0, 8));
        assert!(world.conflicts().await.is_empty());
    }
}

/// A changed transform is counted, and carried out, on what is read.
#[tokio::test]
async fn a_changed_transform_is_decided_on_what_both_sides_show() {
    let titled = |titles: [(&'static str, &'static str); 2]| {
        by_mail().pair_with("name", "name", |p| {
            let pair = p.id("name").base(BaseKeeping::Fingerprints);
            pair.transform(value_map(titles)).on_change(OnChange::RewriteTarget)
        })
    };
    let mut world = plain(titled([("1", "one"), ("2", "two")]));
    world.crm.insert([("email", "p@x.io"), ("name", "1")]);
    let target = world.field.insert([("mail", "p@x.io"), ("name", "one")]);
    assert_eq!(world.sync().await.linked, 1);
    let changed = titled([("1", "uno"), ("2", "due")]).build().unwrap();
    let what_if = world.engine().await.what_if(changed.clone()).await.unwrap().to_string();
    assert!(what_if.contains("is seen in the next run"), "{what_if}");
    world.mapping = changed;
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!(report.retransformed, [("name".to_owned(), 1)], "{report}");
    assert_eq!(world.field.text(&target, "name"), "uno");
    world.settle().await;
}

/// Fingerprints are by a store's own key: in another store they are no bases, and what agrees is one
/// again.
#[tokio::test]
async fn links_that_move_to_another_store_agree_there_again() {
    let mut world = kept(contacts());
    let (source, target) = world.linked().await;
    world.settle().await;
    let mapping = world.engine().await.mapping_key(&world.mapping.name);
    let mut lines = Vec::new();
    export_links(world.store.as_ref(), &mapping, &mut lines).await.unwrap();
    let store = Arc::new(MemoryStore::new());
    let now = world.clock.now();
    let lease = store.lease(&mapping, now, Duration::from_secs(60)).await.unwrap();
    import_links(store.as_ref(), &lease, now, &mut Cursor::new(lines)).await.unwrap();
    store.release(&lease).await.unwrap();
    world.store = store;
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes(), report.conflicts_decided), (0, 0, 0), "{report}");
    assert_eq!(stored(&world).await, (0, 8));
    world.field.edit(&target, "name", "Ann T");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
    assert!(world.conflicts().await.is_empty());
}

/// P27: where no pair keeps fingerprints, a run costs what it did; where one does, a record that was
/// edited is read once more on each side, and a new one once.
#[tokio::test]
async fn a_record_whose_values_are_not_kept_is_read_before_it_is_decided() {
    for (base, edit, create) in [
        (BaseKeeping::Values, Sides::new(0, 1), Sides::new(0, 0)),
        (BaseKeeping::Fingerprints, Sides::new(1, 2), Sides::new(1, 0)),
    ] {
        let mut world = plain(contacts());
        world.mapping = keeping(world.mapping, base);
        let (source, _) = world.linked().await;
        world.settle().await;
        world.minutes(60);
        world.crm.edit(&source, "name", "Ann B");
        let report = world.sync().await;
        assert_eq!(report.sides.clone().map(|side| side.fetched), edit, "{base:?}: {report}");
        world.settle().await;
        world.minutes(60);
        world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        let report = world.sync().await;
        assert_eq!(report.sides.clone().map(|side| side.fetched), create, "{base:?}: {report}");
        assert_eq!(report.sides.target.created, 1);
    }
}
