//! The tables: every field that every account has, object by object, in the order of the schema.
//! Names, types and inputs are those of Jobber's published schema.

use fluxcascade_core::model::SeenBy;

use super::{AddressPart, Contact, Kind, Known, Place, Plain, Shape};
use crate::jobber::object::Object;

use AddressPart as A;
use Contact::{Email, Phone};
use Place::{Kind as Of, Primary};
use Shape as S;

const TEXT: Shape = S::Plain(Plain::Text);
const EMAIL: Shape = S::Plain(Plain::Email);
const PHONE: Shape = S::Plain(Plain::Phone);
const BOOL: Shape = S::Plain(Plain::Bool);
const INT: Shape = S::Plain(Plain::Int);
const DECIMAL: Shape = S::Plain(Plain::Decimal);
const INSTANT: Shape = S::Plain(Plain::Instant);
const SCHEDULED: Shape = S::Plain(Plain::Scheduled);
const TITLE: Shape = S::Plain(Plain::Title);

const fn choice(options: &'static [&'static str]) -> Shape {
    S::Plain(Plain::Choice(options))
}

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
    plain("firstName", TEXT),
    plain("lastName", TEXT),
    plain("companyName", TEXT),
    plain("isCompany", BOOL),
    plain("title", TITLE),
    shown("isLead", BOOL),
    shown("isArchived", BOOL),
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
    shown("balance", DECIMAL).by_sweep(),
    shown("jobberWebUri", TEXT),
    shown("createdAt", INSTANT),
    shown("updatedAt", INSTANT),
];

const PROPERTIES: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required().by_webhook(),
    plain("name", TEXT).by_webhook(),
    part("address.street1", "address", A::Street1).by_webhook(),
    part("address.street2", "address", A::Street2).by_webhook(),
    part("address.city", "address", A::City).by_webhook(),
    part("address.province", "address", A::Province).by_webhook(),
    part("address.postalCode", "address", A::PostalCode).by_webhook(),
    part("address.country", "address", A::Country).by_webhook(),
    shown("isBillingAddress", BOOL).by_webhook(),
    shown("routingOrder", INT).by_webhook(),
    shown("jobberWebUri", TEXT).by_webhook(),
];

const REQUESTS: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required(),
    Known {
        create: Some("propertyId"),
        edit: Some("propertyId"),
        ..shown("property", S::Ref(Object::Properties))
    },
    plain("title", TEXT),
    // Some states come with the calendar alone.
    shown("requestStatus", choice(REQUEST_STATUSES)).by_sweep(),
    shown("source", TEXT),
    shown("contactName", TEXT),
    shown("companyName", TEXT),
    shown("email", EMAIL),
    shown("phone", PHONE),
    shown("jobberWebUri", TEXT),
    shown("createdAt", INSTANT),
    shown("updatedAt", INSTANT),
];

const JOBS: &[Known] = &[
    // A job's client is that of its property.
    once("client", S::Ref(Object::Clients), "clientId"),
    once("property", S::Ref(Object::Properties), "propertyId"),
    once("quote", S::Ref(Object::Quotes), "quoteId"),
    once("request", S::Ref(Object::Requests), "requestId"),
    plain("title", TEXT),
    plain("instructions", TEXT),
    plain("jobNumber", INT),
    shown("jobStatus", choice(JOB_STATUSES)).by_sweep(),
    shown("jobType", choice(&["ONE_OFF", "RECURRING"])),
    shown("billingType", choice(&["FIXED_PRICE", "VISIT_BASED"])),
    shown("startAt", INSTANT),
    shown("endAt", INSTANT),
    shown("completedAt", INSTANT),
    shown("total", DECIMAL),
    shown("invoicedTotal", DECIMAL).by_sweep(),
    shown("uninvoicedTotal", DECIMAL).by_sweep(),
    shown("jobberWebUri", TEXT),
    shown("createdAt", INSTANT),
    shown("updatedAt", INSTANT),
];

const QUOTES: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required(),
    once("property", S::Ref(Object::Properties), "propertyId"),
    once("request", S::Ref(Object::Requests), "requestId"),
    plain("title", TEXT),
    plain("message", TEXT),
    plain("contractDisclaimer", TEXT),
    shown("quoteNumber", TEXT),
    shown("quoteStatus", choice(QUOTE_STATUSES)),
    amount("amounts.subtotal", "subtotal"),
    amount("amounts.discountAmount", "discountAmount"),
    amount("amounts.taxAmount", "taxAmount"),
    amount("amounts.depositAmount", "depositAmount"),
    amount("amounts.total", "total"),
    shown("sentAt", INSTANT),
    shown("transitionedAt", INSTANT),
    shown("jobberWebUri", TEXT),
    shown("createdAt", INSTANT),
    shown("updatedAt", INSTANT),
];

const VISITS: &[Known] = &[
    once("job", S::Ref(Object::Jobs), "jobId").required(),
    shown("client", S::Ref(Object::Clients)),
    shown("property", S::Ref(Object::Properties)),
    plain("title", TEXT).by_webhook(),
    plain("instructions", TEXT).by_webhook(),
    Known {
        create: Some("schedule.startAt"),
        edit: Some("startAt"),
        ..shown("startAt", SCHEDULED).by_webhook()
    },
    Known {
        create: Some("schedule.endAt"),
        edit: Some("endAt"),
        ..shown("endAt", SCHEDULED).by_webhook()
    },
    shown("allDay", BOOL).by_webhook(),
    shown("isComplete", BOOL).by_webhook(),
    shown("completedAt", INSTANT).by_webhook(),
    shown("visitStatus", choice(VISIT_STATUSES)).by_sweep(),
    shown("createdAt", INSTANT),
];

const INVOICES: &[Known] = &[
    once("client", S::Ref(Object::Clients), "clientId").required(),
    plain("subject", TEXT),
    plain("message", TEXT),
    plain("contractDisclaimer", TEXT),
    plain("invoiceNumber", TEXT),
    plain("issuedDate", INSTANT),
    Known {
        create: Some("dueDetails.dueDate"),
        edit: Some("dueDetails.dueDate"),
        ..shown("dueDate", INSTANT)
    },
    shown("receivedDate", INSTANT),
    shown("invoiceStatus", choice(INVOICE_STATUSES)).by_sweep(),
    amount("amounts.subtotal", "subtotal"),
    amount("amounts.discountAmount", "discountAmount"),
    amount("amounts.taxAmount", "taxAmount"),
    amount("amounts.depositAmount", "depositAmount"),
    amount("amounts.total", "total"),
    shown("jobberWebUri", TEXT),
    shown("createdAt", INSTANT),
    shown("updatedAt", INSTANT),
];
