//! Webhooks: what a system sends to the host when something changed there. What a delivery says is a
//! reason to read, and nothing else.

use std::fmt::{self, Debug};

use crate::model::{ObjectType, RecordId, Timestamp};

/// A request that came to the host's webhook endpoint, as it came.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The whole address that the system called, with its query: behind a proxy the public one, for
    /// systems sign it.
    pub url: &'a str,
    /// The headers, their names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, byte by byte: read and written again it would not be what was signed.
    pub body: &'a [u8],
    /// When it came, by the host's clock.
    pub received: Timestamp,
}

/// Shows neither headers nor body: signatures and people's data are in them.
impl Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("method", &self.method)
            .field("bytes", &self.body.len())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Delivery<'_> {
    /// A header by its name, the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// A record that a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notice {
    /// Whose: the [id](super::Account::id) of the account, as systems send what happens in all accounts
    /// of an app to one address.
    pub account: String,
    /// The object type.
    pub object: ObjectType,
    /// The record.
    pub record: RecordId,
}

/// Why a delivery was not taken. Nothing of it was believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// It is larger than any that the system sends.
    #[error("the delivery has {found} bytes, and the system sends none of more than {most}")]
    TooLarge {
        /// How many bytes it has.
        found: usize,
        /// How many are taken.
        most: usize,
    },
    /// It has no signature that is known.
    #[error("the delivery is not signed: it lacks the header {0}")]
    NotSigned(&'static str),
    /// Its signature is not the system's.
    #[error(
        "the delivery's signature is not right: check that the secret is that of the app which sends \
         it, and that the address is the one which the system calls"
    )]
    Forged,
    /// It was signed too long ago, or in the future.
    #[error(
        "the delivery was signed {0} s from now: if it is not an old one that was sent again, set this \
         machine's clock"
    )]
    OutOfTime(u64),
    /// It is signed, and cannot be read.
    #[error("the delivery is not as the system's documentation says: {0}")]
    Malformed(String),
}

impl DeliveryError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            DeliveryError::TooLarge { .. } => 413,
            DeliveryError::NotSigned(_) | DeliveryError::Forged | DeliveryError::OutOfTime(_) => {
                401
            }
            DeliveryError::Malformed(_) => 400,
        }
    }
}

/// A system that says when something changed.
///
/// A delivery may be repeated, late, out of order, or lost: it is a hint, and what is not hinted at is
/// found by the next read.
pub trait WebhookSource: Debug + Send + Sync {
    /// Which records a delivery is about, each once: of those that the connector knows object types for.
    ///
    /// The signature is checked before anything is read, in constant time; what is too large or too old is
    /// refused before that. Nothing is asked of the system: systems want their answer at once.
    ///
    /// # Errors
    /// If it is not from the system, or cannot be read.
    fn read(&self, delivery: &Delivery<'_>) -> Result<Vec<Notice>, DeliveryError>;
}

const _: Option<&dyn WebhookSource> = None; // stays object-safe

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case_and_nothing_private_is_shown() {
        let delivery = Delivery {
            method: "POST",
            url: "https://example.com/hook?secret=1",
            headers: &[("X-Signature", "abc"), ("x-signature", "def")],
            body: b"someone@example.com",
            received: Timestamp::from_secs(7),
        };
        assert_eq!(delivery.header("x-SIGNATURE"), Some("abc"));
        assert_eq!(delivery.header("x-other"), None);
        let shown = format!("{delivery:?}");
        assert!(
            ["secret", "abc", "example.com"].iter().all(|text| !shown.contains(text)),
            "{shown}"
        );
    }
}
