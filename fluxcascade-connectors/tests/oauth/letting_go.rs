//! What HubSpot may answer when a refresh token is given back, by a server of canned answers.

use std::sync::Arc;

use fluxcascade_connectors::HubSpot;
use fluxcascade_connectors::http::ConnectionState;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::bench::{REDIRECT, Tokens, app, clock, place, shared};

/// An account that is connected, and HubSpot's answer to the refresh token that is given back.
async fn connected(revoke: ResponseTemplate) -> (MockServer, HubSpot) {
    let server = MockServer::start().await;
    let pair = json!({ "access_token": "a", "refresh_token": "r", "expires_in": 1800 });
    let answers = [
        ("POST", "/oauth/v3/token", ResponseTemplate::new(200).set_body_json(pair)),
        (
            "GET",
            "/account-info/v3/details",
            ResponseTemplate::new(200).set_body_json(json!({ "portalId": 62515 })),
        ),
        ("POST", "/oauth/v3/token/revoke", revoke),
    ];
    for (verb, at, answer) in answers {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&server).await;
    }
    let tokens: Arc<Tokens> = Arc::default();
    let builder = HubSpot::builder().oauth(app(), place(&tokens)).base_url(server.uri());
    let hubspot = builder.clock(shared(&clock())).build().unwrap();
    let begun = hubspot.oauth().unwrap().begin().unwrap();
    let (_, rest) = begun.url.split_once("&state=").unwrap();
    let state = rest.split('&').next().unwrap();
    let callback = format!("{REDIRECT}?code=c&state={state}");
    hubspot.oauth().unwrap().finish(&begun.pending, &callback).await.unwrap();
    assert_eq!(hubspot.status().await.state, ConnectionState::Active);
    (server, hubspot)
}

#[tokio::test]
async fn a_refresh_token_is_given_back_whatever_the_body_of_a_good_answer() {
    for answer in [
        ResponseTemplate::new(204),
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_raw("OK", "text/plain"),
        ResponseTemplate::new(200).set_body_json(json!({})),
    ] {
        let (_server, hubspot) = connected(answer).await;
        hubspot.disconnect().await.unwrap();
        let status = hubspot.status().await;
        assert_eq!(status.state, ConnectionState::Expired);
        assert!(status.why.unwrap().contains("was disconnected"));
    }
}

#[tokio::test]
async fn a_refresh_token_that_is_dead_already_needs_not_be_given_back() {
    let dead = json!({ "status": "BAD_REFRESH_TOKEN", "message": "it is invalid or revoked" });
    let answer = ResponseTemplate::new(400).set_body_json(dead);
    let (_server, hubspot) = connected(answer).await;
    hubspot.disconnect().await.unwrap();
    assert_eq!(hubspot.status().await.state, ConnectionState::Expired);
}

#[tokio::test]
async fn an_account_stays_connected_where_its_refresh_token_was_not_taken_back() {
    let unknown_app = json!({ "error": "invalid_client" });
    for answer in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(401).set_body_json(unknown_app),
        ResponseTemplate::new(302).insert_header("Location", "https://elsewhere.example"),
    ] {
        let (_server, hubspot) = connected(answer).await;
        hubspot.disconnect().await.unwrap_err();
        assert_eq!(hubspot.status().await.state, ConnectionState::Active);
    }
}
