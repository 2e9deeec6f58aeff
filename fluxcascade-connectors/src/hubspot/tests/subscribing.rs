//! Subscriptions as HubSpot lists them.

use fluxcascade_core::connector::SubscribeRequest;

use super::*;

const AT: &str = "/webhooks/v3/7/subscriptions";
const URL: &str = "https://acme.example/hook";

/// What is there is left as it is, so that no event is sent twice.
#[tokio::test]
async fn a_subscription_is_known_again_however_much_hubspot_tells_of_it() {
    let row = |number: u64, event: &str, property: &str| {
        json!({
            "id": number.to_string(), "eventType": event, "propertyName": property,
            "objectTypeId": "0-1", "active": true
        })
    };
    let events = ["creation", "deletion", "merge", "restore", "privacyDeletion"];
    let events = events.iter().zip(1..);
    let mut list: Vec<Json> =
        events.map(|(event, number)| row(number, &format!("contact.{event}"), "")).collect();
    list.push(row(6, "contact.propertyChange", "email"));
    list.push(row(7, "object.propertyChange", "email"));
    let bench = Bench::new().await;
    bench.answer("GET", AT, json!({ "results": list })).await;
    let settings = json!({ "targetUrl": URL, "throttling": { "maxConcurrentRequests": 10 } });
    bench.answer("GET", "/webhooks/v3/7/settings", settings).await;
    let builder = HubSpot::builder().token("pat-na1-s3cret").base_url(bench.server.uri());
    let hubspot = builder.app(7, "dev-s3cret").build().unwrap();
    let subscriptions = hubspot.extensions().subscriptions.unwrap();
    let request =
        SubscribeRequest { object: contacts(), fields: vec![name("email")], url: URL.to_owned() };
    let made = subscriptions.subscribe(request).await.unwrap();
    let ids: Vec<&str> = made.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(made[0].topic, "contact.creation");
    assert_eq!(made[5].topic, "contact.propertyChange email");
    assert!(bench.requests().await.iter().all(|request| request.method.as_str() == "GET"));
    let all = subscriptions.subscriptions().await.unwrap().unwrap();
    assert_eq!(all[6].topic, "object.propertyChange 0-1 email");
}
