//! How a pair's values become the other side's, each way; and the built-in transforms.
//!
//! Transforms are pure. A value that cannot be transformed is refused, and its pair is held.

mod chain;
#[cfg(feature = "phone")]
mod phone;
mod text;
mod value_map;

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use chain::Chain;
#[cfg(feature = "phone")]
pub(crate) use phone::e164;
pub use value_map::ValueMap;

use crate::model::{Slot, Value};

/// Why a transform takes no value: in words, without the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// How many fields a transform takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each field by itself, however many there are.
    Each,
    /// So many source fields, and so many target fields.
    Fixed {
        /// On the source.
        source: usize,
        /// On the target.
        target: usize,
    },
}

/// Turns a pair's source values into target values, and back.
///
/// # Contract
///
/// - The same values give the same result: no clock, no randomness, no outside.
/// - A blank gives a blank, and an absent slot an absent one.
/// - `forward(backward(forward(x)))` is `forward(x)`, wherever both give a result.
pub trait Transform: Debug + Send + Sync + 'static {
    /// Its name, for messages and for telling mapping revisions apart.
    fn name(&self) -> &str;

    /// How many fields it takes and gives.
    fn shape(&self) -> Shape;

    /// From the source's values to the target's.
    ///
    /// # Errors
    /// If a value cannot be transformed.
    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal>;

    /// From the target's values to the source's.
    ///
    /// # Errors
    /// If a value cannot be transformed.
    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal>;
}

/// A transform as a mapping names it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransformSpec {
    /// White space at both ends is cut off.
    Trim,
    /// Letters become small.
    Lowercase,
    /// Phones become E.164 (`+12565938310`). Needs the feature `phone`.
    PhoneE164 {
        /// The region of numbers without a country code: `US`.
        region: String,
    },
    /// Values are replaced by a table.
    ValueMap(ValueMap),
    /// A transform of the host's. It has no form in a config file.
    #[serde(skip)]
    Custom(Arc<dyn Transform>),
}

impl Debug for TransformSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransformSpec::Trim => f.write_str("trim"),
            TransformSpec::Lowercase => f.write_str("lowercase"),
            TransformSpec::PhoneE164 { region } => write!(f, "phone_e164({region})"),
            TransformSpec::ValueMap(map) => write!(f, "value_map({map:?})"),
            TransformSpec::Custom(custom) => write!(f, "custom({})", custom.name()),
        }
    }
}

/// Equal if they read the same; custom ones by name.
impl PartialEq for TransformSpec {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// Cuts off white space at both ends, both ways.
pub fn trim() -> TransformSpec {
    TransformSpec::Trim
}

/// Makes letters small, both ways.
pub fn lowercase() -> TransformSpec {
    TransformSpec::Lowercase
}

/// Makes phones E.164, both ways; numbers without a country code are of this region (`US`).
/// Needs the feature `phone`; without it the mapping is refused.
pub fn phone_e164(region: impl Into<String>) -> TransformSpec {
    TransformSpec::PhoneE164 { region: region.into() }
}

/// Replaces values by a table of (source, target); backward the other way round.
pub fn value_map<S: Into<Value>, T: Into<Value>>(
    pairs: impl IntoIterator<Item = (S, T)>,
) -> TransformSpec {
    TransformSpec::ValueMap(ValueMap::new(
        pairs.into_iter().map(|(source, target)| (source.into(), target.into())),
    ))
}

/// A transform of one's own.
pub fn custom(transform: impl Transform) -> TransformSpec {
    TransformSpec::Custom(Arc::new(transform))
}

impl TransformSpec {
    /// The transform itself.
    ///
    /// # Errors
    /// If its settings make none: an unknown region, a table that repeats a value, a missing feature.
    pub(crate) fn build(&self) -> Result<Arc<dyn Transform>, Refusal> {
        Ok(match self {
            TransformSpec::Trim => Arc::new(text::Trim),
            TransformSpec::Lowercase => Arc::new(text::Lowercase),
            TransformSpec::PhoneE164 { region } => build_phone(region)?,
            TransformSpec::ValueMap(map) => {
                map.check()?;
                Arc::new(map.clone())
            }
            TransformSpec::Custom(custom) => Arc::clone(custom),
        })
    }
}

#[cfg(feature = "phone")]
fn build_phone(region: &str) -> Result<Arc<dyn Transform>, Refusal> {
    Ok(Arc::new(phone::PhoneE164::new(region)?))
}

#[cfg(not(feature = "phone"))]
fn build_phone(_region: &str) -> Result<Arc<dyn Transform>, Refusal> {
    Err(Refusal("phone_e164 needs the feature `phone` of fluxcascade-core: enable it".into()))
}

/// Applies a function to each text of each present slot; lists and sets item by item.
fn each_text(
    slots: &[Slot],
    f: &impl Fn(&str) -> Result<String, Refusal>,
) -> Result<Vec<Slot>, Refusal> {
    slots
        .iter()
        .map(|slot| match slot {
            Slot::Absent => Ok(Slot::Absent),
            Slot::Present(value) => map_text(value, f).map(Slot::Present),
        })
        .collect()
}

fn map_text(value: &Value, f: &impl Fn(&str) -> Result<String, Refusal>) -> Result<Value, Refusal> {
    if value.is_blank() {
        return Ok(value.clone());
    }
    if let Value::Text(text) = value {
        return Ok(Value::Text(f(text)?));
    }
    if let Value::List(items) = value {
        return items.iter().map(|i| map_text(i, f)).collect::<Result<_, _>>().map(Value::List);
    }
    if let Value::Set(items) = value {
        return items.iter().map(|i| map_text(i, f)).collect::<Result<_, _>>().map(Value::Set);
    }
    Ok(value.clone())
}
