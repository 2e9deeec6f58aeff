//! The adapters keep the connectors' contract, each against its vendor's simulator: one test per
//! sentence. What is special to a vendor is tested beside this.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "conformance/hubspot.rs"]
mod hubspot;
#[path = "conformance/jobber.rs"]
mod jobber;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector_conformance;
use fluxcascade_core::model::{FieldName, ObjectType, RecordId, Timestamp, Value};
use fluxcascade_core::testkit::conformance::connector::{Backstage, Fixture, Outage, Possible};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()))
}

fn shared(clock: &Arc<ManualClock>) -> Arc<dyn Clock> {
    Arc::<ManualClock>::clone(clock)
}

fn name(text: &str) -> FieldName {
    FieldName::new(text).unwrap()
}

fn text(value: &Value) -> String {
    value.as_text().unwrap_or_default().to_owned()
}
