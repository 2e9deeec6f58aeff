//! Keyed fingerprints: equal values stay equal for the store below, and tell it nothing.
//!
//! The engine's fingerprints of values have no key: whoever guesses a value could check the guess
//! against the store. Below the layer stands their image under a key of the tenant, and so with the
//! ids of conflict rows, which are made of them. The key that the engine makes match keys with is
//! the layer's too, so that none of them can be checked with what is in the store.

use fluxcascade_core::model::{ConflictId, Fingerprint};
use secrecy::{ExposeSecret, SecretBox};

/// How many bytes a tenant's secret has.
pub(super) const SECRET: usize = 32;

/// What is made of a tenant's secret.
#[derive(Debug)]
pub(super) struct Prints {
    /// Of fingerprints and of ids that are made of them.
    images: SecretBox<[u8; 32]>,
    /// Of match keys: the engine's.
    match_keys: SecretBox<[u8; 32]>,
}

impl Prints {
    pub(super) fn of(secret: &[u8; SECRET]) -> Self {
        let derive = |context| SecretBox::new(Box::new(blake3::derive_key(context, secret)));
        Self {
            images: derive("fluxcascade sealed 1: images of fingerprints"),
            match_keys: derive("fluxcascade sealed 1: the key of match keys"),
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
        let (ours, theirs) = (Prints::of(&[1; 32]), Prints::of(&[2; 32]));
        let print = Fingerprint([7; 16]);
        assert_eq!(ours.image(print), Prints::of(&[1; 32]).image(print));
        assert_ne!(ours.image(print), ours.image(Fingerprint([8; 16])));
        assert_ne!(ours.image(print), theirs.image(print));
        assert_ne!(ours.image(print).0, ours.conflict(ConflictId([7; 16])).0);
        assert_ne!(ours.match_keys(), theirs.match_keys());
    }
}
