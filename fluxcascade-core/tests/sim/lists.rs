//! What a simulated system's listing and look-up show, and when.

use fluxcascade_core::connector::{Capabilities, Consistency, Extensions, FieldTimesRequest};
use fluxcascade_core::connector::{Connector, ErrorKind, Position};
use fluxcascade_core::model::{Cursor, ObjectType, State};
use fluxcascade_core::testkit::{CallKind, SimProfile};
use futures::executor::block_on;

use crate::world::{World, ids, name, named, secs};

fn paged(page: usize) -> SimProfile {
    let capabilities = Capabilities { page, ..SimProfile::default().capabilities };
    SimProfile { capabilities, ..SimProfile::default() }
}

#[test]
fn each_read_is_as_late_as_its_own_lag() {
    let profile = SimProfile {
        list_lag: secs(20),
        find_lag: secs(10),
        fetch_lag: secs(5),
        capabilities: Capabilities {
            list: Consistency::Lagging(secs(20)),
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let world = World::new(profile);
    let ann = world.people(&["ann"]).remove(0);
    let seen = |world: &World| {
        let listed = world.pass(&Position::Start).0.len();
        (world.fetch(&ann) != State::Missing, world.find("ann@x.io").len(), listed)
    };
    assert_eq!(seen(&world), (false, 0, 0));
    world.wait(5);
    assert_eq!(seen(&world), (true, 0, 0));
    world.wait(5);
    assert_eq!(seen(&world), (true, 1, 0));
    world.wait(10);
    assert_eq!(seen(&world), (true, 1, 1));
}

#[test]
fn a_late_index_finds_no_record_that_holds_another_value_by_now() {
    let world = World::new(SimProfile { find_lag: secs(10), ..SimProfile::default() });
    let ann = world.people(&["ann"]).remove(0);
    world.wait(20);
    world.crm.edit(&ann, "email", "other@x.io");
    assert!(world.find("ann@x.io").is_empty());
    assert!(world.find("other@x.io").is_empty());
    world.wait(10);
    assert_eq!(world.find("OTHER@x.io"), [ann]);
}

/// P13: a search that shows so many rows is followed by another, also where more rows than that
/// have one time.
#[test]
fn a_result_cap_hides_no_row() {
    for cap in 1..=5 {
        for page in [1, 2, 100] {
            let world = World::new(SimProfile { result_cap: Some(cap), ..paged(page) });
            let mut all = world.people(&["a", "b"]);
            let together = (0..7).map(|n| world.crm.insert([("email", format!("p{n}@x.io"))]));
            all.extend(together);
            all.extend(world.people(&["c", "d", "e"]));
            let (seen, next) = world.pass(&Position::Start);
            let mut seen: Vec<_> = ids(&seen).into_iter().cloned().collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen, all, "cap {cap}, page {page}");
            world.wait(3600);
            let (_, next) = world.pass(&next);
            let late = world.people(&["f"]);
            assert_eq!(ids(&world.pass(&next).0), [&late[0]], "cap {cap}, page {page}");
        }
    }
}

#[test]
fn a_page_is_never_larger_than_declared_and_a_call_each() {
    let world = World::new(paged(2));
    world.people(&["a", "b", "c", "d", "e"]);
    let (seen, _) = world.pass(&Position::Start);
    assert_eq!((seen.len(), world.crm.calls(CallKind::Changes)), (5, 3));
}

#[test]
fn a_cursor_of_another_kind_is_a_position_that_is_lost() {
    let world = World::new(SimProfile::default());
    for text in ["", "7", r#"{"format":1}"#] {
        let position = Position::After(Cursor::new(text).unwrap());
        assert_eq!(world.page(position).unwrap_err().kind, ErrorKind::PositionLost, "{text:?}");
    }
}

/// P12
#[test]
fn a_clock_that_is_off_or_jumps_shows_in_versions_and_not_in_what_is_listed() {
    let world = World::new(SimProfile { clock_offset: -3600, ..SimProfile::default() });
    let ann = world.people(&["ann"]).remove(0);
    let modified = || {
        let State::Known { version, .. } = world.fetch(&ann) else { panic!("ann is there") };
        version.modified.unwrap().at.to_string()
    };
    assert_eq!(modified(), "2026-03-01T11:00:01Z");
    let (_, next) = world.pass(&Position::Start);
    world.crm.jump_clock(-60);
    world.crm.edit(&ann, "name", "Ann");
    assert_eq!(modified(), "2026-03-01T10:59:01Z");
    assert_eq!(world.pass(&next).0.len(), 1, "the look-back covers the jump");
    world.crm.jump_clock(-7200);
    world.crm.edit(&ann, "name", "Anne");
    assert_eq!(world.pass(&next).0.len(), 0, "a jump beyond it is for the next sweep");
    assert_eq!(world.pass(&Position::Start).0.len(), 1);
}

#[test]
fn order_numbers_grow_with_each_change_and_tags_change() {
    let capabilities =
        Capabilities { conditional_writes: true, ..SimProfile::default().capabilities };
    let profile = SimProfile { order_numbers: true, capabilities, ..SimProfile::default() };
    let world = World::new(profile);
    let ann = world.people(&["ann"]).remove(0);
    let version = || {
        let State::Known { version, .. } = world.fetch(&ann) else { panic!("ann is there") };
        version
    };
    let before = version();
    world.crm.edit(&ann, "name", "Ann"); // within the same step of the clock
    let after = version();
    assert!(after.is_newer_than(&before), "{before:?} {after:?}");
    assert_ne!(before.tag, after.tag);
}

#[test]
fn the_times_of_fields_are_those_of_their_own_changes() {
    let world = World::new(SimProfile { field_times: true, ..SimProfile::default() });
    let ann = world.people(&["ann"]).remove(0);
    world.wait(60);
    world.crm.edit(&ann, "name", "Ann");
    let Extensions { field_history: Some(history), .. } = world.crm.extensions() else {
        panic!("the profile has it")
    };
    let request = FieldTimesRequest {
        object: ObjectType::new("contacts").unwrap(),
        records: vec!["nobody".try_into().unwrap(), ann.clone()],
        fields: vec![name("name"), name("email")],
    };
    let times = block_on(history.field_times(request)).unwrap();
    assert_eq!(times[0], []);
    let times: Vec<_> = times[1].iter().map(|time| time.modified.at.to_string()).collect();
    assert_eq!(times, ["2026-03-01T12:01:01Z", "2026-03-01T12:00:01Z"]);
    let plain = World::new(SimProfile::default());
    assert!(plain.crm.extensions().field_history.is_none());
}

/// The states that a lag may still show are kept, and no others, but for one.
#[test]
fn many_edits_of_a_record_leave_one_row() {
    let world = World::new(SimProfile { list_lag: secs(3), ..SimProfile::default() });
    let ann = world.people(&["ann"]).remove(0);
    for n in 0..100 {
        world.wait(1);
        world.crm.edit(&ann, "name", format!("Ann {n}"));
    }
    let (seen, _) = world.pass(&Position::Start);
    let names: Vec<_> = seen.iter().map(|seen| named(&seen.state).unwrap()).collect();
    assert_eq!(names, ["Ann 96"]);
}
