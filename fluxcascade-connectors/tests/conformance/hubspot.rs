//! HubSpot's adapter against HubSpot's simulator: each object type, at its best and at its worst.

use fluxcascade_connectors::http::HttpSettings;
use fluxcascade_connectors::hubspot::{HubSpot, HubSpotPaths};
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits};
use fluxcascade_connectors::sim::{Effect, FaultRule, SimConfig, When};
use fluxcascade_core::Connector;
use fluxcascade_core::connector::ExternalIdField;
use serde_json::json;

use super::*;

connector_conformance! { #[tokio::test] mod contacts { fixture: contacts_at_ease } }
connector_conformance! { #[tokio::test] mod contacts_on_a_bad_day { fixture: contacts_on_bad_days } }
connector_conformance! { #[tokio::test] mod companies { fixture: companies_at_ease } }
connector_conformance! { #[tokio::test] mod companies_on_a_bad_day { fixture: companies_on_bad_days } }
connector_conformance! { #[tokio::test] mod deals { fixture: deals_at_ease } }
connector_conformance! { #[tokio::test] mod deals_on_a_bad_day { fixture: deals_on_bad_days } }
connector_conformance! { #[tokio::test] mod custom_objects { fixture: pets_at_ease } }
connector_conformance! { #[tokio::test] mod notes { fixture: notes_at_ease } }

/// How the day goes at HubSpot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// Nothing goes wrong; what is written shows in the search after some seconds. The paths are the
    /// older ones.
    AtEase,
    /// Search is late by as much as it may be, limits are met, and requests get lost on their way.
    /// The paths are dated ones.
    Bad,
}

/// An object type as the rules are put to it.
#[derive(Debug, Clone, Copy)]
struct Subject {
    object: &'static str,
    /// A unique property; it is made if the object type has none of its own.
    key: &'static str,
    fields: [&'static str; 2],
    required: &'static [(&'static str, &'static str)],
}

const CONTACTS: Subject =
    Subject { object: "contacts", key: "email", fields: ["firstname", "lastname"], required: &[] };
const COMPANIES: Subject = Subject {
    object: "companies",
    key: "their_id",
    fields: ["city", "industry"],
    required: &[("name", "Oakfield")],
};
const DEALS: Subject = Subject {
    object: "deals",
    key: "their_id",
    fields: ["description", "their_note"],
    required: &[("dealname", "Fence"), ("dealstage", "qualifiedtobuy"), ("pipeline", "default")],
};
const NOTES: Subject = Subject {
    object: "notes",
    key: "their_id",
    fields: ["hs_note_body", "hs_attachment_ids"],
    required: &[("hs_timestamp", "2026-03-01T14:00:00.000Z")],
};
const PETS: Subject = Subject {
    object: "pets",
    key: "chip",
    fields: ["breed", "colour"],
    required: &[("call_name", "Rex")],
};

async fn contacts_at_ease() -> Fixture {
    fixture(CONTACTS, Day::AtEase).await
}

async fn contacts_on_bad_days() -> Fixture {
    fixture(CONTACTS, Day::Bad).await
}

async fn companies_at_ease() -> Fixture {
    fixture(COMPANIES, Day::AtEase).await
}

async fn companies_on_bad_days() -> Fixture {
    fixture(COMPANIES, Day::Bad).await
}

async fn deals_at_ease() -> Fixture {
    fixture(DEALS, Day::AtEase).await
}

async fn deals_on_bad_days() -> Fixture {
    fixture(DEALS, Day::Bad).await
}

async fn notes_at_ease() -> Fixture {
    fixture(NOTES, Day::AtEase).await
}

async fn pets_at_ease() -> Fixture {
    fixture(PETS, Day::AtEase).await
}

#[derive(Debug)]
struct Portal {
    sim: HubSpotSim,
    clock: Arc<ManualClock>,
    object: &'static str,
}

async fn fixture(subject: Subject, day: Day) -> Fixture {
    let clock = clock();
    let config = SimConfig::steered(7, Arc::clone(&clock));
    let sim = HubSpotSim::start_with(config, options(day)).await.unwrap();
    let http = HttpSettings {
        request_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(1),
        ..HttpSettings::default()
    };
    let builder = HubSpot::builder().token("pat-na1-test").base_url(sim.base_url()).http(http);
    let builder = match day {
        Day::AtEase => builder,
        Day::Bad => builder.paths(HubSpotPaths::dated("2026-03")),
    };
    let hubspot = builder.clock(shared(&clock)).build().unwrap();
    make_what_is_missing(&sim, &hubspot, subject).await;
    if day == Day::Bad {
        annoy(&sim);
    }
    let portal = Arc::new(Portal { sim, clock, object: subject.object });
    let mut fixture = Fixture::new(
        Arc::new(hubspot),
        ObjectType::new(subject.object).unwrap(),
        portal,
        name(subject.key),
        subject.fields.map(name),
        RecordId::new("424242").unwrap(),
    );
    for (field, value) in subject.required {
        fixture = fixture.needs(name(field), Value::from(*value));
    }
    fixture
}

fn options(day: Day) -> HubSpotOptions {
    let (lag, limits) = match day {
        Day::AtEase => (8, Limits::Off),
        Day::Bad => (60, Limits::On { ten_secondly: 30, search_secondly: 3, daily: 1_000_000 }),
    };
    let lag = Duration::from_secs(lag);
    HubSpotOptions { search_lag: (lag / 8, lag), limits, ..HubSpotOptions::default() }
}

/// Makes the object type, its unique property and another one, where an account has them not.
async fn make_what_is_missing(sim: &HubSpotSim, hubspot: &HubSpot, subject: Subject) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, body: serde_json::Value| {
        let request = http.post(sim.base_url() + path).bearer_auth("t").json(&body);
        assert_eq!(request.send().await.unwrap().status(), 201);
    };
    let property =
        |name: &str| json!({ "name": name, "label": name, "type": "string", "fieldType": "text" });
    if subject.object == "pets" {
        let properties = ["call_name", "breed", "colour"].map(property);
        let schema = json!({
            "name": "pets", "labels": { "singular": "Pet", "plural": "Pets" },
            "primaryDisplayProperty": "call_name", "requiredProperties": ["call_name"],
            "properties": properties, "associatedObjects": ["CONTACT"],
        });
        post("/crm-object-schemas/v3/schemas", schema).await;
    }
    if subject.object == "deals" {
        let mut note = property("their_note");
        note["groupName"] = json!("dealinformation");
        post("/crm/v3/properties/deals", note).await;
    }
    if subject.key != "email" {
        let object = ObjectType::new(subject.object).unwrap();
        let (field, label) = (name(subject.key), "Their id".to_owned());
        let field = ExternalIdField { object, field, label };
        let provisioner = hubspot.extensions().provisioner.unwrap();
        assert!(provisioner.ensure_external_id_field(field).await.unwrap().unique);
    }
}

/// One list in fifty is lost on its way, as is the answer to one read in fifty; one request in fifty is
/// turned away, and one search in fifty fails.
fn annoy(sim: &HubSpotSim) {
    sim.add_fault(FaultRule::new(When::Permille(20), Effect::LostRequest).method("GET"));
    sim.add_fault(FaultRule::new(When::Permille(20), Effect::Limit));
    sim.add_fault(FaultRule::new(When::Permille(20), Effect::Status(503)).path("*/search"));
    sim.add_fault(FaultRule::new(When::Permille(20), Effect::LostAnswer).path("*/batch/read"));
}

#[async_trait]
impl Backstage for Portal {
    async fn insert(&self, fields: Vec<(FieldName, Value)>) -> RecordId {
        let fields = fields.iter().map(|(field, value)| (field.to_string(), text(value)));
        RecordId::new(self.sim.create(self.object, fields).unwrap()).unwrap()
    }

    async fn edit(&self, record: &RecordId, field: &FieldName, value: Value) {
        let edit = [(field.to_string(), text(&value))];
        self.sim.edit(self.object, record.as_str(), edit).unwrap();
    }

    async fn delete(&self, record: &RecordId) {
        self.sim.archive(self.object, record.as_str()).unwrap();
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    async fn break_next(&self, outage: Outage) -> Possible {
        let lost = |path| FaultRule::new(When::Next(1), Effect::LostAnswer).path(path);
        self.sim.clear_faults();
        self.sim.add_fault(match outage {
            Outage::CreateAnswerLost => lost("*/batch/create"),
            Outage::UpdateAnswerLost => lost("*/batch/update"),
            Outage::ChangesFail => FaultRule::new(When::Always, Effect::Status(503)),
        });
        Possible::Done
    }
}
