//! The inputs about properties, work and custom fields. Their meaning is in `change::work`.

use async_graphql::{Enum, InputObject, MaybeUndefined, Scalar, ScalarType};
use async_graphql::{InputValueError, InputValueResult, Value};
use chrono::{NaiveDate, NaiveTime};
use fluxcascade_core::Timestamp;

use super::{AddressAttributes, EncodedId, Iso8601DateTime, SortDirectionEnum, TimeRange};
use crate::sim::jobber::custom::{CustomFieldAppliesTo, JobberCustomField, JobberCustomValue};
use crate::sim::jobber::work::{
    InvoiceStatusTypeEnum, JobStatusTypeEnum, QuoteStatusTypeEnum, RequestStatusTypeEnum,
};

macro_rules! text_scalar {
    ($(#[$doc:meta])* $type:ident as $name:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(in super::super) struct $type(pub(in super::super) String);

        #[Scalar(name = $name)]
        impl ScalarType for $type {
            fn parse(value: Value) -> InputValueResult<Self> {
                if let Value::String(text) = value {
                    return Ok(Self(text));
                }
                Err(InputValueError::expected_type(value))
            }
            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }
    };
}

text_scalar! {
    /// A day, `2026-03-01`.
    Iso8601Date as "ISO8601Date"
}
text_scalar! {
    /// A time of day, `14:00:00`.
    Iso8601Time as "ISO8601Time"
}
text_scalar! {
    /// A zone by its IANA name.
    Timezone as "Timezone"
}

/// A local time. The simulator knows the zones of UTC alone.
#[derive(Debug, Clone, InputObject)]
pub(in super::super) struct LocalDateTimeAttributes {
    date: Iso8601Date,
    time: Option<Iso8601Time>,
    timezone: Timezone,
}

impl LocalDateTimeAttributes {
    /// The instant.
    pub(in super::super) fn instant(&self) -> Result<Timestamp, String> {
        if !["UTC", "Etc/UTC", "Etc/GMT"].contains(&self.timezone.0.as_str()) {
            return Err(format!("{} is no time zone of the simulator's", self.timezone.0));
        }
        let date: NaiveDate = self.date.0.parse().map_err(|_| "is not a day")?;
        let time: NaiveTime = match &self.time {
            Some(time) => time.0.parse().map_err(|_| "is not a time of day")?,
            None => NaiveTime::MIN,
        };
        Ok(Timestamp::from(date.and_time(time).and_utc()))
    }
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct CustomFieldValueLinkInput {
    text: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct CustomFieldValueAreaInput {
    length: Option<f64>,
    width: Option<f64>,
}

macro_rules! custom_input {
    ($($name:ident { $($own:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Clone, Default, InputObject)]
        pub(in super::super) struct $name {
            pub(in super::super) custom_field_configuration_id: Option<EncodedId>,
            value_area: Option<CustomFieldValueAreaInput>,
            value_dropdown: Option<String>,
            value_link: Option<CustomFieldValueLinkInput>,
            value_numeric: Option<f64>,
            value_text: Option<String>,
            value_true_false: Option<bool>,
            $($own: $type,)*
        }

        impl $name {
            /// The one value; none unless there is exactly one.
            pub(in super::super) fn value(&self) -> Option<JobberCustomValue> {
                let link = self.value_link.as_ref().map(|link| JobberCustomValue::Link {
                    text: link.text.clone().unwrap_or_default(),
                    url: link.url.clone().unwrap_or_default(),
                });
                let area = self.value_area.as_ref().and_then(|area| {
                    Some(JobberCustomValue::Area { length: area.length?, width: area.width? })
                });
                let mut values = [
                    self.value_text.clone().map(JobberCustomValue::Text),
                    self.value_numeric.map(JobberCustomValue::Numeric),
                    self.value_true_false.map(JobberCustomValue::TrueFalse),
                    self.value_dropdown.clone().map(JobberCustomValue::Dropdown),
                    link,
                    area,
                ]
                .into_iter()
                .flatten();
                values.next().filter(|_| values.next().is_none())
            }
        }
    )*};
}

custom_input! {
    CustomFieldCreateInput {}
    CustomFieldEditInput { id: Option<EncodedId> }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum CustomFieldConfigurationValueType {
    Area,
    Dropdown,
    Link,
    Numeric,
    Text,
    TrueFalse,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct CustomFieldConfigurationsFilterInput {
    applies_to: Option<CustomFieldAppliesTo>,
    created_by_this_app: Option<bool>,
    value_type: Option<CustomFieldConfigurationValueType>,
}

impl CustomFieldConfigurationsFilterInput {
    pub(in super::super) fn passes(&self, of: &JobberCustomField) -> bool {
        let kind = match of.default {
            JobberCustomValue::Text(_) => CustomFieldConfigurationValueType::Text,
            JobberCustomValue::Numeric(_) => CustomFieldConfigurationValueType::Numeric,
            JobberCustomValue::TrueFalse(_) => CustomFieldConfigurationValueType::TrueFalse,
            JobberCustomValue::Dropdown(_) => CustomFieldConfigurationValueType::Dropdown,
            JobberCustomValue::Link { .. } => CustomFieldConfigurationValueType::Link,
            JobberCustomValue::Area { .. } => CustomFieldConfigurationValueType::Area,
        };
        self.applies_to.is_none_or(|asked| asked == of.applies_to)
            && self.created_by_this_app.is_none_or(|asked| asked == of.created_by_this_app)
            && self.value_type.is_none_or(|asked| asked == kind)
    }
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct PropertiesFilterAttributes {
    pub(in super::super) client_id: Option<EncodedId>,
    pub(in super::super) primary: Option<bool>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct PropertyCreateInput {
    pub(in super::super) properties: Option<Vec<super::PropertyAttributes>>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct PropertyEditInput {
    pub(in super::super) name: MaybeUndefined<String>,
    pub(in super::super) address: Option<AddressAttributes>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldEditInput>>,
}

macro_rules! filters {
    ($($name:ident of $status:ident { $($own:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Clone, Default, InputObject)]
        pub(in super::super) struct $name {
            pub(in super::super) status: Option<$status>,
            pub(in super::super) created_at: Option<TimeRange>,
            $(pub(in super::super) $own: $type,)*
        }
    )*};
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum VisitStatusTypeEnum {
    Active,
    Completed,
    Late,
    Today,
    Unscheduled,
    Upcoming,
}

filters! {
    RequestFilterAttributes of RequestStatusTypeEnum {
        client_id: Option<EncodedId>, property_id: Option<EncodedId>, updated_at: Option<TimeRange>
    }
    QuoteFilterAttributes of QuoteStatusTypeEnum {
        client_id: Option<EncodedId>, updated_at: Option<TimeRange>, sent_at: Option<TimeRange>
    }
    InvoiceFilterAttributes of InvoiceStatusTypeEnum {
        client_id: Option<EncodedId>, updated_at: Option<TimeRange>, due_date: Option<TimeRange>
    }
    // There is no filter on the time of their last change: a trap of the vendor's.
    JobFilterAttributes of JobStatusTypeEnum {
        ids: Option<Vec<EncodedId>>, start_at: Option<TimeRange>, end_at: Option<TimeRange>,
        completed_at: Option<TimeRange>
    }
    VisitFilterAttributes of VisitStatusTypeEnum {
        ids: Option<Vec<EncodedId>>, start_at: Option<TimeRange>, end_at: Option<TimeRange>,
        completed_at: Option<TimeRange>
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum JobSortKey {
    ClientFirstName,
    ClientPrimaryName,
    UpdatedAt,
    JobNumber,
    TotalCost,
    JobStatus,
    Schedule,
    VisitStartDate,
}

#[derive(Debug, Clone, Copy, InputObject)]
pub(in super::super) struct JobsSortInput {
    pub(in super::super) direction: SortDirectionEnum,
    pub(in super::super) key: JobSortKey,
}

macro_rules! sorts {
    ($($name:ident by $key:ident { $($(#[$of:meta])* $value:ident),* $(,)? })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub(in super::super) enum $key { $($(#[$of])* $value),* }

        #[derive(Debug, Clone, Copy, InputObject)]
        pub(in super::super) struct $name {
            pub(in super::super) direction: SortDirectionEnum,
            pub(in super::super) key: $key,
        }
    )*};
}

// Requests and quotes can not be sorted by their last change: a trap of the vendor's.
sorts! {
    RequestsSortInput by RequestsSortKey {
        FirstName, LastName, PrimaryName, RequestedAt, Status, StatusAndRequestedAt, Title,
    }
    QuotesSortInput by QuotesSortKey {
        ApprovedAt, ArchivedAt, ClientFirstName, ClientLastName, ClientPrimaryName, ConvertedAt,
        CreatedAt, LastChangesRequestedAt, LastSentAt,
        #[graphql(name = "PROPERTY_STREET1")]
        PropertyStreet1,
        QuoteNumber, QuoteStatus, QuoteTotal,
    }
    InvoiceSortInput by InvoiceSortKey {
        ClientFirstName, ClientLastName, ClientPrimaryName, CreatedAt, DueDate, InvoiceBalance,
        InvoiceDepositAmount, InvoiceDiscountAmount, InvoiceNumber, InvoiceStatus,
        InvoiceStatusAndDueDateAndNumber, InvoiceTaxAmount, InvoiceTaxPercent, InvoiceTipTotal,
        InvoiceTotal, IssuedDate, ReceivedDate, UpdatedAt,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum VisitsSortableFields {
    CreatedAt,
    StartAt,
    ClientPrimaryName,
    Status,
}

#[derive(Debug, Clone, Copy, InputObject)]
pub(in super::super) struct VisitsSortInput {
    pub(in super::super) direction: SortDirectionEnum,
    pub(in super::super) key: VisitsSortableFields,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct RequestCreateInput {
    pub(in super::super) client_id: EncodedId,
    pub(in super::super) property_id: Option<EncodedId>,
    pub(in super::super) title: MaybeUndefined<String>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct RequestEditInput {
    pub(in super::super) property_id: Option<EncodedId>,
    pub(in super::super) title: MaybeUndefined<String>,
}

/// An item with its price, as quotes and jobs take it.
#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct QuoteCreateLineItemAttributes {
    pub(in super::super) name: String,
    pub(in super::super) save_to_products_and_services: bool,
    pub(in super::super) unit_price: Option<f64>,
    pub(in super::super) quantity: Option<f64>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct QuoteCreateAttributes {
    pub(in super::super) client_id: EncodedId,
    pub(in super::super) property_id: EncodedId,
    pub(in super::super) request_id: Option<EncodedId>,
    pub(in super::super) title: MaybeUndefined<String>,
    pub(in super::super) message: MaybeUndefined<String>,
    pub(in super::super) contract_disclaimer: MaybeUndefined<String>,
    pub(in super::super) quote_number: Option<i32>,
    pub(in super::super) line_items: Vec<QuoteCreateLineItemAttributes>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldCreateInput>>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct QuoteEditAttributes {
    pub(in super::super) title: MaybeUndefined<String>,
    pub(in super::super) message: MaybeUndefined<String>,
    pub(in super::super) contract_disclaimer: MaybeUndefined<String>,
    pub(in super::super) quote_number: Option<String>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldEditInput>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum BillingStrategy {
    FixedPrice,
    VisitBased,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum BillingFrequencyEnum {
    OnCompletion,
    Periodic,
    PerVisit,
    Never,
}

#[derive(Debug, Clone, InputObject)]
pub(in super::super) struct JobInvoicingAttributes {
    pub(in super::super) invoicing_type: BillingStrategy,
    pub(in super::super) invoicing_schedule: BillingFrequencyEnum,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct JobCreateLineItemAttributes {
    pub(in super::super) name: String,
    pub(in super::super) save_to_products_and_services: bool,
    pub(in super::super) unit_price: f64,
    pub(in super::super) quantity: f64,
}

#[derive(Debug, Clone, InputObject)]
pub(in super::super) struct JobCreateAttributes {
    pub(in super::super) property_id: EncodedId,
    pub(in super::super) invoicing: JobInvoicingAttributes,
    pub(in super::super) quote_id: Option<EncodedId>,
    pub(in super::super) request_id: Option<EncodedId>,
    pub(in super::super) title: MaybeUndefined<String>,
    pub(in super::super) instructions: MaybeUndefined<String>,
    pub(in super::super) job_number: Option<i32>,
    pub(in super::super) line_items: Option<Vec<JobCreateLineItemAttributes>>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldCreateInput>>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct JobEditInput {
    pub(in super::super) title: MaybeUndefined<String>,
    pub(in super::super) instructions: MaybeUndefined<String>,
    pub(in super::super) job_number: Option<i32>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldEditInput>>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct ScheduledItemAttributes {
    pub(in super::super) start_at: Option<LocalDateTimeAttributes>,
    pub(in super::super) end_at: Option<LocalDateTimeAttributes>,
    pub(in super::super) notify_team: Option<bool>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct VisitCreateAttributes {
    pub(in super::super) title: MaybeUndefined<String>,
    pub(in super::super) instructions: MaybeUndefined<String>,
    pub(in super::super) schedule: Option<ScheduledItemAttributes>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct VisitCreateInput {
    pub(in super::super) visits: Vec<VisitCreateAttributes>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct VisitEditAttributes {
    pub(in super::super) title: MaybeUndefined<String>,
    pub(in super::super) instructions: MaybeUndefined<String>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct VisitEditScheduleInput {
    pub(in super::super) start_at: Option<LocalDateTimeAttributes>,
    pub(in super::super) end_at: Option<LocalDateTimeAttributes>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct InvoiceDueDetails {
    pub(in super::super) due_date: Option<Iso8601DateTime>,
    pub(in super::super) invoice_net: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(in super::super) enum TaxCalculationMethodType {
    Exclusive,
    Inclusive,
}

#[derive(Debug, Clone, InputObject)]
pub(in super::super) struct TaxInputType {
    tax_rate_id: Option<EncodedId>,
    tax_calculation_method: TaxCalculationMethodType,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct InvoiceCreationLineItemInput {
    pub(in super::super) name: String,
    pub(in super::super) cost: Option<f64>,
    pub(in super::super) quantity: Option<f64>,
}

#[derive(Debug, Clone, InputObject)]
pub(in super::super) struct InvoiceCreateInput {
    pub(in super::super) client_id: EncodedId,
    pub(in super::super) due_details: InvoiceDueDetails,
    pub(in super::super) tax: TaxInputType,
    pub(in super::super) line_items: Vec<InvoiceCreationLineItemInput>,
    pub(in super::super) subject: MaybeUndefined<String>,
    pub(in super::super) message: MaybeUndefined<String>,
    pub(in super::super) contract_disclaimer: MaybeUndefined<String>,
    pub(in super::super) invoice_number: Option<String>,
    pub(in super::super) issued_date: Option<Iso8601DateTime>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldCreateInput>>,
}

#[derive(Debug, Clone, Default, InputObject)]
pub(in super::super) struct InvoiceEditInput {
    pub(in super::super) due_details: Option<InvoiceDueDetails>,
    pub(in super::super) subject: MaybeUndefined<String>,
    pub(in super::super) message: MaybeUndefined<String>,
    pub(in super::super) contract_disclaimer: MaybeUndefined<String>,
    pub(in super::super) invoice_number: Option<String>,
    pub(in super::super) issued_date: Option<Iso8601DateTime>,
    pub(in super::super) custom_fields: Option<Vec<CustomFieldEditInput>>,
}
