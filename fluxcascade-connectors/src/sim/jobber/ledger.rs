//! What is done for clients, and the account's own fields, as they are stored: tables by number. No
//! GraphQL, no HTTP; the time is handed in. Clients and their properties are [`super::state`]'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Timestamp;

use super::change::Ids;
use super::client::{Kind, decode_id, encode_id};
use super::custom::{CustomFieldAppliesTo, JobberCustomField};
use super::work::sealed::{Stored, WorkKind};
use super::work::{
    JobStatusTypeEnum, JobberInvoice, JobberJob, JobberQuote, JobberRequest, JobberVisit,
    QuoteStatusTypeEnum,
};

/// Jobber's times are whole seconds.
const GRANULARITY: Duration = Duration::from_secs(1);

/// The records of one kind.
#[derive(Debug)]
pub struct Table<T> {
    rows: BTreeMap<u64, Arc<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<T: Stored> Table<T> {
    pub(super) fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.rows.get(&decode_id(T::KIND.id_kind(), id)?)
    }

    /// All, in the order in which they were made.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, &Arc<T>)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }

    /// Stores a new record; gives it its id, and the times that it does not have.
    pub(super) fn insert(&mut self, mut record: T, ids: &mut Ids, now: Timestamp) -> Arc<T> {
        let unset = Timestamp::default();
        let number = ids.number();
        record.set_id(encode_id(T::KIND.id_kind(), number));
        let created = Some(*record.created_at()).filter(|at| *at != unset).unwrap_or(now);
        let updated = Some(record.updated_at()).filter(|at| *at != unset).unwrap_or(created);
        *record.created_at() = created.floor_to(GRANULARITY);
        record.set_updated_at(updated.floor_to(GRANULARITY));
        let row = Arc::new(record);
        self.rows.insert(number, Arc::clone(&row));
        row
    }

    /// Stores a changed record; what is the same as before keeps its time.
    pub(super) fn replace(&mut self, id: &str, mut record: T, now: Timestamp) -> Option<Arc<T>> {
        let row = self.rows.get_mut(&decode_id(T::KIND.id_kind(), id)?)?;
        record.set_id(row.id().to_owned());
        *record.created_at() = *row.as_ref().clone().created_at();
        record.set_updated_at(row.updated_at());
        if record != **row {
            record.set_updated_at(now.floor_to(GRANULARITY));
            *row = Arc::new(record);
        }
        Some(Arc::clone(row))
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<T>> {
        self.rows.remove(&decode_id(T::KIND.id_kind(), id)?)
    }
}

/// All tables.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) requests: Table<JobberRequest>,
    pub(super) quotes: Table<JobberQuote>,
    pub(super) jobs: Table<JobberJob>,
    pub(super) visits: Table<JobberVisit>,
    pub(super) invoices: Table<JobberInvoice>,
    pub(super) custom_fields: BTreeMap<u64, JobberCustomField>,
}

/// A record's own table.
pub trait Own: Stored {
    #[doc(hidden)]
    fn table(ledger: &Ledger) -> &Table<Self>;
    #[doc(hidden)]
    fn table_mut(ledger: &mut Ledger) -> &mut Table<Self>;
    /// What webhooks tell of a change besides that there was one.
    #[doc(hidden)]
    fn passed(before: &Self, after: &Self) -> Vec<&'static str>;
}

macro_rules! own {
    ($($type:ident in $table:ident tells $passed:expr;)*) => {$(
        impl Own for $type {
            fn table(ledger: &Ledger) -> &Table<Self> {
                &ledger.$table
            }
            fn table_mut(ledger: &mut Ledger) -> &mut Table<Self> {
                &mut ledger.$table
            }
            fn passed(before: &Self, after: &Self) -> Vec<&'static str> {
                let passed: fn(&Self, &Self) -> Vec<&'static str> = $passed;
                passed(before, after)
            }
        }
    )*};
}

own! {
    JobberRequest in requests tells |_, _| Vec::new();
    JobberQuote in quotes tells |before, after| {
        let becomes = |status| before.quote_status != status && after.quote_status == status;
        let is_sent = becomes(QuoteStatusTypeEnum::AwaitingResponse)
            || after.sent_at.is_some() && after.sent_at != before.sent_at;
        let sent = is_sent.then_some("QUOTE_SENT");
        let approved = becomes(QuoteStatusTypeEnum::Approved).then_some("QUOTE_APPROVED");
        sent.into_iter().chain(approved).collect()
    };
    JobberJob in jobs tells |before, after| {
        let closed = JobStatusTypeEnum::Archived;
        let is_closed = before.job_status != closed && after.job_status == closed;
        is_closed.then_some("JOB_CLOSED").into_iter().collect()
    };
    JobberVisit in visits tells |before, after| {
        let is_complete = before.completed_at.is_none() && after.completed_at.is_some();
        is_complete.then_some("VISIT_COMPLETE").into_iter().collect()
    };
    JobberInvoice in invoices tells |_, _| Vec::new();
}

impl Ledger {
    /// Stores a new configuration. Its id.
    pub(super) fn add_custom_field(&mut self, mut of: JobberCustomField, ids: &mut Ids) -> String {
        let number = ids.number();
        of.id = encode_id(Kind::CustomField, number);
        let id = of.id.clone();
        self.custom_fields.insert(number, of);
        id
    }

    /// The configuration of this id.
    pub(super) fn custom_field(&self, id: &str) -> Option<&JobberCustomField> {
        self.custom_fields.get(&decode_id(Kind::CustomField, id)?)
    }

    /// The same, to be edited.
    pub(super) fn custom_field_mut(&mut self, id: &str) -> Option<&mut JobberCustomField> {
        self.custom_fields.get_mut(&decode_id(Kind::CustomField, id)?)
    }

    /// The fields that records of a kind show, in the order in which they were made.
    pub(super) fn custom_fields_of(
        &self,
        applies_to: CustomFieldAppliesTo,
    ) -> impl Iterator<Item = &JobberCustomField> {
        self.custom_fields.values().filter(move |of| of.applies_to == applies_to && !of.archived)
    }
}

impl WorkKind {
    /// What its topics begin with.
    pub(super) fn topic(self) -> &'static str {
        match self {
            WorkKind::Request => "REQUEST",
            WorkKind::Quote => "QUOTE",
            WorkKind::Job => "JOB",
            WorkKind::Visit => "VISIT",
            WorkKind::Invoice => "INVOICE",
        }
    }
}
