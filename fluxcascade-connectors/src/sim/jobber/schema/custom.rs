//! Custom fields in the schema: configurations, and the values on records.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

use async_graphql::{Context, Error, InputObject, Object, Result, SimpleObject, Union};

use super::connection::Connection;
use super::{MutationErrors, account};
use crate::sim::jobber::change::Refusal;
use crate::sim::jobber::client::{Kind, decode_id};
use crate::sim::jobber::custom::{CustomFieldAppliesTo, JobberCustomField, JobberCustomValue};
use crate::sim::jobber::input::EncodedId;
use crate::sim::jobber::input::work::{
    CustomFieldConfigurationValueType, CustomFieldConfigurationsFilterInput,
};
use crate::sim::jobber::listing::{self, Order, Place};
use crate::sim::jobber::work::CustomValues;

macro_rules! configurations {
    ($($node:ident as $name:literal { $($own:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Clone, SimpleObject)]
        #[graphql(name = $name)]
        pub(super) struct $node {
            id: EncodedId,
            name: String,
            applies_to: CustomFieldAppliesTo,
            archived: bool,
            read_only: bool,
            transferable: bool,
            value_type: CustomFieldConfigurationValueType,
            $($own: $type,)*
        }
    )*};
}

configurations! {
    TextConfiguration as "CustomFieldConfigurationText" { default_value: String }
    NumericConfiguration as "CustomFieldConfigurationNumeric" { default_value: f64, unit: String }
    TrueFalseConfiguration as "CustomFieldConfigurationTrueFalse" { default_value: bool }
    DropdownConfiguration as "CustomFieldConfigurationDropdown" {
        default_value: String, dropdown_options: Vec<String>
    }
    LinkConfiguration as "CustomFieldConfigurationLink" {
        default_value: CustomFieldConfigurationLinkDefaultValue
    }
    AreaConfiguration as "CustomFieldConfigurationArea" {
        default_value: CustomFieldConfigurationAreaDefaultValue, unit: String
    }
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct CustomFieldConfigurationLinkDefaultValue {
    text: String,
    url: String,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct CustomFieldConfigurationAreaDefaultValue {
    length: f64,
    width: f64,
}

/// A configuration, by its kind.
#[derive(Debug, Clone, Union)]
#[graphql(name = "CustomFieldConfiguration")]
pub(super) enum ConfigurationNode {
    Text(TextConfiguration),
    Numeric(NumericConfiguration),
    TrueFalse(TrueFalseConfiguration),
    Dropdown(DropdownConfiguration),
    Link(LinkConfiguration),
    Area(AreaConfiguration),
}

macro_rules! configuration {
    ($node:ident, $of:ident, $type:ident $(, $own:ident: $value:expr)*) => {
        $node {
            id: EncodedId($of.id.clone()),
            name: $of.name.clone(),
            applies_to: $of.applies_to,
            archived: $of.archived,
            read_only: $of.read_only,
            transferable: $of.transferable,
            value_type: CustomFieldConfigurationValueType::$type,
            $($own: $value,)*
        }
    };
}

impl ConfigurationNode {
    fn of(of: &JobberCustomField) -> Self {
        match &of.default {
            JobberCustomValue::Text(text) => Self::Text(text_configuration(of, text)),
            JobberCustomValue::Numeric(number) => Self::Numeric(configuration!(
                NumericConfiguration, of, Numeric, default_value: *number, unit: String::new()
            )),
            JobberCustomValue::TrueFalse(yes) => Self::TrueFalse(configuration!(
                TrueFalseConfiguration, of, TrueFalse, default_value: *yes
            )),
            JobberCustomValue::Dropdown(choice) => Self::Dropdown(configuration!(
                DropdownConfiguration, of, Dropdown, default_value: choice.clone(),
                dropdown_options: of.options.clone()
            )),
            JobberCustomValue::Link { text, url } => Self::Link(configuration!(
                LinkConfiguration, of, Link,
                default_value: CustomFieldConfigurationLinkDefaultValue {
                    text: text.clone(), url: url.clone(),
                }
            )),
            JobberCustomValue::Area { length, width } => Self::Area(configuration!(
                AreaConfiguration, of, Area,
                default_value: CustomFieldConfigurationAreaDefaultValue {
                    length: *length, width: *width,
                },
                unit: String::new()
            )),
        }
    }
}

fn text_configuration(of: &JobberCustomField, text: &str) -> TextConfiguration {
    configuration!(TextConfiguration, of, Text, default_value: text.to_owned())
}

macro_rules! values {
    ($($node:ident as $name:literal of $configuration:ident { $value:ident: $type:ty })*) => {$(
        #[derive(Debug, Clone, SimpleObject)]
        #[graphql(name = $name)]
        pub(super) struct $node {
            id: Option<EncodedId>,
            custom_field_configuration: $configuration,
            label: String,
            $value: $type,
        }
    )*};
}

values! {
    TextValue as "CustomFieldText" of TextConfiguration { value_text: String }
    NumericValue as "CustomFieldNumeric" of NumericConfiguration { value_numeric: f64 }
    TrueFalseValue as "CustomFieldTrueFalse" of TrueFalseConfiguration { value_true_false: bool }
    DropdownValue as "CustomFieldDropdown" of DropdownConfiguration { value_dropdown: String }
    LinkValue as "CustomFieldLink" of LinkConfiguration { value_link: CustomFieldLinkValue }
    AreaValue as "CustomFieldArea" of AreaConfiguration { value_area: CustomFieldAreaValue }
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct CustomFieldLinkValue {
    text: String,
    url: String,
}

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct CustomFieldAreaValue {
    length: f64,
    width: f64,
}

/// A value of a custom field, by its kind.
#[derive(Debug, Clone, Union)]
#[graphql(name = "CustomFieldUnion")]
pub(super) enum ValueNode {
    Text(TextValue),
    Numeric(NumericValue),
    TrueFalse(TrueFalseValue),
    Dropdown(DropdownValue),
    Link(LinkValue),
    Area(AreaValue),
}

impl ValueNode {
    /// A field's value on a record, without an id if it is the default. One of another kind than the
    /// field is not shown.
    fn of(of: &JobberCustomField, own: Option<&JobberCustomValue>) -> Option<Self> {
        let (label, value) = (of.name.clone(), own.unwrap_or(&of.default));
        // Stands for the row that has the value: the simulator keeps none.
        let id = own.map(|_| EncodedId(of.id.clone()));
        Some(match (ConfigurationNode::of(of), value) {
            (ConfigurationNode::Text(of), JobberCustomValue::Text(text)) => Self::Text(TextValue {
                id,
                custom_field_configuration: of,
                label,
                value_text: text.clone(),
            }),
            (ConfigurationNode::Numeric(of), JobberCustomValue::Numeric(number)) => {
                Self::Numeric(NumericValue {
                    id,
                    custom_field_configuration: of,
                    label,
                    value_numeric: *number,
                })
            }
            (ConfigurationNode::TrueFalse(of), JobberCustomValue::TrueFalse(yes)) => {
                Self::TrueFalse(TrueFalseValue {
                    id,
                    custom_field_configuration: of,
                    label,
                    value_true_false: *yes,
                })
            }
            (ConfigurationNode::Dropdown(of), JobberCustomValue::Dropdown(choice)) => {
                Self::Dropdown(DropdownValue {
                    id,
                    custom_field_configuration: of,
                    label,
                    value_dropdown: choice.clone(),
                })
            }
            (ConfigurationNode::Link(of), JobberCustomValue::Link { text, url }) => {
                let value_link = CustomFieldLinkValue { text: text.clone(), url: url.clone() };
                Self::Link(LinkValue { id, custom_field_configuration: of, label, value_link })
            }
            (ConfigurationNode::Area(of), JobberCustomValue::Area { length, width }) => {
                let value_area = CustomFieldAreaValue { length: *length, width: *width };
                Self::Area(AreaValue { id, custom_field_configuration: of, label, value_area })
            }
            _ => return None,
        })
    }
}

/// The values that a record shows: of each field that applies to its kind, its own or the default.
pub(super) fn values(
    ctx: &Context<'_>,
    applies_to: CustomFieldAppliesTo,
    own: &CustomValues,
) -> Result<Vec<ValueNode>> {
    let account = account(ctx)?;
    let state = account.state();
    let fields = state.ledger.custom_fields_of(applies_to);
    let shown = fields.filter_map(|of| ValueNode::of(of, own.get(&of.id)));
    Ok(shown.collect())
}

/// Reads configurations.
#[derive(Debug, Default)]
pub(super) struct CustomQuery;

#[Object]
impl CustomQuery {
    async fn custom_field_configurations(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<CustomFieldConfigurationsFilterInput>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<ConfigurationNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let filter = filter.unwrap_or_default();
        let rows = state.ledger.custom_fields.values().filter(|of| filter.passes(of));
        let rows = rows.filter_map(|of| {
            Some((Place::made(decode_id(Kind::CustomField, &of.id)?), ConfigurationNode::of(of)))
        });
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, |node| node))
    }
}

#[derive(Debug, Clone, InputObject)]
struct CustomFieldConfigurationCreateTextInput {
    applies_to: CustomFieldAppliesTo,
    name: String,
    transferable: bool,
    read_only: bool,
    default_value: Option<String>,
}

#[derive(Debug, SimpleObject)]
struct CustomFieldConfigurationCreateTextPayload {
    custom_field_configuration: Option<ConfigurationNode>,
    user_errors: Vec<MutationErrors>,
}

/// Makes configurations.
#[derive(Debug, Default)]
pub(super) struct CustomMutation;

#[Object]
impl CustomMutation {
    async fn custom_field_configuration_create_text(
        &self,
        ctx: &Context<'_>,
        input: CustomFieldConfigurationCreateTextInput,
    ) -> Result<CustomFieldConfigurationCreateTextPayload> {
        if input.name.trim().is_empty() {
            let blank = Refusal::of("name", "can't be blank");
            return Ok(CustomFieldConfigurationCreateTextPayload {
                custom_field_configuration: None,
                user_errors: vec![blank.into()],
            });
        }
        let default = JobberCustomValue::Text(input.default_value.unwrap_or_default());
        let of = JobberCustomField {
            read_only: input.read_only,
            transferable: input.transferable,
            created_by_this_app: true,
            ..JobberCustomField::new(input.applies_to, input.name, default)
        };
        let id = account(ctx)?.state().add_custom_field(of);
        let state = account(ctx)?.state();
        Ok(CustomFieldConfigurationCreateTextPayload {
            custom_field_configuration: state.ledger.custom_field(&id).map(ConfigurationNode::of),
            user_errors: Vec::new(),
        })
    }
}
