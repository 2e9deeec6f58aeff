//! What people do over HTTP, and the webhooks that tell of it.

use std::sync::Mutex;

use fluxcascade_connectors::sim::Mishap;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

#[tokio::test]
async fn people_make_edit_archive_restore_and_merge_over_http() {
    let portal = portal().await;
    let records = "/__sim/records/contacts";
    let made = portal.post(records, contact(json!({"email": "ann@example.com"}))).await;
    let ann = made.1["id"].as_str().unwrap().to_owned();
    assert_eq!(made.0, 201);
    let own = format!("{records}/{ann}");
    assert_eq!(portal.patch(&own, contact(json!({"city": "Tampa"}))).await.0, 200);
    let stored = portal.get(&own).await.1;
    assert_eq!(stored["properties"]["city"], "Tampa");
    let gone = portal.send(Method::DELETE, &own, None).await;
    assert_eq!(gone.status(), 200);
    assert!(portal.sim.contact(&ann).unwrap().archived_at.is_some());
    assert_eq!(portal.post(&format!("{own}/restore"), json!({})).await.0, 200);
    let bob = portal.sim.seed_contact([("email", "bob@example.com")]).unwrap();
    let merged = portal.post(&format!("{own}/merge"), json!({"other": bob})).await;
    assert_eq!(merged.1["id"], ann.as_str());
    let oak = portal.sim.seed("companies", [("name", "Oak")]).unwrap();
    let tie = format!("{own}/associations/companies/{oak}");
    let body = json!({"primary": true});
    assert_eq!(portal.send(Method::PUT, &tie, Some(&body)).await.status(), 200);
    assert_eq!(portal.sim.associated(("contacts", &ann), "companies"), [(oak, true)]);
    assert_eq!(portal.get(records).await.1["records"].as_array().unwrap().len(), 1);
    assert_eq!(portal.post("/__sim/records/unicorns", contact(json!({}))).await.0, 400);
    assert_eq!(portal.post("/__sim/records/contacts/1/dance", json!({})).await.0, 404);
    assert!(portal.sim.requests().is_empty(), "none of it is in the log");
}

/// An endpoint that keeps what it is sent.
async fn endpoint() -> (MockServer, Arc<Mutex<Vec<(String, Json)>>>) {
    let server = MockServer::start().await;
    let kept: Arc<Mutex<Vec<(String, Json)>>> = Arc::default();
    let into = Arc::clone(&kept);
    let take = move |request: &Request| {
        let rows: Vec<Json> = request.body_json().unwrap();
        let kind = |row: &Json| row["subscriptionType"].as_str().unwrap().to_owned();
        into.lock().unwrap().extend(rows.into_iter().map(|row| (kind(&row), row)));
        ResponseTemplate::new(200)
    };
    Mock::given(method("POST")).respond_with(take).mount(&server).await;
    (server, kept)
}

async fn subscribe(portal: &Portal, url: &str, events: &[Json]) {
    let settings = json!({"targetUrl": url, "throttling": {"maxConcurrentRequests": 10}});
    let at = "/webhooks/v3/9393361/settings?hapikey=k";
    assert_eq!(portal.send(Method::PUT, at, Some(&settings)).await.status(), 200);
    for event in events {
        let (status, made) =
            portal.post("/webhooks/v3/9393361/subscriptions?hapikey=k", event.clone()).await;
        assert_eq!(status, 201, "{made}");
    }
}

#[tokio::test]
async fn what_was_subscribed_is_sent_and_signed_in_both_ways() {
    let portal = portal().await;
    let (server, kept) = endpoint().await;
    let event = |kind: &str| json!({"eventType": kind, "active": true});
    let change =
        json!({"eventType": "contact.propertyChange", "propertyName": "city", "active": true});
    let notes = json!({"eventType": "object.creation", "objectTypeId": "0-46", "active": true});
    let all = [
        "contact.creation",
        "contact.deletion",
        "contact.merge",
        "contact.restore",
        "contact.associationChange",
    ]
    .map(event);
    subscribe(&portal, &server.uri(), &[all.as_slice(), &[change, notes]].concat()).await;
    let ann = portal.sim.create_contact([("email", "ann@example.com")]).unwrap();
    portal.sim.edit_contact(&ann, [("city", "Tampa"), ("state", "FL")]).unwrap();
    portal.sim.create("notes", [("hs_timestamp", "1772373600000")]).unwrap();
    let oak = portal.sim.seed("companies", [("name", "Oak")]).unwrap();
    portal.sim.associate(("contacts", &ann), ("companies", &oak)).unwrap();
    portal.sim.archive_contact(&ann).unwrap();
    portal.sim.restore_contact(&ann).unwrap();
    let bob = portal.sim.create_contact([("email", "bob@example.com")]).unwrap();
    portal.sim.merge_contacts(&ann, &bob).unwrap();
    portal.sim.deliver().await;
    let told: Vec<String> = kept.lock().unwrap().iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(
        told,
        [
            "contact.creation",
            "contact.propertyChange",
            "object.creation",
            "contact.associationChange",
            "contact.deletion",
            "contact.restore",
            "contact.creation",
            "contact.merge",
            "contact.deletion",
        ]
    );
    let requests = server.received_requests().await.unwrap();
    for request in &requests {
        for header in
            ["x-hubspot-signature", "x-hubspot-signature-v3", "x-hubspot-request-timestamp"]
        {
            assert!(request.headers.contains_key(header), "{header}");
        }
    }
    let merge = kept.lock().unwrap()[7].1.clone();
    assert_eq!(merge["primaryObjectId"].to_string(), ann);
    assert_eq!(merge["mergedObjectIds"][0].to_string(), bob);
    assert_eq!(
        (merge["portalId"].as_u64(), merge["changeSource"].as_str()),
        (Some(62_515), Some("CRM_UI"))
    );
}

#[tokio::test]
async fn deliveries_are_dropped_and_repeated_on_request() {
    let portal = portal().await;
    let (server, kept) = endpoint().await;
    subscribe(&portal, &server.uri(), &[json!({"eventType": "contact.creation", "active": true})])
        .await;
    portal.sim.webhook_mishaps([Mishap::Drop, Mishap::Repeat]);
    for mail in ["a@example.com", "b@example.com"] {
        portal.sim.create_contact([("email", mail)]).unwrap();
    }
    portal.sim.deliver().await;
    assert_eq!(kept.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_subscription_is_one_property_of_a_known_event_and_no_other_app_s_key_is_needed() {
    let portal = portal().await;
    let path = "/webhooks/v3/9393361/subscriptions";
    for bad in [
        json!({"eventType": "contact.dance"}),
        json!({"eventType": "contact.propertyChange"}),
        json!({"eventType": "deal.propertyChange", "propertyName": "hs_lastmodifieddate"}),
        json!({"eventType": "object.creation"}),
    ] {
        assert_eq!(portal.post(path, bad.clone()).await.0, 400, "{bad}");
    }
    let good = json!({"eventType": "deal.propertyChange", "propertyName": "amount"});
    let (status, made) = portal.post(path, good.clone()).await;
    assert_eq!((status, &made["active"]), (201, &json!(false)));
    assert_eq!(portal.post(path, good).await.0, 409);
    let own = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(portal.patch(&own, json!({"active": true})).await.1["active"], true);
    assert_eq!(portal.send(Method::DELETE, &own, None).await.status(), 204);
    assert_eq!(portal.get(path).await.1["results"], json!([]));
}
