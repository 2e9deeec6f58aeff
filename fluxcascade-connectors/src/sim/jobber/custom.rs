//! Fields that an account has made itself: their configurations, and the values that records have.

use serde::{Deserialize, Serialize};

/// What a custom field applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, async_graphql::Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CustomFieldAppliesTo {
    /// Every property.
    AllProperties,
    /// Every client.
    AllClients,
    /// Every quote.
    AllQuotes,
    /// Every job.
    AllJobs,
    /// Every invoice.
    AllInvoices,
    /// Every product or service; the simulator has none.
    AllProductsAndServices,
    /// The team; the simulator has none.
    Team,
}

/// A value of a custom field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobberCustomValue {
    /// A text.
    Text(String),
    /// A number.
    Numeric(f64),
    /// True or false.
    TrueFalse(bool),
    /// One of the choices.
    Dropdown(String),
    /// A link.
    Link {
        /// What is shown.
        text: String,
        /// Where it leads.
        url: String,
    },
    /// An area.
    Area {
        /// One side.
        length: f64,
        /// The other.
        width: f64,
    },
}

impl JobberCustomValue {
    /// What a search finds it by.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            JobberCustomValue::Text(text) | JobberCustomValue::Dropdown(text) => Some(text.clone()),
            JobberCustomValue::Link { text, url } => Some(format!("{text} {url}")),
            JobberCustomValue::Numeric(number) => Some(number.to_string()),
            JobberCustomValue::TrueFalse(_) | JobberCustomValue::Area { .. } => None,
        }
    }
}

/// The configuration of a custom field.
///
/// ```
/// use fluxcascade_connectors::sim::jobber::{
///     CustomFieldAppliesTo, JobberCustomField, JobberCustomValue,
/// };
/// let value = JobberCustomValue::Text(String::new());
/// let field = JobberCustomField::new(CustomFieldAppliesTo::AllJobs, "Gate code", value);
/// assert!(!field.archived);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's object has as many")]
pub struct JobberCustomField {
    /// The `EncodedId`; given by the simulator, empty before.
    #[serde(default)]
    pub id: String,
    /// What it applies to.
    pub applies_to: CustomFieldAppliesTo,
    /// What it is called. Nothing keeps two from having one name.
    pub name: String,
    /// The value of a record that was given none; it says what kind the field is.
    pub default: JobberCustomValue,
    /// The choices of a dropdown.
    #[serde(default)]
    pub options: Vec<String>,
    /// Whether people cannot edit it.
    #[serde(default)]
    pub read_only: bool,
    /// Whether it is copied to what is made from a record.
    #[serde(default)]
    pub transferable: bool,
    /// Whether it was put away: records then do not show it.
    #[serde(default)]
    pub archived: bool,
    /// Whether the app that asks has made it.
    #[serde(default)]
    pub created_by_this_app: bool,
}

impl JobberCustomField {
    /// A field that people have made.
    pub fn new(
        applies_to: CustomFieldAppliesTo,
        name: impl Into<String>,
        default: JobberCustomValue,
    ) -> Self {
        Self {
            id: String::new(),
            applies_to,
            name: name.into(),
            default,
            options: Vec::new(),
            read_only: false,
            transferable: false,
            archived: false,
            created_by_this_app: false,
        }
    }

    /// Makes it a dropdown with these choices.
    #[must_use]
    pub fn with_options(mut self, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options = options.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a value is of the field's kind, and one of its choices.
    pub(super) fn takes(&self, value: &JobberCustomValue) -> bool {
        match (&self.default, value) {
            (JobberCustomValue::Text(_), JobberCustomValue::Text(_))
            | (JobberCustomValue::Numeric(_), JobberCustomValue::Numeric(_))
            | (JobberCustomValue::TrueFalse(_), JobberCustomValue::TrueFalse(_))
            | (JobberCustomValue::Link { .. }, JobberCustomValue::Link { .. })
            | (JobberCustomValue::Area { .. }, JobberCustomValue::Area { .. }) => true,
            (JobberCustomValue::Dropdown(_), JobberCustomValue::Dropdown(choice)) => {
                self.options.contains(choice)
            }
            (
                JobberCustomValue::Text(_)
                | JobberCustomValue::Numeric(_)
                | JobberCustomValue::TrueFalse(_)
                | JobberCustomValue::Dropdown(_)
                | JobberCustomValue::Link { .. }
                | JobberCustomValue::Area { .. },
                _,
            ) => false,
        }
    }
}
