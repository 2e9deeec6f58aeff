//! The rules of `Store` and `TokenStore`, run against every store: one test for each sentence of
//! a `# Contract` list, and for what follows from them. What only one store promises is elsewhere.

#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod answers;
mod claims;
mod commit;
mod intake;
mod leases;
#[path = "../support/nouns.rs"]
mod nouns;
mod reads;
mod sweeps;
mod tokens;
mod work;

use fluxcascade_core::store::{Store, TokenStore};

/// What every store is.
trait FullStore: Store + TokenStore {}
impl<T: Store + TokenStore> FullStore for T {}

/// Makes a test of each rule for each store.
macro_rules! contract {
    ($($area:ident: $($rule:ident),+ $(,)?;)+) => {
        mod memory {
            $($(
                #[tokio::test]
                async fn $rule() {
                    crate::$area::$rule(&fluxcascade_store::MemoryStore::new()).await;
                }
            )+)+
        }

        #[cfg(feature = "sqlite")]
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $rule() {
                    let folder = tempfile::tempdir().unwrap();
                    let path = folder.path().join("sync.db");
                    let store = fluxcascade_store::SqliteStore::open(path).await.unwrap();
                    crate::$area::$rule(&store).await;
                }
            )+)+
        }
    };
}

contract! {
    leases:
        while_a_lease_is_neither_released_nor_past_its_end_another_is_busy,
        each_lease_has_a_greater_fencing_number_than_the_one_before,
        a_call_under_a_lease_that_is_not_the_latest_fails_as_lease_lost,
        a_lease_that_was_given_back_is_no_lease,
        a_renewed_lease_holds_until_its_new_end,
        giving_back_a_lost_lease_leaves_the_later_one,
        a_lease_is_not_sole_after_one_that_ran_out,
        nothing_of_one_tenant_or_mapping_is_seen_by_a_call_for_another,
        the_fingerprint_key_is_the_tenants_and_stays,
        a_revision_must_follow_the_last_one,
        runs_are_counted_and_keep_how_they_ended,
        a_lease_does_not_reach_the_feed_of_another_mapping;
    intake:
        a_feed_is_where_the_last_page_left_it,
        a_row_that_tells_nothing_new_is_dropped,
        a_row_is_dropped_only_if_its_link_is_active_free_and_has_its_fingerprint,
        a_row_is_dropped_only_if_its_link_has_no_hold,
        a_row_is_dropped_only_if_its_link_has_no_open_operation,
        a_row_that_an_entry_waits_for_is_not_dropped,
        a_row_replaces_an_entrys_observation_unless_its_version_is_older,
        where_the_two_versions_cannot_be_compared_the_entry_keeps_the_id_alone,
        an_entry_that_is_an_id_alone_stays_one,
        only_a_newer_version_starts_the_waiting_anew,
        the_match_keys_of_a_row_replace_those_that_its_record_had,
        the_match_keys_of_a_dropped_row_replace_too,
        a_new_or_replaced_entry_has_a_greater_sequence_number_than_any_before_it,
        a_hint_reaches_all_mappings_that_read_the_object_type,
        a_hint_gives_an_entry_a_new_sequence_number_and_no_observation;
    work:
        there_is_one_work_per_link_and_per_unlinked_record,
        an_entry_that_is_not_due_makes_no_work,
        a_due_hold_makes_work_and_one_without_a_time_does_not,
        an_open_operation_makes_work_for_a_link,
        a_work_has_all_holds_and_operations_of_its_link,
        work_comes_in_key_order_at_any_page_size,
        a_tombstones_records_count_as_unlinked,
        what_is_open_for_a_tombstone_is_its_records,
        a_tombstones_holds_are_its_own,
        candidates_have_one_item_per_rule_with_a_key,
        a_holder_has_its_link_its_entry_and_its_open_create,
        a_holder_is_decided_earlier_if_another_record_has_its_earlier_key,
        of_a_key_that_many_share_only_some_holders_are_told,
        an_unlinked_record_has_all_tombstones_that_name_it,
        a_holder_has_the_reason_of_its_hold,
        creates_under_way_are_counted_but_not_the_records_own,
        an_open_create_is_in_the_work_of_its_origin,
        an_open_create_follows_an_origin_that_is_linked_otherwise,
        asking_for_work_changes_nothing,
        gathered_work_comes_in_the_order_asked_and_each_once,
        work_is_gathered_whether_it_is_due_or_not,
        a_key_of_which_nothing_is_stored_has_no_work,
        a_tombstones_key_gives_its_work;
    claims:
        of_each_operation_is_said_whether_it_was_begun_in_the_order_given,
        a_create_whose_claim_an_operation_of_another_mapping_holds_is_not_begun,
        a_create_whose_claim_a_record_of_another_mapping_holds_is_not_begun,
        a_claim_of_a_made_record_ends_at_its_time,
        a_claim_of_the_same_mapping_does_not_refuse_a_create,
        a_create_that_is_closed_without_a_record_gives_up_its_claims,
        claims_are_of_one_tenant,
        an_operation_that_is_begun_again_takes_the_place_of_the_one_with_its_id;
    answers:
        an_answered_hold_is_due_whatever_its_time,
        an_answer_needs_no_lease,
        an_answer_to_another_version_is_stale_and_changes_nothing,
        the_same_answer_twice_is_stored_once,
        another_answer_to_an_answered_hold_is_stale,
        an_answer_to_a_hold_that_is_no_more_is_gone,
        a_hold_that_takes_the_place_of_one_with_the_same_version_keeps_its_answer,
        a_hold_of_another_version_has_no_answer,
        a_link_that_becomes_active_makes_the_holds_that_wait_for_its_records_due,
        a_hold_that_waits_for_an_active_link_is_due;
    sweeps:
        after_a_sweep_each_known_record_that_it_did_not_show_has_an_entry,
        a_record_on_a_page_of_the_sweep_was_shown_whatever_its_state,
        a_first_page_forgets_what_earlier_sweeps_showed,
        only_pages_of_a_sweep_show_records_to_it,
        the_first_read_of_a_side_misses_nothing,
        a_missed_entry_keeps_its_time_and_its_attempts;
    commit:
        an_inbox_entry_is_cleared_only_if_its_sequence_number_is_the_one_given,
        a_requeued_record_gets_an_entry_without_an_observation,
        a_requeued_entry_keeps_the_later_of_both_times,
        a_commit_that_would_make_a_second_link_fails_and_changes_nothing,
        two_new_links_of_one_record_fail,
        links_may_exchange_their_records_in_one_commit,
        the_records_of_a_tombstone_are_free_for_another_link,
        entries_and_holds_follow_their_record,
        a_link_is_read_as_it_was_committed,
        a_judged_conflict_row_has_another_status_and_the_same_values,
        what_is_closed_or_released_is_no_more,
        match_keys_of_a_commit_replace_those_that_the_record_had;
    reads:
        counts_are_of_everything,
        links_come_in_id_order_after_an_id,
        log_rows_come_newest_first_by_run_record_and_page,
        conflict_rows_come_newest_first_and_a_changed_row_keeps_its_place,
        holds_come_in_key_order,
        holds_are_found_by_their_reason,
        linked_records_come_in_the_order_asked,
        conflict_rows_are_found_by_id_in_the_order_asked,
        runs_come_newest_first;
    tokens:
        a_token_is_replaced_only_at_its_generation,
        of_two_replacements_of_the_same_generation_one_is_refused,
        while_a_claim_holds_another_claim_of_the_same_key_is_refused,
        a_token_is_the_tenants_and_the_connections,
        a_secret_is_not_shown;
}
