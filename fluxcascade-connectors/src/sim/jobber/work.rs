//! What is done for clients, as the simulator keeps it: requests, quotes, jobs, visits, invoices.
//! These are the values that tests and examples seed and edit, also over HTTP. How the API shows
//! them is in `schema`, how the API changes them in `change`.

use std::collections::BTreeMap;
use std::fmt::Debug;

use fluxcascade_core::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::Kind;
use super::custom::JobberCustomValue;

/// Values of custom fields, by the id of their configuration.
pub type CustomValues = BTreeMap<String, JobberCustomValue>;

/// A record that is done for a client: [`JobberRequest`], [`JobberQuote`], [`JobberJob`],
/// [`JobberVisit`] or [`JobberInvoice`].
pub trait JobberRecord: super::ledger::Own + Serialize + DeserializeOwned {}

pub(super) mod sealed {
    use super::{Debug, Timestamp};

    /// How a record is kept.
    pub trait Stored: Clone + PartialEq + Debug + Default + Send + Sync + 'static {
        #[doc(hidden)]
        const KIND: WorkKind;
        #[doc(hidden)]
        fn id(&self) -> &str;
        #[doc(hidden)]
        fn set_id(&mut self, id: String);
        #[doc(hidden)]
        fn created_at(&mut self) -> &mut Timestamp;
        #[doc(hidden)]
        fn updated_at(&self) -> Timestamp;
        /// A visit has no such time.
        #[doc(hidden)]
        fn set_updated_at(&mut self, at: Timestamp);
        /// Gives it a number that people know it by, if it has none.
        #[doc(hidden)]
        fn number(&mut self, next: u64);
    }

    /// Which record it is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum WorkKind {
        Request,
        Quote,
        Job,
        Visit,
        Invoice,
    }
}

use sealed::WorkKind;

impl WorkKind {
    pub(super) fn id_kind(self) -> Kind {
        match self {
            WorkKind::Request => Kind::Request,
            WorkKind::Quote => Kind::Quote,
            WorkKind::Job => Kind::Job,
            WorkKind::Visit => Kind::Visit,
            WorkKind::Invoice => Kind::Invoice,
        }
    }
}

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $status:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize,
            async_graphql::Enum,
        )]
        #[serde(rename_all = "snake_case")]
        #[graphql(rename_items = "snake_case")]
        pub enum $name { $($(#[$of])* #[doc = "As it is called."] $status),* }
    };
}

statuses! {
    /// How far a request is.
    RequestStatusTypeEnum {
        #[default]
        New, Completed, Converted, Archived, Upcoming, Overdue, Unscheduled,
        AssessmentCompleted, Today,
    }
}

statuses! {
    /// How far a quote is.
    QuoteStatusTypeEnum {
        #[default]
        Draft, AwaitingResponse, Archived, Approved, Converted, ChangesRequested,
    }
}

statuses! {
    /// How far a job is; a closed one is `archived`.
    JobStatusTypeEnum {
        RequiresInvoicing, Archived, Late, Today, Upcoming, ActionRequired, OnHold,
        #[default]
        Unscheduled,
        Active,
        #[graphql(name = "expiring_within_30_days")]
        #[serde(rename = "expiring_within_30_days")]
        ExpiringWithin30Days,
    }
}

statuses! {
    /// How far an invoice is.
    InvoiceStatusTypeEnum {
        #[default]
        Draft, AwaitingPayment, Paid, PastDue, BadDebt, SentNotDue,
    }
}

macro_rules! record {
    (
        $(#[$doc:meta])* $name:ident of $kind:ident, $updated:ident, $number:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
        pub struct $name {
            /// The `EncodedId`; given by the simulator, empty before.
            pub id: String,
            $($(#[$field_doc])* pub $field: $type,)*
            /// When it was made: whole seconds of the simulator's clock.
            pub created_at: Timestamp,
        }

        impl sealed::Stored for $name {
            const KIND: WorkKind = WorkKind::$kind;
            fn id(&self) -> &str {
                &self.id
            }
            fn set_id(&mut self, id: String) {
                self.id = id;
            }
            fn created_at(&mut self) -> &mut Timestamp {
                &mut self.created_at
            }
            record!(@ $updated);
            record!(@ number $number);
        }

        impl JobberRecord for $name {}
    };
    (@ number none) => {
        fn number(&mut self, _: u64) {}
    };
    (@ number job_number) => {
        fn number(&mut self, next: u64) {
            if self.job_number == 0 {
                self.job_number = i32::try_from(next).unwrap_or(i32::MAX);
            }
        }
    };
    (@ number $field:ident) => {
        fn number(&mut self, next: u64) {
            if self.$field.is_empty() {
                self.$field = next.to_string();
            }
        }
    };
    (@ updated) => {
        fn updated_at(&self) -> Timestamp {
            self.updated_at
        }
        fn set_updated_at(&mut self, at: Timestamp) {
            self.updated_at = at;
        }
    };
    (@ timeless) => {
        fn updated_at(&self) -> Timestamp {
            self.created_at
        }
        fn set_updated_at(&mut self, _: Timestamp) {}
    };
}

record! {
    /// A client's wish for work.
    JobberRequest of Request, updated, none {
        /// The client's id.
        client_id: String,
        /// The property's id, if one is named.
        property_id: Option<String>,
        /// What it is called.
        title: Option<String>,
        /// How far it is; `archived` is Jobber's soft delete.
        request_status: RequestStatusTypeEnum,
        /// Where it came from.
        source: String,
        /// Who asked, as they wrote it.
        contact_name: Option<String>,
        /// For which company, as they wrote it.
        company_name: Option<String>,
        /// The e-mail that they gave.
        email: Option<String>,
        /// The phone that they gave.
        phone: Option<String>,
        /// When it was last changed: whole seconds of the simulator's clock.
        updated_at: Timestamp,
    }
}

record! {
    /// An offer of work.
    JobberQuote of Quote, updated, quote_number {
        /// The client's id.
        client_id: String,
        /// The property's id.
        property_id: Option<String>,
        /// The id of the request that it came of.
        request_id: Option<String>,
        /// What it is called.
        title: Option<String>,
        /// To the client.
        message: Option<String>,
        /// The small print.
        contract_disclaimer: Option<String>,
        /// A number, as a text; given by the simulator if it is empty.
        quote_number: String,
        /// How far it is.
        quote_status: QuoteStatusTypeEnum,
        /// What its items cost.
        subtotal: f64,
        /// When it was last sent.
        sent_at: Option<Timestamp>,
        /// Values of custom fields.
        custom_fields: CustomValues,
        /// When it was last changed: whole seconds of the simulator's clock.
        updated_at: Timestamp,
    }
}

record! {
    /// Work for a client at a property.
    JobberJob of Job, updated, job_number {
        /// The client's id; that of the property's client, if it is empty.
        client_id: String,
        /// The property's id.
        property_id: String,
        /// The id of the quote that it came of.
        quote_id: Option<String>,
        /// The id of the request that it came of.
        request_id: Option<String>,
        /// What it is called.
        title: Option<String>,
        /// How it is to be done.
        instructions: Option<String>,
        /// A number; given by the simulator if it is 0.
        job_number: i32,
        /// How far it is.
        job_status: JobStatusTypeEnum,
        /// When it begins.
        start_at: Option<Timestamp>,
        /// When it ends.
        end_at: Option<Timestamp>,
        /// When it was done.
        completed_at: Option<Timestamp>,
        /// What its items cost.
        total: f64,
        /// Values of custom fields.
        custom_fields: CustomValues,
        /// When it was last changed: whole seconds of the simulator's clock.
        updated_at: Timestamp,
    }
}

record! {
    /// One time at which a job is worked on. Jobber keeps no time of its last change.
    JobberVisit of Visit, timeless, none {
        /// The job's id.
        job_id: String,
        /// What it is called.
        title: Option<String>,
        /// How it is to be done.
        instructions: Option<String>,
        /// When it begins; none while it is not scheduled.
        start_at: Option<Timestamp>,
        /// When it ends.
        end_at: Option<Timestamp>,
        /// When it was done.
        completed_at: Option<Timestamp>,
    }
}

record! {
    /// A bill.
    JobberInvoice of Invoice, updated, invoice_number {
        /// The client's id.
        client_id: String,
        /// What it is for.
        subject: String,
        /// To the client.
        message: Option<String>,
        /// The small print.
        contract_disclaimer: Option<String>,
        /// A number, as a text; given by the simulator if it is empty.
        invoice_number: String,
        /// How far it is.
        invoice_status: InvoiceStatusTypeEnum,
        /// When it was issued.
        issued_date: Option<Timestamp>,
        /// When it is due.
        due_date: Option<Timestamp>,
        /// When it was paid.
        received_date: Option<Timestamp>,
        /// What its items cost.
        subtotal: f64,
        /// Values of custom fields.
        custom_fields: CustomValues,
        /// When it was last changed: whole seconds of the simulator's clock.
        updated_at: Timestamp,
    }
}
