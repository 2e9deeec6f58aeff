//! The systems' side of `remote`: a thread per connection, on this machine's loopback.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::connector::{
    ChangesRequest, Connector, ConnectorError, Position, Reader, Write, WriteAction, WriteOutcome,
    WriteRequest,
};
use fluxcascade_core::model::{OperationId, Projection, Timestamp};
use fluxcascade_core::testkit::SimSystem;
use futures::executor::block_on;

use crate::remote::{Ask, Reply};

/// Serves the systems until this process ends; says where.
pub(crate) fn serve(systems: [SimSystem; 2], clock: Arc<ManualClock>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, systems, clock) = (stream.unwrap(), systems.clone(), Arc::clone(&clock));
            thread::spawn(move || answer_all(&stream, &systems, &clock));
        }
    });
    address
}

fn answer_all(stream: &TcpStream, systems: &[SimSystem; 2], clock: &ManualClock) {
    stream.set_nodelay(true).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(place)) = lines.next() else { return };
    let system = &systems[place.parse::<usize>().unwrap()];
    for line in lines {
        let Ok(line) = line else { return };
        let ask: Ask = serde_json::from_str(&line).unwrap();
        if let Ask::Wait = ask {
            clock.advance(Duration::from_hours(1));
        }
        let calls = systems.iter().map(|system| system.ledger().len()).sum();
        let reply = block_on(answer(system, ask, calls));
        let reply = reply.unwrap_or_else(|error| Reply::Failed(error.to_string()));
        let mut text = serde_json::to_string(&reply).unwrap();
        text.push('\n');
        if writer.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

async fn answer(system: &SimSystem, ask: Ask, calls: usize) -> Result<Reply, ConnectorError> {
    Ok(match ask {
        Ask::Wait => Reply::Waited(calls),
        Ask::Account => Reply::Account(system.account().await?),
        Ask::Schema(object) => Reply::Schema(system.schema(&object).await?),
        Ask::Changes { object, fields, after, limit } => {
            let page = system
                .changes(ChangesRequest {
                    object,
                    projection: Projection::new(fields),
                    position: after.map_or(Position::Start, Position::After),
                    limit,
                })
                .await?;
            Reply::Changes { observations: page.observations, cursor: page.cursor, more: page.more }
        }
        Ask::Create { object, fields, records } => {
            let write = |fields| Write {
                operation: OperationId::of(&[]),
                action: WriteAction::Create,
                fields,
            };
            let outcomes = system
                .write(WriteRequest {
                    object,
                    projection: Projection::new(fields),
                    writes: records.into_iter().map(write).collect(),
                    not_after: Timestamp::from_micros(i64::MAX),
                })
                .await;
            Reply::Created(outcomes.into_iter().map(created).collect())
        }
    })
}

fn created(
    outcome: WriteOutcome,
) -> (
    fluxcascade_core::model::RecordId,
    fluxcascade_core::model::Version,
    Option<fluxcascade_core::model::Values>,
) {
    let WriteOutcome::Applied { record, version, values } = outcome else { panic!("{outcome:?}") };
    (record, version, values)
}
