//! Deliveries against an endpoint on this machine.

use std::time::Duration;

use fluxcascade_core::clock::ManualClock;
use wiremock::matchers::{any, body_string, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const AGAIN: &[Duration] = &[Duration::from_secs(60), Duration::from_secs(600)];

fn outbox() -> (Outbox, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (Outbox::new(shared), clock)
}

fn letter(url: &str, name: &'static str) -> Letter {
    Letter {
        url: url.to_owned(),
        again: AGAIN,
        write: Box::new(move |attempt| Parcel {
            headers: vec![("x-attempt", attempt.number.to_string())],
            body: name.as_bytes().to_vec(),
        }),
    }
}

async fn endpoint() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

async fn bodies(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|r| String::from_utf8(r.body.clone()).unwrap()).collect()
}

#[tokio::test]
async fn deliveries_come_in_order_once_each() {
    let server = endpoint().await;
    let (outbox, _) = outbox();
    outbox.post(letter(&server.uri(), "a"));
    outbox.post(letter(&server.uri(), "b"));
    assert_eq!(outbox.settle().await, 2);
    assert_eq!(outbox.settle().await, 0);
    assert_eq!(bodies(&server).await, ["a", "b"]);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_when_its_time_has_come_and_given_up_in_the_end() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let (outbox, clock) = outbox();
    outbox.post(letter(&server.uri(), "a"));
    assert_eq!(outbox.settle().await, 0);
    assert_eq!(outbox.settle().await, 0);
    assert_eq!(bodies(&server).await.len(), 1, "a minute has not passed");
    for (wait, sent) in [(60, 2), (600, 3), (100_000, 3)] {
        clock.advance(Duration::from_secs(wait));
        outbox.settle().await;
        assert_eq!(bodies(&server).await.len(), sent, "after {wait} s more");
    }
}

#[tokio::test]
async fn each_attempt_is_written_anew() {
    let server = MockServer::start().await;
    let first = Mock::given(header("x-attempt", "0")).respond_with(ResponseTemplate::new(500));
    first.expect(1).mount(&server).await;
    let second = Mock::given(header("x-attempt", "1")).and(body_string("a"));
    second.respond_with(ResponseTemplate::new(204)).expect(1).mount(&server).await;
    let (outbox, clock) = outbox();
    outbox.post(letter(&server.uri(), "a"));
    outbox.settle().await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(outbox.settle().await, 1);
}

#[tokio::test]
async fn deliveries_are_dropped_repeated_and_overtaken_as_planned() {
    let server = endpoint().await;
    let (outbox, _) = outbox();
    outbox.mishaps([Mishap::Drop, Mishap::Repeat, Mishap::Overtaken]);
    for name in ["a", "b", "c", "d"] {
        outbox.post(letter(&server.uri(), name));
    }
    outbox.settle().await;
    assert_eq!(bodies(&server).await, ["b", "b", "d", "c"]);
}

#[tokio::test]
async fn nothing_goes_to_another_machine() {
    let (outbox, _) = outbox();
    outbox.post(letter("http://192.0.2.1/hook", "a"));
    assert_eq!(outbox.settle().await, 0);
}
