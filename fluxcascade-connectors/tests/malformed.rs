//! Answers that no documentation knows: each is a typed error within bounds, and no token goes to another
//! host.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::{HttpClient, reqwest};
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits};
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberSim};
use fluxcascade_connectors::sim::{Effect, FaultRule, SimConfig, When};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    ChangesRequest, Connector, ConnectorError, ErrorKind, FetchRequest, FindRequest, Position,
    Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{FieldName, ObjectType, OperationId, Projection, RecordId, Value};

/// An adapter, a record that its system has, and what is asked of both.
struct Bench {
    connector: Arc<dyn Connector>,
    object: ObjectType,
    key: FieldName,
    fields: Vec<FieldName>,
    record: RecordId,
    clock: Arc<ManualClock>,
    sim: Sim,
}

enum Sim {
    HubSpot(HubSpotSim),
    Jobber(JobberSim),
}

impl Sim {
    fn goes_wrong(&self, effect: Effect) {
        let rule = FaultRule::new(When::Always, effect);
        match self {
            Sim::HubSpot(sim) => sim.add_fault(rule),
            Sim::Jobber(sim) => sim.add_fault(rule),
        }
    }

    /// Requests that went to the other host.
    fn strays(&self) -> usize {
        let requests = match self {
            Sim::HubSpot(sim) => sim.requests(),
            Sim::Jobber(sim) => sim.requests(),
        };
        requests.iter().filter(|request| request.path == "/elsewhere").count()
    }
}

fn clock() -> (Arc<ManualClock>, Arc<dyn Clock>) {
    let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (clock, shared)
}

fn names<const N: usize>(names: [&str; N]) -> Vec<FieldName> {
    names.iter().map(|name| FieldName::new(name).unwrap()).collect()
}

async fn hubspot(client: Option<HttpClient>) -> Bench {
    let (clock, shared) = clock();
    let config = SimConfig::steered(7, Arc::clone(&clock)).token("s3cret");
    let none = (Duration::ZERO, Duration::ZERO);
    let options =
        HubSpotOptions { limits: Limits::Off, search_lag: none, ..HubSpotOptions::default() };
    let sim = HubSpotSim::start_with(config, options).await.unwrap();
    let id = sim.seed_contact([("email", "ann@x.io"), ("firstname", "Ann")]).unwrap();
    sim.seed_contact([("email", "bob@x.io"), ("firstname", "Bob")]).unwrap();
    let mut builder = HubSpot::builder().token("s3cret").base_url(sim.base_url()).clock(shared);
    if let Some(client) = client {
        builder = builder.http_client(client);
    }
    Bench {
        connector: Arc::new(builder.build().unwrap()),
        object: ObjectType::new("contacts").unwrap(),
        key: FieldName::new("email").unwrap(),
        fields: names(["email", "firstname"]),
        record: RecordId::new(id).unwrap(),
        clock,
        sim: Sim::HubSpot(sim),
    }
}

async fn jobber() -> Bench {
    let (clock, shared) = clock();
    let config = SimConfig::steered(7, Arc::clone(&clock)).token("s3cret");
    let sim = JobberSim::start(config).await.unwrap();
    let id = sim.seed_client(JobberClient::person("Ann", "Lee").with_email("ann@x.io"));
    sim.seed_client(JobberClient::person("Bob", "Ray").with_email("bob@x.io"));
    let jobber = Jobber::builder().token("s3cret").base_url(sim.base_url()).clock(shared);
    Bench {
        connector: Arc::new(jobber.build().unwrap()),
        object: ObjectType::new("clients").unwrap(),
        key: FieldName::new("emails.primary").unwrap(),
        fields: names(["emails.primary", "firstName"]),
        record: RecordId::new(id).unwrap(),
        clock,
        sim: Sim::Jobber(sim),
    }
}

impl Bench {
    fn projection(&self) -> Projection {
        Projection::new(self.fields.clone())
    }

    async fn account(&self) -> Result<(), ConnectorError> {
        self.connector.account().await.map(|_| ())
    }

    /// All pages of a full read; at most so many that it is surely endless.
    async fn list(&self) -> Result<(), ConnectorError> {
        let mut position = Position::Start;
        for _ in 0..40 {
            let page = self.connector.changes(ChangesRequest {
                object: self.object.clone(),
                projection: self.projection(),
                position,
                limit: 100,
            });
            let page = page.await?;
            if !page.more {
                return Ok(());
            }
            position = Position::After(page.cursor);
        }
        panic!("a full read of two records goes on for ever");
    }

    async fn fetch(&self) -> Result<(), ConnectorError> {
        let (object, projection) = (self.object.clone(), self.projection());
        let records = vec![self.record.clone()];
        let answer = self.connector.fetch(FetchRequest { object, projection, records }).await?;
        assert_eq!(answer.len(), 1);
        assert_eq!(answer[0].record, self.record);
        Ok(())
    }

    async fn find(&self) -> Result<(), ConnectorError> {
        let request = FindRequest {
            object: self.object.clone(),
            projection: self.projection(),
            field: self.key.clone(),
            values: vec![Value::from("ann@x.io")],
        };
        self.connector.find(request).await.map(|_| ())
    }

    async fn write(&self) -> Vec<WriteOutcome> {
        let fields = vec![(self.fields[1].clone(), Value::from("Anne"))];
        let made = vec![
            (self.key.clone(), Value::from("eve@x.io")),
            (self.fields[1].clone(), Value::from("Eve")),
        ];
        let write =
            |n: u8, action, fields| Write { operation: OperationId([n; 16]), action, fields };
        let update = WriteAction::Update { record: self.record.clone(), if_tag: None };
        let writes = vec![write(1, update, fields), write(2, WriteAction::Create, made)];
        let mut outcomes = Vec::new();
        for write in writes {
            let request = WriteRequest {
                object: self.object.clone(),
                projection: self.projection(),
                writes: vec![write],
                not_after: self.clock.now() + Duration::from_secs(60),
            };
            outcomes.extend(self.connector.write(request).await);
        }
        outcomes
    }

    /// Everything that is read goes wrong as told, or is answered rightly where the answer has nothing
    /// that is wrong.
    async fn reads_meet(&self, effect: Effect, expected: &[ErrorKind]) {
        self.account().await.unwrap();
        self.list().await.unwrap();
        self.sim.goes_wrong(effect);
        let met = [
            ("account", self.account().await),
            ("list", self.list().await),
            ("fetch", self.fetch().await),
            ("find", self.find().await),
        ];
        let errors = met.iter().filter(|(_, met)| met.is_err()).count();
        assert!(errors > 0, "nothing came of {effect:?}");
        for (what, met) in met {
            if let Err(error) = met {
                assert!(expected.contains(&error.kind), "{what} under {effect:?}: {error:?}");
                let shown = format!("{error:?} {error}");
                for secret in ["s3cret", "ann@x.io", "Ann"] {
                    assert!(!shown.contains(secret), "{what} under {effect:?} shows {shown}");
                }
            }
        }
    }

    /// Nothing that was written is taken for not written, nor the other way round.
    async fn writes_meet(&self, effect: Effect) {
        self.list().await.unwrap();
        self.sim.goes_wrong(effect);
        for outcome in self.write().await {
            let is_careful = match &outcome {
                // Jobber's edit may read the lists first, and where that went wrong nothing was sent.
                WriteOutcome::Unknown(_) | WriteOutcome::NotSent(_) => true,
                // The answer has nothing that the effect could change.
                WriteOutcome::Applied { .. } => {
                    matches!(effect, Effect::EndlessPages | Effect::WrongTypes)
                }
                WriteOutcome::Rejected { .. } => effect == Effect::Redirect,
                WriteOutcome::Exists(_) | WriteOutcome::PreconditionFailed => false,
            };
            assert!(is_careful, "under {effect:?} a write is {outcome:?}");
        }
    }
}

/// What is done and then garbled.
const DONE: [Effect; 5] =
    [Effect::CutAnswer, Effect::Page, Effect::WrongTypes, Effect::WithoutIds, Effect::Huge];

#[tokio::test]
async fn garbled_answers_to_reads_are_typed_errors() {
    let kinds = [ErrorKind::Protocol, ErrorKind::Transient];
    for effect in DONE {
        hubspot(None).await.reads_meet(effect, &kinds).await;
        jobber().await.reads_meet(effect, &kinds).await;
    }
}

#[tokio::test]
async fn pages_without_end_are_found_out() {
    for bench in [hubspot(None).await, jobber().await] {
        bench.sim.goes_wrong(Effect::EndlessPages);
        let mut error = bench.list().await.unwrap_err();
        if error.kind == ErrorKind::PositionLost {
            // It is begun anew once, in case that its cursors were too old.
            error = bench.list().await.unwrap_err();
        }
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    }
}

#[tokio::test]
async fn garbled_answers_to_writes_leave_them_unknown() {
    for effect in DONE.into_iter().chain([Effect::EndlessPages]) {
        hubspot(None).await.writes_meet(effect).await;
        jobber().await.writes_meet(effect).await;
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused_and_nothing_goes_there() {
    let kinds = [ErrorKind::Protocol, ErrorKind::Permanent];
    for bench in [hubspot(None).await, jobber().await] {
        bench.reads_meet(Effect::Redirect, &kinds).await;
        assert_eq!(bench.sim.strays(), 0);
    }
    for bench in [hubspot(None).await, jobber().await] {
        bench.writes_meet(Effect::Redirect).await;
        assert_eq!(bench.sim.strays(), 0);
    }
}

#[tokio::test]
async fn a_client_of_the_hosts_does_not_follow_a_redirect_if_it_is_built_here() {
    let builder = reqwest::Client::builder().no_proxy();
    let bench = hubspot(Some(HttpClient::from_builder(builder).unwrap())).await;
    bench.sim.goes_wrong(Effect::Redirect);
    bench.account().await.unwrap_err();
    assert_eq!(bench.sim.strays(), 0);
}

#[tokio::test]
async fn a_client_of_the_hosts_that_follows_redirects_is_found_out_and_not_used_again() {
    // A host has something to make TLS with; here it is what an adapter brings.
    HttpClient::from_builder(reqwest::Client::builder()).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let bench = hubspot(Some(HttpClient::new(client))).await;
    bench.account().await.unwrap();
    bench.sim.goes_wrong(Effect::Redirect);
    let error = bench.account().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains("`HttpClient::from_builder`"), "{error}");
    let sent = bench.sim.strays();
    bench.account().await.unwrap_err();
    bench.list().await.unwrap_err();
    assert_eq!(bench.sim.strays(), sent, "it is not used any more");
}
