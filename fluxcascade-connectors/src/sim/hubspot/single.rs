//! Lists, and requests for one contact.

use serde::Deserialize;
use serde_json::json;

use super::contact::{Author, Contact, Shelf};
use super::portal::Portal;
use super::refusal::HubSpotRefusal;
use super::wire::{Blanks, Scalar, Wanted, Write, parsed, record};
use crate::sim::call::{Call, Reply};

/// How many records a list page has at most, and with histories.
const PAGE: usize = 100;
const PAGE_WITH_HISTORY: usize = 50;

/// `GET …/contacts`
pub(super) fn list(portal: &Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let wanted = Wanted::of_query(call);
    let most = if wanted.history.is_empty() { PAGE } else { PAGE_WITH_HISTORY };
    let limit = match call.query_value("limit") {
        None => 10,
        Some(text) => text.parse().map_err(|_| not_an_int(&text))?,
    };
    if limit == 0 || limit > most {
        return Err(HubSpotRefusal::request(format!(
            "Invalid limit {limit}: it must be between 1 and {most}"
        )));
    }
    let from = match call.query_value("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| not_an_int(&text))?,
    };
    let page: Vec<_> = portal.page(from, shelf(call)?).take(limit + 1).collect();
    let (shown, next) = page.split_at(limit.min(page.len()));
    let results = shown.iter().map(|contact| whole(portal, contact, &wanted));
    let mut body = json!({ "results": results.collect::<Vec<_>>() });
    if let Some(next) = next.first() {
        let after = next.id.to_string();
        body["paging"] = json!({ "next": { "link": link(call, &after), "after": after } });
    }
    Ok(Reply::json(200, &body))
}

fn link(call: &Call, after: &str) -> String {
    format!("https://api.hubapi.com{}?after={after}", call.path)
}

fn not_an_int(text: &str) -> HubSpotRefusal {
    let text: String = text.chars().take(60).collect();
    HubSpotRefusal::request(format!(
        "Cannot deserialize value of type `int` from String {text:?}: not a valid `int` value"
    ))
}

/// Which records a request asks for.
pub(super) fn shelf(call: &Call) -> Result<Shelf, HubSpotRefusal> {
    match call.query_value("archived").as_deref() {
        None | Some("" | "false") => Ok(Shelf::Live),
        Some("true") => Ok(Shelf::Archived),
        Some(_) => Err(HubSpotRefusal::request("Invalid value for archived: true or false")),
    }
}

fn whole(portal: &Portal, contact: &Contact, wanted: &Wanted) -> serde_json::Value {
    record(&portal.options, contact, contact.state(), wanted, Blanks::Omitted)
}

fn shown(portal: &Portal, status: u16, id: u64, wanted: &Wanted) -> Reply {
    match portal.contact(id) {
        Some(contact) => Reply::json(status, &whole(portal, contact, wanted)),
        None => Reply::empty(404),
    }
}

fn id_property(call: &Call) -> Option<String> {
    call.query_value("idProperty").filter(|name| !name.is_empty())
}

/// `GET …/contacts/{id}`
pub(super) fn get(portal: &Portal, call: &Call, id: &str) -> Result<Reply, HubSpotRefusal> {
    let wanted = Wanted::of_query(call);
    if shelf(call)? == Shelf::Archived {
        let found = portal.find(None, id)?.and_then(|id| portal.contact(id));
        let contact = found.filter(|contact| contact.shelf() == Shelf::Archived);
        let contact = contact.ok_or_else(|| HubSpotRefusal::not_found(id))?;
        return Ok(Reply::json(200, &whole(portal, contact, &wanted)));
    }
    let found = portal.live(id_property(call).as_deref(), id)?;
    Ok(shown(portal, 200, found, &wanted))
}

/// `POST …/contacts`
pub(super) fn create(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let changes = portal.prepared(None, parsed::<Write>(call)?.given()?)?;
    let id = portal.create_prepared(&changes, Author::App, call.at);
    Ok(shown(portal, 201, id, &Wanted::written(&changes)))
}

/// `PATCH …/contacts/{id}`
pub(super) fn update(portal: &mut Portal, call: &Call, id: &str) -> Result<Reply, HubSpotRefusal> {
    let found = portal.live(id_property(call).as_deref(), id)?;
    let changes = portal.prepared(Some(found), parsed::<Write>(call)?.given()?)?;
    portal.write(found, &changes, Author::App, call.at);
    Ok(shown(portal, 200, found, &Wanted::written(&changes)))
}

/// `DELETE …/contacts/{id}`: the answer is the same if it is gone already.
pub(super) fn archive(portal: &mut Portal, call: &Call, id: &str) -> Reply {
    if let Ok(Some(found)) = portal.find(None, id) {
        portal.archive(found, call.at);
    }
    Reply::empty(204)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: Scalar,
    object_id_to_merge: Scalar,
}

/// `POST …/contacts/merge`
pub(super) fn merge(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let Merge { primary_object_id, object_id_to_merge } = parsed(call)?;
    let (primary, other) = (String::from(primary_object_id), String::from(object_id_to_merge));
    let id = portal.merge(&primary, &other, Author::App, call.at)?;
    let wanted = ["email", "hs_merged_object_ids", "hs_additional_emails"].map(str::to_owned);
    let wanted = Wanted { properties: wanted.to_vec(), history: Vec::new() };
    Ok(shown(portal, 200, id, &wanted))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Forget {
    object_id: Scalar,
    id_property: Option<String>,
}

/// `POST …/contacts/gdpr-delete`
pub(super) fn forget(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let Forget { object_id, id_property } = parsed(call)?;
    if let Some(id) = portal.find(id_property.as_deref(), &String::from(object_id))? {
        portal.forget(id);
    }
    Ok(Reply::empty(204))
}
