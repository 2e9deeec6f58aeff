//! Accounts that are connected, or not.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::HubSpot;
use fluxcascade_connectors::http::ConnectionState;
use fluxcascade_connectors::sim::{Effect, FaultRule, LoggedRequest, OffsetClock, When};
use fluxcascade_core::Reader;
use fluxcascade_core::connector::ErrorKind;

use super::bench::{HubSpotBench, JobberBench, app, browser, connect};

#[tokio::test]
async fn an_account_is_connected_by_a_browser_that_comes_back() {
    let bench = HubSpotBench::new().await;
    let hubspot = bench.process();
    assert_eq!(hubspot.status().await.state, ConnectionState::Expired);
    let error = hubspot.account().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.message.contains("no HubSpot account yet"), "{error}");
    assert!(bench.sim.requests().is_empty(), "nobody asks without a credential");

    connect(hubspot.oauth().unwrap()).await;
    assert_eq!(hubspot.account().await.unwrap().id, "62515");
    assert_eq!(hubspot.status().await.state, ConnectionState::Active);
    assert_eq!(bench.process().account().await.unwrap().id, "62515", "another process");

    let bench = JobberBench::new().await;
    let jobber = bench.process();
    connect(jobber.oauth().unwrap()).await;
    assert_eq!(jobber.account().await.unwrap().name, "Simulated Services");
}

#[tokio::test]
async fn hubspot_is_asked_for_scopes_and_binds_the_code_and_jobber_is_not_asked() {
    let begun = HubSpotBench::new().await.process().oauth().unwrap().begin().unwrap();
    assert!(begun.url.contains("scope=crm.objects.contacts.read%20oauth"), "{}", begun.url);
    assert!(begun.url.contains("code_challenge_method=S256"), "{}", begun.url);
    let begun = JobberBench::new().await.process().oauth().unwrap().begin().unwrap();
    assert!(!begun.url.contains("scope=") && !begun.url.contains("challenge"), "{}", begun.url);
    assert!(begun.url.contains("redirect_uri=https%3A%2F%2Facme.example%2Fconnected"));
}

#[tokio::test]
async fn a_code_is_good_for_the_session_that_began_it_and_once() {
    let bench = HubSpotBench::new().await;
    let hubspot = bench.process();
    let oauth = hubspot.oauth().unwrap();
    let (mine, other) = (oauth.begin().unwrap(), oauth.begin().unwrap());
    let callback = browser(&mine.url).await;
    let error = oauth.finish(&other.pending, &callback).await.unwrap_err();
    assert!(error.message.contains("another state"), "{error}");
    assert!(bench.sim.requests().iter().all(|r| r.method == "GET"), "the code was not given on");

    oauth.finish(&mine.pending, &callback).await.unwrap();
    let error = oauth.finish(&mine.pending, &callback).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.message.contains("begin anew"), "{error}");
    assert_eq!(hubspot.status().await.state, ConnectionState::Active, "the first holds");
}

#[tokio::test]
async fn a_consent_that_is_refused_is_told_so() {
    let bench = JobberBench::new().await;
    let jobber = bench.process();
    bench.sim.deny_next_consent();
    let begun = jobber.oauth().unwrap().begin().unwrap();
    let callback = browser(&begun.url).await;
    let error = jobber.oauth().unwrap().finish(&begun.pending, &callback).await.unwrap_err();
    assert!(error.message.contains("access_denied"), "{error}");
}

#[tokio::test]
async fn an_account_that_is_let_go_gives_its_token_back_and_can_come_again() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    hubspot.disconnect().await.unwrap();
    assert_eq!(bench.sim.requests().last().unwrap().path, "/oauth/v3/token/revoke");
    let status = hubspot.status().await;
    assert_eq!(status.state, ConnectionState::Expired);
    assert!(status.why.unwrap().contains("was disconnected"));
    connect(hubspot.oauth().unwrap()).await;
    assert_eq!(hubspot.status().await.state, ConnectionState::Active);
}

/// Another account's records would be taken for this one's.
#[tokio::test]
async fn another_account_than_before_is_connected_if_that_was_asked_for_and_not_else() {
    let (mut bench, hubspot) = HubSpotBench::connected().await;
    hubspot.account().await.unwrap();
    bench.move_in(4711).await;
    let oauth = hubspot.oauth().unwrap();
    let begun = oauth.begin().unwrap();
    let callback = browser(&begun.url).await;
    let error = oauth.finish(&begun.pending, &callback).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    for word in ["4711", "62515", "`begin_with_another`"] {
        assert!(error.message.contains(word), "{word}: {error}");
    }

    // An account that is let go of is remembered, too, however often that is done.
    hubspot.disconnect().await.unwrap();
    hubspot.disconnect().await.unwrap();
    let begun = oauth.begin().unwrap();
    let callback = browser(&begun.url).await;
    assert!(oauth.finish(&begun.pending, &callback).await.is_err());
    assert_eq!(hubspot.status().await.state, ConnectionState::Expired);

    let begun = oauth.begin_with_another().unwrap();
    let callback = browser(&begun.url).await;
    oauth.finish(&begun.pending, &callback).await.unwrap();
    assert_eq!(bench.process().account().await.unwrap().id, "4711");
    // What was made for the first account does nothing in the second.
    bench.sim.clear_requests();
    let error = hubspot.account().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains("anew"), "{error}");
    assert!(bench.sim.requests().is_empty());
}

#[tokio::test]
async fn jobber_is_told_of_an_account_that_is_let_go_and_one_that_left_by_itself_is_forgotten() {
    for has_left in [false, true] {
        let (bench, jobber) = JobberBench::connected().await;
        bench.clock.advance(Duration::from_secs(120));
        if has_left {
            bench.sim.revoke_grants();
        }
        jobber.disconnect().await.unwrap();
        let is_told = |request: &LoggedRequest| request.body.contains("appDisconnect");
        assert!(bench.sim.requests().iter().any(is_told));
        for process in [&jobber, &bench.process()] {
            let status = process.status().await;
            assert_eq!(status.state, ConnectionState::Expired);
            assert!(status.why.unwrap().contains("was disconnected"));
        }
        connect(jobber.oauth().unwrap()).await;
        jobber.account().await.unwrap();
    }
}

#[tokio::test]
async fn an_account_that_was_let_go_elsewhere_is_not_worked_on_for_long() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    bench.process().disconnect().await.unwrap();
    bench.clock.advance(Duration::from_secs(61));
    let error = hubspot.account().await.unwrap_err();
    assert!(error.message.contains("was disconnected"), "{error}");
}

#[tokio::test]
async fn a_host_whose_browser_has_gone_connects_the_account_all_the_same() {
    let bench = JobberBench::with(Arc::new(OffsetClock::default())).await;
    let jobber = bench.process();
    let begun = jobber.oauth().unwrap().begin().unwrap();
    let callback = browser(&begun.url).await;
    let slow = FaultRule::new(When::Next(1), Effect::Delay(200)).path("*/oauth/token");
    bench.sim.add_fault(slow);
    let oauth = jobber.oauth().unwrap();
    bench.given_up(oauth.finish(&begun.pending, &callback)).await;
    while jobber.status().await.state != ConnectionState::Active {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn settings_have_a_token_or_an_app_with_a_place_for_its_tokens() {
    let problems = |builder: fluxcascade_connectors::hubspot::HubSpotBuilder| {
        builder.build().unwrap_err().problems().to_vec()
    };
    let config = |json: &str| HubSpot::from_config(serde_json::from_str(json).unwrap());
    assert!(problems(HubSpot::builder())[0].contains("`token` is missing"));
    let both = r#"{"token":"t","oauth":{"client_id":"","client_secret":" ","redirect_uri":"http://acme.example","scopes":["a b"]}}"#;
    let found = problems(config(both));
    assert!(found[0].contains("both `token` and `oauth`"), "{found:?}");
    let alone = both.replace(r#""token":"t","#, "");
    let found = problems(config(&alone)).join("\n");
    for word in ["client_id", "client_secret", "redirect_uri", "\"a b\"", "needs a place"] {
        assert!(found.contains(word), "{word}: {found}");
    }
    assert!(!format!("{:?}", app()).contains("s3cret"));
}
