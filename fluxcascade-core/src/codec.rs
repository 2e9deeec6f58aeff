//! How what is stored as one blob is written: a format byte, then the compact binary of serde.
//!
//! Every blob begins with its format, so that a later version can read what an earlier one wrote.
//! How earlier formats looked is in `format1`, `format3` and `format4`.

mod format1;
mod format3;
mod format4;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{Base, Fingerprint, Slot, Value, Version, Written};

/// The format that this version writes.
pub const FORMAT: u8 = 5;

/// A noun that is stored as one blob, and how the blobs of earlier formats are read.
pub trait Stored: Serialize + DeserializeOwned {
    /// What the first format had in its place.
    #[doc(hidden)]
    type Format1: DeserializeOwned + Into<Self>;
    /// What the second and the third format had in its place.
    #[doc(hidden)]
    type Format3: DeserializeOwned + Into<Self>;
    /// What the fourth format had in its place.
    #[doc(hidden)]
    type Format4: DeserializeOwned + Into<Self>;
}

/// A stored blob that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// It was written by a later version.
    #[error(
        "the stored {what} has format {found}, this version reads up to {FORMAT}: use the version that wrote it, or a newer one"
    )]
    Newer {
        /// What was read.
        what: &'static str,
        /// Its format byte.
        found: u8,
    },
    /// Its bytes are damaged.
    #[error("the stored {what} is damaged ({detail}): restore the store from a backup")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// What the reader found.
        detail: String,
    },
}

/// What most blobs fit into, so that they are written without being moved.
const USUAL: usize = 256;

/// Writes anything that is stored as one blob.
pub fn encode<T: Serialize>(item: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL);
    bytes.push(FORMAT);
    // Model types have neither maps of unknown length nor failing serialisers.
    postcard::to_extend(item, bytes).unwrap_or_default()
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// If the blob is of a later format, or damaged.
pub fn decode<T: Stored>(what: &'static str, bytes: &[u8]) -> Result<T, CodecError> {
    let damaged = |detail: String| CodecError::Damaged { what, detail };
    match bytes.split_first() {
        Some((&FORMAT, rest)) => read::<T, T>(rest).map_err(damaged),
        Some((4, rest)) => read::<T::Format4, T>(rest).map_err(damaged),
        // The second format had all of the third but values of which the fingerprint alone is kept.
        Some((2 | 3, rest)) => read::<T::Format3, T>(rest).map_err(damaged),
        Some((1, rest)) => read::<T::Format1, T>(rest).map_err(damaged),
        Some((&found, _)) if found > FORMAT => Err(CodecError::Newer { what, found }),
        _ => Err(damaged("no format byte".into())),
    }
}

/// Reads what a format had in the place of a noun.
fn read<F: DeserializeOwned + Into<T>, T>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes::<F>(bytes).map(Into::into).map_err(|error| error.to_string())
}

/// A base as it is stored: presence bits, then the values that are there.
#[derive(Serialize, Deserialize)]
struct StoredBase {
    revision: u32,
    positions: u32,
    presence: Vec<u8>,
    values: Vec<Value>,
    fingerprint: Option<Fingerprint>,
    version: Version,
    written: Vec<Written>,
    retransformed: Vec<u32>,
}

/// The same, written from where it stands.
#[derive(Serialize)]
struct BaseToStore<'a> {
    revision: u32,
    positions: u32,
    presence: &'a [u8],
    values: Vec<&'a Value>,
    fingerprint: Option<Fingerprint>,
    version: &'a Version,
    written: &'a [Written],
    retransformed: &'a [u32],
}

/// Writes a base.
pub fn encode_base(base: &Base) -> Vec<u8> {
    let mut presence = vec![0_u8; base.slots.len().div_ceil(8)];
    for (i, slot) in base.slots.iter().enumerate() {
        if !slot.is_absent() {
            presence[i / 8] |= 1 << (i % 8);
        }
    }
    encode(&BaseToStore {
        revision: base.revision,
        positions: u32::try_from(base.slots.len()).unwrap_or(u32::MAX),
        presence: &presence,
        values: base.slots.iter().filter_map(Slot::value).collect(),
        fingerprint: base.fingerprint,
        version: &base.version,
        written: &base.written,
        retransformed: &base.retransformed,
    })
}

/// Reads what [`encode_base`] wrote.
///
/// # Errors
/// If the blob is of a later format, or damaged.
pub fn decode_base(bytes: &[u8]) -> Result<Base, CodecError> {
    let stored: StoredBase = decode("base", bytes)?;
    let mut values = stored.values.into_iter();
    let positions = stored.positions as usize;
    if stored.presence.len() != positions.div_ceil(8) {
        return Err(CodecError::Damaged { what: "base", detail: "presence bits".into() });
    }
    let slots = (0..positions)
        .map(|i| match stored.presence[i / 8] & (1 << (i % 8)) {
            0 => Ok(Slot::Absent),
            _ => values.next().map(Slot::Present).ok_or(CodecError::Damaged {
                what: "base",
                detail: "fewer values than presence bits".into(),
            }),
        })
        .collect::<Result<_, _>>()?;
    Ok(Base {
        revision: stored.revision,
        slots,
        fingerprint: stored.fingerprint,
        version: stored.version,
        written: stored.written,
        retransformed: stored.retransformed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ConflictId, Hold, HoldKey, HoldReason, LinkId, RecordId, Side, Sides, Timestamp,
    };
    use std::time::Duration;

    #[test]
    fn a_base_is_read_as_it_was_written() {
        let mut base = Base::empty(3, 10);
        base.slots[0] = Value::from("Ann").into();
        base.slots[9] = Value::Decimal("1.50".parse().unwrap()).into();
        base.version = Version::modified(Timestamp::from_millis(5), Duration::from_millis(1));
        base.fingerprint = Some(Fingerprint([7; 16]));
        base.retransformed = vec![9];
        let bytes = encode_base(&base);
        assert_eq!(decode_base(&bytes).unwrap(), base);
        assert!(bytes.len() < 80, "{} bytes", bytes.len());
    }

    #[test]
    fn a_base_of_kept_values_is_read_as_are_those_of_the_formats_before() {
        let mut base = Base::empty(3, 2);
        base.slots[1] = Value::from("Ann").into();
        let mut bytes = encode_base(&base);
        assert_eq!(bytes[0], FORMAT);
        assert_eq!(bytes.pop(), Some(0), "of no pair the transform was changed");
        for before in [2, 3, 4] {
            bytes[0] = before;
            assert_eq!(decode_base(&bytes).unwrap(), base);
        }
        base.slots[0] = Value::Kept(Fingerprint([7; 16])).into();
        assert_eq!(decode_base(&encode_base(&base)).unwrap(), base);
    }

    #[test]
    fn a_later_format_and_damage_are_told_apart() {
        let mut bytes = encode_base(&Base::empty(1, 1));
        assert!(matches!(decode_base(&bytes[..3]), Err(CodecError::Damaged { .. })));
        bytes[0] = FORMAT + 1;
        assert!(matches!(decode_base(&bytes), Err(CodecError::Newer { .. })));
    }

    #[test]
    fn holds_of_the_first_format_keep_their_reasons_and_one_for_what_is_gone_looks_again() {
        let read = |reason: u32| {
            let old = (
                HoldKey::Link(LinkId([1; 16])),
                reason,
                "why",
                Vec::<(Side, RecordId)>::new(),
                None::<ConflictId>,
                Sides::<Option<Fingerprint>>::default(),
                2_u32,
                None::<Timestamp>,
                Timestamp::from_secs(5),
            );
            decode::<Hold>("hold", &postcard::to_extend(&old, vec![1]).unwrap())
        };
        let first = [
            HoldReason::Conflict,
            HoldReason::Reference,
            HoldReason::Rejected,
            HoldReason::Oscillating,
            HoldReason::Schema,
            HoldReason::Unsettled,
            HoldReason::Ambiguous,
            HoldReason::UnknownOutcome,
            HoldReason::Unreadable,
            HoldReason::Missing,
            HoldReason::Invalid,
            HoldReason::Guard,
            HoldReason::Missing,
        ];
        for (number, reason) in (0..).zip(first) {
            let hold = read(number).unwrap();
            assert_eq!((hold.reason, hold.attempts, &*hold.detail), (reason, 2, "why"));
        }
        assert!(matches!(read(13), Err(CodecError::Damaged { .. })));
    }
}
