//! The requests that the adapter makes, each with its path, and no decision about their answers.

use std::fmt;
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{RecordId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::config::{HubSpotApp, HubSpotPaths};
use super::convert;
use super::wire::{
    AccountDetails, Activation, AssociationAnswer, BatchAnswer, BatchRead, CustomSchemas, Group,
    Groups, Inputs, NewGroup, NewProperty, NewSubscription, Page, Property, PropertyList, Record,
    Search, SubscriptionRow, SubscriptionRows, WebhookSettings,
};
use crate::http::oauth::Whose;
use crate::http::{Answer, Asker, Body, Call, Client, Failure, Fate, Method, RequestCounts};

/// Which records: HubSpot never mixes them in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    Live,
    Archived,
}

impl Shelf {
    fn archived(self) -> &'static str {
        match self {
            Shelf::Live => "false",
            Shelf::Archived => "true",
        }
    }
}

/// What a batch write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Upsert,
    Archive,
}

impl Verb {
    /// The last part of its path, by which it is counted.
    fn kind(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Upsert => "upsert",
            Verb::Archive => "archive",
        }
    }
}

/// What a batch does to associations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tying {
    /// Under these labels and no other.
    Label,
    /// Without a label; others are kept.
    Default,
    /// Not any more.
    Archive,
}

/// When a write may leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    pub(super) not_after: Timestamp,
    pub(super) room: Room,
}

/// Where a request has its room in the limits from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It waits until there is some.
    Asked,
    /// It was [set aside](Api::set_aside) for it.
    SetAside,
}

/// A page of a list, and HubSpot's clock when it was made.
pub(super) struct Dated<T> {
    pub(super) content: T,
    pub(super) date: Option<Timestamp>,
}

/// HubSpot's API with one account's token.
pub(super) struct Api {
    http: Client,
    paths: HubSpotPaths,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("http", &self.http).finish_non_exhaustive()
    }
}

impl Api {
    pub(super) fn new(http: Client, paths: HubSpotPaths) -> Self {
        Self { http, paths }
    }

    /// What requests leave through.
    pub(super) fn http(&self) -> &Client {
        &self.http
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.http.clock().as_ref()
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.http.requests()
    }

    pub(super) async fn account(&self) -> Result<AccountDetails, ConnectorError> {
        Ok(self.ask(account_call(&self.paths.account)).await?.content)
    }

    pub(super) async fn properties(&self, object: &str) -> Result<PropertyList, ConnectorError> {
        let path = format!("{}/{object}", self.paths.properties);
        let call = Call::read("schema", Method::Get, path).query("archived", "false");
        Ok(self.ask(call).await?.content)
    }

    /// A property by its name, if there is one.
    pub(super) async fn property(
        &self,
        object: &str,
        name: &str,
    ) -> Result<Option<Property>, ConnectorError> {
        let path = format!("{}/{object}/{name}", self.paths.properties);
        unless_unknown(self.ask(Call::read("property", Method::Get, path)).await)
    }

    pub(super) async fn property_groups(&self, object: &str) -> Result<Groups, ConnectorError> {
        let path = format!("{}/{object}/groups", self.paths.properties);
        Ok(self.ask(Call::read("property", Method::Get, path)).await?.content)
    }

    pub(super) async fn make_property_group(
        &self,
        object: &str,
        group: &NewGroup,
    ) -> Result<Group, ConnectorError> {
        let path = format!("{}/{object}/groups", self.paths.properties);
        let call = Call::write("property", Method::Post, path, None).body(json(group)?);
        Ok(self.ask(call).await?.content)
    }

    pub(super) async fn make_property(
        &self,
        object: &str,
        property: &NewProperty<'_>,
    ) -> Result<Property, ConnectorError> {
        let path = format!("{}/{object}", self.paths.properties);
        let call = Call::write("property", Method::Post, path, None).body(json(property)?);
        Ok(self.ask(call).await?.content)
    }

    /// A page of all records, by id.
    pub(super) async fn list(
        &self,
        object: &str,
        which: Shelf,
        limit: usize,
        after: Option<&str>,
        properties: &[&str],
    ) -> Result<Dated<Page>, ConnectorError> {
        let path = format!("{}/{object}", self.paths.objects);
        let mut call = Call::read("list", Method::Get, path)
            .query("limit", limit.to_string())
            .query("archived", which.archived())
            .query("properties", properties.join(","));
        if let Some(after) = after {
            call = call.query("after", after);
        }
        self.ask(call).await
    }

    pub(super) async fn search(
        &self,
        object: &str,
        search: &Search<'_>,
    ) -> Result<Dated<Page>, ConnectorError> {
        let path = format!("{}/{object}/search", self.paths.objects);
        self.ask(Call::read("search", Method::Post, path).body(json(search)?)).await
    }

    /// Records by id or by a unique property.
    pub(super) async fn read(
        &self,
        object: &str,
        which: Shelf,
        batch: &BatchRead<'_>,
    ) -> Result<BatchAnswer, ConnectorError> {
        let path = format!("{}/{object}/batch/read", self.paths.objects);
        let call = Call::read("read", Method::Post, path)
            .query("archived", which.archived())
            .body(json(batch)?);
        Ok(self.ask(call).await?.content)
    }

    /// The same, with what properties held before: fifty records at most.
    pub(super) async fn history(
        &self,
        object: &str,
        batch: &BatchRead<'_>,
    ) -> Result<BatchAnswer, ConnectorError> {
        let path = format!("{}/{object}/batch/read", self.paths.objects);
        let call = Call::read("history", Method::Post, path).body(json(batch)?);
        Ok(self.ask(call).await?.content)
    }

    /// Which record answers to this id now; after a merge it may be another one.
    pub(super) async fn resolve(
        &self,
        object: &str,
        id: &RecordId,
    ) -> Result<Option<Record>, ConnectorError> {
        let path = format!("{}/{object}/{id}", self.paths.objects);
        let call = Call::read("resolve", Method::Get, path).query("properties", "hs_object_id");
        unless_unknown(self.ask(call).await)
    }

    /// The schemas of the account's custom objects.
    pub(super) async fn custom_schemas(&self) -> Result<CustomSchemas, ConnectorError> {
        let call =
            Call::read("schema", Method::Get, &*self.paths.schemas).query("archived", "false");
        Ok(self.ask(call).await?.content)
    }

    /// What records are associated with, of one object type.
    pub(super) async fn associations(
        &self,
        from: &str,
        to: &str,
        inputs: &Inputs<'_, impl Serialize>,
    ) -> Result<AssociationAnswer, ConnectorError> {
        let path = format!("{}/{from}/{to}/batch/read", self.paths.associations);
        let call = Call::read("associations", Method::Post, path).body(json(inputs)?);
        Ok(self.ask(call).await?.content)
    }

    /// One batch of changes to associations. An archive's answer has nothing in it.
    pub(super) async fn tie(
        &self,
        (from, to): (&str, &str),
        tying: Tying,
        inputs: &Inputs<'_, impl Serialize>,
        not_after: Timestamp,
    ) -> Result<AssociationAnswer, Failure> {
        let last = match tying {
            Tying::Label => "create",
            Tying::Default => "associate/default",
            Tying::Archive => "archive",
        };
        let path = format!("{}/{from}/{to}/batch/{last}", self.paths.associations);
        let departure = Departure { not_after, room: Room::Asked };
        let answer = self.post("associate", path, inputs, departure).await?;
        match tying {
            Tying::Archive => Ok(AssociationAnswer::default()),
            Tying::Label | Tying::Default => answer.json().map_err(unreadable),
        }
    }

    /// One batch of writes, in one request that is repeated only while it surely did nothing. An
    /// archive's answer has nothing in it.
    pub(super) async fn write(
        &self,
        object: &str,
        verb: Verb,
        inputs: &Inputs<'_, impl Serialize>,
        departure: Departure,
    ) -> Result<BatchAnswer, Failure> {
        let kind = verb.kind();
        let path = format!("{}/{object}/batch/{kind}", self.paths.objects);
        let answer = self.post(kind, path, inputs, departure).await?;
        match verb {
            Verb::Archive => Ok(BatchAnswer::default()),
            Verb::Create | Verb::Update | Verb::Upsert => answer.json().map_err(unreadable),
        }
    }

    async fn post(
        &self,
        kind: &'static str,
        path: String,
        body: &impl Serialize,
        departure: Departure,
    ) -> Result<Answer, Failure> {
        let body =
            json(body).map_err(|error| Failure { fate: Fate::Refused, error, answer: None })?;
        let call = Call::write(kind, Method::Post, path, Some(departure.not_after)).body(body);
        match departure.room {
            Room::Asked => self.http.send(&call).await,
            Room::SetAside => self.http.send(&call.with_room()).await,
        }
    }

    /// Takes a request out of the limits for one that must leave directly behind another.
    pub(super) async fn set_aside(
        &self,
        verb: Verb,
        not_after: Timestamp,
    ) -> Result<(), ConnectorError> {
        let call = Call::write(verb.kind(), Method::Post, "", Some(not_after));
        Ok(self.http.set_aside(&call).await?)
    }

    /// How long a request takes at most.
    pub(super) fn longest_request(&self) -> Duration {
        self.http.settings().request_timeout
    }

    pub(super) async fn webhook_settings(
        &self,
        app: &HubSpotApp,
    ) -> Result<Option<WebhookSettings>, ConnectorError> {
        unless_unknown(self.ask_as_developer(app, Method::Get, "settings", Body::Nothing).await)
    }

    pub(super) async fn set_webhooks(
        &self,
        app: &HubSpotApp,
        settings: &WebhookSettings,
    ) -> Result<WebhookSettings, ConnectorError> {
        let body = json(settings)?;
        Ok(self.ask_as_developer(app, Method::Put, "settings", body).await?.content)
    }

    pub(super) async fn subscriptions(
        &self,
        app: &HubSpotApp,
    ) -> Result<SubscriptionRows, ConnectorError> {
        Ok(self.ask_as_developer(app, Method::Get, "subscriptions", Body::Nothing).await?.content)
    }

    pub(super) async fn subscribe(
        &self,
        app: &HubSpotApp,
        subscription: &NewSubscription,
    ) -> Result<SubscriptionRow, ConnectorError> {
        let body = json(subscription)?;
        Ok(self.ask_as_developer(app, Method::Post, "subscriptions", body).await?.content)
    }

    pub(super) async fn activate(
        &self,
        app: &HubSpotApp,
        id: &str,
    ) -> Result<SubscriptionRow, ConnectorError> {
        let (path, body) = (format!("subscriptions/{id}"), json(&Activation { active: true })?);
        Ok(self.ask_as_developer(app, Method::Patch, &path, body).await?.content)
    }

    /// Ends a subscription, or finds that it has ended.
    pub(super) async fn unsubscribe(
        &self,
        app: &HubSpotApp,
        id: &str,
    ) -> Result<(), ConnectorError> {
        let call = self.as_developer(app, Method::Delete, &format!("subscriptions/{id}"));
        match self.http.send(&call).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.error.kind == ErrorKind::NotFound => Ok(()),
            Err(failure) => Err(of_developer(failure.error)),
        }
    }

    /// An app's webhooks are its developer's affair, who has a key and no token. It may be repeated:
    /// it sets what is to be, or is looked at first.
    fn as_developer(&self, app: &HubSpotApp, method: Method, what: &str) -> Call {
        let path = format!("{}/{}/{what}", self.paths.webhooks, app.id);
        let call = match method {
            Method::Post => Call::write("webhooks", method, path, None),
            Method::Get | Method::Put | Method::Patch | Method::Delete => {
                Call::read("webhooks", method, path)
            }
        };
        call.asked_by(Asker::Key { name: "hapikey", key: app.developer_key.clone() })
    }

    async fn ask_as_developer<T: DeserializeOwned>(
        &self,
        app: &HubSpotApp,
        method: Method,
        what: &str,
        body: Body,
    ) -> Result<Dated<T>, ConnectorError> {
        let sent = self.http.send(&self.as_developer(app, method, what).body(body)).await;
        let answer = sent.map_err(|failure| of_developer(failure.error))?;
        Ok(Dated { content: answer.json()?, date: answer.date() })
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<Dated<T>, ConnectorError> {
        let answer: Answer = self.http.send(&call).await?;
        Ok(Dated { content: answer.json()?, date: answer.date() })
    }
}

/// What was refused is a developer's key, or what it may do: not the account's token.
fn of_developer(error: ConnectorError) -> ConnectorError {
    let what = match error.kind {
        ErrorKind::Auth => {
            "HubSpot does not accept the developer's key (`app.developer_key`); take it from the developer \
             account that the app is of"
        }
        ErrorKind::Permission => {
            "HubSpot does not let the developer's key (`app.developer_key`) do this; check that the app \
             (`app.id`) is of that developer account"
        }
        ErrorKind::NotFound
        | ErrorKind::Validation
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost
        | ErrorKind::Permanent
        | ErrorKind::Protocol
        | ErrorKind::RateLimited
        | ErrorKind::Transient => return error,
    };
    let words = error.message.split_once("; it says: ").map(|(_, words)| words.to_owned());
    let said = words.map(|words| format!("; it says: {words}")).unwrap_or_default();
    ConnectorError { message: format!("{what}{said}"), ..error }
}

/// None, if HubSpot does not know it.
fn unless_unknown<T>(found: Result<Dated<T>, ConnectorError>) -> Result<Option<T>, ConnectorError> {
    match found {
        Ok(found) => Ok(Some(found.content)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Something was carried out, but what cannot be read.
fn unreadable(error: ConnectorError) -> Failure {
    Failure { fate: Fate::Unknown, error, answer: None }
}

fn json(body: &impl Serialize) -> Result<Body, ConnectorError> {
    serde_json::to_vec(body).map(Body::Json).map_err(|_| {
        ConnectorError::new(ErrorKind::Permanent, "the request could not be written as JSON")
    })
}

fn account_call(path: &str) -> Call {
    Call::read("account", Method::Get, path)
}

/// Which portal a token is for: asked at this path.
#[derive(Debug)]
pub(super) struct AccountCall(pub(super) String);

impl Whose for AccountCall {
    fn call(&self) -> Call {
        account_call(&self.0)
    }

    fn account(&self, answer: &Answer) -> Result<String, ConnectorError> {
        Ok(convert::account(&answer.json()?).id)
    }
}
