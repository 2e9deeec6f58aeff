//! The inputs of Jobber's schema: arguments of mutations, filters and sorts. Their meaning is in
//! `change` and `listing`.

pub(super) mod work;

use async_graphql::{Enum, InputObject, InputValueError, InputValueResult, MaybeUndefined};
use async_graphql::{Scalar, ScalarType, Value};
use fluxcascade_core::Timestamp;

use super::client::{ClientTitle, JobberPhone, is_gid};
use work::{CustomFieldCreateInput, CustomFieldEditInput};

/// An opaque id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct EncodedId(pub(super) String);

#[Scalar]
impl ScalarType for EncodedId {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(id) if is_gid(&id) => Ok(Self(id)),
            Value::String(_) => Err(InputValueError::custom("is no id")),
            Value::Null
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Enum(_)
            | Value::List(_)
            | Value::Object(_)
            | Value::Binary(_) => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Iso8601DateTime(pub(super) Timestamp);

#[Scalar(name = "ISO8601DateTime")]
impl ScalarType for Iso8601DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            Value::Null
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Enum(_)
            | Value::List(_)
            | Value::Object(_)
            | Value::Binary(_) => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Bounds on a time; both are inclusive.
#[derive(Debug, Clone, Default, InputObject)]
#[graphql(name = "Iso8601DateTimeRangeInput")]
pub(super) struct TimeRange {
    pub(super) after: Option<Iso8601DateTime>,
    pub(super) before: Option<Iso8601DateTime>,
    pub(super) eq: Option<Iso8601DateTime>,
}

impl TimeRange {
    /// Whether the time is within the bounds.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.after.is_none_or(|bound| at >= bound.0)
            && self.before.is_none_or(|bound| at <= bound.0)
            && self.eq.is_none_or(|bound| at == bound.0)
    }
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct ClientFilterAttributes {
    pub(super) created_at: Option<TimeRange>,
    pub(super) is_archived: Option<bool>,
    pub(super) is_company: Option<bool>,
    pub(super) is_lead: Option<bool>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) updated_at: Option<TimeRange>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct ClientPhoneFilterAttributes {
    pub(super) is_valid_sms_phone_number: Option<bool>,
    pub(super) sms_allowed: Option<bool>,
    pub(super) sms_stopped: Option<bool>,
}

impl ClientPhoneFilterAttributes {
    /// Whether a number passes. Nobody ever stops messages in the simulated account.
    pub(super) fn passes(&self, phone: &JobberPhone) -> bool {
        let is = |asked: Option<bool>, has: bool| asked.is_none_or(|asked| asked == has);
        is(self.is_valid_sms_phone_number, phone.normalized().is_some())
            && is(self.sms_allowed, phone.sms_allowed)
            && is(self.sms_stopped, false)
    }
}

/// Narrows a client's own list; the simulated account has no secondary contacts.
#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct EmailFilterInput {
    pub(super) include_secondary_contacts: Option<bool>,
    pub(super) property_ids: Option<Vec<EncodedId>>,
}

/// Narrows a client's own list; the simulated account has no secondary contacts.
#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct PhoneFilterInput {
    pub(super) include_secondary_contacts: Option<bool>,
    pub(super) property_ids: Option<Vec<EncodedId>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum ClientSearchField {
    CustomFields,
    Emails,
    Names,
    Notes,
    Phones,
    PrimaryEmail,
    Properties,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum ClientsSortKey {
    FirstName,
    LastName,
    PrimaryName,
    UpdatedAt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum SortDirectionEnum {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, InputObject)]
pub(super) struct ClientsSortInput {
    pub(super) direction: SortDirectionEnum,
    pub(super) key: ClientsSortKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum EmailDescription {
    Main,
    Other,
    Personal,
    Work,
}

impl EmailDescription {
    /// As it reads back.
    pub(super) fn shown(self) -> &'static str {
        match self {
            EmailDescription::Main => "Main",
            EmailDescription::Other => "Other",
            EmailDescription::Personal => "Personal",
            EmailDescription::Work => "Work",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum PhoneNumberDescription {
    Fax,
    Home,
    Main,
    Mobile,
    Other,
    Work,
}

impl PhoneNumberDescription {
    /// As it reads back.
    pub(super) fn shown(self) -> &'static str {
        match self {
            PhoneNumberDescription::Fax => "Fax",
            PhoneNumberDescription::Home => "Home",
            PhoneNumberDescription::Main => "Main",
            PhoneNumberDescription::Mobile => "Mobile",
            PhoneNumberDescription::Other => "Other",
            PhoneNumberDescription::Work => "Work",
        }
    }
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct EmailCreateAttributes {
    pub(super) address: Option<String>,
    pub(super) description: Option<EmailDescription>,
    pub(super) primary: Option<bool>,
}

#[derive(Debug, Clone, InputObject)]
pub(super) struct EmailUpdateAttributes {
    pub(super) address: Option<String>,
    pub(super) description: Option<EmailDescription>,
    pub(super) id: EncodedId,
    pub(super) primary: Option<bool>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct PhoneNumberCreateAttributes {
    pub(super) description: Option<PhoneNumberDescription>,
    pub(super) number: Option<String>,
    pub(super) primary: Option<bool>,
    pub(super) sms_allowed: Option<bool>,
}

#[derive(Debug, Clone, InputObject)]
pub(super) struct PhoneNumberUpdateAttributes {
    pub(super) description: Option<PhoneNumberDescription>,
    pub(super) id: EncodedId,
    pub(super) number: Option<String>,
    pub(super) primary: Option<bool>,
    pub(super) sms_allowed: Option<bool>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct AddressAttributes {
    pub(super) city: MaybeUndefined<String>,
    pub(super) country: MaybeUndefined<String>,
    pub(super) postal_code: MaybeUndefined<String>,
    pub(super) province: MaybeUndefined<String>,
    pub(super) street1: MaybeUndefined<String>,
    pub(super) street2: MaybeUndefined<String>,
}

#[derive(Debug, Clone, InputObject)]
pub(super) struct PropertyAttributes {
    pub(super) address: AddressAttributes,
    pub(super) name: Option<String>,
    pub(super) custom_fields: Option<Vec<CustomFieldCreateInput>>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct ClientCreateInput {
    pub(super) billing_address: Option<AddressAttributes>,
    pub(super) company_name: MaybeUndefined<String>,
    pub(super) custom_fields: Option<Vec<CustomFieldCreateInput>>,
    pub(super) emails: Option<Vec<EmailCreateAttributes>>,
    pub(super) first_name: MaybeUndefined<String>,
    pub(super) is_company: Option<bool>,
    pub(super) last_name: MaybeUndefined<String>,
    pub(super) phones: Option<Vec<PhoneNumberCreateAttributes>>,
    pub(super) properties: Option<Vec<PropertyAttributes>>,
    pub(super) receives_follow_ups: Option<bool>,
    pub(super) receives_invoice_follow_ups: Option<bool>,
    pub(super) receives_quote_follow_ups: Option<bool>,
    pub(super) receives_reminders: Option<bool>,
    pub(super) receives_review_requests: Option<bool>,
    pub(super) title: MaybeUndefined<ClientTitle>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(super) struct ClientEditInput {
    pub(super) billing_address: Option<AddressAttributes>,
    pub(super) company_name: MaybeUndefined<String>,
    pub(super) custom_fields: Option<Vec<CustomFieldEditInput>>,
    pub(super) properties_to_add: Option<Vec<PropertyAttributes>>,
    pub(super) properties_to_delete: Option<Vec<EncodedId>>,
    pub(super) emails_to_add: Option<Vec<EmailCreateAttributes>>,
    pub(super) emails_to_delete: Option<Vec<EncodedId>>,
    pub(super) emails_to_edit: Option<Vec<EmailUpdateAttributes>>,
    pub(super) first_name: MaybeUndefined<String>,
    pub(super) is_company: Option<bool>,
    pub(super) last_name: MaybeUndefined<String>,
    pub(super) phones_to_add: Option<Vec<PhoneNumberCreateAttributes>>,
    pub(super) phones_to_delete: Option<Vec<EncodedId>>,
    pub(super) phones_to_edit: Option<Vec<PhoneNumberUpdateAttributes>>,
    pub(super) receives_follow_ups: Option<bool>,
    pub(super) receives_invoice_follow_ups: Option<bool>,
    pub(super) receives_quote_follow_ups: Option<bool>,
    pub(super) receives_reminders: Option<bool>,
    pub(super) receives_review_requests: Option<bool>,
    pub(super) tags_to_add: Option<Vec<String>>,
    pub(super) tags_to_delete: Option<Vec<String>>,
    pub(super) title: MaybeUndefined<ClientTitle>,
}
