//! Webhooks of the app: which events go to its address, how they look, and how they are signed: in
//! the first and in the third way at once, as HubSpot's CRM events are.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::event::{Event, What};
use super::portal::Portal;
use super::record::Author;
use super::subscription::Subscription;
use crate::sim::outbox::{Attempt, Letter, Parcel};

/// Events in one delivery: under a hundred.
const MOST: usize = 99;

/// HubSpot tries up to ten times more within a day.
const AGAIN: [Duration; 10] = {
    const MINUTE: Duration = Duration::from_secs(60);
    const HOURS: Duration = Duration::from_secs(4 * 3600);
    [MINUTE, MINUTE, MINUTE, MINUTE, MINUTE, HOURS, HOURS, HOURS, HOURS, HOURS]
};

/// The deliveries of what happened since the last time.
pub(super) fn letters(portal: &mut Portal) -> Vec<Letter> {
    if !portal.subscriptions.listens() {
        return Vec::new();
    }
    let events = portal.happened();
    let Some(target) = portal.subscriptions.target().map(str::to_owned) else { return Vec::new() };
    let mut rows: Vec<Json> = Vec::new();
    for event in &events {
        let wanted: Vec<Subscription> = portal
            .subscriptions
            .active()
            .filter(|one| wants(portal, one, event))
            .cloned()
            .collect();
        for subscription in wanted {
            let number = portal.draw_next() >> 33;
            rows.push(shown(portal, &subscription, event, number));
        }
    }
    let secret = portal.options.client_secret.clone();
    rows.chunks(MOST)
        .map(|rows| {
            let (rows, url, secret) = (rows.to_vec(), target.clone(), secret.clone());
            Letter {
                url: target.clone(),
                again: &AGAIN,
                write: Box::new(move |attempt| {
                    parcel(&rows, &url, secret.expose_secret(), attempt)
                }),
            }
        })
        .collect()
}

/// Whether a subscription is about such an event.
fn wants(portal: &Portal, subscription: &Subscription, event: &Event) -> bool {
    let Some(kind) = portal.kind(&event.object) else { return false };
    let (object, what) = subscription.event.split_once('.').unwrap_or_default();
    let of_it = match object {
        "object" => subscription.object.as_deref() == Some(kind.id.as_str()),
        named => named == kind.singular,
    };
    of_it
        && match &event.what {
            What::Creation => what == "creation",
            What::Deletion => what == "deletion",
            What::PrivacyDeletion => what == "privacyDeletion",
            What::Restore => what == "restore",
            What::Merge { .. } => what == "merge",
            What::Association { .. } => what == "associationChange",
            What::PropertyChange { name, .. } => {
                what == "propertyChange" && subscription.property.as_deref() == Some(name)
            }
        }
}

fn shown(portal: &Portal, subscription: &Subscription, event: &Event, number: u64) -> Json {
    let (source, source_id) = match event.by {
        Author::App => ("INTEGRATION", portal.options.app_id.to_string()),
        Author::User => ("CRM_UI", "userId:98499705".to_owned()),
    };
    let mut row = json!({
        "eventId": number,
        "subscriptionId": subscription.id,
        "portalId": portal.options.portal_id,
        "appId": portal.options.app_id,
        "occurredAt": event.at.millis(),
        "subscriptionType": subscription.event,
        "attemptNumber": 0,
        "objectId": event.id,
        "changeSource": source,
        "sourceId": source_id,
    });
    if let Some(object) = &subscription.object {
        row["objectTypeId"] = json!(object);
    }
    match &event.what {
        What::Creation => row["changeFlag"] = json!("CREATED"),
        What::Deletion | What::PrivacyDeletion => row["changeFlag"] = json!("DELETED"),
        What::Restore => row["changeFlag"] = json!("RESTORED"),
        What::PropertyChange { name, value } => {
            row["propertyName"] = json!(name);
            row["propertyValue"] = json!(value);
            row["isSensitive"] = json!(false);
        }
        What::Merge { primary, others, new } => {
            row["primaryObjectId"] = json!(primary);
            row["mergedObjectIds"] = json!(others);
            row["newObjectId"] = json!(new);
            row["numberOfPropertiesMoved"] = json!(0);
        }
        What::Association { to_object, to, type_id, removed, primary } => {
            let name = |id: &str| {
                portal.kind(id).map_or_else(|| id.to_owned(), |kind| kind.singular.to_uppercase())
            };
            row["associationType"] =
                json!(format!("{}_TO_{}", name(&event.object), name(to_object)));
            row["associationTypeId"] = json!(type_id);
            row["fromObjectId"] = json!(event.id);
            row["toObjectId"] = json!(to);
            row["fromObjectTypeId"] = json!(event.object);
            row["toObjectTypeId"] = json!(to_object);
            row["associationRemoved"] = json!(removed);
            row["isPrimaryAssociation"] = json!(primary);
        }
    }
    row
}

fn parcel(rows: &[Json], url: &str, secret: &str, attempt: Attempt) -> Parcel {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        row["attemptNumber"] = json!(attempt.number);
    }
    let body = Json::Array(rows).to_string().into_bytes();
    let first = Sha256::new().chain_update(secret).chain_update(&body).finalize();
    let first = first.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let time = attempt.at.millis().to_string();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-hubspot-signature", first),
        ("x-hubspot-signature-version", "v1".to_owned()),
        ("x-hubspot-request-timestamp", time.clone()),
    ];
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        for part in [b"POST".as_slice(), url.as_bytes(), &body, time.as_bytes()] {
            mac.update(part);
        }
        headers.push(("x-hubspot-signature-v3", STANDARD.encode(mac.finalize().into_bytes())));
    }
    Parcel { headers, body }
}
