//! The mutations of webhook endpoints. Nothing lists them, as nothing does at the vendor.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::{MutationErrors, account};
use crate::sim::jobber::change::Refusal;
use crate::sim::jobber::input::{EncodedId, Iso8601DateTime};
use crate::sim::jobber::webhook::Endpoint;

macro_rules! topics {
    ($($topic:ident),* $(,)?) => {
        /// What webhooks are about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        enum WebHookTopicEnum { $($topic),* }
    };
}

topics! {
    AppConnect, AppDisconnect, ClientCreate, ClientDestroy, ClientUpdate, InvoiceCreate,
    InvoiceDestroy, InvoiceUpdate, JobCreate, JobDestroy, JobUpdate, JobClosed, PropertyCreate,
    PropertyDestroy, PropertyUpdate, QuoteCreate, QuoteDestroy, QuoteUpdate, QuoteSent,
    QuoteApproved, RequestCreate, RequestDestroy, RequestUpdate, VisitComplete, VisitCreate,
    VisitDestroy, VisitUpdate, ProductOrServiceCreate, ProductOrServiceDestroy,
    ProductOrServiceUpdate, PaymentCreate, PaymentDestroy, PaymentUpdate, PayoutCreate,
    PayoutDestroy, PayoutUpdate, TimesheetCreate, TimesheetDestroy, TimesheetUpdate, ExpenseCreate,
    ExpenseDestroy, ExpenseUpdate, OnMyWayTrackingLinkRequest, UserCreate,
}

impl WebHookTopicEnum {
    /// As deliveries have it.
    fn name(self) -> &'static str {
        let items = <Self as async_graphql::resolver_utils::EnumType>::items();
        items.iter().find(|item| item.value == self).map_or("", |item| item.name)
    }

    fn named(name: &str) -> Option<Self> {
        let items = <Self as async_graphql::resolver_utils::EnumType>::items();
        items.iter().find(|item| item.name == name).map(|item| item.value)
    }
}

#[derive(Debug, Clone, InputObject)]
struct WebhookEndpointCreateInput {
    topic: WebHookTopicEnum,
    url: String,
}

#[derive(Debug, SimpleObject)]
struct WebhookEndpoint {
    id: EncodedId,
    topic: WebHookTopicEnum,
    url: String,
    created_at: Iso8601DateTime,
    updated_at: Iso8601DateTime,
}

impl WebhookEndpoint {
    fn of(endpoint: &Endpoint) -> Option<Self> {
        Some(Self {
            id: EncodedId(endpoint.id.clone()),
            topic: WebHookTopicEnum::named(&endpoint.topic)?,
            url: endpoint.url.clone(),
            created_at: Iso8601DateTime(endpoint.created_at),
            updated_at: Iso8601DateTime(endpoint.created_at),
        })
    }
}

#[derive(Debug, SimpleObject)]
struct WebhookEndpointCreatePayload {
    webhook_endpoint: Option<WebhookEndpoint>,
    user_errors: Vec<MutationErrors>,
}

#[derive(Debug, SimpleObject)]
struct WebhookEndpointDeletePayload {
    deleted_webhook_endpoints: Option<Vec<WebhookEndpoint>>,
    user_errors: Vec<MutationErrors>,
}

#[derive(Debug, SimpleObject)]
struct AppDisconnectPayload {
    user_errors: Vec<MutationErrors>,
}

/// Makes and removes endpoints, and lets go of the app.
#[derive(Debug, Default)]
pub(super) struct WebhookMutation;

#[Object]
impl WebhookMutation {
    async fn webhook_endpoint_create(
        &self,
        ctx: &Context<'_>,
        input: WebhookEndpointCreateInput,
    ) -> Result<WebhookEndpointCreatePayload> {
        let account = account(ctx)?;
        let now = account.now();
        let mut state = account.state();
        let topic = input.topic.name();
        let refused = |field: &str, message: &str| {
            let user_errors = vec![Refusal::of(field, message).into()];
            Ok(WebhookEndpointCreatePayload { webhook_endpoint: None, user_errors })
        };
        if !input.url.starts_with("http://") && !input.url.starts_with("https://") {
            return refused("url", "is invalid");
        }
        if state.endpoints.iter().any(|endpoint| endpoint.topic == topic) {
            return refused("topic", "has already been taken");
        }
        let endpoint = state.subscribe(topic, &input.url, now);
        Ok(WebhookEndpointCreatePayload {
            webhook_endpoint: WebhookEndpoint::of(&endpoint),
            user_errors: Vec::new(),
        })
    }

    /// The app has done with the account.
    async fn app_disconnect(&self, ctx: &Context<'_>) -> Result<AppDisconnectPayload> {
        account(ctx)?.let_go();
        Ok(AppDisconnectPayload { user_errors: Vec::new() })
    }

    async fn webhook_endpoint_delete(
        &self,
        ctx: &Context<'_>,
        webhook_endpoints_ids: Vec<EncodedId>,
    ) -> Result<WebhookEndpointDeletePayload> {
        let account = account(ctx)?;
        let mut state = account.state();
        let mut deleted = Vec::new();
        let mut user_errors = Vec::new();
        for id in webhook_endpoints_ids {
            match state.endpoints.iter().position(|endpoint| endpoint.id == id.0) {
                Some(at) => deleted.extend(WebhookEndpoint::of(&state.endpoints.remove(at))),
                None => user_errors.push(MutationErrors::from(Refusal {
                    message: "Webhook endpoint could not be found".to_owned(),
                    path: vec!["webhookEndpointsIds".to_owned()],
                })),
            }
        }
        Ok(WebhookEndpointDeletePayload { deleted_webhook_endpoints: Some(deleted), user_errors })
    }
}
