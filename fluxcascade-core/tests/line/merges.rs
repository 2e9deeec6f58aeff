//! Two records are merged inside one system: the link follows the one that survives.

use fluxcascade_core::Side;
use fluxcascade_core::connector::DeleteSignal;
use fluxcascade_core::mapping::{Create, DeletePolicy, FirstSync};
use fluxcascade_core::model::{Choice, Ending, HoldReason, LinkStatus, LogKind, RecordId};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{MergeSignal, SimProfile};

use crate::deletes::able;
use crate::world::{World, contacts};

fn merging(merges: MergeSignal) -> World {
    let profile = || SimProfile { merges, ..able(DeleteSignal::Flag) };
    let mapping = contacts()
        .on_delete(Side::Source, DeletePolicy::Delete)
        .on_delete(Side::Target, DeletePolicy::Delete);
    World::with(profile(), profile(), mapping)
}

/// Links of two people, in order of the source records.
async fn two_links(world: &World) -> [(RecordId, RecordId); 2] {
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    let ann_there = world.link_of(&ann).await.records.target;
    let bob_there = world.link_of(&bob).await.records.target;
    [(ann, ann_there), (bob, bob_there)]
}

/// P8: a merge is never a delete.
#[tokio::test]
async fn a_link_follows_a_record_that_was_merged_into_an_unlinked_one() {
    for signal in [MergeSignal::Listed, MergeSignal::Fetched] {
        let world = merging(signal);
        let (source, target) = world.linked().await;
        let before = world.link().await;
        world.minutes(15);
        let other = world.crm.insert([("email", "a.n@x.io"), ("phone", "256 555 0199")]);
        world.crm.merge(&source, &other);
        world.minutes(25 * 60);
        world.settle().await;
        world.settle().await;
        let link = world.link_of(&other).await;
        assert_eq!((link.id, link.status), (before.id, LinkStatus::Active), "{signal:?}");
        assert_eq!(link.records.target, target);
        assert_eq!(world.field.text(&target, "mail"), "a.n@x.io", "{signal:?}");
        assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
        assert_eq!(world.field.records().len(), 1, "{signal:?}");
        let log = world.log().await;
        assert_eq!(log.iter().filter(|row| row.kind == LogKind::Follow).count(), 1);
        world.field.edit(&target, "name", "Anna");
        world.settle().await;
        assert_eq!(world.crm.text(&other, "name"), "Anna");
        assert!(world.holds().await.is_empty());
    }
}

#[tokio::test]
async fn a_chain_of_merges_is_followed_to_its_end() {
    let world = merging(MergeSignal::Listed);
    let (source, target) = world.linked().await;
    world.minutes(15);
    let second = world.crm.insert([("name", "second")]);
    let third = world.crm.insert([("name", "third")]);
    world.crm.merge(&source, &second);
    world.crm.merge(&second, &third);
    world.settle().await;
    assert_eq!(world.link_of(&third).await.records.target, target);
    assert_eq!(world.field.text(&target, "name"), "third");
}

/// P7: the survivor keeps its own link, and the other link waits for a person.
#[tokio::test]
async fn a_link_whose_record_was_merged_into_a_linked_one_is_parked() {
    let world = merging(MergeSignal::Listed);
    let [(ann, ann_there), (bob, bob_there)] = two_links(&world).await;
    world.minutes(15);
    world.crm.merge(&bob, &ann);
    world.field.edit(&bob_there, "name", "Bobby");
    world.settle().await;
    assert_eq!(world.link_of(&ann).await.records.target, ann_there);
    let parked = world.link_of(&bob).await;
    assert_eq!(parked.status, LinkStatus::Suspended);
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Ambiguous), "{holds:?}");
    assert_eq!(holds[0].candidates, [(Side::Source, ann.clone())]);
    assert_eq!(world.field.text(&bob_there, "name"), "Bobby");
    // The person merges the other two as well: nothing is left to decide.
    world.field.merge(&bob_there, &ann_there);
    world.settle().await;
    assert_eq!(world.link_of(&bob).await.ending, Some(Ending::BothDeleted));
    assert!(world.holds().await.is_empty());
    assert_eq!((world.crm.records(), world.field.records()), (vec![ann], vec![ann_there]));
}

#[tokio::test]
async fn a_person_says_what_becomes_of_a_parked_link() {
    for choice in [Choice::Leave, Choice::Create] {
        let world = merging(MergeSignal::Listed);
        let [(ann, _), (bob, bob_there)] = two_links(&world).await;
        world.minutes(15);
        world.crm.merge(&bob, &ann);
        world.settle().await;
        let desk = world.engine().await.desk("contacts").await.unwrap();
        let offered = [Choice::LinkTo(ann.clone()), Choice::Create, Choice::Leave];
        assert_eq!(desk.items[0].choices(), offered);
        assert!(desk.items[0].takes(&Choice::LinkTo(bob.clone())), "any record of that side");
        world.answer(choice.clone()).await;
        world.settle().await;
        let sources = if choice == Choice::Create { 2 } else { 1 };
        assert_eq!(world.crm.records().len(), sources, "{choice:?}");
        assert!(world.field.records().contains(&bob_there));
        assert!(world.holds().await.is_empty(), "{choice:?}");
    }
}

#[tokio::test]
async fn a_person_links_a_parked_link_to_another_record() {
    let profile = || able(DeleteSignal::Flag);
    let world = World::with(profile(), profile(), contacts().create(Create::ToSource));
    let ann_there = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    let bob_there = world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    let ann = world.link_of(&ann_there).await.records.source;
    let bob = world.link_of(&bob_there).await.records.source;
    world.crm.merge(&bob, &ann);
    world.settle().await;
    let other = world.crm.insert([("name", "Robert")]);
    world.answer(Choice::LinkTo(other.clone())).await;
    world.settle().await;
    let link = world.link_of(&other).await;
    assert_eq!((link.status, &link.records.target), (LinkStatus::Active, &bob_there));
    assert_eq!(world.crm.text(&other, "email"), "bob@x.io");
}

/// P7: of two links to one new record one follows it.
#[tokio::test]
async fn two_linked_records_that_are_merged_into_a_new_one_leave_one_link() {
    let world = merging(MergeSignal::Listed);
    let [(ann, _), (bob, _)] = two_links(&world).await;
    world.minutes(15);
    let made = world.crm.merge_into_new(&ann, &bob);
    world.settle().await;
    let links = world.links().await;
    let active: Vec<_> = links.iter().filter(|l| l.status == LinkStatus::Active).collect();
    assert_eq!(active.len(), 1, "{links:?}");
    assert_eq!(active[0].records.source, made);
    assert_eq!(world.holds().await[0].reason, HoldReason::Ambiguous);
    assert_eq!(world.field.records().len(), 2);
}

/// A loser without a link is dropped.
#[tokio::test]
async fn a_merge_of_an_unlinked_record_frees_its_key() {
    let world = merging(MergeSignal::Listed);
    let one = world.crm.insert([("email", "ann@x.io"), ("name", "one")]);
    let two = world.crm.insert([("email", "ann@x.io"), ("name", "two")]);
    let target = world.field.insert([("mail", "ann@x.io")]);
    world.settle().await;
    assert_eq!(world.holds().await.len(), 3);
    world.crm.merge(&one, &two);
    world.settle().await;
    assert_eq!(world.link().await.records.source, two);
    assert_eq!(world.link().await.records.target, target);
    assert!(world.holds().await.is_empty());
}

/// P8: a link that follows a merge was decided before: the mode of a first sync says nothing of a pair
/// that is seen for the first time then.
#[tokio::test]
async fn a_pair_that_is_shown_with_a_merge_is_not_taken_as_it_was_found() {
    let profile = || SimProfile { merges: MergeSignal::Listed, ..able(DeleteSignal::Flag) };
    let mapping = contacts().first_sync(FirstSync::LinkOnly).first_link(Strategy::SourceWins);
    let world = World::with(profile(), profile(), mapping);
    let values = |mail| [(mail, "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")];
    let source = world.crm.insert(values("email"));
    let target = world.field.insert(values("mail"));
    world.field.hide_field(&target, "phone");
    world.settle().await;
    world.minutes(15);
    let other = world.crm.insert([("email", "a.n@x.io"), ("phone", "256 555 0199")]);
    world.crm.merge(&source, &other);
    world.field.show_field(&target, "phone");
    world.field.edit(&target, "street", "2 Oak Ave");
    world.minutes(25 * 60);
    world.settle().await;
    assert_eq!(world.link().await.records.source, other);
    assert_eq!(world.crm.text(&other, "phone"), "256 555 0199");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
}
