//! Jobber's answers as they are on the wire. Nothing here means anything to the engine yet; that
//! is [`super::convert`]'s.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
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
    /// Or this, of an account or an app that is not let in: an object with a `message`, or a text.
    pub(super) error: Option<serde_json::Value>,
}

impl Envelope {
    /// What is said outside of GraphQL.
    pub(super) fn outside(&self) -> Option<&str> {
        let error = self.error.as_ref();
        let of_error = error.and_then(|error| error.as_str().or(error.get("message")?.as_str()));
        self.message.as_deref().or(of_error)
    }
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
    /// What is wrong with a variable; only that there is something matters here.
    pub(super) problems: Option<serde::de::IgnoredAny>,
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
    #[serde(rename = "requestedQueryCost")]
    pub(super) requested: Option<f64>,
    #[serde(rename = "actualQueryCost")]
    pub(super) actual: Option<f64>,
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

/// A record; every key but the id may be missing or hidden. What stands under a key is unread, so
/// that no binary fraction comes between.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    keys: ByAlias,
}

impl Record {
    /// Reads the outermost of a record; none if it has no id.
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let keys: ByAlias = serde_json::from_str(raw.get()).ok()?;
        let id = serde_json::from_str(keys.get("id")?.as_deref()?.get()).ok()?;
        Some(Self { id, keys })
    }

    /// What stands under a key.
    ///
    /// # Errors
    /// If it has another form; the text says where.
    pub(super) fn field<T: DeserializeOwned>(&self, key: &str) -> Result<Field<T>, String> {
        let Some(raw) = self.keys.get(key) else { return Ok(Field::Missing) };
        let Some(raw) = raw else { return Ok(Field::Null) };
        serde_json::from_str(raw.get()).map(Field::Value).map_err(|error| {
            format!(
                "{key} has another form than jobber's schema says, at column {}",
                error.column()
            )
        })
    }
}

/// A record's id alone, as a reference has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Identified {
    pub(super) id: String,
}

/// A value that an account's own field has on a record; what stands under its keys is unread, as it is
/// in a [`Record`].
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct CustomValue(ByAlias);

impl CustomValue {
    /// Whether the record has a value of its own: what is shown without an id is a default.
    pub(super) fn is_own(&self) -> bool {
        self.raw("id").is_some()
    }

    /// The id of its configuration; none where the selection has no part for the value's type.
    pub(super) fn configuration(&self) -> Option<String> {
        let of: Identified =
            serde_json::from_str(self.raw("customFieldConfiguration")?.get()).ok()?;
        Some(of.id)
    }

    /// What records show of this key that have no value of their own, if that is told.
    pub(super) fn default(&self, key: &str) -> Option<Box<RawValue>> {
        let mut of: ByAlias =
            serde_json::from_str(self.raw("customFieldConfiguration")?.get()).ok()?;
        of.remove(key).flatten()
    }

    /// What stands under a key, if it is not `null`.
    pub(super) fn raw(&self, key: &str) -> Option<&RawValue> {
        self.0.get(key)?.as_deref()
    }
}

/// What an account's own field is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    #[serde(rename = "__typename")]
    pub(super) type_name: String,
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) dropdown_options: Option<Vec<String>>,
}

/// The data of a query for configurations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigurationsPage {
    #[serde(default)]
    pub(super) custom_field_configurations: Option<Configurations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configurations {
    pub(super) nodes: Vec<Option<Configuration>>,
    pub(super) page_info: PageInfo,
}

/// What introspection says of a type.
#[derive(Deserialize)]
pub(super) struct TypeAnswer {
    pub(super) object: Option<TypeFields>,
}

#[derive(Deserialize)]
pub(super) struct TypeFields {
    #[serde(default)]
    pub(super) fields: Option<Vec<TypeField>>,
}

#[derive(Deserialize)]
pub(super) struct TypeField {
    pub(super) name: String,
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

/// A part of a list.
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
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) user_errors: Vec<UserError>,
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) id: String,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

impl Payload {
    /// What was written, by the key of the payload that has it: one record, or a list of one. Of several
    /// nothing says which it is: a client's other properties may be among them.
    pub(super) fn written(&self, key: &str) -> Option<Written> {
        let of = self.rest.get(key)?;
        let one = match of.as_array().map(Vec::as_slice) {
            None => of,
            Some([only]) => only,
            Some(_) => return None,
        };
        serde_json::from_value(one.clone()).ok()
    }
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
