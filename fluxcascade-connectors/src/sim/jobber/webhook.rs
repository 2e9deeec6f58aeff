//! Webhooks that the account sends: what is in a delivery, and how it is signed. Sending is the
//! outbox's; no code is shared with the adapter.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fluxcascade_core::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::Account;
use super::client::{Kind, encode_id};
use super::state::{Event, State};
use crate::sim::outbox::{Letter, Parcel};

/// Jobber publishes no schedule; this one gives a slow endpoint some time.
const AGAIN: &[Duration] =
    &[Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600)];
/// The app that the deliveries are for.
const APP_ID: &str = "simulated-app";

/// Where the deliveries of a topic go.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) topic: String,
    pub(super) url: String,
    pub(super) created_at: Timestamp,
}

impl State {
    /// Makes an endpoint.
    pub(super) fn subscribe(&mut self, topic: &str, url: &str, now: Timestamp) -> Endpoint {
        let id = self.ids.next(Kind::Webhook);
        let (topic, url) = (topic.to_owned(), url.to_owned());
        let endpoint = Endpoint { id, topic, url, created_at: now };
        self.endpoints.push(endpoint.clone());
        endpoint
    }
}

impl Account {
    /// Sends what happened since this was last called to whoever asked for it.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        let events = std::mem::take(&mut state.events);
        let letters: Vec<Letter> = events
            .iter()
            .filter_map(|event| {
                let endpoint = state.endpoints.iter().find(|of| of.topic == event.topic)?;
                Some(self.letter(&endpoint.url, event))
            })
            .collect();
        drop(state);
        for letter in letters {
            self.outbox.post(letter);
        }
    }

    /// The account and the app let go of each other: that is the last thing that is told.
    pub(super) fn let_go(&self) {
        let (item, at) = (encode_id(Kind::Account, self.number), self.now());
        let mut state = self.state();
        state.events.push(Event { topic: "APP_DISCONNECT".to_owned(), item, at });
        state.is_let_go = true;
        drop(state);
        self.tell();
        self.state().endpoints.clear();
    }

    fn letter(&self, url: &str, event: &Event) -> Letter {
        let body = json!({ "data": { "webHookEvent": {
            "topic": event.topic,
            "appId": APP_ID,
            "accountId": encode_id(Kind::Account, self.number),
            "itemId": event.item,
            "occurredAt": event.at.to_string(),
        } } });
        let body = body.to_string().into_bytes();
        let signature = sign(&self.client_secret, &body);
        let write = move |_| Parcel {
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-jobber-hmac-sha256", signature.clone()),
            ],
            body: body.clone(),
        };
        Letter { url: url.to_owned(), again: AGAIN, write: Box::new(write) }
    }
}

/// The signature of a body: base64 of its HMAC-SHA256 by the app's client secret.
fn sign(secret: &str, body: &[u8]) -> String {
    // A key of this kind may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    BASE64.encode(mac.finalize().into_bytes())
}
