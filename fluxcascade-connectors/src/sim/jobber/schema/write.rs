//! The mutations of properties and work. What a change means is in `change::work`.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::object::{ClientNode, PropertyNode};
use super::work::{InvoiceNode, JobNode, QuoteNode, RequestNode, VisitNode};
use super::{MutationErrors, account};
use crate::sim::jobber::Account;
use crate::sim::jobber::change::Refusal;
use crate::sim::jobber::change::work::{self as change, Changed};
use crate::sim::jobber::input::EncodedId;
use crate::sim::jobber::input::work::{
    InvoiceCreateInput, InvoiceEditInput, JobCreateAttributes, JobEditInput, PropertyCreateInput,
    PropertyEditInput, QuoteCreateAttributes, QuoteEditAttributes, RequestCreateInput,
    RequestEditInput, VisitCreateInput, VisitEditAttributes, VisitEditScheduleInput,
};
use crate::sim::jobber::ledger::Own;
use crate::sim::jobber::state::State;
use crate::sim::jobber::work::{
    JobberInvoice, JobberJob, JobberQuote, JobberRequest, JobberVisit, RequestStatusTypeEnum,
};

macro_rules! payloads {
    ($($name:ident { $field:ident: $node:ident of $record:ident })*) => {$(
        #[derive(Debug, SimpleObject)]
        struct $name {
            $field: Option<$node>,
            user_errors: Vec<MutationErrors>,
        }

        impl From<Changed<Arc<$record>>> for $name {
            fn from(done: Changed<Arc<$record>>) -> Self {
                match done {
                    Ok(record) => {
                        Self { $field: Some($node::of(&record)), user_errors: Vec::new() }
                    }
                    Err(refusals) => Self { $field: None, user_errors: errors(refusals) },
                }
            }
        }
    )*};
}

payloads! {
    RequestCreatePayload { request: RequestNode of JobberRequest }
    RequestEditPayload { request: RequestNode of JobberRequest }
    RequestArchivePayload { request: RequestNode of JobberRequest }
    RequestUnarchivePayload { request: RequestNode of JobberRequest }
    QuoteCreatePayload { quote: QuoteNode of JobberQuote }
    QuoteEditPayload { quote: QuoteNode of JobberQuote }
    JobCreatePayload { job: JobNode of JobberJob }
    JobEditPayload { job: JobNode of JobberJob }
    VisitEditPayload { visit: VisitNode of JobberVisit }
    VisitEditSchedulePayload { visit: VisitNode of JobberVisit }
    InvoiceCreatePayload { invoice: InvoiceNode of JobberInvoice }
    InvoiceEditPayload { invoice: InvoiceNode of JobberInvoice }
}

#[derive(Debug, SimpleObject)]
struct PropertyCreatePayload {
    client: Option<ClientNode>,
    properties: Vec<PropertyNode>,
    user_errors: Vec<MutationErrors>,
}

#[derive(Debug, SimpleObject)]
struct PropertyEditPayload {
    property: Option<PropertyNode>,
    user_errors: Vec<MutationErrors>,
}

#[derive(Debug, SimpleObject)]
struct VisitCreatePayload {
    created_visits: Vec<VisitNode>,
    user_errors: Vec<MutationErrors>,
}

#[derive(Debug, SimpleObject)]
struct VisitDeletePayload {
    visits: Option<Vec<VisitNode>>,
    user_errors: Vec<MutationErrors>,
}

fn errors(refusals: Vec<Refusal>) -> Vec<MutationErrors> {
    refusals.into_iter().map(MutationErrors::from).collect()
}

fn unknown(argument: &str, what: &str) -> Vec<Refusal> {
    let message = format!("{what} could not be found");
    vec![Refusal { message, path: vec![argument.to_owned()] }]
}

/// Makes a record.
fn create<T: Own>(account: &Account, make: impl FnOnce(&State) -> Changed<T>) -> Changed<Arc<T>> {
    let now = account.now();
    let mut state = account.state();
    let record = make(&state)?;
    Ok(state.insert_work(record, now))
}

/// Changes a record that must be there.
fn edit<T: Own>(
    account: &Account,
    argument: &str,
    id: &EncodedId,
    change: impl FnOnce(&State, &T) -> Changed<T>,
) -> Changed<Arc<T>> {
    let now = account.now();
    let mut state = account.state();
    let gone = || unknown(argument, "Record");
    let record = T::table(&state.ledger).get(&id.0).map(Arc::clone).ok_or_else(gone)?;
    let record = change(&state, &record)?;
    state.replace_work(&id.0, record, now).ok_or_else(gone)
}

/// Writes properties and work.
#[derive(Debug, Default)]
pub(super) struct WorkMutation;

#[Object]
impl WorkMutation {
    async fn property_create(
        &self,
        ctx: &Context<'_>,
        client_id: EncodedId,
        input: PropertyCreateInput,
    ) -> Result<PropertyCreatePayload> {
        let account = account(ctx)?;
        Ok(match create_properties(account, &client_id, input) {
            Ok((client, made)) => PropertyCreatePayload {
                properties: made
                    .iter()
                    .filter_map(|id| client.properties.iter().find(|of| of.id == *id))
                    .map(|of| PropertyNode::of(of, &client))
                    .collect(),
                client: Some(ClientNode::of(&client)),
                user_errors: Vec::new(),
            },
            Err(refusals) => PropertyCreatePayload {
                client: None,
                properties: Vec::new(),
                user_errors: errors(refusals),
            },
        })
    }

    async fn property_edit(
        &self,
        ctx: &Context<'_>,
        property_id: EncodedId,
        input: PropertyEditInput,
    ) -> Result<PropertyEditPayload> {
        let account = account(ctx)?;
        let done = edit_property(account, &property_id, input);
        let state = account.state();
        let of = state.property(&property_id.0).filter(|_| done.is_ok());
        Ok(PropertyEditPayload {
            property: of.map(|(of, client)| PropertyNode::of(of, client)),
            user_errors: errors(done.err().unwrap_or_default()),
        })
    }

    async fn request_create(
        &self,
        ctx: &Context<'_>,
        input: RequestCreateInput,
    ) -> Result<RequestCreatePayload> {
        Ok(create(account(ctx)?, |state| change::request(state, input)).into())
    }

    async fn request_edit(
        &self,
        ctx: &Context<'_>,
        request_id: EncodedId,
        input: RequestEditInput,
    ) -> Result<RequestEditPayload> {
        let account = account(ctx)?;
        let change = |state: &State, of: &JobberRequest| change::edit_request(state, of, input);
        Ok(edit(account, "requestId", &request_id, change).into())
    }

    async fn request_archive(
        &self,
        ctx: &Context<'_>,
        request_id: EncodedId,
    ) -> Result<RequestArchivePayload> {
        Ok(shelve(account(ctx)?, &request_id, RequestStatusTypeEnum::Archived).into())
    }

    async fn request_unarchive(
        &self,
        ctx: &Context<'_>,
        request_id: EncodedId,
    ) -> Result<RequestUnarchivePayload> {
        Ok(shelve(account(ctx)?, &request_id, RequestStatusTypeEnum::New).into())
    }

    async fn quote_create(
        &self,
        ctx: &Context<'_>,
        attributes: QuoteCreateAttributes,
    ) -> Result<QuoteCreatePayload> {
        Ok(create(account(ctx)?, |state| change::quote(state, attributes)).into())
    }

    async fn quote_edit(
        &self,
        ctx: &Context<'_>,
        quote_id: EncodedId,
        attributes: QuoteEditAttributes,
    ) -> Result<QuoteEditPayload> {
        let account = account(ctx)?;
        let change = |state: &State, of: &JobberQuote| change::edit_quote(state, of, attributes);
        Ok(edit(account, "quoteId", &quote_id, change).into())
    }

    async fn job_create(
        &self,
        ctx: &Context<'_>,
        input: JobCreateAttributes,
    ) -> Result<JobCreatePayload> {
        Ok(create(account(ctx)?, |state| change::job(state, input)).into())
    }

    async fn job_edit(
        &self,
        ctx: &Context<'_>,
        job_id: EncodedId,
        input: JobEditInput,
    ) -> Result<JobEditPayload> {
        let account = account(ctx)?;
        let change = |state: &State, of: &JobberJob| change::edit_job(state, of, input);
        Ok(edit(account, "jobId", &job_id, change).into())
    }

    async fn visit_create(
        &self,
        ctx: &Context<'_>,
        job_id: EncodedId,
        input: VisitCreateInput,
    ) -> Result<VisitCreatePayload> {
        let account = account(ctx)?;
        let (created_visits, user_errors) = match create_visits(account, &job_id, input) {
            Ok(visits) => (visits.iter().map(VisitNode::of).collect(), Vec::new()),
            Err(refusals) => (Vec::new(), errors(refusals)),
        };
        Ok(VisitCreatePayload { created_visits, user_errors })
    }

    async fn visit_edit(
        &self,
        ctx: &Context<'_>,
        id: EncodedId,
        attributes: VisitEditAttributes,
    ) -> Result<VisitEditPayload> {
        let change = |_: &State, of: &JobberVisit| change::edit_visit(of, attributes);
        Ok(edit(account(ctx)?, "id", &id, change).into())
    }

    async fn visit_edit_schedule(
        &self,
        ctx: &Context<'_>,
        id: EncodedId,
        input: VisitEditScheduleInput,
    ) -> Result<VisitEditSchedulePayload> {
        let change = |_: &State, of: &JobberVisit| change::schedule_visit(of, &input);
        Ok(edit(account(ctx)?, "id", &id, change).into())
    }

    async fn visit_delete(
        &self,
        ctx: &Context<'_>,
        visit_ids: Vec<EncodedId>,
    ) -> Result<VisitDeletePayload> {
        let account = account(ctx)?;
        let now = account.now();
        let mut state = account.state();
        if visit_ids.iter().any(|id| state.ledger.visits.get(&id.0).is_none()) {
            let user_errors = errors(unknown("visitIds", "Visit"));
            return Ok(VisitDeletePayload { visits: None, user_errors });
        }
        let gone = visit_ids.iter().filter_map(|id| state.remove_work::<JobberVisit>(&id.0, now));
        let visits = gone.map(|visit| VisitNode::of(&visit)).collect();
        Ok(VisitDeletePayload { visits: Some(visits), user_errors: Vec::new() })
    }

    async fn invoice_create(
        &self,
        ctx: &Context<'_>,
        input: InvoiceCreateInput,
    ) -> Result<InvoiceCreatePayload> {
        Ok(create(account(ctx)?, |state| change::invoice(state, input)).into())
    }

    async fn invoice_edit(
        &self,
        ctx: &Context<'_>,
        invoice_id: EncodedId,
        input: InvoiceEditInput,
    ) -> Result<InvoiceEditPayload> {
        let account = account(ctx)?;
        let change = |state: &State, of: &JobberInvoice| change::edit_invoice(state, of, input);
        Ok(edit(account, "invoiceId", &invoice_id, change).into())
    }
}

fn shelve(
    account: &Account,
    id: &EncodedId,
    status: RequestStatusTypeEnum,
) -> Changed<Arc<JobberRequest>> {
    edit(account, "requestId", id, |_, of: &JobberRequest| {
        Ok(JobberRequest { request_status: status, ..of.clone() })
    })
}

fn create_visits(
    account: &Account,
    job: &EncodedId,
    input: VisitCreateInput,
) -> Changed<Vec<Arc<JobberVisit>>> {
    let now = account.now();
    let mut state = account.state();
    state.ledger.jobs.get(&job.0).ok_or_else(|| unknown("jobId", "Job"))?;
    let visits = input.visits.into_iter().map(|visit| change::visit(&job.0, visit));
    let visits: Vec<JobberVisit> = visits.collect::<Changed<_>>()?;
    Ok(visits.into_iter().map(|visit| state.insert_work(visit, now)).collect())
}

/// The client, and the ids of its new properties.
fn create_properties(
    account: &Account,
    id: &EncodedId,
    input: PropertyCreateInput,
) -> Changed<(Arc<crate::sim::jobber::JobberClient>, Vec<String>)> {
    let now = account.now();
    let mut state = account.state();
    let gone = || unknown("clientId", "Client");
    let mut client = state.client(&id.0).ok_or_else(gone)?.as_ref().clone();
    let before = client.properties.len();
    for property in input.properties.unwrap_or_default() {
        client.properties.push(change::property(&state.ledger, property)?);
    }
    let client = state.replace(&id.0, client, now).ok_or_else(gone)?;
    let made = client.properties.iter().skip(before).map(|of| of.id.clone()).collect();
    Ok((client, made))
}

fn edit_property(account: &Account, id: &EncodedId, input: PropertyEditInput) -> Changed<()> {
    let now = account.now();
    let mut state = account.state();
    let gone = || unknown("propertyId", "Property");
    let (of, _) = state.property(&id.0).ok_or_else(gone)?;
    let of = change::edit_property(&state.ledger, of, input, account.address_edit)?;
    state.edit_property(&id.0, now, |own| *own = of).ok_or_else(gone)
}
