//! A Jobber client as the simulator keeps it, and what Jobber derives from it.
//!
//! These are the values that tests and examples seed and edit. How the API shows them is in
//! `schema`, how the API changes them in `change`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fluxcascade_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::phone;
use super::work::CustomValues;

/// A client of the simulated account.
///
/// ```
/// use fluxcascade_connectors::sim::jobber::JobberClient;
/// let ann = JobberClient::person("Ann", "Lee")
///     .with_email("ann@lee.example")
///     .with_phone("256-593-8310");
/// assert_eq!(ann.name(), "Ann Lee");
/// assert!(ann.emails[0].primary);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's object has as many")]
pub struct JobberClient {
    /// The `EncodedId`; given by the simulator, empty before.
    pub id: String,
    /// Empty when absent, as in the API.
    pub first_name: String,
    /// Empty when absent, as in the API.
    pub last_name: String,
    /// Never blank.
    pub company_name: Option<String>,
    /// How they are addressed.
    pub title: Option<ClientTitle>,
    /// Whether the client goes by its company name.
    pub is_company: bool,
    /// Whether no work was done for the client yet.
    pub is_lead: bool,
    /// Jobber's soft delete.
    pub is_archived: bool,
    /// Whether work is open, which keeps the client from being archived.
    pub has_open_work: bool,
    /// Where the bills go.
    pub billing_address: Option<JobberAddress>,
    /// In the order in which they were added; any number of them, or none, may be primary.
    pub emails: Vec<JobberEmail>,
    /// In the order in which they were added; any number of them, or none, may be primary.
    pub phones: Vec<JobberPhone>,
    /// Labels.
    pub tags: Vec<String>,
    /// Where work is done.
    pub properties: Vec<JobberProperty>,
    /// What the client is sent.
    pub receives: Receives,
    /// Values of custom fields.
    pub custom_fields: CustomValues,
    /// When it was made: whole seconds of the simulator's clock.
    pub created_at: Timestamp,
    /// When it was last changed: whole seconds of the simulator's clock.
    pub updated_at: Timestamp,
}

/// What a client is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "Jobber has five independent switches")]
pub struct Receives {
    /// After a job.
    pub follow_ups: bool,
    /// After an invoice.
    pub invoice_follow_ups: bool,
    /// After a quote.
    pub quote_follow_ups: bool,
    /// Before a visit.
    pub reminders: bool,
    /// To be reviewed.
    pub review_requests: bool,
}

impl Default for Receives {
    fn default() -> Self {
        Self {
            follow_ups: true,
            invoice_follow_ups: true,
            quote_follow_ups: true,
            reminders: true,
            review_requests: true,
        }
    }
}

/// How a client is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, async_graphql::Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientTitle {
    /// Doctor.
    Dr,
    /// Miss.
    Miss,
    /// Mr.
    Mr,
    /// Mrs.
    Mrs,
    /// Ms.
    Ms,
}

impl ClientTitle {
    /// As it reads back.
    pub fn shown(self) -> &'static str {
        match self {
            ClientTitle::Dr => "Dr.",
            ClientTitle::Miss => "Miss",
            ClientTitle::Mr => "Mr.",
            ClientTitle::Mrs => "Mrs.",
            ClientTitle::Ms => "Ms.",
        }
    }
}

/// An e-mail address of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobberEmail {
    /// The `EncodedId`; given by the simulator, empty before.
    pub id: String,
    /// As it was written.
    pub address: String,
    /// `Main`, `Work`, `Personal` or `Other`.
    pub description: String,
    /// Whether this is the one that is used.
    pub primary: bool,
}

/// A phone number of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobberPhone {
    /// The `EncodedId`; given by the simulator, empty before.
    pub id: String,
    /// As Jobber shows it; rewritten by the simulator whenever the client is stored.
    pub number: String,
    /// `Main`, `Work`, `Mobile`, `Home`, `Fax` or `Other`.
    pub description: String,
    /// Whether this is the one that is used.
    pub primary: bool,
    /// Whether it may be sent text messages.
    pub sms_allowed: bool,
}

impl JobberPhone {
    /// The number as E.164, where it is understood.
    pub fn normalized(&self) -> Option<String> {
        phone::read(&self.number).e164
    }
}

/// A postal address; a part that is absent is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobberAddress {
    /// The first line.
    pub street1: String,
    /// The second line.
    pub street2: String,
    /// The town.
    pub city: String,
    /// State, province or county.
    pub province: String,
    /// Postal or ZIP code.
    pub postal_code: String,
    /// The country as it was written.
    pub country: String,
}

impl JobberAddress {
    /// Both lines of the street in one.
    pub fn street(&self) -> String {
        let lines = [self.street1.as_str(), self.street2.as_str()];
        lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// Whether nothing is known.
    pub fn is_blank(&self) -> bool {
        let parts = [
            &self.street1,
            &self.street2,
            &self.city,
            &self.province,
            &self.postal_code,
            &self.country,
        ];
        parts.iter().all(|part| part.trim().is_empty())
    }
}

/// A place where work is done for a client.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobberProperty {
    /// The `EncodedId`; given by the simulator, empty before.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Where it is.
    pub address: JobberAddress,
    /// Values of custom fields.
    pub custom_fields: CustomValues,
}

impl JobberClient {
    /// A person.
    pub fn person(first_name: impl Into<String>, last_name: impl Into<String>) -> Self {
        Self { first_name: first_name.into(), last_name: last_name.into(), ..Self::default() }
    }

    /// A company.
    pub fn company(name: impl Into<String>) -> Self {
        Self { company_name: Some(name.into()), is_company: true, ..Self::default() }
    }

    /// Adds an e-mail address; the first one is primary.
    #[must_use]
    pub fn with_email(mut self, address: impl Into<String>) -> Self {
        self.emails.push(JobberEmail {
            address: address.into(),
            description: "Main".to_owned(),
            primary: self.emails.is_empty(),
            ..JobberEmail::default()
        });
        self
    }

    /// Adds a phone number; the first one is primary.
    #[must_use]
    pub fn with_phone(mut self, number: impl Into<String>) -> Self {
        self.phones.push(JobberPhone {
            number: number.into(),
            description: "Main".to_owned(),
            primary: self.phones.is_empty(),
            ..JobberPhone::default()
        });
        self
    }

    /// Sets where the bills go.
    #[must_use]
    pub fn with_billing_address(mut self, address: JobberAddress) -> Self {
        self.billing_address = Some(address);
        self
    }

    /// First and last name in one; empty if there are none.
    pub fn person_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    /// The name that Jobber shows.
    pub fn name(&self) -> String {
        let person = self.person_name();
        match &self.company_name {
            Some(company) if self.is_company || person.is_empty() => company.clone(),
            Some(_) | None => person,
        }
    }

    /// The name that Jobber shows below; `None` if there is no other.
    pub fn secondary_name(&self) -> Option<String> {
        let other = match &self.company_name {
            Some(_) if self.is_company => Some(self.person_name()),
            Some(company) if !self.person_name().is_empty() => Some(company.clone()),
            Some(_) | None => None,
        };
        other.filter(|name| !name.is_empty())
    }

    /// The first address that is primary.
    pub fn primary_email(&self) -> Option<&JobberEmail> {
        self.emails.iter().find(|email| email.primary)
    }

    /// The first number that is primary.
    pub fn primary_phone(&self) -> Option<&JobberPhone> {
        self.phones.iter().find(|phone| phone.primary)
    }

    /// Whether it may be archived.
    pub fn is_archivable(&self) -> bool {
        !self.has_open_work
    }

    /// What storing does to it: numbers are rewritten, blanks become absent.
    pub(super) fn settle(&mut self) {
        for entry in &mut self.phones {
            entry.number = phone::read(&entry.number).shown;
        }
        self.company_name = self.company_name.take().filter(|name| !name.trim().is_empty());
        self.billing_address = self.billing_address.take().filter(|address| !address.is_blank());
    }
}

/// The kinds of things that have an `EncodedId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Account,
    Client,
    Email,
    Phone,
    Property,
    Tag,
    Request,
    Quote,
    Job,
    Visit,
    Invoice,
    CustomField,
    Webhook,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Account => "Account",
            Kind::Client => "Client",
            Kind::Email => "Email",
            Kind::Phone => "ClientPhoneNumber",
            Kind::Property => "Property",
            Kind::Tag => "Tag",
            Kind::Request => "Request",
            Kind::Quote => "Quote",
            Kind::Job => "Job",
            Kind::Visit => "Visit",
            Kind::Invoice => "Invoice",
            Kind::CustomField => "CustomFieldConfiguration",
            Kind::Webhook => "WebhookEndpoint",
        }
    }
}

/// Makes an `EncodedId`.
pub(super) fn encode_id(kind: Kind, number: u64) -> String {
    BASE64.encode(format!("gid://Jobber/{}/{number}", kind.name()))
}

/// The number in an `EncodedId` of this kind.
pub(super) fn decode_id(kind: Kind, id: &str) -> Option<u64> {
    let text = String::from_utf8(BASE64.decode(id).ok()?).ok()?;
    let number =
        text.strip_prefix("gid://Jobber/")?.strip_prefix(kind.name())?.strip_prefix('/')?;
    number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()
}

/// Whether it is the base64 of an id of Jobber's, of any kind.
pub(super) fn is_gid(id: &str) -> bool {
    let text = BASE64.decode(id).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let path = text.as_deref().and_then(|text| text.strip_prefix("gid://Jobber/"));
    path.and_then(|path| path.split_once('/'))
        .is_some_and(|(kind, number)| !kind.is_empty() && !number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_vendors_base64_and_of_one_kind_only() {
        let id = encode_id(Kind::Client, 12345);
        assert_eq!(id, "Z2lkOi8vSm9iYmVyL0NsaWVudC8xMjM0NQ==");
        assert_eq!(decode_id(Kind::Client, &id), Some(12345));
        assert_eq!(decode_id(Kind::Email, &id), None);
        assert_eq!(decode_id(Kind::Client, "nothing"), None);
        assert!(is_gid(&id));
        for other in ["", "nothing", "MTIzNDU=", &BASE64.encode("gid://Jobber/Client/")] {
            assert!(!is_gid(other), "{other}");
        }
    }

    #[test]
    fn a_company_goes_by_its_name_and_a_person_by_their_own() {
        let mut client = JobberClient::person("Ann", "Lee");
        client.company_name = Some("Lee Ltd".to_owned());
        assert_eq!((client.name(), client.secondary_name()), pair("Ann Lee", Some("Lee Ltd")));
        client.is_company = true;
        assert_eq!((client.name(), client.secondary_name()), pair("Lee Ltd", Some("Ann Lee")));
        client = JobberClient::company("Lee Ltd");
        assert_eq!((client.name(), client.secondary_name()), pair("Lee Ltd", None));
    }

    fn pair(name: &str, secondary: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), secondary.map(str::to_owned))
    }
}
