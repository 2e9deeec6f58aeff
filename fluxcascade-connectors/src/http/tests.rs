//! The layer against a server on this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::Clock;
use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use secrecy::SecretString;
use wiremock::matchers::{any, body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Judges by status alone.
#[derive(Debug)]
struct ByStatus;

impl Dialect for ByStatus {
    fn limits(&self, answer: &Answer) -> Vec<Reported> {
        let left = answer.header("x-left").and_then(|left| left.parse().ok());
        let reported = |left| Reported { limit: "all", of: None, left, holds_for: WINDOW };
        left.map(reported).into_iter().collect()
    }

    fn judge(&self, answer: &Answer, _attempt: u32) -> Verdict {
        let error = |kind| ConnectorError::new(kind, "no");
        match answer.status {
            200..300 => Verdict::Accepted,
            429 => Verdict::Later(error(ErrorKind::RateLimited)),
            500.. => Verdict::Unclear(error(ErrorKind::Transient)),
            _ => Verdict::Refused(error(ErrorKind::Validation)),
        }
    }
}

const WINDOW: Duration = Duration::from_secs(10);
const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);

fn client(base: &str, settings: HttpSettings) -> (Client, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting(NOON));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (connected(base, settings, shared).unwrap(), clock)
}

fn connected(base: &str, settings: HttpSettings, clock: Arc<dyn Clock>) -> Result<Client, String> {
    let meter = Meter::new(None, [], 0);
    let around = Surroundings { clock, client: None, observer: None, meter };
    let credential = Credential::Fixed(SecretString::from("s3cret"));
    Client::new(base, settings, around, credential, Box::new(ByStatus))
}

async fn answering(templates: &[ResponseTemplate]) -> MockServer {
    let server = MockServer::start().await;
    for (i, template) in templates.iter().enumerate() {
        let mock = Mock::given(any()).respond_with(template.clone());
        let last = i + 1 == templates.len();
        if last { mock } else { mock.up_to_n_times(1) }.mount(&server).await;
    }
    server
}

fn write(not_after: Timestamp) -> Call {
    Call::write("write", Method::Post, "/w", Some(not_after)).body(Body::Json(b"{}".to_vec()))
}

fn status(code: u16) -> ResponseTemplate {
    ResponseTemplate::new(code)
}

#[tokio::test]
async fn a_call_carries_its_token_query_headers_and_body() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/things"))
        .and(query_param("after", "a b&c"))
        .and(header("authorization", "Bearer s3cret"))
        .and(header("x-version", "7"))
        .and(header("user-agent", concat!("fluxcascade/", env!("CARGO_PKG_VERSION"))))
        .and(body_string("grant_type=refresh_token&token=a%2Bb"))
        .respond_with(status(200).set_body_string("{\"a\":1}"))
        .expect(1)
        .mount(&server)
        .await;
    let (client, _) = client(&format!("{}/v1", server.uri()), HttpSettings::default());
    let call = Call::read("things", Method::Post, "/things")
        .query("after", "a b&c")
        .header("x-version", "7")
        .body(Body::Form(vec![
            ("grant_type", SecretString::from("refresh_token")),
            ("token", SecretString::from("a+b")),
        ]));
    let answer = client.send(&call).await.unwrap();
    assert_eq!(answer.json::<serde_json::Value>().unwrap()["a"], 1);
    assert!(!format!("{call:?} {client:?} {answer:?}").contains("s3cret"));
    assert_eq!(client.requests().of("things"), 1);
}

#[tokio::test]
async fn a_read_is_repeated_after_a_server_error_and_a_write_is_not() {
    let server = answering(&[status(503), status(200)]).await;
    let (client, clock) = client(&server.uri(), HttpSettings::default());
    client.send(&Call::read("read", Method::Get, "/r")).await.unwrap();
    assert_eq!(client.requests().of("read"), 2);
    assert_eq!(clock.now().since(NOON), Duration::from_millis(500));

    let server = answering(&[status(503), status(200)]).await;
    let (client, _) = self::client(&server.uri(), HttpSettings::default());
    let failure = client.send(&write(NOON + Duration::from_secs(60))).await.unwrap_err();
    assert_eq!((failure.fate, failure.error.status), (Fate::Unknown, Some(503)));
    assert_eq!(client.requests().of("write"), 1);
}

#[tokio::test]
async fn a_write_that_was_turned_away_waits_as_long_as_the_vendor_says() {
    let server = answering(&[status(429).insert_header("Retry-After", "7"), status(200)]).await;
    let (client, clock) = client(&server.uri(), HttpSettings::default());
    client.send(&write(NOON + Duration::from_secs(60))).await.unwrap();
    assert_eq!(clock.now().since(NOON), Duration::from_secs(7));
}

#[tokio::test]
async fn no_attempt_leaves_after_its_time() {
    let server = answering(&[status(429).insert_header("Retry-After", "7"), status(200)]).await;
    let (client, clock) = client(&server.uri(), HttpSettings::default());
    let failure = client.send(&write(NOON + Duration::from_secs(5))).await.unwrap_err();
    assert_eq!((failure.fate, client.requests().total()), (Fate::NotSent, 1));
    assert_eq!(failure.error.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(clock.now(), NOON, "there is no use in waiting for a time that is too late");

    let failure = client.send(&write(NOON - Duration::from_micros(1))).await.unwrap_err();
    assert_eq!((failure.fate, client.requests().total()), (Fate::NotSent, 1));
    assert!(failure.error.is_transient());
}

/// A clock on which an hour passes after so many looks: the process stood still between them.
#[derive(Debug)]
struct Frozen {
    looks: AtomicUsize,
    after: usize,
}

#[async_trait]
impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        let looked = self.looks.fetch_add(1, Ordering::Relaxed);
        if looked < self.after { NOON } else { NOON + Duration::from_secs(3600) }
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn a_write_whose_process_stood_still_does_not_leave_after_its_time() {
    let server = answering(&[status(200)]).await;
    for after in 1.. {
        let clock = Arc::new(Frozen { looks: AtomicUsize::new(0), after });
        let client = connected(&server.uri(), HttpSettings::default(), clock).unwrap();
        let sent = client.send(&write(NOON + Duration::from_secs(60))).await;
        let received = server.received_requests().await.unwrap().len();
        match sent {
            Err(failure) => {
                assert_eq!((failure.fate, received), (Fate::NotSent, 0), "{}", failure.error);
                assert!(failure.error.to_string().contains("its time to leave was over"));
            }
            // It stood still after the last look at the clock.
            Ok(answer) => return assert_eq!((answer.status, received), (200, 1)),
        }
    }
}

#[tokio::test]
async fn repeats_are_bounded_in_number_and_in_waiting() {
    let server = answering(&[status(500)]).await;
    let (client, clock) = client(&server.uri(), HttpSettings::default());
    client.send(&Call::read("read", Method::Get, "/r")).await.unwrap_err();
    assert_eq!(client.requests().total(), 5);
    assert_eq!(clock.now().since(NOON), Duration::from_millis(500 + 1000 + 2000 + 4000));

    let server = answering(&[status(429).insert_header("Retry-After", "86400")]).await;
    let (client, clock) = self::client(&server.uri(), HttpSettings::default());
    let failure = client.send(&Call::read("read", Method::Get, "/r")).await.unwrap_err();
    assert_eq!(failure.error.retry_after, Some(Duration::from_secs(86_400)));
    assert_eq!((clock.now(), client.requests().total()), (NOON, 1));
}

#[tokio::test]
async fn a_refused_connection_is_not_sent_and_a_timeout_is_unknown() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (nobody, _) = client(&format!("http://127.0.0.1:{port}"), HttpSettings::default());
    let failure = nobody.send(&write(NOON + Duration::from_secs(60))).await.unwrap_err();
    assert_eq!((failure.fate, nobody.requests().total()), (Fate::NotSent, 5));

    let server = answering(&[status(200).set_delay(Duration::from_secs(20))]).await;
    let settings = HttpSettings {
        request_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_millis(100),
        ..HttpSettings::default()
    };
    let (slow, _) = client(&server.uri(), settings);
    let failure = slow.send(&write(NOON + Duration::from_secs(60))).await.unwrap_err();
    assert_eq!((failure.fate, slow.requests().total()), (Fate::Unknown, 1));
}

/// A server that reads a request and closes the connection without a word, each time.
fn dropping() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut head = [0; 4096];
            let _ = std::io::Read::read(&mut stream.unwrap(), &mut head);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_a_write_unknown() {
    let (client, _) = client(&dropping(), HttpSettings::default());
    let failure = client.send(&write(NOON + Duration::from_secs(60))).await.unwrap_err();
    assert_eq!((failure.fate, client.requests().of("write")), (Fate::Unknown, 1));
    let failure = client.send(&Call::read("read", Method::Get, "/r")).await.unwrap_err();
    assert_eq!((failure.error.kind, client.requests().of("read")), (ErrorKind::Transient, 5));
}

#[tokio::test]
async fn an_answer_is_unpacked_and_its_limit_is_on_what_comes_out() {
    // {"a":1}, packed.
    const PACKED: [u8; 27] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 84, 178, 50, 172, 5, 0, 175, 172, 27, 86, 7,
        0, 0, 0,
    ];
    let packed = status(200).insert_header("Content-Encoding", "gzip").set_body_bytes(PACKED);
    let server = answering(&[packed]).await;
    let limited = |max_answer_bytes| {
        let settings = HttpSettings { max_answer_bytes, ..HttpSettings::default() };
        client(&server.uri(), settings).0
    };
    let call = Call::read("read", Method::Get, "/r");
    let answer = limited(7).send(&call).await.unwrap();
    assert_eq!(answer.json::<serde_json::Value>().unwrap()["a"], 1);
    assert_eq!(limited(6).send(&call).await.unwrap_err().error.kind, ErrorKind::Protocol);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = answering(&[status(200)]).await;
    let server = answering(&[status(302).insert_header("Location", elsewhere.uri())]).await;
    let (client, _) = client(&server.uri(), HttpSettings::default());
    let call = Call::read("read", Method::Get, "/r");
    let failure = client.send(&call).await.unwrap_err();
    assert_eq!(failure.error.status, Some(302));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let server = answering(&[status(200).set_body_string("x".repeat(101))]).await;
    let settings = HttpSettings { max_answer_bytes: 100, ..HttpSettings::default() };
    let (client, _) = client(&server.uri(), settings);
    let failure = client.send(&Call::read("read", Method::Get, "/r")).await.unwrap_err();
    assert_eq!((failure.error.kind, client.requests().total()), (ErrorKind::Protocol, 1));
    let failure = client.send(&write(NOON)).await.unwrap_err();
    assert_eq!(failure.fate, Fate::Unknown, "the write may well have been carried out");
}

#[tokio::test]
async fn an_answer_keeps_the_servers_clock_and_no_text_of_its_body_in_errors() {
    let page = status(200)
        .insert_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .insert_header("Retry-After", "Sun, 06 Nov 1994 08:49:40 GMT")
        .set_body_raw("<html>ann@x.io</html>", "text/html");
    let server = answering(&[page]).await;
    let (client, _) = client(&server.uri(), HttpSettings::default());
    let answer = client.send(&Call::read("read", Method::Get, "/r")).await.unwrap();
    assert_eq!(answer.date().unwrap().to_string(), "1994-11-06T08:49:37Z");
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(3)));
    assert!(!answer.is_json());
    let error = answer.json::<serde_json::Value>().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("text/html") && !error.message.contains("ann"));
}

#[tokio::test]
async fn a_wait_beyond_all_measure_is_cut() {
    let first = status(429).insert_header("Retry-After", "1");
    let then = status(429).insert_header("Retry-After", u64::MAX.to_string().as_str());
    let server = answering(&[first, then]).await;
    let (client, _) = client(&server.uri(), HttpSettings::default());
    let failure = client.send(&Call::read("read", Method::Get, "/r")).await.unwrap_err();
    assert_eq!(failure.error.retry_after, Some(Duration::from_secs(30 * 24 * 3600)));
    assert_eq!(client.requests().total(), 2);
}

#[test]
fn a_base_address_is_https_or_on_this_machine() {
    let build = |base: &str| {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::starting(NOON));
        connected(base, HttpSettings::default(), clock).map(|_| ())
    };
    for good in
        ["https://api.example.com", "http://127.0.0.1:80", "http://[::1]:9", "http://localhost/x"]
    {
        assert_eq!(build(good), Ok(()), "{good}");
    }
    for bad in [
        "http://api.example.com",
        "http://localhost.example.com",
        "https://user:pass@api.example.com",
        "https://api.example.com?x=1",
        "ftp://api.example.com",
        "api.example.com",
    ] {
        let problem = build(bad).unwrap_err();
        assert!(!problem.contains("pass"), "{problem}");
    }
}
