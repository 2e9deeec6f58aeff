//! A connector to systems in another process: one question per line, one answer per line.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;

use async_trait::async_trait;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Cursor,
    ErrorKind, Extensions, FetchRequest, FindRequest, Found, Position, Reader, WriteAction,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, ObjectSchema, ObjectType, Observation, RecordId, SystemName, Value, Values, Version,
};
use serde::{Deserialize, Serialize};

/// What is asked. A backfill asks nothing else.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Account,
    Schema(ObjectType),
    /// An hour passes.
    Wait,
    Changes {
        object: ObjectType,
        fields: Vec<FieldName>,
        after: Option<Cursor>,
        limit: usize,
    },
    Create {
        object: ObjectType,
        fields: Vec<FieldName>,
        records: Vec<Vec<(FieldName, Value)>>,
    },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Account(Account),
    Schema(ObjectSchema),
    Changes {
        observations: Vec<Observation>,
        cursor: Cursor,
        more: bool,
    },
    Created(Vec<(RecordId, Version, Option<Values>)>),
    /// How many calls the systems had so far.
    Waited(usize),
    Failed(String),
}

/// One of the systems.
#[derive(Debug)]
pub(crate) struct Remote {
    name: SystemName,
    capabilities: Capabilities,
    line: Mutex<(BufReader<TcpStream>, TcpStream)>,
}

impl Remote {
    pub(crate) fn connect(address: &str, place: usize, capabilities: Capabilities) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        writeln!(stream, "{place}").unwrap();
        let line = Mutex::new((BufReader::new(stream.try_clone().unwrap()), stream));
        Self { name: SystemName::new("remote").unwrap(), capabilities, line }
    }

    /// An hour passes in the systems; says how many calls they had so far.
    pub(crate) fn wait(&self) -> usize {
        let reply = self.ask(&Ask::Wait);
        let Ok(Reply::Waited(calls)) = reply else { panic!("{reply:?}") };
        calls
    }

    fn ask(&self, ask: &Ask) -> Result<Reply, ConnectorError> {
        let mut line = self.line.lock().unwrap();
        let mut text = serde_json::to_string(ask).unwrap();
        text.push('\n');
        line.1.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        line.0.read_line(&mut answer).unwrap();
        let reply = serde_json::from_str(&answer).unwrap();
        if let Reply::Failed(why) = reply {
            return Err(ConnectorError::new(ErrorKind::Permanent, why));
        }
        Ok(reply)
    }
}

fn unexpected<T>(what: &str) -> Result<T, ConnectorError> {
    Err(ConnectorError::new(ErrorKind::Protocol, format!("a backfill needs no {what}")))
}

#[async_trait]
impl Reader for Remote {
    fn system(&self) -> &SystemName {
        &self.name
    }

    fn capabilities(&self, _object: &ObjectType) -> Capabilities {
        self.capabilities.clone()
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        let Reply::Account(account) = self.ask(&Ask::Account)? else {
            return unexpected("other answer");
        };
        Ok(account)
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        let Reply::Schema(schema) = self.ask(&Ask::Schema(object.clone()))? else {
            return unexpected("other answer");
        };
        Ok(schema)
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        let after = match request.position {
            Position::Start => None,
            Position::After(cursor) => Some(cursor),
        };
        let fields = request.projection.fields().to_vec();
        let ask = Ask::Changes { object: request.object, fields, after, limit: request.limit };
        let Reply::Changes { observations, cursor, more } = self.ask(&ask)? else {
            return unexpected("other answer");
        };
        Ok(ChangesPage { observations, cursor, more })
    }

    async fn fetch(&self, _request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        unexpected("fetch")
    }

    async fn find(&self, _request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        unexpected("look-up")
    }
}

#[async_trait]
impl Connector for Remote {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        assert!(request.writes.iter().all(|write| write.action == WriteAction::Create));
        let fields = request.projection.fields().to_vec();
        let records = request.writes.into_iter().map(|write| write.fields).collect();
        let reply = self.ask(&Ask::Create { object: request.object, fields, records });
        let Ok(Reply::Created(created)) = reply else { panic!("{reply:?}") };
        created
            .into_iter()
            .map(|(record, version, values)| WriteOutcome::Applied { record, version, values })
            .collect()
    }

    fn extensions(&self) -> Extensions<'_> {
        Extensions::none()
    }
}
