//! What the mutations of properties and work do: all or nothing, with Jobber's refusals. The state
//! is handed in, and the time.

use async_graphql::MaybeUndefined;
use fluxcascade_core::Timestamp;

use super::{Refusal, is_too_long, set_address, too_long};
use crate::sim::jobber::AddressEdit;
use crate::sim::jobber::client::{JobberAddress, JobberClient, JobberProperty};
use crate::sim::jobber::custom::{CustomFieldAppliesTo, JobberCustomValue};
use crate::sim::jobber::input::PropertyAttributes;
use crate::sim::jobber::input::work::{
    CustomFieldCreateInput, CustomFieldEditInput, InvoiceCreateInput, InvoiceEditInput,
    JobCreateAttributes, JobEditInput, LocalDateTimeAttributes, PropertyEditInput,
    QuoteCreateAttributes, QuoteEditAttributes, RequestCreateInput, RequestEditInput,
    VisitCreateAttributes, VisitEditAttributes, VisitEditScheduleInput,
};
use crate::sim::jobber::ledger::Ledger;
use crate::sim::jobber::state::State;
use crate::sim::jobber::work::{
    CustomValues, JobberInvoice, JobberJob, JobberQuote, JobberRequest, JobberVisit,
};

/// A change, or everything that is wrong with it.
pub(in super::super) type Changed<T> = Result<T, Vec<Refusal>>;

/// Refusals while a record is made of an input.
#[derive(Debug, Default)]
struct Refusals(Vec<Refusal>);

impl Refusals {
    fn add(&mut self, field: &str, message: &str) {
        self.0.push(Refusal::of(field, message));
    }

    fn end<T>(self, record: T) -> Changed<T> {
        if self.0.is_empty() { Ok(record) } else { Err(self.0) }
    }

    /// Null and empty clear a text.
    fn text(&mut self, text: &mut Option<String>, change: MaybeUndefined<String>, field: &str) {
        match change {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => *text = None,
            MaybeUndefined::Value(new) if is_too_long(&new) => self.0.push(too_long(field)),
            MaybeUndefined::Value(new) => *text = Some(new).filter(|text| !text.is_empty()),
        }
    }

    fn time(
        &mut self,
        time: &mut Option<Timestamp>,
        at: Option<&LocalDateTimeAttributes>,
        field: &str,
    ) {
        match at.map(LocalDateTimeAttributes::instant) {
            None => {}
            Some(Ok(at)) => *time = Some(at),
            Some(Err(why)) => self.add(field, &why),
        }
    }

    /// Sets values of custom fields that apply.
    fn customs(
        &mut self,
        ledger: &Ledger,
        applies_to: CustomFieldAppliesTo,
        values: &mut CustomValues,
        given: impl IntoIterator<Item = (Option<String>, Option<JobberCustomValue>)>,
    ) {
        for (id, value) in given {
            let of = id.as_deref().and_then(|id| ledger.custom_field(id));
            let of = of.filter(|of| of.applies_to == applies_to && !of.archived);
            match (of, value) {
                (Some(of), Some(value)) if of.takes(&value) => {
                    values.insert(of.id.clone(), value);
                }
                (Some(_), _) => self.add("customFields", "must have exactly one value of its type"),
                (None, _) => self.add("customFields", "could not be found"),
            }
        }
    }
}

type Given = Vec<(Option<String>, Option<JobberCustomValue>)>;

fn created(inputs: Option<Vec<CustomFieldCreateInput>>) -> Given {
    let inputs = inputs.unwrap_or_default().into_iter();
    inputs.map(|of| (of.custom_field_configuration_id.clone().map(|id| id.0), of.value())).collect()
}

fn edited(inputs: Option<Vec<CustomFieldEditInput>>) -> Given {
    let inputs = inputs.unwrap_or_default().into_iter();
    inputs.map(|of| (of.custom_field_configuration_id.clone().map(|id| id.0), of.value())).collect()
}

/// Sets a client's custom fields, after the rest of it.
pub(in super::super) fn client_customs(
    ledger: &Ledger,
    values: &mut CustomValues,
    created_as: Option<Vec<CustomFieldCreateInput>>,
    edited_as: Option<Vec<CustomFieldEditInput>>,
) -> Changed<()> {
    let mut refusals = Refusals::default();
    let given = created(created_as).into_iter().chain(edited(edited_as));
    refusals.customs(ledger, CustomFieldAppliesTo::AllClients, values, given);
    refusals.end(())
}

/// A property, without id.
pub(in super::super) fn property(
    ledger: &Ledger,
    input: PropertyAttributes,
) -> Changed<JobberProperty> {
    let mut refusals = Refusals::default();
    let mut address = JobberAddress::default();
    set_address(&mut address, input.address, "properties", &mut refusals.0);
    let mut of = JobberProperty { address, ..JobberProperty::default() };
    of.name = input.name.filter(|name| !name.is_empty());
    let given = created(input.custom_fields);
    refusals.customs(ledger, CustomFieldAppliesTo::AllProperties, &mut of.custom_fields, given);
    refusals.end(of)
}

pub(in super::super) fn edit_property(
    ledger: &Ledger,
    of: &JobberProperty,
    input: PropertyEditInput,
    how: AddressEdit,
) -> Changed<JobberProperty> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    refusals.text(&mut of.name, input.name, "name");
    if let Some(address) = input.address {
        if how == AddressEdit::Replaces {
            of.address = JobberAddress::default();
        }
        set_address(&mut of.address, address, "address", &mut refusals.0);
    }
    let given = edited(input.custom_fields);
    refusals.customs(ledger, CustomFieldAppliesTo::AllProperties, &mut of.custom_fields, given);
    refusals.end(of)
}

/// Takes a property from its client. One where there is work stays.
pub(in super::super) fn remove_property(
    ledger: &Ledger,
    client: &mut JobberClient,
    id: &str,
) -> Changed<()> {
    let refuse = |message: &str| Err(vec![Refusal::of("propertiesToDelete", message)]);
    let Some(at) = client.properties.iter().position(|of| of.id == id) else {
        return refuse("could not be found");
    };
    if ledger.jobs.all().any(|(_, job)| job.property_id == id) {
        return refuse("has jobs and can not be deleted");
    }
    client.properties.remove(at);
    Ok(())
}

/// A property of this client.
fn check_property(refusals: &mut Refusals, state: &State, id: &str, client: Option<&str>) {
    match state.property(id) {
        None => refusals.add("propertyId", "could not be found"),
        Some((_, of)) if client.is_some_and(|client| client != of.id) => {
            refusals.add("propertyId", "must belong to the client");
        }
        Some(_) => {}
    }
}

fn check_client(refusals: &mut Refusals, state: &State, id: &str) {
    if state.client(id).is_none() {
        refusals.add("clientId", "could not be found");
    }
}

pub(in super::super) fn request(
    state: &State,
    input: RequestCreateInput,
) -> Changed<JobberRequest> {
    let mut refusals = Refusals::default();
    check_client(&mut refusals, state, &input.client_id.0);
    let property_id = input.property_id.map(|id| id.0);
    if let Some(property) = &property_id {
        check_property(&mut refusals, state, property, Some(&input.client_id.0));
    }
    let client_id = input.client_id.0;
    // Jobber takes the last one if none is named.
    let last = state.client(&client_id).and_then(|of| of.properties.last().map(|of| of.id.clone()));
    let mut of = JobberRequest {
        client_id,
        property_id: property_id.or(last),
        source: "API".to_owned(),
        ..JobberRequest::default()
    };
    refusals.text(&mut of.title, input.title, "title");
    refusals.end(of)
}

pub(in super::super) fn edit_request(
    state: &State,
    of: &JobberRequest,
    input: RequestEditInput,
) -> Changed<JobberRequest> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    refusals.text(&mut of.title, input.title, "title");
    if let Some(property) = input.property_id {
        check_property(&mut refusals, state, &property.0, Some(&of.client_id));
        of.property_id = Some(property.0);
    }
    refusals.end(of)
}

pub(in super::super) fn quote(state: &State, input: QuoteCreateAttributes) -> Changed<JobberQuote> {
    let mut refusals = Refusals::default();
    check_client(&mut refusals, state, &input.client_id.0);
    check_property(&mut refusals, state, &input.property_id.0, Some(&input.client_id.0));
    let price = |price: Option<f64>, quantity: Option<f64>| {
        price.unwrap_or_default() * quantity.unwrap_or(1.0)
    };
    let items = input.line_items.iter();
    let mut of = JobberQuote {
        client_id: input.client_id.0,
        property_id: Some(input.property_id.0),
        request_id: input.request_id.map(|id| id.0),
        quote_number: input.quote_number.map(|number| number.to_string()).unwrap_or_default(),
        subtotal: items.map(|item| price(item.unit_price, item.quantity)).sum(),
        ..JobberQuote::default()
    };
    refusals.text(&mut of.title, input.title, "title");
    refusals.text(&mut of.message, input.message, "message");
    refusals.text(&mut of.contract_disclaimer, input.contract_disclaimer, "contractDisclaimer");
    let given = created(input.custom_fields);
    let values = &mut of.custom_fields;
    refusals.customs(&state.ledger, CustomFieldAppliesTo::AllQuotes, values, given);
    refusals.end(of)
}

pub(in super::super) fn edit_quote(
    state: &State,
    of: &JobberQuote,
    input: QuoteEditAttributes,
) -> Changed<JobberQuote> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    refusals.text(&mut of.title, input.title, "title");
    refusals.text(&mut of.message, input.message, "message");
    refusals.text(&mut of.contract_disclaimer, input.contract_disclaimer, "contractDisclaimer");
    of.quote_number = input.quote_number.unwrap_or(of.quote_number);
    let given = edited(input.custom_fields);
    let values = &mut of.custom_fields;
    refusals.customs(&state.ledger, CustomFieldAppliesTo::AllQuotes, values, given);
    refusals.end(of)
}

pub(in super::super) fn job(state: &State, input: JobCreateAttributes) -> Changed<JobberJob> {
    let mut refusals = Refusals::default();
    check_property(&mut refusals, state, &input.property_id.0, None);
    let items = input.line_items.unwrap_or_default();
    let client = state.property(&input.property_id.0).map(|(_, client)| client.id.clone());
    let mut of = JobberJob {
        client_id: client.unwrap_or_default(),
        property_id: input.property_id.0,
        quote_id: input.quote_id.map(|id| id.0),
        request_id: input.request_id.map(|id| id.0),
        job_number: input.job_number.unwrap_or_default(),
        total: items.iter().map(|item| item.unit_price * item.quantity).sum(),
        ..JobberJob::default()
    };
    refusals.text(&mut of.title, input.title, "title");
    refusals.text(&mut of.instructions, input.instructions, "instructions");
    let given = created(input.custom_fields);
    let values = &mut of.custom_fields;
    refusals.customs(&state.ledger, CustomFieldAppliesTo::AllJobs, values, given);
    refusals.end(of)
}

pub(in super::super) fn edit_job(
    state: &State,
    of: &JobberJob,
    input: JobEditInput,
) -> Changed<JobberJob> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    refusals.text(&mut of.title, input.title, "title");
    refusals.text(&mut of.instructions, input.instructions, "instructions");
    of.job_number = input.job_number.unwrap_or(of.job_number);
    let given = edited(input.custom_fields);
    let values = &mut of.custom_fields;
    refusals.customs(&state.ledger, CustomFieldAppliesTo::AllJobs, values, given);
    refusals.end(of)
}

pub(in super::super) fn visit(job: &str, input: VisitCreateAttributes) -> Changed<JobberVisit> {
    let mut refusals = Refusals::default();
    let mut of = JobberVisit { job_id: job.to_owned(), ..JobberVisit::default() };
    refusals.text(&mut of.title, input.title, "visits");
    refusals.text(&mut of.instructions, input.instructions, "visits");
    let schedule = input.schedule.unwrap_or_default();
    refusals.time(&mut of.start_at, schedule.start_at.as_ref(), "visits");
    refusals.time(&mut of.end_at, schedule.end_at.as_ref(), "visits");
    refusals.end(of)
}

pub(in super::super) fn edit_visit(
    of: &JobberVisit,
    input: VisitEditAttributes,
) -> Changed<JobberVisit> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    refusals.text(&mut of.title, input.title, "title");
    refusals.text(&mut of.instructions, input.instructions, "instructions");
    refusals.end(of)
}

pub(in super::super) fn schedule_visit(
    of: &JobberVisit,
    input: &VisitEditScheduleInput,
) -> Changed<JobberVisit> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    refusals.time(&mut of.start_at, input.start_at.as_ref(), "startAt");
    refusals.time(&mut of.end_at, input.end_at.as_ref(), "endAt");
    if let (Some(start), Some(end)) = (of.start_at, of.end_at)
        && end < start
    {
        refusals.add("endAt", "must be after the start");
    }
    refusals.end(of)
}

pub(in super::super) fn invoice(
    state: &State,
    input: InvoiceCreateInput,
) -> Changed<JobberInvoice> {
    let mut refusals = Refusals::default();
    check_client(&mut refusals, state, &input.client_id.0);
    let items = input.line_items.iter();
    let mut of = JobberInvoice {
        client_id: input.client_id.0,
        invoice_number: input.invoice_number.unwrap_or_default(),
        issued_date: input.issued_date.map(|at| at.0),
        due_date: input.due_details.due_date.map(|at| at.0),
        subtotal: items.map(|item| item.cost.unwrap_or_default()).sum(),
        ..JobberInvoice::default()
    };
    let mut subject = None;
    refusals.text(&mut subject, input.subject, "subject");
    of.subject = subject.unwrap_or_default();
    refusals.text(&mut of.message, input.message, "message");
    refusals.text(&mut of.contract_disclaimer, input.contract_disclaimer, "contractDisclaimer");
    let given = created(input.custom_fields);
    let values = &mut of.custom_fields;
    refusals.customs(&state.ledger, CustomFieldAppliesTo::AllInvoices, values, given);
    refusals.end(of)
}

pub(in super::super) fn edit_invoice(
    state: &State,
    of: &JobberInvoice,
    input: InvoiceEditInput,
) -> Changed<JobberInvoice> {
    let mut refusals = Refusals::default();
    let mut of = of.clone();
    let mut subject = Some(std::mem::take(&mut of.subject));
    refusals.text(&mut subject, input.subject, "subject");
    of.subject = subject.unwrap_or_default();
    refusals.text(&mut of.message, input.message, "message");
    refusals.text(&mut of.contract_disclaimer, input.contract_disclaimer, "contractDisclaimer");
    of.invoice_number = input.invoice_number.unwrap_or(of.invoice_number);
    of.issued_date = input.issued_date.map(|at| at.0).or(of.issued_date);
    let due = input.due_details.and_then(|due| due.due_date);
    of.due_date = due.map(|at| at.0).or(of.due_date);
    let given = edited(input.custom_fields);
    let values = &mut of.custom_fields;
    refusals.customs(&state.ledger, CustomFieldAppliesTo::AllInvoices, values, given);
    refusals.end(of)
}
