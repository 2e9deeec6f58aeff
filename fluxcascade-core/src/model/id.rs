//! Newtypes for every string and number that means something, and the two sides of a mapping.
//!
//! Hashes that make ids live here too, so that an id is made the same way everywhere.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that cannot be the id it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} must have 1 to {limit} bytes and no control characters, this one has {found} bytes"
)]
pub struct IdError {
    what: &'static str,
    limit: usize,
    found: usize,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as this kind of id.
            ///
            /// # Errors
            /// If it is empty, longer than allowed, or has control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                if text.is_empty() || text.len() > $limit || text.chars().any(char::is_control) {
                    return Err(IdError { what: $what, limit: $limit, found: text.len() });
                }
                Ok(Self(Arc::from(text)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdError;
            fn try_from(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_id!(
    /// Whose data it is; the first part of every store key. `default` where a host has one tenant.
    TenantId, "a tenant id", 128
);
text_id!(
    /// What a system calls itself: `hubspot`, `jobber`.
    SystemName, "a system name", 64
);
text_id!(
    /// The host's name for a connector with one account's credentials.
    ConnectionName, "a connection name", 128
);
text_id!(
    /// A kind of record in a system: `contacts`, `clients`.
    ObjectType, "an object type", 128
);
text_id!(
    /// A field as its connector names it; opaque to the engine: `firstname`, `emails.primary`.
    FieldName, "a field name", 255
);
text_id!(
    /// A record's id within its system and object type: opaque, made canonical by the connector.
    RecordId, "a record id", 255
);
text_id!(
    /// The host's name for a mapping.
    MappingName, "a mapping name", 128
);
text_id!(
    /// What a process that syncs calls itself: no two that share a store have the same.
    WorkerName, "a worker name", 128
);
text_id!(
    /// Names a pair: given by the host, else made of its fields; never a position.
    PairId, "a pair id", 128
);

impl Default for TenantId {
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

/// A mapping of a tenant: what a lease is taken on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MappingKey {
    /// Whose mapping it is.
    pub tenant: TenantId,
    /// Its name.
    pub mapping: MappingName,
}

impl MappingKey {
    /// A mapping of the tenant `default`.
    pub fn of(mapping: MappingName) -> Self {
        Self { tenant: TenantId::default(), mapping }
    }
}

impl fmt::Display for MappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.mapping)
    }
}

/// One end of a mapping: an object type at a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The connection, as the engine's host names it.
    pub connection: ConnectionName,
    /// The object type, as the system names it.
    pub object: ObjectType,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.connection, self.object)
    }
}

/// One of a mapping's two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The endpoint named first.
    Source,
    /// The endpoint named second.
    Target,
}

impl Side {
    /// Both sides, source first.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Target];

    /// The opposite side.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Source => Side::Target,
            Side::Target => Side::Source,
        }
    }

    /// 0 for the source, 1 for the target: how stores write it.
    pub fn number(self) -> u8 {
        match self {
            Side::Source => 0,
            Side::Target => 1,
        }
    }

    /// The side that [`Side::number`] gave the number of.
    pub fn from_number(number: u8) -> Option<Side> {
        match number {
            0 => Some(Side::Source),
            1 => Some(Side::Target),
            _ => None,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}

/// One thing per side, indexed by [`Side`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Sides<T> {
    /// The source's.
    pub source: T,
    /// The target's.
    pub target: T,
}

impl<T> Sides<T> {
    /// Pairs up what belongs to the source and what belongs to the target.
    pub fn new(source: T, target: T) -> Self {
        Self { source, target }
    }

    /// Makes one thing for each side.
    pub fn from_fn(mut make: impl FnMut(Side) -> T) -> Self {
        Self { source: make(Side::Source), target: make(Side::Target) }
    }

    /// Both things by reference.
    pub fn as_ref(&self) -> Sides<&T> {
        Sides { source: &self.source, target: &self.target }
    }

    /// Turns each thing into another.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Sides<U> {
        Sides { source: f(self.source), target: f(self.target) }
    }

    /// Each side with its thing, source first.
    pub fn iter(&self) -> impl Iterator<Item = (Side, &T)> {
        [(Side::Source, &self.source), (Side::Target, &self.target)].into_iter()
    }
}

impl<T> Index<Side> for Sides<T> {
    type Output = T;
    fn index(&self, side: Side) -> &T {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

impl<T> IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }
}

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Hashes the parts that identify it. Each part is framed, so that no two lists of
            /// parts read alike.
            pub fn of(parts: &[&[u8]]) -> Self {
                Self(hash16(stringify!($name), parts))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self)
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                from_hex(text).map(Self).ok_or(IdError {
                    what: "an id of 32 hexadecimal digits",
                    limit: 32,
                    found: text.len(),
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hash_id!(
    /// A link's id: a hash of tenant, mapping, the record it began with and the run that made it.
    LinkId
);
hash_id!(
    /// An operation's id: a hash of tenant, mapping, the record written or the origin of a create,
    /// and the run that decided it.
    OperationId
);
hash_id!(
    /// A conflict row's id: a hash of the link, the pair and both values, so that one overlapping
    /// pair of edits has one row however often it is met.
    ConflictId
);
hash_id!(
    /// A fingerprint of values or of a match key; equal values have equal fingerprints.
    Fingerprint
);

impl Fingerprint {
    /// The number of a mapping's revision that is tried and not stored: no stored revision has it.
    pub(crate) fn tried(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) | 1 << 31
    }
}

fn hash16(domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain.as_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    first16(&hasher.finalize())
}

pub(crate) fn first16(hash: &blake3::Hash) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&hash.as_bytes()[..16]);
    out
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut out = [0; 16];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

/// The how-manieth run of a mapping: counted by its store, from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RunNumber(pub u64);

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_refused_when_it_is_empty_long_or_has_control_characters() {
        assert!(RecordId::new("").is_err());
        assert!(RecordId::new("x".repeat(256)).is_err());
        assert!(RecordId::new("a\nb").is_err());
        assert_eq!(RecordId::new("x".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn parts_of_a_hash_are_framed() {
        assert_ne!(LinkId::of(&[b"ab", b"c"]), LinkId::of(&[b"a", b"bc"]));
        let id = LinkId::of(&[b"x"]);
        assert_eq!(id.to_string().parse::<LinkId>().unwrap(), id);
    }
}
