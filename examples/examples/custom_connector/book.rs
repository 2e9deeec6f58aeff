//! A connector of one's own: an address book in memory, which numbers its changes. The number of a
//! row's last change is its place in the changes; the last number that was read is the cursor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::clock::Clock;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Consistency,
    Cursor, ErrorKind, Extensions, FetchRequest, FindRequest, Found, Position, Reader, Write,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, FieldSchema, FieldType, IdError, Modified, ObjectSchema, ObjectType, Observation,
    Projection, Provenance, RecordId, Slot, State, SystemName, Value, Version,
};

/// An address book: what the connector is for.
#[derive(Debug)]
pub(crate) struct Book {
    system: SystemName,
    schema: ObjectSchema,
    clock: Arc<dyn Clock>,
    sheet: Mutex<Sheet>,
}

/// Rows by their ids, and how often a row was changed.
#[derive(Debug, Default)]
struct Sheet {
    rows: BTreeMap<RecordId, Row>,
    changes: u64,
}

/// What a row holds; its version has the number of its last change among all, and when that was.
#[derive(Debug, Default)]
struct Row {
    cells: Cells,
    version: Version,
}

pub(crate) type Cells = BTreeMap<FieldName, Value>;

impl Row {
    fn cell(&self, field: &FieldName) -> Value {
        self.cells.get(field).cloned().unwrap_or(Value::Null)
    }

    /// Whether a cell has this value, in whatever case it is written.
    fn holds(&self, field: &FieldName, value: &Value) -> bool {
        self.cell(field).equivalent(value, &FieldType::Email)
    }
}

impl Sheet {
    /// The rows whose last change is a later one than this, in order.
    fn changed_after(&self, number: u64) -> Vec<(&RecordId, &Row)> {
        let is_later = |row: &Row| row.version.order > Some(number);
        let mut rows: Vec<_> = self.rows.iter().filter(|(_, row)| is_later(row)).collect();
        rows.sort_by_key(|(_, row)| row.version.order);
        rows
    }
}

impl Book {
    /// An empty book.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Result<Self, IdError> {
        let field = |name, field_type| Ok(FieldSchema::new(FieldName::new(name)?, field_type));
        let fields = vec![
            field("email", FieldType::Email)?,
            field("name", FieldType::Text)?,
            field("phone", FieldType::Text)?,
        ];
        let schema = ObjectSchema { object: ObjectType::new("people")?, fields };
        Ok(Self { system: SystemName::new("book")?, schema, clock, sheet: Mutex::default() })
    }

    /// Adds a row, and says its id.
    pub(crate) fn add(&self, cells: &Cells) -> Option<RecordId> {
        let id = RecordId::new(format!("row-{}", self.sheet().changes + 1)).ok()?;
        self.sheet().rows.insert(id.clone(), Row::default());
        self.put(&id, cells)
    }

    /// Writes cells of a row, if there is one of this id.
    pub(crate) fn put(&self, id: &RecordId, cells: &Cells) -> Option<RecordId> {
        let modified = Modified { at: self.clock.now(), granularity: Duration::from_micros(1) };
        let mut sheet = self.sheet();
        let order = Some(sheet.changes + 1);
        let row = sheet.rows.get_mut(id)?;
        row.cells.extend(cells.clone());
        row.version = Version { order, modified: Some(modified), tag: None };
        sheet.changes += 1;
        Some(id.clone())
    }

    /// Writes cells of this row, or of a new one.
    fn put_or_add(&self, id: Option<&RecordId>, cells: &Cells) -> Option<RecordId> {
        id.map_or_else(|| self.add(cells), |id| self.put(id, cells))
    }

    /// Strikes a row out.
    #[allow(dead_code, reason = "the tests use it alone")]
    pub(crate) fn strike(&self, id: &RecordId) {
        self.sheet().rows.remove(id);
    }

    /// What stands in a cell.
    #[allow(dead_code, reason = "the example uses it alone")]
    pub(crate) fn cell(&self, id: &RecordId, field: &str) -> Option<Value> {
        self.sheet().rows.get(id)?.cells.get(field).cloned()
    }

    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// The connector: what is above is the system, which is there already.

impl Row {
    fn seen(&self, id: &RecordId, asked: &Projection, provenance: Provenance) -> Observation {
        let values = asked.values(|field| Slot::Present(self.cell(field)));
        let state = State::Known { values, version: self.version.clone() };
        Observation { record: id.clone(), state, provenance }
    }
}

#[async_trait]
impl Reader for Book {
    fn system(&self) -> &SystemName {
        &self.system
    }

    fn capabilities(&self, _object: &ObjectType) -> Capabilities {
        let (list, find) = (Consistency::Consistent, Consistency::Consistent);
        Capabilities { list, find, look_back: Duration::ZERO, ..Capabilities::default() }
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        Ok(Account { id: "the book".into(), name: "The address book".into() })
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        let unknown = || ConnectorError::new(ErrorKind::NotFound, format!("no {object} here"));
        Some(self.schema.clone()).filter(|schema| schema.object == *object).ok_or_else(unknown)
    }

    async fn changes(&self, asked: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.schema(&asked.object).await?;
        let number = |cursor: &Cursor| cursor.as_str().strip_prefix("book/1 ")?.parse().ok();
        let lost = || ConnectorError::new(ErrorKind::PositionLost, "no place in the book");
        let after: u64 = match &asked.position {
            Position::Start => 0,
            Position::After(cursor) => number(cursor).ok_or_else(lost)?,
        };
        let sheet = self.sheet();
        let mut rows = sheet.changed_after(after);
        let more = rows.len() > asked.limit;
        rows.truncate(asked.limit);
        let end = rows.last().and_then(|(_, row)| row.version.order).unwrap_or(after);
        let seen = |(id, row): (_, &Row)| row.seen(id, &asked.projection, Provenance::Listed);
        let observations = rows.into_iter().map(seen).collect();
        Ok(ChangesPage { observations, cursor: Cursor::new(format!("book/1 {end}"))?, more })
    }

    async fn fetch(&self, asked: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        let seen = asked.records.into_iter().map(|id| match self.sheet().rows.get(&id) {
            Some(row) => row.seen(&id, &asked.projection, Provenance::Fetched),
            None => Observation::fetched(id, State::Missing),
        });
        Ok(seen.collect())
    }

    async fn find(&self, asked: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        let mut found = Vec::new();
        for (id, row) in &self.sheet().rows {
            let hit = asked.values.iter().position(|value| row.holds(&asked.field, value));
            let observation = row.seen(id, &asked.projection, Provenance::Fetched);
            found.extend(hit.map(|value| Found { value, observation }));
        }
        Ok(found)
    }
}

#[async_trait]
impl Connector for Book {
    async fn write(&self, asked: WriteRequest) -> Vec<WriteOutcome> {
        if self.clock.now() > asked.not_after {
            let late = ConnectorError::new(ErrorKind::Transient, "it is too late to write");
            return vec![WriteOutcome::NotSent(late); asked.writes.len()];
        }
        let one = |Write { action, fields, .. }: Write| {
            // It declares creates and updates alone, and is asked for nothing else.
            let written = self.put_or_add(action.record(), &fields.into_iter().collect());
            let Some(record) = written else {
                let error = ConnectorError::new(ErrorKind::NotFound, "there is no such row");
                return WriteOutcome::Rejected { fields: Vec::new(), error };
            };
            // Without values, the engine reads the row back.
            WriteOutcome::Applied { record, version: Version::default(), values: None }
        };
        asked.writes.into_iter().map(one).collect()
    }

    fn extensions(&self) -> Extensions<'_> {
        Extensions::none()
    }
}
