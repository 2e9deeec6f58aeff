//! Lists, and requests for one record.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::collection::Collection;
use super::link;
use super::portal::Portal;
use super::record::{Author, Record, Shelf};
use super::refusal::HubSpotRefusal;
use super::wire::{self, Blanks, Scalar, Wanted, Write, parsed};
use crate::sim::call::{Call, Reply};

/// How many records a list page has at most, and with histories.
const PAGE: usize = 100;
const PAGE_WITH_HISTORY: usize = 50;

/// `GET …/{object}`
pub(super) fn list(portal: &Portal, call: &Call, object: &str) -> Result<Reply, HubSpotRefusal> {
    let among = portal.of(object)?;
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
    let page: Vec<_> = among.page(from, shelf(call)?).take(limit + 1).collect();
    let (on_it, next) = page.split_at(limit.min(page.len()));
    let results = on_it.iter().map(|record| whole(portal, call, among, record, &wanted));
    let results = results.collect::<Result<Vec<_>, _>>()?;
    let mut body = json!({ "results": results });
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
    // HubSpot's own clients write it as their language does.
    match call.query_value("archived").map(|said| said.to_ascii_lowercase()).as_deref() {
        None | Some("" | "false") => Ok(Shelf::Live),
        Some("true") => Ok(Shelf::Archived),
        Some(_) => Err(HubSpotRefusal::request("Invalid value for archived: true or false")),
    }
}

/// A record, with the associations that the query asks for.
fn whole(
    portal: &Portal,
    call: &Call,
    among: &Collection,
    record: &Record,
    wanted: &Wanted,
) -> Result<Json, HubSpotRefusal> {
    let mut body = wire::shown(among, record, record.state(), wanted, Blanks::Omitted);
    if let Some(asked) = call.query_value("associations").filter(|names| !names.is_empty()) {
        body["associations"] = link::beside(portal, &among.kind.id, record.id, &asked)?;
    }
    Ok(body)
}

fn after_write(
    portal: &Portal,
    object: &str,
    status: u16,
    id: u64,
    wanted: &Wanted,
) -> Result<Reply, HubSpotRefusal> {
    let among = portal.of(object)?;
    let record = among.record(id).ok_or_else(|| HubSpotRefusal::not_found(&id.to_string()))?;
    let body = wire::shown(among, record, record.state(), wanted, Blanks::Omitted);
    Ok(Reply::json(status, &body))
}

fn id_property(call: &Call) -> Option<String> {
    call.query_value("idProperty").filter(|name| !name.is_empty())
}

/// `GET …/{object}/{id}`
pub(super) fn get(
    portal: &Portal,
    call: &Call,
    object: &str,
    id: &str,
) -> Result<Reply, HubSpotRefusal> {
    let among = portal.of(object)?;
    let found = match shelf(call)? {
        Shelf::Archived => among.find(None, id)?.filter(|found| !among.is_live(*found)),
        Shelf::Live => Some(among.live(id_property(call).as_deref(), id)?),
    };
    let record = found.and_then(|id| among.record(id));
    let record = record.ok_or_else(|| HubSpotRefusal::not_found(id))?;
    Ok(Reply::json(200, &whole(portal, call, among, record, &Wanted::of_query(call))?))
}

/// `POST …/{object}`
pub(super) fn create(
    portal: &mut Portal,
    call: &Call,
    object: &str,
) -> Result<Reply, HubSpotRefusal> {
    let Write { properties, associations } = parsed(call)?;
    let ties = link::ties(portal, object, &associations)?;
    let among = portal.of_mut(object)?;
    let changes = among.prepared(None, wire::given(properties)?)?;
    let id = among.create_prepared(&changes, Author::App, call.at);
    let from = (among.kind.id.clone(), id);
    for (to, label) in ties {
        portal.associate(&from, &to, label, Author::App, call.at)?;
    }
    after_write(portal, object, 201, id, &Wanted::written(&changes))
}

/// `PATCH …/{object}/{id}`
pub(super) fn update(
    portal: &mut Portal,
    call: &Call,
    object: &str,
    id: &str,
) -> Result<Reply, HubSpotRefusal> {
    let among = portal.of_mut(object)?;
    let found = among.live(id_property(call).as_deref(), id)?;
    let given = wire::given(parsed::<Write>(call)?.properties)?;
    let changes = among.prepared(Some(found), given)?;
    among.write(found, &changes, Author::App, call.at);
    after_write(portal, object, 200, found, &Wanted::written(&changes))
}

/// `DELETE …/{object}/{id}`: the answer is the same if it is gone already.
pub(super) fn archive(
    portal: &mut Portal,
    call: &Call,
    object: &str,
    id: &str,
) -> Result<Reply, HubSpotRefusal> {
    let among = portal.of_mut(object)?;
    if let Ok(Some(found)) = among.find(None, id) {
        among.archive(found, Author::App, call.at);
    }
    Ok(Reply::empty(204))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: Scalar,
    object_id_to_merge: Scalar,
}

/// `POST …/{object}/merge`
pub(super) fn merge(
    portal: &mut Portal,
    call: &Call,
    object: &str,
) -> Result<Reply, HubSpotRefusal> {
    let Merge { primary_object_id, object_id_to_merge } = parsed(call)?;
    let (primary, other) = (String::from(primary_object_id), String::from(object_id_to_merge));
    let id = portal.merge(object, &primary, &other, Author::App, call.at)?;
    let wanted = ["email", "hs_merged_object_ids", "hs_additional_emails"].map(str::to_owned);
    let wanted = Wanted { properties: wanted.to_vec(), history: Vec::new() };
    after_write(portal, object, 200, id, &wanted)
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
    let among = portal.of_mut("contacts")?;
    if let Some(id) = among.find(id_property.as_deref(), &String::from(object_id))? {
        among.forget(id, Author::App, call.at);
    }
    Ok(Reply::empty(204))
}
