//! Fields that are made, webhooks that are subscribed to, and both families of paths.

use std::sync::{Arc, Mutex};

use fluxcascade_connectors::hubspot::HubSpotPaths;
use fluxcascade_core::Reader;
use fluxcascade_core::connector::{
    Connector, ConnectorError, Delivery, ErrorKind, ExternalIdField, Notice, Position,
    SubscribeRequest,
};
use fluxcascade_core::model::{FieldSchema, FieldType, ObjectType, RecordId, Value};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::bench::{Bench, DEAL, at_ease, change, known, name, to_all};

async fn ensure(bench: &Bench, object: &str, field: &str) -> Result<FieldSchema, ConnectorError> {
    let (object, label) = (ObjectType::new(object).unwrap(), "Jobber id".to_owned());
    let field = ExternalIdField { object, field: name(field), label };
    bench.hubspot.extensions().provisioner.unwrap().ensure_external_id_field(field).await
}

#[tokio::test]
async fn a_unique_field_for_ids_is_made_once_and_the_schema_has_it() {
    let bench = Bench::new().await;
    for object in ["contacts", "companies", "deals", "notes"] {
        let object_type = ObjectType::new(object).unwrap();
        bench.hubspot.schema(&object_type).await.unwrap();
        let made = ensure(&bench, object, "jobber_id").await.unwrap();
        assert_eq!((made.field_type.clone(), made.unique), (FieldType::Text, true));
        let schema = bench.hubspot.schema(&object_type).await.unwrap();
        assert_eq!(schema.field(&name("jobber_id")), Some(&made), "{object}");
        assert_eq!(ensure(&bench, object, "jobber_id").await.unwrap(), made);
    }
}

#[tokio::test]
async fn a_field_that_cannot_hold_ids_is_left_as_it_is_and_said_to_be_unfit() {
    let bench = Bench::new().await;
    for (field, words) in [
        ("annualrevenue", "of the type number"),
        ("city", "is not unique"),
        ("hs_additional_emails", "is not unique"),
        ("JobberId", "lower case"),
        ("9lives", "lower case"),
    ] {
        let error = ensure(&bench, "contacts", field).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation);
        assert!(error.message.contains(words), "{field}: {error}");
    }
    let posts = bench.sim.requests().into_iter().filter(|request| request.method == "POST");
    assert_eq!(posts.count(), 0);
}

/// An endpoint that keeps what it is sent, as it is sent.
async fn endpoint() -> (MockServer, Arc<Mutex<Vec<Request>>>) {
    let server = MockServer::start().await;
    let kept: Arc<Mutex<Vec<Request>>> = Arc::default();
    let into = Arc::clone(&kept);
    let take = move |request: &Request| {
        into.lock().unwrap().push(request.clone());
        ResponseTemplate::new(200)
    };
    Mock::given(method("POST")).respond_with(take).mount(&server).await;
    (server, kept)
}

async fn with_app() -> Bench {
    let fields = &["email", "firstname", "associations.companies"];
    Bench::set_up("contacts", fields, at_ease(), |builder| {
        builder.app(9_393_361, "dev-key").webhook_secret("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy")
    })
    .await
}

fn request(object: &str, fields: &[&str], url: &str) -> SubscribeRequest {
    let fields = fields.iter().map(|field| name(field)).collect();
    SubscribeRequest { object: ObjectType::new(object).unwrap(), fields, url: url.to_owned() }
}

/// What the adapter makes of what it was sent.
fn read(bench: &Bench, url: &str, sent: &Request) -> Vec<Notice> {
    let headers: Vec<(&str, &str)> =
        sent.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let received = bench.sim.now();
    let delivery = Delivery { method: "POST", url, headers: &headers, body: &sent.body, received };
    bench.hubspot.extensions().webhooks.unwrap().read(&delivery).unwrap()
}

#[tokio::test]
async fn what_is_subscribed_to_is_sent_signed_and_read() {
    let bench = with_app().await;
    let (server, kept) = endpoint().await;
    let url = format!("{}/hook?a=1", server.uri());
    let subscriptions = bench.hubspot.extensions().subscriptions.unwrap();
    let fields = ["firstname", "associations.companies", "hs_lastmodifieddate", "firstname"];
    let made = subscriptions.subscribe(request("contacts", &fields, &url)).await.unwrap();
    let topics: Vec<&str> = made.iter().map(|one| one.topic.as_str()).collect();
    assert_eq!(
        topics,
        [
            "contact.creation",
            "contact.deletion",
            "contact.merge",
            "contact.restore",
            "contact.privacyDeletion",
            "contact.associationChange",
            "contact.propertyChange firstname",
        ]
    );
    assert!(made.iter().all(|one| one.url.as_deref() == Some(url.as_str())));
    let notes = subscriptions.subscribe(request("notes", &["hs_note_body"], &url)).await.unwrap();
    assert_eq!(notes[4].topic, "object.propertyChange 0-46 hs_note_body");

    let ann = bench.sim.create_contact([("email", "ann@x.io")]).unwrap();
    let oak = bench.sim.seed("companies", [("name", "Oak")]).unwrap();
    bench.sim.edit_contact(&ann, [("firstname", "Ann")]).unwrap();
    bench.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    let note = bench.sim.create("notes", [("hs_timestamp", "1772373600000")]).unwrap();
    bench.sim.deliver().await;
    let sent = kept.lock().unwrap().clone();
    let notice = |object: &str, id: &str| Notice {
        account: "62515".to_owned(),
        object: ObjectType::new(object).unwrap(),
        record: RecordId::new(id).unwrap(),
    };
    let read: Vec<Vec<Notice>> = sent.iter().map(|request| read(&bench, &url, request)).collect();
    assert_eq!(
        read,
        [
            vec![notice("contacts", &ann)],
            vec![notice("contacts", &ann)],
            vec![notice("companies", &oak), notice("contacts", &ann)],
            vec![notice("notes", &note)],
        ]
    );
}

#[tokio::test]
async fn subscriptions_are_listed_kept_woken_and_ended() {
    let bench = with_app().await;
    let (server, kept) = endpoint().await;
    let url = server.uri();
    let subscriptions = bench.hubspot.extensions().subscriptions.unwrap();
    assert_eq!(subscriptions.subscriptions().await.unwrap(), Some(Vec::new()));
    let made = subscriptions.subscribe(request("deals", &["amount"], &url)).await.unwrap();
    let again = subscriptions.subscribe(request("deals", &["amount"], &url)).await.unwrap();
    assert_eq!(again, made, "what is sent already is left as it is");
    assert_eq!(subscriptions.subscriptions().await.unwrap(), Some(made.clone()));
    let elsewhere =
        subscriptions.subscribe(request("deals", &[], "http://127.0.0.1:9/other")).await;
    let error = elsewhere.unwrap_err();
    assert!(error.message.contains("another address already"), "{error}");
    subscriptions.unsubscribe(&made).await.unwrap();
    subscriptions.unsubscribe(&made).await.unwrap();
    assert_eq!(subscriptions.subscriptions().await.unwrap(), Some(Vec::new()));
    bench.sim.create("deals", DEAL).unwrap();
    bench.sim.deliver().await;
    assert!(kept.lock().unwrap().is_empty());
    let shown = format!("{:?}", bench.hubspot);
    assert!(!shown.contains("dev-key"), "{shown}");
    for request in bench.sim.requests().iter().filter(|one| one.path.starts_with("/webhooks/")) {
        assert_eq!(request.query.as_deref(), Some("hapikey=dev-key"));
    }
}

#[tokio::test]
async fn without_an_app_there_are_no_subscriptions() {
    let bench = Bench::new().await;
    assert!(bench.hubspot.extensions().subscriptions.is_none());
}

#[tokio::test]
async fn every_request_is_on_a_dated_path_if_the_paths_are() {
    let fields = &["email", "associations.companies"];
    let bench = Bench::set_up("contacts", fields, at_ease(), |builder| {
        builder.app(1, "k").paths(HubSpotPaths::dated("2026-03"))
    })
    .await;
    bench.hubspot.account().await.unwrap();
    let oak = bench.sim.seed("companies", [("name", "Oak")]).unwrap();
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let (seen, next) = bench.follow(Position::Start).await;
    assert_eq!(known(&seen), [ann.clone()].into());
    bench.follow(next).await;
    let tied = [("associations.companies", to_all("companies", &[&oak]))];
    super::bench::applied(&bench.write_one(change(&ann, &tied)).await);
    let untied = [("associations.companies", Value::Null)];
    super::bench::applied(&bench.write_one(change(&ann, &untied)).await);
    assert_eq!(bench.sim.associated(("contacts", &ann), "companies"), []);
    super::bench::applied(&bench.write_one(super::bench::archive(&ann)).await);
    ensure(&bench, "contacts", "jobber_id").await.unwrap();
    bench.hubspot.extensions().subscriptions.unwrap().subscriptions().await.unwrap();
    for request in bench.sim.requests() {
        assert!(request.path.contains("/2026-03"), "{} {}", request.method, request.path);
        assert_ne!(request.status, Some(400));
    }
}
