//! The requests that the adapter makes, each with its path, and no decision about their answers.

use std::fmt;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{ObjectType, RecordId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::config::HubSpotPaths;
use super::wire::{
    AccountDetails, BatchAnswer, BatchRead, BatchWrite, Page, PropertyList, Record, Search,
};
use crate::http::{Answer, Body, Call, Client, Failure, Fate, Method, RequestCounts};

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
        let call = Call::read("account", Method::Get, &*self.paths.account);
        Ok(self.ask(call).await?.content)
    }

    pub(super) async fn properties(
        &self,
        object: &ObjectType,
    ) -> Result<PropertyList, ConnectorError> {
        let path = format!("{}/{object}", self.paths.properties);
        let call = Call::read("schema", Method::Get, path).query("archived", "false");
        Ok(self.ask(call).await?.content)
    }

    /// A page of all records, by id.
    pub(super) async fn list(
        &self,
        object: &ObjectType,
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
        object: &ObjectType,
        search: &Search<'_>,
    ) -> Result<Dated<Page>, ConnectorError> {
        let path = format!("{}/{object}/search", self.paths.objects);
        self.ask(Call::read("search", Method::Post, path).body(json(search)?)).await
    }

    /// Records by id or by a unique property.
    pub(super) async fn read(
        &self,
        object: &ObjectType,
        which: Shelf,
        batch: &BatchRead<'_>,
    ) -> Result<BatchAnswer, ConnectorError> {
        let path = format!("{}/{object}/batch/read", self.paths.objects);
        let call = Call::read("read", Method::Post, path)
            .query("archived", which.archived())
            .body(json(batch)?);
        Ok(self.ask(call).await?.content)
    }

    /// Which record answers to this id now; after a merge it may be another one.
    pub(super) async fn resolve(
        &self,
        object: &ObjectType,
        id: &RecordId,
    ) -> Result<Option<Record>, ConnectorError> {
        let path = format!("{}/{object}/{id}", self.paths.objects);
        let call = Call::read("resolve", Method::Get, path).query("properties", "hs_object_id");
        match self.ask::<Record>(call).await {
            Ok(found) => Ok(Some(found.content)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One batch of writes, in one request that is repeated only while it surely did nothing.
    pub(super) async fn write(
        &self,
        object: &ObjectType,
        verb: Verb,
        batch: &BatchWrite<'_>,
        not_after: Timestamp,
    ) -> Result<BatchAnswer, Failure> {
        let (kind, last) = match verb {
            Verb::Create => ("create", "create"),
            Verb::Update => ("update", "update"),
        };
        let path = format!("{}/{object}/batch/{last}", self.paths.objects);
        let body =
            json(batch).map_err(|error| Failure { fate: Fate::Refused, error, answer: None })?;
        let call = Call::write(kind, Method::Post, path, Some(not_after)).body(body);
        let answer = self.http.send(&call).await?;
        // Something was carried out, but what cannot be read.
        answer.json().map_err(|error| Failure { fate: Fate::Unknown, error, answer: None })
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<Dated<T>, ConnectorError> {
        let answer: Answer = self.http.send(&call).await?;
        Ok(Dated { content: answer.json()?, date: answer.date() })
    }
}

fn json(body: &impl Serialize) -> Result<Body, ConnectorError> {
    serde_json::to_vec(body).map(Body::Json).map_err(|_| {
        ConnectorError::new(ErrorKind::Permanent, "the request could not be written as JSON")
    })
}
