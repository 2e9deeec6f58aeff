//! What is known of object types: their properties as last read, and which custom object a name is of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, ObjectSchema, ObjectType, Projection, Timestamp};

use super::client::Api;
use super::convert;
use super::object::{Kind, is_custom_id, names};
use super::wire::Record;

/// Properties come and go while an account is used; after this long they are read anew.
const AGE: Duration = Duration::from_secs(3600);

/// An object type with its properties: values cannot be read or written without their types.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) schema: ObjectSchema,
}

/// All object types that were asked for.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    all: Mutex<HashMap<ObjectType, Arc<Kept>>>,
    /// Of answers and of reads of properties: a clock may show the same time for both.
    turns: AtomicU64,
    names: Arc<Names>,
}

/// Where one object type is kept. Whoever reads it anew has the lock, so that one does it for all, and
/// nobody waits for another object type.
type Kept = tokio::sync::Mutex<Option<Entry>>;

#[derive(Debug)]
struct Entry {
    known: Arc<Known>,
    /// When all of it was read.
    read_at: Timestamp,
    /// Which turn its properties were asked for in.
    turn: u64,
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

    fn of(&self, object: &ObjectType) -> Arc<Kept> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(object.clone()).or_default())
    }

    /// The next of all turns.
    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst)
    }

    /// An object type with its properties, read anew if they are old.
    pub(super) async fn get(
        &self,
        api: &Api,
        object: &ObjectType,
    ) -> Result<Arc<Known>, ConnectorError> {
        let of = self.of(object);
        let mut kept = of.lock().await;
        let now = api.clock().now();
        match &*kept {
            Some(entry) if now.since(entry.read_at) < AGE => Ok(Arc::clone(&entry.known)),
            Some(_) | None => self.read(api, object, &mut kept).await,
        }
    }

    /// The same, always read anew.
    pub(super) async fn renew(
        &self,
        api: &Api,
        object: &ObjectType,
    ) -> Result<Arc<Known>, ConnectorError> {
        let of = self.of(object);
        let mut kept = of.lock().await;
        self.read(api, object, &mut kept).await
    }

    /// An object type with properties that were asked for after this turn.
    async fn since(
        &self,
        turn: u64,
        api: &Api,
        object: &ObjectType,
    ) -> Result<Arc<Known>, ConnectorError> {
        let of = self.of(object);
        let mut kept = of.lock().await;
        let Some(entry) = &mut *kept else { return self.read(api, object, &mut kept).await };
        if entry.turn <= turn {
            let turn = self.turn();
            let kind = entry.known.kind.clone();
            entry.known = Arc::new(known(api, kind).await?);
            entry.turn = turn;
        }
        Ok(Arc::clone(&entry.known))
    }

    async fn read(
        &self,
        api: &Api,
        object: &ObjectType,
        kept: &mut Option<Entry>,
    ) -> Result<Arc<Known>, ConnectorError> {
        let (read_at, turn) = (api.clock().now(), self.turn());
        let kind = match Kind::fixed(object) {
            Some(kind) => kind,
            None => custom(api, object).await?,
        };
        self.names.note(&kind);
        let known = Arc::new(known(api, kind).await?);
        *kept = Some(Entry { known: Arc::clone(&known), read_at, turn });
        Ok(known)
    }
}

async fn known(api: &Api, kind: Kind) -> Result<Known, ConnectorError> {
    let list = api.properties(&kind.path).await?;
    Ok(Known { schema: convert::schema(&kind, &list), kind })
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
    /// HubSpot leaves blank properties out of some answers, and gives them as null in others. In an answer
    /// with nulls a property that is not there at all is one that is not shown. Where there are none, what
    /// was archived, or hidden from the token's user, before the answer looks as what is blank: so the
    /// properties are read once more behind it, which costs a request for such an answer and no more.
    pub(super) async fn as_shown(
        &self,
        projection: &Projection,
        records: &[Record],
    ) -> Result<Cow<'a, Known>, ConnectorError> {
        let answered = self.catalog.turn();
        // What is archived has as few values as its answer has: nothing is blank there.
        let records: Vec<&Record> = records.iter().filter(|record| !record.archived).collect();
        let schema = &self.known.schema;
        let is_asked = |name: &&FieldName| {
            schema.field(name).is_some_and(|field| !convert::is_association(field))
        };
        let is_in =
            |name: &FieldName, record: &Record| record.properties.contains_key(name.as_str());
        let mut unseen: Vec<&FieldName> = projection.fields().iter().filter(is_asked).collect();
        unseen.retain(|name| !records.iter().any(|record| is_in(name, record)));
        if records.is_empty() || unseen.is_empty() {
            return Ok(Cow::Borrowed(self.known));
        }
        if !records.iter().any(|record| convert::has_null(record)) {
            let object = &self.known.kind.object;
            let now = self.catalog.since(answered, self.api, object).await?;
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
