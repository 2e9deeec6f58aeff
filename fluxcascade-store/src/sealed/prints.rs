//! Keyed fingerprints: equal values stay equal for the store below, and tell it nothing.
//!
//! The engine's fingerprints of values have no key: whoever guesses a value could check the guess
//! against the store. Below the layer stands their image under a key of the tenant, and so with the
//! ids of conflict rows, which are made of them. The key that the engine makes match keys with is
//! the layer's too, so that none of them can be checked with what is in the store.

use fluxcascade_core::model::{ConflictId, Fingerprint};
use secrecy::{ExposeSecret, SecretBox};

use super::secret::SECRET;

/// What is made of a tenant's secret.
#[derive(Debug)]
pub(super) struct Prints {
    /// Of fingerprints and of ids that are made of them.
    images: SecretBox<[u8; 32]>,
    /// Of match keys: the engine's.
    match_keys: SecretBox<[u8; 32]>,
}

impl Prints {
    /// With the key of match keys, if it is not made of the secret.
    pub(super) fn of(secret: &[u8; SECRET], match_keys: Option<&[u8; SECRET]>) -> Self {
        let derive = |context| SecretBox::new(Box::new(blake3::derive_key(context, secret)));
        let made = || derive("fluxcascade sealed 1: the key of match keys");
        Self {
            images: derive("fluxcascade sealed 1: images of fingerprints"),
            match_keys: match_keys.map_or_else(made, |key| SecretBox::new(Box::new(*key))),
        }
    }

    pub(super) fn match_keys(&self) -> [u8; 32] {
        *self.match_keys.expose_secret()
    }

    pub(super) fn image(&self, print: Fingerprint) -> Fingerprint {
        Fingerprint(self.keyed(b"fingerprint", print.0))
    }

    pub(super) fn conflict(&self, id: ConflictId) -> ConflictId {
        ConflictId(self.keyed(b"conflict id", id.0))
    }

    fn keyed(&self, what: &[u8], bytes: [u8; 16]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(self.images.expose_secret());
        hasher.update(what);
        hasher.update(&bytes);
        let mut out = [0; 16];
        out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_of_a_tenant_and_keep_equality_alone() {
        let (ours, theirs) = (Prints::of(&[1; 32], None), Prints::of(&[2; 32], None));
        let print = Fingerprint([7; 16]);
        assert_eq!(ours.image(print), Prints::of(&[1; 32], None).image(print));
        assert_ne!(ours.image(print), ours.image(Fingerprint([8; 16])));
        assert_ne!(ours.image(print), theirs.image(print));
        assert_ne!(ours.image(print).0, ours.conflict(ConflictId([7; 16])).0);
        assert_ne!(ours.match_keys(), theirs.match_keys());
        let adopted = Prints::of(&[1; 32], Some(&[3; 32]));
        assert_eq!((adopted.match_keys(), adopted.image(print)), ([3; 32], ours.image(print)));
    }
}
