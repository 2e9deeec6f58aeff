//! What is sealed, as bytes: a magic word and a format, the key's id and mark, the nonce, and the
//! ciphertext with its tag. The row's identity and the key's id are its associated data.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use fluxcascade_core::store::{StoreError, StoreErrorKind};
use secrecy::zeroize::Zeroizing;

use super::key::{KeyId, Keyring, SealingKey};
use super::row::RowId;

/// Begins everything that is sealed: three letters and the format.
const HEAD: [u8; 4] = *b"FLX\x01";

/// How that reads in base64, up to where what follows has a part in it.
const HEAD_TEXT: &str = "RkxYA";

const NONCE: usize = 24;

/// Why something that is stored cannot be opened. It says which row and which key, and nothing of
/// what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key is not in the ring.
    #[error(
        "{row} is sealed with the key {key}, which is not in the keyring: give that key as an older one"
    )]
    KeyLost {
        /// Which row.
        row: String,
        /// The id that stands beside it.
        key: KeyId,
    },
    /// The ring's key of that id is not the one that it was sealed with.
    #[error(
        "{row} is sealed with another key than the keyring has as {key}: give the key that had this id first"
    )]
    KeyWrong {
        /// Which row.
        row: String,
        /// The id that stands beside it.
        key: KeyId,
    },
    /// Its bytes were changed, or are those of another row.
    #[error(
        "{row}, sealed with the key {key}, was changed or moved by something else: restore the store from a backup"
    )]
    Tampered {
        /// Which row.
        row: String,
        /// The id that stands beside it.
        key: KeyId,
    },
    /// It stands in the clear.
    #[error(
        "{row} is not sealed: something wrote to the store without its sealing layer; open the store with the layer from its first day on, or seal what it has with Sealed::adopt"
    )]
    NotSealed {
        /// Which row.
        row: String,
    },
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        let kind = match &error {
            OpenError::KeyLost { .. } | OpenError::KeyWrong { .. } => StoreErrorKind::Locked,
            OpenError::Tampered { .. } | OpenError::NotSealed { .. } => StoreErrorKind::Damaged,
        };
        StoreError::new(kind, error.to_string())
    }
}

/// Seals bytes for a row with the ring's current key.
pub(super) fn seal(ring: &Keyring, row: &RowId, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let key = ring.sealing();
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|error| {
        StoreError::failed(format_args!(
            "no randomness to seal with ({error}): check the system's random source"
        ))
    })?;
    let associated = row.associated(key.id());
    let payload = Payload { msg: bytes, aad: &associated };
    let sealed = key
        .cipher()
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| StoreError::failed(format_args!("{row} is too large to be sealed")))?;
    let id = key.id().as_str().as_bytes();
    let mut out = Vec::with_capacity(HEAD.len() + 5 + id.len() + NONCE + sealed.len());
    out.extend_from_slice(&HEAD);
    // An id has at most 32 bytes.
    out.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(id);
    out.extend_from_slice(&key.mark());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The parts of what [`seal`] made.
struct Parts<'a> {
    key: &'a str,
    mark: &'a [u8],
    nonce: [u8; NONCE],
    sealed: &'a [u8],
}

fn parts(bytes: &[u8]) -> Option<Parts<'_>> {
    let rest = bytes.strip_prefix(&HEAD)?;
    let (length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    let (mark, rest) = rest.split_at_checked(4)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE)?;
    Some(Parts { key: std::str::from_utf8(id).ok()?, mark, nonce: nonce.try_into().ok()?, sealed })
}

/// Opens what [`seal`] made for the same row.
pub(super) fn open(
    ring: &Keyring,
    row: &RowId,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let not_sealed = || OpenError::NotSealed { row: row.to_string() };
    let parts = parts(bytes).ok_or_else(not_sealed)?;
    let id = KeyId::new(parts.key).map_err(|_| not_sealed())?;
    let Some(key) = ring.key(parts.key) else {
        return Err(OpenError::KeyLost { row: row.to_string(), key: id });
    };
    if key.mark() != parts.mark {
        return Err(OpenError::KeyWrong { row: row.to_string(), key: id });
    }
    decrypt(key, row, &parts).ok_or_else(|| OpenError::Tampered { row: row.to_string(), key: id })
}

fn decrypt(key: &SealingKey, row: &RowId, parts: &Parts<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let associated = row.associated(key.id());
    let payload = Payload { msg: parts.sealed, aad: &associated };
    key.cipher().decrypt(&XNonce::from(parts.nonce), payload).ok().map(Zeroizing::new)
}

/// The same as text, for what a noun keeps in a text.
pub(super) fn seal_text(ring: &Keyring, row: &RowId, bytes: &[u8]) -> Result<String, StoreError> {
    Ok(URL_SAFE_NO_PAD.encode(seal(ring, row, bytes)?))
}

/// Opens what [`seal_text`] made for the same row.
pub(super) fn open_text(
    ring: &Keyring,
    row: &RowId,
    text: &str,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let bytes = text.starts_with(HEAD_TEXT).then(|| URL_SAFE_NO_PAD.decode(text));
    match bytes {
        Some(Ok(bytes)) => open(ring, row, &bytes),
        Some(Err(_)) | None => Err(OpenError::NotSealed { row: row.to_string() }),
    }
}

/// Whether bytes look like what [`seal`] makes.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    parts(bytes).is_some_and(|parts| KeyId::new(parts.key).is_ok())
}

/// The same of a text.
pub(super) fn is_sealed_text(text: &str) -> bool {
    text.starts_with(HEAD_TEXT) && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| is_sealed(&bytes))
}

/// Whether bytes are sealed with the ring's current key, by what stands beside them.
pub(super) fn is_current(ring: &Keyring, bytes: &[u8]) -> bool {
    let current = ring.sealing();
    parts(bytes)
        .is_some_and(|parts| parts.key == current.id().as_str() && parts.mark == current.mark())
}

/// The same of a text.
pub(super) fn is_current_text(ring: &Keyring, text: &str) -> bool {
    text.starts_with(HEAD_TEXT)
        && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| is_current(ring, &bytes))
}
