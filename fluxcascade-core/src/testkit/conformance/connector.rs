//! The rules of [`Reader`](crate::Reader) and [`Connector`](crate::Connector), as checks that any
//! connector can be put to.
//!
//! A connector's author says how to make a [`Fixture`]: the connector, with somebody
//! [`Backstage`] who does what people do. [`connector_conformance!`](crate::connector_conformance)
//! then makes one test of each rule, named as the rule's sentence. A rule that a connector's
//! capabilities leave out says so and passes.
//!
//! ```
//! use fluxcascade_core::testkit::conformance::connector::{Fixture, RULES, Verdict};
//! use fluxcascade_core::testkit::{SimProfile, block_on};
//!
//! let fixture = || Fixture::simulated(SimProfile::pipedrive_like());
//! let verdicts = RULES.iter().map(|rule| block_on(rule.check(&fixture())));
//! let kept = verdicts.filter(|verdict| matches!(verdict, Ok(Verdict::Kept))).count();
//! assert!(kept > 25, "{kept}");
//! ```

mod backstage;
mod bench;
mod changing;
mod finding;
mod listing;
mod powers;
mod writing;

pub use super::rule::{Verdict, Violation};
pub use backstage::{Backstage, Fixture, Outage, Possible};

use super::rule::{Found, ensure};
use crate::connector::ConnectorError;

/// What a check finds: a text says what was seen instead.
type Checked = Result<Verdict, Found>;

impl From<ConnectorError> for Found {
    fn from(error: ConnectorError) -> Self {
        Found::failed(&error)
    }
}

/// A rule of the connectors' contract.
pub type Rule = super::rule::Rule<Fixture>;

/// Puts a connector to the rule of this name, and says on failure what was seen instead.
///
/// # Panics
/// If the rule is not kept, or there is no such rule.
pub async fn assert_keeps(name: &str, fixture: &Fixture) {
    super::rule::assert_keeps(RULES, name, fixture).await;
}

macro_rules! rules {
    (() $($room:ident { $($name:ident)+ })+) => {
        /// All rules, in the order of the contract.
        pub const RULES: &[Rule] = &[$($(
            Rule::new(stringify!($name), |fixture| Box::pin($room::$name(fixture))),
        )+)+];
    };
}

crate::__connector_rules!([rules]());

/// Names each rule once, for those who make something of each.
#[doc(hidden)]
#[macro_export]
macro_rules! __connector_rules {
    ([$($then:tt)+] $args:tt) => {
        $($then)+! {
            $args
            listing {
                every_size_that_is_declared_is_at_least_one
                the_account_has_the_same_id_in_every_answer
                the_schema_names_each_field_once
                an_object_type_that_is_not_known_is_an_error
                every_observation_has_one_slot_per_field_of_the_projection
                the_same_record_has_the_same_id_in_every_answer
                what_changes_return_is_listed_and_what_is_read_by_id_is_fetched
                values_are_of_the_types_that_the_schema_says
                a_field_that_holds_nothing_is_blank_and_not_absent
                a_page_has_at_most_as_many_rows_as_are_asked_for
                a_full_read_returns_every_record_that_exists
                rows_of_one_time_at_a_page_s_edge_are_all_returned
                the_same_cursor_may_be_read_again
                a_cursor_that_is_not_taken_any_more_is_position_lost
                a_failed_read_is_an_error_and_never_an_empty_answer
            }
            changing {
                a_later_change_is_returned_by_the_next_read
                a_change_during_a_full_read_is_returned_by_it_or_by_the_next
                a_row_that_shows_late_is_returned_within_the_look_back
                a_changed_record_has_a_newer_version
                a_delete_shows_as_declared
                what_is_archived_shows_its_values
            }
            finding {
                there_is_one_observation_per_id_in_the_order_asked
                an_id_that_is_asked_for_twice_is_answered_twice
                an_id_that_is_not_known_is_missing_and_never_left_out
                a_record_is_found_by_its_value_once_the_look_up_shows_it
                only_records_with_an_equivalent_value_are_found
                what_is_found_names_the_place_of_its_value
            }
            writing {
                there_is_one_outcome_per_write_in_the_order_of_the_writes
                no_request_leaves_after_not_after
                a_write_that_may_have_been_carried_out_is_unknown
                a_create_is_sent_at_most_once_in_a_call
                fields_that_are_not_in_the_write_keep_their_values
                a_blank_clears_a_field
                one_write_s_failure_stops_no_other
                a_write_of_a_record_that_is_not_there_is_not_found
                what_an_answer_says_of_a_record_is_what_is_stored
            }
            powers {
                a_create_that_repeats_a_key_names_the_record_that_has_it
                a_write_on_condition_is_refused_once_the_record_has_moved_on
                an_upsert_changes_the_record_that_has_the_value_and_makes_no_other
                an_upsert_of_a_new_value_makes_a_record
                what_is_archived_is_gone_and_archiving_it_again_is_applied
                what_is_deleted_is_gone_and_deleting_it_again_is_applied
                what_is_restored_has_its_id_and_its_values
                times_of_fields_are_answered_per_record_in_the_order_asked
                a_field_that_changed_later_has_the_later_time
            }
        }
    };
}

/// One test of each rule.
#[doc(hidden)]
#[macro_export]
macro_rules! __connector_tests {
    ($how:tt $($room:ident { $($name:ident)+ })+) => {
        $($(
            $crate::__rule_test! { $how $crate::testkit::conformance::connector::assert_keeps, $name }
        )+)+
    };
}

/// Makes one test of each rule of the connectors' contract.
///
/// The fixture is an async function that makes a new
/// [`Fixture`](crate::testkit::conformance::connector::Fixture) each time. Connectors that need a
/// runtime name the attribute that makes an async test.
///
/// ```
/// # mod tests {
/// use fluxcascade_core::connector_conformance;
/// use fluxcascade_core::testkit::SimProfile;
/// use fluxcascade_core::testkit::conformance::connector::Fixture;
///
/// async fn fixture() -> Fixture {
///     Fixture::simulated(SimProfile::default())
/// }
///
/// connector_conformance! { mod in_memory { fixture: fixture } }
/// connector_conformance! { #[tokio::test] mod with_a_runtime { fixture: fixture } }
/// # }
/// ```
#[macro_export]
macro_rules! connector_conformance {
    (#[$test:meta] mod $module:ident { fixture: $fixture:path $(,)? }) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $crate::__connector_rules! { [$crate::__connector_tests] (async #[$test] $fixture) }
        }
    };
    (mod $module:ident { fixture: $fixture:path $(,)? }) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $crate::__connector_rules! { [$crate::__connector_tests] (block $fixture) }
        }
    };
}
