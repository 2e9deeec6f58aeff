//! What a `searchTerm` finds: loosely, as people type. Who is searched is `state`'s.

use super::client::{JobberAddress, JobberClient, JobberEmail, JobberPhone};
use super::custom::JobberCustomValue;
use super::input::ClientSearchField;
use super::phone;

/// Fewer digits than this do not find a number.
const MIN_DIGITS: usize = 4;

/// The fields that are searched if none are named.
const DEFAULT_FIELDS: [ClientSearchField; 4] = [
    ClientSearchField::Names,
    ClientSearchField::Emails,
    ClientSearchField::Phones,
    ClientSearchField::Properties,
];

/// What is searched for.
#[derive(Debug, Clone)]
pub(super) struct Term {
    words: Vec<String>,
    digits: Option<String>,
}

impl Term {
    /// Reads a term; `None` if it is blank, which finds everything.
    pub(super) fn read(typed: &str) -> Option<Self> {
        let typed = typed.trim().to_lowercase();
        let words: Vec<String> = typed.split_whitespace().map(str::to_owned).collect();
        let is_number = typed.chars().all(|c| c.is_ascii_digit() || " ()-.+/".contains(c));
        let digits = Some(phone::digits(&typed)).filter(|d| is_number && d.len() >= MIN_DIGITS);
        (!words.is_empty()).then_some(Self { words, digits })
    }

    /// Whether every word is in one of the client's searched fields, or the digits in a number.
    pub(super) fn finds(
        &self,
        client: &JobberClient,
        fields: Option<&[ClientSearchField]>,
    ) -> bool {
        let fields = fields.filter(|named| !named.is_empty()).unwrap_or(&DEFAULT_FIELDS);
        let texts = texts(client, fields);
        let words = self.words.iter().all(|word| texts.iter().any(|text| text.contains(word)));
        let phones = fields.contains(&ClientSearchField::Phones);
        words || (phones && client.phones.iter().any(|entry| self.finds_phone(entry)))
    }

    /// Whether every word is in the address.
    pub(super) fn finds_email(&self, email: &JobberEmail) -> bool {
        let address = email.address.to_lowercase();
        self.words.iter().all(|word| address.contains(word))
    }

    /// Whether the digits are in the number, or every word is.
    pub(super) fn finds_phone(&self, entry: &JobberPhone) -> bool {
        let number = entry.normalized().unwrap_or_else(|| entry.number.clone());
        let by_digits =
            self.digits.as_ref().is_some_and(|digits| phone::digits(&number).contains(digits));
        by_digits || self.words.iter().all(|word| entry.number.contains(word))
    }
}

/// The client's texts in these fields, in lower case. There are no notes.
fn texts(client: &JobberClient, fields: &[ClientSearchField]) -> Vec<String> {
    let mut texts = Vec::new();
    for field in fields {
        match field {
            ClientSearchField::Names => {
                texts.push(client.person_name());
                texts.extend(client.company_name.clone());
            }
            ClientSearchField::Emails => {
                texts.extend(client.emails.iter().map(|email| email.address.clone()));
            }
            ClientSearchField::PrimaryEmail => {
                texts.extend(client.primary_email().map(|email| email.address.clone()));
            }
            ClientSearchField::Phones => {
                texts.extend(client.phones.iter().map(|entry| entry.number.clone()));
            }
            ClientSearchField::Properties => {
                texts.extend(client.billing_address.iter().map(line));
                texts.extend(client.properties.iter().map(|place| line(&place.address)));
            }
            ClientSearchField::CustomFields => {
                texts.extend(client.custom_fields.values().filter_map(JobberCustomValue::text));
            }
            ClientSearchField::Notes => {}
        }
    }
    texts.iter().map(|text| text.to_lowercase()).collect()
}

fn line(address: &JobberAddress) -> String {
    let parts = [&address.street(), &address.city, &address.province, &address.postal_code];
    parts.map(String::as_str).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_typed() {
        let client = JobberClient::person("Ann", "Lee").with_phone("(256) 593-8310");
        for typed in ["2565938310", "+12565938310", "256 593 8310", "593-8310"] {
            assert!(Term::read(typed).unwrap().finds(&client, None), "{typed}");
        }
        assert!(!Term::read("2565938311").unwrap().finds(&client, None));
        assert!(!Term::read("593").unwrap().finds(&client, Some(&[ClientSearchField::Names])));
    }

    #[test]
    fn every_word_must_be_found_and_only_in_the_fields_named() {
        let client = JobberClient::person("Ann", "Lee").with_email("Boss@Lee.example");
        let finds = |typed: &str, fields| Term::read(typed).unwrap().finds(&client, fields);
        assert!(finds("lee ANN", None));
        assert!(!finds("lee bob", None));
        assert!(finds("boss@lee", Some(&[ClientSearchField::PrimaryEmail][..])));
        assert!(!finds("boss", Some(&[ClientSearchField::Names][..])));
        assert!(Term::read("  ").is_none());
    }
}
