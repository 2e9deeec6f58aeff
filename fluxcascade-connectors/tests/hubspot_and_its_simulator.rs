//! The HubSpot adapter against the simulated HubSpot, which shares no code with it: what one
//! holds true of HubSpot, the other has to agree to. How requests look is tested in the adapter.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::HttpSettings;
use fluxcascade_connectors::hubspot::HubSpot;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits, MergedId};
use fluxcascade_connectors::sim::{Effect, FaultRule, SimConfig, When};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    ChangesRequest, Connector, ErrorKind, FetchRequest, FindRequest, Position, Write, WriteAction,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, ObjectType, Observation, OperationId, Projection, RecordId, State, Value,
};
use fluxcascade_core::{Reader, Timestamp};

const LAG: Duration = Duration::from_secs(8);

struct Bench {
    sim: HubSpotSim,
    clock: Arc<ManualClock>,
    hubspot: HubSpot,
}

impl Bench {
    async fn new() -> Self {
        Self::with(HubSpotOptions { limits: Limits::Off, ..HubSpotOptions::default() }).await
    }

    async fn with(options: HubSpotOptions) -> Self {
        let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
        let config = SimConfig::steered(7, Arc::clone(&clock));
        let options = HubSpotOptions { search_lag: (LAG, LAG), ..options };
        let sim = HubSpotSim::start_with(config, options).await.unwrap();
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let builder = HubSpot::builder().token("pat-na1-test").base_url(sim.base_url());
        let http = HttpSettings {
            request_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            ..HttpSettings::default()
        };
        let hubspot = builder.clock(shared).http(http).build().unwrap();
        Self { sim, clock, hubspot }
    }

    /// Reads on to the end; gives what was seen and where the next read begins.
    async fn follow(&self, from: Position) -> (Vec<Observation>, Position) {
        let (mut seen, mut position) = (Vec::new(), from);
        loop {
            let (object, projection) = (contacts(), projection());
            let request = ChangesRequest { object, projection, position, limit: 100 };
            let page = self.hubspot.changes(request).await.unwrap();
            seen.extend(page.observations);
            position = Position::After(page.cursor);
            if !page.more {
                return (seen, position);
            }
        }
    }

    async fn fetch(&self, id: &str) -> State {
        let records = vec![RecordId::new(id).unwrap()];
        let (object, projection) = (contacts(), projection());
        let request = FetchRequest { object, projection, records };
        self.hubspot.fetch(request).await.unwrap().remove(0).state
    }

    async fn find(&self, field: &str, value: &str) -> Vec<String> {
        let (field, values) = (name(field), vec![Value::from(value)]);
        let (object, projection) = (contacts(), projection());
        let request = FindRequest { object, projection, field, values };
        let found = self.hubspot.find(request).await.unwrap();
        found.into_iter().map(|found| found.observation.record.to_string()).collect()
    }

    async fn write(&self, writes: Vec<Write>) -> Vec<WriteOutcome> {
        let not_after = self.clock.now() + Duration::from_secs(240);
        let (object, projection) = (contacts(), projection());
        self.hubspot.write(WriteRequest { object, projection, writes, not_after }).await
    }
}

fn contacts() -> ObjectType {
    ObjectType::new("contacts").unwrap()
}

fn name(text: &str) -> FieldName {
    FieldName::new(text).unwrap()
}

fn projection() -> Projection {
    Projection::new(["email", "firstname", "phone", "annualrevenue"].map(name))
}

fn write(action: WriteAction, fields: &[(&str, &str)]) -> Write {
    let fields = fields.iter().map(|(field, text)| (name(field), Value::from(*text))).collect();
    Write { operation: OperationId::of(&[b"test"]), action, fields }
}

fn create(fields: &[(&str, &str)]) -> Write {
    write(WriteAction::Create, fields)
}

fn update(id: &str, fields: &[(&str, &str)]) -> Write {
    write(WriteAction::Update { record: RecordId::new(id).unwrap(), if_tag: None }, fields)
}

fn text(state: &State, slot: usize) -> String {
    let State::Known { values, .. } = state else { panic!("{state:?}") };
    values[slot].value().unwrap().to_string()
}

fn known(seen: &[Observation]) -> BTreeSet<String> {
    let known = seen.iter().filter(|seen| seen.known().is_some());
    known.map(|seen| seen.record.to_string()).collect()
}

fn all(sim: &HubSpotSim) -> BTreeSet<String> {
    sim.contacts().into_iter().map(|contact| contact.id).collect()
}

fn merged_into(id: &str) -> State {
    State::MergedInto(RecordId::new(id).unwrap())
}

#[tokio::test]
async fn a_full_read_sees_every_record_and_the_next_what_was_edited_meanwhile() {
    let bench = Bench::new().await;
    bench.sim.seed_people(250).unwrap();
    let gone = bench.sim.seed_contact([("firstname", "Gone")]).unwrap();
    bench.sim.archive_contact(&gone).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (seen, next) = bench.follow(Position::Start).await;
    assert_eq!(known(&seen), all(&bench.sim));
    let archived = seen.iter().find(|seen| seen.record.as_str() == gone).unwrap();
    assert!(matches!(archived.state, State::Archived(_)));
    assert_eq!(bench.hubspot.requests().of("list"), 4);

    let (seen, next) = bench.follow(next).await;
    assert_eq!(seen.len(), 0);
    let edited = all(&bench.sim).into_iter().next().unwrap();
    bench.sim.edit_contact(&edited, [("firstname", "Zoe")]).unwrap();
    let (seen, next) = bench.follow(next).await;
    assert_eq!(seen.len(), 0, "the index is late");
    bench.clock.advance(LAG);
    let (seen, _) = bench.follow(next).await;
    assert_eq!(known(&seen), BTreeSet::from([edited]), "and the look-back makes up for it");
    assert_eq!(text(&seen[0].state, 1), "Zoe");
}

#[tokio::test]
async fn a_thousand_rows_on_one_millisecond_are_all_seen() {
    let bench = Bench::new().await;
    let (_, next) = bench.follow(Position::Start).await;
    bench.clock.advance(Duration::from_secs(60));
    for n in 0..1000 {
        bench.sim.seed_contact([("email", format!("p{n}@example.com"))]).unwrap();
    }
    let (seen, _) = bench.follow(next).await;
    assert_eq!(seen.len(), 1000);
    assert_eq!(known(&seen), all(&bench.sim));
    assert_eq!(bench.hubspot.requests().of("search"), 10);
}

#[tokio::test]
async fn hubspots_limits_are_waited_out() {
    let bench = Bench::with(HubSpotOptions::default()).await;
    let (_, next) = bench.follow(Position::Start).await;
    for n in 0..1000 {
        bench.sim.seed_contact([("email", format!("p{n}@example.com"))]).unwrap();
    }
    let (seen, _) = bench.follow(next).await;
    assert_eq!(seen.len(), 1000);
    assert!(bench.sim.requests().iter().any(|request| request.status == Some(429)));
}

#[tokio::test]
async fn what_is_written_is_there_and_each_write_has_its_own_outcome() {
    let bench = Bench::new().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io"), ("phone", "1")]).unwrap();
    let outcomes = bench
        .write(vec![
            create(&[("email", "bob@x.io"), ("firstname", "Bob")]),
            create(&[("email", "ANN@x.io")]),
            create(&[("email", "no mail")]),
            update(&ann, &[("firstname", "Ann"), ("phone", "")]),
            update("999999", &[("firstname", "Nobody")]),
            update(&ann, &[("annualrevenue", "12.50")]),
        ])
        .await;
    let WriteOutcome::Applied { record: bob, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(text(&bench.fetch(bob.as_str()).await, 1), "Bob");
    assert_eq!(outcomes[1], WriteOutcome::Exists(RecordId::new(&ann).unwrap()));
    let WriteOutcome::Rejected { fields, error } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!(
        (fields.as_slice(), error.kind),
        ([name("email")].as_slice(), ErrorKind::Validation)
    );
    assert!(!error.message.contains("no mail"), "{error}");
    assert!(matches!(&outcomes[3], WriteOutcome::Applied { .. }), "{outcomes:?}");
    let WriteOutcome::Rejected { error, .. } = &outcomes[4] else { panic!("{outcomes:?}") };
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(matches!(&outcomes[5], WriteOutcome::Applied { .. }), "{outcomes:?}");
    let state = bench.fetch(&ann).await;
    assert_eq!((text(&state, 1), text(&state, 2)), ("Ann".to_owned(), "(blank)".to_owned()));
    assert_eq!(text(&state, 3), "12.50");
    assert_eq!(bench.sim.contacts().len(), 2);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_done_once() {
    let faults =
        [Effect::LostAnswer, Effect::DoneThenHang, Effect::CutAnswer, Effect::DoneThenStatus(500)];
    for (n, effect) in faults.into_iter().enumerate() {
        let bench = Bench::new().await;
        bench.sim.add_fault(FaultRule::new(When::Next(1), effect).path("*/batch/create"));
        let outcomes = bench.write(vec![create(&[("phone", "+1 555")])]).await;
        assert!(matches!(outcomes[0], WriteOutcome::Unknown(_)), "{n}: {outcomes:?}");
        assert_eq!(bench.sim.contacts().len(), 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_write_that_is_turned_away_is_sent_again_and_a_read_survives_a_proxy() {
    let bench = Bench::new().await;
    bench.sim.add_fault(FaultRule::new(When::Next(2), Effect::Limit).path("*/batch/create"));
    let outcomes = bench.write(vec![create(&[("email", "a@x.io")])]).await;
    let WriteOutcome::Applied { record, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    for effect in [Effect::BadGateway, Effect::LostRequest, Effect::LostAnswer, Effect::Status(503)]
    {
        bench.sim.add_fault(FaultRule::new(When::Next(1), effect).path("*/batch/read"));
        assert_eq!(text(&bench.fetch(record.as_str()).await, 0), "a@x.io");
    }
}

#[tokio::test]
async fn archives_and_merges_are_told_apart_from_what_was_never_there() {
    for merged_id in [MergedId::Primary, MergedId::New] {
        let options =
            HubSpotOptions { limits: Limits::Off, merged_id, ..HubSpotOptions::default() };
        let bench = Bench::with(options).await;
        let contact = |mail: &str| bench.sim.seed_contact([("email", mail)]).unwrap();
        let (primary, loser, archived) = (contact("a@x.io"), contact("b@x.io"), contact("c@x.io"));
        let (_, next) = bench.follow(Position::Start).await;
        let survivor = bench.sim.merge_contacts(&primary, &loser).unwrap();
        bench.sim.archive_contact(&archived).unwrap();
        assert_eq!(bench.fetch(&loser).await, merged_into(&survivor));
        assert!(matches!(bench.fetch(&archived).await, State::Archived(_)));
        assert_eq!(bench.fetch("424242").await, State::Missing);
        assert_eq!(text(&bench.fetch(&survivor).await, 0), "a@x.io");

        bench.clock.advance(LAG);
        let (seen, _) = bench.follow(next).await;
        let lost = seen.iter().find(|seen| seen.record.as_str() == loser).unwrap();
        assert_eq!(lost.state, merged_into(&survivor));
        // The survivor answers to the address of the loser, but does not hold it.
        assert_eq!(bench.find("email", "b@x.io").await, Vec::<String>::new());
        assert_eq!(bench.find("email", "A@x.io").await, [survivor]);
    }
}

#[tokio::test]
async fn a_record_is_found_by_mail_at_once_and_by_another_field_when_it_is_indexed() {
    let bench = Bench::new().await;
    let id = bench.sim.create_contact([("email", "ann@x.io"), ("firstname", "Ann")]).unwrap();
    assert_eq!(bench.find("email", "Ann@x.io").await, std::slice::from_ref(&id));
    assert_eq!(bench.find("firstname", "Ann").await, Vec::<String>::new());
    bench.clock.advance(LAG);
    assert_eq!(bench.find("firstname", "Ann").await, [id]);
}

#[tokio::test]
async fn the_schema_reads_every_value_of_the_simulated_people() {
    let bench = Bench::new().await;
    bench.sim.seed_people(100).unwrap();
    let schema = bench.hubspot.schema(&contacts()).await.unwrap();
    let fields = schema.fields.iter().map(|field| field.name.clone());
    let (object, projection) = (contacts(), Projection::new(fields));
    let (position, limit) = (Position::Start, 100);
    let request = ChangesRequest { object, projection, position, limit };
    let page = bench.hubspot.changes(request).await.unwrap();
    assert_eq!(page.observations.len(), 100);
    for seen in &page.observations {
        let (values, version) = seen.known().unwrap_or_else(|| panic!("{seen:?}"));
        assert!(values.slots().iter().all(|slot| !slot.is_absent()));
        assert!(version.modified.is_some_and(|at| at.at > Timestamp::from_secs(0)));
    }
    assert_eq!(bench.hubspot.account().await.unwrap().id, "62515");
}
