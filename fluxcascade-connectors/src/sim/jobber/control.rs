//! What people do in Jobber's own pages, over HTTP below `/__sim/records`: so that tests in any
//! language can make, edit, archive and delete records behind the back of what they test.

use axum::http::Method;
use serde_json::{Map, Value as Json, json};

use super::state::{Shown, State};
use super::work::sealed::WorkKind;
use super::work::{
    JobberInvoice, JobberJob, JobberQuote, JobberRecord, JobberRequest, JobberVisit,
};
use super::{Account, JobberClient, JobberCustomField, JobberProperty};
use crate::sim::call::{Call, Reply};

/// What was asked of an object's records.
enum Asked {
    List,
    Get(String),
    Create(Map<String, Json>),
    Edit(String, Map<String, Json>),
    Delete(String),
}

/// The answer, if the path is one of these.
pub(super) fn answer(account: &Account, call: &Call) -> Option<Reply> {
    let segments = call.segments();
    let [_, records, object, rest @ ..] = &segments[..] else { return None };
    if records != "records" {
        return None;
    }
    let asked = match asked(call, rest) {
        Ok(asked) => asked,
        Err(why) => return Some(Reply::json(400, &json!({ "error": why }))),
    };
    let done = match object.as_str() {
        "clients" => clients(account, asked),
        "properties" => properties(account, asked),
        "requests" => work::<JobberRequest>(account, asked),
        "quotes" => work::<JobberQuote>(account, asked),
        "jobs" => work::<JobberJob>(account, asked),
        "visits" => work::<JobberVisit>(account, asked),
        "invoices" => work::<JobberInvoice>(account, asked),
        "customFields" => custom_fields(account, asked),
        other => Err(Refused::Bad(format!(
            "there are no {other}: use clients, properties, requests, quotes, jobs, visits, \
             invoices or customFields"
        ))),
    };
    account.tell();
    Some(match done {
        Ok(body) => Reply::json(200, &body),
        Err(Refused::Bad(why)) => Reply::json(400, &json!({ "error": why })),
        Err(Refused::Gone) => Reply::json(404, &json!({ "error": "there is no such record" })),
    })
}

enum Refused {
    Bad(String),
    Gone,
}

fn asked(call: &Call, rest: &[String]) -> Result<Asked, String> {
    let fields = || -> Result<Map<String, Json>, String> {
        let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
        serde_json::from_slice(body).map_err(|error| error.to_string())
    };
    match (&call.method, rest) {
        (&Method::GET, []) => Ok(Asked::List),
        (&Method::GET, [id]) => Ok(Asked::Get(id.clone())),
        (&Method::POST, []) => Ok(Asked::Create(fields()?)),
        (&Method::PATCH, [id]) => Ok(Asked::Edit(id.clone(), fields()?)),
        (&Method::DELETE, [id]) => Ok(Asked::Delete(id.clone())),
        _ => Err("use GET or POST of the records, GET, PATCH or DELETE of one".to_owned()),
    }
}

fn shown<T: serde::Serialize>(of: &T) -> Result<Json, Refused> {
    serde_json::to_value(of).map_err(|error| Refused::Bad(error.to_string()))
}

fn made<T: serde::de::DeserializeOwned>(fields: Map<String, Json>) -> Result<T, Refused> {
    serde_json::from_value(Json::Object(fields)).map_err(|error| Refused::Bad(error.to_string()))
}

/// A record with these fields in place of its own.
fn merged<T>(of: &T, fields: Map<String, Json>) -> Result<T, Refused>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut all = shown(of)?;
    if let Json::Object(all) = &mut all {
        all.extend(fields);
    }
    serde_json::from_value(all).map_err(|error| Refused::Bad(error.to_string()))
}

fn clients(account: &Account, asked: Asked) -> Result<Json, Refused> {
    let now = account.now();
    let mut state = account.state();
    match asked {
        Asked::List => {
            let all: Result<Vec<Json>, Refused> = state.clients().map(|of| shown(&**of)).collect();
            Ok(json!({ "records": all? }))
        }
        Asked::Get(id) => shown(&**state.client(&id).ok_or(Refused::Gone)?),
        Asked::Create(fields) => {
            let client: JobberClient = made(fields)?;
            Ok(json!({ "id": state.insert(client, now, Shown::Lagging).id }))
        }
        Asked::Edit(id, fields) => {
            let client = merged(&**state.client(&id).ok_or(Refused::Gone)?, fields)?;
            shown(&*state.replace(&id, client, now).ok_or(Refused::Gone)?)
        }
        Asked::Delete(id) => shown(&*state.remove(&id, now).ok_or(Refused::Gone)?),
    }
}

/// Properties are made with a `clientId` beside their own fields.
fn properties(account: &Account, asked: Asked) -> Result<Json, Refused> {
    let now = account.now();
    let mut state = account.state();
    match asked {
        Asked::List => {
            let of = state.clients().flat_map(|client| &client.properties);
            let all: Result<Vec<Json>, Refused> = of.map(shown).collect();
            Ok(json!({ "records": all? }))
        }
        Asked::Get(id) => shown(state.property(&id).ok_or(Refused::Gone)?.0),
        Asked::Create(mut fields) => {
            let client = fields.remove("clientId");
            let client = client.as_ref().and_then(Json::as_str);
            let client = client.ok_or_else(|| Refused::Bad("clientId is missing".to_owned()))?;
            let id = state.add_property(client, made(fields)?, now).ok_or(Refused::Gone)?;
            Ok(json!({ "id": id }))
        }
        Asked::Edit(id, fields) => {
            let of: JobberProperty = merged(state.property(&id).ok_or(Refused::Gone)?.0, fields)?;
            state.edit_property(&id, now, |own| *own = of).ok_or(Refused::Gone)?;
            shown(state.property(&id).ok_or(Refused::Gone)?.0)
        }
        Asked::Delete(id) => shown(&state.remove_property(&id, now).ok_or(Refused::Gone)?),
    }
}

fn work<T: JobberRecord>(account: &Account, asked: Asked) -> Result<Json, Refused> {
    let now = account.now();
    let mut state = account.state();
    match asked {
        Asked::List => {
            let of = T::table(&state.ledger).all();
            let all: Result<Vec<Json>, Refused> = of.map(|(_, of)| shown(&**of)).collect();
            Ok(json!({ "records": all? }))
        }
        Asked::Get(id) => shown(&**T::table(&state.ledger).get(&id).ok_or(Refused::Gone)?),
        Asked::Create(fields) => {
            let record: T = made(fields)?;
            check(&state, &record, |_| true)?;
            Ok(json!({ "id": state.insert_work(record, now).id() }))
        }
        Asked::Edit(id, fields) => {
            let named: Vec<String> = fields.keys().cloned().collect();
            let record = merged(&**T::table(&state.ledger).get(&id).ok_or(Refused::Gone)?, fields)?;
            check(&state, &record, |key| named.iter().any(|named| named == key))?;
            shown(&*state.replace_work::<T>(&id, record, now).ok_or(Refused::Gone)?)
        }
        Asked::Delete(id) => shown(&*state.remove_work::<T>(&id, now).ok_or(Refused::Gone)?),
    }
}

/// Refuses references to what is not there, of those that were given.
fn check<T: JobberRecord>(
    state: &State,
    record: &T,
    is_given: impl Fn(&str) -> bool,
) -> Result<(), Refused> {
    let all = shown(record)?;
    let bad = |why: String| Err(Refused::Bad(why));
    for key in ["clientId", "propertyId", "requestId", "quoteId", "jobId"] {
        let Some(id) = all.get(key).and_then(Json::as_str).filter(|_| is_given(key)) else {
            continue;
        };
        let is_there = match key {
            // A job is for the client of its property.
            "clientId" if id.is_empty() && T::KIND == WorkKind::Job => true,
            "clientId" => state.client(id).is_some(),
            "propertyId" => state.property(id).is_some(),
            "requestId" => state.ledger.requests.get(id).is_some(),
            "quoteId" => state.ledger.quotes.get(id).is_some(),
            _ => state.ledger.jobs.get(id).is_some(),
        };
        let one = key.trim_end_matches("Id");
        if !is_there && id.is_empty() {
            return bad(format!("{key} is missing: name the {one} that it is for"));
        }
        if !is_there {
            return bad(format!("{key}: there is no {one} {id}"));
        }
    }
    let text = |key: &str| all.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    if let (Some(client), Some(property)) = (text("clientId"), text("propertyId"))
        && (is_given("clientId") || is_given("propertyId"))
        && state.property(property).is_some_and(|(_, of)| of.id != client)
    {
        return bad(format!("propertyId: {property} is not a property of client {client}"));
    }
    Ok(())
}

fn custom_fields(account: &Account, asked: Asked) -> Result<Json, Refused> {
    let mut state = account.state();
    match asked {
        Asked::List => {
            let of = state.ledger.custom_fields.values();
            let all: Result<Vec<Json>, Refused> = of.map(shown).collect();
            Ok(json!({ "records": all? }))
        }
        Asked::Get(id) => shown(state.ledger.custom_field(&id).ok_or(Refused::Gone)?),
        Asked::Create(fields) => {
            let of: JobberCustomField = made(fields)?;
            Ok(json!({ "id": state.add_custom_field(of) }))
        }
        Asked::Edit(id, fields) => {
            let of = merged(state.ledger.custom_field(&id).ok_or(Refused::Gone)?, fields)?;
            shown(state.edit_custom_field(&id, |own| *own = of).ok_or(Refused::Gone)?)
        }
        Asked::Delete(_) => {
            Err(Refused::Bad("a custom field stays: edit it with {\"archived\":true}".to_owned()))
        }
    }
}
