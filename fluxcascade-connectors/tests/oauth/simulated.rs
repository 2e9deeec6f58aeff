//! Simulators with an app, as a plain HTTP client meets them: they are steered as those without one, and an
//! account lets go of the app as the vendor's do.

use fluxcascade_connectors::sim::hubspot::HubSpotSim;
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberSim};
use serde_json::{Value as Json, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::bench::{REDIRECT, browser, clock, config};

const DISCONNECT: &str = "mutation { appDisconnect { userErrors { message } } }";
const ACCOUNT: &str = "{ account { id } }";

fn http() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn posted(url: String, body: Json) -> (u16, Json) {
    let answer = http().post(url).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_simulator_with_an_app_is_steered_like_one_without() {
    let (clock, fields) = (clock(), json!({ "firstname": "Ann" }));
    let hubspot = HubSpotSim::start(config(&clock)).await.unwrap();
    let url = format!("{}/__sim/records/contacts", hubspot.base_url());
    let (status, answer) = posted(url, json!({ "properties": fields })).await;
    assert_eq!((status, hubspot.contacts().len()), (201, 1), "{answer}");

    let jobber = JobberSim::start(config(&clock)).await.unwrap();
    let url = format!("{}/__sim/records/clients", jobber.base_url());
    let (status, answer) = posted(url, json!({ "firstName": "Ann" })).await;
    assert_eq!((status, jobber.clients().len()), (200, 1), "{answer}");
}

/// Somebody connects the app.
async fn token(sim: &JobberSim) -> String {
    let url = format!(
        "{}/api/oauth/authorize?response_type=code&client_id=app%201&redirect_uri={}",
        sim.base_url(),
        REDIRECT.replace(':', "%3A").replace('/', "%2F"),
    );
    let callback = browser(&url).await;
    let code = callback.split("code=").nth(1).unwrap();
    let form = format!(
        "grant_type=authorization_code&client_id=app%201&client_secret=s3cret&code={code}&redirect_uri={}",
        REDIRECT.replace(':', "%3A").replace('/', "%2F"),
    );
    let request = http().post(format!("{}/api/oauth/token", sim.base_url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let tokens: Json = request.send().await.unwrap().json().await.unwrap();
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn asked(sim: &JobberSim, token: &str, query: &str, variables: Json) -> (u16, Json) {
    let request = http().post(sim.graphql_url()).bearer_auth(token);
    let request = request.header("X-JOBBER-GRAPHQL-VERSION", "2026-05-12");
    let body = json!({ "query": query, "variables": variables });
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn subscribed(sim: &JobberSim, token: &str, host: &MockServer, topic: &str) {
    let create = "mutation($input: WebhookEndpointCreateInput!) {
        webhookEndpointCreate(input: $input) { webhookEndpoint { id } userErrors { message } } }";
    let input = json!({ "topic": topic, "url": format!("{}/hooks", host.uri()) });
    let (_, answer) = asked(sim, token, create, json!({ "input": input })).await;
    assert!(
        answer["data"]["webhookEndpointCreate"]["webhookEndpoint"]["id"].is_string(),
        "{answer}"
    );
}

/// What the host was told of, by topic.
async fn told(sim: &JobberSim, host: &MockServer) -> Vec<String> {
    sim.deliver().await;
    let requests = host.received_requests().await.unwrap();
    let topic = |body: Json| body["data"]["webHookEvent"]["topic"].as_str().unwrap().to_owned();
    requests.iter().map(|request| topic(request.body_json().unwrap())).collect()
}

#[tokio::test]
async fn an_account_that_lets_go_of_the_app_tells_it_ends_its_webhooks_and_says_so() {
    for by_user in [true, false] {
        let sim = JobberSim::start(config(&clock())).await.unwrap();
        let host = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&host).await;
        let before = token(&sim).await;
        for topic in ["APP_DISCONNECT", "CLIENT_CREATE"] {
            subscribed(&sim, &before, &host, topic).await;
        }
        let (status, answer) = if by_user {
            let url = format!("{}/__sim/oauth", sim.base_url());
            posted(url, json!({ "do": "revoke" })).await
        } else {
            asked(&sim, &before, DISCONNECT, json!({})).await
        };
        assert_eq!(status, 200, "{answer}");
        for _ in 0..2 {
            let (status, answer) = asked(&sim, &before, ACCOUNT, json!({})).await;
            assert_eq!(status, 401);
            let said = answer["message"].as_str().unwrap();
            assert!(said.starts_with("User has disconnected this app"), "{said}");
        }
        sim.create_client(JobberClient::person("Ann", "Lee"));
        assert_eq!(told(&sim, &host).await, ["APP_DISCONNECT"], "and nothing after it");

        let after = token(&sim).await;
        let (status, answer) = asked(&sim, &after, ACCOUNT, json!({})).await;
        assert!(status == 200 && answer["data"]["account"]["id"].is_string(), "{answer}");
        subscribed(&sim, &after, &host, "CLIENT_CREATE").await;
        assert_eq!(asked(&sim, &before, ACCOUNT, json!({})).await.0, 401, "the old one stays dead");
    }
}

#[tokio::test]
async fn without_an_app_a_token_is_dead_after_its_account_was_let_go() {
    let config = fluxcascade_connectors::sim::SimConfig::new(1).token("s3cret");
    let sim = JobberSim::start(config).await.unwrap();
    assert_eq!(asked(&sim, "s3cret", DISCONNECT, json!({})).await.0, 200);
    let (status, answer) = asked(&sim, "s3cret", ACCOUNT, json!({})).await;
    assert_eq!(status, 401);
    assert!(answer["message"].as_str().unwrap().contains("disconnected this app"), "{answer}");
}
