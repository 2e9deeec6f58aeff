//! Requests, quotes, jobs, visits and invoices, as the schema shows them.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

use std::sync::Arc;

use async_graphql::{Context, Error, Object, Result, SimpleObject};

use super::account;
use super::connection::Connection;
use super::custom::{self, ValueNode};
use super::object::{ClientNode, PropertyNode};
use crate::sim::jobber::client::{Kind, decode_id};
use crate::sim::jobber::custom::CustomFieldAppliesTo;
use crate::sim::jobber::input::work::{BillingStrategy, VisitStatusTypeEnum};
use crate::sim::jobber::input::{EncodedId, Iso8601DateTime};
use crate::sim::jobber::listing::{self, Order, Place};
use crate::sim::jobber::work::{
    InvoiceStatusTypeEnum, JobStatusTypeEnum, JobberInvoice, JobberJob, JobberQuote, JobberRequest,
    JobberVisit, QuoteStatusTypeEnum, RequestStatusTypeEnum,
};

macro_rules! node {
    ($($node:ident of $record:ident),*) => {$(
        #[derive(Debug, Clone)]
        pub(super) struct $node(Arc<$record>);

        impl $node {
            pub(super) fn of(record: &Arc<$record>) -> Self {
                Self(Arc::clone(record))
            }
        }
    )*};
}

node!(
    RequestNode of JobberRequest, QuoteNode of JobberQuote, JobNode of JobberJob,
    VisitNode of JobberVisit, InvoiceNode of JobberInvoice
);

fn client(ctx: &Context<'_>, id: &str) -> Result<Option<ClientNode>> {
    Ok(account(ctx)?.state().client(id).map(ClientNode::of))
}

fn property(ctx: &Context<'_>, id: &str) -> Result<Option<PropertyNode>> {
    let account = account(ctx)?;
    let state = account.state();
    Ok(state.property(id).map(|(property, client)| PropertyNode::of(property, client)))
}

/// What can not be null and is not there takes along what has it.
fn gone() -> Error {
    Error::new("what it belongs to is gone")
}

fn web_uri(path: &str, kind: Kind, id: &str) -> String {
    format!("https://secure.getjobber.com/{path}/{}", decode_id(kind, id).unwrap_or_default())
}

fn time(at: Option<fluxcascade_core::Timestamp>) -> Option<Iso8601DateTime> {
    at.map(Iso8601DateTime)
}

#[Object(name = "Request")]
impl RequestNode {
    async fn client(&self, ctx: &Context<'_>) -> Result<ClientNode> {
        client(ctx, &self.0.client_id)?.ok_or_else(gone)
    }
    async fn company_name(&self) -> Option<&str> {
        self.0.company_name.as_deref()
    }
    async fn contact_name(&self) -> Option<&str> {
        self.0.contact_name.as_deref()
    }
    async fn created_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }
    async fn id(&self) -> EncodedId {
        EncodedId(self.0.id.clone())
    }
    async fn is_archivable(&self) -> bool {
        self.0.request_status != RequestStatusTypeEnum::Archived
    }
    async fn jobber_web_uri(&self) -> String {
        web_uri("work_requests", Kind::Request, &self.0.id)
    }
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }
    async fn property(&self, ctx: &Context<'_>) -> Result<Option<PropertyNode>> {
        property(ctx, self.0.property_id.as_deref().unwrap_or_default())
    }
    async fn request_status(&self) -> RequestStatusTypeEnum {
        self.0.request_status
    }
    async fn source(&self) -> &str {
        &self.0.source
    }
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
    async fn updated_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.updated_at)
    }
}

/// What a quote or an invoice comes to. The simulator knows no taxes, discounts and deposits.
macro_rules! amounts {
    ($($name:ident),*) => {$(
        #[derive(Debug, SimpleObject)]
        struct $name {
            deposit_amount: f64,
            discount_amount: f64,
            non_tax_amount: f64,
            subtotal: f64,
            tax_amount: f64,
            total: f64,
        }

        impl $name {
            fn of(subtotal: f64) -> Self {
                Self {
                    deposit_amount: 0.0,
                    discount_amount: 0.0,
                    non_tax_amount: subtotal,
                    subtotal,
                    tax_amount: 0.0,
                    total: subtotal,
                }
            }
        }
    )*};
}

amounts!(QuoteAmounts, InvoiceAmounts);

#[Object(name = "Quote")]
impl QuoteNode {
    async fn amounts(&self) -> QuoteAmounts {
        QuoteAmounts::of(self.0.subtotal)
    }
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<ClientNode>> {
        client(ctx, &self.0.client_id)
    }
    async fn contract_disclaimer(&self) -> Option<&str> {
        self.0.contract_disclaimer.as_deref()
    }
    async fn created_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }
    async fn custom_fields(&self, ctx: &Context<'_>) -> Result<Vec<ValueNode>> {
        custom::values(ctx, CustomFieldAppliesTo::AllQuotes, &self.0.custom_fields)
    }
    async fn id(&self) -> EncodedId {
        EncodedId(self.0.id.clone())
    }
    async fn jobber_web_uri(&self) -> String {
        web_uri("quotes", Kind::Quote, &self.0.id)
    }
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }
    async fn property(&self, ctx: &Context<'_>) -> Result<Option<PropertyNode>> {
        property(ctx, self.0.property_id.as_deref().unwrap_or_default())
    }
    async fn quote_number(&self) -> &str {
        &self.0.quote_number
    }
    async fn quote_status(&self) -> QuoteStatusTypeEnum {
        self.0.quote_status
    }
    async fn request(&self, ctx: &Context<'_>) -> Result<Option<RequestNode>> {
        let id = self.0.request_id.as_deref().unwrap_or_default();
        Ok(account(ctx)?.state().ledger.requests.get(id).map(RequestNode::of))
    }
    async fn sent_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.sent_at)
    }
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
    async fn transitioned_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }
    async fn updated_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.updated_at)
    }
}

/// Whether a job comes once or again and again; the simulator's come once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
enum JobTypeTypeEnum {
    OneOff,
    Recurring,
}

#[Object(name = "Job")]
impl JobNode {
    async fn billing_type(&self) -> BillingStrategy {
        BillingStrategy::FixedPrice
    }
    async fn client(&self, ctx: &Context<'_>) -> Result<ClientNode> {
        client(ctx, &self.0.client_id)?.ok_or_else(gone)
    }
    async fn completed_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.completed_at)
    }
    async fn created_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }
    async fn custom_fields(&self, ctx: &Context<'_>) -> Result<Vec<ValueNode>> {
        custom::values(ctx, CustomFieldAppliesTo::AllJobs, &self.0.custom_fields)
    }
    async fn end_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.end_at)
    }
    async fn id(&self) -> EncodedId {
        EncodedId(self.0.id.clone())
    }
    async fn instructions(&self) -> Option<&str> {
        self.0.instructions.as_deref()
    }
    async fn invoiced_total(&self) -> f64 {
        0.0
    }
    async fn job_number(&self) -> i32 {
        self.0.job_number
    }
    async fn job_status(&self) -> JobStatusTypeEnum {
        self.0.job_status
    }
    async fn job_type(&self) -> JobTypeTypeEnum {
        JobTypeTypeEnum::OneOff
    }
    async fn jobber_web_uri(&self) -> String {
        web_uri("jobs", Kind::Job, &self.0.id)
    }
    async fn property(&self, ctx: &Context<'_>) -> Result<PropertyNode> {
        property(ctx, &self.0.property_id)?.ok_or_else(gone)
    }
    async fn quote(&self, ctx: &Context<'_>) -> Result<Option<QuoteNode>> {
        let id = self.0.quote_id.as_deref().unwrap_or_default();
        Ok(account(ctx)?.state().ledger.quotes.get(id).map(QuoteNode::of))
    }
    async fn request(&self, ctx: &Context<'_>) -> Result<Option<RequestNode>> {
        let id = self.0.request_id.as_deref().unwrap_or_default();
        Ok(account(ctx)?.state().ledger.requests.get(id).map(RequestNode::of))
    }
    async fn start_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.start_at)
    }
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
    async fn total(&self) -> f64 {
        self.0.total
    }
    async fn uninvoiced_total(&self) -> f64 {
        self.0.total
    }
    async fn updated_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.updated_at)
    }
    async fn visits(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<VisitNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let of_job = state.ledger.visits.all().filter(|(_, visit)| visit.job_id == self.0.id);
        let rows = of_job.map(|(number, visit)| (Place::made(number), visit));
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, VisitNode::of))
    }
}

/// How far a visit is; the simulator leaves the calendar out.
pub(super) fn status_of(visit: &JobberVisit) -> VisitStatusTypeEnum {
    match (visit.completed_at, visit.start_at) {
        (Some(_), _) => VisitStatusTypeEnum::Completed,
        (None, None) => VisitStatusTypeEnum::Unscheduled,
        (None, Some(_)) => VisitStatusTypeEnum::Active,
    }
}

impl VisitNode {
    fn job_of(&self, ctx: &Context<'_>) -> Result<Arc<JobberJob>> {
        let account = account(ctx)?;
        account.state().ledger.jobs.get(&self.0.job_id).map(Arc::clone).ok_or_else(gone)
    }
}

#[Object(name = "Visit")]
impl VisitNode {
    async fn all_day(&self) -> bool {
        false
    }
    async fn client(&self, ctx: &Context<'_>) -> Result<ClientNode> {
        client(ctx, &self.job_of(ctx)?.client_id)?.ok_or_else(gone)
    }
    async fn completed_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.completed_at)
    }
    async fn created_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }
    async fn end_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.end_at)
    }
    async fn id(&self) -> EncodedId {
        EncodedId(self.0.id.clone())
    }
    async fn instructions(&self) -> Option<&str> {
        self.0.instructions.as_deref()
    }
    async fn is_complete(&self) -> bool {
        self.0.completed_at.is_some()
    }
    async fn job(&self, ctx: &Context<'_>) -> Result<JobNode> {
        self.job_of(ctx).map(JobNode)
    }
    async fn property(&self, ctx: &Context<'_>) -> Result<PropertyNode> {
        property(ctx, &self.job_of(ctx)?.property_id)?.ok_or_else(gone)
    }
    async fn start_at(&self) -> Option<Iso8601DateTime> {
        time(self.0.start_at)
    }
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
    async fn visit_status(&self) -> VisitStatusTypeEnum {
        status_of(&self.0)
    }
}

#[Object(name = "Invoice")]
impl InvoiceNode {
    async fn amounts(&self) -> Option<InvoiceAmounts> {
        Some(InvoiceAmounts::of(self.0.subtotal))
    }
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<ClientNode>> {
        client(ctx, &self.0.client_id)
    }
    async fn contract_disclaimer(&self) -> Option<&str> {
        self.0.contract_disclaimer.as_deref()
    }
    async fn created_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }
    async fn custom_fields(&self, ctx: &Context<'_>) -> Result<Vec<ValueNode>> {
        custom::values(ctx, CustomFieldAppliesTo::AllInvoices, &self.0.custom_fields)
    }
    async fn due_date(&self) -> Option<Iso8601DateTime> {
        time(self.0.due_date)
    }
    async fn id(&self) -> EncodedId {
        EncodedId(self.0.id.clone())
    }
    async fn invoice_number(&self) -> &str {
        &self.0.invoice_number
    }
    async fn invoice_status(&self) -> InvoiceStatusTypeEnum {
        self.0.invoice_status
    }
    async fn issued_date(&self) -> Option<Iso8601DateTime> {
        time(self.0.issued_date)
    }
    async fn jobber_web_uri(&self) -> String {
        web_uri("invoices", Kind::Invoice, &self.0.id)
    }
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }
    async fn received_date(&self) -> Option<Iso8601DateTime> {
        time(self.0.received_date)
    }
    async fn subject(&self) -> &str {
        &self.0.subject
    }
    async fn updated_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.updated_at)
    }
}
