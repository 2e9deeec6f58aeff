//! The fields of a client as the engine names them: one table for the schema, for what a query
//! selects, and for where a value goes. How values are converted lives in [`super::convert`].

use std::fmt::Write as _;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{
    FieldName, FieldSchema, FieldType, ObjectSchema, ObjectType, SeenBy,
};

/// The one object type of this adapter so far.
pub(super) const CLIENTS: &str = "clients";

/// The titles that Jobber knows.
pub(super) const TITLES: [&str; 5] = ["DR", "MISS", "MR", "MRS", "MS"];

/// One of the two lists of ways to reach a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    Email,
    Phone,
}

/// What an entry of such a list is described as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Main,
    Work,
    Personal,
    Mobile,
    Home,
    Fax,
    Other,
}

/// Which entry of a list a field stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Primary,
    Kind(Kind),
}

/// A part of the billing address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressPart {
    Street1,
    Street2,
    City,
    Province,
    PostalCode,
    Country,
}

/// A field of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientField {
    FirstName,
    LastName,
    CompanyName,
    IsCompany,
    Title,
    IsLead,
    IsArchived,
    Address(AddressPart),
    Contact(Contact, Place),
    Balance,
    WebUri,
    CreatedAt,
    UpdatedAt,
}

impl Contact {
    /// What an entry can be described as, in the order in which a new primary takes one.
    pub(super) fn kinds(self) -> &'static [Kind] {
        match self {
            Contact::Email => &[Kind::Main, Kind::Other, Kind::Work, Kind::Personal],
            Contact::Phone => {
                &[Kind::Main, Kind::Other, Kind::Work, Kind::Mobile, Kind::Home, Kind::Fax]
            }
        }
    }

    /// The kind that Jobber's free text says; what is not known is `OTHER`.
    pub(super) fn kind(self, description: &str) -> Kind {
        let upper = description.trim().to_uppercase();
        self.kinds().iter().copied().find(|kind| kind.code() == upper).unwrap_or(Kind::Other)
    }

    /// The key of the list in an answer.
    pub(super) fn key(self) -> &'static str {
        match self {
            Contact::Email => "emails",
            Contact::Phone => "phones",
        }
    }

    /// The key of an entry's text.
    pub(super) fn text_key(self) -> &'static str {
        match self {
            Contact::Email => "address",
            Contact::Phone => "number",
        }
    }
}

impl Kind {
    /// The value of Jobber's enum.
    pub(super) fn code(self) -> &'static str {
        match self {
            Kind::Main => "MAIN",
            Kind::Work => "WORK",
            Kind::Personal => "PERSONAL",
            Kind::Mobile => "MOBILE",
            Kind::Home => "HOME",
            Kind::Fax => "FAX",
            Kind::Other => "OTHER",
        }
    }
}

impl AddressPart {
    pub(super) const ALL: [AddressPart; 6] = [
        AddressPart::Street1,
        AddressPart::Street2,
        AddressPart::City,
        AddressPart::Province,
        AddressPart::PostalCode,
        AddressPart::Country,
    ];

    /// The key in Jobber's address.
    pub(super) fn key(self) -> &'static str {
        match self {
            AddressPart::Street1 => "street1",
            AddressPart::Street2 => "street2",
            AddressPart::City => "city",
            AddressPart::Province => "province",
            AddressPart::PostalCode => "postalCode",
            AddressPart::Country => "country",
        }
    }
}

/// Every field, in the order of the schema.
const TABLE: [(&str, ClientField); 29] = {
    use AddressPart as A;
    use ClientField as F;
    use Contact::{Email, Phone};
    use Place::{Kind as Of, Primary};
    [
        ("firstName", F::FirstName),
        ("lastName", F::LastName),
        ("companyName", F::CompanyName),
        ("isCompany", F::IsCompany),
        ("title", F::Title),
        ("isLead", F::IsLead),
        ("isArchived", F::IsArchived),
        ("billingAddress.street1", F::Address(A::Street1)),
        ("billingAddress.street2", F::Address(A::Street2)),
        ("billingAddress.city", F::Address(A::City)),
        ("billingAddress.province", F::Address(A::Province)),
        ("billingAddress.postalCode", F::Address(A::PostalCode)),
        ("billingAddress.country", F::Address(A::Country)),
        ("emails.primary", F::Contact(Email, Primary)),
        ("emails.main", F::Contact(Email, Of(Kind::Main))),
        ("emails.work", F::Contact(Email, Of(Kind::Work))),
        ("emails.personal", F::Contact(Email, Of(Kind::Personal))),
        ("emails.other", F::Contact(Email, Of(Kind::Other))),
        ("phones.primary", F::Contact(Phone, Primary)),
        ("phones.main", F::Contact(Phone, Of(Kind::Main))),
        ("phones.work", F::Contact(Phone, Of(Kind::Work))),
        ("phones.mobile", F::Contact(Phone, Of(Kind::Mobile))),
        ("phones.home", F::Contact(Phone, Of(Kind::Home))),
        ("phones.fax", F::Contact(Phone, Of(Kind::Fax))),
        ("phones.other", F::Contact(Phone, Of(Kind::Other))),
        ("balance", F::Balance),
        ("jobberWebUri", F::WebUri),
        ("createdAt", F::CreatedAt),
        ("updatedAt", F::UpdatedAt),
    ]
};

impl ClientField {
    /// The field of this name.
    pub(super) fn named(name: &FieldName) -> Option<ClientField> {
        TABLE.iter().find(|(known, _)| *known == name.as_str()).map(|(_, field)| *field)
    }

    /// The name, as the engine has it.
    pub(super) fn name(self) -> &'static str {
        TABLE.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| *name)
    }

    /// The key in an answer under which the field, or the list or address that has it, stands.
    pub(super) fn key(self) -> &'static str {
        match self {
            ClientField::Address(_) => "billingAddress",
            ClientField::Contact(contact, _) => contact.key(),
            ClientField::FirstName
            | ClientField::LastName
            | ClientField::CompanyName
            | ClientField::IsCompany
            | ClientField::Title
            | ClientField::IsLead
            | ClientField::IsArchived
            | ClientField::Balance
            | ClientField::WebUri
            | ClientField::CreatedAt
            | ClientField::UpdatedAt => self.name(),
        }
    }

    /// Whether it can only be read.
    pub(super) fn is_read_only(self) -> bool {
        match self {
            ClientField::IsLead
            | ClientField::IsArchived
            | ClientField::Balance
            | ClientField::WebUri
            | ClientField::CreatedAt
            | ClientField::UpdatedAt => true,
            ClientField::FirstName
            | ClientField::LastName
            | ClientField::CompanyName
            | ClientField::IsCompany
            | ClientField::Title
            | ClientField::Address(_)
            | ClientField::Contact(..) => false,
        }
    }

    /// How changes of it become known. An invoice moves the balance, not the client's time.
    fn seen_by(self) -> SeenBy {
        if self == ClientField::Balance { SeenBy::Sweep } else { SeenBy::Incremental }
    }

    /// Its type.
    pub(super) fn field_type(self) -> FieldType {
        match self {
            ClientField::FirstName
            | ClientField::LastName
            | ClientField::CompanyName
            | ClientField::Address(_)
            | ClientField::WebUri => FieldType::Text,
            ClientField::IsCompany | ClientField::IsLead | ClientField::IsArchived => {
                FieldType::Bool
            }
            ClientField::Title => {
                FieldType::Choice { options: TITLES.iter().map(|&t| t.to_owned()).collect() }
            }
            ClientField::Contact(Contact::Email, _) => FieldType::Email,
            ClientField::Contact(Contact::Phone, _) => FieldType::Phone,
            ClientField::Balance => FieldType::Decimal,
            ClientField::CreatedAt | ClientField::UpdatedAt => FieldType::Instant,
        }
    }

    /// What a query selects to read it.
    fn selection(self) -> &'static str {
        match self {
            ClientField::Address(_) => {
                "billingAddress { street1 street2 city province postalCode country }"
            }
            ClientField::Contact(Contact::Email, _) => "emails { id address description primary }",
            ClientField::Contact(Contact::Phone, _) => {
                "phones { id number normalizedPhoneNumber description primary }"
            }
            ClientField::FirstName
            | ClientField::LastName
            | ClientField::CompanyName
            | ClientField::IsCompany
            | ClientField::Title
            | ClientField::IsLead
            | ClientField::IsArchived
            | ClientField::Balance
            | ClientField::WebUri
            | ClientField::CreatedAt
            | ClientField::UpdatedAt => self.key(),
        }
    }
}

/// Refuses what is not the clients.
pub(super) fn expect_clients(object: &ObjectType) -> Result<(), ConnectorError> {
    if object.as_str() == CLIENTS {
        return Ok(());
    }
    Err(ConnectorError::new(
        ErrorKind::NotFound,
        format!("jobber has no object type {object} here: use {CLIENTS}"),
    ))
}

/// The fields of these names.
pub(super) fn known_fields(names: &[FieldName]) -> Result<Vec<ClientField>, ConnectorError> {
    names
        .iter()
        .map(|name| {
            ClientField::named(name).ok_or_else(|| ConnectorError {
                fields: vec![name.clone()],
                ..ConnectorError::new(
                    ErrorKind::Validation,
                    format!("a jobber client has no field {name}: the schema lists what it has"),
                )
            })
        })
        .collect()
}

/// The fragment that reads these fields, and what every read needs: id, archived, time.
///
/// Only what is asked for is selected: a query costs a point per field, and a field that Jobber
/// takes away, or that the app has no scope for, then hurts nobody who does not use it.
pub(super) fn fragment(fields: impl IntoIterator<Item = ClientField>) -> String {
    let mut selections = vec!["id", "isArchived", "updatedAt"];
    for field in fields {
        let selection = field.selection();
        if !selections.contains(&selection) {
            selections.push(selection);
        }
    }
    let mut text = String::from("fragment ClientFields on Client {\n");
    for selection in selections {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {selection}");
    }
    text.push_str("}\n");
    text
}

/// The clients as the engine sees them.
pub(super) fn schema(object: &ObjectType) -> ObjectSchema {
    let fields = TABLE.iter().filter_map(|(name, field)| {
        let schema = FieldSchema::new(FieldName::new(name).ok()?, field.field_type());
        let schema = if field.is_read_only() { schema.read_only() } else { schema };
        Some(FieldSchema { seen_by: field.seen_by(), ..schema })
    });
    ObjectSchema { object: object.clone(), fields: fields.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_has_one() {
        let schema = schema(&ObjectType::new(CLIENTS).unwrap());
        assert_eq!(schema.fields.len(), TABLE.len());
        for field in &schema.fields {
            let known = ClientField::named(&field.name).unwrap();
            assert_eq!(known.name(), field.name.as_str());
            assert_eq!(known.is_read_only(), field.read_only);
        }
    }

    #[test]
    fn a_query_selects_what_is_asked_for_once_and_always_id_archived_and_time() {
        let text = fragment([
            ClientField::Contact(Contact::Email, Place::Primary),
            ClientField::Contact(Contact::Email, Place::Kind(Kind::Work)),
            ClientField::UpdatedAt,
        ]);
        assert_eq!(
            text,
            "fragment ClientFields on Client {\n  id\n  isArchived\n  updatedAt\n  \
             emails { id address description primary }\n}\n"
        );
    }

    #[test]
    fn a_description_is_read_without_case_and_an_unknown_one_is_other() {
        assert_eq!(Contact::Email.kind(" Main "), Kind::Main);
        assert_eq!(Contact::Phone.kind("mobile"), Kind::Mobile);
        assert_eq!(Contact::Email.kind("mobile"), Kind::Other);
        assert_eq!(Contact::Email.kind("Assistant"), Kind::Other);
    }
}
