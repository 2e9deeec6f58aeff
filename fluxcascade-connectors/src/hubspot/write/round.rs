//! The further rounds that some writes take: what is archived already, upserts of what may not be there,
//! contacts that exist, unique values that are taken, associations. Stages that go back are in `stage`.

use std::collections::{BTreeMap, HashMap};

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};
use fluxcascade_core::model::{FieldName, RecordId};

use super::super::client::{Shelf, Verb};
use super::super::convert;
use super::super::error;
use super::super::read;
use super::super::relate::{self, Step, Trouble, Wanting};
use super::row::{OnExisting, Row};
use super::{BATCH, PATIENCE, Session, applied, rejected};

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

    /// Finds out who has a unique value, where HubSpot refused a create for it and did not say: one request
    /// for each property and a hundred values.
    pub(super) async fn name_holders(&mut self, rows: &[Row]) {
        let mut asked: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| matches!(row.verb, Verb::Create | Verb::Upsert)) {
            if let Some((property, value)) = self.taken(row) {
                asked.entry(property).or_default().push((row.place, value));
            }
        }
        for (property, taken) in asked {
            if self.stopped.is_some() {
                return;
            }
            let values: Vec<&str> = taken.iter().map(|(_, value)| value.as_str()).collect();
            let found = read::holders(self.api, self.known, &property, &values).await;
            for (place, value) in &taken {
                let outcome = match &found {
                    Ok(found) => match found.get(&read::unique_form(value)) {
                        Some(record) => WriteOutcome::Exists(record.clone()),
                        None => continue,
                    },
                    // It was not made; who has the value is asked the next time.
                    Err(error) => WriteOutcome::NotSent(error.clone()),
                };
                self.outcomes.insert(*place, outcome);
            }
        }
    }

    /// The unique property whose value another record has, by a refusal that does not say which, and the
    /// value.
    fn taken(&self, row: &Row) -> Option<(String, String)> {
        let Some(WriteOutcome::Rejected { fields, error }) = self.outcomes.get(&row.place) else {
            return None;
        };
        let sent = |field: &FieldName| {
            let is_unique = self.known.schema.field(field).is_some_and(|field| field.unique);
            // Whoever has the key of an upsert would have been changed.
            let is_unique = is_unique && row.key.as_ref().is_none_or(|(key, _)| key != field);
            let value = row.properties.get(field.as_str())?;
            is_unique.then(|| (field.to_string(), value.clone()))
        };
        fields.iter().filter(|_| error::is_not_unique(error)).find_map(sent)
    }

    /// Upserts that could make a record without what each needs: where the record is there already they
    /// change it, and else they are refused as a create is.
    pub(super) async fn without_the_bare(&mut self, rows: Vec<Row>) -> Vec<Row> {
        let kind = &self.known.kind;
        let bare = |row: &Row| row.verb == Verb::Upsert && row.lack(kind).is_some();
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in rows.iter().filter(|row| bare(row)).filter_map(|row| row.key.as_ref())
        {
            keys.entry(name.to_string()).or_default().push(value.clone());
        }
        let mut found: HashMap<(String, String), RecordId> = HashMap::new();
        for (name, values) in keys {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            match read::holders(self.api, self.known, &name, &values).await {
                Ok(holders) => {
                    found
                        .extend(holders.into_iter().map(|(value, id)| ((name.clone(), value), id)));
                }
                Err(error) => {
                    let not_sent = || WriteOutcome::NotSent(error.clone());
                    return self.without(rows, |row| bare(row).then(not_sent));
                }
            }
        }
        let holder = |row: &Row| {
            let (name, value) = row.key.as_ref()?;
            found.get(&(name.to_string(), read::unique_form(value))).cloned()
        };
        let mut open = Vec::with_capacity(rows.len());
        for row in rows {
            if !bare(&row) {
                open.push(row);
            } else if let Some(record) = holder(&row) {
                open.push(Row { verb: Verb::Update, record: Some(record), key: None, ..row });
            } else if let Some(refused) = row.lack(kind) {
                self.outcomes.insert(row.place, *refused);
            }
        }
        open
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
        self.relate_again(&wanting, &mut troubles).await;
        for row in rows {
            if let Some(trouble) = troubles.remove(&row.place) {
                self.partly(row, trouble);
            }
        }
    }

    /// A record that was just made is not left without what it is to be associated with for a trouble that
    /// passes: it is associated again while there is time, by what there is then.
    async fn relate_again(&self, wanting: &[Wanting<'_>], troubles: &mut HashMap<usize, Trouble>) {
        let (kind, not_after) = (&self.known.kind, self.request.not_after);
        for wait in PATIENCE {
            let passing = |one: &Wanting<'_>| troubles.get(&one.place)?.passing();
            let told =
                wanting.iter().filter_map(passing).filter_map(|error| error.retry_after).max();
            let open: Vec<Wanting<'_>> =
                wanting.iter().filter(|one| passing(one).is_some()).cloned().collect();
            let wait = wait.max(told.unwrap_or_default());
            if open.is_empty() || self.api.clock().now() + wait > not_after {
                return;
            }
            self.api.clock().sleep(wait).await;
            troubles.retain(|place, _| open.iter().all(|one| one.place != *place));
            let (steps, more) = relate::plan(self.api, kind, &open).await;
            troubles.extend(more);
            troubles.extend(relate::carry_out(self.api, kind, steps, not_after).await);
        }
    }

    /// The outcome of a write of which only the associations were not made.
    fn partly(&mut self, row: &Row, trouble: Trouble) {
        let Some(WriteOutcome::Applied { record, .. }) = self.outcomes.get(&row.place) else {
            return;
        };
        let outcome = match trouble {
            // Sent again it finds the record by its unique value, and associates it then.
            Trouble::NotSent(error) | Trouble::Unclear(error)
                if row.is_upsert() && error.is_transient() =>
            {
                WriteOutcome::Unknown(error)
            }
            // It may be new, and its id must not be lost: what it holds is read back, and what it lacks of
            // what was sent waits where people see it.
            _ if row.verb != Verb::Update => applied(record.clone()),
            Trouble::Refused(field, error) if row.only_relates() => {
                WriteOutcome::Rejected { fields: vec![field], error }
            }
            Trouble::NotSent(error) if row.only_relates() => WriteOutcome::NotSent(error),
            // The rest of it is written. What is read shows that, and then this part is sent by itself.
            Trouble::Refused(_, error) | Trouble::NotSent(error) | Trouble::Unclear(error) => {
                WriteOutcome::Unknown(error)
            }
        };
        self.outcomes.insert(row.place, outcome);
    }
}
