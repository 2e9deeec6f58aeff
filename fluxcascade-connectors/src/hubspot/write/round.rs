//! The further rounds that some writes take: what is archived already, contacts that exist, stages that
//! go back, associations.

use std::collections::{BTreeMap, HashMap};

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};
use fluxcascade_core::model::RecordId;

use super::super::client::{Shelf, Verb};
use super::super::convert;
use super::super::error;
use super::super::read;
use super::super::relate::{self, Step, Trouble, Wanting};
use super::row::{OnExisting, Row};
use super::{BATCH, STAGE, Session, applied, rejected};

impl Session<'_> {
    /// Answers archives of records that are archived already, or not there at all: HubSpot says the
    /// same to all of them, and might take an id that was merged away for the record it lives on in.
    pub(super) async fn without_the_gone(&mut self, rows: Vec<Row>) -> Vec<Row> {
        let is_archive = |row: &Row| row.verb == Verb::Archive;
        let ids: Vec<RecordId> = rows
            .iter()
            .filter(|row| is_archive(row))
            .filter_map(|row| row.record.clone())
            .collect();
        let mut found: HashMap<RecordId, Shelf> = HashMap::new();
        for chunk in ids.chunks(BATCH) {
            if let Err(error) = self.look_for(chunk, &mut found).await {
                let not_sent = || WriteOutcome::NotSent(error.clone());
                return self.without(rows, |row| is_archive(row).then(not_sent));
            }
        }
        self.without(rows, |row| {
            let id = row.record.as_ref().filter(|_| is_archive(row))?;
            match found.get(id) {
                Some(Shelf::Live) => None,
                Some(Shelf::Archived) => Some(applied(id.clone())),
                None => {
                    let what = format!("no HubSpot record has the id {id}");
                    Some(*rejected(Vec::new(), ErrorKind::NotFound, what))
                }
            }
        })
    }

    async fn look_for(
        &self,
        ids: &[RecordId],
        found: &mut HashMap<RecordId, Shelf>,
    ) -> Result<(), ConnectorError> {
        let object = &self.known.kind.path;
        let mut open: Vec<RecordId> = ids.to_vec();
        open.sort();
        open.dedup();
        for shelf in [Shelf::Live, Shelf::Archived] {
            if open.is_empty() {
                return Ok(());
            }
            let read = read::batch(self.api, object, shelf, &open, &["hs_object_id"]).await?;
            for record in &read.records {
                let id = convert::record_id(&record.id)?;
                if open.contains(&id) {
                    found.insert(id, shelf);
                }
            }
            open.retain(|id| !found.contains_key(id));
        }
        Ok(())
    }

    /// The rows that have no outcome yet.
    fn without(
        &mut self,
        rows: Vec<Row>,
        outcome: impl Fn(&Row) -> Option<WriteOutcome>,
    ) -> Vec<Row> {
        let mut open = Vec::with_capacity(rows.len());
        for row in rows {
            match outcome(&row) {
                None => open.push(row),
                Some(outcome) => {
                    self.outcomes.insert(row.place, outcome);
                }
            }
        }
        open
    }

    /// Plans what is to be associated with records that are there already, before anything is sent:
    /// a row of which that cannot be done goes no further.
    pub(super) async fn planned(&mut self, rows: Vec<Row>) -> (Vec<Row>, Vec<Step>) {
        let wanting: Vec<Wanting<'_>> = rows
            .iter()
            .filter(|row| row.verb == Verb::Update && !row.wishes.is_empty())
            .filter_map(|row| {
                let record = row.record.as_ref()?;
                Some(Wanting { place: row.place, record, wishes: row.wishes.iter().collect() })
            })
            .collect();
        let (steps, troubles) = relate::plan(self.api, &self.known.kind, &wanting).await;
        let rows = self.without(rows, |row| match troubles.get(&row.place)? {
            Trouble::Refused(field, error) => {
                Some(WriteOutcome::Rejected { fields: vec![field.clone()], error: error.clone() })
            }
            Trouble::NotSent(error) | Trouble::Unclear(error) => {
                Some(WriteOutcome::NotSent(error.clone()))
            }
        });
        (rows, steps)
    }

    /// Changes the contacts that an upsert by e-mail found to exist.
    pub(super) async fn change_the_existing(&mut self, rows: &[Row]) {
        let mut changes = Vec::new();
        for row in rows.iter().filter(|row| row.on_existing == OnExisting::Change) {
            if let Some(WriteOutcome::Exists(record)) = self.outcomes.get(&row.place) {
                let (record, verb) = (Some(record.clone()), Verb::Update);
                let wishes = Vec::new();
                changes.push(Row { verb, record, wishes, ..row.clone() });
            }
        }
        self.send_all(&changes).await;
        for row in rows.iter().filter(|row| !row.wishes.is_empty()) {
            if !changes.iter().any(|change| change.place == row.place) {
                continue;
            }
            self.changed.insert(row.place);
            if let Some(WriteOutcome::Applied { record, .. }) = self.outcomes.get(&row.place) {
                let outcome = applied(record.clone());
                self.outcomes.insert(row.place, outcome);
            }
        }
    }

    /// Finds out who has a unique value, where HubSpot refused a create for it and did not say.
    pub(super) async fn name_holders(&mut self, rows: &[Row]) {
        for row in rows.iter().filter(|row| matches!(row.verb, Verb::Create | Verb::Upsert)) {
            let Some(WriteOutcome::Rejected { fields, error }) = self.outcomes.get(&row.place)
            else {
                continue;
            };
            if !error::is_not_unique(error) || self.stopped.is_some() {
                continue;
            }
            let sent = |field: &fluxcascade_core::model::FieldName| {
                let is_unique = self.known.schema.field(field).is_some_and(|field| field.unique);
                // Whoever has the key of an upsert would have been changed.
                let is_unique = is_unique && row.key.as_ref().is_none_or(|(key, _)| key != field);
                let value = row.properties.get(field.as_str())?;
                is_unique.then(|| (field.to_string(), value.clone()))
            };
            let Some((property, value)) = fields.iter().find_map(sent) else { continue };
            let outcome = match read::holder(self.api, self.known, &property, &value).await {
                Ok(Some(record)) => WriteOutcome::Exists(record),
                Ok(None) => continue,
                // It was not made; who has the value is asked the next time.
                Err(error) => WriteOutcome::NotSent(error),
            };
            self.outcomes.insert(row.place, outcome);
        }
    }

    /// Moves stages back that only move on: they are cleared, and then set.
    pub(super) async fn turn_back(&mut self) {
        let unmoved = std::mem::take(&mut self.unmoved);
        let row = |place: usize, record: &RecordId, stage: &str| Row {
            place,
            verb: Verb::Update,
            record: Some(record.clone()),
            key: None,
            properties: BTreeMap::from([(STAGE.to_owned(), stage.to_owned())]),
            wishes: Vec::new(),
            on_existing: OnExisting::Say,
        };
        let before: HashMap<usize, WriteOutcome> = unmoved
            .iter()
            .filter_map(|(place, ..)| Some((*place, self.outcomes.get(place)?.clone())))
            .collect();
        let clear: Vec<Row> = unmoved.iter().map(|(place, id, _)| row(*place, id, "")).collect();
        self.send_all(&clear).await;
        let mut set = Vec::new();
        for (place, id, stage) in &unmoved {
            match self.outcomes.get(place) {
                Some(WriteOutcome::Applied { .. }) => set.push(row(*place, id, stage)),
                Some(WriteOutcome::Unknown(_)) | None => {}
                // It is as it was: the first answer says all that there is to say.
                Some(_) => self.outcomes.extend(before.get(place).map(|o| (*place, o.clone()))),
            }
        }
        self.send_all(&set).await;
        for row in &set {
            let outcome = match (self.outcomes.get(&row.place), &row.record) {
                (Some(WriteOutcome::Applied { .. }), Some(record)) => applied(record.clone()),
                (Some(WriteOutcome::Rejected { error, .. } | WriteOutcome::NotSent(error)), _) => {
                    WriteOutcome::Unknown(error.clone())
                }
                (other, _) => other.cloned().unwrap_or_else(super::unanswered),
            };
            self.outcomes.insert(row.place, outcome);
        }
        self.unmoved.clear();
    }

    /// Associates what was written: as planned, or as is planned now for records that are new.
    pub(super) async fn relate(&mut self, rows: &[Row], steps: Vec<Step>) {
        let (outcomes, changed) = (&self.outcomes, &self.changed);
        let done = |place: usize| match outcomes.get(&place) {
            Some(WriteOutcome::Applied { record, .. }) => Some(record),
            _ => None,
        };
        let mut all: Vec<Step> =
            steps.into_iter().filter(|step| done(step.place()).is_some()).collect();
        let wanting: Vec<Wanting<'_>> = rows
            .iter()
            .filter(|row| row.verb != Verb::Update)
            .filter_map(|row| {
                let is_changed = changed.contains(&row.place);
                let wishes: Vec<_> =
                    if is_changed { row.wishes.iter().collect() } else { row.later().collect() };
                let record = done(row.place).filter(|_| !wishes.is_empty())?;
                Some(Wanting { place: row.place, record, wishes })
            })
            .collect();
        let (more, mut troubles) = relate::plan(self.api, &self.known.kind, &wanting).await;
        all.extend(more);
        if all.is_empty() && troubles.is_empty() {
            return;
        }
        let not_after = self.request.not_after;
        troubles.extend(relate::carry_out(self.api, &self.known.kind, all, not_after).await);
        for row in rows {
            if let Some(trouble) = troubles.remove(&row.place) {
                self.partly(row, trouble);
            }
        }
    }

    /// The outcome of a write of which only the associations were not made.
    fn partly(&mut self, row: &Row, trouble: Trouble) {
        let Some(WriteOutcome::Applied { record, .. }) = self.outcomes.get(&row.place) else {
            return;
        };
        let outcome = match trouble {
            // It may be new, and its id must not be lost: what it holds is read back.
            _ if row.verb != Verb::Update => applied(record.clone()),
            Trouble::Refused(field, error) => WriteOutcome::Rejected { fields: vec![field], error },
            Trouble::NotSent(error) if row.only_relates() => WriteOutcome::NotSent(error),
            Trouble::NotSent(error) | Trouble::Unclear(error) => WriteOutcome::Unknown(error),
        };
        self.outcomes.insert(row.place, outcome);
    }
}
