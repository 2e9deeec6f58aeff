//! Rows that an answer does not have for what failed, or is hidden, below one of them. Jobber's lists and
//! the references in them are never null: where one has to be, the row is null for it, or the whole
//! answer. Such a page is asked for once more with its ids alone, and then read by id, so that what
//! is wrong with one record is that record's own affair.

use fluxcascade_core::connector::ConnectorError;
use fluxcascade_core::model::{Observation, Provenance, RecordId, State};
use serde_json::Value as Json;

use super::client::{Api, Reply};
use super::convert::{Hidden, Seen};
use super::custom::Catalog;
use super::document::Document;
use super::error;
use super::fields::Field;
use super::object::Object;
use super::read;
use super::wire::Segment;

/// What was asked of a page's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// All that is wanted of them.
    Whole,
    /// What every record has.
    Ids,
}

impl Asked {
    /// Those of the fields that were asked for.
    pub(super) fn of(self, fields: &[Field]) -> &[Field] {
        match self {
            Asked::Whole => fields,
            Asked::Ids => &[],
        }
    }
}

/// The answer, or the one with ids alone in its place. A row is at the end of so many steps of a path.
pub(super) async fn or_ids(
    api: &Api,
    answer: Result<Reply, ConnectorError>,
    steps: usize,
    ids: impl FnOnce() -> Document,
) -> Result<(Reply, Asked), ConnectorError> {
    let is_torn = match &answer {
        Ok(reply) => lacks_rows(reply, steps),
        Err(error) => error::is_torn(error),
    };
    if is_torn { Ok((api.read(&ids()).await?, Asked::Ids)) } else { Ok((answer?, Asked::Whole)) }
}

/// Whether a row is null for what is below it.
fn lacks_rows(reply: &Reply, steps: usize) -> bool {
    let mut below = reply.errors.iter().filter(|error| error.path.len() > steps).peekable();
    let Some(data) = below.peek().and_then(|_| reply.data::<Json>().ok()) else { return false };
    below.any(|error| {
        let row = error.path.iter().take(steps).try_fold(&data, |of, step| match step {
            Segment::Index(n) => of.get(n),
            Segment::Key(key) => of.get(key),
        });
        row.is_none_or(Json::is_null)
    })
}

/// What is known of a page's records.
pub(super) async fn observed(
    api: &Api,
    catalog: &Catalog,
    object: Object,
    fields: &[Field],
    mut rows: Vec<(Seen, Hidden)>,
    asked: Asked,
) -> Result<Vec<Observation>, ConnectorError> {
    match asked {
        Asked::Whole => {
            read::settle(api, catalog, object, fields, &mut rows).await?;
            let observed = |(seen, _): (Seen, _)| seen.observation(Provenance::Listed);
            Ok(rows.into_iter().map(observed).collect())
        }
        Asked::Ids => {
            let ids: Vec<RecordId> = rows.into_iter().map(|(seen, _)| seen.id).collect();
            let mut read = read::fetch(api, catalog, object, fields, ids).await?;
            // What has gone since it was listed is not in a list that is read now.
            read.retain(|seen| seen.state != State::Missing);
            Ok(read)
        }
    }
}
