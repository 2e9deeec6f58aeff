//! Short ways to ask a fixture, for the checks of the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Fixture, Found};
use crate::connector::{
    Capabilities, ChangesPage, ChangesRequest, ConnectorError, Consistency, FetchRequest,
    FindRequest, Found as Hit, Position, Write, WriteAction, WriteOutcome, WriteRequest,
};
use crate::model::{
    FieldName, Observation, OperationId, Projection, RecordId, SeenBy, Slot, State, Value, Version,
};

/// Pages after which a read that does not end is given up.
const MOST_PAGES: usize = 2000;

/// What one read from a position to its end returned.
pub(super) struct Pass {
    pub(super) seen: Vec<Observation>,
    pub(super) next: Position,
}

impl Pass {
    pub(super) fn of(&self, record: &RecordId) -> Option<&Observation> {
        self.seen.iter().rev().find(|seen| seen.record == *record)
    }

    /// The records that are known on it.
    pub(super) fn known(&self) -> BTreeSet<&RecordId> {
        let known = self.seen.iter().filter(|seen| seen.known().is_some());
        known.map(|seen| &seen.record).collect()
    }
}

impl Fixture {
    pub(super) fn can(&self) -> Capabilities {
        self.connector.capabilities(&self.object)
    }

    pub(super) fn projection(&self) -> Projection {
        let [first, second] = &self.fields;
        Projection::new([self.key.clone(), first.clone(), second.clone()])
    }

    /// Lets as much time pass as any read may lag, and a minute, so that times differ.
    pub(super) async fn settle(&self) {
        let can = self.can();
        let lag = [can.list, can.find, can.fetch].into_iter().map(lag_of).max();
        self.backstage.wait(lag.unwrap_or_default() + Duration::from_secs(61)).await;
    }

    pub(super) async fn minute(&self) {
        self.backstage.wait(Duration::from_secs(61)).await;
    }

    /// A person makes a record with a new key and this in the first field.
    pub(super) async fn person(&self, first: &str) -> RecordId {
        let mut fields = self.required.clone();
        fields.push((self.key.clone(), self.new_key()));
        fields.push((self.fields[0].clone(), Value::from(first)));
        self.backstage.insert(fields).await
    }

    /// So many people, with a minute between any two of them.
    pub(super) async fn people(&self, count: usize) -> Vec<RecordId> {
        let mut people = Vec::with_capacity(count);
        for number in 0..count {
            self.minute().await;
            people.push(self.person(&format!("Person {number}")).await);
        }
        self.settle().await;
        people
    }

    /// A person who is there for all reads.
    pub(super) async fn settled(&self, first: &str) -> RecordId {
        let record = self.person(first).await;
        self.settle().await;
        record
    }

    pub(super) async fn page(
        &self,
        position: &Position,
        limit: usize,
    ) -> Result<ChangesPage, ConnectorError> {
        let (object, projection) = (self.object.clone(), self.projection());
        let request = ChangesRequest { object, projection, position: position.clone(), limit };
        self.connector.changes(request).await
    }

    /// Reads on to the end.
    pub(super) async fn pass(&self, from: &Position, limit: usize) -> Result<Pass, Found> {
        let mut pass = Pass { seen: Vec::new(), next: from.clone() };
        for _ in 0..MOST_PAGES {
            let page = self.page(&pass.next, limit).await?;
            pass.seen.extend(page.observations);
            pass.next = Position::After(page.cursor);
            if !page.more {
                return Ok(pass);
            }
        }
        Err(Found(format!("a read of changes does not end in {MOST_PAGES} pages")))
    }

    pub(super) async fn fetch_all(
        &self,
        records: Vec<RecordId>,
    ) -> Result<Vec<Observation>, Found> {
        let (object, projection) = (self.object.clone(), self.projection());
        Ok(self.connector.fetch(FetchRequest { object, projection, records }).await?)
    }

    pub(super) async fn fetch(&self, record: &RecordId) -> Result<Observation, Found> {
        let mut seen = self.fetch_all(vec![record.clone()]).await?;
        let one = seen.pop().filter(|_| seen.is_empty());
        one.ok_or_else(|| Found(format!("a read of {record} alone has not one answer")))
    }

    pub(super) async fn version(&self, record: &RecordId) -> Result<Version, Found> {
        let seen = self.fetch(record).await?;
        let known = seen.known().map(|(_, version)| version.clone());
        known.ok_or_else(|| Found(format!("{seen}, and should be known")))
    }

    /// What a read by id says of the three fields; only of a record that is known.
    pub(super) async fn values(&self, record: &RecordId) -> Result<[Slot; 3], Found> {
        let seen = self.fetch(record).await?;
        let slots = seen.values().map(|values| values.slots().to_vec());
        let slots = slots.ok_or_else(|| Found(format!("{seen}, and should be known")))?;
        <[Slot; 3]>::try_from(slots)
            .map_err(|slots| Found(format!("{} slots for 3 fields", slots.len())))
    }

    /// Looks up by the key; `None` if the system has no such look-up.
    pub(super) async fn find(&self, values: Vec<Value>) -> Result<Option<Vec<Hit>>, Found> {
        let (object, projection) = (self.object.clone(), self.projection());
        let request = FindRequest { object, projection, field: self.key.clone(), values };
        match self.connector.find(request).await {
            Ok(hits) => Ok(Some(hits)),
            Err(error) if error.is_no_look_up(&self.key) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes in batches that the system takes; fails if there are not as many outcomes.
    pub(super) async fn write(&self, writes: Vec<Write>) -> Result<Vec<WriteOutcome>, Found> {
        let not_after = self.backstage.now() + Duration::from_secs(240);
        let (object, projection) = (self.object.clone(), self.projection());
        let count = writes.len();
        let request = WriteRequest { object, projection, writes, not_after };
        let outcomes = self.connector.write(request).await;
        if outcomes.len() != count {
            return Err(Found(format!("{} outcomes of {count} writes", outcomes.len())));
        }
        Ok(outcomes)
    }

    pub(super) async fn write_one(&self, write: Write) -> Result<WriteOutcome, Found> {
        let mut outcomes = self.write(vec![write]).await?;
        outcomes.pop().ok_or_else(|| Found("no outcome".into()))
    }

    /// Writes, and the record that it was applied to.
    pub(super) async fn applied(&self, write: Write) -> Result<RecordId, Found> {
        let outcome = self.write_one(write).await?;
        if let WriteOutcome::Applied { record, .. } = outcome {
            return Ok(record);
        }
        Err(Found(format!("a write is not applied: {outcome:?}")))
    }

    pub(super) fn create(&self, key: Value, first: &str) -> Write {
        let mut fields = self.required.clone();
        fields.push((self.key.clone(), key));
        fields.push((self.fields[0].clone(), Value::from(first)));
        fields.retain(|(field, _)| !self.read_only.contains(field));
        write(WriteAction::Create, fields)
    }

    /// Whether the connector can write the second field.
    pub(super) fn writes_second(&self) -> bool {
        !self.read_only.contains(&self.fields[1])
    }

    /// Where a read begins that shows an edit of the first field, and a record that was made, since
    /// this position: there, or, if the schema says that no incremental read shows them, at the
    /// start.
    pub(super) async fn since(&self, position: &Position) -> Result<Position, Found> {
        let schema = self.connector.schema(&self.object).await?;
        let seen_by = schema.field(&self.fields[0]).map(|field| field.seen_by);
        Ok(match seen_by {
            Some(SeenBy::Webhook | SeenBy::Sweep) => Position::Start,
            Some(SeenBy::Incremental) | None => position.clone(),
        })
    }

    /// Writes the first field, or the second.
    pub(super) fn update(&self, record: &RecordId, field: usize, value: &str) -> Write {
        let action = WriteAction::Update { record: record.clone(), if_tag: None };
        write(action, vec![(self.fields[field].clone(), Value::from(value))])
    }

    pub(super) async fn edit(&self, record: &RecordId, value: &str) {
        self.backstage.edit(record, &self.fields[0], Value::from(value)).await;
    }

    /// The records that a full read shows as known, with their keys.
    pub(super) async fn all(&self) -> Result<BTreeMap<RecordId, String>, Found> {
        let pass = self.pass(&Position::Start, 100).await?;
        let key = |seen: &Observation| Some((seen.record.clone(), text(&seen.values()?[0])));
        Ok(pass.seen.iter().filter_map(key).collect())
    }
}

pub(super) fn write(action: WriteAction, fields: Vec<(FieldName, Value)>) -> Write {
    Write {
        operation: OperationId::of(&[format!("{action:?}{fields:?}").as_bytes()]),
        action,
        fields,
    }
}

pub(super) fn lag_of(consistency: Consistency) -> Duration {
    match consistency {
        Consistency::Consistent => Duration::ZERO,
        Consistency::Lagging(lag) => lag,
    }
}

/// The text in a slot; empty if there is none.
pub(super) fn text(slot: &Slot) -> String {
    slot.value().and_then(Value::as_text).unwrap_or_default().to_owned()
}

/// Whether a slot holds this text, for systems that write text in another case.
pub(super) fn holds(slot: &Slot, wanted: &str) -> bool {
    text(slot).trim().eq_ignore_ascii_case(wanted)
}

/// Whether the record is gone, however that shows.
pub(super) fn is_gone(state: &State) -> bool {
    match state {
        State::Archived(_) | State::Deleted(_) | State::Missing => true,
        State::Known { .. } | State::MergedInto(_) | State::OutOfScope | State::Unreadable(_) => {
            false
        }
    }
}
