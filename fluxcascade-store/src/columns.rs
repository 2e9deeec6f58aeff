//! Nouns as the columns of a database have them, alike in each: what was stored under a number is
//! read by it for ever, so that a number is never given anew.
//!
//! What is stored as bytes is the codec's, and statements are each backend's own.

use fluxcascade_core::model::{Ending, HoldKey, LinkStatus, RecordId, Side};
use fluxcascade_core::store::{StoreError, StoreErrorKind};

/// The error for something stored that is not what it must be.
pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Damaged,
        format!("the stored {what} is damaged: restore the store from a backup"),
    )
}

/// A count: the integers of databases are signed.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A limit.
pub(crate) fn size(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that cannot be negative.
pub(crate) fn natural(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged("number"))
}

/// A record's id from its text.
pub(crate) fn record_id(text: &str) -> Result<RecordId, StoreError> {
    RecordId::new(text).map_err(|_| damaged("record id"))
}

pub(crate) fn side_number(side: Side) -> i16 {
    i16::from(side.number())
}

pub(crate) fn side(number: i16) -> Result<Side, StoreError> {
    let side = u8::try_from(number).ok().and_then(Side::from_number);
    side.ok_or_else(|| damaged("side"))
}

pub(crate) fn status_number(status: LinkStatus) -> i16 {
    match status {
        LinkStatus::Active => 0,
        LinkStatus::Suspended => 1,
        LinkStatus::Tombstone => 2,
    }
}

pub(crate) fn status(number: i16) -> Result<LinkStatus, StoreError> {
    match number {
        0 => Ok(LinkStatus::Active),
        1 => Ok(LinkStatus::Suspended),
        2 => Ok(LinkStatus::Tombstone),
        _ => Err(damaged("link status")),
    }
}

pub(crate) fn ending_number(ending: Ending) -> i16 {
    match ending {
        Ending::Deleted(Side::Source) => 0,
        Ending::Deleted(Side::Target) => 1,
        Ending::TwinRemoved(Side::Source) => 2,
        Ending::TwinRemoved(Side::Target) => 3,
        Ending::BothDeleted => 4,
        Ending::Unlinked => 5,
        Ending::Remade(Side::Source) => 6,
        Ending::Remade(Side::Target) => 7,
        Ending::Excluded(Side::Source) => 8,
        Ending::Excluded(Side::Target) => 9,
    }
}

pub(crate) fn ending(number: i16) -> Result<Ending, StoreError> {
    match number {
        0 => Ok(Ending::Deleted(Side::Source)),
        1 => Ok(Ending::Deleted(Side::Target)),
        2 => Ok(Ending::TwinRemoved(Side::Source)),
        3 => Ok(Ending::TwinRemoved(Side::Target)),
        4 => Ok(Ending::BothDeleted),
        5 => Ok(Ending::Unlinked),
        6 => Ok(Ending::Remade(Side::Source)),
        7 => Ok(Ending::Remade(Side::Target)),
        8 => Ok(Ending::Excluded(Side::Source)),
        9 => Ok(Ending::Excluded(Side::Target)),
        _ => Err(damaged("ending of a link")),
    }
}

/// A hold's key as columns, which sort as the keys do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldPlace<'a> {
    pub(crate) kind: i16,
    pub(crate) on_link: &'a [u8],
    pub(crate) side: i16,
    pub(crate) name: &'a str,
}

impl<'a> HoldPlace<'a> {
    pub(crate) fn of(key: &'a HoldKey) -> Self {
        match key {
            HoldKey::Pair(link, pair) => {
                Self { kind: 0, on_link: &link.0, side: 0, name: pair.as_str() }
            }
            HoldKey::Link(link) => Self { kind: 1, on_link: &link.0, side: 0, name: "" },
            HoldKey::Record(side, record) => {
                Self { kind: 2, on_link: &[], side: side_number(*side), name: record.as_str() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that files and databases hold: a change of any is a change of what they say.
    #[test]
    fn what_was_stored_under_a_number_is_read_by_it() {
        let statuses = [LinkStatus::Active, LinkStatus::Suspended, LinkStatus::Tombstone];
        assert_eq!(statuses.map(status_number), [0, 1, 2]);
        assert_eq!([0, 1, 2].map(|number| status(number).unwrap()), statuses);
        let both = |ending: fn(Side) -> Ending| Side::BOTH.map(ending);
        let endings = [
            both(Ending::Deleted).to_vec(),
            both(Ending::TwinRemoved).to_vec(),
            vec![Ending::BothDeleted, Ending::Unlinked],
            both(Ending::Remade).to_vec(),
            both(Ending::Excluded).to_vec(),
        ]
        .concat();
        for (number, ending_of) in (0..).zip(endings) {
            assert_eq!(ending_number(ending_of), number);
            assert_eq!(ending(number).unwrap(), ending_of);
        }
        assert_eq!(Side::BOTH.map(side_number), [0, 1]);
    }

    #[test]
    fn a_number_that_nothing_is_stored_under_is_damage() {
        for error in [status(3).unwrap_err(), ending(10).unwrap_err(), side(2).unwrap_err()] {
            assert_eq!(error.kind, StoreErrorKind::Damaged);
        }
        assert!(status(-1).is_err() && ending(-1).is_err() && side(-1).is_err());
        assert!(natural(-1).is_err());
    }
}
