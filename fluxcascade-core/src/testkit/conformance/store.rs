//! The rules of [`Store`](crate::store::Store) and of the traits beside it, as checks that any store
//! can be put to.
//!
//! A store's author says how to make a [`Fixture`]: a new, empty store.
//! [`store_conformance!`](crate::store_conformance) then makes one test of each rule, named as the
//! rule's sentence. A rule that a fixture has no means for says so and passes.
#![allow(clippy::wildcard_imports)] // the rules read in the words of `nouns`, as tests do

mod answers;
mod budgets;
mod claims;
mod commit;
mod fixture;
mod forgetting;
mod gathering;
mod intake;
mod lasting;
mod leases;
mod letting_go;
mod linking;
pub mod nouns;
mod reads;
mod rewriting;
mod rows;
mod schedules;
mod sweeps;
mod tokens;
mod waiting;
mod work;

use std::fmt::Debug;

pub use super::rule::{Verdict, Violation};
pub use fixture::{Fixture, Parts};

use super::rule::{Found, ensure};
use crate::store::{StoreError, StoreErrorKind};

/// What a check finds: a text says what was seen instead.
type Checked = Result<(), Found>;

impl From<StoreError> for Found {
    fn from(error: StoreError) -> Self {
        Found::failed(&error)
    }
}

/// A rule of the stores' contract.
pub type Rule = super::rule::Rule<Fixture>;

/// Puts a store to the rule of this name, and says on failure what was seen instead.
///
/// # Panics
/// If the rule is not kept, or there is no such rule.
pub async fn assert_keeps(name: &str, fixture: &Fixture) {
    super::rule::assert_keeps(RULES, name, fixture).await;
}

/// Fails a check unless both are equal.
macro_rules! same {
    ($found:expr, $expected:expr $(,)?) => {
        same!($found, $expected, "it")
    };
    ($found:expr, $expected:expr, $($what:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => $crate::testkit::conformance::rule::ensure!(
                *found == *expected,
                "{}: {found:?} instead of {expected:?} (line {})",
                format_args!($($what)+),
                line!()
            ),
        }
    };
}
use same;

/// One of several that must be there.
fn nth<T: Debug>(all: &[T], place: usize) -> Result<&T, Found> {
    let missing = || Found(format!("there is no {}th of {all:?}", place + 1));
    all.get(place).ok_or_else(missing)
}

/// What must be there.
fn there<T>(what: &str, found: Option<T>) -> Result<T, Found> {
    found.ok_or_else(|| Found(format!("there is no {what}")))
}

/// How a call failed that must fail.
fn refused<T: Debug>(what: &str, outcome: Result<T, StoreError>) -> Result<StoreErrorKind, Found> {
    match outcome {
        Ok(answer) => Err(Found(format!("{what} is not refused: {answer:?}"))),
        Err(error) => Ok(error.kind),
    }
}

const NO_TOKENS: Verdict = Verdict::DoesNotApply("the fixture keeps no tokens");
const NO_SCHEDULE: Verdict = Verdict::DoesNotApply("the fixture has no schedule");
const NO_BUDGETS: Verdict = Verdict::DoesNotApply("the fixture keeps no budgets");
const NO_UPKEEP: Verdict = Verdict::DoesNotApply("the fixture neither forgets nor lets go");
const NO_ROWS: Verdict = Verdict::DoesNotApply("the fixture has no rows written anew");

/// How a rule is put to what a fixture has.
macro_rules! check {
    (store, $rule:path) => {
        |fixture| {
            Box::pin(async move {
                let store = fixture.parts()?.store;
                $rule(&*store).await.map(|()| Verdict::Kept)
            })
        }
    };
    (tokens, $rule:path) => { check!(part tokens, NO_TOKENS, $rule) };
    (schedule, $rule:path) => { check!(part schedule, NO_SCHEDULE, $rule) };
    (budgets, $rule:path) => { check!(part budgets, NO_BUDGETS, $rule) };
    (upkeep, $rule:path) => { check!(part upkeep, NO_UPKEEP, $rule) };
    (rows, $rule:path) => { check!(part rows, NO_ROWS, $rule) };
    (fixture, $rule:path) => {
        |fixture| Box::pin($rule(fixture))
    };
    (part $part:ident, $none:ident, $rule:path) => {
        |fixture| {
            Box::pin(async move {
                match fixture.parts()?.$part {
                    Some(part) => $rule(&*part).await.map(|()| Verdict::Kept),
                    None => Ok($none),
                }
            })
        }
    };
}

macro_rules! rules {
    (() $($of:ident $room:ident { $($name:ident)+ })+) => {
        /// All rules, in the order of the contract.
        pub const RULES: &[Rule] = &[$($(
            Rule::new(stringify!($name), check!($of, $room::$name)),
        )+)+];
    };
}

crate::__store_rules!([rules]());

/// Names each rule once, for those who make something of each; and what it is put to.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_rules {
    ([$($then:tt)+] $args:tt) => {
        $($then)+! {
            $args
            fixture lasting {
                what_a_call_changed_is_durable_when_it_returns
            }
            store leases {
                a_call_that_fails_has_changed_nothing
                a_call_under_a_lease_that_was_lost_or_given_back_fails
                nothing_of_one_tenant_or_mapping_is_seen_by_a_call_for_another
                while_a_lease_is_neither_released_nor_past_its_end_another_is_busy
                each_lease_has_a_greater_fencing_number_than_the_one_before
                a_lease_after_one_that_ran_out_is_not_sole
                a_renewed_lease_holds_until_its_new_end
                giving_back_a_lost_lease_leaves_the_later_one
            }
            store rows {
                the_fingerprint_key_is_the_tenant_s_and_stays
                revisions_come_oldest_first
                a_revision_must_follow_the_last_one
                each_run_has_the_number_after_the_last_one_s
                a_run_that_is_to_come_after_another_number_has_the_one_after_that
                a_run_is_read_as_it_was_finished
                a_run_that_was_not_begun_cannot_be_finished
                a_feed_is_where_the_last_page_left_it
                a_lease_does_not_reach_the_feed_of_another_mapping
                a_hint_reaches_all_mappings_that_read_the_object_type
                a_hint_gives_an_entry_a_new_sequence_number_and_no_observation
            }
            store intake {
                a_row_that_tells_nothing_new_is_dropped
                a_row_is_dropped_only_if_its_link_is_active
                a_row_is_dropped_only_if_its_fingerprint_is_the_base_s
                a_row_is_dropped_only_if_the_base_is_of_its_revision
                a_row_is_dropped_only_if_its_link_has_no_hold
                a_row_is_dropped_only_if_its_link_has_no_open_operation
                a_row_that_an_entry_waits_for_is_not_dropped
                a_row_replaces_an_entry_s_observation_unless_its_version_is_older
                where_two_versions_cannot_be_compared_the_entry_keeps_the_id_alone
                an_entry_that_is_an_id_alone_stays_one
                a_delete_that_a_feed_told_of_replaces_any_entry
                a_row_leaves_the_time_and_the_attempts_of_an_id_alone
                the_match_keys_of_a_row_replace_those_that_its_record_had
                a_match_key_that_a_row_does_not_show_is_as_it_was
                the_keys_of_a_row_are_an_archived_record_s_if_the_row_says_so
                a_new_or_replaced_entry_has_a_greater_sequence_number_than_any_before_it
            }
            store sweeps {
                after_a_sweep_each_known_record_that_it_did_not_show_has_an_entry
                a_record_on_a_page_of_the_sweep_was_shown_whatever_its_state
                a_first_page_forgets_what_earlier_sweeps_showed
                only_pages_of_a_sweep_show_records_to_it
                the_first_read_of_a_side_misses_nothing
                a_missed_record_s_entry_that_is_an_id_alone_stays_as_it_is
            }
            store work {
                there_is_one_work_per_link_and_per_unlinked_record
                an_entry_that_is_not_due_makes_no_work
                a_due_hold_makes_work_and_one_without_a_time_does_not
                an_open_operation_makes_work_for_its_link
                a_work_has_all_holds_and_open_operations_of_its_link
                work_comes_in_key_order_at_any_page_size
                a_tombstone_s_records_count_as_unlinked
                what_is_open_for_a_tombstone_is_its_records
                a_tombstone_s_holds_are_its_own
                an_open_create_is_in_the_work_of_its_origin
                an_open_create_follows_an_origin_that_is_linked_otherwise
                asking_for_work_changes_nothing
            }
            store gathering {
                candidates_have_one_item_per_rule_under_which_the_record_has_a_key
                a_holder_has_its_link_its_entry_its_open_create_and_the_reason_of_its_hold
                a_holder_is_decided_earlier_if_another_record_has_its_earlier_key
                holders_that_are_archived_come_last
                of_a_key_that_many_share_the_first_holders_of_each_side_are_told
                creates_under_way_are_counted_but_not_the_record_s_own
                an_unlinked_record_has_all_tombstones_that_name_it
                gathered_work_comes_in_the_order_asked_and_each_once
                work_is_gathered_whether_it_is_due_or_not
                a_key_of_which_nothing_is_stored_has_no_work
                the_key_of_a_linked_record_gives_the_work_of_its_link
                a_tombstone_s_key_gives_its_work
            }
            store claims {
                of_each_operation_is_said_whether_it_was_begun_in_the_order_given
                a_create_whose_claim_an_operation_of_another_mapping_holds_is_not_begun
                a_create_whose_claim_a_record_of_another_mapping_holds_is_not_begun
                a_claim_of_a_made_record_ends_at_its_time
                a_claim_of_the_same_mapping_does_not_refuse_a_create
                a_create_that_is_closed_without_a_record_gives_up_its_claims
                claims_are_of_one_tenant
                an_operation_that_is_begun_again_takes_the_place_of_the_one_with_its_id
            }
            store answers {
                an_answered_hold_is_due_whatever_its_time
                an_answer_needs_no_lease
                an_answer_to_another_version_is_stale_and_changes_nothing
                the_same_answer_twice_is_stored_once
                another_answer_to_an_answered_hold_is_stale
                an_answer_to_a_hold_that_is_no_more_is_gone
            }
            store commit {
                an_inbox_entry_is_cleared_only_if_its_sequence_number_is_the_one_given
                a_requeued_record_gets_an_entry_without_an_observation
                a_requeued_entry_keeps_the_later_of_both_times
                match_keys_of_a_commit_replace_those_that_the_record_had
                a_match_key_that_a_commit_does_not_show_is_as_it_was
                a_record_that_is_archived_keeps_its_match_keys
                a_record_that_gets_an_active_link_is_archived_no_more
                a_closed_operation_is_no_more
                a_judged_conflict_row_has_another_status_and_the_same_values
            }
            store linking {
                a_record_has_at_most_one_link_that_is_no_tombstone
                links_may_exchange_their_records_in_one_commit
                the_records_of_a_tombstone_are_free_for_another_link
                entries_and_holds_follow_their_record
                a_link_is_read_as_it_was_committed
                links_of_records_come_in_the_order_asked_and_tombstones_are_none
            }
            store waiting {
                a_released_hold_is_no_more
                a_hold_that_is_released_and_set_again_in_one_commit_has_no_answer
                a_hold_that_takes_the_place_of_one_with_the_same_version_keeps_its_answer
                a_hold_of_another_version_has_no_answer
                a_link_that_becomes_active_makes_the_holds_that_wait_for_its_records_due
                a_hold_that_waits_for_an_active_link_is_due
            }
            store reads {
                counts_are_of_everything
                links_come_in_id_order_after_an_id
                log_rows_come_newest_first_by_run_record_and_page
                conflict_rows_come_newest_first_and_a_changed_row_keeps_its_place
                conflict_rows_are_found_by_id_in_the_order_asked
                holds_come_in_key_order
                holds_are_found_by_their_reason
                holds_are_found_by_their_keys
                runs_come_newest_first
            }
            fixture lasting {
                a_replaced_token_is_durable_when_the_call_returns
            }
            tokens tokens {
                a_token_is_replaced_only_at_its_generation
                of_two_replacements_of_the_same_generation_one_is_refused
                while_a_claim_holds_another_claim_of_the_same_key_is_refused
                a_claim_that_is_given_back_late_leaves_a_later_one
                a_token_is_the_tenant_s_and_the_connection_s
                a_secret_is_not_shown
            }
            schedule schedules {
                a_scheduled_mapping_is_due_at_its_first_time
                a_mapping_that_is_scheduled_again_keeps_its_time
                a_mapping_that_was_taken_off_is_not_claimed
                a_mapping_that_is_woken_is_due_at_once
                a_hint_wakes_the_mappings_that_it_reaches
                an_answer_that_is_stored_wakes_its_mapping
                an_answer_that_is_not_stored_wakes_nothing
                a_link_that_becomes_active_wakes_the_other_mappings_whose_holds_wait_for_it
                what_wakes_a_mapping_that_is_claimed_makes_it_due_again_once_its_lease_is_over
                a_claim_takes_mappings_that_are_due_first_those_that_are_due_longest
                a_claimed_mapping_is_due_again_when_its_time_after_the_claim_is_over
                a_mapping_whose_lease_holds_is_not_claimed
                a_mapping_whose_lease_ran_out_is_due
                a_claim_takes_only_mappings_that_it_names
                a_claim_tells_when_the_next_mapping_is_due
                a_claimed_lease_is_like_any_other
                what_was_woken_since_this_store_s_last_claim_that_took_less_than_its_limit_ends_the_wait
            }
            budgets budgets {
                all_draws_together_grant_no_more_than_the_budget_s_requests_in_any_window
                a_draw_is_granted_at_least_what_it_asks_for_at_least
                a_draw_that_is_granted_nothing_is_told_when_to_ask_again
                a_budget_is_the_tenant_s_the_connection_s_and_the_limit_s
            }
            fixture budgets {
                a_worker_is_granted_no_more_than_its_share
            }
            fixture lasting {
                what_a_call_removed_is_durable_when_it_returns
            }
            upkeep forgetting {
                of_a_forgotten_record_nothing_is_found_any_more
                what_the_log_and_the_conflicts_have_of_a_forgotten_link_from_before_it_followed_merges_is_gone
                other_records_links_and_tenants_keep_everything
                a_page_or_a_hint_does_not_bring_a_forgotten_record_back
                leases_of_the_mappings_that_it_is_in_are_lost
                holds_of_other_records_that_name_it_are_due
                a_receipt_tells_the_records_that_were_forgotten
                a_record_that_is_there_without_a_link_alone_with_a_match_key_of_an_open_create_for_it_is_what_that_create_made
                where_there_is_none_yet_the_next_new_record_that_a_page_shows_with_such_a_key_is_forgotten
                it_may_be_asked_for_again
            }
            upkeep letting_go {
                only_rows_from_before_the_time_are_removed
                a_step_looks_at_no_more_than_its_limit_of_rows
                steps_that_go_on_where_the_last_one_ended_reach_every_row
            }
            rows rewriting {
                the_mappings_of_a_tenant_come_in_order_of_their_names
                pages_that_go_on_after_the_last_mark_reach_every_row_of_a_table_once
                a_row_that_is_written_anew_keeps_its_place
                a_row_is_written_anew_only_if_it_is_still_as_it_was_read
                a_row_is_written_anew_as_itself_alone
            }
            fixture rewriting {
                credentials_come_in_order_of_their_connections
                a_credential_is_written_anew_only_if_it_is_still_this_one
            }
        }
    };
}

/// One test of each rule.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ($how:tt $($of:ident $room:ident { $($name:ident)+ })+) => {
        $($(
            $crate::__rule_test! { $how $crate::testkit::conformance::store::assert_keeps, $name }
        )+)+
    };
}

/// Makes one test of each rule of the stores' contract.
///
/// `open` is an async function that makes a new
/// [`Fixture`](crate::testkit::conformance::store::Fixture) each time: an empty store. A store that
/// needs a runtime names the attribute that makes an async test.
///
/// ```
/// # mod tests {
/// use fluxcascade_core::store_conformance;
/// use fluxcascade_core::testkit::conformance::store::{Fixture, Parts};
/// use fluxcascade_store::MemoryStore;
///
/// async fn open() -> Fixture {
///     Fixture::of(Parts::whole(MemoryStore::new()))
/// }
///
/// store_conformance! { mod in_memory { open: open } }
/// store_conformance! { #[tokio::test] mod with_a_runtime { open: open } }
/// # }
/// ```
#[macro_export]
macro_rules! store_conformance {
    (#[$test:meta] mod $module:ident { open: $open:path $(,)? }) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $crate::__store_rules! { [$crate::__store_tests] (async #[$test] $open) }
        }
    };
    (mod $module:ident { open: $open:path $(,)? }) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $crate::__store_rules! { [$crate::__store_tests] (block $open) }
        }
    };
}
