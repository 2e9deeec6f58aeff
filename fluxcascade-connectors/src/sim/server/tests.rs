//! The common server, with a vendor that counts what is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::clock::ManualClock;
use serde_json::{Value as Json, json};

use super::*;
use crate::sim::oauth::Habits;

#[derive(Debug, Default)]
struct Tally(AtomicU64);

#[async_trait]
impl Vendor for Tally {
    async fn perform(&self, _: &Call) -> Reply {
        let done = 1 + self.0.fetch_add(1, Ordering::SeqCst);
        Reply::json(200, &json!({ "done": done }))
    }

    fn habits(&self) -> Habits {
        unreachable!("it has no app")
    }

    fn over_limit(&self, _: &Call) -> Reply {
        Reply::json(429, &json!({ "message": "slow down" }))
    }

    fn failure(&self, _: &Call, status: u16) -> Reply {
        Reply::json(status, &json!({ "message": "broken" }))
    }
}

fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(300)).build().unwrap()
}

async fn start() -> (Sim<Tally>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
    let config = SimConfig::steered(7, Arc::clone(&clock));
    (Sim::serve(config, Tally::default()).await.unwrap(), clock)
}

/// Sends once under a fault: what the client saw, and how often the request was done.
async fn under(effect: Effect) -> (Result<u16, reqwest::Error>, u64) {
    let (sim, _) = start().await;
    sim.add_fault(FaultRule::new(When::Always, effect));
    let answer = client().get(sim.base_url() + "/x").send().await;
    (answer.map(|answer| answer.status().as_u16()), sim.vendor().0.load(Ordering::SeqCst))
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    for (effect, status, done) in [
        (Effect::Limit, 429, 0),
        (Effect::Status(500), 500, 0),
        (Effect::DoneThenStatus(503), 503, 1),
        (Effect::BadGateway, 502, 0),
        (Effect::Delay(10), 200, 1),
        (Effect::DoneTwice, 200, 2),
        (Effect::CutAnswer, 200, 1),
    ] {
        let (answer, times) = under(effect).await;
        assert_eq!((answer.unwrap(), times), (status, done), "{effect:?}");
    }
    for (effect, done) in [(Effect::LostRequest, 0), (Effect::LostAnswer, 1)] {
        let (answer, times) = under(effect).await;
        let error = answer.unwrap_err();
        assert!(!error.is_timeout(), "{effect:?}: the connection closes at once");
        assert_eq!(times, done, "{effect:?}");
    }
    for (effect, done) in [(Effect::Hang, 0), (Effect::DoneThenHang, 1)] {
        let (answer, times) = under(effect).await;
        assert!(answer.unwrap_err().is_timeout(), "{effect:?}: the client gives up");
        assert_eq!(times, done, "{effect:?}");
    }
}

#[tokio::test]
async fn what_is_done_later_is_done_before_the_first_request_after_its_time() {
    let (sim, clock) = start().await;
    let done = || sim.vendor().0.load(Ordering::SeqCst);
    let send = || client().get(sim.base_url() + "/x").send();
    sim.add_fault(FaultRule::new(When::Next(1), Effect::DoneLater(20)));
    send().await.unwrap_err();
    send().await.unwrap();
    assert_eq!(done(), 1, "the second one alone");
    clock.advance(Duration::from_secs(20));
    send().await.unwrap();
    assert_eq!(done(), 3);
}

#[tokio::test]
async fn faults_meet_the_requests_that_their_rules_name() {
    let (sim, _) = start().await;
    sim.set_faults(
        FaultPlan::seeded(1)
            .rule(FaultRule::new(When::Nth(2), Effect::Status(500)).path("/a/*").method("post"))
            .rule(FaultRule::new(When::Next(1), Effect::Status(503)).body("clientCreate")),
    );
    let http = client();
    let mut seen = Vec::new();
    for (path, body) in
        [("/a/1", "x"), ("/b", "x"), ("/a/2", "x"), ("/a/3", "x"), ("/b", "clientCreate")]
    {
        let answer = http.post(sim.base_url() + path).body(body).send().await.unwrap();
        seen.push(answer.status().as_u16());
    }
    assert_eq!(seen, [200, 200, 500, 200, 503]);
}

#[tokio::test]
async fn chances_are_drawn_from_the_seed() {
    let http = client();
    let draws = async |seed| {
        let (sim, _) = start().await;
        let rule = FaultRule::new(When::Permille(300), Effect::Status(500));
        sim.set_faults(FaultPlan::seeded(seed).rule(rule));
        let mut seen = Vec::new();
        for _ in 0..60 {
            seen.push(http.get(sim.base_url()).send().await.unwrap().status().as_u16());
        }
        seen
    };
    let first = draws(5).await;
    assert_eq!(first, draws(5).await);
    assert_ne!(first, draws(6).await);
    assert!(first.contains(&200) && first.contains(&500));
}

#[tokio::test]
async fn a_simulator_is_steered_over_http() {
    let (sim, _) = start().await;
    let (http, base) = (client(), sim.base_url());
    let steer = async |what: &str, body: Json| {
        let answer = http.post(format!("{base}/__sim/{what}")).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    assert_eq!(
        steer("clock", json!({"advance_seconds": 90})).await,
        (200, json!({"now": "2026-03-01T14:01:30Z"}))
    );
    let answer = http.post(format!("{base}/x?a=1")).body("{\"b\":2}").send().await.unwrap();
    assert_eq!(answer.headers()["date"], "Sun, 01 Mar 2026 14:01:30 GMT");
    assert_eq!(steer("throttle", json!({})).await.0, 200);
    assert_eq!(http.get(format!("{base}/x")).send().await.unwrap().status(), 429);
    assert_eq!(http.get(format!("{base}/x")).send().await.unwrap().status(), 200);
    assert_eq!(steer("faults", json!({"rules": [{"effect": "nonsense"}]})).await.0, 400);
    let plan = json!({"rules": [{"when": "always", "effect": {"status": 500}}]});
    assert_eq!(steer("faults", plan).await.0, 200);
    assert_eq!(http.get(format!("{base}/x")).send().await.unwrap().status(), 500);

    let log = http.get(format!("{base}/__sim/requests")).send().await.unwrap();
    let log: Json = log.json().await.unwrap();
    let entry = |i: usize| log["requests"][i].clone();
    assert_eq!(entry(0)["path"], "/x");
    assert_eq!(entry(0)["query"], "a=1");
    assert_eq!(entry(0)["body"], "{\"b\":2}");
    assert_eq!(entry(0)["at"], "2026-03-01T14:01:30Z");
    assert_eq!(entry(1)["status"], 429);
    assert_eq!(entry(3)["fault"], "Status(500)");
    http.delete(format!("{base}/__sim/requests")).send().await.unwrap();
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn a_dropped_simulator_answers_no_more() {
    let (sim, _) = start().await;
    let (http, base) = (client(), sim.base_url());
    assert_eq!(http.get(&base).send().await.unwrap().status(), 200);
    drop(sim);
    for _ in 0..200 {
        if http.get(&base).send().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it still answers");
}

#[tokio::test]
async fn something_happens_once_before_the_request_that_it_is_for() {
    let (sim, _) = start().await;
    let seen = Arc::new(AtomicU64::new(0));
    let (happened, desk) = (Arc::clone(&seen), Arc::clone(&sim.desk));
    sim.before_next("/x/*", "edit", move || {
        // The request is not in the log yet, and those before it are.
        happened.fetch_add(desk.requests().len() as u64, Ordering::SeqCst);
    });
    for (path, body) in [("/y/1", "edit"), ("/x/1", "read"), ("/x/1", "an edit"), ("/x/1", "edit")]
    {
        client().post(sim.base_url() + path).body(body).send().await.unwrap();
    }
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(sim.vendor().0.load(Ordering::SeqCst), 4);
}
