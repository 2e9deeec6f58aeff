//! The steps of a probe, in the order of a record's life. Each says what became of it; none is tried on a
//! record that the probe has not made.

use std::time::Duration;

use fluxcascade_core::Value;
use fluxcascade_core::connector::{
    Account, ChangesRequest, ConnectorError, Consistency, Cursor, FetchRequest, FindRequest,
    Position, WriteAction, WriteOutcome,
};
use fluxcascade_core::model::{FieldName, FieldSchema, Observation, Projection, RecordId, State};
use futures::FutureExt as _;
use futures::future::{Either, select};

use super::fields::{Fields, choose, mark};
use super::verdict::Verdict;
use super::{Probe, Stop};

/// How a step ends that cannot go on.
pub(super) type Tried<T> = Result<T, Verdict>;

/// So many records are made.
pub(super) const MARKS: usize = 4;

/// Longer than what is declared something may take when a machine is busy.
const SLACK: Duration = Duration::from_secs(30);

fn passed(why: impl Into<String>) -> Verdict {
    Verdict::Passed(why.into())
}

fn failed<T>(why: impl Into<String>) -> Tried<T> {
    Err(Verdict::Failed(why.into()))
}

/// What is told of a step, however it ended.
fn told(step: Tried<Verdict>) -> Verdict {
    step.unwrap_or_else(|verdict| verdict)
}

/// A read may be left when the probe is to stop; a write is always waited for.
pub(super) async fn unless_stopped<T>(
    stop: &Stop,
    read: impl Future<Output = Result<T, ConnectorError>>,
) -> Tried<T> {
    match select(Box::pin(read), stop.clone()).await {
        Either::Left((Ok(value), _)) => Ok(value),
        Either::Left((Err(error), _)) => Err(Verdict::of_error(&error)),
        Either::Right(_) => Err(Verdict::NotTried("interrupted".into())),
    }
}

impl Probe<'_> {
    pub(super) async fn account(&mut self) -> Verdict {
        let account = unless_stopped(&self.stop, self.own.connector.account()).await;
        told(account.map(|Account { id, name }| passed(format!("{id} ({name})"))))
    }

    pub(super) async fn schema(&mut self) -> Verdict {
        let connector = &self.own.connector;
        let schema = unless_stopped(&self.stop, connector.schema(&self.own.object)).await;
        let schema = match schema {
            Ok(schema) => schema,
            Err(verdict) => return verdict,
        };
        let capabilities = connector.capabilities(&self.own.object);
        match choose(&schema, &self.given, &capabilities) {
            Ok(fields) => {
                let names: Vec<String> = fields.names().iter().map(ToString::to_string).collect();
                self.fields = Some(fields);
                passed(format!("{} fields; written are {}", schema.fields.len(), names.join(", ")))
            }
            Err(why) => Verdict::Lacks(why),
        }
    }

    /// Where changes begin: everything is read once, before anything is made.
    pub(super) async fn read_all(&mut self) -> Verdict {
        let Some(fields) = &self.fields else { return Self::after("schema") };
        let projection = Projection::new(fields.names());
        let mut position = Position::Start;
        let (mut pages, mut records) = (0, 0);
        loop {
            let (found, cursor, more) = match self.page(&projection, position).await {
                Ok(page) => page,
                Err(verdict) => return verdict,
            };
            records += found.len();
            pages += 1;
            if !more {
                self.cursor = Some(cursor);
                return passed(format!("{records} records on {pages} pages"));
            }
            if pages == self.most_pages {
                return Verdict::NotTried(format!(
                    "the account has more than {records} records: --pages reads further"
                ));
            }
            position = Position::After(cursor);
        }
    }

    async fn page(
        &self,
        projection: &Projection,
        position: Position,
    ) -> Tried<(Vec<Observation>, Cursor, bool)> {
        let connector = &self.own.connector;
        let limit = connector.capabilities(&self.own.object).page;
        let (object, projection) = (self.own.object.clone(), projection.clone());
        let request = ChangesRequest { object, projection, position, limit };
        let page = unless_stopped(&self.stop, connector.changes(request)).await?;
        Ok((page.observations, page.cursor, page.more))
    }

    pub(super) async fn create(&mut self) -> Verdict {
        let Some(fields) = self.fields.clone() else { return Self::after("schema") };
        let mark = mark(&self.own.marker, 1);
        let outcomes = self.own.create(vec![(mark.clone(), fields.record(&mark))]).await;
        if let Some(verdict) = Verdict::unless_applied(outcomes.first()) {
            return verdict;
        }
        self.first = self.own.left().first().cloned();
        passed(self.first.as_ref().map_or_else(String::new, ToString::to_string))
    }

    pub(super) async fn read_back(&mut self) -> Verdict {
        let Some((fields, record)) = self.made() else { return Self::after("create") };
        let wanted: Vec<(FieldSchema, Value)> = fields.shown(&mark(&self.own.marker, 1));
        told(self.shows(&record, &wanted).await.map(|()| passed("it holds what was sent")))
    }

    pub(super) async fn update(&mut self) -> Verdict {
        let Some((fields, record)) = self.made() else { return Self::after("create") };
        let value = Value::from(format!("{} updated", mark(&self.own.marker, 1)));
        let change = vec![(fields.text.name.clone(), value.clone())];
        let outcomes = self.own.update(vec![(record.clone(), change)]).await;
        if let Some(verdict) = Verdict::unless_applied(outcomes.first()) {
            return verdict;
        }
        self.updated = Some(value.clone());
        let mut wanted = fields.shown(&mark(&self.own.marker, 1));
        for (field, held) in &mut wanted {
            if field.name == fields.text.name {
                *held = value.clone();
            }
        }
        let shows = self.shows(&record, &wanted).await;
        told(shows.map(|()| passed(format!("{}, and nothing else", fields.text.name))))
    }

    pub(super) async fn find(&mut self) -> Verdict {
        let Some((fields, record)) = self.made() else { return Self::after("create") };
        let Some(key) = &fields.key else {
            return Verdict::Lacks("no field by which a record could be found".into());
        };
        let value = Fields::key_value(key, &mark(&self.own.marker, 1));
        let lag = self.own.connector.capabilities(&self.own.object).find;
        let found = self
            .until(lag, async || {
                let request = FindRequest {
                    object: self.own.object.clone(),
                    projection: Projection::new([key.name.clone()]),
                    field: key.name.clone(),
                    values: vec![value.clone()],
                };
                let found = unless_stopped(&self.stop, self.own.connector.find(request)).await?;
                let ids: Vec<&RecordId> =
                    found.iter().map(|found| &found.observation.record).collect();
                match ids.as_slice() {
                    [] => Ok(None),
                    [one] if **one == record => Ok(Some(())),
                    _ => failed("a look-up found records with another value"),
                }
            })
            .await;
        told(found.map(|after| passed(format!("by {}{after}", key.name))))
    }

    pub(super) async fn changes(&mut self) -> Verdict {
        let Some((fields, record)) = self.made() else { return Self::after("create") };
        let Some(cursor) = self.cursor.clone() else { return Self::after("reading all") };
        let Some(wanted) = self.updated.clone() else { return Self::after("update") };
        let projection = Projection::new([fields.text.name.clone()]);
        let lag = self.own.connector.capabilities(&self.own.object).list;
        let seen = self
            .until(lag, async || {
                let mut position = Position::After(cursor.clone());
                for _ in 0..self.most_pages {
                    let (found, cursor, more) = self.page(&projection, position).await?;
                    let own = found.iter().find(|one| one.record == record);
                    let values = own.and_then(Observation::values);
                    let value = values.and_then(|values| values.slots().first()?.value());
                    if value.is_some_and(|v| v.equivalent(&wanted, &fields.text.field_type)) {
                        return Ok(Some(()));
                    }
                    if !more {
                        break;
                    }
                    position = Position::After(cursor);
                }
                Ok(None)
            })
            .await;
        told(seen.map(|after| passed(format!("the update was listed{after}"))))
    }

    pub(super) async fn batch(&mut self) -> Verdict {
        let Some(fields) = self.fields.clone() else { return Self::after("schema") };
        if self.first.is_none() {
            return Self::after("create");
        }
        let capabilities = self.own.connector.capabilities(&self.own.object);
        let marks: Vec<String> = (2..=MARKS).map(|number| mark(&self.own.marker, number)).collect();
        let before = self.own.left().len();
        for chunk in marks.chunks(capabilities.create_batch.max(1)) {
            let new = chunk.iter().map(|mark| (mark.clone(), fields.record(mark)));
            let outcomes = self.own.create(new.collect()).await;
            let failed = outcomes.iter().find_map(|outcome| Verdict::unless_applied(Some(outcome)));
            if let Some(verdict) = failed {
                return verdict;
            }
            if self.is_stopped() {
                return Verdict::NotTried("interrupted".into());
            }
        }
        let made: Vec<RecordId> = self.own.left()[before..].to_vec();
        let value = |mark: &str| Value::from(format!("{mark} updated"));
        let changes: Vec<(RecordId, Vec<(FieldName, Value)>)> = made
            .iter()
            .zip(&marks)
            .map(|(record, mark)| (record.clone(), vec![(fields.text.name.clone(), value(mark))]))
            .collect();
        for chunk in changes.chunks(capabilities.write_batch.max(1)) {
            let outcomes = self.own.update(chunk.to_vec()).await;
            let failed = outcomes.iter().find_map(|outcome| Verdict::unless_applied(Some(outcome)));
            if let Some(verdict) = failed {
                return verdict;
            }
        }
        for (record, mark) in made.iter().zip(&marks) {
            let wanted = [(fields.text.clone(), value(mark))];
            if let Err(verdict) = self.shows(record, &wanted).await {
                return verdict;
            }
        }
        let (creates, writes) = (capabilities.create_batch, capabilities.write_batch);
        passed(format!("{} made by up to {creates}, changed by up to {writes}", made.len()))
    }

    pub(super) async fn clear(&mut self) -> Verdict {
        let Some((fields, record)) = self.made() else { return Self::after("create") };
        let Some(spare) = fields.spare else {
            return Verdict::Lacks("no text that could be cleared".into());
        };
        let change = vec![(spare.name.clone(), Value::Null)];
        let outcomes = self.own.update(vec![(record.clone(), change)]).await;
        if let Some(verdict) = Verdict::unless_applied(outcomes.first()) {
            return verdict;
        }
        let name = spare.name.clone();
        told(self.shows(&record, &[(spare, Value::Null)]).await.map(|()| passed(name.to_string())))
    }

    pub(super) async fn archive(&mut self) -> Verdict {
        let capabilities = self.own.connector.capabilities(&self.own.object);
        let Some((_, record)) = self.made() else { return Self::after("create") };
        if !capabilities.archives {
            return Verdict::Lacks("the adapter does not archive here".into());
        }
        let archive = WriteAction::Archive { record: record.clone(), if_tag: None };
        let outcome: Option<WriteOutcome> = self.own.end(archive).await;
        if let Some(verdict) = Verdict::unless_applied(outcome.as_ref()) {
            return verdict;
        }
        let lag = capabilities.fetch;
        let gone = self
            .until(lag, async || {
                let state = self.fetch(&record, Vec::new()).await?.state;
                Ok(match state {
                    State::Archived(_) | State::Deleted(_) | State::Missing => Some(()),
                    State::Known { .. }
                    | State::MergedInto(_)
                    | State::OutOfScope
                    | State::Unreadable(_) => None,
                })
            })
            .await;
        told(gone.map(|after| passed(format!("it is gone{after}"))))
    }

    /// The fields, and the first record that was made.
    fn made(&self) -> Option<(Fields, RecordId)> {
        Some((self.fields.clone()?, self.first.clone()?))
    }

    fn after(step: &str) -> Verdict {
        Verdict::NotTried(format!("{step} did not pass"))
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.clone().now_or_never().is_some()
    }

    async fn fetch(&self, record: &RecordId, fields: Vec<FieldName>) -> Tried<Observation> {
        let request = FetchRequest {
            object: self.own.object.clone(),
            projection: Projection::new(fields),
            records: vec![record.clone()],
        };
        let mut found = unless_stopped(&self.stop, self.own.connector.fetch(request)).await?;
        match (found.pop(), found.is_empty()) {
            (Some(one), true) if one.record == *record => Ok(one),
            _ => failed("a read by id did not answer with the one record that was asked for"),
        }
    }

    /// Waits until a read by id shows these values.
    async fn shows(&self, record: &RecordId, wanted: &[(FieldSchema, Value)]) -> Tried<()> {
        let names: Vec<FieldName> = wanted.iter().map(|(field, _)| field.name.clone()).collect();
        let lag = self.own.connector.capabilities(&self.own.object).fetch;
        let mut differing = String::new();
        let shown = self
            .until(lag, async || {
                let found = self.fetch(record, names.clone()).await?;
                let Some(values) = found.values() else {
                    differing = format!("the record is {}", found.state.word());
                    return Ok(None);
                };
                let same =
                    |(slot, (field, value)): (&fluxcascade_core::Slot, &(FieldSchema, Value))| {
                        slot.value().is_some_and(|held| held.equivalent(value, &field.field_type))
                    };
                let each = values.slots().iter().zip(wanted);
                let wrong =
                    each.filter(|one| !same(*one)).map(|(_, (field, _))| field.name.as_str());
                let wrong: Vec<&str> = wrong.collect();
                if wrong.is_empty() {
                    return Ok(Some(()));
                }
                differing = format!("{} is not what was sent", wrong.join(", "));
                Ok(None)
            })
            .await;
        match shown {
            Ok(_) => Ok(()),
            Err(Verdict::Failed(why)) if !differing.is_empty() => {
                failed(format!("{why}: {differing}"))
            }
            Err(verdict) => Err(verdict),
        }
    }

    /// Asks again and again, for as long as is declared. Gives how long it took, in words.
    async fn until(
        &self,
        lag: Consistency,
        mut ask: impl AsyncFnMut() -> Tried<Option<()>>,
    ) -> Tried<String> {
        let (declared, wait) = match lag {
            Consistency::Consistent => ("at once".to_owned(), Duration::ZERO),
            Consistency::Lagging(lag) => (format!("within {} s", lag.as_secs()), lag + SLACK),
        };
        let begun = self.own.clock.now();
        let mut pause = Duration::from_secs(1);
        loop {
            if let Some(()) = ask().await? {
                let took = self.own.clock.now().since(begun).as_secs();
                return Ok(if took == 0 { String::new() } else { format!(", after {took} s") });
            }
            if self.own.clock.now().since(begun) >= wait {
                return failed(format!("it does not show {declared}, as is declared"));
            }
            match select(self.own.clock.sleep(pause), self.stop.clone()).await {
                Either::Left(_) => pause = (pause * 2).min(Duration::from_secs(20)),
                Either::Right(_) => return Err(Verdict::NotTried("interrupted".into())),
            }
        }
    }
}
