//! What people do to a simulated system, and how it shows by the profile's signals.

use fluxcascade_core::connector::{Capabilities, DeleteSignal, Position};
use fluxcascade_core::model::{RecordId, State};
use fluxcascade_core::testkit::{EventFault, EventKind, MergeSignal, SimProfile};

use crate::world::{World, ids, named};

fn with(deletes: DeleteSignal, merges: MergeSignal) -> World {
    let capabilities = Capabilities { deletes, ..SimProfile::default().capabilities };
    World::new(SimProfile { capabilities, merges, ..SimProfile::default() })
}

/// What the changes since then say of a record, and what a read by id does.
fn signs(world: &World, since: &Position, record: &RecordId) -> (Option<State>, State) {
    let (seen, _) = world.pass(since);
    let listed = seen.into_iter().find(|seen| seen.record == *record).map(|seen| seen.state);
    (listed, world.fetch(record))
}

#[test]
fn a_delete_shows_as_the_profile_says_and_a_restored_record_has_its_old_id_and_values() {
    let table = [
        (DeleteSignal::Absence, (None, "missing")),
        (DeleteSignal::Flag, (Some("archived"), "archived")),
        (DeleteSignal::Feed, (Some("deleted"), "missing")),
    ];
    for (signal, expected) in table {
        let world = with(signal, MergeSignal::Listed);
        let ann = world.people(&["ann"]).remove(0);
        let (_, next) = world.pass(&Position::Start);
        world.crm.delete(&ann);
        let (listed, fetched) = signs(&world, &next, &ann);
        assert_eq!((listed.as_ref().map(State::word), fetched.word()), expected, "{signal:?}");
        if let State::Archived(values) = fetched {
            assert_eq!(values[1].value(), Some(&"ann".into()));
        }
        assert!(world.crm.records().is_empty() && world.find("ann@x.io").is_empty());
        world.crm.edit(&ann, "name", "nobody edits what is gone");
        world.crm.restore(&ann);
        let (listed, fetched) = signs(&world, &next, &ann);
        assert_eq!(named(&listed.unwrap()), Ok("ann".into()), "{signal:?}");
        assert_eq!(named(&fetched), Ok("ann".into()), "{signal:?}");
    }
}

#[test]
fn what_is_erased_cannot_be_restored_and_only_a_feed_tells() {
    for signal in [DeleteSignal::Absence, DeleteSignal::Flag, DeleteSignal::Feed] {
        let world = with(signal, MergeSignal::Listed);
        let ann = world.people(&["ann"]).remove(0);
        world.crm.erase(&ann);
        world.crm.restore(&ann);
        let (listed, fetched) = signs(&world, &Position::Start, &ann);
        assert_eq!(listed.is_some(), signal == DeleteSignal::Feed, "{signal:?}");
        assert_eq!(fetched, State::Missing, "{signal:?}");
    }
}

#[test]
fn a_merge_shows_as_the_profile_says_and_the_survivor_is_filled() {
    for signal in [MergeSignal::Listed, MergeSignal::Fetched, MergeSignal::Unsaid] {
        let world = with(DeleteSignal::Flag, signal);
        let people = world.people(&["ann", "bob"]);
        world.crm.edit(&people[1], "name", "");
        let (_, next) = world.pass(&Position::Start);
        world.crm.merge(&people[0], &people[1]);
        let into = "merged into another record";
        let expected = match signal {
            MergeSignal::Listed => (Some(into), into),
            MergeSignal::Fetched => (None, into),
            MergeSignal::Unsaid => (Some("archived"), "archived"),
        };
        let (listed, fetched) = signs(&world, &next, &people[0]);
        let listed = listed.filter(|state| named(state).is_err());
        assert_eq!((listed.as_ref().map(State::word), fetched.word()), expected, "{signal:?}");
        if let State::MergedInto(survivor) = fetched {
            assert_eq!(survivor, people[1]);
        }
        assert_eq!(world.crm.text(&people[1], "name"), "ann");
        assert_eq!(world.crm.text(&people[1], "email"), "bob@x.io");
    }
}

#[test]
fn two_merged_into_a_new_record_lead_to_where_that_lives_now() {
    let world = with(DeleteSignal::Flag, MergeSignal::Listed);
    let people = world.people(&["ann", "bob", "cid"]);
    let made = world.crm.merge_into_new(&people[0], &people[1]);
    assert_eq!(world.fetch(&people[0]), State::MergedInto(made.clone()));
    assert_eq!(world.crm.text(&made, "email"), "ann@x.io");
    world.crm.merge(&made, &people[2]);
    assert_eq!(world.fetch(&people[1]), State::MergedInto(people[2].clone()));
    assert_eq!(world.crm.records(), [people[2].clone()]);
}

#[test]
fn a_hidden_record_is_out_of_scope_by_id_and_nowhere_else_until_it_is_shown() {
    let world = World::new(SimProfile::default());
    let ann = world.people(&["ann"]).remove(0);
    let (_, next) = world.pass(&Position::Start);
    world.crm.hide(&ann);
    assert_eq!(signs(&world, &next, &ann), (None, State::OutOfScope));
    assert!(world.find("ann@x.io").is_empty());
    world.wait(3600);
    let (_, next) = world.pass(&next);
    world.crm.show(&ann);
    let (listed, fetched) = signs(&world, &next, &ann);
    assert_eq!((named(&listed.unwrap()), named(&fetched)), (Ok("ann".into()), Ok("ann".into())));
}

#[test]
fn a_garbled_record_is_unreadable_until_it_is_mended() {
    let world = World::new(SimProfile::default());
    let ann = world.people(&["ann"]).remove(0);
    world.crm.garble(&ann);
    let (listed, fetched) = signs(&world, &Position::Start, &ann);
    assert_eq!((named(&listed.unwrap()), named(&fetched)), {
        let unreadable = || Err("unreadable".to_owned());
        (unreadable(), unreadable())
    });
    world.crm.mend(&ann);
    assert_eq!(named(&world.fetch(&ann)), Ok("ann".into()));
}

#[test]
fn a_hidden_field_is_absent_and_not_blank() {
    let world = World::new(SimProfile::default());
    let people = world.people(&["ann", "bob"]);
    world.crm.hide_field(&people[0], "name");
    let (seen, _) = world.pass(&Position::Start);
    let absent: Vec<bool> = seen.iter().map(|seen| seen.values().unwrap()[1].is_absent()).collect();
    assert_eq!(absent, [true, false]);
    world.crm.show_field(&people[0], "name");
    assert_eq!(named(&world.fetch(&people[0])), Ok("ann".into()));
}

/// P16
#[test]
fn events_come_once_in_order_unless_they_are_made_to_go_wrong() {
    use EventKind::{Changed, Created, Deleted, Merged, Restored};
    let world = World::new(SimProfile::default());
    world.people(&["before anybody listens"]);
    world.crm.listen();
    let people = world.people(&["ann", "bob"]);
    let kinds = || world.crm.take_events().iter().map(|event| event.kind).collect::<Vec<_>>();
    assert_eq!(kinds(), [Created, Created]);
    world.crm.delete(&people[0]);
    world.crm.restore(&people[0]);
    world.crm.merge(&people[0], &people[1]);
    let events = world.crm.take_events();
    let about: Vec<_> = events.iter().map(|event| (&event.record, event.kind)).collect();
    let (ann, bob) = (&people[0], &people[1]);
    assert_eq!(about, [(ann, Deleted), (ann, Restored), (bob, Changed), (ann, Merged)]);
    for (fault, expected) in [
        (EventFault::Repeated, vec![Deleted, Restored, Deleted, Restored]),
        (EventFault::Reordered, vec![Restored, Deleted]),
        (EventFault::Dropped, vec![Deleted]),
    ] {
        world.crm.delete(bob);
        world.crm.restore(bob);
        world.crm.fail_next_events(fault);
        assert_eq!(kinds(), expected, "{fault:?}");
        assert!(kinds().is_empty());
    }
}

#[test]
fn another_account_has_the_same_records() {
    use fluxcascade_core::Reader;
    use futures::executor::block_on;
    let world = World::new(SimProfile::default());
    let people = world.people(&["ann"]);
    let before = block_on(world.crm.account()).unwrap();
    world.crm.switch_account("somebody-elses");
    let after = block_on(world.crm.account()).unwrap();
    assert_ne!(before.id, after.id);
    assert_eq!(ids(&world.pass(&Position::Start).0), [&people[0]]);
}
