//! The cursor, and where a next page begins.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_772_366_400 + seconds)
}

fn info(cursor: &str) -> PageInfo {
    PageInfo { has_next_page: true, end_cursor: Some(cursor.to_owned()) }
}

const LOOK_BACK: Duration = Duration::from_secs(300);

#[test]
fn a_cursor_is_read_as_it_was_written() {
    let mut place = Place::start();
    place.begin(Some(at(0)), LOOK_BACK, End::Begun);
    place.advance(Ordered::OldestFirst, &[at(-100)], info("MQ")).unwrap();
    let cursor = place.cursor().unwrap();
    assert_eq!(
        cursor.as_str(),
        r#"{"format":1,"phase":"full","mark":"2026-03-01T11:55:00Z","from":null,"to":null,"after":"MQ","newest":"2026-03-01T11:58:20Z"}"#
    );
    assert_eq!(Place::of(&Position::After(cursor)).unwrap(), place);
}

#[test]
fn a_cursor_of_another_format_is_refused() {
    for text in ["", "{}", "MQ", r#"{"format":2,"phase":"full"}"#] {
        let position = Position::After(Cursor::new(text).unwrap());
        assert_eq!(Place::of(&position).unwrap_err().kind, ErrorKind::PositionLost);
    }
}

#[test]
fn a_pass_takes_its_mark_from_the_first_answer_and_a_window_its_end() {
    let mut full = Place::start();
    full.begin(Some(at(0)), LOOK_BACK, End::Begun);
    full.begin(Some(at(60)), LOOK_BACK, End::Begun);
    assert_eq!((full.mark, full.to), (Some(at(-300)), None));

    let idle = full.finish(LOOK_BACK);
    let cursor = idle.cursor().unwrap();
    let mut window = Place::of(&Position::After(cursor)).unwrap();
    assert_eq!((window.phase, window.from, window.to), (Phase::Window, Some(at(-300)), None));
    window.begin(Some(at(600)), LOOK_BACK, End::Begun);
    assert_eq!((window.mark, window.to), (Some(at(300)), Some(at(600))));
}

#[test]
fn without_jobbers_clock_the_mark_is_the_newest_row_less_the_look_back() {
    let mut place = Place::start();
    place.begin(None, LOOK_BACK, End::Begun);
    place.advance(Ordered::OldestFirst, &[at(0), at(10)], info("x")).unwrap();
    let idle = place.finish(LOOK_BACK);
    assert_eq!(idle.mark, Some(at(-290)));

    let mut window = Place::of(&Position::After(idle.cursor().unwrap())).unwrap();
    window.begin(None, LOOK_BACK, End::Begun);
    assert_eq!(
        window.finish(LOOK_BACK).mark,
        Some(at(-290)),
        "an empty window goes on from itself"
    );

    let nothing = Place::start().finish(LOOK_BACK);
    let next = Place::of(&Position::After(nothing.cursor().unwrap())).unwrap();
    assert_eq!(next, Place::start(), "with neither rows nor clock, everything is read again");
}

#[test]
fn a_page_of_many_times_is_followed_by_time_one_second_back() {
    let mut place = Place::start();
    let rows: Vec<Timestamp> = (0..50).map(|n| at(10 * n)).collect();
    place.advance(Ordered::OldestFirst, &rows, info("x")).unwrap();
    assert_eq!((place.from, place.after.clone()), (Some(at(489)), None));
}

#[test]
fn a_page_of_one_time_is_followed_by_jobbers_cursor() {
    let mut place = Place::start();
    place.advance(Ordered::OldestFirst, &[at(0); 50], info("x")).unwrap();
    assert_eq!((place.from, place.after.as_deref()), (None, Some("x")));
    let mut place = Place { from: Some(at(-1)), ..Place::start() };
    let mut rows = vec![at(0); 30];
    rows.extend([at(1); 20]);
    place.advance(Ordered::OldestFirst, &rows, info("y")).unwrap();
    assert_eq!((place.from, place.after.as_deref()), (Some(at(-1)), Some("y")));
}

#[test]
fn what_does_not_come_in_the_order_of_its_times_is_followed_by_jobbers_cursor() {
    let mut place = Place::start();
    let rows: Vec<Timestamp> = (0..50).map(|n| at(-10 * n)).collect();
    place.advance(Ordered::Otherwise, &rows, info("x")).unwrap();
    assert_eq!((place.from, place.after.as_deref()), (None, Some("x")));
}

#[test]
fn more_without_a_place_to_go_on_is_an_error() {
    let mut place = Place { after: Some("x".to_owned()), ..Place::start() };
    assert_eq!(
        place.advance(Ordered::OldestFirst, &[], info("x")).unwrap_err().kind,
        ErrorKind::Protocol
    );
    let nowhere = PageInfo { has_next_page: true, end_cursor: None };
    assert_eq!(
        place.advance(Ordered::OldestFirst, &[], nowhere).unwrap_err().kind,
        ErrorKind::Protocol
    );
}
