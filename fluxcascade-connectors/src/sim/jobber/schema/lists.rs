//! The queries for properties and work: one by its id, and lists.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

use async_graphql::{Context, Error, Object, Result};
use fluxcascade_core::Timestamp;

use super::account;
use super::connection::Connection;
use super::object::PropertyNode;
use super::work::{InvoiceNode, JobNode, QuoteNode, RequestNode, VisitNode, status_of};
use crate::sim::jobber::client::{Kind, decode_id};
use crate::sim::jobber::input::work::{
    InvoiceFilterAttributes, InvoiceSortInput, InvoiceSortKey, JobFilterAttributes, JobSortKey,
    JobsSortInput, PropertiesFilterAttributes, QuoteFilterAttributes, QuotesSortInput,
    QuotesSortKey, RequestFilterAttributes, RequestsSortInput, RequestsSortKey,
    VisitFilterAttributes, VisitsSortInput, VisitsSortableFields,
};
use crate::sim::jobber::input::{EncodedId, SortDirectionEnum, TimeRange};
use crate::sim::jobber::listing::{self, Order, Place};
use crate::sim::jobber::state::Index;

/// Which of a row's times places it.
#[derive(Debug, Clone, Copy)]
enum By {
    Making,
    Change,
}

impl By {
    fn time(self, made: Timestamp, changed: Timestamp) -> Timestamp {
        match self {
            By::Making => made,
            By::Change => changed,
        }
    }
}

/// The order of a list that can be sorted by when its rows were made: the simulator has no other key, and
/// without one what changed last comes first.
fn by_making<K: Copy + PartialEq>(asked: Option<(K, SortDirectionEnum)>, making: K) -> (Order, By) {
    match asked {
        Some((key, direction)) if key == making => (Order::by_change(direction), By::Making),
        Some(_) => (Order::BY_ID, By::Change),
        None => (Order::RECENT, By::Change),
    }
}

/// Reads properties and work.
#[derive(Debug, Default)]
pub(super) struct WorkQuery;

fn is<T: PartialEq + Copy>(asked: Option<T>, has: T) -> bool {
    asked.is_none_or(|asked| asked == has)
}

fn is_of(asked: Option<&EncodedId>, has: &str) -> bool {
    asked.is_none_or(|asked| asked.0 == has)
}

fn is_in(range: Option<&TimeRange>, at: Option<Timestamp>) -> bool {
    range.is_none_or(|range| at.is_some_and(|at| range.holds(at)))
}

/// Whether each word is in one of the texts.
fn finds(term: Option<&str>, texts: &[Option<&str>]) -> bool {
    let Some(term) = term.map(str::trim).filter(|term| !term.is_empty()) else { return true };
    let texts: Vec<String> = texts.iter().flatten().map(|text| text.to_lowercase()).collect();
    let mut words = term.split_whitespace().map(str::to_lowercase);
    words.all(|word| texts.iter().any(|text| text.contains(&word)))
}

#[Object]
impl WorkQuery {
    async fn property(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<PropertyNode>> {
        let account = account(ctx)?;
        let state = account.state();
        Ok(state.property(&id.0).map(|(property, client)| PropertyNode::of(property, client)))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn properties(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<PropertiesFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
    ) -> Result<Connection<PropertyNode>> {
        let account = account(ctx)?;
        let now = account.now();
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let clients = state.seen(Index::List, now).map(|(_, client)| client);
        let all = clients.flat_map(|client| client.properties.iter().map(move |of| (of, client)));
        let passing = all.filter(|(of, client)| {
            let is_primary = client.properties.first().is_some_and(|first| first.id == of.id);
            let texts = [of.name.as_deref(), Some(of.address.street1.as_str())];
            is_of(filter.client_id.as_ref(), &client.id)
                && is(filter.primary, is_primary)
                && finds(search_term.as_deref(), &texts)
        });
        let rows = passing.filter_map(|(of, client)| {
            let place = Place::made(decode_id(Kind::Property, &of.id)?);
            Some((place, PropertyNode::of(of, client)))
        });
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, |node| node))
    }

    async fn request(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<RequestNode>> {
        Ok(account(ctx)?.state().ledger.requests.get(&id.0).map(RequestNode::of))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn requests(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<RequestFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
        sort: Option<Vec<RequestsSortInput>>,
    ) -> Result<Connection<RequestNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let rows = state.ledger.requests.all().filter(|(_, of)| {
            is(filter.status, of.request_status)
                && is_of(filter.client_id.as_ref(), &of.client_id)
                && is_of(filter.property_id.as_ref(), of.property_id.as_deref().unwrap_or_default())
                && is_in(filter.created_at.as_ref(), Some(of.created_at))
                && is_in(filter.updated_at.as_ref(), Some(of.updated_at))
                && finds(search_term.as_deref(), &[of.title.as_deref(), of.email.as_deref()])
        });
        let sort = sort.and_then(|sort| sort.first().copied());
        let sort = sort.map(|sort| (sort.key, sort.direction));
        let (order, by) = by_making(sort, RequestsSortKey::RequestedAt);
        let rows = rows
            .map(|(number, of)| (order.timed(by.time(of.created_at, of.updated_at), number), of));
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, order, &window).map_err(Error::new)?;
        Ok(Connection::of(page, RequestNode::of))
    }

    async fn quote(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<QuoteNode>> {
        Ok(account(ctx)?.state().ledger.quotes.get(&id.0).map(QuoteNode::of))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn quotes(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<QuoteFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
        sort: Option<Vec<QuotesSortInput>>,
    ) -> Result<Connection<QuoteNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let rows = state.ledger.quotes.all().filter(|(_, of)| {
            is(filter.status, of.quote_status)
                && is_of(filter.client_id.as_ref(), &of.client_id)
                && is_in(filter.created_at.as_ref(), Some(of.created_at))
                && is_in(filter.updated_at.as_ref(), Some(of.updated_at))
                && is_in(filter.sent_at.as_ref(), of.sent_at)
                && finds(search_term.as_deref(), &[of.title.as_deref(), Some(&of.quote_number)])
        });
        let sort = sort.and_then(|sort| sort.first().copied());
        let sort = sort.map(|sort| (sort.key, sort.direction));
        let (order, by) = by_making(sort, QuotesSortKey::CreatedAt);
        let rows = rows
            .map(|(number, of)| (order.timed(by.time(of.created_at, of.updated_at), number), of));
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, order, &window).map_err(Error::new)?;
        Ok(Connection::of(page, QuoteNode::of))
    }

    async fn job(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<JobNode>> {
        Ok(account(ctx)?.state().ledger.jobs.get(&id.0).map(JobNode::of))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<JobFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
        sort: Option<Vec<JobsSortInput>>,
    ) -> Result<Connection<JobNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let sort = sort.and_then(|sort| sort.first().copied());
        let order = sort.map_or(Order::RECENT, |sort| match sort.key {
            JobSortKey::UpdatedAt => Order::by_change(sort.direction),
            JobSortKey::ClientFirstName
            | JobSortKey::ClientPrimaryName
            | JobSortKey::JobNumber
            | JobSortKey::TotalCost
            | JobSortKey::JobStatus
            | JobSortKey::Schedule
            | JobSortKey::VisitStartDate => Order::BY_ID,
        });
        let rows = state.ledger.jobs.all().filter(|(_, of)| {
            let number = of.job_number.to_string();
            is(filter.status, of.job_status)
                && filter.ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id.0 == of.id))
                && is_in(filter.created_at.as_ref(), Some(of.created_at))
                && is_in(filter.start_at.as_ref(), of.start_at)
                && is_in(filter.end_at.as_ref(), of.end_at)
                && is_in(filter.completed_at.as_ref(), of.completed_at)
                && finds(search_term.as_deref(), &[of.title.as_deref(), Some(&number)])
        });
        let rows = rows.map(|(number, of)| (order.timed(of.updated_at, number), of));
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, order, &window).map_err(Error::new)?;
        Ok(Connection::of(page, JobNode::of))
    }

    async fn visit(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<VisitNode>> {
        Ok(account(ctx)?.state().ledger.visits.get(&id.0).map(VisitNode::of))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn visits(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<VisitFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        sort: Option<Vec<VisitsSortInput>>,
    ) -> Result<Connection<VisitNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let sort = sort.and_then(|sort| sort.first().copied());
        let by_creation = sort.filter(|sort| sort.key == VisitsSortableFields::CreatedAt);
        let direction = sort.map_or(SortDirectionEnum::Ascending, |sort| sort.direction);
        let order = Order::by_change(direction);
        let rows = state.ledger.visits.all().filter(|(_, of)| {
            is(filter.status, status_of(of))
                && filter.ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id.0 == of.id))
                && is_in(filter.created_at.as_ref(), Some(of.created_at))
                && is_in(filter.start_at.as_ref(), of.start_at)
                && is_in(filter.end_at.as_ref(), of.end_at)
                && is_in(filter.completed_at.as_ref(), of.completed_at)
        });
        // By default they come as they begin.
        let rows = rows.map(|(number, of)| {
            let begins = of.start_at.unwrap_or_default();
            let at = if by_creation.is_some() { of.created_at } else { begins };
            (order.timed(at, number), of)
        });
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, order, &window).map_err(Error::new)?;
        Ok(Connection::of(page, VisitNode::of))
    }

    async fn invoice(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<InvoiceNode>> {
        Ok(account(ctx)?.state().ledger.invoices.get(&id.0).map(InvoiceNode::of))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<InvoiceFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
        sort: Option<Vec<InvoiceSortInput>>,
    ) -> Result<Connection<InvoiceNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let rows = state.ledger.invoices.all().filter(|(_, of)| {
            is(filter.status, of.invoice_status)
                && is_of(filter.client_id.as_ref(), &of.client_id)
                && is_in(filter.created_at.as_ref(), Some(of.created_at))
                && is_in(filter.updated_at.as_ref(), Some(of.updated_at))
                && is_in(filter.due_date.as_ref(), of.due_date)
                && finds(search_term.as_deref(), &[Some(&of.subject), Some(&of.invoice_number)])
        });
        let sort = sort.and_then(|sort| sort.first().copied());
        // The simulator orders by no other key.
        let (order, created) = match sort.map(|sort| (sort.key, sort.direction)) {
            Some((InvoiceSortKey::UpdatedAt, direction)) => (Order::by_change(direction), false),
            Some((InvoiceSortKey::CreatedAt, direction)) => (Order::by_change(direction), true),
            Some(_) => (Order::BY_ID, false),
            None => (Order::RECENT, false),
        };
        let rows = rows.map(|(number, of)| {
            let at = if created { of.created_at } else { of.updated_at };
            (order.timed(at, number), of)
        });
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, order, &window).map_err(Error::new)?;
        Ok(Connection::of(page, InvoiceNode::of))
    }
}
