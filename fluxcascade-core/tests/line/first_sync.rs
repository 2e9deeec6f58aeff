//! How records are treated that are found to be the same: the modes of a first sync.

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{FirstSync, MappingBuilder};
use fluxcascade_core::model::{Cause, Choice, HoldReason, Withheld};
use fluxcascade_core::testkit::SimProfile;

use crate::world::{World, contacts};

/// A pair of people with a blank and a difference, and a person on each side alone.
async fn synced(mode: FirstSync) -> World {
    let mapping: MappingBuilder = contacts().first_sync(mode).first_link(Strategy::SourceWins);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Anna")]);
    world.crm.insert([("email", "bob@x.io")]);
    world.field.insert([("mail", "eve@x.io")]);
    world.settle().await;
    world
}

#[tokio::test]
async fn each_mode_fills_overwrites_and_creates_as_it_says() {
    let cases = [
        (FirstSync::Merge, ("256 555 0100", "Ann"), (3, 3)),
        (FirstSync::LinkOnly, ("", "Anna"), (3, 3)),
        (FirstSync::FillBlanks, ("256 555 0100", "Anna"), (3, 3)),
        (FirstSync::UpdateExisting, ("256 555 0100", "Ann"), (2, 2)),
        (FirstSync::Rebuild, ("", "Anna"), (2, 2)),
    ];
    for (mode, (phone, name), counts) in cases {
        let world = synced(mode).await;
        let ann = &world.field.records()[0];
        assert_eq!(world.field.text(ann, "phone"), phone, "{mode:?}");
        assert_eq!(world.field.text(ann, "name"), name, "{mode:?}");
        let records = (world.crm.records().len(), world.field.records().len());
        assert_eq!(records, counts, "{mode:?}");
    }
}

/// P1: where both sides stay as they were found, the log says why they differ.
#[tokio::test]
async fn what_is_taken_as_found_is_in_the_log_and_later_edits_flow() {
    for mode in [FirstSync::LinkOnly, FirstSync::Rebuild, FirstSync::FillBlanks] {
        let world = synced(mode).await;
        let causes: Vec<Cause> = world
            .log()
            .await
            .into_iter()
            .flat_map(|row| row.pairs)
            .filter(|pair| pair.pair.as_str() == "name = name")
            .map(|pair| pair.cause)
            .collect();
        assert_eq!(causes, [Cause::TakenAsFound], "{mode:?}");
        let ann = world.crm.records()[0].clone();
        world.crm.edit(&ann, "name", "Annie");
        world.settle().await;
        assert_eq!(world.field.text(&world.field.records()[0], "name"), "Annie", "{mode:?}");
        assert!(world.conflicts().await.is_empty());
    }
}

/// P23: after a rebuild nothing is made until a person lets it through.
#[tokio::test]
async fn a_rebuild_creates_what_a_person_lets_through() {
    let world = synced(FirstSync::Rebuild).await;
    let holds = world.holds().await;
    assert_eq!(holds.len(), 2, "{holds:?}");
    assert!(holds.iter().all(|hold| hold.reason == HoldReason::Guard));
    assert!(holds.iter().all(|hold| hold.withheld == Some(Withheld::Create)));
    let bob = world.crm.records()[1].clone();
    world.answer_record(&bob, Choice::Allow).await;
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 3));
    assert_eq!(world.holds().await.len(), 1);
}
