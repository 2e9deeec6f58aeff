//! What webhooks of all systems are checked by: sizes, ages, and signatures in constant time.

use std::time::Duration;

use fluxcascade_core::connector::{Delivery, DeliveryError};
use fluxcascade_core::model::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Systems send some tens of kilobytes at most.
pub(crate) const LARGEST: usize = 1 << 20;

/// The secret that a system signs its deliveries with.
#[derive(Debug)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// Whether these bytes are the HMAC with SHA-256 of the parts, one after the other.
    pub(crate) fn has_signed(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()) else {
            return false; // it takes keys of any length
        };
        for part in parts {
            mac.update(part);
        }
        mac.verify_slice(signature).is_ok()
    }

    /// Whether this text is the SHA-256 of the secret and the parts, in hexadecimal.
    pub(crate) fn has_hashed(&self, parts: &[&[u8]], hex: &str) -> bool {
        let mut hash = Sha256::new();
        hash.update(self.0.expose_secret().as_bytes());
        for part in parts {
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        unhex(hex).is_some_and(|found| bool::from(found.ct_eq(&hash)))
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// What a delivery says, once its signature is right. Where it cannot be read is told, and nothing of it.
pub(crate) fn said<T: DeserializeOwned>(
    delivery: &Delivery<'_>,
    what: &str,
) -> Result<T, DeliveryError> {
    serde_json::from_slice(delivery.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        DeliveryError::Malformed(format!("no {what} (line {line}, column {column})"))
    })
}

/// Refuses what is larger than anything that a system sends.
pub(crate) fn check_size(delivery: &Delivery<'_>) -> Result<(), DeliveryError> {
    let found = delivery.body.len();
    if found <= LARGEST { Ok(()) } else { Err(DeliveryError::TooLarge { found, most: LARGEST }) }
}

/// Refuses what was signed longer ago than this, or is as far in the future.
pub(crate) fn check_age(
    delivery: &Delivery<'_>,
    signed: Timestamp,
    most: Duration,
) -> Result<(), DeliveryError> {
    let away = delivery.received.since(signed).max(signed.since(delivery.received));
    if away <= most { Ok(()) } else { Err(DeliveryError::OutOfTime(away.as_secs())) }
}
