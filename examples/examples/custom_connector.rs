//! A connector of one's own, and a sync with it:
//!
//! ```text
//! cargo run --example custom_connector
//! ```
//!
//! `custom_connector/book.rs` is the connector: an address book in memory. It is synced with a
//! simulated CRM, which stands for any other system. `tests/custom_connector.rs` puts it to every
//! rule of the connectors' contract, with a few lines.

#![expect(clippy::print_stdout, reason = "a program for people, who read its standard output")]

#[path = "custom_connector/book.rs"]
mod book;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::Connector;
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{FieldName, FieldType, Value};
use fluxcascade_core::testkit::{SimProfile, SimSystem};
use fluxcascade_core::{Engine, SyncReport};
use fluxcascade_store::MemoryStore;

use book::{Book, Cells};

/// Cells of a row by their names.
fn cells<const N: usize>(cells: [(&str, &str); N]) -> Result<Cells, Box<dyn Error>> {
    let cell = |(name, text): (&str, &str)| Ok((FieldName::new(name)?, Value::from(text)));
    cells.into_iter().map(cell).collect()
}

async fn sync(engine: &Engine, what: &str) -> Result<SyncReport, Box<dyn Error>> {
    let report = engine.sync("people").await?;
    println!("{what}\n\n{report}\n");
    Ok(report)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(ManualClock::starting("2026-03-01T09:00:00Z".parse()?));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let book = Arc::new(Book::new(Arc::clone(&shared))?);
    let crm = SimSystem::new("crm", "contacts", SimProfile::default(), Arc::clone(&shared))
        .typed_field("email", FieldType::Email)
        .field("name")
        .typed_field("phone", FieldType::Phone);

    let ann = book.add(&cells([("email", "ann@example.com"), ("name", "Ann")])?);
    let ann = ann.ok_or("the book has no place")?;
    let contact = crm.insert([("email", "Ann@example.com"), ("phone", "+1 256 555 0100")]);
    crm.insert([("email", "bob@example.com"), ("name", "Bob")]);

    let mapping = Mapping::builder("people")
        .source("book", "people")
        .target("crm", "contacts")
        .match_on("email", "email")
        .pair("email", "email")
        .pair("name", "name")
        .pair("phone", "phone");
    let engine = Engine::builder()
        .shared_connection("book", Arc::<Book>::clone(&book) as Arc<dyn Connector>)
        .connection("crm", crm.clone())
        .store(Arc::new(MemoryStore::new()))
        .clock(shared)
        .mapping(mapping.build()?)
        .build()
        .await?;

    let first =
        sync(&engine, "Ann is in both, each with what the other lacks; Bob in the CRM.").await?;
    assert_eq!((first.linked, first.writes()), (1, 3), "Ann twice, and Bob in the book");
    assert_eq!(crm.text(&contact, "name"), "Ann");
    assert_eq!(book.cell(&ann, "phone"), Some(Value::from("+1 256 555 0100")));

    clock.advance(Duration::from_hours(1));
    book.put(&ann, &cells([("phone", "+1 256 555 0199")])?);
    let second = sync(&engine, "Ann has another number in the book.").await?;
    assert_eq!(second.writes(), 1);
    assert_eq!(crm.text(&contact, "phone"), "+1 256 555 0199");

    clock.advance(Duration::from_hours(1));
    assert_eq!(sync(&engine, "Nothing happened.").await?.writes(), 0);
    Ok(())
}
