//! One test per trap of Jobber's that concerns more than clients' lists and limits; the others are
//! beside what they are about.

use fluxcascade_connectors::sim::jobber::{
    Cursors, JobberClient, JobberInvoice, JobberJob, JobberOptions, JobberProperty, JobberQuote,
    JobberRequest, JobberVisit, PropertyEdits,
};
use fluxcascade_core::connector::{ChangesRequest, Position, Reader};
use fluxcascade_core::model::{Projection, SeenBy, State, Value};

use super::office::{Office, name, object};

fn yard() -> JobberProperty {
    JobberProperty { name: Some("Yard".to_owned()), ..JobberProperty::default() }
}

/// Edits of properties show in no read of changes for sure: the schema says that webhooks tell, and a
/// full read has them. Where an edit moves its client's time, the next read has it, too.
#[tokio::test]
async fn no_updated_at_on_properties_so_they_are_read_through_the_clients_that_changed() {
    for (edits, in_the_next_read) in
        [(PropertyEdits::MoveTheClient, 1), (PropertyEdits::LeaveTheClient, 0)]
    {
        let options = JobberOptions { property_edits: edits, ..JobberOptions::default() };
        let office = Office::with(options, 50).await;
        let client = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
        let property = office.sim.create_property(&client, yard()).unwrap();
        office.advance(3600);
        let (all, next) = office.ids("properties", Position::Start).await;
        assert_eq!(all, std::slice::from_ref(&property));
        office.advance(3600);
        let (quiet, next) = office.ids("properties", next).await;
        assert_eq!(quiet, [""; 0]);
        office.advance(3600);
        office.sim.edit_property(&property, |of| of.name = Some("Shop".to_owned()));
        office.advance(3600);
        let (seen, _) = office.ids("properties", next).await;
        assert_eq!(seen.len(), in_the_next_read);
        let (all, _) = office.pass("properties", &["name"], Position::Start).await;
        assert_eq!(all[0].values().unwrap()[0].value(), Some(&Value::from("Shop")));
        let schema = office.jobber.schema(&object("properties")).await.unwrap();
        assert!(schema.fields.iter().all(|field| field.seen_by != SeenBy::Incremental));
    }
}

#[tokio::test]
async fn a_client_with_many_properties_is_read_on_until_all_are_seen() {
    let office = Office::with(JobberOptions::default(), 7).await;
    let (_, next) = office.ids("properties", Position::Start).await;
    office.advance(3600);
    for client in ["Ann", "Bob", "Cy"] {
        let client = office.sim.create_client(JobberClient::person(client, "Lee"));
        for _ in 0..23 {
            office.sim.create_property(&client, yard()).unwrap();
        }
    }
    office.advance(600);
    let (mut seen, _) = office.ids("properties", next).await;
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 69);
}

/// What is new shows, what is edited does not: the schema says so of each field.
#[tokio::test]
async fn no_updated_at_on_visits_so_new_ones_show_and_webhooks_tell_of_edits() {
    let office = Office::open().await;
    let client_id = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let property_id = office.sim.create_property(&client_id, yard()).unwrap();
    let job_id = office.sim.create(JobberJob { client_id, property_id, ..JobberJob::default() });
    let visit = JobberVisit { job_id, ..JobberVisit::default() };
    let old = office.sim.create(visit.clone());
    office.advance(3600);
    let (all, next) = office.ids("visits", Position::Start).await;
    assert_eq!(all, std::slice::from_ref(&old));
    office.advance(3600);
    let new = office.sim.create(visit);
    office.sim.edit(&old, |of: &mut JobberVisit| of.title = Some("Mow".to_owned()));
    office.advance(600);
    let (seen, _) = office.ids("visits", next).await;
    assert_eq!(seen, [new]);
    let schema = office.jobber.schema(&object("visits")).await.unwrap();
    let seen_by = |field: &str| schema.field(&name(field)).unwrap().seen_by;
    assert_eq!((seen_by("title"), seen_by("job")), (SeenBy::Webhook, SeenBy::Incremental));
}

/// Newest first, down to the first that is older than the last read; and the next read begins where
/// this one began, so that a job which moves to the front meanwhile is not missed.
#[tokio::test]
async fn no_filter_on_jobs_updated_at_so_they_are_read_newest_first_down_to_the_mark() {
    let office = Office::with(JobberOptions::default(), 3).await;
    let client_id = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let property_id = office.sim.create_property(&client_id, yard()).unwrap();
    let job = JobberJob { client_id, property_id, ..JobberJob::default() };
    let mut jobs = Vec::new();
    for _ in 0..20 {
        office.advance(60);
        jobs.push(office.sim.create(job.clone()));
    }
    office.advance(3600);
    let (mut all, next) = office.ids("jobs", Position::Start).await;
    all.sort();
    assert_eq!(all.len(), 20);
    office.advance(3600);
    let retitle = |id: &str| office.sim.edit(id, |of: &mut JobberJob| of.title = Some("x".into()));
    for id in &jobs[..5] {
        office.advance(60);
        retitle(id);
    }
    office.sim.clear_requests();
    // One that was read already is edited, and one that was not: both before the second page.
    let (moved, late) = (jobs[4].clone(), jobs[0].clone());
    let (seen, next) = office.ids("jobs", next).await;
    assert_eq!(seen.len(), 5);
    assert_eq!(office.sim.requests().len(), 2, "two pages of three, and not all twenty jobs");
    office.advance(30);
    for id in [&moved, &late] {
        retitle(id);
        office.sim.edit(id, |of: &mut JobberJob| of.title = Some("y".into()));
    }
    office.advance(600);
    let (seen, _) = office.ids("jobs", next).await;
    assert!(seen.contains(&moved) && seen.contains(&late), "{seen:?}");
}

#[tokio::test]
async fn a_job_that_moves_to_the_front_while_jobs_are_read_is_in_the_next_read() {
    let office = Office::with(JobberOptions::default(), 2).await;
    let client_id = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let property_id = office.sim.create_property(&client_id, yard()).unwrap();
    let job = JobberJob { client_id, property_id, ..JobberJob::default() };
    let mut jobs = Vec::new();
    for _ in 0..6 {
        office.advance(600);
        jobs.push(office.sim.create(job.clone()));
    }
    office.advance(600);
    let request = |position| request("jobs", position, 2);
    let first = office.jobber.changes(request(Position::Start)).await.unwrap();
    office.advance(60);
    office.sim.edit(&jobs[0], |of: &mut JobberJob| of.title = Some("Moved".to_owned())).unwrap();
    office.advance(600);
    let (rest, next) = office.ids("jobs", Position::After(first.cursor)).await;
    assert!(!rest.contains(&jobs[0]), "it is in front of what is read");
    let (seen, _) = office.ids("jobs", next).await;
    assert_eq!(seen, jobs[..1]);
}

fn request(of: &str, position: Position, limit: usize) -> ChangesRequest {
    ChangesRequest { object: object(of), projection: Projection::new([]), position, limit }
}

/// Reads a window of nine records in pages of three, where a cursor is a mere position, and edits one
/// that was read already after each page. What is seen of the nine.
async fn seen_while_edited(
    of: &str,
    create: impl Fn(&Office, &str) -> String,
    edit: impl Fn(&Office, &str),
) -> (Vec<String>, Vec<String>) {
    let options = JobberOptions { cursors: Cursors::Positions, ..JobberOptions::default() };
    let office = Office::with(options, 3).await;
    let client = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let (_, mut position) = office.ids(of, Position::Start).await;
    let mut made: Vec<String> = Vec::new();
    for _ in 0..9 {
        office.advance(60);
        made.push(create(&office, &client));
    }
    office.advance(600);
    let mut seen = Vec::new();
    loop {
        let page = office.jobber.changes(request(of, position, 3)).await.unwrap();
        let read = page.observations.iter().map(|seen| seen.record.to_string());
        seen.extend(read.filter(|id| made.contains(id)));
        if !page.more {
            break;
        }
        office.advance(60);
        edit(&office, &seen[0]);
        position = Position::After(page.cursor);
    }
    seen.sort();
    seen.dedup();
    made.sort();
    (seen, made)
}

#[tokio::test]
async fn what_is_edited_while_a_window_is_read_pushes_nothing_else_past_the_end_of_a_page() {
    let word = |office: &Office| Some(office.sim.requests().len().to_string());
    let (seen, made) = seen_while_edited(
        "requests",
        |office, client| {
            let client_id = client.to_owned();
            office.sim.create(JobberRequest { client_id, ..JobberRequest::default() })
        },
        |office, id| {
            office.sim.edit(id, |of: &mut JobberRequest| of.title = word(office)).unwrap();
        },
    )
    .await;
    assert_eq!(seen, made, "requests");
    let (seen, made) = seen_while_edited(
        "quotes",
        |office, client| {
            let client_id = client.to_owned();
            office.sim.create(JobberQuote { client_id, ..JobberQuote::default() })
        },
        |office, id| {
            office.sim.edit(id, |of: &mut JobberQuote| of.title = word(office)).unwrap();
        },
    )
    .await;
    assert_eq!(seen, made, "quotes");
    let (seen, made) = seen_while_edited(
        "invoices",
        |office, client| {
            let client_id = client.to_owned();
            office.sim.create(JobberInvoice { client_id, ..JobberInvoice::default() })
        },
        |office, id| {
            office.sim.edit(id, |of: &mut JobberInvoice| of.message = word(office)).unwrap();
        },
    )
    .await;
    assert_eq!(seen, made, "invoices");
    let (seen, made) = seen_while_edited(
        "clients",
        |office, _| office.sim.create_client(JobberClient::person("Bob", "Lee")),
        |office, id| {
            office.sim.edit_client(id, |of| of.company_name = word(office)).unwrap();
        },
    )
    .await;
    assert_eq!(seen, made, "clients");
}

/// What cannot be null takes its record with it: out of scope, and not gone.
#[tokio::test]
async fn a_null_that_means_hidden_by_permission_is_no_reference_that_was_cleared() {
    let office = Office::open().await;
    let client_id = office.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let property_id = office.sim.create_property(&client_id, yard()).unwrap();
    let request = office.sim.create(JobberRequest {
        client_id: client_id.clone(),
        property_id: Some(property_id.clone()),
        ..JobberRequest::default()
    });
    let job = office.sim.create(JobberJob { client_id, property_id, ..JobberJob::default() });
    office.sim.hide_field("Request", "property");
    let state = office.fetch("requests", &[&request], &["client", "property"]).await.remove(0);
    let State::Known { values, .. } = state else { panic!("{state:?}") };
    assert!(!values.slots()[0].is_absent() && values.slots()[1].is_absent(), "{values:?}");

    office.sim.hide_field("Job", "property");
    assert_eq!(office.fetch("jobs", &[&job], &["property"]).await, [State::OutOfScope]);
    let known = office.fetch("jobs", &[&job], &["title"]).await.remove(0);
    assert!(matches!(known, State::Known { .. }), "what is not mapped is not asked for");
}

#[tokio::test]
async fn phones_are_reformatted_and_still_the_same_number() {
    let office = Office::open().await;
    let id = office
        .make("clients", &[("firstName", "Ann".into()), ("phones.primary", "256-593-8310".into())])
        .await;
    assert_eq!(office.sim.client(&id).unwrap().phones[0].number, "(256) 593-8310");
    // The same number in another form is no edit of the list.
    let edits = |office: &Office| office.jobber.requests().of("edit");
    let before = edits(&office);
    office.edit("clients", &id, &[("phones.primary", "(256) 593-8310".into())]).await;
    assert_eq!(edits(&office), before);
    let schema = office.jobber.schema(&object("clients")).await.unwrap();
    let phone = schema.field(&name("phones.primary")).unwrap();
    let read = office.values("clients", &id, &["phones.primary"]).await.remove(0);
    assert!(read.equivalent(&Value::from("256.593.8310"), &phone.field_type));
}

#[tokio::test]
async fn main_is_read_with_one_capital_and_written_in_capitals() {
    let office = Office::open().await;
    let id = office
        .make("clients", &[("firstName", "Ann".into()), ("emails.main", "ann@lee.example".into())])
        .await;
    assert_eq!(office.sim.client(&id).unwrap().emails[0].description, "Main");
    let sent = office.sim.requests();
    let create = sent.iter().find(|request| request.body.contains("clientCreate")).unwrap();
    assert!(create.body.contains("\"description\":\"MAIN\""), "{}", create.body);
    let read = office.values("clients", &id, &["emails.main"]).await;
    assert_eq!(read, [Value::from("ann@lee.example")]);
}
