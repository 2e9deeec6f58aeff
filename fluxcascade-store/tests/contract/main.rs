//! The rules of `Store` and `TokenStore`, run against every store: one test for each sentence of
//! a `# Contract` list, and for what follows from them. What only one store promises is elsewhere.

#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod commit;
mod intake;
mod leases;
#[path = "../support/nouns.rs"]
mod nouns;
mod reads;
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
        candidates_have_one_item_per_rule_with_a_key,
        a_holder_has_its_link_its_entry_and_its_open_create,
        a_holder_is_decided_earlier_if_another_record_has_its_earlier_key,
        of_a_key_that_many_share_only_some_holders_are_told,
        creates_under_way_are_counted_but_not_the_records_own,
        an_open_create_is_in_the_work_of_its_origin,
        an_open_create_follows_an_origin_that_is_linked_otherwise,
        asking_for_work_changes_nothing;
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
        an_operation_begun_again_replaces_itself,
        match_keys_of_a_commit_replace_those_that_the_record_had;
    reads:
        counts_are_of_everything,
        links_come_in_id_order_after_an_id,
        log_rows_come_newest_first_by_run_record_and_page,
        conflict_rows_come_newest_first_and_a_changed_row_keeps_its_place,
        holds_come_in_key_order,
        runs_come_newest_first;
    tokens:
        a_token_is_replaced_only_at_its_generation,
        of_two_replacements_of_the_same_generation_one_is_refused,
        while_a_claim_holds_another_claim_of_the_same_key_is_refused,
        a_token_is_the_tenants_and_the_connections,
        a_secret_is_not_shown;
}
