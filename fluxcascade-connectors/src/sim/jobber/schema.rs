//! Jobber's GraphQL schema, the part about the account and its clients: queries and mutations. The
//! objects are in `schema/object`, the connections in `schema/connection`; what a change means is
//! in `change`, which rows a page has in `listing`.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

mod connection;
mod custom;
mod lists;
mod null;
mod object;
mod webhook;
mod work;
mod write;

use std::sync::Arc;

use async_graphql::{
    Context, EmptySubscription, Error, MergedObject, Object, Result, Schema, SimpleObject,
};
use fluxcascade_core::Timestamp;

use super::Account;
use super::change::{self, Refusal};
use super::client::{JobberClient, Kind, decode_id, encode_id};
use super::input::{
    ClientCreateInput, ClientEditInput, ClientFilterAttributes, ClientPhoneFilterAttributes,
    ClientSearchField, ClientsSortInput, EncodedId, Iso8601DateTime,
};
use super::listing::{self, Order, Place};
use super::search::Term;
use super::state::{Archived, Index, Shown, State};
use connection::Connection;
use object::{ClientNode, EmailNode, PhoneNode};

/// Deeper queries are refused.
const MAX_DEPTH: usize = 32;

/// The schema over an account.
pub(super) type JobberSchema = Schema<Query, Mutation, EmptySubscription>;

/// Makes the schema over an account.
pub(super) fn over(account: Arc<Account>) -> JobberSchema {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .data(account)
        .extension(null::NullWhatFails)
        .limit_depth(MAX_DEPTH)
        .finish()
}

/// The account behind a resolver.
fn account<'a>(ctx: &Context<'a>) -> Result<&'a Arc<Account>> {
    ctx.data::<Arc<Account>>()
}

/// The account, as the API shows it.
#[derive(Debug, SimpleObject)]
#[graphql(name = "Account")]
struct AccountNode {
    created_at: Iso8601DateTime,
    dedicated_phone_number: Option<String>,
    earliest_invoice_issued_date: Option<Iso8601DateTime>,
    id: EncodedId,
    name: String,
    phone: Option<String>,
    signup_name: Option<String>,
}

/// What can be read.
#[derive(Debug, Default, MergedObject)]
#[graphql(name = "Query")]
pub(super) struct Query(ClientQuery, lists::WorkQuery, custom::CustomQuery);

/// What can be written. Several in one document are done one after the other.
#[derive(Debug, Default, MergedObject)]
#[graphql(name = "Mutation")]
pub(super) struct Mutation(
    ClientMutation,
    write::WorkMutation,
    custom::CustomMutation,
    webhook::WebhookMutation,
);

/// Reads the account and its clients.
#[derive(Debug, Default)]
struct ClientQuery;

#[Object]
impl ClientQuery {
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<AccountNode>> {
        let account = account(ctx)?;
        Ok(Some(AccountNode {
            created_at: Iso8601DateTime(account.created_at),
            dedicated_phone_number: None,
            earliest_invoice_issued_date: None,
            id: EncodedId(encode_id(Kind::Account, account.number)),
            name: account.name.clone(),
            phone: None,
            signup_name: None,
        }))
    }

    async fn client(&self, ctx: &Context<'_>, id: EncodedId) -> Result<Option<ClientNode>> {
        Ok(account(ctx)?.state().client(&id.0).map(ClientNode::of))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn clients(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<ClientFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_fields: Option<Vec<ClientSearchField>>,
        search_term: Option<String>,
        sort: Option<ClientsSortInput>,
    ) -> Result<Connection<ClientNode>> {
        let account = account(ctx)?;
        let now = account.now();
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let order = Order::of(sort);
        let rows = rows(&state, search_term.as_deref(), now, |term, client| {
            term.finds(client, search_fields.as_deref())
        });
        let rows = rows
            .filter(|(_, client)| listing::passes(&filter, client))
            .map(|(number, client)| (order.place(number, client), client));
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, order, &window).map_err(Error::new)?;
        Ok(Connection::of(page, ClientNode::of))
    }

    async fn client_emails(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
    ) -> Result<Connection<EmailNode>> {
        let account = account(ctx)?;
        let now = account.now();
        let state = account.state();
        let term = search_term.as_deref().and_then(Term::read);
        let mut found = Vec::new();
        for (number, indexed) in state.seen(index(term.as_ref()), now) {
            let Some(listed) = state.listed(number, now) else { continue };
            for email in &indexed.emails {
                let wanted = term.as_ref().is_none_or(|term| term.finds_email(email));
                let live = listed.emails.iter().find(|live| wanted && live.id == email.id);
                let number = decode_id(Kind::Email, &email.id);
                if let (Some(live), Some(number)) = (live, number) {
                    found.push((Place::made(number), EmailNode::of(live, listed)));
                }
            }
        }
        let window = account.window(first, last, after, before);
        let page = listing::page(found.into_iter(), Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, |node| node))
    }

    #[expect(clippy::too_many_arguments, reason = "the vendor's field has so many")]
    async fn client_phones(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<ClientPhoneFilterAttributes>,
        first: Option<i32>,
        last: Option<i32>,
        search_term: Option<String>,
    ) -> Result<Connection<PhoneNode>> {
        let account = account(ctx)?;
        let now = account.now();
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let term = search_term.as_deref().and_then(Term::read);
        let mut found = Vec::new();
        for (number, indexed) in state.seen(index(term.as_ref()), now) {
            let Some(listed) = state.listed(number, now) else { continue };
            for entry in &indexed.phones {
                let wanted = term.as_ref().is_none_or(|term| term.finds_phone(entry));
                let live = listed.phones.iter().find(|live| wanted && live.id == entry.id);
                let number = decode_id(Kind::Phone, &entry.id);
                if let (Some(live), Some(number)) = (live, number)
                    && filter.passes(live)
                {
                    found.push((Place::made(number), PhoneNode::of(live, listed)));
                }
            }
        }
        let window = account.window(first, last, after, before);
        let page = listing::page(found.into_iter(), Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, |node| node))
    }
}

/// A search goes through its own index, which may know less than the list.
fn index(term: Option<&Term>) -> Index {
    if term.is_some() { Index::Search } else { Index::List }
}

/// The clients that a term finds, as the list shows them; all, if there is no term. Who is found
/// is as old as the search index; what is shown is not.
fn rows<'a>(
    state: &'a State,
    term: Option<&str>,
    now: Timestamp,
    finds: impl Fn(&Term, &JobberClient) -> bool,
) -> impl Iterator<Item = (u64, &'a Arc<JobberClient>)> {
    let term = term.and_then(Term::read);
    let seen = state.seen(index(term.as_ref()), now);
    seen.filter(move |(_, indexed)| term.as_ref().is_none_or(|term| finds(term, indexed)))
        .filter_map(move |(number, _)| state.listed(number, now).map(|listed| (number, listed)))
}

/// Why a mutation did nothing.
#[derive(Debug, SimpleObject)]
struct MutationErrors {
    message: String,
    path: Vec<String>,
}

impl From<Refusal> for MutationErrors {
    fn from(refusal: Refusal) -> Self {
        Self { message: refusal.message, path: refusal.path }
    }
}

macro_rules! payload {
    ($($name:ident),*) => {$(
        #[derive(Debug, SimpleObject)]
        struct $name {
            client: Option<ClientNode>,
            user_errors: Vec<MutationErrors>,
        }

        impl From<Result<Arc<JobberClient>, Vec<Refusal>>> for $name {
            fn from(done: Result<Arc<JobberClient>, Vec<Refusal>>) -> Self {
                match done {
                    Ok(client) => {
                        Self { client: Some(ClientNode::of(&client)), user_errors: Vec::new() }
                    }
                    Err(refusals) => Self {
                        client: None,
                        user_errors: refusals.into_iter().map(MutationErrors::from).collect(),
                    },
                }
            }
        }
    )*};
}

payload!(ClientArchivePayload, ClientCreatePayload, ClientEditPayload, ClientUnarchivePayload);

/// Writes clients.
#[derive(Debug, Default)]
struct ClientMutation;

#[Object]
impl ClientMutation {
    async fn client_archive(
        &self,
        ctx: &Context<'_>,
        client_id: EncodedId,
    ) -> Result<ClientArchivePayload> {
        let account = account(ctx)?;
        let done = account.state().set_archived(&client_id.0, Archived::Yes, account.now());
        Ok(done.map_err(|refusal| vec![refusal]).into())
    }

    async fn client_create(
        &self,
        ctx: &Context<'_>,
        input: ClientCreateInput,
    ) -> Result<ClientCreatePayload> {
        let account = account(ctx)?;
        Ok(create(account, input).into())
    }

    async fn client_edit(
        &self,
        ctx: &Context<'_>,
        client_id: EncodedId,
        input: ClientEditInput,
    ) -> Result<ClientEditPayload> {
        let account = account(ctx)?;
        Ok(edit(account, &client_id, input).into())
    }

    async fn client_unarchive(
        &self,
        ctx: &Context<'_>,
        client_id: EncodedId,
    ) -> Result<ClientUnarchivePayload> {
        let account = account(ctx)?;
        let done = account.state().set_archived(&client_id.0, Archived::No, account.now());
        Ok(done.map_err(|refusal| vec![refusal]).into())
    }
}

fn create(
    account: &Account,
    mut input: ClientCreateInput,
) -> Result<Arc<JobberClient>, Vec<Refusal>> {
    let mut state = account.state();
    let customs = input.custom_fields.take();
    let mut client = change::create(input, &mut state.ids)?;
    change::work::client_customs(&state.ledger, &mut client.custom_fields, customs, None)?;
    Ok(state.insert(client, account.now(), Shown::Lagging))
}

fn edit(
    account: &Account,
    id: &EncodedId,
    mut input: ClientEditInput,
) -> Result<Arc<JobberClient>, Vec<Refusal>> {
    let mut state = account.state();
    let Some(client) = state.client(&id.0).map(Arc::clone) else {
        return Err(vec![Refusal::unknown_client()]);
    };
    let customs = input.custom_fields.take();
    let (added, deleted) = (input.properties_to_add.take(), input.properties_to_delete.take());
    let mut client = change::edit(&client, input, account.address_edit, &mut state.ids)?;
    change::work::client_customs(&state.ledger, &mut client.custom_fields, None, customs)?;
    for property in added.unwrap_or_default() {
        client.properties.push(change::work::property(&state.ledger, property)?);
    }
    for id in deleted.unwrap_or_default() {
        change::work::remove_property(&state.ledger, &mut client, &id.0)?;
    }
    state.replace(&id.0, client, account.now()).ok_or_else(|| vec![Refusal::unknown_client()])
}
