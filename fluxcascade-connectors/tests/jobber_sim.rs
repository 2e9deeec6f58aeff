//! The adapter against the simulated Jobber: what is written is read back, by the rules of the
//! traits. Single answers and faults are tested beside the adapter.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "jobber_sim/account.rs"]
mod account;
#[path = "jobber_sim/limits.rs"]
mod limits;
#[path = "jobber_sim/lists.rs"]
mod lists;
#[path = "jobber_sim/office.rs"]
mod office;
#[path = "jobber_sim/traps.rs"]
mod traps;
#[path = "jobber_sim/work.rs"]
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::Jobber;
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberEmail, JobberOptions, JobberSim};
use fluxcascade_connectors::sim::{Effect, FaultPlan, FaultRule, SimConfig, When};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    ChangesRequest, Connector, Cursor, ErrorKind, FetchRequest, FindRequest, Position, Reader,
    Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, ObjectType, Observation, OperationId, Projection, RecordId, Slot, State, Value,
};

const FIELDS: [&str; 10] = [
    "firstName",
    "lastName",
    "companyName",
    "isCompany",
    "title",
    "billingAddress.city",
    "billingAddress.street1",
    "emails.primary",
    "emails.work",
    "phones.primary",
];

/// A simulator, its clock, and the adapter on it.
struct Stage {
    sim: JobberSim,
    clock: Arc<ManualClock>,
    jobber: Jobber,
}

impl Stage {
    async fn start() -> Self {
        Self::with(JobberOptions::default(), 50).await
    }

    async fn with(options: JobberOptions, page_size: usize) -> Self {
        let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
        let config = SimConfig::steered(7, Arc::clone(&clock)).token("s3cret");
        let sim = JobberSim::start_with(config, options).await.unwrap();
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let jobber = Jobber::builder()
            .token("s3cret")
            .base_url(sim.base_url())
            .clock(shared)
            .page_size(page_size)
            .build()
            .unwrap();
        Self { sim, clock, jobber }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn page(&self, position: Position) -> (Vec<Observation>, Cursor, bool) {
        let request =
            ChangesRequest { object: clients(), projection: projection(), position, limit: 1000 };
        let page = self.jobber.changes(request).await.unwrap();
        (page.observations, page.cursor, page.more)
    }

    /// Follows the cursors to the end.
    async fn pass(&self, mut position: Position) -> (Vec<Observation>, Cursor) {
        let mut all = Vec::new();
        loop {
            let (observations, cursor, more) = self.page(position).await;
            all.extend(observations);
            if !more {
                return (all, cursor);
            }
            position = Position::After(cursor);
        }
    }

    async fn fetch(&self, id: &str) -> State {
        let records = vec![RecordId::new(id).unwrap()];
        let request = FetchRequest { object: clients(), projection: projection(), records };
        self.jobber.fetch(request).await.unwrap().remove(0).state
    }

    /// What a field shows; none for a blank.
    async fn shows(&self, id: &str, field: &str) -> Option<String> {
        let State::Known { values, .. } = self.fetch(id).await else { panic!("{id} is not known") };
        let slot = projection().slot(field).unwrap();
        let Slot::Present(value) = &values[slot] else { panic!("{field} is absent") };
        (!value.is_blank()).then(|| value.to_string())
    }

    async fn write(&self, action: WriteAction, fields: &[(&str, &str)]) -> WriteOutcome {
        let field =
            |(name, text): &(&str, &str)| (FieldName::new(name).unwrap(), Value::from(*text));
        let write = Write {
            operation: OperationId([0; 16]),
            action,
            fields: fields.iter().map(field).collect(),
        };
        let request = WriteRequest {
            object: clients(),
            projection: projection(),
            writes: vec![write],
            not_after: self.clock.now() + Duration::from_secs(120),
        };
        self.jobber.write(request).await.remove(0)
    }

    async fn update(&self, id: &str, fields: &[(&str, &str)]) {
        let record = RecordId::new(id).unwrap();
        let outcome = self.write(WriteAction::Update { record, if_tag: None }, fields).await;
        assert!(matches!(outcome, WriteOutcome::Applied { .. }), "{outcome:?}");
    }

    async fn create(&self, fields: &[(&str, &str)]) -> String {
        let outcome = self.write(WriteAction::Create, fields).await;
        let WriteOutcome::Applied { record, .. } = outcome else { panic!("{outcome:?}") };
        record.as_str().to_owned()
    }

    async fn found(&self, field: &str, value: &str) -> Vec<String> {
        let request = FindRequest {
            object: clients(),
            projection: projection(),
            field: FieldName::new(field).unwrap(),
            values: vec![Value::from(value)],
        };
        let found = self.jobber.find(request).await.unwrap();
        found.iter().map(|found| found.observation.record.to_string()).collect()
    }
}

fn clients() -> ObjectType {
    ObjectType::new("clients").unwrap()
}

fn projection() -> Projection {
    Projection::new(FIELDS.iter().map(|field| FieldName::new(field).unwrap()))
}

fn ids(observations: &[Observation]) -> BTreeSet<String> {
    observations.iter().map(|seen| seen.record.to_string()).collect()
}

fn mail(address: &str, description: &str, primary: bool) -> JobberEmail {
    JobberEmail {
        id: String::new(),
        address: address.to_owned(),
        description: description.to_owned(),
        primary,
    }
}

#[tokio::test]
async fn the_account_and_every_field_of_the_schema_can_be_read() {
    let stage = Stage::start().await;
    assert_eq!(stage.jobber.account().await.unwrap().name, "Simulated Services");
    let id = stage.sim.seed_people(1).remove(0);
    let schema = stage.jobber.schema(&clients()).await.unwrap();
    let projection = Projection::new(schema.fields.iter().map(|field| field.name.clone()));
    let records = vec![RecordId::new(&id).unwrap()];
    let request = FetchRequest { object: clients(), projection, records };
    let seen = stage.jobber.fetch(request).await.unwrap();
    let values = seen[0].values().unwrap();
    assert!(values.slots().iter().all(|slot| !slot.is_absent()), "{values:?}");
}

#[tokio::test]
async fn a_full_read_sees_every_client_and_the_next_read_what_changed_since() {
    let stage = Stage::start().await;
    let seeded: BTreeSet<String> = stage.sim.seed_people(120).into_iter().collect();
    let (seen, cursor) = stage.pass(Position::Start).await;
    assert_eq!(ids(&seen), seeded);
    let requests = stage.jobber.requests().of("clients");
    assert!(requests <= 4, "{requests} requests for three pages");

    stage.advance(3600);
    let (quiet, cursor) = stage.pass(Position::After(cursor)).await;
    assert_eq!(quiet, []);
    assert_eq!(stage.jobber.requests().of("clients"), requests + 1);

    let edited = seeded.first().unwrap();
    stage.sim.edit_client(edited, |client| client.last_name = "Changed".to_owned());
    let archived = seeded.last().unwrap();
    stage.sim.edit_client(archived, |client| client.is_archived = true);
    let made = stage.sim.create_client(JobberClient::person("New", "Client"));
    stage.advance(60);
    let (seen, _) = stage.pass(Position::After(cursor)).await;
    assert_eq!(ids(&seen), BTreeSet::from([edited.clone(), archived.clone(), made]));
    let gone = seen.iter().find(|seen| seen.record.as_str() == archived).unwrap();
    assert!(matches!(gone.state, State::Archived(_)));
}

#[tokio::test]
async fn nobody_is_skipped_when_clients_are_edited_while_they_are_paged_through() {
    let stage = Stage::with(JobberOptions::default(), 20).await;
    let seeded = stage.sim.seed_people(100);
    let mut all = Vec::new();
    let mut position = Position::Start;
    let mut turn = 0;
    loop {
        let (observations, cursor, more) = stage.page(position).await;
        all.extend(observations);
        if !more {
            break;
        }
        // Clients that were read already move to the end of the list.
        stage.advance(5);
        for id in seeded.iter().skip(turn * 3).take(3) {
            stage.sim.edit_client(id, |client| client.last_name = format!("Edit {turn}"));
        }
        turn += 1;
        position = Position::After(cursor);
    }
    assert_eq!(ids(&all), seeded.into_iter().collect());
    assert!(turn >= 4);
}

#[tokio::test]
async fn many_clients_of_one_second_are_all_seen() {
    let stage = Stage::with(JobberOptions::default(), 20).await;
    let made: BTreeSet<String> = (0..90)
        .map(|n| stage.sim.seed_client(JobberClient::person(format!("N{n}"), "Lee")))
        .collect();
    let (seen, cursor) = stage.pass(Position::Start).await;
    assert_eq!(ids(&seen), made);
    assert_eq!(stage.jobber.requests().of("clients"), 5);
    stage.advance(1);
    let (again, _) = stage.pass(Position::After(cursor)).await;
    assert_eq!(ids(&again), made, "all of them are within the look-back");
}

#[tokio::test]
async fn what_is_created_is_read_back() {
    let stage = Stage::start().await;
    let fields = [
        ("firstName", "Ann"),
        ("lastName", "Lee"),
        ("companyName", "Lee Ltd"),
        ("title", "MRS"),
        ("billingAddress.street1", "1 Main St"),
        ("billingAddress.city", "Reno"),
        ("emails.primary", "ann@lee.example"),
        ("emails.work", "office@lee.example"),
        ("phones.primary", "(256) 555-0100"),
    ];
    let id = stage.create(&fields).await;
    for (field, text) in fields {
        assert_eq!(stage.shows(&id, field).await.as_deref(), Some(text), "{field}");
    }
    let stored = stage.sim.client(&id).unwrap();
    assert!(stored.emails[0].primary && !stored.emails[1].primary);
}

#[tokio::test]
async fn a_field_is_written_and_cleared_and_the_others_stay() {
    let stage = Stage::start().await;
    let id = stage.sim.seed_people(1).remove(0);
    let before = stage.fetch(&id).await;
    for (field, text) in [
        ("lastName", "Changed"),
        ("companyName", "Changed Ltd"),
        ("title", "DR"),
        ("billingAddress.city", "Elko"),
        ("emails.primary", "new@lee.example"),
        ("emails.work", "work@lee.example"),
        ("phones.primary", "(256) 555-0199"),
    ] {
        stage.update(&id, &[(field, text)]).await;
        assert_eq!(stage.shows(&id, field).await.as_deref(), Some(text));
        assert_only_changed(&before, &stage.fetch(&id).await, field);
        stage.update(&id, &[(field, "")]).await;
        assert_eq!(stage.shows(&id, field).await, None, "{field} is blank");
        let slot = projection().slot(field).unwrap();
        let State::Known { values, .. } = &before else { panic!() };
        let old = values[slot].value().filter(|old| !old.is_blank()).map(ToString::to_string);
        stage.update(&id, &[(field, &old.unwrap_or_default())]).await;
    }
}

#[track_caller]
fn assert_only_changed(before: &State, after: &State, written: &str) {
    let (State::Known { values: before, .. }, State::Known { values: after, .. }) = (before, after)
    else {
        panic!("{before:?} {after:?}")
    };
    for (slot, field) in FIELDS.iter().enumerate().filter(|(_, field)| **field != written) {
        let (Slot::Present(before), Slot::Present(after)) = (&before[slot], &after[slot]) else {
            panic!("{field} is absent")
        };
        assert!(!after.changed_from(before), "{field} changed when {written} was written");
    }
}

/// A trap of Jobber's.
#[tokio::test]
async fn list_deltas_with_ids_leave_the_entries_that_are_not_mapped() {
    let stage = Stage::start().await;
    let mut ann = JobberClient::person("Ann", "Lee");
    ann.emails = vec![
        mail("a@lee.example", "Main", false),
        mail("b@lee.example", "Assistant", true),
        mail("c@lee.example", "Personal", true),
        mail("a@lee.example", "Main", false),
    ];
    let id = stage.sim.seed_client(ann);
    let list = || {
        let stored = stage.sim.client(&id).unwrap();
        let one = |mail: &JobberEmail| {
            format!("{}{}", if mail.primary { "*" } else { "" }, &mail.address[..1])
        };
        stored.emails.iter().map(one).collect::<String>()
    };
    assert_eq!(list(), "a*b*ca");
    assert_eq!(stage.shows(&id, "emails.primary").await.as_deref(), Some("b@lee.example"));
    stage.update(&id, &[("emails.primary", "a@lee.example")]).await;
    assert_eq!(list(), "*abca", "promoted, not added");
    stage.update(&id, &[("emails.primary", "d@lee.example")]).await;
    assert_eq!(list(), "*dbca");
    stage.update(&id, &[("emails.work", "w@lee.example")]).await;
    assert_eq!(list(), "*dbcaw");
    stage.update(&id, &[("emails.primary", "")]).await;
    assert_eq!(list(), "bcaw");
    assert_eq!(stage.shows(&id, "emails.primary").await, None);
    let kept = &stage.sim.client(&id).unwrap().emails[0];
    assert_eq!((kept.address.as_str(), kept.description.as_str()), ("b@lee.example", "Assistant"));
}

/// A trap of Jobber's.
#[tokio::test]
async fn user_errors_under_200_are_rejections_that_name_their_fields() {
    let stage = Stage::start().await;
    let outcome = stage
        .write(WriteAction::Create, &[("firstName", "Ann"), ("emails.primary", "nowhere")])
        .await;
    let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
    assert_eq!(fields, [FieldName::new("emails.primary").unwrap()], "{error}");
    assert!(stage.sim.clients().is_empty());
}

#[tokio::test]
async fn deleted_and_unknown_clients_are_missing_and_archived_ones_deleted() {
    let stage = Stage::start().await;
    let people = stage.sim.seed_people(2);
    stage.sim.delete_client(&people[0]).unwrap();
    stage.sim.edit_client(&people[1], |client| client.is_archived = true);
    assert_eq!(stage.fetch(&people[0]).await, State::Missing);
    assert_eq!(stage.fetch("no-such-id").await, State::Missing);
    assert!(matches!(stage.fetch(&people[1]).await, State::Archived(_)));
    let record = RecordId::new(&people[0]).unwrap();
    let action = WriteAction::Update { record, if_tag: None };
    let outcome = stage.write(action, &[("firstName", "Ann")]).await;
    assert!(matches!(outcome, WriteOutcome::Rejected { .. }), "{outcome:?}");
}

/// A trap of Jobber's.
#[tokio::test]
async fn a_null_that_means_hidden_by_permission_is_absent_and_its_list_is_not_edited() {
    let stage = Stage::start().await;
    let id = stage.sim.seed_people(1).remove(0);
    stage.sim.hide_field("Client", "companyName");
    let State::Known { values, .. } = stage.fetch(&id).await else { panic!() };
    assert!(values[projection().slot("companyName").unwrap()].is_absent());
    assert!(!values[projection().slot("emails.primary").unwrap()].is_absent());

    stage.sim.hide_field("Client", "emails");
    let seen = stage.fetch(&id).await;
    assert_eq!(seen, State::OutOfScope, "a list is never null: the whole client goes with it");
    let before = stage.sim.client(&id).unwrap();
    let action = WriteAction::Update { record: RecordId::new(&id).unwrap(), if_tag: None };
    let outcome = stage.write(action, &[("emails.primary", "x@lee.example")]).await;
    let WriteOutcome::Rejected { error, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind, ErrorKind::Permission);
    assert_eq!(stage.sim.client(&id).unwrap(), before);
}

#[tokio::test]
async fn clients_are_found_by_mail_phone_and_name() {
    let stage = Stage::start().await;
    let mut ann =
        JobberClient::person("Ann", "Lee").with_email("ann@lee.example").with_phone("256 555 0100");
    ann.company_name = Some("Lee Ltd".to_owned());
    let id = stage.sim.seed_client(ann);
    stage.sim.seed_client(JobberClient::person("Ann", "Leeds").with_email("joann@lee.example"));
    let only_ann = [id];
    assert_eq!(stage.found("emails.primary", "Ann@lee.example").await, only_ann);
    assert_eq!(stage.found("phones.primary", "(256) 555-0100").await, only_ann);
    assert_eq!(stage.found("companyName", "Lee Ltd").await, only_ann);
    assert!(stage.found("emails.primary", "nobody@lee.example").await.is_empty());
}

#[tokio::test]
async fn a_batch_of_edits_takes_a_read_and_a_write_for_ten_clients() {
    let stage = Stage::start().await;
    let people = stage.sim.seed_people(12);
    let edit = |(n, id): (usize, &String)| Write {
        operation: OperationId([0; 16]),
        action: WriteAction::Update { record: RecordId::new(id).unwrap(), if_tag: None },
        fields: vec![(
            FieldName::new("emails.primary").unwrap(),
            Value::from(format!("new{n}@lee.example")),
        )],
    };
    let outcomes = stage
        .jobber
        .write(WriteRequest {
            object: clients(),
            projection: projection(),
            writes: people.iter().enumerate().map(edit).collect(),
            not_after: stage.clock.now() + Duration::from_secs(120),
        })
        .await;
    for (n, (id, outcome)) in people.iter().zip(&outcomes).enumerate() {
        assert!(
            matches!(outcome, WriteOutcome::Applied { record, .. } if record.as_str() == id),
            "{outcome:?}"
        );
        assert_eq!(stage.sim.client(id).unwrap().emails[0].address, format!("new{n}@lee.example"));
    }
    let requests = stage.jobber.requests();
    assert_eq!((requests.of("fetch"), requests.of("edit")), (2, 2));
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_unknown_and_made_once() {
    let stage = Stage::start().await;
    let rule = FaultRule::new(When::Always, Effect::LostAnswer).body("clientCreate");
    stage.sim.set_faults(FaultPlan::seeded(1).rule(rule));
    let outcome = stage.write(WriteAction::Create, &[("firstName", "Ann")]).await;
    assert!(matches!(outcome, WriteOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(stage.sim.clients().len(), 1);
}

/// A trap of Jobber's.
#[tokio::test]
async fn an_html_page_under_200_is_waited_out_by_a_read() {
    let stage = Stage::start().await;
    stage.sim.seed_people(3);
    let rule = FaultRule::new(When::Next(2), Effect::Status(200));
    stage.sim.set_faults(FaultPlan::seeded(1).rule(rule));
    let (seen, _) = stage.pass(Position::Start).await;
    assert_eq!(seen.len(), 3);
    assert_eq!(stage.jobber.requests().of("clients"), 3);
}

#[tokio::test]
async fn a_small_bucket_is_waited_for_and_soon_nothing_is_refused() {
    let options =
        JobberOptions { maximum_available: 2000, restore_rate: 50, ..JobberOptions::default() };
    let stage = Stage::with(options, 20).await;
    stage.sim.seed_people(100);
    let start = stage.clock.now();
    let (seen, _) = stage.pass(Position::Start).await;
    assert_eq!(ids(&seen).len(), 100);
    assert!(stage.clock.now().since(start) > Duration::from_secs(5), "it waited");
    let answers = stage.sim.requests();
    assert!(answers.len() <= 8, "{} requests for five pages", answers.len());
}

/// A trap of Jobber's.
#[tokio::test]
async fn a_query_whose_cost_exceeds_the_bucket_shrinks_its_page_and_reads_on() {
    let options =
        JobberOptions { maximum_available: 200, restore_rate: 50, ..JobberOptions::default() };
    let stage = Stage::with(options, 50).await;
    stage.sim.seed_people(30);
    let (seen, cursor) = stage.pass(Position::Start).await;
    assert_eq!(ids(&seen).len(), 30);
    let never = stage.sim.requests().len();
    stage.pass(Position::After(cursor)).await;
    assert_eq!(stage.sim.requests().len(), never + 1, "what fits is known by now");
}
