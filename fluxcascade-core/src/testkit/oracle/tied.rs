//! What a test says is tied, and when two values mean the same.

use std::fmt;
use std::sync::Arc;

use crate::model::{FieldName, PairId, Side, Sides, Value};

/// Brings a value into the form in which both sides' are compared.
pub type Form = Arc<dyn Fn(&Value) -> Value + Send + Sync>;

/// Which way a pair flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Both ways.
    Both,
    /// To this side alone.
    To(Side),
}

/// What a value that the engine writes may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Whole,
    Parts,
}

/// Fields that are tied, as the test sees it.
#[derive(Clone)]
pub struct Tied {
    pub(super) id: PairId,
    pub(super) fields: Sides<Vec<FieldName>>,
    /// Fields that it tied in other revisions of the mapping.
    pub(super) former: Sides<Vec<Vec<FieldName>>>,
    pub(super) flow: Flow,
    pub(super) content: Content,
    form: Option<Form>,
}

impl fmt::Debug for Tied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tied")
            .field("id", &self.id)
            .field("fields", &self.fields)
            .field("flow", &self.flow)
            .finish_non_exhaustive()
    }
}

impl Tied {
    /// Fields that are tied both ways, and mean the same if they are equal.
    ///
    /// # Panics
    /// If a name is empty.
    pub fn new<'n>(
        id: &str,
        source: impl IntoIterator<Item = &'n str>,
        target: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        Self {
            id: pair_id(id),
            fields: Sides {
                source: source.into_iter().map(field_name).collect(),
                target: target.into_iter().map(field_name).collect(),
            },
            former: Sides::default(),
            flow: Flow::Both,
            content: Content::Whole,
            form: None,
        }
    }

    /// In another revision of the mapping these are its fields on this side: what is written there
    /// may come back, too.
    ///
    /// # Panics
    /// If a name is empty.
    #[must_use]
    pub fn formerly<'n>(mut self, side: Side, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.former[side].push(fields.into_iter().map(field_name).collect());
        self
    }

    /// They flow one way.
    #[must_use]
    pub fn flows(mut self, flow: Flow) -> Self {
        self.flow = flow;
        self
    }

    /// They mean the same if they are equal in this form.
    #[must_use]
    pub fn form(mut self, form: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        self.form = Some(Arc::new(form));
        self
    }

    /// A value may be made of both sides' values: sets that are united, texts that are appended.
    #[must_use]
    pub fn made_of_parts(mut self) -> Self {
        self.content = Content::Parts;
        self
    }

    /// Values in the form in which they are compared; all blanks are null.
    pub(super) fn formed(&self, values: &[Value]) -> Vec<Value> {
        let form = |value: &Value| {
            if value.is_blank() {
                return Value::Null;
            }
            self.form.as_ref().map_or_else(|| value.clone(), |form| form(value))
        };
        values.iter().map(form).collect()
    }

    /// Whether formed values hold these among others: a set that was united, a text appended to.
    pub(super) fn holds(&self, whole: &[Value], part: &[Value]) -> bool {
        match self.content {
            Content::Whole => whole == part,
            Content::Parts => whole.iter().zip(part).all(|(whole, part)| match (whole, part) {
                (Value::Set(whole), Value::Set(part)) => part.iter().all(|p| whole.contains(p)),
                (Value::Text(whole), Value::Text(part)) => whole.contains(&**part),
                (whole, part) => whole == part,
            }),
        }
    }
}

/// Whether all of a pair is blank.
pub(super) fn is_blank(values: &[Value]) -> bool {
    values.iter().all(Value::is_blank)
}

#[allow(clippy::expect_used)]
fn field_name(name: &str) -> FieldName {
    FieldName::new(name).expect("a field's name")
}

#[allow(clippy::expect_used)]
fn pair_id(id: &str) -> PairId {
    PairId::new(id).expect("a pair's id")
}
