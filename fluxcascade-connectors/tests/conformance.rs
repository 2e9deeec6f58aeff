//! The adapters keep the connectors' contract, each against its vendor's simulator: one test per
//! sentence. What is special to a vendor is tested beside this.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "conformance/jobber.rs"]
mod jobber;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_connectors::http::HttpSettings;
use fluxcascade_connectors::hubspot::HubSpot;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits};
use fluxcascade_connectors::sim::{Effect, FaultRule, SimConfig, When};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector_conformance;
use fluxcascade_core::model::{FieldName, ObjectType, RecordId, Timestamp, Value};
use fluxcascade_core::testkit::conformance::connector::{Backstage, Fixture, Outage, Possible};

connector_conformance! { #[tokio::test] mod the_hubspot_adapter { fixture: hubspot } }

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

#[derive(Debug)]
struct Portal {
    sim: HubSpotSim,
    clock: Arc<ManualClock>,
}

async fn hubspot() -> Fixture {
    let clock = clock();
    let config = SimConfig::steered(7, Arc::clone(&clock));
    let lag = Duration::from_secs(8);
    let options =
        HubSpotOptions { limits: Limits::Off, search_lag: (lag, lag), ..HubSpotOptions::default() };
    let sim = HubSpotSim::start_with(config, options).await.unwrap();
    let http = HttpSettings {
        request_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(1),
        ..HttpSettings::default()
    };
    let builder = HubSpot::builder().token("pat-na1-test").base_url(sim.base_url());
    let hubspot = builder.clock(shared(&clock)).http(http).build().unwrap();
    Fixture::new(
        Arc::new(hubspot),
        ObjectType::new("contacts").unwrap(),
        Arc::new(Portal { sim, clock }),
        name("email"),
        [name("firstname"), name("lastname")],
        RecordId::new("424242").unwrap(),
    )
}

#[async_trait]
impl Backstage for Portal {
    async fn insert(&self, fields: Vec<(FieldName, Value)>) -> RecordId {
        let fields = fields.iter().map(|(field, value)| (field.to_string(), text(value)));
        RecordId::new(self.sim.create_contact(fields).unwrap()).unwrap()
    }

    async fn edit(&self, record: &RecordId, field: &FieldName, value: Value) {
        self.sim.edit_contact(record.as_str(), [(field.to_string(), text(&value))]).unwrap();
    }

    async fn delete(&self, record: &RecordId) {
        self.sim.archive_contact(record.as_str()).unwrap();
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    async fn break_next(&self, outage: Outage) -> Possible {
        let lost = |path| FaultRule::new(When::Next(1), Effect::LostAnswer).path(path);
        self.sim.add_fault(match outage {
            Outage::CreateAnswerLost => lost("*/batch/create"),
            Outage::UpdateAnswerLost => lost("*/batch/update"),
            Outage::ChangesFail => FaultRule::new(When::Always, Effect::Status(503)),
        });
        Possible::Done
    }
}
