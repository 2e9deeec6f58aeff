//! Match keys: what a record is recognised by.

use super::id::Fingerprint;

/// What is known of a record's match keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchKeys {
    /// By rule, the keyed fingerprints of its valid keys, normalised. A rule that stands in neither
    /// list has none: its field is blank or invalid.
    pub valid: Vec<(u16, Fingerprint)>,
    /// The rules whose fields were not shown, so that nothing is known of their keys.
    pub hidden: Vec<u16>,
}

impl MatchKeys {
    /// What is known when this was told after something else: a hidden key is as it was before.
    ///
    /// ```
    /// use fluxcascade_core::model::{Fingerprint, MatchKeys};
    ///
    /// let [mail, phone] = [1, 2].map(|n| Fingerprint([n; 16]));
    /// let before = MatchKeys { valid: vec![(0, mail), (1, phone)], hidden: Vec::new() };
    /// let later = MatchKeys { valid: Vec::new(), hidden: vec![0] };
    /// assert_eq!(later.after(&before).valid, [(0, mail)]); // the phone is blank now
    /// ```
    #[must_use]
    pub fn after(&self, before: &MatchKeys) -> MatchKeys {
        let mut known = self.clone();
        for rule in std::mem::take(&mut known.hidden) {
            match before.valid.iter().find(|(of, _)| *of == rule) {
                Some(key) => known.valid.push(*key),
                None if before.hidden.contains(&rule) => known.hidden.push(rule),
                None => {}
            }
        }
        known
    }
}

impl From<Vec<(u16, Fingerprint)>> for MatchKeys {
    /// Keys of which none is hidden.
    fn from(valid: Vec<(u16, Fingerprint)>) -> Self {
        Self { valid, hidden: Vec::new() }
    }
}
