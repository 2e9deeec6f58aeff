//! Match keys: values brought into one form, then fingerprinted with the tenant's key.
//!
//! The key index holds fingerprints alone, so that no e-mail stands in it.

use std::fmt;

use super::foreign::id_in;
use super::pair::KeyForm;
use super::rule::CompiledRule;
use crate::model::record::keyed_fingerprint;
use crate::model::{
    Endpoint, FieldName, FieldType, Fingerprint, RecordId, Side, Slot, Value, Values,
};
use crate::transform::Refusal;

/// The key of a tenant's fingerprints.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerprintKey {
    key: [u8; 32],
    /// What all fingerprints of kept values begin with: another key has another one.
    mark: [u8; MARK],
}

/// How many bytes tell a key from another.
const MARK: usize = 4;

impl FingerprintKey {
    /// Takes the bytes that the store drew.
    pub fn new(bytes: [u8; 32]) -> Self {
        let mut mark = [0; MARK];
        let whole = blake3::derive_key("fluxcascade 1: which key made a kept value", &bytes);
        mark.copy_from_slice(&whole[..MARK]);
        Self { key: bytes, mark }
    }

    /// What is kept of a field's value where the value itself is not. What is kept already stays.
    ///
    /// Equal values of one field have equal fingerprints, and all blanks have the same; those of
    /// two fields say nothing of each other.
    pub fn kept(&self, side: Side, field: &FieldName, value: &Value) -> Value {
        if value.is_kept() {
            return value.clone();
        }
        let of: [&[u8]; 3] = [b"kept", &[side.number()], field.as_str().as_bytes()];
        let mut print = keyed_fingerprint(&self.key, &of, value);
        print.0[..MARK].copy_from_slice(&self.mark);
        Value::Kept(print)
    }

    /// Whether a kept value says something under this key: a store that was moved has another one.
    pub(crate) fn can_tell(&self, value: &Value) -> bool {
        if let Value::Kept(print) = value { print.0[..MARK] == self.mark } else { true }
    }
}

/// Never shows the key.
impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey([redacted])")
    }
}

/// Fewer digits than this are no phone that could tell two records apart.
const MIN_PHONE_DIGITS: usize = 5;

impl CompiledRule {
    /// The fingerprint of a record's key under this rule; `None` if the key is blank or invalid,
    /// which matches nothing.
    pub fn fingerprint(
        &self,
        side: Side,
        record: &RecordId,
        values: &Values,
        key: &FingerprintKey,
    ) -> Option<Fingerprint> {
        let mut hasher = blake3::Hasher::new_keyed(&key.key);
        hasher.update(self.label.as_bytes());
        for text in self.texts(side, record, values)? {
            take(&mut hasher, &text);
        }
        Some(Fingerprint(crate::model::id::first16(&hasher.finalize())))
    }

    /// Whether a field of the key was not shown, so that nothing is known of it.
    pub fn is_hidden(&self, side: Side, values: &Values) -> bool {
        self.own_id != Some(side) && self.slots[side].iter().any(|&slot| values[slot].is_absent())
    }

    /// A fingerprint of the key that a new record would get: the same in every mapping that makes
    /// a record with this key there, whatever it is called and however its rules are. `None` for
    /// rules by ids.
    pub(crate) fn claim(
        &self,
        (side, endpoint, fields): (Side, &Endpoint, &[FieldName]),
        record: &RecordId,
        values: &Values,
        key: &FingerprintKey,
    ) -> Option<Fingerprint> {
        if self.own_id.is_some() {
            return None;
        }
        let texts = self.texts(side.other(), record, values)?;
        let names = self.slots[side].iter().filter_map(|&slot| fields.get(slot));
        let mut parts: Vec<(&FieldName, String)> = names.zip(texts).collect();
        parts.sort();
        let mut hasher = blake3::Hasher::new_keyed(&key.key);
        hasher.update(b"claim");
        take(&mut hasher, endpoint.connection.as_str());
        take(&mut hasher, endpoint.object.as_str());
        for (name, text) in &parts {
            take(&mut hasher, name.as_str());
            take(&mut hasher, text);
        }
        Some(Fingerprint(crate::model::id::first16(&hasher.finalize())))
    }

    /// The normalised texts of a record's key; `None` if one of them is blank or invalid.
    fn texts(&self, side: Side, record: &RecordId, values: &Values) -> Option<Vec<String>> {
        if let Some(own_id) = self.own_id {
            if own_id == side {
                return Some(vec![record.as_str().to_owned()]);
            }
            let slot = *self.slots[side].first()?;
            return Some(vec![id_in(values[slot].value()?)?]);
        }
        let fields = self.slots[side].iter().zip(&self.forms);
        fields
            .map(|(&slot, form)| {
                let Slot::Present(value) = &values[slot] else { return None };
                match value.as_text() {
                    Some(text) => normalise(text, form),
                    None if value.is_blank() => None,
                    // 5 here and 5.0 there are one number.
                    None => Some(match value.as_decimal() {
                        Some(number) => number.normalize().to_string(),
                        None => value.to_string(),
                    }),
                }
            })
            .collect()
    }
}

fn take(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// The one form of a key's text; `None` if it is blank or invalid.
fn normalise(text: &str, form: &KeyForm) -> Option<String> {
    let text = text.trim();
    match form {
        KeyForm::Text => {
            let folded =
                text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
            (!folded.is_empty()).then_some(folded)
        }
        KeyForm::Email => {
            let valid = text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace)
            });
            valid.then(|| text.to_lowercase())
        }
        KeyForm::Phone => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let plus = if text.starts_with('+') { "+" } else { "" };
            (digits.len() >= MIN_PHONE_DIGITS).then(|| format!("{plus}{digits}"))
        }
        KeyForm::PhoneE164 { region } => phone_e164(text, region),
    }
}

#[cfg(feature = "phone")]
fn phone_e164(text: &str, region: &str) -> Option<String> {
    crate::transform::e164(text, region)
}

#[cfg(not(feature = "phone"))]
fn phone_e164(_text: &str, _region: &str) -> Option<String> {
    None // check_form refuses the mapping before any record is read
}

/// Whether a form can be used at all.
pub(super) fn check_form(form: &KeyForm) -> Result<(), Refusal> {
    match form {
        KeyForm::Text | KeyForm::Email | KeyForm::Phone => Ok(()),
        KeyForm::PhoneE164 { region } => crate::transform::phone_e164(region).build().map(|_| ()),
    }
}

/// The form of a field that has none of its own.
pub(super) fn form_of(field_type: &FieldType) -> KeyForm {
    match field_type {
        FieldType::Email => KeyForm::Email,
        FieldType::Phone => KeyForm::Phone,
        FieldType::Bool
        | FieldType::Int
        | FieldType::Decimal
        | FieldType::Text
        | FieldType::Date
        | FieldType::Time
        | FieldType::Instant
        | FieldType::Zoned
        | FieldType::Choice { .. }
        | FieldType::Set { .. }
        | FieldType::List { .. }
        | FieldType::Map
        | FieldType::Money
        | FieldType::Ref { .. } => KeyForm::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sides, Value};

    #[test]
    fn texts_are_folded_and_blanks_are_no_key() {
        assert_eq!(normalise("  ACME  Inc ", &KeyForm::Text).unwrap(), "acme inc");
        assert_eq!(normalise("   ", &KeyForm::Text), None);
    }

    #[test]
    fn what_is_no_mail_or_phone_is_no_key() {
        assert_eq!(normalise("Ann@X.io", &KeyForm::Email).unwrap(), "ann@x.io");
        assert_eq!(normalise("ann", &KeyForm::Email), None);
        assert_eq!(normalise("n/a", &KeyForm::Phone), None);
        assert_eq!(normalise("12", &KeyForm::Phone), None);
        assert_eq!(normalise("(256) 593-8310", &KeyForm::Phone).unwrap(), "2565938310");
    }

    #[test]
    fn a_number_is_one_key_however_many_zeros_are_behind_its_point() {
        let rule = CompiledRule {
            label: "number".into(),
            slots: Sides::from_fn(|_| [0].into()),
            forms: [KeyForm::Text].into(),
            unique: Sides::default(),
            own_id: None,
        };
        let record = RecordId::new("1").unwrap();
        let key = |value: Value| {
            let values = Values::new([Slot::Present(value)]);
            rule.fingerprint(Side::Source, &record, &values, &FingerprintKey::new([0; 32]))
        };
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        assert_eq!(key(Value::Int(50)), key(decimal("50.00")));
        assert_ne!(key(Value::Int(50)), key(decimal("5.0")));
        assert_eq!(key(decimal("1.50")), key("1.5".into()));
    }

    #[cfg(feature = "phone")]
    #[test]
    fn a_phone_has_one_key_however_it_is_written() {
        let us = KeyForm::PhoneE164 { region: "US".into() };
        let key = normalise("+1 256 593 8310", &us);
        assert_eq!(key.as_deref(), Some("+12565938310"));
        assert_eq!(normalise("(256) 593-8310", &us), key);
    }
}
