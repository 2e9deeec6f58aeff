//! Jobber's answers as they are on the wire. Nothing here means anything to the engine yet; that
//! is [`super::convert`]'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The envelope of every GraphQL answer, its data still unread.
#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(default)]
    pub(super) data: Field<Box<RawValue>>,
    #[serde(default)]
    pub(super) errors: Vec<GraphError>,
    #[serde(default)]
    pub(super) extensions: Extensions,
    /// Errors from before GraphQL have only this.
    pub(super) message: Option<String>,
}

/// One entry of `errors`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct GraphError {
    #[serde(default)]
    pub(super) message: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) path: Vec<Segment>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) extensions: ErrorExtensions,
}

/// A step of a path: a key, or a place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Segment {
    Index(usize),
    Key(String),
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ErrorExtensions {
    pub(super) code: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Extensions {
    pub(super) cost: Option<Cost>,
    pub(super) versioning: Option<Versioning>,
}

/// What the query cost, and what is left. Points are whole numbers so far; nothing promises it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cost {
    pub(super) requested_query_cost: Option<f64>,
    pub(super) throttle_status: Option<ThrottleStatus>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThrottleStatus {
    pub(super) maximum_available: f64,
    pub(super) currently_available: f64,
    /// Points per second.
    pub(super) restore_rate: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Versioning {
    pub(super) version: Option<String>,
    pub(super) warning: Option<String>,
}

/// What an answer has of a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Missing,
    /// The key is there, with `null`.
    Null,
    /// The key is there, with a value.
    Value(T),
}

impl<T> Field<T> {
    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Missing | Field::Null => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<T>::deserialize(deserializer)? {
            Some(value) => Field::Value(value),
            None => Field::Null,
        })
    }
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A client; every field but the id may be missing or hidden.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) first_name: Field<String>,
    pub(super) last_name: Field<String>,
    pub(super) company_name: Field<String>,
    pub(super) is_company: Field<bool>,
    pub(super) title: Field<String>,
    pub(super) is_lead: Field<bool>,
    pub(super) is_archived: Field<bool>,
    pub(super) billing_address: Field<Address>,
    pub(super) emails: Field<Vec<Email>>,
    pub(super) phones: Field<Vec<Phone>>,
    /// Unread, so that no binary fraction comes between.
    pub(super) balance: Field<Box<RawValue>>,
    pub(super) jobber_web_uri: Field<String>,
    pub(super) created_at: Field<String>,
    pub(super) updated_at: Field<String>,
}

/// A client's id alone: what can be read of a client that cannot be read.
#[derive(Deserialize)]
pub(super) struct Identified {
    pub(super) id: String,
}

/// A billing address, by Jobber's keys.
pub(super) type Address = BTreeMap<String, Option<String>>;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Email {
    pub(super) id: String,
    #[serde(default)]
    pub(super) address: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) primary: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Phone {
    pub(super) id: String,
    #[serde(default)]
    pub(super) number: Option<String>,
    #[serde(default)]
    pub(super) normalized_phone_number: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) primary: Option<bool>,
}

/// The data of a query for a list of clients.
#[derive(Deserialize)]
pub(super) struct ClientsPage {
    #[serde(default)]
    pub(super) clients: Option<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection {
    pub(super) nodes: Vec<Option<Box<RawValue>>>,
    pub(super) page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
    pub(super) end_cursor: Option<String>,
}

/// The data of a document whose parts have aliases.
pub(super) type ByAlias = BTreeMap<String, Option<Box<RawValue>>>;

/// What a mutation answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    #[serde(default)]
    pub(super) client: Option<Written>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) id: String,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct UserError {
    #[serde(default)]
    pub(super) message: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) path: Vec<Segment>,
}

#[derive(Deserialize)]
pub(super) struct AccountAnswer {
    pub(super) account: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
}
