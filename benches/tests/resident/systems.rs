//! Systems that hold nothing: a record is told from its number, and a bit says which edition of it
//! there is. So what the process holds is the engine's and its store's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use fluxcascade_benches::{field_values, number_of, record_ids, schema, version_of};
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Consistency,
    Cursor, ErrorKind, Extensions, FetchRequest, FindRequest, Found, Position, Reader, WriteAction,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    ObjectSchema, ObjectType, Observation, Projection, RecordId, Side, State, SystemName,
};

/// Records on a page and in a batch.
const PAGE: usize = 200;

/// The contacts of one side.
#[derive(Debug, Clone)]
pub(crate) struct Contacts {
    name: SystemName,
    side: Side,
    records: usize,
    /// Those that are of the second edition.
    second: Arc<[AtomicU64]>,
}

impl Contacts {
    pub(crate) fn new(side: Side, records: usize) -> Self {
        let name = SystemName::new("contacts").unwrap();
        let second = (0..records.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { name, side, records, second }
    }

    pub(crate) fn edit_every_hundredth(&self) {
        (0..self.records).step_by(100).for_each(|record| self.edit(record));
    }

    fn edit(&self, record: usize) {
        self.second[record / 64].fetch_or(1 << (record % 64), Ordering::Relaxed);
    }

    fn edition(&self, record: usize) -> usize {
        usize::from(self.second[record / 64].load(Ordering::Relaxed) >> (record % 64) & 1 == 1)
    }

    fn state(&self, record: usize, projection: &Projection) -> State {
        let edition = self.edition(record);
        let values = field_values(projection, self.side, record, edition);
        State::Known { values, version: version_of(edition) }
    }

    fn id(&self, record: usize) -> RecordId {
        record_ids(record)[self.side].clone()
    }
}

#[async_trait]
impl Reader for Contacts {
    fn system(&self) -> &SystemName {
        &self.name
    }

    fn capabilities(&self, _object: &ObjectType) -> Capabilities {
        Capabilities {
            page: PAGE,
            read_batch: PAGE,
            write_batch: PAGE,
            create_batch: PAGE,
            list: Consistency::Consistent,
            find: Consistency::Consistent,
            ..Capabilities::default()
        }
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        Ok(Account { id: "1".into(), name: "contacts".into() })
    }

    async fn schema(&self, _object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        Ok(schema(self.side))
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        let first = match request.position {
            Position::Start => 0,
            Position::After(cursor) => cursor.as_str().parse().unwrap(),
        };
        let end = self.records.min(first + PAGE.min(request.limit));
        let listed = |record| {
            let State::Known { values, version } = self.state(record, &request.projection) else {
                unreachable!("all are known")
            };
            Observation::listed(self.id(record), values, version)
        };
        Ok(ChangesPage {
            observations: (first..end).map(listed).collect(),
            cursor: Cursor::new(end.to_string()).unwrap(),
            more: end < self.records,
        })
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        let fetched = |id: RecordId| {
            let state = self.state(number_of(&id, self.side), &request.projection);
            Observation::fetched(id, state)
        };
        Ok(request.records.into_iter().map(fetched).collect())
    }

    async fn find(&self, _request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Protocol, "nothing is looked for here"))
    }
}

#[async_trait]
impl Connector for Contacts {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let one = |write: &fluxcascade_core::connector::Write| {
            let WriteAction::Update { record, .. } = &write.action else {
                panic!("only updates: {write:?}")
            };
            let number = number_of(record, self.side);
            self.edit(number);
            let projection = Projection::new(write.fields.iter().map(|(name, _)| name.clone()));
            let now = field_values(&projection, self.side, number, 1);
            let sent = write.fields.iter().map(|(_, value)| Some(value));
            assert!(now.slots().iter().map(fluxcascade_core::model::Slot::value).eq(sent));
            let State::Known { values, version } = self.state(number, &request.projection) else {
                unreachable!("all are known")
            };
            WriteOutcome::Applied { record: record.clone(), version, values: Some(values) }
        };
        request.writes.iter().map(one).collect()
    }

    fn extensions(&self) -> Extensions<'_> {
        Extensions::none()
    }
}
