//! The fields of Jobber's objects as the engine names them: one table per object for the schema,
//! for what a query selects, and for where a value goes. How values are converted lives in
//! [`super::convert`]; fields that an account has made itself come from [`super::custom`].

mod table;

use std::fmt::Write as _;
use std::sync::Arc;

use fluxcascade_core::model::{FieldName, FieldSchema, FieldType, ObjectType, SeenBy};

use super::custom::CustomField;
use super::object::Object;

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

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressPart {
    Street1,
    Street2,
    City,
    Province,
    PostalCode,
    Country,
}

/// What a field is, and how it stands in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A value at the key.
    Plain(Plain),
    /// A part of the address at the key.
    Part(AddressPart),
    /// An amount among those at the key.
    Amount(&'static str),
    /// An entry of a list.
    Contact(Contact, Place),
    /// Another record.
    Ref(Object),
}

/// A value that stands by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Text,
    Email,
    Phone,
    Bool,
    Int,
    Decimal,
    Instant,
    /// An instant that is written as a day and a time in a zone.
    Scheduled,
    /// One of these codes.
    Choice(&'static [&'static str]),
    /// How a client is addressed: `Mr.` is read, `MR` is written.
    Title,
}

/// A field that every account has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// As the engine names it.
    pub(super) name: &'static str,
    /// The key in an answer under which the field, or the list or address that has it, stands.
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    /// Where it stands in the input of a create, keys with dots between; none: it cannot be set.
    pub(super) create: Option<&'static str>,
    /// The same of an edit.
    pub(super) edit: Option<&'static str>,
    pub(super) seen_by: SeenBy,
    pub(super) required: bool,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Known(&'static Known),
    Custom(Arc<CustomField>),
    /// A custom field that the account does not show under this name now: it was archived, renamed or
    /// hidden, or another has the name too. Nothing is known of its values, and none is written.
    Gone(Arc<FieldName>),
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

impl Plain {
    /// Its type.
    fn field_type(self) -> FieldType {
        let choice = |options: &[&str]| FieldType::Choice {
            options: options.iter().map(|&option| option.to_owned()).collect(),
        };
        match self {
            Plain::Text => FieldType::Text,
            Plain::Email => FieldType::Email,
            Plain::Phone => FieldType::Phone,
            Plain::Bool => FieldType::Bool,
            Plain::Int => FieldType::Int,
            Plain::Decimal => FieldType::Decimal,
            Plain::Instant | Plain::Scheduled => FieldType::Instant,
            Plain::Choice(options) => choice(options),
            Plain::Title => choice(&TITLES),
        }
    }
}

impl Known {
    /// Its type.
    fn field_type(&self) -> FieldType {
        match self.shape {
            Shape::Plain(plain) => plain.field_type(),
            Shape::Part(_) => FieldType::Text,
            Shape::Amount(_) => FieldType::Decimal,
            Shape::Contact(Contact::Email, _) => FieldType::Email,
            Shape::Contact(Contact::Phone, _) => FieldType::Phone,
            // The name is one of this adapter's own.
            Shape::Ref(object) => ObjectType::new(object.many())
                .map_or(FieldType::Text, |object| FieldType::Ref { object }),
        }
    }

    /// What a query selects to read it.
    fn selection(&self) -> String {
        match self.shape {
            Shape::Part(_) => {
                format!("{} {{ street1 street2 city province postalCode country }}", self.key)
            }
            Shape::Contact(Contact::Email, _) => {
                "emails { id address description primary }".to_owned()
            }
            Shape::Contact(Contact::Phone, _) => {
                "phones { id number normalizedPhoneNumber description primary }".to_owned()
            }
            // All amounts at once: two fields of a mapping then share a selection.
            Shape::Amount(_) => format!("{} {{ {} }}", self.key, table::AMOUNTS),
            Shape::Ref(_) => format!("{} {{ id }}", self.key),
            Shape::Plain(_) => self.key.to_owned(),
        }
    }
}

impl Field {
    /// The field of this name that every account has.
    pub(super) fn known(object: Object, name: &str) -> Option<Field> {
        table::of(object).iter().find(|known| known.name == name).map(Field::Known)
    }

    /// Every field that every account has, in the order of the schema.
    pub(super) fn all_known(object: Object) -> impl Iterator<Item = Field> {
        table::of(object).iter().map(Field::Known)
    }

    /// The name, as the engine has it.
    pub(super) fn name(&self) -> &str {
        match self {
            Field::Known(known) => known.name,
            Field::Custom(custom) => custom.name.as_str(),
            Field::Gone(name) => name.as_str(),
        }
    }

    /// The key in an answer under which the field, or the list or address that has it, stands.
    pub(super) fn key(&self) -> &str {
        match self {
            Field::Known(known) => known.key,
            Field::Custom(_) | Field::Gone(_) => "customFields",
        }
    }

    /// The key of this list, if the field is an entry of one.
    pub(super) fn contact(&self) -> Option<(Contact, Place)> {
        match self {
            Field::Known(Known { shape: Shape::Contact(contact, place), .. }) => {
                Some((*contact, *place))
            }
            Field::Known(_) | Field::Custom(_) | Field::Gone(_) => None,
        }
    }

    /// Which part of an address it is, if it is one.
    pub(super) fn part(&self) -> Option<AddressPart> {
        match self {
            Field::Known(Known { shape: Shape::Part(part), .. }) => Some(*part),
            Field::Known(_) | Field::Custom(_) | Field::Gone(_) => None,
        }
    }

    /// Whether it can be set when a record is made, and never again.
    pub(super) fn is_create_only(&self) -> bool {
        match self {
            Field::Known(known) => known.create.is_some() && known.edit.is_none(),
            Field::Custom(_) | Field::Gone(_) => false,
        }
    }

    /// Whether it can only be read.
    pub(super) fn is_read_only(&self) -> bool {
        match self {
            Field::Known(known) => known.create.is_none() && known.edit.is_none(),
            Field::Custom(custom) => custom.read_only,
            Field::Gone(_) => true,
        }
    }

    /// Its type.
    pub(super) fn field_type(&self) -> FieldType {
        match self {
            Field::Known(known) => known.field_type(),
            Field::Custom(custom) => custom.field_type(),
            Field::Gone(_) => FieldType::Text,
        }
    }

    /// What the schema says of it.
    pub(super) fn schema(&self) -> Option<FieldSchema> {
        let schema = FieldSchema::new(FieldName::new(self.name()).ok()?, self.field_type());
        let (seen_by, required) = match self {
            Field::Known(known) => (known.seen_by, known.required),
            // Which edits move a record's time is not documented, least of all for these.
            Field::Custom(_) | Field::Gone(_) => (SeenBy::Webhook, false),
        };
        Some(FieldSchema { read_only: self.is_read_only(), seen_by, required, ..schema })
    }
}

/// The fragment that reads these fields, and what every read needs: id, archived, time.
///
/// Only what is asked for is selected: a query costs a point per field, and a field that Jobber
/// takes away, or that the app has no scope for, then hurts nobody who does not use it.
pub(super) fn fragment<'a>(object: Object, fields: impl IntoIterator<Item = &'a Field>) -> String {
    let mut selections: Vec<String> = vec!["id".to_owned()];
    selections.extend(object.always().map(str::to_owned));
    let mut customs: Vec<&str> = Vec::new();
    for field in fields {
        let selection = match field {
            Field::Known(known) => known.selection(),
            Field::Custom(custom) => {
                let selection = custom.kind.selection();
                if !customs.contains(&selection) {
                    customs.push(selection);
                }
                continue;
            }
            Field::Gone(_) => continue,
        };
        if !selections.contains(&selection) {
            selections.push(selection);
        }
    }
    if !customs.is_empty() {
        selections.push(format!("customFields {{ __typename {} }}", customs.join(" ")));
    }
    let name = object.type_name();
    let mut text = format!("fragment {name}Fields on {name} {{\n");
    for selection in selections {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {selection}");
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_has_one() {
        for object in Object::ALL {
            let mut names = Vec::new();
            for field in Field::all_known(object) {
                assert_eq!(Field::known(object, field.name()), Some(field.clone()));
                let schema = field.schema().unwrap();
                assert_eq!(schema.read_only, field.is_read_only());
                assert!(!names.contains(&schema.name), "{object:?} {}", schema.name);
                names.push(schema.name);
            }
        }
    }

    #[test]
    fn what_a_create_needs_can_be_written() {
        for field in Object::ALL.into_iter().flat_map(Field::all_known) {
            let Field::Known(known) = field else { panic!() };
            assert!(!known.required || known.create.is_some(), "{}", known.name);
        }
    }

    #[test]
    fn a_query_selects_what_is_asked_for_once_and_always_id_archived_and_time() {
        let fields = ["emails.primary", "emails.work", "updatedAt"];
        let fields = fields.map(|name| Field::known(Object::Clients, name).unwrap());
        assert_eq!(
            fragment(Object::Clients, &fields),
            "fragment ClientFields on Client {\n  id\n  isArchived\n  updatedAt\n  \
             emails { id address description primary }\n}\n"
        );
        let fields = ["client", "amounts.total", "amounts.subtotal"];
        let fields = fields.map(|name| Field::known(Object::Quotes, name).unwrap());
        assert_eq!(
            fragment(Object::Quotes, &fields),
            "fragment QuoteFields on Quote {\n  id\n  updatedAt\n  client { id }\n  \
             amounts { subtotal discountAmount taxAmount depositAmount total }\n}\n"
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
