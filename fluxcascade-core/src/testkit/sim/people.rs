//! What people do to a simulated system behind the engine's back.

use super::record::{Fields, Life, Record, Sight};
use super::{SimState, SimSystem, field_name};
use crate::model::{FieldName, RecordId, Value};

impl SimSystem {
    /// A person makes a record.
    pub fn insert<V: Into<Value>>(
        &self,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) -> RecordId {
        let values = values.into_iter().map(|(name, value)| (field_name(name), value.into()));
        self.insert_fields(values.collect())
    }

    pub(in crate::testkit) fn insert_fields(&self, fields: Fields) -> RecordId {
        self.make(&mut self.state(), self.now(), fields)
    }

    /// A person edits a field. Of a record that is not there, nothing happens.
    pub fn edit(&self, record: &RecordId, field: &str, value: impl Into<Value>) {
        self.move_to(record, Life::Live, Fields::from([(field_name(field), value.into())]));
    }

    /// A person deletes a record, into the bin: it can be [restored](Self::restore).
    pub fn delete(&self, record: &RecordId) {
        self.move_to(record, Life::Binned, Fields::new());
    }

    /// A person deletes a record for good, out of the bin too.
    pub fn erase(&self, record: &RecordId) {
        let mut state = self.state();
        if state.records.get(record).is_some() {
            self.put(&mut state, record, self.now(), Life::Erased, Fields::new());
        }
    }

    /// A person takes a record out of the bin: it has its old id and its old values.
    pub fn restore(&self, record: &RecordId) {
        let mut state = self.state();
        if life(&state, record) == Some(&Life::Binned) {
            self.put(&mut state, record, self.now(), Life::Live, Fields::new());
        }
    }

    /// A person merges a record into another, which gets the values that it has not. Where either
    /// is not there, nothing happens.
    pub fn merge(&self, loser: &RecordId, survivor: &RecordId) {
        let mut state = self.state();
        let (Some(lost), Some(kept)) = (values(&state, loser), values(&state, survivor)) else {
            return;
        };
        let lacks = |field: &FieldName| kept.get(field).is_none_or(Value::is_blank);
        let gained = lost.into_iter().filter(|(field, value)| lacks(field) && !value.is_blank());
        let gained = gained.collect();
        // Its values were sent when the loser was written.
        self.hold(&mut state, survivor, self.now(), Life::Live, gained);
        state.testify(survivor, self.now(), Vec::new());
        let merged = Life::MergedInto(survivor.clone());
        self.put(&mut state, loser, self.now(), merged, Fields::new());
    }

    /// A person merges two records, and the system makes a new one of them; the first one's values
    /// go before.
    ///
    /// # Panics
    /// If one of them is not there.
    #[allow(clippy::expect_used)]
    pub fn merge_into_new(&self, first: &RecordId, second: &RecordId) -> RecordId {
        let mut state = self.state();
        let mut fields = values(&state, second).expect("a record to merge");
        let first_fields = values(&state, first).expect("a record to merge");
        fields.extend(first_fields.into_iter().filter(|(_, value)| !value.is_blank()));
        let made = self.make(&mut state, self.now(), fields);
        for loser in [first, second] {
            let merged = Life::MergedInto(made.clone());
            self.put(&mut state, loser, self.now(), merged, Fields::new());
        }
        made
    }

    /// A filter or a permission hides a record from the engine.
    pub fn hide(&self, record: &RecordId) {
        self.see(record, Sight::OutOfScope);
    }

    /// A record is in scope again; the system tells it as changed.
    pub fn show(&self, record: &RecordId) {
        self.see(record, Sight::Clear);
    }

    /// A record's answers can no longer be read.
    pub fn garble(&self, record: &RecordId) {
        self.see(record, Sight::Garbled);
    }

    /// A record's answers can be read again.
    pub fn mend(&self, record: &RecordId) {
        self.see(record, Sight::Clear);
    }

    /// A permission hides a field of a record: its slot is absent, and writes of it are refused.
    pub fn hide_field(&self, record: &RecordId, field: &str) {
        if let Some(found) = self.state().records.get_mut(record) {
            found.hidden.insert(field_name(field));
        }
    }

    /// A field of a record is no longer hidden.
    pub fn show_field(&self, record: &RecordId, field: &str) {
        if let Some(found) = self.state().records.get_mut(record) {
            found.hidden.remove(field);
        }
    }

    /// What a field holds now; null if there is no such record or field.
    pub fn value(&self, record: &RecordId, field: &str) -> Value {
        let state = self.state();
        let now = state.records.get(record).and_then(Record::live);
        now.and_then(|now| now.values.get(field)).cloned().unwrap_or(Value::Null)
    }

    /// What a text field holds now; empty if there is nothing.
    pub fn text(&self, record: &RecordId, field: &str) -> String {
        self.value(record, field).as_text().unwrap_or_default().to_owned()
    }

    /// The records that exist, in order of their ids.
    pub fn records(&self) -> Vec<RecordId> {
        let state = self.state();
        let live = state.records.iter().filter(|(_, record)| record.live().is_some());
        live.map(|(id, _)| id.clone()).collect()
    }

    /// Moves a record that is there.
    fn move_to(&self, record: &RecordId, to: Life, fields: Fields) {
        let mut state = self.state();
        if life(&state, record) == Some(&Life::Live) {
            self.put(&mut state, record, self.now(), to, fields);
        }
    }

    fn see(&self, record: &RecordId, sight: Sight) {
        if let Some(found) = self.state().records.get_mut(record) {
            found.sight = sight;
        }
        self.move_to(record, Life::Live, Fields::new());
    }
}

fn life<'a>(state: &'a SimState, record: &RecordId) -> Option<&'a Life> {
    state.records.get(record).and_then(Record::now).map(|now| &now.life)
}

fn values(state: &SimState, record: &RecordId) -> Option<Fields> {
    state.records.get(record).and_then(Record::live).map(|now| now.values.as_ref().clone())
}
