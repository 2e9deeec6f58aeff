//! The tables: every field that every account has, object by object, in the order of the schema.
//! Names, types and inputs are those of Jobber's published schema.

use fluxcascade_core::model::SeenBy;

use super::{AddressPart, Contact, Kind, Known, Place, Shape};
use crate::jobber::object::Object;

use AddressPart as A;
use Contact::{Email, Phone};
use Place::{Kind as Of, Primary};
use Shape as S;

const JOB_STATUSES: &[&str] = &[
    "requires_invoicing",
    "archived",
    "late",
    "today",
    "upcoming",
    "action_required",
    "on_hold",
    "unscheduled",
    "active",
    "expiring_within_30_days",
];
const REQUEST_STATUSES: &[&str] = &[
    "new",
    "completed",
    "converted",
    "archived",
    "upcoming",
    "overdue",
    "unscheduled",
    "assessment_completed",
    "today",
];
const QUOTE_STATUSES: &[&str] =
    &["draft", "awaiting_response", "archived", "approved", "converted", "changes_requested"];
const INVOICE_STATUSES: &[&str] =
    &["draft", "awaiting_payment", "paid", "past_due", "bad_debt", "sent_not_due"];
const VISIT_STATUSES: &[&str] =
    &["ACTIVE", "COMPLETED", "LATE", "TODAY", "UNSCHEDULED", "UPCOMING"];

/// One that can only be read.
const fn shown(name: &'static str, shape: Shape) -> Known {
    Known {
        name,
        key: name,
        shape,
        create: None,
        edit: None,
        seen_by: SeenBy::Incremental,
        required: false,
    }
}

/// One that is written as it is read.
const fn plain(name: &'static str, shape: Shape) -> Known {
    Known { create: Some(name), edit: Some(name), ..shown(name, shape) }
}

/// One that is set when a record is made, as this input, and never again.
const fn once(name: &'static str, shape: Shape, input: &'static str) -> Known {
    Known { create: Some(input), ..shown(name, shape) }
}

impl Known {
    const fn at(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Its changes show in no read of changes for sure, but in webhooks.
    const fn by_webhook(self) -> Self {
        Self { seen_by: SeenBy::Webhook, ..self }
    }

    /// It changes without anything that tells.
    const fn by_sweep(self) -> Self {
        Self { seen_by: SeenBy::Sweep, ..self }
    }
}

/// A part of an address at this key.
const fn part(name: &'static str, key: &'static str, part: AddressPart) -> Known {
    Known { create: Some(key), edit: Some(key), ..shown(name, S::Part(part)).at(key) }
}

const fn entry(name: &'static str, contact: Contact, place: Place) -> Known {
    let key = match contact {
        Email => "emails",
        Phone => "phones",
    };
    Known { create: Some(key), edit: Some(key), ..shown(name, S::Contact(contact, place)).at(key) }
}

const fn amount(name: &'static str, amount: &'static str) -> Known {
    shown(name, S::Amount(amount)).at("amounts")
}

/// The amounts of a quote or an invoice, as they are selected.
pub(super) const AMOUNTS: &str = "subtotal discountAmount taxAmount depositAmount total";

/// The fields of an object.
pub(super) const fn of(object: Object) -> &'static [Known] {
    match object {
        Object::Clients => CLIENTS,
        Object::Properties => PROPERTIES,
        Object::Requests => REQUESTS,
        Object::Jobs => JOBS,
        Object::Quotes => QUOTES,
        Object::Visits => VISITS,
        Object::Invoices => INVOICES,
    }
}

const CLIENTS: &[Known] = &[
    plain("firstName", S::Text),
    plain("lastName", S::Text),
    plain("companyName", S::Text),
    plain("isCompany", S::Bool),
    plain("title", S::Title),
    shown("isLead", S::Bool),
    shown("isArchived", S::Bool),
    part("billingAddress.street1", "billingAddress", A::Street1),
    part("billingAddress.street2", "billingAddress", A::Street2),
    part("billingAddress.city", "billingAddress", A::City),
    part("billingAddress.province", "billingAddress", A::Province),
    part("billingAddress.postalCode", "billingAddress", A::PostalCode),
    part("billingAddress.country", "billingAddress", A::Country),
    entry("emails.primary", Email, Primary),
    entry("emails.main", Email, Of(Kind::Main)),
    entry("emails.work", Email, Of(Kind::Work)),
    entry("emails.personal", Email, Of(Kind::Personal)),
    entry("emails.other", Email, Of(Kind::Other)),
    entry("phones.primary", Phone, Primary),
    entry("phones.main", Phone, Of(Kind::Main)),
    entry("phones.work", Phone, Of(Kind::Work)),
    entry("phones.mobile", Phone, Of(Kind::Mobile)),
    entry("phones.home", Phone, Of(Kind::Home)),
    entry("phones.fax", Phone, Of(Kind::Fax)),
    entry("phones.other", Phone, Of(Kind::Other)),
    // An invoice moves it, and not the client's time.
    shown("balance", S::Decimal).by_sweep(),
    shown("jobberWebUri", S::Text),
    shown("createdAt", S::Instant),
    shown("updatedAt", S::Instant),
];

const PROPERTIES: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required().by_webhook(),
    plain("name", S::Text).by_webhook(),
    part("address.street1", "address", A::Street1).by_webhook(),
    part("address.street2", "address", A::Street2).by_webhook(),
    part("address.city", "address", A::City).by_webhook(),
    part("address.province", "address", A::Province).by_webhook(),
    part("address.postalCode", "address", A::PostalCode).by_webhook(),
    part("address.country", "address", A::Country).by_webhook(),
    shown("isBillingAddress", S::Bool).by_webhook(),
    shown("routingOrder", S::Int).by_webhook(),
    shown("jobberWebUri", S::Text).by_webhook(),
];

const REQUESTS: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required(),
    Known {
        create: Some("propertyId"),
        edit: Some("propertyId"),
        ..shown("property", S::Ref(Object::Properties))
    },
    plain("title", S::Text),
    // Some states come with the calendar alone.
    shown("requestStatus", S::Choice(REQUEST_STATUSES)).by_sweep(),
    shown("source", S::Text),
    shown("contactName", S::Text),
    shown("companyName", S::Text),
    shown("email", S::Email),
    shown("phone", S::Phone),
    shown("jobberWebUri", S::Text),
    shown("createdAt", S::Instant),
    shown("updatedAt", S::Instant),
];

const JOBS: &[Known] = &[
    // A job's client is that of its property.
    once("client", S::Ref(Object::Clients), "clientId"),
    once("property", S::Ref(Object::Properties), "propertyId"),
    once("quote", S::Ref(Object::Quotes), "quoteId"),
    once("request", S::Ref(Object::Requests), "requestId"),
    plain("title", S::Text),
    plain("instructions", S::Text),
    plain("jobNumber", S::Int),
    shown("jobStatus", S::Choice(JOB_STATUSES)).by_sweep(),
    shown("jobType", S::Choice(&["ONE_OFF", "RECURRING"])),
    shown("billingType", S::Choice(&["FIXED_PRICE", "VISIT_BASED"])),
    shown("startAt", S::Instant),
    shown("endAt", S::Instant),
    shown("completedAt", S::Instant),
    shown("total", S::Decimal),
    shown("invoicedTotal", S::Decimal).by_sweep(),
    shown("uninvoicedTotal", S::Decimal).by_sweep(),
    shown("jobberWebUri", S::Text),
    shown("createdAt", S::Instant),
    shown("updatedAt", S::Instant),
];

const QUOTES: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required(),
    once("property", S::Ref(Object::Properties), "propertyId"),
    once("request", S::Ref(Object::Requests), "requestId"),
    plain("title", S::Text),
    plain("message", S::Text),
    plain("contractDisclaimer", S::Text),
    shown("quoteNumber", S::Text),
    shown("quoteStatus", S::Choice(QUOTE_STATUSES)),
    amount("amounts.subtotal", "subtotal"),
    amount("amounts.discountAmount", "discountAmount"),
    amount("amounts.taxAmount", "taxAmount"),
    amount("amounts.depositAmount", "depositAmount"),
    amount("amounts.total", "total"),
    shown("sentAt", S::Instant),
    shown("transitionedAt", S::Instant),
    shown("jobberWebUri", S::Text),
    shown("createdAt", S::Instant),
    shown("updatedAt", S::Instant),
];

const VISITS: &[Known] = &[
    once("job", S::Ref(Object::Jobs), "jobId").required(),
    shown("client", S::Ref(Object::Clients)),
    shown("property", S::Ref(Object::Properties)),
    plain("title", S::Text).by_webhook(),
    plain("instructions", S::Text).by_webhook(),
    Known {
        create: Some("schedule.startAt"),
        edit: Some("startAt"),
        ..shown("startAt", S::Scheduled).by_webhook()
    },
    Known {
        create: Some("schedule.endAt"),
        edit: Some("endAt"),
        ..shown("endAt", S::Scheduled).by_webhook()
    },
    shown("allDay", S::Bool).by_webhook(),
    shown("isComplete", S::Bool).by_webhook(),
    shown("completedAt", S::Instant).by_webhook(),
    shown("visitStatus", S::Choice(VISIT_STATUSES)).by_sweep(),
    shown("createdAt", S::Instant),
];

const INVOICES: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required(),
    plain("subject", S::Text),
    plain("message", S::Text),
    plain("contractDisclaimer", S::Text),
    plain("invoiceNumber", S::Text),
    plain("issuedDate", S::Instant),
    Known {
        create: Some("dueDetails.dueDate"),
        edit: Some("dueDetails.dueDate"),
        ..shown("dueDate", S::Instant)
    },
    shown("receivedDate", S::Instant),
    shown("invoiceStatus", S::Choice(INVOICE_STATUSES)).by_sweep(),
    amount("amounts.subtotal", "subtotal"),
    amount("amounts.discountAmount", "discountAmount"),
    amount("amounts.taxAmount", "taxAmount"),
    amount("amounts.depositAmount", "depositAmount"),
    amount("amounts.total", "total"),
    shown("jobberWebUri", S::Text),
    shown("createdAt", S::Instant),
    shown("updatedAt", S::Instant),
];
