//! Archived records keep their match keys: nothing is created beside them, and they are nobody's
//! second.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Side;
use fluxcascade_core::mapping::{FirstSync, IdWrites, MappingBuilder};
use fluxcascade_core::model::{
    Choice, HoldReason, LinkStatus, RecordId, State, Values, Withheld, WorkKey,
};
use fluxcascade_store::MemoryStore;

use crate::scenario::able;
use crate::world::{World, contacts};

/// Both sides read whole, as when a sweep is due.
async fn swept(world: &World) {
    world.minutes(60 * 24 * 8);
    world.settle().await;
}

fn ids(mapping: MappingBuilder) -> MappingBuilder {
    mapping.foreign_id(Side::Source, "field_id", IdWrites::Always).foreign_id(
        Side::Target,
        "crm_id",
        IdWrites::Always,
    )
}

/// The store is lost, and the mapping links again by what the systems have.
async fn rebuilt(world: &mut World, mapping: MappingBuilder) {
    world.store = Arc::new(MemoryStore::new());
    world.mapping = mapping.first_sync(FirstSync::Rebuild).build().unwrap();
    world.settle().await;
    let engine = world.engine().await;
    let run = engine.run("contacts").override_guards([Withheld::Create]);
    assert_eq!(run.sync().await.unwrap().writes(), 0, "nothing is made beside an archived record");
}

/// A partner that was archived while it was linked, so that the other record stayed.
async fn with_archived_partner(mapping: MappingBuilder) -> (World, RecordId, RecordId) {
    let world = able(mapping);
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    let there = world.link_of(&ann).await.records.target;
    world.field.delete(&there);
    world.settle().await;
    (world, ann, there)
}

/// P6, P23: also after the store is lost nothing is made beside a partner that is archived, whether
/// it is known by its key or by the ids that are stored.
#[tokio::test]
async fn an_archived_partner_parks_its_record_after_a_rebuild() {
    for (with_ids, key_kept) in [(false, true), (true, true), (true, false)] {
        let mapping = || if with_ids { ids(contacts()) } else { contacts() };
        let (mut world, ann, there) = with_archived_partner(mapping()).await;
        if !key_kept {
            world.crm.edit(&ann, "email", "anna@y.io");
            world.settle().await;
        }
        rebuilt(&mut world, mapping()).await;
        let told = (with_ids, key_kept);
        let holds = world.holds().await;
        assert_eq!(holds.len(), 1, "{told:?}: {holds:?}");
        assert_eq!(holds[0].reason, HoldReason::Ambiguous, "{told:?}");
        assert_eq!(holds[0].candidates, [(Side::Target, there.clone())], "{told:?}");
        assert!(holds[0].detail.contains("is archived: restore that one"), "{}", holds[0].detail);
        world.field.restore(&there);
        world.settle().await;
        assert_eq!(world.link_of(&ann).await.records.target, there, "{told:?}");
        assert!(world.holds().await.is_empty(), "{told:?}");
    }
}

/// P8: what its partner's archiving left alone stays left alone, also when a sweep lists the
/// archived one again.
#[tokio::test]
async fn a_survivor_is_quiet_beside_its_archived_partner() {
    let (world, ann, _) = with_archived_partner(contacts()).await;
    for name in ["Anna", "Ann B"] {
        swept(&world).await;
        world.crm.edit(&ann, "name", name);
        world.settle().await;
        assert!(world.field.records().is_empty());
        assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    }
}

/// P8: a tombstoned record is free for one with a new id, before a sweep and after it.
#[tokio::test]
async fn a_survivor_is_linked_to_a_newcomer_beside_its_archived_partner() {
    for (with_ids, late) in [(false, false), (false, true), (true, false), (true, true)] {
        let mapping = if with_ids { ids(contacts()) } else { contacts() };
        let (world, ann, _) = with_archived_partner(mapping).await;
        if late {
            swept(&world).await;
        }
        let new = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
        world.settle().await;
        let link = world.link_of(&ann).await;
        assert_eq!(
            (link.status, &link.records.target),
            (LinkStatus::Active, &new),
            "{with_ids} {late}"
        );
        assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
        swept(&world).await;
        assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    }
}

/// P7: of a live record and an archived one with a key the live one is meant.
#[tokio::test]
async fn an_archived_duplicate_is_nobodys_second() {
    for listed_before in [false, true] {
        let world = able(contacts());
        let old = world.field.insert([("mail", "ann@x.io"), ("name", "Ann, once")]);
        world.field.insert([("mail", "bob@x.io")]);
        if !listed_before {
            world.field.delete(&old);
        }
        let live = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
        let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.settle().await;
        if listed_before {
            assert_eq!(world.holds().await[0].reason, HoldReason::Ambiguous);
            // The person who is asked archives one of the two.
            world.field.delete(&old);
            world.settle().await; // wakes the one that waits
            world.settle().await;
        }
        let link = world.link_of(&ann).await;
        assert_eq!((link.status, &link.records.target), (LinkStatus::Active, &live));
        assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    }
}

/// A record that is made anew where both were archived: a person says whether it is another.
#[tokio::test]
async fn a_person_says_that_a_newcomer_is_not_the_archived_one() {
    let (world, ann, there) = with_archived_partner(contacts()).await;
    world.crm.delete(&ann);
    world.settle().await;
    let new = world.crm.insert([("email", "ann@x.io"), ("name", "Ann II")]);
    world.settle().await;
    let hold = world.holds().await.remove(0);
    assert_eq!(
        (hold.reason, hold.candidates),
        (HoldReason::Ambiguous, vec![(Side::Target, there)])
    );
    world.answer_record(&new, Choice::Create).await;
    world.settle().await;
    assert_eq!(world.link_of(&new).await.status, LinkStatus::Active);
    assert_eq!(world.field.records().len(), 1);
    swept(&world).await;
    assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
}

/// An excluded record is still there: nothing is made beside it unless a person says so.
#[tokio::test]
async fn nothing_is_created_beside_an_excluded_record_with_the_same_key() {
    let world = able(contacts());
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.engine().await.exclude("contacts", Side::Source, &bob).await.unwrap();
    let other = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    assert_eq!(world.crm.records().len(), 1);
    let holds = world.holds().await;
    let hold = holds.iter().find(|hold| hold.reason == HoldReason::Ambiguous).unwrap();
    assert!(hold.detail.contains("excluded"), "{}", hold.detail);
    world.answer_record(&other, Choice::Create).await;
    world.settle().await;
    assert_eq!(world.crm.records().len(), 2);
}

/// P30: what an archived record held is for its keys alone, and is not stored.
#[tokio::test]
async fn the_values_of_an_archived_record_are_not_stored() {
    let world = able(contacts());
    let old = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.field.delete(&old);
    let engine = world.engine().await;
    engine.plan("contacts").await.unwrap();
    let key = engine.mapping_key(&world.mapping.name);
    let now = world.shared_clock().now();
    let lease = world.store.lease(&key, now, Duration::from_secs(60)).await.unwrap();
    let asked = [WorkKey::Record(Side::Target, old)];
    let work = world.store.gather(&lease, &asked).await.unwrap().remove(0);
    let seen = work.entries.target.unwrap().observation.unwrap();
    assert_eq!(seen.state, State::Archived(Values::default()));
    assert_eq!(work.candidates.len(), 1, "its keys are");
}
