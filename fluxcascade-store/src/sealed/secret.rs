//! A tenant's secret, as bytes: what its fingerprints are made of, and, where the store was used before
//! it was sealed, the key of its match keys and how far sealing is.

use fluxcascade_core::model::MappingName;
use fluxcascade_core::store::{RowMark, StoreError, StoreErrorKind, Table};
use secrecy::zeroize::Zeroizing;

use super::rewrap::Rewrap;
use super::row::RowId;

/// How many bytes each part of it has.
pub(super) const SECRET: usize = 32;

/// A tenant's secret.
pub(super) struct Secret {
    /// What fingerprints are made of.
    pub(super) bytes: Zeroizing<[u8; SECRET]>,
    pub(super) origin: Origin,
}

/// How the tenant's store came to be sealed.
pub(super) enum Origin {
    /// From its first day on.
    Sealed,
    /// Later: match keys are made with the key that they were made with before.
    Adopted { match_keys: Zeroizing<[u8; SECRET]>, progress: Progress },
}

/// How far the sealing of what was there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Rows from here on are still to be sealed.
    At(Rewrap),
    /// All rows are sealed; what they were is still to be overwritten.
    Sealed,
    /// All is done.
    Done,
}

impl Secret {
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(self.bytes.to_vec());
        let Origin::Adopted { match_keys, progress } = &self.origin else { return out };
        out.extend_from_slice(match_keys.as_slice());
        match progress {
            Progress::Done => out.push(0),
            Progress::Sealed => out.push(1),
            Progress::At(Rewrap { mapping, table, after }) => {
                let name = mapping.as_str().as_bytes();
                let place = Table::ALL.iter().position(|other| other == table).unwrap_or_default();
                out.push(2);
                out.extend([place, name.len()].map(|n| u8::try_from(n).unwrap_or(u8::MAX)));
                out.extend_from_slice(name);
                if let Some(RowMark(mark)) = after {
                    out.push(1);
                    out.extend_from_slice(mark);
                }
            }
        }
        out
    }

    pub(super) fn read(row: &RowId, stored: &[u8]) -> Result<Self, StoreError> {
        parse(stored).ok_or_else(|| {
            let message = format!("{row} cannot be read: restore the store from a backup");
            StoreError::new(StoreErrorKind::Damaged, message)
        })
    }
}

fn parse(stored: &[u8]) -> Option<Secret> {
    let (bytes, rest) = stored.split_first_chunk::<SECRET>()?;
    let bytes = Zeroizing::new(*bytes);
    if rest.is_empty() {
        return Some(Secret { bytes, origin: Origin::Sealed });
    }
    let (match_keys, rest) = rest.split_first_chunk::<SECRET>()?;
    let (kind, rest) = rest.split_first()?;
    let progress = match kind {
        0 => Progress::Done,
        1 => Progress::Sealed,
        2 => Progress::At(place(rest)?),
        3.. => return None,
    };
    let match_keys = Zeroizing::new(*match_keys);
    Some(Secret { bytes, origin: Origin::Adopted { match_keys, progress } })
}

fn place(bytes: &[u8]) -> Option<Rewrap> {
    let ([table, length], rest) = bytes.split_first_chunk::<2>()?;
    let (name, mark) = rest.split_at_checked(usize::from(*length))?;
    Some(Rewrap {
        mapping: MappingName::new(std::str::from_utf8(name).ok()?).ok()?,
        table: *Table::ALL.get(usize::from(*table))?,
        after: mark.split_first().map(|(_, mark)| RowMark(mark.to_vec())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_as_it_was_written() {
        let mapping = MappingName::new("contacts").unwrap();
        let at = |table, after| Progress::At(Rewrap { mapping: mapping.clone(), table, after });
        let progress = [
            Progress::Done,
            Progress::Sealed,
            at(Table::Inbox, None),
            at(Table::Runs, Some(RowMark(vec![0, 1, 2]))),
            at(Table::Log, Some(RowMark(Vec::new()))),
        ];
        for progress in progress {
            let origin = Origin::Adopted { match_keys: Zeroizing::new([2; 32]), progress };
            let secret = Secret { bytes: Zeroizing::new([1; 32]), origin };
            let read = parse(&secret.to_bytes()).unwrap();
            assert_eq!(read.to_bytes(), secret.to_bytes());
            let (Origin::Adopted { progress, .. }, Origin::Adopted { progress: now, .. }) =
                (&secret.origin, &read.origin)
            else {
                panic!("it was adopted");
            };
            assert_eq!(progress, now);
        }
        let secret = Secret { bytes: Zeroizing::new([1; 32]), origin: Origin::Sealed };
        assert_eq!(secret.to_bytes().len(), SECRET);
        assert!(matches!(parse(&secret.to_bytes()).unwrap().origin, Origin::Sealed));
        assert!(
            parse(&[1; 31]).is_none() && parse(&[1; 40]).is_none() && parse(&[9; 65]).is_none()
        );
    }
}
