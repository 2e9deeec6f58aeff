//! Windows of the properties: through the clients that changed, each with its properties. Whether
//! an edit of a property moves its client's time is not documented, so this finds what it can, and
//! webhooks and full reads find the rest.

use fluxcascade_core::connector::{ChangesPage, ConnectorError, ErrorKind};
use fluxcascade_core::model::{Provenance, State, Timestamp};
use serde::Deserialize;

use super::super::client::{Api, Reply};
use super::super::convert::{self, Hidden, Seen};
use super::super::cost;
use super::super::custom::Catalog;
use super::super::document::Document;
use super::super::error;
use super::super::fields::Field;
use super::super::object::Object;
use super::super::read;
use super::super::wire::{ByAlias, Connection, GraphError, Segment};
use super::{End, Ordered, Place, Reading, may_be_the_cursor};

/// Properties that are asked for with their client; the few clients that have more go on apart.
const INNER: usize = 5;
/// Clients on a page, so that page and nested page together stay cheap.
const OUTER: usize = 10;

/// A property, and what is hidden of it.
type Row = (Seen, Hidden);

/// A client with a part of its properties.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    id: String,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default, rename = "clientProperties")]
    properties: Option<Connection>,
}

/// One page of a window.
pub(super) async fn page(
    api: &Api,
    catalog: &Catalog,
    reading: Reading,
    fields: &[Field],
    first: usize,
    mut place: Place,
) -> Result<ChangesPage, ConnectorError> {
    let mut rows = match place.pending.pop() {
        Some((client, after)) => {
            let (rows, rest) = go_on(api, fields, &client, first, after, &mut place).await?;
            place.pending.extend(rest.map(|after| (client, after)));
            rows
        }
        None => clients(api, reading, fields, first, &mut place).await?,
    };
    read::settle(api, catalog, Object::Properties, fields, &mut rows).await?;
    let observed = rows.into_iter().map(|(seen, _)| seen.observation(Provenance::Listed));
    let observations = observed.collect();
    let more = !place.pending.is_empty() || !place.listed;
    let place = if more { place } else { place.finish(reading.look_back) };
    Ok(ChangesPage { observations, cursor: place.cursor()?, more })
}

/// The next clients, with their properties.
async fn clients(
    api: &Api,
    reading: Reading,
    fields: &[Field],
    first: usize,
    place: &mut Place,
) -> Result<Vec<Row>, ConnectorError> {
    let inner = first.min(INNER);
    let mut outer = (first / inner).clamp(1, OUTER);
    let document = |outer: usize, place: &Place| {
        Document::properties_of_clients(fields, place.listing(outer), inner)
    };
    let answer = cost::shrinking(api, &mut outer, |outer| document(outer, place)).await;
    let reply = match answer {
        Err(error) if place.after.is_some() && may_be_the_cursor(&error) => {
            place.refuse(error)?;
            place.after = None;
            api.read(&document(outer, place)).await?
        }
        answer => answer?,
    };
    place.begin(reply.date, reading.look_back, End::Begun);
    let list = read::connection(&reply, Object::Clients)?;
    let mut seen = Vec::new();
    let mut times: Vec<Timestamp> = Vec::new();
    for (n, node) in list.nodes.iter().enumerate() {
        // A client that is hidden whole hides its properties.
        let Some(node) = node else { continue };
        let client: Client = read::of_schema(node)?;
        times.extend(client.updated_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok()));
        let path = [
            Segment::Key("clients".to_owned()),
            Segment::Key("nodes".to_owned()),
            Segment::Index(n),
            Segment::Key("clientProperties".to_owned()),
        ];
        let (rows, rest) = properties(client.properties, &reply.errors, &path, fields)?;
        seen.extend(rows);
        place.pending.extend(rest.map(|after| (client.id, after)));
    }
    if list.page_info.has_next_page {
        place.advance(Ordered::OldestFirst, &times, list.page_info)?;
    } else {
        place.newest = place.newest.max(times.iter().max().copied());
        place.listed = true;
    }
    Ok(seen)
}

/// More properties of a client.
async fn go_on(
    api: &Api,
    fields: &[Field],
    client: &str,
    first: usize,
    after: String,
    place: &mut Place,
) -> Result<(Vec<Row>, Option<String>), ConnectorError> {
    let mut first = first;
    let document = |first, after| Document::properties_of(fields, client, first, after);
    let answer = cost::shrinking(api, &mut first, |first| document(first, Some(&after))).await;
    let reply = match answer {
        // All of this client's begin anew.
        Err(error) if may_be_the_cursor(&error) => {
            place.refuse(error)?;
            api.read(&document(first, None)).await?
        }
        answer => answer?,
    };
    let (found, rest) = of_one(&reply, fields)?;
    if rest.as_ref() == Some(&after) {
        return Err(ConnectorError::new(
            ErrorKind::Protocol,
            "jobber's cursor among a client's properties does not move; try again later",
        ));
    }
    Ok((found, rest))
}

fn of_one(reply: &Reply, fields: &[Field]) -> Result<(Vec<Row>, Option<String>), ConnectorError> {
    let data: ByAlias = reply.data()?;
    let Some(client) = data.get("client").and_then(Option::as_deref) else {
        let at = [Segment::Key("client".to_owned())];
        return match convert::state_of_null(&reply.errors, &at) {
            // The client is gone meanwhile, and its properties with it.
            State::Missing => Ok((Vec::new(), None)),
            State::Known { .. }
            | State::Archived(_)
            | State::Deleted(_)
            | State::MergedInto(_)
            | State::OutOfScope
            | State::Unreadable(_) => Err(reply.errors.first().map_or_else(
                || ConnectorError::new(ErrorKind::Protocol, "jobber shows nothing of a client"),
                error::of_graph,
            )),
        };
    };
    let mut client: ByAlias = read::of_schema(client)?;
    let list = client.remove("clientProperties").flatten();
    let list = list.map(|list| read::of_schema(&list)).transpose()?;
    let path = ["client", "clientProperties"].map(|key| Segment::Key(key.to_owned()));
    properties(list, &reply.errors, &path, fields)
}

/// The properties of a nested list, and Jobber's cursor where there are more.
fn properties(
    list: Option<Connection>,
    errors: &[GraphError],
    path: &[Segment],
    fields: &[Field],
) -> Result<(Vec<Row>, Option<String>), ConnectorError> {
    let Some(list) = list else {
        let of_path = errors.iter().find(|error| error.path.starts_with(path));
        return Err(of_path.or(errors.first()).map_or_else(
            || ConnectorError::new(ErrorKind::Protocol, "jobber listed no properties of a client"),
            error::of_graph,
        ));
    };
    let mut path = path.to_vec();
    path.push(Segment::Key("nodes".to_owned()));
    let rows = read::listed_at(&list.nodes, errors, &path, Object::Properties, fields)?;
    let rest = list.page_info.end_cursor.filter(|_| list.page_info.has_next_page);
    Ok((rows, rest))
}
