//! Subscribing to webhooks again: what is remembered, and what Jobber says of it.

use fluxcascade_core::connector::{Connector, SubscribeRequest, Subscription};

use super::*;

fn made(id: &str) -> ResponseTemplate {
    data(&json!({ "webhook": { "webhookEndpoint": { "id": id }, "userErrors": [] } }))
}

fn refused(message: &str) -> ResponseTemplate {
    let error = json!({ "message": message, "path": ["topic"] });
    data(&json!({ "webhook": { "webhookEndpoint": null, "userErrors": [error] } }))
}

async fn subscribe(stage: &Stage) -> Result<Vec<Subscription>, ConnectorError> {
    let url = "https://host.example/hooks".to_owned();
    let request = SubscribeRequest { object: clients(), fields: Vec::new(), url };
    stage.jobber.extensions().subscriptions.unwrap().subscribe(request).await
}

fn ids(subscriptions: &[Subscription]) -> Vec<&str> {
    subscriptions.iter().map(|one| one.id.as_str()).collect()
}

#[tokio::test]
async fn what_was_subscribed_is_asked_for_again_and_remembered_only_where_jobber_has_it() {
    let taken = || refused("Topic has already been taken");
    let answers = vec![made("1"), made("2"), made("3"), made("4"), taken(), taken()];
    let stage = Stage::with(answers).await;
    assert_eq!(ids(&subscribe(&stage).await.unwrap()), ["1", "2", "3"]);
    // Somebody has ended the first.
    assert_eq!(ids(&subscribe(&stage).await.unwrap()), ["4", "2", "3"]);
    assert_eq!(ids(&subscribe(&stage).await.unwrap()), ["4", "2", "3"]);
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_not_answered_from_memory() {
    let stage = Stage::with(vec![made("1"), made("2"), made("3"), refused("Url is invalid")]).await;
    subscribe(&stage).await.unwrap();
    let error = subscribe(&stage).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Validation);
    assert!(error.message.contains("Url is invalid"), "{error}");
}
