//! Connections: which rows are on a page, in what order, and the cursors between pages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fluxcascade_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::client::JobberClient;
use super::input::{ClientFilterAttributes, ClientsSortInput, ClientsSortKey, SortDirectionEnum};

/// The size of a page if none is asked for, and the largest.
pub(super) const PAGE: usize = 100;
/// The longest cursor that is read, in bytes.
const CURSOR_LIMIT: usize = 4096;

/// What a connection's rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    by: By,
    descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum By {
    Id,
    FirstName,
    LastName,
    PrimaryName,
    UpdatedAt,
}

impl Order {
    /// As the rows were made.
    pub(super) const BY_ID: Order = Order { by: By::Id, descending: false };

    /// What was asked for; as the rows were made, if nothing was.
    pub(super) fn of(sort: Option<ClientsSortInput>) -> Self {
        let Some(sort) = sort else { return Self::BY_ID };
        let by = match sort.key {
            ClientsSortKey::FirstName => By::FirstName,
            ClientsSortKey::LastName => By::LastName,
            ClientsSortKey::PrimaryName => By::PrimaryName,
            ClientsSortKey::UpdatedAt => By::UpdatedAt,
        };
        Self { by, descending: sort.direction == SortDirectionEnum::Descending }
    }

    /// What changed last comes first.
    pub(super) const RECENT: Order = Order { by: By::UpdatedAt, descending: true };

    /// By the time that rows are placed at.
    pub(super) fn by_change(direction: SortDirectionEnum) -> Self {
        Self { by: By::UpdatedAt, descending: direction == SortDirectionEnum::Descending }
    }

    /// The place of a row with this time in this order.
    pub(super) fn timed(self, at: Timestamp, number: u64) -> Place {
        match self.by {
            By::UpdatedAt => Place::timed(at, number),
            By::Id | By::FirstName | By::LastName | By::PrimaryName => Place::made(number),
        }
    }

    /// The place of a client in this order.
    pub(super) fn place(self, number: u64, client: &JobberClient) -> Place {
        let key = match self.by {
            By::Id => Key::None,
            By::FirstName => Key::Text(client.first_name.to_lowercase()),
            By::LastName => Key::Text(client.last_name.to_lowercase()),
            By::PrimaryName => Key::Text(client.name().to_lowercase()),
            By::UpdatedAt => Key::Time(client.updated_at),
        };
        Place { key, number }
    }
}

/// Where a row stands: by the sort's key, and among equals by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    key: Key,
    number: u64,
}

impl Place {
    /// The place of a row that is ordered by a time.
    pub(super) fn timed(at: Timestamp, number: u64) -> Self {
        Self { key: Key::Time(at), number }
    }

    /// The place of a row that is ordered as it was made.
    pub(super) fn made(number: u64) -> Self {
        Self { key: Key::None, number }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    None,
    Time(Timestamp),
    Text(String),
}

/// What stands in a cursor, which is opaque, and which Jobber's documentation says nothing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursors {
    /// The row's place in the order: an edit while a list is read moves the edited row alone.
    #[default]
    Places,
    /// How many rows were before, as GraphQL servers over a database often have it: a row that leaves
    /// what was read moves all that come after it one up, and the next page begins one row late.
    Positions,
}

/// Which part of the rows is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    pub(super) cursors: Cursors,
    pub(super) first: Option<i32>,
    pub(super) last: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) before: Option<String>,
}

/// A page of rows, each with its cursor.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<(String, T)>,
    pub(super) has_previous: bool,
    pub(super) has_next: bool,
    pub(super) total: usize,
}

/// Cuts a page out of the rows, which come in any order.
///
/// # Errors
/// If a size is negative, or a cursor is not of this order.
pub(super) fn page<T>(
    rows: impl Iterator<Item = (Place, T)>,
    order: Order,
    window: &Window,
) -> Result<Page<T>, String> {
    if window.cursors == Cursors::Positions {
        return counted(rows, order, window);
    }
    let after = window.after.as_deref().map(|cursor| decode(cursor, order)).transpose()?;
    let before = window.before.as_deref().map(|cursor| decode(cursor, order)).transpose()?;
    let size = size(window)?;
    let from_end = window.first.is_none() && window.last.is_some();

    let towards = |a: &Place, b: &Place| if order.descending { b.cmp(a) } else { a.cmp(b) };
    let (mut total, mut skipped, mut beyond) = (0, 0, 0);
    let mut kept = Vec::new();
    for (place, row) in rows {
        total += 1;
        if after.as_ref().is_some_and(|bound| towards(&place, bound).is_le()) {
            skipped += 1;
        } else if before.as_ref().is_some_and(|bound| towards(&place, bound).is_ge()) {
            beyond += 1;
        } else {
            kept.push((place, row));
        }
    }
    let cut = kept.len() > size;
    let first_wanted = if from_end { kept.len().saturating_sub(size) } else { 0 };
    // Only the page is sorted: a walk over all pages reads each row once a page, and no more.
    if first_wanted > 0 {
        kept.select_nth_unstable_by(first_wanted, |a, b| towards(&a.0, &b.0));
        kept.drain(..first_wanted);
    } else if cut {
        if size > 0 {
            kept.select_nth_unstable_by(size - 1, |a, b| towards(&a.0, &b.0));
        }
        kept.truncate(size);
    }
    kept.sort_unstable_by(|a, b| towards(&a.0, &b.0));
    Ok(Page {
        has_previous: skipped > 0 || (cut && from_end),
        has_next: beyond > 0 || (cut && !from_end),
        rows: kept.into_iter().map(|(place, row)| (encode(&place, order), row)).collect(),
        total,
    })
}

/// The same where a cursor says how many rows are before it.
fn counted<T>(
    rows: impl Iterator<Item = (Place, T)>,
    order: Order,
    window: &Window,
) -> Result<Page<T>, String> {
    let number = |cursor: &str| -> Result<usize, String> {
        let number = BASE64.decode(cursor).ok().and_then(|text| String::from_utf8(text).ok());
        let number = number.and_then(|text| text.parse().ok());
        number.ok_or_else(|| "Invalid cursor".to_owned())
    };
    let mut rows: Vec<(Place, T)> = rows.collect();
    let total = rows.len();
    let before = window.before.as_deref().map(number).transpose()?;
    let after = window.after.as_deref().map(number).transpose()?;
    let mut end = before.map_or(total, |before| before.saturating_sub(1).min(total));
    let mut start = after.unwrap_or(0).min(end);
    let size = size(window)?;
    if window.first.is_none() && window.last.is_some() {
        start = start.max(end.saturating_sub(size));
    } else {
        end = end.min(start + size);
    }
    rows.sort_unstable_by(|a, b| if order.descending { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) });
    let numbered = rows.into_iter().enumerate().skip(start).take(end - start);
    let cursor = |before: usize| BASE64.encode((before + 1).to_string());
    Ok(Page {
        rows: numbered.map(|(before, (_, row))| (cursor(before), row)).collect(),
        has_previous: start > 0,
        has_next: end < total,
        total,
    })
}

fn size(window: &Window) -> Result<usize, String> {
    let Some(asked) = window.first.or(window.last) else { return Ok(PAGE) };
    let size = usize::try_from(asked).map_err(|_| "a page can not have a negative size")?;
    Ok(size.min(PAGE))
}

fn encode(place: &Place, order: Order) -> String {
    BASE64.encode(serde_json::to_string(&(order, place)).unwrap_or_default())
}

fn decode(cursor: &str, order: Order) -> Result<Place, String> {
    let place = (cursor.len() <= CURSOR_LIMIT)
        .then(|| BASE64.decode(cursor).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice::<(Order, Place)>(&json).ok())
        .and_then(|(made_for, place)| (made_for == order).then_some(place));
    place.ok_or_else(|| "Invalid cursor".to_owned())
}

/// Whether a client passes the filter. What is not asked is not looked at: archived clients pass.
pub(super) fn passes(filter: &ClientFilterAttributes, client: &JobberClient) -> bool {
    let is = |asked: Option<bool>, has: bool| asked.is_none_or(|asked| asked == has);
    is(filter.is_archived, client.is_archived)
        && is(filter.is_company, client.is_company)
        && is(filter.is_lead, client.is_lead)
        && filter.created_at.as_ref().is_none_or(|range| range.holds(client.created_at))
        && filter.updated_at.as_ref().is_none_or(|range| range.holds(client.updated_at))
        && filter.tags.as_ref().is_none_or(|any| any.iter().any(|tag| client.tags.contains(tag)))
}

#[cfg(test)]
mod tests;
