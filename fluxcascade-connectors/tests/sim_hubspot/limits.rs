//! Limits, and what goes wrong on the way.

use fluxcascade_connectors::sim::{Effect, FaultRule, When};

use super::*;

#[tokio::test]
async fn a_hundred_requests_in_ten_seconds_are_the_most() {
    let portal = portal_with(HubSpotOptions::default()).await;
    for n in 0..100 {
        let answer = portal.send(Method::GET, OBJECTS, None).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()["x-hubspot-ratelimit-remaining"],
            (99 - n).to_string().as_str()
        );
        assert_eq!(answer.headers()["x-hubspot-ratelimit-interval-milliseconds"], "10000");
        portal.clock.advance(Duration::from_millis(50));
    }
    let answer = portal.send(Method::GET, OBJECTS, None).await;
    assert_eq!(answer.headers()["x-hubspot-ratelimit-remaining"], "0");
    let (status, body) = opened(answer).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert_eq!(body["errorType"], "RATE_LIMIT");
    assert_eq!(body["message"], "You have reached your ten_secondly_rolling limit.");
    portal.clock.advance(Duration::from_secs(5));
    let answer = portal.send(Method::GET, OBJECTS, None).await;
    assert_eq!(answer.status(), 200, "the first has left the window");
}

#[tokio::test]
async fn five_searches_in_a_second_are_the_most_and_count_apart() {
    let portal = portal_with(HubSpotOptions::default()).await;
    let path = format!("{OBJECTS}/search");
    for _ in 0..5 {
        let answer = portal.send(Method::POST, &path, Some(&json!({}))).await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("x-hubspot-ratelimit-remaining"));
    }
    let (status, body) = portal.search(json!({})).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(body["message"], "You have reached your secondly limit.");
    let answer = portal.send(Method::GET, OBJECTS, None).await;
    assert_eq!(answer.headers()["x-hubspot-ratelimit-remaining"], "99");
    portal.clock.advance(Duration::from_secs(1));
    assert_eq!(portal.search(json!({})).await.0, 200);
}

#[tokio::test]
async fn the_daily_limit_ends_with_the_day() {
    let limits = Limits::On { ten_secondly: 100, search_secondly: 5, daily: 2 };
    let portal = portal_with(HubSpotOptions { limits, ..HubSpotOptions::default() }).await;
    for expected in [200, 200, 429] {
        assert_eq!(portal.get(OBJECTS).await.0, expected);
    }
    assert_eq!(portal.get(OBJECTS).await.1["policyName"], "DAILY");
    portal.clock.advance(Duration::from_secs(10 * 3600));
    assert_eq!(portal.get(OBJECTS).await.0, 200);
}

#[tokio::test]
async fn a_throttled_request_is_refused_in_hubspots_words() {
    let portal = portal().await;
    portal.sim.throttle(1);
    let (status, body) = portal.post(OBJECTS, contact(json!({"city": "Tampa"}))).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert!(portal.sim.contacts().is_empty());
    assert_eq!(portal.post(OBJECTS, contact(json!({"city": "Tampa"}))).await.0, 201);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_record_and_a_lost_request_does_not() {
    let portal = portal().await;
    let create = FaultRule::new(When::Next(1), Effect::LostAnswer).method("POST").path(OBJECTS);
    portal.sim.add_fault(create);
    let send = async |mail: &str| {
        let request = portal.http.post(portal.sim.base_url() + OBJECTS).bearer_auth("t");
        request.json(&contact(json!({ "email": mail }))).send().await
    };
    assert!(send("a@example.com").await.is_err());
    assert_eq!(portal.sim.contacts().len(), 1);
    let log = portal.sim.requests();
    assert_eq!((log[0].status, log[0].fault.as_deref()), (None, Some("LostAnswer")));
    assert_eq!(send("a@example.com").await.unwrap().status(), 409, "it is there already");

    portal.sim.add_fault(FaultRule::new(When::Next(1), Effect::LostRequest));
    assert!(send("b@example.com").await.is_err());
    assert_eq!(portal.sim.contacts().len(), 1);
    assert_eq!(send("b@example.com").await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_failure_of_hubspots_own_has_its_shape_and_a_proxys_has_not() {
    let portal = portal().await;
    portal.sim.add_fault(FaultRule::new(When::Nth(1), Effect::Status(503)));
    portal.sim.add_fault(FaultRule::new(When::Nth(1), Effect::BadGateway));
    let (status, body) = portal.get(OBJECTS).await;
    assert_eq!((status, &body["status"]), (503, &json!("error")));
    assert_eq!(body["correlationId"].as_str().unwrap().len(), 36);
    let (status, body) = portal.get(OBJECTS).await;
    assert_eq!(status, 502);
    assert!(body.as_str().unwrap().starts_with("<html>"));
    assert_eq!(portal.get(OBJECTS).await.0, 200);
}

#[tokio::test]
async fn the_clock_is_moved_over_http() {
    let portal = portal().await;
    portal.sim.create_contact([("city", "Tampa")]).unwrap();
    assert_eq!(portal.search(json!({})).await.1["total"], 0);
    assert_eq!(portal.post("/__sim/clock", json!({"advance_seconds": 5})).await.0, 200);
    assert_eq!(portal.search(json!({})).await.1["total"], 1);
    let (_, moved) = portal.post("/__sim/clock", json!({"set": "2027-01-01T00:00:00Z"})).await;
    assert_eq!(moved["now"], "2027-01-01T00:00:00Z");
    let own = HubSpotSim::start(SimConfig::with_clock(1, portal.clock)).await.unwrap();
    let move_it = portal.http.post(own.base_url() + "/__sim/clock");
    assert_eq!(move_it.json(&json!({"advance_seconds": 5})).send().await.unwrap().status(), 400);
}
