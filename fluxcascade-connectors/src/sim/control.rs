//! The requests below `/__sim`, by which a simulator is steered over HTTP.

use std::time::Duration;

use axum::http::Method;
use fluxcascade_core::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::call::{Call, Reply};
use super::oauth::OAuthServer;
use super::outbox::{Mishap, Outbox};
use super::server::Desk;

/// How to move the clock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum MoveClock {
    AdvanceSeconds(u64),
    Set(Timestamp),
}

/// How many requests meet the limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Throttle {
    #[serde(default = "one")]
    requests: u64,
}

fn one() -> u64 {
    1
}

/// What happens to the next deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhooks {
    #[serde(default)]
    mishaps: Vec<Mishap>,
}

/// What happens to the app's grants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "do")]
enum Grants {
    Revoke,
    Expire,
    Deny,
}

pub(super) async fn answer(
    desk: &Desk,
    outbox: Option<&Outbox>,
    oauth: Option<&OAuthServer>,
    call: &Call,
) -> Reply {
    let reply = steer(desk, outbox, oauth, call).await;
    if let Some(outbox) = outbox {
        // The clock may have been moved.
        outbox.ring();
    }
    reply
}

async fn steer(
    desk: &Desk,
    outbox: Option<&Outbox>,
    oauth: Option<&OAuthServer>,
    call: &Call,
) -> Reply {
    let what = call.path.trim_start_matches("/__sim/");
    let done = match (&call.method, what) {
        (&Method::GET, "requests") => Ok(json!({ "requests": desk.requests() })),
        (&Method::DELETE, "requests") => {
            desk.clear_requests();
            Ok(json!({ "requests": [] }))
        }
        (&Method::POST, "faults") => taken(call).map(|plan| {
            desk.set_faults(plan);
            json!({})
        }),
        (&Method::POST, "throttle") => taken(call).map(|throttle: Throttle| {
            desk.throttle(throttle.requests);
            json!({ "requests": throttle.requests })
        }),
        (&Method::POST, "webhooks") => match (taken(call), outbox) {
            (Ok(Webhooks { mishaps }), Some(outbox)) => {
                outbox.mishaps(mishaps);
                Ok(json!({ "delivered": outbox.settle().await }))
            }
            (Ok(_), None) => Err("this simulator sends no webhooks".to_owned()),
            (Err(error), _) => Err(error),
        },
        (&Method::POST, "oauth") => match (taken(call), oauth) {
            (Ok(grants), Some(oauth)) => {
                match grants {
                    Grants::Revoke => oauth.revoke(),
                    Grants::Expire => oauth.expire(),
                    Grants::Deny => oauth.deny_next(),
                }
                Ok(json!({}))
            }
            (Ok(_), None) => {
                Err("this simulator has no app, and takes tokens as they are".to_owned())
            }
            (Err(error), _) => Err(error),
        },
        (&Method::GET, "clock") => Ok(json!({ "now": desk.now() })),
        (&Method::POST, "clock") => taken(call).and_then(|by| move_clock(desk, &by)),
        _ => return Reply::json(404, &json!({ "error": "there is no such control" })),
    };
    match done {
        Ok(body) => Reply::json(200, &body),
        Err(error) => Reply::json(400, &json!({ "error": error })),
    }
}

/// The body as what was expected; no body is `{}`.
fn taken<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn move_clock(desk: &Desk, by: &MoveClock) -> Result<serde_json::Value, String> {
    let clock = desk.steering().ok_or("this simulator's clock is moved by its owner")?;
    match by {
        MoveClock::AdvanceSeconds(seconds) => clock.advance(Duration::from_secs(*seconds)),
        MoveClock::Set(to) => clock.set(*to),
    }
    Ok(json!({ "now": desk.now() }))
}
