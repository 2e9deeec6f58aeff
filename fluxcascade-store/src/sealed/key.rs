//! Sealing keys, and the ring of those that a host has at hand. No key is ever shown.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305};
use secrecy::zeroize::{Zeroize, Zeroizing};

/// The name of a sealing key: it stands beside everything that was sealed with it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The most bytes that an id has.
    pub const MOST_BYTES: usize = 32;

    /// Takes a text as the id of a key.
    ///
    /// # Errors
    /// If it is empty, longer than [`KeyId::MOST_BYTES`], or has other characters than ASCII
    /// letters, digits, `-`, `_` and `.`.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if text.is_empty() || text.len() > Self::MOST_BYTES || !text.bytes().all(plain) {
            return Err(KeyError::Id);
        }
        Ok(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The id is not one.
    #[error(
        "a key's id has 1 to {} ASCII letters, digits, dashes, dots or underscores: give it another",
        KeyId::MOST_BYTES
    )]
    Id,
    /// The text is no key.
    #[error(
        "the sealing key {0} is not the base64 of 32 bytes: draw one with openssl rand -base64 32"
    )]
    Text(KeyId),
    /// Two keys of a ring have one id.
    #[error("two sealing keys have the id {0}: each key has an id of its own, for ever")]
    Twice(KeyId),
}

/// A key of 32 bytes that were drawn at random, and its id. It is wiped from memory when it is
/// dropped.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    cipher: XChaCha20Poly1305,
    mark: [u8; 4],
}

impl SealingKey {
    /// A key of these bytes.
    ///
    /// # Errors
    /// If the id is not one.
    pub fn new(id: &str, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let id = KeyId::new(id)?;
        let mut key = Key::from(*bytes);
        let cipher = XChaCha20Poly1305::new(&key);
        key.zeroize();
        let mut hash = blake3::derive_key("fluxcascade sealed 1: the mark of a key", bytes);
        let mut mark = [0; 4];
        mark.copy_from_slice(&hash[..4]);
        hash.zeroize();
        Ok(Self { id, cipher, mark })
    }

    /// A key as `openssl rand -base64 32` draws one; white space around it does not count.
    ///
    /// # Errors
    /// If the id is not one, or the text not the base64 of 32 bytes.
    pub fn from_base64(id: &str, text: &str) -> Result<Self, KeyError> {
        let named = KeyId::new(id)?;
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).unwrap_or_default();
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return Err(KeyError::Text(named));
        }
        key.copy_from_slice(&bytes);
        Self::new(id, &key)
    }

    /// Its id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn cipher(&self) -> &XChaCha20Poly1305 {
        &self.cipher
    }

    /// Tells a key from another one of its id, and nothing else about it.
    pub(super) fn mark(&self) -> [u8; 4] {
        self.mark
    }
}

/// Never shows the key.
impl Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys at hand: one seals and opens, the others only open what was sealed with them before.
///
/// To rotate, draw a key, make it the current one, keep the one before as an older one, and call
/// [`rewrap`](super::Sealed::rewrap) until it says that it is done. Then the older one can go.
///
/// Where several processes share the store, give them all the new key as an older one first
/// ([`with_older`](Keyring::with_older)), and make it the current one after that: a process without it
/// is refused what the others have sealed with it.
///
/// ```
/// use fluxcascade_store::sealed::{Keyring, SealingKey};
///
/// let before = SealingKey::new("2026-03", &[1; 32])?;
/// let now = SealingKey::new("2026-11", &[2; 32])?;
/// let ring = Keyring::new(now).with_older(before)?;
///
/// assert_eq!(ring.current().as_str(), "2026-11");
/// // No key is shown.
/// assert!(!format!("{ring:?}").contains("1, 1"));
/// # Ok::<(), fluxcascade_store::sealed::KeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Keyring {
    current: SealingKey,
    older: BTreeMap<KeyId, SealingKey>,
}

impl Keyring {
    /// A ring of one key, with which everything is sealed.
    pub fn new(current: SealingKey) -> Self {
        Self { current, older: BTreeMap::new() }
    }

    /// The same ring with a key that opens what was sealed with it before.
    ///
    /// # Errors
    /// If the ring has another key of this id.
    pub fn with_older(mut self, key: SealingKey) -> Result<Self, KeyError> {
        if self.key(key.id.as_str()).is_some() {
            return Err(KeyError::Twice(key.id));
        }
        self.older.insert(key.id.clone(), key);
        Ok(self)
    }

    /// The id of the key with which everything is sealed.
    pub fn current(&self) -> &KeyId {
        &self.current.id
    }

    pub(super) fn sealing(&self) -> &SealingKey {
        &self.current
    }

    pub(super) fn key(&self, id: &str) -> Option<&SealingKey> {
        if self.current.id.as_str() == id {
            return Some(&self.current);
        }
        self.older.values().find(|key| key.id.as_str() == id)
    }
}
