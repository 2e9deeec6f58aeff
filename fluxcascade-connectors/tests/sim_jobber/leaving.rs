//! What is told of records that go, and of work that gets on.

use fluxcascade_connectors::sim::jobber::{
    JobStatusTypeEnum, JobberClient, JobberInvoice, JobberJob, JobberProperty, JobberQuote,
    JobberRequest, JobberVisit, QuoteStatusTypeEnum,
};
use serde_json::{Value as Json, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::Jobber;

/// A host that is told of these topics.
async fn host(jobber: &Jobber, topics: &[&str]) -> MockServer {
    let host = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&host).await;
    let create = "mutation($input: WebhookEndpointCreateInput!) {
        webhookEndpointCreate(input: $input) { webhookEndpoint { id } userErrors { message } } }";
    for topic in topics {
        let input = json!({ "topic": topic, "url": format!("{}/hooks", host.uri()) });
        let made = jobber.data(create, json!({ "input": input })).await;
        assert_eq!(made["webhookEndpointCreate"]["userErrors"], json!([]));
    }
    host
}

/// What it was told of since, as topic and record.
async fn told(jobber: &Jobber, host: &MockServer) -> Vec<(String, String)> {
    jobber.sim.deliver().await;
    let requests = host.received_requests().await.unwrap();
    host.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(host).await;
    let event = |body: Json| {
        let text = |key: &str| body["data"]["webHookEvent"][key].as_str().unwrap().to_owned();
        (text("topic"), text("itemId"))
    };
    requests.iter().map(|request| event(request.body_json().unwrap())).collect()
}

/// A client with a property, and one of each work for it; their ids, a visit's last.
fn at_work(jobber: &Jobber) -> [String; 7] {
    let sim = &jobber.sim;
    let client_id = sim.seed_client(JobberClient::person("Ann", "Lee"));
    let property_id = sim.create_property(&client_id, JobberProperty::default()).unwrap();
    let of = || client_id.clone();
    let request = sim.create(JobberRequest { client_id: of(), ..JobberRequest::default() });
    let quote = sim.create(JobberQuote { client_id: of(), ..JobberQuote::default() });
    let invoice = sim.create(JobberInvoice { client_id: of(), ..JobberInvoice::default() });
    let job = JobberJob { property_id: property_id.clone(), ..JobberJob::default() };
    let job_id = sim.create(job);
    let visit = sim.create(JobberVisit { job_id: job_id.clone(), ..JobberVisit::default() });
    [client_id, property_id, request, quote, invoice, job_id, visit]
}

const GONE: [&str; 7] = [
    "CLIENT_DESTROY",
    "PROPERTY_DESTROY",
    "REQUEST_DESTROY",
    "QUOTE_DESTROY",
    "INVOICE_DESTROY",
    "JOB_DESTROY",
    "VISIT_DESTROY",
];

#[tokio::test]
async fn what_is_done_for_a_client_goes_with_it_and_is_told() {
    let jobber = Jobber::start().await;
    let host = host(&jobber, &GONE).await;
    let of_others = at_work(&jobber);
    let ids = at_work(&jobber);
    jobber.sim.delete_client(&ids[0]).unwrap();
    let told = told(&jobber, &host).await;
    assert_eq!(told.last().unwrap().0, "CLIENT_DESTROY", "{told:?}");
    let mut told = told;
    told.sort();
    let mut gone: Vec<(String, String)> =
        GONE.iter().map(|topic| (*topic).to_owned()).zip(ids).collect();
    gone.sort();
    assert_eq!(told, gone);
    let left = jobber.sim.records::<JobberVisit>();
    assert_eq!(left.iter().map(|visit| &visit.id).collect::<Vec<_>>(), [&of_others[6]]);
}

#[tokio::test]
async fn the_jobs_at_a_property_go_with_it() {
    let jobber = Jobber::start().await;
    let host = host(&jobber, &GONE).await;
    let ids = at_work(&jobber);
    jobber.sim.delete_property(&ids[1]).unwrap();
    let topics: Vec<String> =
        told(&jobber, &host).await.into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["VISIT_DESTROY", "JOB_DESTROY", "PROPERTY_DESTROY"]);
    assert!(jobber.sim.record::<JobberQuote>(&ids[3]).is_some());
}

#[tokio::test]
async fn work_that_gets_on_is_told_by_its_own_topics() {
    let jobber = Jobber::start().await;
    let topics = ["QUOTE_UPDATE", "QUOTE_SENT", "QUOTE_APPROVED", "JOB_CLOSED", "VISIT_COMPLETE"];
    let host = host(&jobber, &topics).await;
    let [_, _, _, quote, _, job, visit] = at_work(&jobber);
    let sim = &jobber.sim;
    let told = async || {
        let told = told(&jobber, &host).await;
        told.into_iter().map(|(topic, _)| topic).collect::<Vec<_>>()
    };
    let sent = |of: &mut JobberQuote| of.quote_status = QuoteStatusTypeEnum::AwaitingResponse;
    sim.edit(&quote, sent).unwrap();
    assert_eq!(told().await, ["QUOTE_UPDATE", "QUOTE_SENT"]);
    sim.edit(&quote, |of: &mut JobberQuote| of.title = Some("Roof".to_owned())).unwrap();
    assert_eq!(told().await, ["QUOTE_UPDATE"]);
    let approved = |of: &mut JobberQuote| of.quote_status = QuoteStatusTypeEnum::Approved;
    sim.edit(&quote, approved).unwrap();
    assert_eq!(told().await, ["QUOTE_UPDATE", "QUOTE_APPROVED"]);
    sim.edit(&job, |of: &mut JobberJob| of.job_status = JobStatusTypeEnum::Archived).unwrap();
    assert_eq!(told().await, ["JOB_CLOSED"]);
    let now = sim.now();
    sim.edit(&visit, |of: &mut JobberVisit| of.completed_at = Some(now)).unwrap();
    assert_eq!(told().await, ["VISIT_COMPLETE"]);
}
