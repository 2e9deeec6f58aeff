//! Batches: read, create, update, upsert, archive, at most 100 inputs each.
//!
//! If every input of a write has an `objectWriteTraceId`, each stands for itself and the answer
//! is a 207 when one is refused. Otherwise one refusal refuses the whole batch.

use std::collections::HashSet;

use fluxcascade_core::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::contact::{Author, Shelf, iso};
use super::portal::{Portal, unique_key};
use super::refusal::HubSpotRefusal;
use super::single::shelf;
use super::wire::{Blanks, Scalar, Wanted, given, parsed, record};
use crate::sim::call::{Call, Reply};
use crate::sim::draw::below;

/// How many inputs a batch has at most.
const BATCH: usize = 100;

/// What a batch of writes does with its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Update,
    Upsert,
}

#[derive(Debug, Deserialize)]
struct Writes {
    inputs: Vec<Input>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    id: Option<Scalar>,
    id_property: Option<String>,
    object_write_trace_id: Option<String>,
    #[serde(default)]
    properties: Map<String, Json>,
    #[serde(default)]
    associations: Vec<Json>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    inputs: Vec<Input>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

/// A write that may be done.
struct Prepared {
    /// The record, if there is one already.
    of: Option<u64>,
    changes: Vec<(String, String)>,
    trace: Option<String>,
}

/// `POST …/contacts/batch/read`
pub(super) fn read(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let asked: Read = parsed(call)?;
    let ids = ids(&asked.inputs)?;
    let shelf = shelf(call)?;
    let wanted = Wanted { properties: asked.properties, history: asked.properties_with_history };
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        let found = portal.find(asked.id_property.as_deref(), &id)?;
        let contact = found.and_then(|id| portal.contact(id));
        match contact.filter(|contact| contact.shelf() == shelf) {
            Some(contact) => results.push(record(
                &portal.options,
                contact,
                contact.state(),
                &wanted,
                Blanks::Omitted,
            )),
            None => missing.push(id),
        }
    }
    let errors = if missing.is_empty() {
        Vec::new()
    } else {
        vec![json!({
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some CONTACT objects, they may be deleted or not exist. \
                        Check that ids are valid.",
            "context": { "ids": missing },
        })]
    };
    Ok(answer(portal, call.at, 200, results, &errors))
}

/// `POST …/contacts/batch/{create, update, upsert}`
pub(super) fn write(portal: &mut Portal, call: &Call, kind: Kind) -> Result<Reply, HubSpotRefusal> {
    let Writes { inputs } = parsed(call)?;
    match kind {
        Kind::Create => bounded(&inputs)?,
        Kind::Update | Kind::Upsert => drop(ids(&inputs)?),
    }
    let by_mail = |input: &Input| input.id_property.as_deref() == Some("email");
    // By e-mail there is no partial upsert: all inputs are taken, or none.
    let whole = kind == Kind::Upsert && inputs.iter().any(by_mail);
    let traced = inputs.iter().all(|input| input.object_write_trace_id.is_some());
    let (results, errors) = if traced && !whole {
        one_by_one(portal, call.at, kind, inputs)
    } else {
        (all_or_none(portal, call.at, kind, inputs)?, Vec::new())
    };
    let status = if kind == Kind::Create { 201 } else { 200 };
    Ok(answer(portal, call.at, status, results, &errors))
}

/// `POST …/contacts/batch/archive`
pub(super) fn archive(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let Writes { inputs } = parsed(call)?;
    for id in ids(&inputs)? {
        if let Some(found) = portal.find(None, &id)? {
            portal.archive(found, call.at);
        }
    }
    Ok(Reply::empty(204))
}

fn one_by_one(
    portal: &mut Portal,
    at: Timestamp,
    kind: Kind,
    inputs: Vec<Input>,
) -> (Vec<Json>, Vec<Json>) {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let trace = input.object_write_trace_id.clone();
        match prepared(portal, kind, input) {
            Ok(write) => results.push(done(portal, at, kind, &write)),
            Err(refusal) => errors.push(refusal.row(trace.as_deref())),
        }
    }
    (results, errors)
}

fn all_or_none(
    portal: &mut Portal,
    at: Timestamp,
    kind: Kind,
    inputs: Vec<Input>,
) -> Result<Vec<Json>, HubSpotRefusal> {
    let mut writes = Vec::with_capacity(inputs.len());
    let mut claimed = HashSet::new();
    for input in inputs {
        let write = prepared(portal, kind, input)?;
        let set = write.changes.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in set.filter(|(name, _)| portal.properties.is_unique(name)) {
            if !claimed.insert(unique_key(name, value)) {
                return Err(HubSpotRefusal::taken_in_this_batch());
            }
        }
        writes.push(write);
    }
    Ok(writes.iter().map(|write| done(portal, at, kind, write)).collect())
}

/// Looks whether an input may be done.
fn prepared(portal: &Portal, kind: Kind, input: Input) -> Result<Prepared, HubSpotRefusal> {
    let id = input.id.map(String::from).unwrap_or_default();
    let property = input.id_property.as_deref();
    let mut given = given(input.properties, &input.associations)?;
    let of = match kind {
        Kind::Create => None,
        Kind::Update => {
            let found = portal.find(property, &id)?;
            let live = |id: &u64| portal.contact(*id).is_some_and(|c| c.shelf() == Shelf::Live);
            Some(found.filter(live).ok_or_else(|| HubSpotRefusal::not_found(&id))?)
        }
        Kind::Upsert => {
            let Some(property) = property.filter(|name| !matches!(*name, "" | "hs_object_id"))
            else {
                return Err(HubSpotRefusal::request("idProperty must be set for an upsert"));
            };
            let found = portal.find(Some(property), &id)?;
            if found.is_none() && !given.iter().any(|(name, _)| name == property) {
                given.push((property.to_owned(), id));
            }
            found
        }
    };
    let changes = portal.prepared(of, given)?;
    Ok(Prepared { of, changes, trace: input.object_write_trace_id })
}

fn done(portal: &mut Portal, at: Timestamp, kind: Kind, write: &Prepared) -> Json {
    let id = match write.of {
        Some(id) => {
            portal.write(id, &write.changes, Author::App, at);
            id
        }
        None => portal.create_prepared(&write.changes, Author::App, at),
    };
    let Some(contact) = portal.contact(id) else { return Json::Null };
    let wanted = Wanted::written(&write.changes);
    let mut body = record(&portal.options, contact, contact.state(), &wanted, Blanks::Omitted);
    if let Some(trace) = &write.trace {
        body["objectWriteTraceId"] = json!(trace);
    }
    if kind == Kind::Upsert {
        body["new"] = json!(write.of.is_none());
    }
    body
}

fn bounded(inputs: &[Input]) -> Result<(), HubSpotRefusal> {
    if inputs.is_empty() || inputs.len() > BATCH {
        return Err(HubSpotRefusal::request(format!(
            "Invalid batch of {} inputs: it must have between 1 and {BATCH}",
            inputs.len()
        )));
    }
    Ok(())
}

/// The ids of the inputs, which must differ.
fn ids(inputs: &[Input]) -> Result<Vec<String>, HubSpotRefusal> {
    bounded(inputs)?;
    let mut seen = HashSet::new();
    let mut repeated = Vec::new();
    let mut ids = Vec::with_capacity(inputs.len());
    for input in inputs {
        let id = input.id.clone().map(String::from);
        let id = id.ok_or_else(|| HubSpotRefusal::request("every input must have an id"))?;
        if !seen.insert(id.clone()) && !repeated.contains(&id) {
            repeated.push(id.clone());
        }
        ids.push(id);
    }
    if repeated.is_empty() {
        return Ok(ids);
    }
    let repeated = repeated.join(", ");
    let message = format!("Duplicate IDs found in batch input: [{repeated}]. IDs must be unique");
    Err(HubSpotRefusal::request(message))
}

/// A batch's answer. HubSpot promises no order of the results, so they are shuffled.
fn answer(
    portal: &mut Portal,
    at: Timestamp,
    status: u16,
    mut results: Vec<Json>,
    errors: &[Json],
) -> Reply {
    let seed = portal.draw_next();
    for last in (1..results.len()).rev() {
        let other = usize::try_from(below(last as u64 + 1, seed, &[last as u64])).unwrap_or(last);
        results.swap(last, other);
    }
    let mut body = json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(at),
        "completedAt": iso(at),
    });
    if errors.is_empty() {
        return Reply::json(status, &body);
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = json!(errors);
    Reply::json(207, &body)
}
