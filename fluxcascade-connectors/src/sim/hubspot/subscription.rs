//! The webhooks API of an app: where deliveries go, and which events are wanted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::portal::Portal;
use super::record::iso;
use super::refusal::HubSpotRefusal;
use super::wire::parsed;
use crate::sim::call::{Call, Reply};

/// What an app is told of.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    target: Option<(String, u64)>,
    all: BTreeMap<u64, Subscription>,
    last: u64,
}

/// Events of one sort.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) id: u64,
    pub(super) event: String,
    pub(super) property: Option<String>,
    pub(super) object: Option<String>,
    pub(super) active: bool,
    created: String,
}

impl Subscriptions {
    /// Whether anything is delivered.
    pub(super) fn listens(&self) -> bool {
        self.target.is_some() && self.all.values().any(|one| one.active)
    }

    /// Where deliveries go.
    pub(super) fn target(&self) -> Option<&str> {
        self.target.as_ref().map(|(url, _)| url.as_str())
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &Subscription> {
        self.all.values().filter(|one| one.active)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    target_url: String,
    throttling: Throttling,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Throttling {
    max_concurrent_requests: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct New {
    event_type: String,
    property_name: Option<String>,
    object_type_id: Option<String>,
    #[serde(default)]
    active: bool,
}

#[derive(Debug, Deserialize)]
struct Change {
    active: bool,
}

/// `…/webhooks/{version}/{app}/…`
pub(super) fn answer(
    portal: &mut Portal,
    call: &Call,
    rest: &[&str],
) -> Result<Reply, HubSpotRefusal> {
    let reply = match (call.method.as_str(), rest) {
        ("GET", ["settings"]) => settings(portal, call),
        ("PUT", ["settings"]) => {
            let asked: Settings = parsed(call)?;
            let parallel = asked.throttling.max_concurrent_requests;
            portal.subscriptions.target = Some((asked.target_url, parallel));
            settings(portal, call)
        }
        ("DELETE", ["settings"]) => {
            portal.subscriptions.target = None;
            Ok(Reply::empty(204))
        }
        ("GET", ["subscriptions"]) => {
            let all: Vec<Json> = portal.subscriptions.all.values().map(shown).collect();
            Ok(Reply::json(200, &json!({ "results": all })))
        }
        ("POST", ["subscriptions"]) => subscribe(portal, call),
        ("GET", ["subscriptions", id]) => {
            one(portal, id).map(|found| Reply::json(200, &shown(found)))
        }
        ("PATCH", ["subscriptions", id]) => {
            let Change { active } = parsed(call)?;
            let id = one(portal, id)?.id;
            if let Some(found) = portal.subscriptions.all.get_mut(&id) {
                found.active = active;
            }
            one(portal, &id.to_string()).map(|found| Reply::json(200, &shown(found)))
        }
        ("DELETE", ["subscriptions", id]) => {
            let id = one(portal, id)?.id;
            portal.subscriptions.all.remove(&id);
            Ok(Reply::empty(204))
        }
        _ => Err(HubSpotRefusal::not_found("webhooks")),
    }?;
    portal.listen();
    Ok(reply)
}

fn settings(portal: &Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let target = portal.subscriptions.target.as_ref();
    let (url, parallel) = target.ok_or_else(|| HubSpotRefusal::not_found("settings"))?;
    let body = json!({
        "targetUrl": url,
        "throttling": { "maxConcurrentRequests": parallel, "period": "SECONDLY" },
        "createdAt": iso(call.at),
    });
    Ok(Reply::json(200, &body))
}

fn one<'a>(portal: &'a Portal, id: &str) -> Result<&'a Subscription, HubSpotRefusal> {
    let found = id.parse().ok().and_then(|id: u64| portal.subscriptions.all.get(&id));
    found.ok_or_else(|| HubSpotRefusal::not_found(id))
}

const OBJECTS: [&str; 7] =
    ["contact", "company", "deal", "ticket", "product", "line_item", "object"];
const EVENTS: [&str; 6] =
    ["creation", "deletion", "propertyChange", "merge", "restore", "associationChange"];

fn subscribe(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let new: New = parsed(call)?;
    let is_known = new.event_type == "contact.privacyDeletion"
        || new
            .event_type
            .split_once('.')
            .is_some_and(|(object, event)| OBJECTS.contains(&object) && EVENTS.contains(&event));
    if !is_known {
        let message = format!("Invalid eventType '{}'", new.event_type);
        return Err(HubSpotRefusal::request(message));
    }
    let is_change = new.event_type.ends_with(".propertyChange");
    if is_change != new.property_name.is_some() {
        let message = "propertyName is for propertyChange, which must have it";
        return Err(HubSpotRefusal::request(message));
    }
    if matches!(
        new.property_name.as_deref(),
        Some("hs_lastmodifieddate" | "num_unique_conversion_events")
    ) {
        return Err(HubSpotRefusal::request("This property cannot be subscribed to"));
    }
    if new.event_type.starts_with("object.") != new.object_type_id.is_some() {
        let message = "objectTypeId is for object events, which must have it";
        return Err(HubSpotRefusal::request(message));
    }
    let same = |one: &Subscription| {
        (&one.event, &one.property, &one.object)
            == (&new.event_type, &new.property_name, &new.object_type_id)
    };
    if portal.subscriptions.all.values().any(same) {
        return Err(HubSpotRefusal::exists("A subscription of this event exists already"));
    }
    portal.subscriptions.last += 1;
    let subscription = Subscription {
        id: portal.subscriptions.last,
        event: new.event_type,
        property: new.property_name,
        object: new.object_type_id,
        active: new.active,
        created: iso(call.at),
    };
    let body = shown(&subscription);
    portal.subscriptions.all.insert(subscription.id, subscription);
    Ok(Reply::json(201, &body))
}

fn shown(of: &Subscription) -> Json {
    let mut body = json!({
        "id": of.id.to_string(),
        "eventType": of.event,
        "active": of.active,
        "createdAt": of.created,
    });
    if let Some(property) = &of.property {
        body["propertyName"] = json!(property);
    }
    if let Some(object) = &of.object {
        body["objectTypeId"] = json!(object);
    }
    body
}
