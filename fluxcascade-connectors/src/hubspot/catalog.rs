//! What is known of object types: their properties as last read, and which custom object a name is of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, ObjectSchema, ObjectType, Projection, Timestamp};

use super::client::Api;
use super::convert;
use super::object::{Kind, is_custom_id, names};
use super::wire::Record;

/// Properties come and go while an account is used; after this long they are read anew.
const AGE: Duration = Duration::from_secs(3600);

/// After this long they are, too, where an answer leaves out what was asked for: a property may have been
/// archived, or hidden from the token's user. So there are at most so many requests for that.
const DOUBTED_AGE: Duration = Duration::from_secs(10);

/// An object type with its properties: values cannot be read or written without their types.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) schema: ObjectSchema,
}

/// All object types that were asked for.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    known: tokio::sync::Mutex<HashMap<ObjectType, (Arc<Known>, Timestamp)>>,
    names: Arc<Names>,
}

/// What hosts call custom objects, by their numbers: events have numbers alone.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<HashMap<String, ObjectType>>);

impl Names {
    /// What the host calls the custom object of this number.
    pub(super) fn of(&self, id: &str) -> Option<ObjectType> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn note(&self, kind: &Kind) {
        if kind.object.as_str() != kind.id && is_custom_id(&kind.id) {
            let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
            names.insert(kind.id.clone(), kind.object.clone());
        }
    }
}

impl Catalog {
    pub(super) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }

    /// An object type with its properties, read anew if they are old.
    pub(super) async fn get(
        &self,
        api: &Api,
        object: &ObjectType,
    ) -> Result<Arc<Known>, ConnectorError> {
        self.younger_than(AGE, api, object).await
    }

    async fn younger_than(
        &self,
        age: Duration,
        api: &Api,
        object: &ObjectType,
    ) -> Result<Arc<Known>, ConnectorError> {
        let now = api.clock().now();
        let mut all = self.known.lock().await;
        if let Some((known, read_at)) = all.get(object)
            && now.since(*read_at) < age
        {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(self.read(api, object).await?);
        all.insert(object.clone(), (Arc::clone(&known), now));
        Ok(known)
    }

    /// The same, always read anew.
    pub(super) async fn renew(
        &self,
        api: &Api,
        object: &ObjectType,
    ) -> Result<Arc<Known>, ConnectorError> {
        self.known.lock().await.remove(object);
        self.get(api, object).await
    }

    async fn read(&self, api: &Api, object: &ObjectType) -> Result<Known, ConnectorError> {
        let kind = match Kind::fixed(object) {
            Some(kind) => kind,
            None => custom(api, object).await?,
        };
        self.names.note(&kind);
        let list = api.properties(&kind.path).await?;
        Ok(Known { schema: convert::schema(&kind, &list), kind })
    }
}

/// An object type while its records are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) api: &'a Api,
    pub(super) catalog: &'a Catalog,
    pub(super) known: &'a Known,
}

impl<'a> Reading<'a> {
    /// The object type as these records show it: without properties that were asked for, and are in none
    /// of them because the account has them no more. What is left out of an answer is not blank then.
    ///
    /// HubSpot leaves blank properties out of some answers, and gives them as null in others. So where
    /// nothing else tells, the properties are read anew; in an answer with nulls a property that is not
    /// there at all is one that is not shown.
    pub(super) async fn as_shown(
        &self,
        projection: &Projection,
        records: &[Record],
    ) -> Result<Cow<'a, Known>, ConnectorError> {
        // What is archived has as few values as its answer has: nothing is blank there.
        let records: Vec<&Record> = records.iter().filter(|record| !record.archived).collect();
        let schema = &self.known.schema;
        let is_asked = |name: &&FieldName| {
            schema.field(name).is_some_and(|field| !convert::is_association(field))
        };
        let asked: Vec<&FieldName> = projection.fields().iter().filter(is_asked).collect();
        let is_in =
            |name: &FieldName, record: &Record| record.properties.contains_key(name.as_str());
        let mut unseen: Vec<&FieldName> = asked.clone();
        unseen.retain(|name| !records.iter().any(|record| is_in(name, record)));
        if records.is_empty() || unseen.is_empty() {
            return Ok(Cow::Borrowed(self.known));
        }
        let object = &self.known.kind.object;
        let now = self.catalog.younger_than(DOUBTED_AGE, self.api, object).await?;
        let is_null = |name: &&FieldName| {
            records.iter().any(|record| convert::is_null(record, name.as_str()))
        };
        if !asked.iter().any(is_null) {
            unseen.retain(|name| now.schema.field(name).is_none());
        }
        if unseen.is_empty() {
            return Ok(Cow::Borrowed(self.known));
        }
        let mut known = self.known.clone();
        known.schema.fields.retain(|field| !unseen.contains(&&field.name));
        Ok(Cow::Owned(known))
    }
}

async fn custom(api: &Api, object: &ObjectType) -> Result<Kind, ConnectorError> {
    let name = object.as_str();
    if name.starts_with("0-")
        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        return Err(unknown(object));
    }
    let list = api.custom_schemas().await?;
    let found = list.results.iter().filter(|schema| !schema.archived).find(|schema| {
        let named = [&schema.object_type_id, &schema.fully_qualified_name, &schema.name];
        named.into_iter().any(|known| known.as_deref() == Some(name))
    });
    Kind::custom(object, found.ok_or_else(|| unknown(object))?)
}

fn unknown(object: &ObjectType) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Permanent,
        format!(
            "HubSpot has no object type `{object}` that this adapter knows; there are {}, and custom \
             objects by their number like 2-123 or by the name of their schema",
            names()
        ),
    )
}
