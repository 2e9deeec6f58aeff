//! Which request is what: credentials, limits, paths of both families. What each does is in the
//! modules beside this one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use secrecy::ExposeSecret;
use serde_json::json;

use super::batch::{self, Kind};
use super::limit::{Lane, Met};
use super::portal::Portal;
use super::refusal::HubSpotRefusal;
use super::{HubSpotSystem, control, link, object_schema, schema, search, single, subscription};
use crate::sim::call::{Call, Reply, Vendor};
use crate::sim::lock;
use crate::sim::oauth::{Habits, TokenForm, UsedRefresh};
use crate::sim::outbox::Outbox;

#[async_trait]
impl Vendor for HubSpotSystem {
    async fn perform(&self, call: &Call) -> Reply {
        let mut portal = lock(&self.portal);
        let lane = lane(call);
        if !self.lets_in(call) {
            let words = correlation(&mut portal);
            return Reply::json(
                401,
                &json!({
                    "status": "error",
                    "message": "Authentication credentials not found. This API supports OAuth 2.0 \
                                authentication and you can find more details at \
                                https://developers.hubspot.com/docs/methods/auth/oauth-overview",
                    "correlationId": words,
                    "category": "INVALID_AUTHENTICATION",
                }),
            );
        }
        if let Err(met) = portal.budget.spend(lane, call.at) {
            let words = correlation(&mut portal);
            return portal.budget.refusal(met, &words);
        }
        let reply = match answer(&mut portal, call) {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(&correlation(&mut portal)),
        };
        self.tell(&mut portal);
        portal.budget.headed(lane, reply)
    }

    fn outbox(&self) -> Option<&Arc<Outbox>> {
        Some(&self.outbox)
    }

    fn control(&self, call: &Call) -> Option<Reply> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["__sim", "records", rest @ ..] = parts.as_slice() else { return None };
        let mut portal = lock(&self.portal);
        let reply = match control::answer(&mut portal, call, rest) {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(&correlation(&mut portal)),
        };
        self.tell(&mut portal);
        Some(reply)
    }

    fn over_limit(&self, call: &Call) -> Reply {
        let mut portal = lock(&self.portal);
        let words = correlation(&mut portal);
        let met = match lane(call) {
            Lane::Search => Met::SearchSecondly,
            Lane::Other => Met::TenSecondly,
        };
        portal.budget.refusal(met, &words)
    }

    fn habits(&self) -> Habits {
        HABITS
    }

    fn failure(&self, _: &Call, status: u16) -> Reply {
        let words = correlation(&mut lock(&self.portal));
        Reply::json(
            status,
            &json!({
                "status": "error",
                "message": "There was a problem with the request.",
                "correlationId": words,
            }),
        )
    }
}

impl HubSpotSystem {
    fn lets_in(&self, call: &Call) -> bool {
        // What an app is told of is its developer's affair, who has a key of his own.
        if call.path.starts_with("/webhooks/") && call.query_value("hapikey").is_some() {
            return true;
        }
        match (call.bearer(), &self.token) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(given), Some(only)) => given == only.expose_secret(),
        }
    }
}

/// HubSpot's OAuth server, of which only the consent is on another host.
const HABITS: Habits = Habits {
    authorize: &["/oauth/authorize"],
    token: &["/oauth/v3/token", "/oauth/v1/token", "/oauth/2026-03/token"],
    revoke: &["/oauth/v3/token/revoke", "/oauth/2026-03/token/revoke"],
    life: Duration::from_secs(1800),
    form: TokenForm::Opaque,
    used: UsedRefresh::Stays,
    dead: || {
        let what = "refresh token is invalid, expired or revoked";
        let body = json!({ "error": "invalid_grant", "error_description": what,
            "status": "BAD_REFRESH_TOKEN", "message": what });
        Reply::json(400, &body)
    },
    unknown_app: || {
        let what = "missing or unknown client id";
        Reply::json(400, &json!({ "status": "BAD_CLIENT_ID", "message": what }))
    },
};

/// A correlation id, in the shape of a UUID.
fn correlation(portal: &mut Portal) -> String {
    let (a, b) = (portal.draw_next(), portal.draw_next());
    let hex = format!("{a:016x}{b:016x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// What a path names, in either family.
enum Place<'a> {
    Objects(&'a str, &'a [&'a str]),
    Properties(&'a str, &'a [&'a str]),
    /// From, to, and what is done.
    Associations(&'a str, &'a str, &'a [&'a str]),
    Schemas(&'a [&'a str]),
    Pipelines(&'a str),
    Webhooks(&'a [&'a str]),
    Account,
    Nowhere,
}

fn place<'a>(parts: &'a [&'a str]) -> Place<'a> {
    match parts {
        ["crm", "v3" | "v4", "objects", object, rest @ ..] => Place::Objects(object, rest),
        ["crm", "objects", version, object, rest @ ..] if is_dated(version) => {
            Place::Objects(object, rest)
        }
        ["crm", "v3", "properties", object, rest @ ..] => Place::Properties(object, rest),
        ["crm", "properties", version, object, rest @ ..] if is_dated(version) => {
            Place::Properties(object, rest)
        }
        ["crm", "v4", "associations", from, to, rest @ ..] => Place::Associations(from, to, rest),
        ["crm", "associations", version, from, to, rest @ ..]
            if *version == "v4" || is_dated(version) =>
        {
            Place::Associations(from, to, rest)
        }
        ["crm-object-schemas", version, "schemas", rest @ ..]
            if *version == "v3" || is_dated(version) =>
        {
            Place::Schemas(rest)
        }
        ["crm", "v3", "schemas", rest @ ..] => Place::Schemas(rest),
        ["crm", "v3", "pipelines", object] => Place::Pipelines(object),
        ["crm", "pipelines", version, object] if is_dated(version) => Place::Pipelines(object),
        ["webhooks", version, _, rest @ ..] if *version == "v3" || is_dated(version) => {
            Place::Webhooks(rest)
        }
        ["account-info", version, "details"] if *version == "v3" || is_dated(version) => {
            Place::Account
        }
        _ => Place::Nowhere,
    }
}

/// Whether it is a version like `2026-03`.
fn is_dated(version: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let split = version.split_once('-');
    split.is_some_and(|(y, m)| y.len() == 4 && m.len() == 2 && digits(y) && digits(m))
}

fn lane(call: &Call) -> Lane {
    if call.path.ends_with("/search") { Lane::Search } else { Lane::Other }
}

fn answer(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match place(&parts) {
        Place::Objects(object, rest) => {
            let object = portal.resolve(object)?;
            objects(portal, call, &object, rest)
        }
        Place::Properties(object, rest) => properties(portal, call, object, rest),
        Place::Associations(from, to, rest) => associations(portal, call, (from, to), rest),
        Place::Schemas(rest) => match (call.method.as_str(), rest) {
            ("GET", []) => Ok(object_schema::list(portal)),
            ("POST", []) => object_schema::create(portal, call),
            ("GET", [object]) => object_schema::get(portal, object),
            _ => Ok(nowhere()),
        },
        Place::Pipelines(object) if call.method == Method::GET => {
            object_schema::pipelines(portal, call, object)
        }
        Place::Webhooks(rest) => subscription::answer(portal, call, rest),
        Place::Account if call.method == Method::GET => Ok(account(portal)),
        Place::Pipelines(_) | Place::Account | Place::Nowhere => Ok(nowhere()),
    }
}

fn objects(
    portal: &mut Portal,
    call: &Call,
    object: &str,
    rest: &[&str],
) -> Result<Reply, HubSpotRefusal> {
    match (call.method.as_str(), rest) {
        ("GET", []) => single::list(portal, call, object),
        ("POST", []) => single::create(portal, call, object),
        ("POST", ["search"]) => search::search(portal.of(object)?, call),
        ("POST", ["merge"]) => single::merge(portal, call, object),
        ("POST", ["gdpr-delete"]) if object == "0-1" => single::forget(portal, call),
        ("POST", ["batch", "read"]) => batch::read(portal, call, object),
        ("POST", ["batch", "create"]) => batch::write(portal, call, object, Kind::Create),
        ("POST", ["batch", "update"]) => batch::write(portal, call, object, Kind::Update),
        ("POST", ["batch", "upsert"]) => batch::write(portal, call, object, Kind::Upsert),
        ("POST", ["batch", "archive"]) => batch::archive(portal, call, object),
        ("GET", [id]) => single::get(portal, call, object, id),
        ("PATCH", [id]) => single::update(portal, call, object, id),
        ("DELETE", [id]) => single::archive(portal, call, object, id),
        ("GET", [id, "associations", to]) => link::list(portal, call, object, id, to),
        ("PUT", [id, "associations", "default", to, to_id]) => {
            link::put_default(portal, call, [object, id, to, to_id])
        }
        ("PUT", [id, "associations", to, to_id]) => {
            link::put(portal, call, [object, id, to, to_id])
        }
        ("DELETE", [id, "associations", to, to_id]) => {
            link::delete(portal, call, [object, id, to, to_id])
        }
        _ => Ok(nowhere()),
    }
}

fn associations(
    portal: &mut Portal,
    call: &Call,
    (from, to): (&str, &str),
    rest: &[&str],
) -> Result<Reply, HubSpotRefusal> {
    match (call.method.as_str(), rest) {
        ("POST", ["batch", "read"]) => link::read(portal, call, from, to),
        ("POST", ["batch", "associate", "default"]) => {
            link::associate_default(portal, call, from, to)
        }
        ("POST", ["batch", "create"]) => link::create(portal, call, from, to),
        ("POST", ["batch", "archive"]) => link::archive(portal, call, from, to),
        ("GET", ["labels"]) => link::labels(portal, from, to),
        _ => Ok(nowhere()),
    }
}

fn properties(
    portal: &mut Portal,
    call: &Call,
    object: &str,
    rest: &[&str],
) -> Result<Reply, HubSpotRefusal> {
    let among = portal.of_mut(object)?;
    match (call.method.as_str(), rest) {
        ("GET", []) => schema::list(among, call),
        ("POST", []) => schema::create(among, call),
        ("GET", ["groups"]) => Ok(schema::groups(among)),
        ("GET", [name]) => schema::get(among, name),
        ("DELETE", [name]) => schema::archive(among, name),
        _ => Ok(nowhere()),
    }
}

fn account(portal: &Portal) -> Reply {
    Reply::json(
        200,
        &json!({
            "portalId": portal.options.portal_id,
            "accountType": "STANDARD",
            "timeZone": "US/Eastern",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "-05:00",
            "utcOffsetMilliseconds": -18_000_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }),
    )
}

/// What is not simulated, or is no path of HubSpot's.
fn nowhere() -> Reply {
    Reply::typed(404, "text/html;charset=utf-8", "<html><body>404 Not Found</body></html>")
}
