//! The deltas of a client's lists: entries are edited, then deleted, then added. Adding never looks
//! for an entry that is there already.

use super::{Ids, Refusal, is_too_long, too_long};
use crate::sim::jobber::client::{JobberEmail, JobberPhone, Kind};
use crate::sim::jobber::input::{
    EmailCreateAttributes, EmailDescription, EmailUpdateAttributes, EncodedId,
    PhoneNumberCreateAttributes, PhoneNumberDescription, PhoneNumberUpdateAttributes,
};
use crate::sim::jobber::phone;

/// The longest list that is kept.
const MAX_ENTRIES: usize = 100;

/// What the entries of both lists have in common.
pub(super) trait Entry {
    fn id(&self) -> &str;
    fn primary(&mut self) -> &mut bool;
}

impl Entry for JobberEmail {
    fn id(&self) -> &str {
        &self.id
    }
    fn primary(&mut self) -> &mut bool {
        &mut self.primary
    }
}

impl Entry for JobberPhone {
    fn id(&self) -> &str {
        &self.id
    }
    fn primary(&mut self) -> &mut bool {
        &mut self.primary
    }
}

pub(super) fn add_emails(
    emails: &mut Vec<JobberEmail>,
    added: Option<Vec<EmailCreateAttributes>>,
    ids: &mut Ids,
    refusals: &mut Vec<Refusal>,
    field: &str,
) {
    for new in added.unwrap_or_default() {
        let address = new.address.unwrap_or_default().trim().to_owned();
        refusals.extend(email_fault(&address, field));
        let description = new.description.unwrap_or(EmailDescription::Main).shown().to_owned();
        let id = ids.next(Kind::Email);
        emails.push(JobberEmail { id, address, description, primary: false });
        let at = emails.len() - 1;
        set_primary(emails, at, new.primary);
    }
    check_length(field, emails.len(), refusals);
}

pub(super) fn add_phones(
    phones: &mut Vec<JobberPhone>,
    added: Option<Vec<PhoneNumberCreateAttributes>>,
    ids: &mut Ids,
    refusals: &mut Vec<Refusal>,
    field: &str,
) {
    for new in added.unwrap_or_default() {
        let number = new.number.unwrap_or_default();
        refusals.extend(phone_fault(&number, field));
        let description = new.description.unwrap_or(PhoneNumberDescription::Main).shown();
        phones.push(JobberPhone {
            id: ids.next(Kind::Phone),
            number,
            description: description.to_owned(),
            primary: false,
            sms_allowed: new.sms_allowed.unwrap_or(false),
        });
        let at = phones.len() - 1;
        set_primary(phones, at, new.primary);
    }
    check_length(field, phones.len(), refusals);
}

pub(super) fn edit_emails(
    emails: &mut [JobberEmail],
    edits: Option<Vec<EmailUpdateAttributes>>,
    refusals: &mut Vec<Refusal>,
) {
    const FIELD: &str = "emailsToEdit";
    for edit in edits.unwrap_or_default() {
        let Some(at) = position(emails, &edit.id) else {
            refusals.push(unknown(FIELD));
            continue;
        };
        if let Some(address) = edit.address {
            let address = address.trim().to_owned();
            refusals.extend(email_fault(&address, FIELD));
            emails[at].address = address;
        }
        if let Some(description) = edit.description {
            description.shown().clone_into(&mut emails[at].description);
        }
        set_primary(emails, at, edit.primary);
    }
}

pub(super) fn edit_phones(
    phones: &mut [JobberPhone],
    edits: Option<Vec<PhoneNumberUpdateAttributes>>,
    refusals: &mut Vec<Refusal>,
) {
    const FIELD: &str = "phonesToEdit";
    for edit in edits.unwrap_or_default() {
        let Some(at) = position(phones, &edit.id) else {
            refusals.push(unknown(FIELD));
            continue;
        };
        if let Some(number) = edit.number {
            refusals.extend(phone_fault(&number, FIELD));
            phones[at].number = number;
        }
        if let Some(description) = edit.description {
            description.shown().clone_into(&mut phones[at].description);
        }
        phones[at].sms_allowed = edit.sms_allowed.unwrap_or(phones[at].sms_allowed);
        set_primary(phones, at, edit.primary);
    }
}

pub(super) fn delete<E: Entry>(
    entries: &mut Vec<E>,
    deleted: Option<Vec<EncodedId>>,
    refusals: &mut Vec<Refusal>,
    field: &str,
) {
    for id in deleted.unwrap_or_default() {
        match position(entries, &id) {
            Some(at) => drop(entries.remove(at)),
            None => refusals.push(unknown(field)),
        }
    }
}

/// A label that is there already is not added again, one that is not there need not be deleted.
pub(super) fn change_tags(
    tags: &mut Vec<String>,
    added: &[String],
    deleted: &[String],
    refusals: &mut Vec<Refusal>,
) {
    tags.retain(|tag| !deleted.contains(tag));
    for label in added {
        if label.trim().is_empty() {
            refusals.push(Refusal::of("tagsToAdd", "can't be blank"));
        } else if is_too_long(label) {
            refusals.push(too_long("tagsToAdd"));
        } else if !tags.contains(label) {
            tags.push(label.clone());
        }
    }
    check_length("tagsToAdd", tags.len(), refusals);
}

pub(super) fn check_length(field: &str, length: usize, refusals: &mut Vec<Refusal>) {
    if length > MAX_ENTRIES {
        refusals.push(Refusal::of(field, format!("has too many entries (at most {MAX_ENTRIES})")));
    }
}

fn position<E: Entry>(entries: &[E], id: &EncodedId) -> Option<usize> {
    entries.iter().position(|entry| entry.id() == id.0)
}

/// An entry that becomes primary takes it from all others; one that ceases to be gives it to none.
fn set_primary<E: Entry>(entries: &mut [E], at: usize, primary: Option<bool>) {
    match primary {
        None => {}
        Some(false) => *entries[at].primary() = false,
        Some(true) => {
            for (i, entry) in entries.iter_mut().enumerate() {
                *entry.primary() = i == at;
            }
        }
    }
}

fn unknown(field: &str) -> Refusal {
    Refusal::of(field, "could not be found")
}

fn email_fault(address: &str, field: &str) -> Option<Refusal> {
    if address.is_empty() {
        return Some(Refusal::of(field, "Email address can't be blank"));
    }
    if is_too_long(address) {
        return Some(too_long(field));
    }
    let well_formed = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.split('.').count() > 1
            && domain.split('.').all(|label| !label.is_empty())
            && !address
                .contains(|c: char| c.is_whitespace() || c.is_control() || ",;<>".contains(c))
            && !domain.contains('@')
    });
    (!well_formed).then(|| Refusal::of(field, "Email address is invalid"))
}

fn phone_fault(number: &str, field: &str) -> Option<Refusal> {
    if number.trim().is_empty() {
        return Some(Refusal::of(field, "Phone number can't be blank"));
    }
    if is_too_long(number) {
        return Some(too_long(field));
    }
    let has_digits = !phone::digits(number).is_empty();
    (!has_digits).then(|| Refusal::of(field, "Phone number is invalid"))
}
