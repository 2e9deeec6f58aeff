//! What `clientCreate` and `clientEdit` do to a client: scalars, the deltas of the lists, and what
//! Jobber refuses. All or nothing; no state but the client, no time.

mod list;
pub(super) mod work;

use async_graphql::MaybeUndefined;

use super::AddressEdit;
use super::client::{JobberAddress, JobberClient, JobberProperty, Kind, Receives, encode_id};
use super::input::{AddressAttributes, ClientCreateInput, ClientEditInput};

/// The longest text that Jobber keeps in a field, in characters.
const MAX_TEXT: usize = 255;

/// Why a change was refused: an entry of `userErrors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) path: Vec<String>,
}

impl Refusal {
    /// There is no client of the id given.
    pub(super) fn unknown_client() -> Self {
        Self::of_client("Client could not be found")
    }

    /// A refusal of the client itself.
    pub(super) fn of_client(message: &str) -> Self {
        Self { message: message.to_owned(), path: vec!["clientId".to_owned()] }
    }

    /// A refusal of one field of the argument `input`.
    pub(super) fn of(field: &str, message: impl Into<String>) -> Self {
        Self { message: message.into(), path: vec!["input".to_owned(), field.to_owned()] }
    }
}

/// Gives ids to what is made.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    next: u64,
}

impl Ids {
    /// Begins with this number.
    pub(super) fn starting(next: u64) -> Self {
        Self { next }
    }

    /// The number that comes next.
    pub(super) fn peek(&self) -> u64 {
        self.next
    }

    /// The next number.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// The next id of this kind.
    pub(super) fn next(&mut self, kind: Kind) -> String {
        encode_id(kind, self.number())
    }
}

/// The parts that create and edit have in common.
struct Scalars {
    billing_address: Option<AddressAttributes>,
    company_name: MaybeUndefined<String>,
    first_name: MaybeUndefined<String>,
    last_name: MaybeUndefined<String>,
    is_company: Option<bool>,
    receives: [Option<bool>; 5],
}

/// Makes a client, without id and times.
pub(super) fn create(
    input: ClientCreateInput,
    ids: &mut Ids,
) -> Result<JobberClient, Vec<Refusal>> {
    let mut client = JobberClient::default();
    let mut refusals = Vec::new();
    let scalars = Scalars {
        billing_address: input.billing_address,
        company_name: input.company_name,
        first_name: input.first_name,
        last_name: input.last_name,
        is_company: input.is_company,
        receives: [
            input.receives_follow_ups,
            input.receives_invoice_follow_ups,
            input.receives_quote_follow_ups,
            input.receives_reminders,
            input.receives_review_requests,
        ],
    };
    set_scalars(&mut client, scalars, &mut refusals);
    client.title = input.title.take();
    list::add_emails(&mut client.emails, input.emails, ids, &mut refusals, "emails");
    list::add_phones(&mut client.phones, input.phones, ids, &mut refusals, "phones");
    for property in input.properties.unwrap_or_default() {
        let mut address = JobberAddress::default();
        set_address(&mut address, property.address, "properties", &mut refusals);
        let id = ids.next(Kind::Property);
        client.properties.push(JobberProperty {
            id,
            name: property.name,
            address,
            ..JobberProperty::default()
        });
    }
    list::check_length("properties", client.properties.len(), &mut refusals);
    finish(client, refusals)
}

/// Changes a client; the one given is left alone.
pub(super) fn edit(
    client: &JobberClient,
    input: ClientEditInput,
    address: AddressEdit,
    ids: &mut Ids,
) -> Result<JobberClient, Vec<Refusal>> {
    let mut client = client.clone();
    let mut refusals = Vec::new();
    if address == AddressEdit::Replaces && input.billing_address.is_some() {
        client.billing_address = None;
    }
    let scalars = Scalars {
        billing_address: input.billing_address,
        company_name: input.company_name,
        first_name: input.first_name,
        last_name: input.last_name,
        is_company: input.is_company,
        receives: [
            input.receives_follow_ups,
            input.receives_invoice_follow_ups,
            input.receives_quote_follow_ups,
            input.receives_reminders,
            input.receives_review_requests,
        ],
    };
    set_scalars(&mut client, scalars, &mut refusals);
    match input.title {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => client.title = None,
        MaybeUndefined::Value(title) => client.title = Some(title),
    }
    let emails = &mut client.emails;
    list::edit_emails(emails, input.emails_to_edit, &mut refusals);
    list::delete(emails, input.emails_to_delete, &mut refusals, "emailsToDelete");
    list::add_emails(emails, input.emails_to_add, ids, &mut refusals, "emailsToAdd");
    let phones = &mut client.phones;
    list::edit_phones(phones, input.phones_to_edit, &mut refusals);
    list::delete(phones, input.phones_to_delete, &mut refusals, "phonesToDelete");
    list::add_phones(phones, input.phones_to_add, ids, &mut refusals, "phonesToAdd");
    list::change_tags(
        &mut client.tags,
        &input.tags_to_add.unwrap_or_default(),
        &input.tags_to_delete.unwrap_or_default(),
        &mut refusals,
    );
    finish(client, refusals)
}

fn set_scalars(client: &mut JobberClient, scalars: Scalars, refusals: &mut Vec<Refusal>) {
    set_text(&mut client.first_name, scalars.first_name, "firstName", refusals);
    set_text(&mut client.last_name, scalars.last_name, "lastName", refusals);
    let mut company = client.company_name.take().unwrap_or_default();
    set_text(&mut company, scalars.company_name, "companyName", refusals);
    client.company_name = Some(company).filter(|name| !name.trim().is_empty());
    client.is_company = scalars.is_company.unwrap_or(client.is_company);
    if let Some(change) = scalars.billing_address {
        let mut address = client.billing_address.take().unwrap_or_default();
        set_address(&mut address, change, "billingAddress", refusals);
        client.billing_address = Some(address);
    }
    let was = client.receives;
    let [follow_ups, invoice, quote, reminders, reviews] = scalars.receives;
    client.receives = Receives {
        follow_ups: follow_ups.unwrap_or(was.follow_ups),
        invoice_follow_ups: invoice.unwrap_or(was.invoice_follow_ups),
        quote_follow_ups: quote.unwrap_or(was.quote_follow_ups),
        reminders: reminders.unwrap_or(was.reminders),
        review_requests: reviews.unwrap_or(was.review_requests),
    };
}

/// Null and empty clear a part.
fn set_address(
    address: &mut JobberAddress,
    change: AddressAttributes,
    field: &str,
    refusals: &mut Vec<Refusal>,
) {
    set_text(&mut address.street1, change.street1, field, refusals);
    set_text(&mut address.street2, change.street2, field, refusals);
    set_text(&mut address.city, change.city, field, refusals);
    set_text(&mut address.province, change.province, field, refusals);
    set_text(&mut address.postal_code, change.postal_code, field, refusals);
    set_text(&mut address.country, change.country, field, refusals);
}

fn set_text(
    text: &mut String,
    change: MaybeUndefined<String>,
    field: &str,
    refusals: &mut Vec<Refusal>,
) {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => text.clear(),
        MaybeUndefined::Value(new) if is_too_long(&new) => refusals.push(too_long(field)),
        MaybeUndefined::Value(new) => *text = new,
    }
}

fn is_too_long(text: &str) -> bool {
    text.chars().count() > MAX_TEXT
}

fn too_long(field: &str) -> Refusal {
    Refusal::of(field, format!("is too long (maximum is {MAX_TEXT} characters)"))
}

fn finish(
    mut client: JobberClient,
    mut refusals: Vec<Refusal>,
) -> Result<JobberClient, Vec<Refusal>> {
    client.settle();
    if client.name().trim().is_empty() {
        refusals.push(Refusal {
            message: "A client needs a first name, last name or company name".to_owned(),
            path: vec!["input".to_owned()],
        });
    }
    if refusals.is_empty() { Ok(client) } else { Err(refusals) }
}

#[cfg(test)]
mod tests;
