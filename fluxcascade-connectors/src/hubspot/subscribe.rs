//! Telling HubSpot which webhooks to send. Reading what it sends is `webhook`'s.
//!
//! Subscriptions are an app's, for all accounts that have installed it, and so is the address: there is
//! one for all of them.

use async_trait::async_trait;
use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, SubscribeRequest, Subscription, Subscriptions,
};

use super::association;
use super::client::Api;
use super::config::HubSpotApp;
use super::object::Kind;
use super::wire::{NewSubscription, SubscriptionRow, WebhookSettings, WebhookThrottling};
use super::{HubSpot, convert};
use crate::scrub::Scrub;

/// Requests that HubSpot makes at once: its own default.
const AT_ONCE: u32 = 10;

/// Properties that HubSpot has no events for.
const UNHEARD: [&str; 2] = ["hs_lastmodifieddate", "num_unique_conversion_events"];

/// The app whose webhooks are set up.
#[derive(Debug)]
pub(super) struct App(pub(super) HubSpotApp);

/// Subscriptions are the [app's](super::HubSpotApp): what is subscribed to here is sent for every account
/// that has installed it, and what is listed may have been subscribed to for another one of them. To end a
/// subscription ends it for all: end what no account's mapping needs any more, and not what one has ceased
/// to need. Repeating is cheap, as what is there is left as it is.
#[async_trait]
impl Subscriptions for HubSpot {
    async fn subscribe(
        &self,
        request: SubscribeRequest,
    ) -> Result<Vec<Subscription>, ConnectorError> {
        let told = |error| Scrub::default().apply(error);
        let app = self.app()?;
        let known = self.known(&request.object).await.map_err(told)?;
        let there = self.api.subscriptions(app).await.map_err(told)?.results;
        let url = address(&self.api, app, &request.url, &there).await.map_err(told)?;
        let mut all = Vec::new();
        for wanted in wanted(&known.kind, &request) {
            let row = match there.iter().find(|row| wanted.is(row)) {
                Some(row) if row.active => row.clone(),
                Some(row) => {
                    self.api.activate(app, &convert::id_text(&row.id)).await.map_err(told)?
                }
                None => self.api.subscribe(app, &wanted).await.map_err(told)?,
            };
            all.push(told_of(&row, Some(&url)));
        }
        Ok(all)
    }

    async fn subscriptions(&self) -> Result<Option<Vec<Subscription>>, ConnectorError> {
        let told = |error| Scrub::default().apply(error);
        let app = self.app()?;
        let rows = self.api.subscriptions(app).await.map_err(told)?.results;
        let settings = self.api.webhook_settings(app).await.map_err(told)?;
        let url = settings.map(|settings| settings.target_url);
        let active = rows.iter().filter(|row| row.active);
        Ok(Some(active.map(|row| told_of(row, url.as_deref())).collect()))
    }

    async fn unsubscribe(&self, subscriptions: &[Subscription]) -> Result<(), ConnectorError> {
        let told = |error| Scrub::default().apply(error);
        let app = self.app()?;
        for subscription in subscriptions {
            let id = &subscription.id;
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                let what =
                    "a subscription of HubSpot's has a number for its id; give what was answered";
                return Err(ConnectorError::new(ErrorKind::Validation, what));
            }
            self.api.unsubscribe(app, id).await.map_err(told)?;
        }
        Ok(())
    }
}

impl HubSpot {
    fn app(&self) -> Result<&HubSpotApp, ConnectorError> {
        self.app.as_ref().map(|App(app)| app).ok_or_else(|| {
            let what =
                "webhooks are set up for an app: give its id and its developer's key (`app`)";
            ConnectorError::new(ErrorKind::Permanent, what)
        })
    }
}

/// Sees to it that the app sends to this address. It is not taken from others that are subscribed.
async fn address(
    api: &Api,
    app: &HubSpotApp,
    url: &str,
    there: &[SubscriptionRow],
) -> Result<String, ConnectorError> {
    let settings = api.webhook_settings(app).await?;
    match settings {
        Some(settings) if settings.target_url == url => return Ok(settings.target_url),
        Some(_) if there.iter().any(|row| row.active) => {
            return Err(ConnectorError::new(
                ErrorKind::Validation,
                "the app sends its webhooks to another address already, and HubSpot has one for all of \
                 them: end those subscriptions first, or change the address in the app's settings",
            ));
        }
        Some(_) | None => {}
    }
    let throttling = WebhookThrottling { max_concurrent_requests: AT_ONCE };
    let settings = WebhookSettings { target_url: url.to_owned(), throttling };
    Ok(api.set_webhooks(app, &settings).await?.target_url)
}

/// The events of an object type that are wanted: one for each property.
fn wanted(kind: &Kind, request: &SubscribeRequest) -> Vec<NewSubscription> {
    let (family, object_type_id) = match kind.singular {
        Some(own) => (own, None),
        None => ("object", Some(kind.id.clone())),
    };
    let new = |event: &str, property_name: Option<String>| NewSubscription {
        event_type: format!("{family}.{event}"),
        property_name,
        object_type_id: object_type_id.clone(),
        active: true,
    };
    let mut all: Vec<NewSubscription> =
        ["creation", "deletion", "merge", "restore"].map(|event| new(event, None)).into();
    if family == "contact" {
        all.push(new("privacyDeletion", None));
    }
    let (ties, properties): (Vec<_>, Vec<_>) =
        request.fields.iter().partition(|field| association::is_field(kind, field));
    if !ties.is_empty() {
        all.push(new("associationChange", None));
    }
    for property in properties {
        let name = property.to_string();
        let wanted = new("propertyChange", Some(name.clone()));
        if !UNHEARD.contains(&name.as_str()) && !all.contains(&wanted) {
            all.push(wanted);
        }
    }
    all
}

impl NewSubscription {
    /// Whether it is this one, active or not. HubSpot may name the object type where the event does, too.
    fn is(&self, row: &SubscriptionRow) -> bool {
        self.event_type == row.event_type
            && self.property_name.as_deref() == property_of(row)
            && (self.object_type_id.is_none() || self.object_type_id == row.object_type_id)
    }
}

/// The property that a subscription is for; an empty name is none.
fn property_of(row: &SubscriptionRow) -> Option<&str> {
    row.property_name.as_deref().filter(|name| !name.is_empty())
}

/// The object type that a subscription's event does not name.
fn object_of(row: &SubscriptionRow) -> Option<&str> {
    row.object_type_id.as_deref().filter(|_| row.event_type.starts_with("object."))
}

fn told_of(row: &SubscriptionRow, url: Option<&str>) -> Subscription {
    let mut topic = row.event_type.clone();
    for more in object_of(row).into_iter().chain(property_of(row)) {
        topic = format!("{topic} {more}");
    }
    Subscription { id: convert::id_text(&row.id), topic, url: url.map(str::to_owned) }
}
