//! Properties, requests, quotes, jobs, visits and invoices: made, edited, put away and read back.

use fluxcascade_connectors::sim::jobber::{
    JobberAddress, JobberClient, JobberInvoice, JobberJob, JobberProperty, JobberQuote,
    JobberRequest, JobberVisit, RequestStatusTypeEnum,
};
use fluxcascade_core::connector::{
    ErrorKind, FindRequest, Position, Reader, WriteAction, WriteOutcome,
};
use fluxcascade_core::model::{Projection, RecordId, State, Value};

use super::office::{Office, name, object, record_of, reference, refusal, update};

const OBJECTS: [&str; 7] =
    ["clients", "properties", "requests", "quotes", "jobs", "visits", "invoices"];

impl Office {
    fn client(&self) -> String {
        self.sim.seed_client(JobberClient::person("Ann", "Lee"))
    }

    fn property(&self, client: &str, street: &str) -> String {
        let address = JobberAddress { street1: street.to_owned(), ..JobberAddress::default() };
        let property = JobberProperty { address, ..JobberProperty::default() };
        self.sim.create_property(client, property).unwrap()
    }

    /// A client with a property and a job there.
    fn job(&self) -> (String, String, String) {
        let client_id = self.client();
        let property_id = self.property(&client_id, "1 Main");
        let (client, property) = (client_id.clone(), property_id.clone());
        let job = self.sim.create(JobberJob { client_id, property_id, ..JobberJob::default() });
        (client, property, job)
    }
}

#[tokio::test]
async fn every_field_of_every_schema_can_be_read_by_page_and_by_id() {
    let office = Office::open().await;
    let (client_id, property, job_id) = office.job();
    let some = Some("x".to_owned());
    office.sim.create(JobberRequest {
        client_id: client_id.clone(),
        property_id: Some(property),
        title: some.clone(),
        ..JobberRequest::default()
    });
    let quote = JobberQuote { client_id: client_id.clone(), subtotal: 12.5, ..Default::default() };
    office.sim.create(quote);
    office.sim.create(JobberVisit { job_id, title: some, ..JobberVisit::default() });
    office.sim.create(JobberInvoice { client_id, subtotal: 99.9, ..JobberInvoice::default() });
    for of in OBJECTS {
        let schema = office.jobber.schema(&object(of)).await.unwrap();
        let fields: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
        assert!(fields.len() > 9, "{of}: {fields:?}");
        let (seen, _) = office.pass(of, &fields, Position::Start).await;
        assert_eq!(seen.len(), 1, "{of}");
        let State::Known { values, .. } = &seen[0].state else { panic!("{of}: {:?}", seen[0]) };
        assert!(values.slots().iter().all(|slot| !slot.is_absent()), "{of}: {values:?}");
        let fetched = office.fetch(of, &[seen[0].record.as_str()], &fields).await;
        assert_eq!(fetched[0], seen[0].state, "{of}");
    }
}

#[tokio::test]
async fn a_job_is_made_at_its_property_and_reads_back_with_its_references() {
    let office = Office::open().await;
    let client = office.client();
    let property = office.property(&client, "1 Main");
    let fields = [
        ("property", reference("properties", &property)),
        ("title", "Roof".into()),
        ("jobNumber", Value::Int(4711)),
    ];
    let job = office.make("jobs", &fields).await;
    let read = office.values("jobs", &job, &["client", "property", "title", "jobNumber"]).await;
    assert_eq!(
        read,
        [
            reference("clients", &client),
            reference("properties", &property),
            "Roof".into(),
            Value::Int(4711)
        ]
    );
}

#[tokio::test]
async fn a_job_with_a_client_alone_takes_the_only_property_or_the_one_at_the_billing_address() {
    let office = Office::open().await;
    let client = office.client();
    let by_client = || [("client", reference("clients", &client)), ("title", "Roof".into())];
    let (fields, words) = refusal(&office.write("jobs", WriteAction::Create, &by_client()).await);
    assert_eq!(fields, ["property"]);
    assert!(words.contains("no property") && words.contains("map property"), "{words}");

    let stranger = [("client", reference("clients", "nobody's id")), ("title", "Roof".into())];
    let (fields, words) = refusal(&office.write("jobs", WriteAction::Create, &stranger).await);
    assert_eq!(fields, ["client"], "{words}");

    let first = office.property(&client, "1 Main");
    let job = office.make("jobs", &by_client()).await;
    assert_eq!(office.sim.record::<JobberJob>(&job).unwrap().property_id, first);

    let second = office.property(&client, "2 Main");
    let (fields, words) = refusal(&office.write("jobs", WriteAction::Create, &by_client()).await);
    assert_eq!(fields, ["property"]);
    assert!(words.contains("2 properties"), "{words}");

    let billing = office.sim.property(&second).unwrap().address;
    office.sim.edit_client(&client, |of| of.billing_address = Some(billing));
    let job = office.make("jobs", &by_client()).await;
    assert_eq!(office.sim.record::<JobberJob>(&job).unwrap().property_id, second);
}

#[tokio::test]
async fn what_a_create_sets_for_good_is_refused_by_an_edit_unless_it_is_the_same() {
    let office = Office::open().await;
    let (client, property, job) = office.job();
    let other = office.property(&client, "2 Main");
    let edit = [("property", reference("properties", &other)), ("title", "Roof".into())];
    let (fields, words) = refusal(&office.write("jobs", update(&job), &edit).await);
    assert_eq!(fields, ["property"]);
    assert!(words.contains("cannot be changed"), "{words}");
    assert_eq!(office.sim.record::<JobberJob>(&job).unwrap().title, None);

    let same = [("property", reference("properties", &property)), ("title", "Roof".into())];
    office.edit("jobs", &job, &same).await;
    assert_eq!(office.sim.record::<JobberJob>(&job).unwrap().title.as_deref(), Some("Roof"));
}

#[tokio::test]
async fn no_property_is_chosen_before_all_of_a_clients_were_seen() {
    let office = Office::open().await;
    let client = office.client();
    for n in 0..60 {
        office.property(&client, &format!("{n} Main"));
    }
    let fields = [("client", reference("clients", &client))];
    let (refused, words) = refusal(&office.write("jobs", WriteAction::Create, &fields).await);
    assert_eq!(refused, ["property"]);
    assert!(words.contains("60 properties"), "{words}");
}

#[tokio::test]
async fn a_property_is_made_edited_in_part_and_removed_by_its_client() {
    let office = Office::open().await;
    let client = office.client();
    let fields = [
        ("client", reference("clients", &client)),
        ("address.street1", "1 Main".into()),
        ("address.city", "Reno".into()),
    ];
    let property = office.make("properties", &fields).await;
    office.edit("properties", &property, &[("address.city", "Elko".into())]).await;
    let address = office.sim.property(&property).unwrap().address;
    assert_eq!((address.street1.as_str(), address.city.as_str()), ("1 Main", "Elko"));

    let record = RecordId::new(&property).unwrap();
    for _ in 0..2 {
        let delete = WriteAction::Delete { record: record.clone(), if_tag: None };
        assert_eq!(record_of(&office.write("properties", delete, &[]).await), property);
        assert_eq!(office.sim.property(&property), None);
    }
}

#[tokio::test]
async fn a_property_where_there_is_work_is_not_removed() {
    let office = Office::open().await;
    let (_, property, _) = office.job();
    let record = RecordId::new(&property).unwrap();
    let delete = WriteAction::Delete { record, if_tag: None };
    let (_, words) = refusal(&office.write("properties", delete, &[]).await);
    assert!(words.contains("has jobs"), "{words}");
    assert!(office.sim.property(&property).is_some());
}

#[tokio::test]
async fn a_request_is_archived_and_comes_back() {
    let office = Office::open().await;
    let client = office.client();
    let fields = [("client", reference("clients", &client)), ("title", "Roof".into())];
    let request = office.make("requests", &fields).await;
    let record = RecordId::new(&request).unwrap();
    let archive = WriteAction::Archive { record: record.clone(), if_tag: None };
    record_of(&office.write("requests", archive, &[]).await);
    let archived = office.fetch("requests", &[&request], &["title"]).await.remove(0);
    assert!(matches!(archived, State::Archived(_)), "{archived:?}");
    record_of(&office.write("requests", WriteAction::Restore { record }, &[]).await);
    let status = office.sim.record::<JobberRequest>(&request).unwrap().request_status;
    assert_eq!(status, RequestStatusTypeEnum::New);
}

#[tokio::test]
async fn a_visits_words_and_times_are_written_and_it_is_deleted() {
    let office = Office::open().await;
    let (_, _, job) = office.job();
    let at = |text: &str| Value::Instant(text.parse().unwrap());
    let fields = [
        ("job", reference("jobs", &job)),
        ("title", "Mow".into()),
        ("startAt", at("2026-04-01T09:30:00Z")),
        ("endAt", at("2026-04-01T11:00:00Z")),
    ];
    let visit = office.make("visits", &fields).await;
    let read = ["title", "startAt", "endAt"];
    let expected = ["Mow".into(), at("2026-04-01T09:30:00Z"), at("2026-04-01T11:00:00Z")];
    assert_eq!(office.values("visits", &visit, &read).await, expected);

    let both = [("title", "Mow well".into()), ("endAt", at("2026-04-01T12:00:00Z"))];
    office.edit("visits", &visit, &both).await;
    let expected = ["Mow well".into(), at("2026-04-01T09:30:00Z"), at("2026-04-01T12:00:00Z")];
    assert_eq!(office.values("visits", &visit, &read).await, expected);

    let wrong = [("endAt", at("2026-04-01T08:00:00Z"))];
    let (fields, _) = refusal(&office.write("visits", update(&visit), &wrong).await);
    assert_eq!(fields, ["endAt"]);

    let record = RecordId::new(&visit).unwrap();
    for _ in 0..2 {
        let delete = WriteAction::Delete { record: record.clone(), if_tag: None };
        record_of(&office.write("visits", delete, &[]).await);
    }
    assert_eq!(office.sim.records::<JobberVisit>(), []);
}

#[tokio::test]
async fn quotes_and_invoices_are_made_edited_and_read_by_their_time() {
    let office = Office::open().await;
    let client = office.client();
    let property = office.property(&client, "1 Main");
    let of_client = ("client", reference("clients", &client));
    let quote = [
        of_client.clone(),
        ("property", reference("properties", &property)),
        ("title", "Roof".into()),
    ];
    let quote = office.make("quotes", &quote).await;
    let due = Value::Instant("2026-05-01T00:00:00Z".parse().unwrap());
    let invoice = [of_client, ("subject", "Roof".into()), ("dueDate", due.clone())];
    let invoice = office.make("invoices", &invoice).await;
    for (of, id, field) in [("quotes", &quote, "message"), ("invoices", &invoice, "subject")] {
        office.advance(3600);
        let (_, next) = office.ids(of, Position::Start).await;
        office.advance(3600);
        let (quiet, next) = office.ids(of, next).await;
        assert_eq!(quiet, [""; 0], "{of}");
        office.edit(of, id, &[(field, "New".into())]).await;
        office.advance(600);
        assert_eq!(office.ids(of, next).await.0, std::slice::from_ref(id), "{of}");
        assert_eq!(office.values(of, id, &[field]).await, ["New".into()]);
    }
    assert_eq!(office.values("invoices", &invoice, &["dueDate"]).await, [due]);
}

#[tokio::test]
async fn work_is_found_by_its_title_or_number_and_compared_exactly() {
    let office = Office::open().await;
    let (client_id, property_id, _) = office.job();
    let titled = |title: &str| JobberJob {
        client_id: client_id.clone(),
        property_id: property_id.clone(),
        title: Some(title.to_owned()),
        ..JobberJob::default()
    };
    let roof = office.sim.create(titled("Roof"));
    office.sim.create(titled("Roof and wall"));
    let find = async |of: &str, field: &str, value: Value| {
        let request = FindRequest {
            object: object(of),
            projection: Projection::new([]),
            field: name(field),
            values: vec![value],
        };
        office.jobber.find(request).await.map(|found| {
            found.iter().map(|found| found.observation.record.to_string()).collect::<Vec<_>>()
        })
    };
    let titled = find("jobs", "title", "Roof".into()).await.unwrap();
    assert_eq!(titled, std::slice::from_ref(&roof));
    let number = office.sim.record::<JobberJob>(&roof).unwrap().job_number;
    assert_eq!(find("jobs", "jobNumber", Value::Int(number.into())).await.unwrap(), [roof]);
    assert_eq!(
        find("properties", "address.street1", "1 Main".into()).await.unwrap(),
        [property_id]
    );
    let error = find("visits", "title", "Roof".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
}

#[tokio::test]
async fn a_lost_answer_to_a_create_of_a_job_is_unknown_and_made_once() {
    use fluxcascade_connectors::sim::{Effect, FaultRule, When};
    let office = Office::open().await;
    let client = office.client();
    let property = office.property(&client, "1 Main");
    office.sim.add_fault(FaultRule::new(When::Always, Effect::LostAnswer).body("jobCreate"));
    let fields = [("property", reference("properties", &property))];
    let outcome = office.write("jobs", WriteAction::Create, &fields).await;
    assert!(matches!(outcome, WriteOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(office.sim.records::<JobberJob>().len(), 1);
}

/// A first read of n costs ⌈n ÷ page⌉, a quiet poll one request per feed, m updates
/// ⌈m ÷ read batch⌉ + ⌈m ÷ write batch⌉ + ⌈m ÷ read batch⌉.
#[tokio::test]
async fn requests_are_as_many_as_pages_and_batches_and_no_more() {
    let office = Office::open().await;
    let client_id = office.client();
    let property_id = office.property(&client_id, "1 Main");
    let mut positions = Vec::new();
    let jobs: Vec<String> = (0..101)
        .map(|_| {
            office.advance(20);
            let (client_id, property_id) = (client_id.clone(), property_id.clone());
            office
                .sim
                .create(JobberRequest { client_id: client_id.clone(), ..JobberRequest::default() });
            office.sim.create(JobberJob { client_id, property_id, ..JobberJob::default() })
        })
        .collect();
    office.sim.seed_people(100);
    office.advance(3600);
    let counted = |office: &Office| {
        let count = office.sim.requests().len();
        office.sim.clear_requests();
        count
    };
    counted(&office);
    for (of, pages) in [("clients", 3), ("properties", 1), ("requests", 3), ("jobs", 3)] {
        let (_, next) = office.ids(of, Position::Start).await;
        assert_eq!(counted(&office), pages, "a first read of {of}");
        positions.push((of, next));
    }
    office.advance(3600);
    for (of, next) in positions {
        office.ids(of, next).await;
        assert_eq!(counted(&office), 1, "a quiet poll of {of}");
    }
    let ids: Vec<&str> = jobs.iter().take(45).map(String::as_str).collect();
    office.fetch("jobs", &ids, &["title"]).await;
    assert_eq!(counted(&office), 3, "45 read before they are written");
    for batch in ids.chunks(10) {
        let edits = batch.iter().map(|id| (update(id), vec![("title", Value::from("Roof"))]));
        for outcome in office.batch("jobs", edits.collect()).await {
            record_of(&outcome);
        }
    }
    assert_eq!(counted(&office), 5, "45 written");
    office.fetch("jobs", &ids, &["title"]).await;
    assert_eq!(counted(&office), 3, "45 read back");
}
