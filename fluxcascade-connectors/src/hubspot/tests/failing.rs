//! Every way in which HubSpot says no, and settings that cannot work.

use fluxcascade_core::connector::{SubscribeRequest, Subscription};

use super::*;

async fn asked(answer: ResponseTemplate) -> (ConnectorError, u64, Duration) {
    let bench = Bench::new().await;
    bench.say("GET", ACCOUNT, answer).await;
    let error = bench.hubspot.account().await.unwrap_err();
    (error, bench.hubspot.requests().of("account"), bench.clock.now().since(NOON))
}

fn error(category: &str) -> Json {
    json!({
        "status": "error", "message": "so it is", "correlationId": "c-123", "category": category
    })
}

#[tokio::test]
async fn each_status_has_its_kind_and_is_asked_again_only_if_that_helps() {
    let table = [
        (400, "VALIDATION_ERROR", ErrorKind::Validation, 1),
        (401, "EXPIRED_AUTHENTICATION", ErrorKind::Auth, 1),
        (401, "INVALID_AUTHENTICATION", ErrorKind::Auth, 1),
        (403, "MISSING_SCOPES", ErrorKind::Permission, 1),
        (404, "OBJECT_NOT_FOUND", ErrorKind::NotFound, 1),
        (409, "CONFLICT", ErrorKind::Validation, 1),
        (405, "", ErrorKind::Protocol, 1),
        (410, "", ErrorKind::Protocol, 1),
        (414, "", ErrorKind::Permanent, 1),
        (422, "VALIDATION_ERROR", ErrorKind::Validation, 1),
        (423, "", ErrorKind::Transient, 5),
        (500, "", ErrorKind::Transient, 5),
        (502, "", ErrorKind::Transient, 5),
        (503, "", ErrorKind::Transient, 5),
        (504, "", ErrorKind::Transient, 5),
        (521, "", ErrorKind::Transient, 5),
        (523, "", ErrorKind::Transient, 5),
        (524, "", ErrorKind::Transient, 5),
        (522, "", ErrorKind::Transient, 5),
        (525, "", ErrorKind::Transient, 5),
        (526, "", ErrorKind::Transient, 5),
    ];
    for (code, category, kind, requests) in table {
        let (found, sent, _) = asked(status(code, error(category))).await;
        assert_eq!((found.kind, sent), (kind, requests), "{code} {category}");
        assert_eq!(found.status, Some(code));
        assert_eq!(found.correlation.as_deref(), Some("c-123"));
        assert_eq!(found.code.as_deref(), (!category.is_empty()).then_some(category));
        assert!(found.message.contains("so it is"), "the vendor's words: {found}");
        assert!(!found.to_string().contains("s3cret"));
    }
}

/// It may be an app's of one account, or one that people have consented to.
#[tokio::test]
async fn a_wrong_token_says_what_to_do() {
    let (found, ..) = asked(status(401, error("INVALID_AUTHENTICATION"))).await;
    for words in ["reconnect the account", "make a new one in the app's settings"] {
        assert!(found.message.contains(words), "{found}");
    }
}

#[tokio::test]
async fn missing_scopes_are_named() {
    let scopes = json!({ "requiredGranularScopes": ["crm.objects.contacts.read"] });
    let mut nested = error("MISSING_SCOPES");
    nested["errors"] = json!([{ "message": "no", "context": scopes }]);
    let mut flat = error("MISSING_SCOPES");
    flat["context"] = scopes;
    for body in [nested, flat] {
        let (found, ..) = asked(status(403, body)).await;
        assert!(found.message.contains("add crm.objects.contacts.read to the app"), "{found}");
    }
}

#[tokio::test]
async fn too_many_requests_wait_by_their_policy() {
    let limited = |policy: &str| {
        let body = json!({ "errorType": "RATE_LIMIT", "message": "limit", "policyName": policy });
        status(429, body)
    };
    let (found, sent, waited) = asked(limited("SECONDLY")).await;
    assert_eq!((found.kind, sent), (ErrorKind::RateLimited, 5));
    assert_eq!(waited, Duration::from_secs(1 + 2 + 3 + 4));
    assert_eq!(found.code.as_deref(), Some("SECONDLY"));

    let (_, sent, waited) = asked(limited("TEN_SECONDLY_ROLLING")).await;
    assert_eq!((sent, waited), (4, Duration::from_secs(10 + 20 + 30)));
    let header = "X-HubSpot-RateLimit-Interval-Milliseconds";
    let (.., waited) = asked(limited("TEN_SECONDLY_ROLLING").insert_header(header, "2000")).await;
    assert_eq!(waited, Duration::from_secs(2 + 4 + 6 + 8));

    let (found, sent, waited) = asked(limited("DAILY")).await;
    assert_eq!((sent, waited), (1, Duration::ZERO), "it is given up until later");
    assert_eq!(found.retry_after, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn a_moving_account_says_when_to_come_back() {
    let (found, sent, _) = asked(status(477, json!({})).insert_header("Retry-After", "7200")).await;
    assert_eq!((found.kind, sent), (ErrorKind::Transient, 1));
    assert_eq!(found.retry_after, Some(Duration::from_secs(7200)));
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_told_by_its_kind_and_never_by_its_text() {
    let page =
        |code| ResponseTemplate::new(code).set_body_raw("<html>ann@x.io</html>", "text/html");
    let (found, sent, _) = asked(page(200)).await;
    assert_eq!((found.kind, sent), (ErrorKind::Protocol, 1));
    assert!(found.message.contains("text/html") && !found.message.contains("ann"), "{found}");
    let (found, sent, _) = asked(page(502)).await;
    assert_eq!((found.kind, sent), (ErrorKind::Transient, 5));
    let (found, ..) = asked(page(404)).await;
    assert_eq!(found.kind, ErrorKind::Protocol, "a wrong path says nothing of any record");
    let wrong = ResponseTemplate::new(200).set_body_json(json!({ "portalId": ["ann"] }));
    let (found, ..) = asked(wrong).await;
    assert_eq!(found.kind, ErrorKind::Protocol);
    assert!(!found.message.contains("ann"), "{found}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_an_oversize_answer_is_not_read() {
    let elsewhere = MockServer::start().await;
    let away = ResponseTemplate::new(307).insert_header("Location", elsewhere.uri());
    let (found, sent, _) = asked(away).await;
    assert_eq!((found.kind, sent), (ErrorKind::Protocol, 1));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());

    let bench =
        Bench::with(HttpSettings { max_answer_bytes: 8192, ..HttpSettings::default() }).await;
    let large = json!({ "portalId": 1, "accountType": "x".repeat(9000) });
    bench.answer("GET", ACCOUNT, large).await;
    let found = bench.hubspot.account().await.unwrap_err();
    assert_eq!(found.kind, ErrorKind::Protocol);
    assert!(found.message.contains("8192"), "{found}");
}

#[tokio::test]
async fn the_vendors_words_keep_no_address_and_stay_short() {
    let mut body = error("VALIDATION_ERROR");
    body["message"] = json!(format!("ann@x.io is no mail {}", "so ".repeat(5000)));
    let (found, ..) = asked(status(400, body)).await;
    assert!(found.message.contains("[address] is no mail"), "{found}");
    assert!(found.message.len() < 600);
}

#[test]
fn everything_that_is_wrong_with_the_settings_is_said_at_once() {
    let error = HubSpot::builder()
        .token("pat na1\n")
        .base_url("http://api.hubapi.com")
        .look_back(Duration::ZERO)
        .paths(HubSpotPaths { objects: "crm".to_owned(), ..HubSpotPaths::default() })
        .http(HttpSettings { max_attempts: 0, ..HttpSettings::default() })
        .build()
        .unwrap_err();
    assert_eq!(error.problems().len(), 5, "{error}");
    assert!(!error.to_string().contains("na1"), "{error}");
}

#[test]
fn an_address_that_people_cannot_be_sent_to_is_refused_before_anybody_is() {
    for wrong in ["app.hubspot.com/oauth/authorize", "http://app.hubspot.com/authorize", ""] {
        let builder = HubSpot::builder().token("pat-na1-s3cret").authorize_url(wrong);
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains("`authorize_url` cannot be used: it "), "{error}");
        assert_eq!(error.problems().len(), 1, "{error}");
    }
    let builder = HubSpot::builder().token("pat-na1-s3cret");
    builder.authorize_url("https://app-eu1.hubspot.com/oauth/authorize").build().unwrap();
}

#[test]
fn an_app_without_scopes_is_refused_before_anybody_is_asked_for_none() {
    use crate::http::oauth::OAuthApp;
    let mut config: HubSpotConfig = serde_json::from_str("{}").unwrap();
    config.oauth = Some(OAuthApp::new("id", "s3cret", "https://acme.example/connected"));
    let error = HubSpot::from_config(config).build().unwrap_err();
    assert!(error.to_string().contains("`oauth.scopes` is empty"), "{error}");
    assert!(error.to_string().contains("crm.objects.contacts.read"), "{error}");
}

#[tokio::test]
async fn a_developers_key_that_is_not_taken_is_named_and_not_the_token() {
    for (code, kind) in [(401, ErrorKind::Auth), (403, ErrorKind::Permission)] {
        let server = MockServer::start().await;
        let no = status(code, error("INVALID_AUTHENTICATION"));
        Mock::given(method("GET")).respond_with(no).mount(&server).await;
        let builder = HubSpot::builder().token("pat-na1-s3cret").base_url(server.uri());
        let hubspot = builder.app(7, "dev-s3cret").build().unwrap();
        let subscriptions = hubspot.extensions().subscriptions.unwrap();
        let found = subscriptions.subscriptions().await.unwrap_err();
        assert_eq!(found.kind, kind);
        assert!(found.message.contains("`app.developer_key`"), "{found}");
        assert!(!found.message.contains("the token"), "{found}");
        assert!(found.message.ends_with("it says: so it is"), "{found}");
        assert!(!found.to_string().contains("s3cret"), "{found}");
    }
}

#[tokio::test]
async fn a_developers_key_that_hubspot_repeats_is_not_told_again() {
    const KEY: &str = "6f1c2b7a-9d0e-4c3f-8a51-0b7d2e94c6a8";
    const SUBSCRIPTIONS: &str = "/webhooks/v3/7/subscriptions";
    for (code, message) in [
        (401, format!("This hapikey ({KEY}) does not exist.")),
        (403, format!("This hapikey ({KEY}) does not have proper permissions!")),
        (400, format!("no such thing: /webhooks/v3/7/subscriptions?hapikey={KEY}&limit=1")),
    ] {
        let bench = Bench::new().await;
        let builder = HubSpot::builder().token("pat-na1-s3cret").base_url(bench.server.uri());
        let hubspot = builder.app(7, KEY).build().unwrap();
        let subscriptions = hubspot.extensions().subscriptions.unwrap();
        let url = "https://acme.example/hook".to_owned();
        let settings = json!({ "targetUrl": url, "throttling": { "maxConcurrentRequests": 10 } });
        bench.answer("GET", "/webhooks/v3/7/settings", settings).await;
        bench.once("GET", SUBSCRIPTIONS, ok(json!({ "results": [] }))).await;
        let no = status(code, json!({ "status": "error", "message": message }));
        for verb in ["GET", "POST", "DELETE"] {
            let at =
                if verb == "DELETE" { "/webhooks/v3/7/subscriptions/1" } else { SUBSCRIPTIONS };
            bench.say(verb, at, no.clone()).await;
        }
        let request = SubscribeRequest { object: contacts(), fields: Vec::new(), url };
        let ended = Subscription { id: "1".to_owned(), topic: String::new(), url: None };
        for found in [
            subscriptions.subscribe(request).await.unwrap_err(),
            subscriptions.subscriptions().await.unwrap_err(),
            subscriptions.unsubscribe(&[ended]).await.unwrap_err(),
        ] {
            assert_eq!(found.status, Some(code));
            assert!(found.message.contains("[secret]"), "HubSpot's words are told: {found}");
            assert!(!format!("{found} {found:?}").contains(KEY), "{found:?}");
        }
    }
}

#[test]
fn a_configuration_file_refuses_settings_that_it_does_not_know() {
    let read = |text: &str| serde_json::from_str::<HubSpotConfig>(text);
    let config = read(r#"{"token":"pat-na1-s3cret","http":{"max_wait_ms":5}}"#).unwrap();
    assert_eq!(config.http.max_wait, Duration::from_millis(5));
    assert_eq!(config.look_back, Duration::from_secs(300));
    let built = HubSpot::from_config(config.clone()).build().unwrap();
    assert!(!format!("{config:?} {built:?}").contains("s3cret"));
    assert!(read(r#"{"token":"x","colour":"red"}"#).is_err());
    assert!(read(r#"{"token":"x","http":{"colour":"red"}}"#).is_err());
}
