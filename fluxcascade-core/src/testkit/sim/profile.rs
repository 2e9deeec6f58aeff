//! How a simulated system behaves: what it declares, what it does, and what four real systems do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::connector::{Capabilities, Consistency, DeleteSignal};
use crate::model::{FieldName, Value};

/// How a system writes values down: `None` keeps the value as it was sent.
pub type Normaliser = Arc<dyn Fn(&FieldName, &Value) -> Option<Value> + Send + Sync>;

/// How it shows that a record was merged into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeSignal {
    /// The changes and a read by id say where it went.
    Listed,
    /// A read by id says where it went; the changes do not have it.
    Fetched,
    /// Nothing says so: the record that lost is gone as if it were deleted.
    Unsaid,
}

/// How a simulated system behaves.
///
/// ```
/// use fluxcascade_core::connector::DeleteSignal;
/// use fluxcascade_core::testkit::SimProfile;
/// use std::time::Duration;
///
/// let slow = SimProfile { fetch_lag: Duration::from_secs(2), ..SimProfile::hubspot_like() };
/// assert_eq!(slow.capabilities.deletes, DeleteSignal::Flag);
/// ```
#[derive(Clone)]
pub struct SimProfile {
    /// What it declares. It keeps to all of it; the lags are told apart below.
    pub capabilities: Capabilities,
    /// How late its listing shows a write.
    pub list_lag: Duration,
    /// How late its look-up shows a write.
    pub find_lag: Duration,
    /// How late its read by id shows a write.
    pub fetch_lag: Duration,
    /// How finely it tells times.
    pub granularity: Duration,
    /// How far its clock is ahead of the test's, in seconds; negative: behind.
    pub clock_offset: i64,
    /// Whether a write's answer has the record's values.
    pub answers_with_values: bool,
    /// Whether its versions have a number that grows.
    pub order_numbers: bool,
    /// Whether it knows when each field was changed.
    pub field_times: bool,
    /// How it shows a merge of two records.
    pub merges: MergeSignal,
    /// Rows that one search shows, at most; a reader goes on with a new search.
    pub result_cap: Option<usize>,
    /// How it writes values down, at once, whoever writes them.
    pub normaliser: Option<Normaliser>,
    /// How it edits the fields of a record by itself, [later](Self::automation_delay), when they
    /// were written by a connector: a workflow, a trigger.
    pub automation: Option<Normaliser>,
    /// How long after a write the automation edits.
    pub automation_delay: Duration,
}

impl fmt::Debug for SimProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimProfile")
            .field("capabilities", &self.capabilities)
            .field("list_lag", &self.list_lag)
            .field("find_lag", &self.find_lag)
            .field("fetch_lag", &self.fetch_lag)
            .field("granularity", &self.granularity)
            .field("clock_offset", &self.clock_offset)
            .field("answers_with_values", &self.answers_with_values)
            .field("order_numbers", &self.order_numbers)
            .field("field_times", &self.field_times)
            .field("merges", &self.merges)
            .field("result_cap", &self.result_cap)
            .field("normaliser", &self.normaliser.is_some())
            .field("automation", &self.automation.is_some())
            .field("automation_delay", &self.automation_delay)
            .finish()
    }
}

/// An easy system: consistent, millisecond times, batches of 100, values in each answer; deletes
/// show by absence, and nothing can be archived.
impl Default for SimProfile {
    fn default() -> Self {
        Self {
            capabilities: Capabilities {
                page: 100,
                read_batch: 100,
                write_batch: 100,
                create_batch: 100,
                list: Consistency::Consistent,
                find: Consistency::Consistent,
                fetch: Consistency::Consistent,
                look_back: Duration::from_secs(300),
                deletes: DeleteSignal::Absence,
                conditional_writes: false,
                ..Capabilities::default()
            },
            list_lag: Duration::ZERO,
            find_lag: Duration::ZERO,
            fetch_lag: Duration::ZERO,
            granularity: Duration::from_millis(1),
            clock_offset: 0,
            answers_with_values: true,
            order_numbers: false,
            field_times: false,
            merges: MergeSignal::Listed,
            result_cap: None,
            normaliser: None,
            automation: None,
            automation_delay: Duration::from_millis(200),
        }
    }
}

impl SimProfile {
    /// As HubSpot's contacts are reached: read through a search that is late by seconds (at most
    /// the 10 minutes that are declared) and shows 10,000 rows; read by id, 100 at a time, at once;
    /// millisecond times; a repeated e-mail is refused with the record that has it; upserts by a
    /// unique field; records are archived and say so, but are restored in HubSpot's own pages
    /// alone; no conditional writes; survivors of a merge name those that lost; each field's history is
    /// kept.
    pub fn hubspot_like() -> Self {
        Self {
            capabilities: Capabilities {
                list: Consistency::Lagging(Duration::from_secs(600)),
                find: Consistency::Lagging(Duration::from_secs(600)),
                look_back: Duration::from_secs(600),
                deletes: DeleteSignal::Flag,
                refuses_duplicates: true,
                upserts: true,
                archives: true,
                ..Self::default().capabilities
            },
            list_lag: Duration::from_secs(8),
            find_lag: Duration::from_secs(8),
            merges: MergeSignal::Listed,
            field_times: true,
            result_cap: Some(10_000),
            ..Self::default()
        }
    }

    /// As Salesforce's objects are reached: pages of 2,000, collections of 200, times of whole
    /// seconds; rows that show late because their transaction is long (5 minutes of look-back);
    /// writes on condition, with a validator; deleted rows say so and are restored by an undelete;
    /// upserts by an external id; a write's answer has the id alone; losers of a merge name the
    /// winner.
    pub fn salesforce_like() -> Self {
        Self {
            capabilities: Capabilities {
                page: 2000,
                read_batch: 200,
                write_batch: 200,
                create_batch: 200,
                list: Consistency::Lagging(Duration::from_secs(300)),
                look_back: Duration::from_secs(300),
                deletes: DeleteSignal::Flag,
                conditional_writes: true,
                upserts: true,
                archives: true,
                deletes_for_good: false,
                restores: true,
                ..Self::default().capabilities
            },
            list_lag: Duration::from_secs(3),
            granularity: Duration::from_secs(1),
            answers_with_values: false,
            merges: MergeSignal::Listed,
            ..Self::default()
        }
    }

    /// As Pipedrive's persons are reached: pages of 500, one record a write, times of whole
    /// seconds; no unique fields, no upsert, no conditional writes; a delete is told by an event
    /// and cannot be undone by a connector; the search's index is late; the answer has the whole
    /// record; the event of a merge names the survivor; each field has a change log.
    pub fn pipedrive_like() -> Self {
        Self {
            capabilities: Capabilities {
                page: 500,
                write_batch: 1,
                create_batch: 1,
                find: Consistency::Lagging(Duration::from_secs(60)),
                deletes: DeleteSignal::Feed,
                archives: true,
                ..Self::default().capabilities
            },
            find_lag: Duration::from_secs(5),
            granularity: Duration::from_secs(1),
            merges: MergeSignal::Listed,
            field_times: true,
            ..Self::default()
        }
    }

    /// As Jobber's clients are reached: pages of 50 by query cost, one record a write, times of
    /// whole seconds; nothing is unique, searches are late; clients are archived and brought
    /// back, and say so; nothing says that two were merged; a write's answer is no proof of what
    /// was stored.
    pub fn jobber_like() -> Self {
        Self {
            capabilities: Capabilities {
                page: 50,
                read_batch: 50,
                write_batch: 1,
                create_batch: 1,
                find: Consistency::Lagging(Duration::from_secs(60)),
                deletes: DeleteSignal::Flag,
                archives: true,
                restores: true,
                ..Self::default().capabilities
            },
            find_lag: Duration::from_secs(5),
            granularity: Duration::from_secs(1),
            answers_with_values: false,
            merges: MergeSignal::Unsaid,
            ..Self::default()
        }
    }
}
