//! Windows of the properties: through the clients that changed, each with its properties. Whether
//! an edit of a property moves its client's time is not documented, so this finds what it can, and
//! webhooks and full reads find the rest.

use fluxcascade_core::connector::{ChangesPage, ConnectorError, ErrorKind};
use fluxcascade_core::model::{State, Timestamp};
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
use super::super::rows::{self, Asked};
use super::super::wire::{ByAlias, Connection, GraphError, Segment};
use super::{End, Ordered, Place, Reading, may_be_the_cursor};

/// Properties that are asked for with their client; the few clients that have more go on apart.
const INNER: usize = 5;
/// Clients on a page, so that page and nested page together stay cheap.
const OUTER: usize = 10;

/// The steps to a property in a list of clients, and in that of one client.
const ROW_OF_CLIENTS: usize = 6;
const ROW_OF_CLIENT: usize = 4;

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
    let (rows, asked) = match place.pending.pop() {
        Some((client, after)) => {
            let (rows, rest, asked) = go_on(api, fields, &client, first, after, &mut place).await?;
            place.pending.extend(rest.map(|after| (client, after)));
            (rows, asked)
        }
        None => clients(api, reading, fields, first, &mut place).await?,
    };
    let object = Object::Properties;
    let observations = rows::observed(api, catalog, object, fields, rows, asked).await?;
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
) -> Result<(Vec<Row>, Asked), ConnectorError> {
    let inner = first.min(INNER);
    let mut outer = (first / inner).clamp(1, OUTER);
    let document = |fields: &[Field], outer: usize, place: &Place| {
        Document::properties_of_clients(fields, place.listing(outer), inner)
    };
    let answer = cost::shrinking(api, &mut outer, |outer| document(fields, outer, place)).await;
    let answer = match answer {
        Err(error) if place.after.is_some() && may_be_the_cursor(&error) => {
            place.refuse(error)?;
            place.after = None;
            api.read(&document(fields, outer, place)).await
        }
        answer => answer,
    };
    let ids = || document(&[], outer, place);
    let (reply, asked) = rows::or_ids(api, answer, ROW_OF_CLIENTS, ids).await?;
    let fields = asked.of(fields);
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
    Ok((seen, asked))
}

/// More properties of a client.
async fn go_on(
    api: &Api,
    fields: &[Field],
    client: &str,
    first: usize,
    after: String,
    place: &mut Place,
) -> Result<(Vec<Row>, Option<String>, Asked), ConnectorError> {
    let mut first = first;
    let document = |fields, first, after| Document::properties_of(fields, client, first, after);
    let mut from = Some(after.as_str());
    let answer = cost::shrinking(api, &mut first, |first| document(fields, first, from)).await;
    let answer = match answer {
        // All of this client's begin anew.
        Err(error) if may_be_the_cursor(&error) => {
            place.refuse(error)?;
            from = None;
            api.read(&document(fields, first, from)).await
        }
        answer => answer,
    };
    let ids = || document(&[], first, from);
    let (reply, asked) = rows::or_ids(api, answer, ROW_OF_CLIENT, ids).await?;
    let (found, rest) = of_one(&reply, asked.of(fields))?;
    if rest.as_ref() == Some(&after) {
        return Err(ConnectorError::new(
            ErrorKind::Protocol,
            "jobber's cursor among a client's properties does not move; try again later",
        ));
    }
    Ok((found, rest, asked))
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
