//! The example's own connector keeps the connectors' contract: this is all that it takes to see it.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "../examples/custom_connector/book.rs"]
mod book;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector_conformance;
use fluxcascade_core::model::{FieldName, ObjectType, RecordId, Timestamp, Value};
use fluxcascade_core::testkit::conformance::connector::{Backstage, Fixture, Outage, Possible};

use book::{Book, Cells};

connector_conformance! { #[tokio::test] mod the_address_book { fixture: fixture } }

#[expect(clippy::unused_async, reason = "a fixture may need to wait; this one does not")]
async fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::starting("2026-03-01T09:00:00Z".parse().unwrap()));
    let book = Arc::new(Book::new(Arc::<ManualClock>::clone(&clock)).unwrap());
    let name = |name| FieldName::new(name).unwrap();
    Fixture::new(
        Arc::<Book>::clone(&book),
        ObjectType::new("people").unwrap(),
        Arc::new(Person { book, clock }),
        name("email"),
        [name("name"), name("phone")],
        RecordId::new("row-424242").unwrap(),
    )
}

#[derive(Debug)]
struct Person {
    book: Arc<Book>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Backstage for Person {
    async fn insert(&self, fields: Vec<(FieldName, Value)>) -> RecordId {
        self.book.add(&fields.into_iter().collect()).unwrap()
    }

    async fn edit(&self, record: &RecordId, field: &FieldName, value: Value) {
        self.book.put(record, &Cells::from([(field.clone(), value)])).unwrap();
    }

    async fn delete(&self, record: &RecordId) {
        self.book.strike(record);
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    async fn break_next(&self, _outage: Outage) -> Possible {
        Possible::Not // nothing lies between the book and its reader
    }
}

#[test]
fn the_connector_has_less_than_80_lines_of_code() {
    let source = include_str!("../examples/custom_connector/book.rs");
    let (_, connector) = source.split_once("// The connector:").unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = connector.lines().skip(1).filter(is_code).count();
    assert!(lines < 80, "{lines}");
}
