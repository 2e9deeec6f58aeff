//! Records that wait for a person, what a person says of them, and keys that become free.

use fluxcascade_core::Side;
use fluxcascade_core::connector::{Capabilities, DeleteSignal};
use fluxcascade_core::mapping::{Create, PairBuilder};
use fluxcascade_core::model::{AnswerOutcome, Choice, HoldReason, RecordId};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::deletes::able;
use crate::world::{World, contacts};

/// Two records on the source with the key of one on the target.
async fn parked(profile: SimProfile) -> (World, [RecordId; 2], RecordId) {
    let world = World::with(profile.clone(), profile, contacts());
    let one = world.crm.insert([("email", "ann@x.io"), ("name", "one")]);
    let two = world.crm.insert([("email", "ann@x.io"), ("name", "two")]);
    let target = world.field.insert([("mail", "ann@x.io")]);
    world.settle().await;
    assert_eq!(world.holds().await.len(), 3);
    (world, [one, two], target)
}

#[tokio::test]
async fn a_person_says_which_record_is_the_same() {
    let (world, [one, two], target) = parked(SimProfile::default()).await;
    assert_eq!(
        world.answer_record(&two, Choice::LinkTo(target.clone())).await,
        AnswerOutcome::Stored
    );
    world.settle().await;
    assert_eq!(world.link().await.records.source, two);
    assert_eq!(world.field.text(&target, "name"), "two");
    let holds = world.holds().await;
    assert_eq!(holds.len(), 1, "{holds:?}");
    assert_eq!(world.field.records().len(), 1, "{one} is not created beside it");
    // A partner that is taken is no partner: the question is asked again.
    world.answer_record(&one, Choice::LinkTo(target)).await;
    world.settle().await;
    let holds = world.holds().await;
    assert!(holds[0].detail.contains("is linked already"), "{holds:?}");
    assert_eq!(holds[0].answer, None);
}

#[tokio::test]
async fn a_person_says_that_a_record_is_another_one() {
    let (world, [one, _], target) = parked(SimProfile::default()).await;
    world.answer_record(&one, Choice::Create).await;
    world.settle().await;
    let link = world.link_of(&one).await;
    assert_ne!(link.records.target, target);
    assert_eq!(world.field.text(&link.records.target, "name"), "one");
    assert_eq!(world.field.records().len(), 2);
}

/// P7: a record that is left out for good leaves its key to the others.
#[tokio::test]
async fn a_person_says_that_a_record_is_never_matched() {
    let (world, [one, two], target) = parked(SimProfile::default()).await;
    world.answer_record(&one, Choice::Never).await;
    world.sync().await;
    world.minutes(25 * 60);
    world.settle().await;
    let link = world.link().await;
    assert_eq!((&link.records.source, &link.records.target), (&two, &target));
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Excluded), "{holds:?}");
    world.crm.edit(&one, "name", "again");
    world.crm.edit(&one, "email", "own@x.io");
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
}

/// A deleted duplicate frees the key, however the delete shows.
#[tokio::test]
async fn a_deleted_duplicate_frees_its_key() {
    for signal in [DeleteSignal::Feed, DeleteSignal::Absence] {
        let (world, [one, two], target) = parked(able(signal)).await;
        world.crm.delete(&one);
        world.minutes(if signal == DeleteSignal::Absence { 25 * 60 } else { 15 });
        world.sync().await;
        world.settle().await;
        let link = world.link().await;
        assert_eq!((&link.records.source, &link.records.target), (&two, &target), "{signal:?}");
        assert!(world.holds().await.is_empty(), "{signal:?}");
    }
}

/// Nothing is created beside a partner that is archived.
#[tokio::test]
async fn a_record_whose_partner_is_archived_is_parked_with_it() {
    let world = World::with(
        able(DeleteSignal::Flag),
        able(DeleteSignal::Flag),
        contacts().create(Create::ToTarget),
    );
    let target = world.field.insert([("mail", "ann@x.io")]);
    world.settle().await;
    world.field.delete(&target);
    world.settle().await;
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.candidates, [(Side::Target, target.clone())]);
    assert!(world.field.records().is_empty());
    world.field.restore(&target);
    world.settle().await;
    assert_eq!(world.link().await.records.source, source);
    assert!(world.holds().await.is_empty());
}

/// P4: a field that is not shown is not taken for a blank.
#[tokio::test]
pub(crate) async fn a_record_whose_required_field_is_not_shown_is_not_created() {
    let mapping = contacts().pair_with("status", "crm_id", PairBuilder::required);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let source = world.crm.insert([("email", "ann@x.io"), ("status", "lead")]);
    world.crm.hide_field(&source, "status");
    world.settle().await;
    assert!(world.field.records().is_empty());
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.reason, HoldReason::Invalid);
    assert!(hold.detail.contains("its value is not shown"), "{}", hold.detail);
    world.crm.show_field(&source, "status");
    world.crm.edit(&source, "name", "Ann");
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
}

/// A create without an answer, of a system that can tell nothing about it.
async fn unknown(fault: Fault) -> (World, RecordId) {
    let mapping = contacts().create(Create::ToTarget);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let source = world.crm.insert([("name", "no key"), ("phone", "256 555 0100")]);
    world.field.fail_next(CallKind::Create, fault);
    world.sync().await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.holds().await[0].reason, HoldReason::UnknownOutcome);
    (world, source)
}

/// P6 (e): what cannot be found out, a person says.
#[tokio::test]
async fn a_person_says_which_record_a_create_made() {
    let (world, source) = unknown(Fault::AnswerLost).await;
    let made = world.field.records()[0].clone();
    world.answer_record(&source, Choice::LinkTo(made.clone())).await;
    world.settle().await;
    let link = world.link().await;
    assert_eq!((&link.records.source, &link.records.target), (&source, &made));
    assert!(world.holds().await.is_empty());
    assert_eq!(world.engine().await.counts("contacts").await.unwrap().operations, 0);
}

#[tokio::test]
async fn a_person_says_that_a_create_made_nothing() {
    let (world, source) = unknown(Fault::RequestLost).await;
    world.answer_record(&source, Choice::NotMade).await;
    world.settle().await;
    assert_eq!((world.field.records().len(), world.links().await.len()), (1, 1));
}

#[tokio::test]
async fn a_person_leaves_a_create_and_it_is_made_when_the_record_is_edited() {
    let (world, source) = unknown(Fault::RequestLost).await;
    world.answer_record(&source, Choice::Leave).await;
    world.settle().await;
    world.minutes(25 * 60);
    world.settle().await;
    assert!(world.field.records().is_empty());
    world.crm.edit(&source, "name", "edited");
    world.settle().await;
    assert_eq!(world.field.records().len(), 1);
    assert!(world.holds().await.is_empty());
}

/// P8: what a create made for a record that was deleted meanwhile is no new record.
#[tokio::test]
async fn a_create_whose_origin_is_deleted_before_its_answer_is_known_makes_no_new_record() {
    let profile = able(DeleteSignal::Flag);
    let capabilities = Capabilities { refuses_duplicates: false, ..profile.capabilities.clone() };
    let profile = SimProfile { capabilities, ..profile };
    let world = World::with(profile.clone(), profile, contacts());
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.sync().await;
    world.crm.delete(&source);
    world.settle().await;
    assert!(world.crm.records().is_empty());
    assert_eq!(world.field.records().len(), 1);
    assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    assert_eq!(world.engine().await.counts("contacts").await.unwrap().operations, 0);
}
