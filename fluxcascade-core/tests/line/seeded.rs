//! The tests are tested: each known bug, put back, turns a test of its property red, and for each
//! property there is a bug that its tests alone catch.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};

use fluxcascade_core::seeded::{self, Bug};

/// A test by its name.
type Test = (&'static str, fn());

macro_rules! tests {
    ($($module:ident :: $test:ident),+ $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($test)), crate::$module::$test)),+]
    };
}

/// For each property, by its number, small tests that prove it.
const PROPERTIES: &[(u8, &[Test])] = &[
    (1, tests![properties::an_edit_that_waits_for_a_hidden_field_flows_when_it_shows]),
    (
        2,
        tests![
            properties::what_is_listed_again_is_not_taken_in,
            updates::a_run_after_a_write_is_quiet_and_costs_one_request_per_side,
            foreign_ids::ids_that_are_there_are_not_written,
        ],
    ),
    (
        3,
        tests![
            properties::an_edit_of_another_field_between_read_and_write_is_not_lost,
            conflicts::a_phone_changed_at_14_00_here_and_at_14_05_there_becomes_the_one_of_14_05,
            late::a_write_without_an_answer_is_settled_when_a_read_surely_shows_it,
            restart::a_write_without_an_answer_is_logged_when_its_pair_is_no_longer_in_the_mapping,
            updates::an_edit_made_on_the_target_between_pull_and_write_is_not_lost,
            updates::edits_of_different_fields_on_both_sides_are_merged_without_a_conflict,
        ],
    ),
    (
        4,
        tests![
            properties::a_field_that_is_not_shown_is_no_blank,
            parked::a_record_whose_required_field_is_not_shown_is_not_created,
            groups::a_group_of_which_a_field_is_not_shown_waits_until_it_is,
        ],
    ),
    (
        5,
        tests![
            properties::an_edit_by_hand_right_after_a_write_of_ours_is_no_echo,
            updates::a_stale_row_listed_after_our_own_write_changes_nothing,
            late::a_late_listing_of_a_record_of_which_a_pair_is_held_is_not_believed,
            late::a_late_read_by_id_of_a_record_of_which_a_pair_is_held_is_not_believed,
        ],
    ),
    (
        6,
        tests![
            failures::a_create_whose_answer_is_lost_is_linked_when_its_record_is_seen,
            failures::a_create_that_never_arrived_is_looked_for_and_then_sent_again,
            late::a_record_that_a_late_read_does_not_find_keeps_its_key,
            hidden::a_key_whose_field_is_not_shown_is_as_it_was,
            claims::a_create_that_another_mapping_claims_waits_for_its_answer,
            creates::records_that_share_a_key_are_parked_and_others_go_on,
        ],
    ),
    (
        7,
        tests![
            creates::a_newcomer_with_the_key_of_a_linked_record_is_parked,
            creates::records_that_share_a_key_are_parked_and_others_go_on,
        ],
    ),
    (
        8,
        tests![
            deletes::a_deleted_record_ends_its_link_and_the_other_stays,
            deletes::a_record_that_is_missing_for_less_than_the_grace_time_is_not_deleted,
            options::an_empty_full_read_of_a_side_that_had_records_stops_the_run,
        ],
    ),
    (
        9,
        tests![
            updates::edits_of_different_fields_on_both_sides_are_merged_without_a_conflict,
            properties::the_same_edit_on_both_sides_is_no_conflict,
            // In the end both sides are edited to the same.
            conflicts::a_manual_conflict_waits_while_other_fields_go_on,
        ],
    ),
    (10, tests![updates::a_one_way_pair_never_writes_its_origin]),
    (
        11,
        tests![
            properties::an_answer_is_not_carried_out_on_values_that_have_moved_since,
            conflicts::a_manual_conflict_waits_while_other_fields_go_on,
        ],
    ),
    (12, tests![properties::an_edit_in_the_minute_of_the_confirmed_version_flows]),
    (
        13,
        tests![
            properties::rows_of_one_time_on_several_pages_are_all_seen,
            properties::a_row_that_shows_late_is_seen_without_a_full_read,
            properties::a_cursor_does_not_pass_a_page_that_is_not_stored,
        ],
    ),
    (
        14,
        tests![
            failures::a_refused_field_is_held_and_the_others_are_written,
            guards::an_archive_that_fails_is_tried_later_each_time_and_then_waits_for_a_person,
        ],
    ),
    (
        15,
        tests![
            properties::the_report_tells_how_long_a_write_was_after_its_read,
            updates::an_edit_made_on_the_target_between_pull_and_write_is_not_lost,
        ],
    ),
    (16, tests![properties::hints_are_reasons_to_read_and_nothing_else]),
    (
        17,
        tests![
            restart::an_update_without_an_answer_is_settled_by_what_the_record_holds,
            properties::a_cursor_does_not_pass_a_page_that_is_not_stored,
        ],
    ),
    (18, tests![deletes::the_other_record_is_archived_when_it_is_let_through]),
    (
        19,
        tests![
            options::a_plan_leaves_everything_to_the_run,
            updates::a_dry_run_writes_nothing_and_says_what_the_run_then_does,
        ],
    ),
    (
        20,
        tests![
            config::a_pair_that_ties_other_fields_under_its_id_is_decided_as_a_new_one,
            retired::what_was_edited_while_a_pair_was_removed_flows_when_it_is_put_back,
        ],
    ),
    (21, tests![properties::the_same_edits_leave_the_same_trace]),
    (
        22,
        tests![
            properties::what_a_system_makes_of_a_value_is_not_written_back,
            updates::a_system_that_rewrites_values_is_written_once_and_then_quiet,
        ],
    ),
    (23, tests![guards::rebuilding_links_and_withholds_every_create]),
    (25, tests![references::a_reference_is_written_once_what_it_refers_to_is_linked]),
    (
        26,
        tests![
            updates::the_log_tells_each_write_with_before_after_and_why,
            verify::the_log_replayed_over_the_first_state_gives_the_last,
        ],
    ),
    (27, tests![properties::an_edit_costs_one_read_and_one_write]),
    (28, tests![verify::a_difference_that_nobody_can_explain_is_told_as_such]),
];

/// The property that a bug breaks.
fn broken_by(bug: Bug) -> u8 {
    match bug {
        Bug::FingerprintOfUndecided => 1,
        Bug::IdsWrittenAgain | Bug::NoFingerprint => 2,
        Bug::BaseIsWholeAnswer | Bug::BaseHidesBothChanged | Bug::OverwrittenUnlogged => 3,
        Bug::AbsentIsBlank | Bug::GroupDecidedUnseen => 4,
        Bug::EchoByTimeWindow | Bug::ListedRowBelieved | Bug::HeldVersionBelieved => 5,
        Bug::CreateBeforeIntent
        | Bug::SentAgainUnseen
        | Bug::NothingClaimed
        | Bug::HiddenKeyForgotten
        | Bug::LateReadBelieved => 6,
        Bug::FirstOfManyMatches | Bug::NewcomerWins => 7,
        Bug::EmptyListIsDeletes | Bug::MissingIsDeleted | Bug::TombstoneForgets => 8,
        Bug::RecordTimeDecides | Bug::SameEditIsConflict => 9,
        Bug::DirectionIgnored => 10,
        Bug::StaleAnswerTaken => 11,
        Bug::ClockDetects => 12,
        Bug::StrictCursor | Bug::NoLookBack | Bug::CursorBeforePage => 13,
        Bug::RefusalStopsRun | Bug::RemovalTriedAnew => 14,
        Bug::NoReadBeforeWrite | Bug::WindowUntold => 15,
        Bug::HintDropped | Bug::ForgedHintStays => 16,
        Bug::SettledUnseen => 17,
        Bug::GateOpen => 18,
        Bug::PlanClears => 19,
        Bug::OldPlacesKept | Bug::RetiredBaseForgotten => 20,
        Bug::IdsDrawn => 21,
        Bug::BaseIsSent => 22,
        Bug::RebuildCreates => 23,
        Bug::ReferenceUntranslated => 25,
        Bug::LogWithoutBefore => 26,
        Bug::FetchesUnchanged => 27,
        Bug::AuditFindsNothing => 28,
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// From now on panics of this thread are not told.
fn be_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                told(info);
            }
        }));
    });
    QUIET.set(true);
}

fn all_tests() -> BTreeMap<&'static str, fn()> {
    PROPERTIES.iter().flat_map(|(_, tests)| tests.iter().copied()).collect()
}

/// The tests that fail with each bug put back.
fn red() -> BTreeMap<Bug, BTreeSet<&'static str>> {
    let (next, red) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        be_quiet();
        while let Some(&bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let fails = |test: &fn()| panic::catch_unwind(|| seeded::with(bug, *test)).is_err();
            let failing = all_tests().into_iter().filter(|(_, test)| fails(test));
            let failing: BTreeSet<&str> = failing.map(|(name, _)| name).collect();
            red.lock().unwrap().insert(bug, failing);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    red.into_inner().unwrap()
}

#[test]
fn each_known_bug_turns_a_test_of_its_property_red() {
    for test in all_tests().values() {
        test();
    }
    let red = red();
    let tests_of = |property: u8| -> BTreeSet<&str> {
        let of = PROPERTIES.iter().filter(|(number, _)| *number == property);
        of.flat_map(|(_, tests)| tests.iter().map(|(name, _)| *name)).collect()
    };
    let mut unnoticed = Vec::new();
    let mut alone = BTreeSet::new();
    for (bug, failing) in &red {
        let property = broken_by(*bug);
        println!("P{property} {bug:?}");
        for test in failing {
            println!("    {test}");
        }
        if failing.is_disjoint(&tests_of(property)) {
            unnoticed.push(*bug);
        } else if failing.is_subset(&tests_of(property)) {
            alone.insert(property);
        }
    }
    assert!(unnoticed.is_empty(), "no test of their property fails with {unnoticed:?}");
    let all = PROPERTIES.iter().map(|(property, _)| *property);
    let missing: Vec<u8> = all.filter(|property| !alone.contains(property)).collect();
    assert!(missing.is_empty(), "no bug that only its own tests catch: P{missing:?}");
}
