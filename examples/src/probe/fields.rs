//! Which fields a probe writes, and what: a few texts of the schema, what a create needs, and a field by
//! which its records are found. Every value says whose it is.

use fluxcascade_core::Value;
use fluxcascade_core::connector::Capabilities;
use fluxcascade_core::model::{FieldName, FieldSchema, FieldType, ObjectSchema};

use crate::typed;

/// The fields of a probe.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// By what its records are found.
    pub(super) key: Option<FieldSchema>,
    /// What a create sets, beside the key, and an update changes.
    pub(super) text: FieldSchema,
    /// What is set and cleared again.
    pub(super) spare: Option<FieldSchema>,
    /// What else a create has: what is required, and what the caller gave.
    fixed: Vec<(FieldName, Value)>,
}

/// Texts that a record may have of any object type, most wanted first.
const TEXTS: [&str; 8] =
    ["lastname", "lastName", "name", "title", "dealname", "subject", "nickname", "description"];
/// Texts that can be cleared without harm.
const SPARE: [&str; 7] =
    ["jobtitle", "company", "companyName", "description", "city", "instructions", "message"];
/// Texts that go with the first, where there are such.
const WITH: [&str; 2] = ["firstname", "firstName"];
/// Where records are found, most wanted first.
const KEYS: [&str; 2] = ["email", "emails.primary"];

/// The marks of a run's records: `fluxcascade-probe-1f2e3d4c-2`.
pub(super) fn mark(marker: &str, number: usize) -> String {
    format!("fluxcascade-probe-{marker}-{number}")
}

/// Chooses fields of the schema. `given` are values that the caller says.
///
/// # Errors
/// In words, if a create needs what a probe cannot make up.
pub(super) fn choose(
    schema: &ObjectSchema,
    given: &[(String, String)],
    capabilities: &Capabilities,
) -> Result<Fields, String> {
    let by_name = |name: &str| schema.fields.iter().find(|field| field.name.as_str() == name);
    let mut fixed = Vec::new();
    for (name, text) in given {
        let field = by_name(name).ok_or_else(|| format!("there is no field `{name}` to set"))?;
        let value = typed::value(&field.field_type, text);
        let value = value.ok_or_else(|| format!("`{name}` takes no such value"))?;
        fixed.push((field.name.clone(), value));
    }
    let is_given = |field: &&FieldSchema| fixed.iter().any(|(name, _)| *name == field.name);
    let is_text = |field: &&FieldSchema| {
        field.field_type == FieldType::Text && !field.read_only && !is_given(field)
    };
    let texts = || TEXTS.iter().chain(&WITH).filter_map(|name| by_name(name)).filter(is_text);
    let any = || {
        let own = |field: &&FieldSchema| !field.name.as_str().starts_with("hs_") && !field.unique;
        schema.fields.iter().filter(is_text).find(own)
    };
    let text = texts().next().or_else(any).ok_or("it has no text that can be written")?;
    let spare = SPARE.iter().filter_map(|name| by_name(name)).filter(is_text);
    let spare = spare.into_iter().find(|field| field.name != text.name && !field.required);
    let key = KEYS.iter().filter_map(|name| by_name(name)).find(|field| !field.read_only);
    // Where nothing is unique the text itself is looked for.
    let key = key.filter(|field| !is_given(field)).or(if capabilities.refuses_duplicates {
        schema.fields.iter().filter(is_text).find(|field| field.unique)
    } else {
        None
    });
    let with = WITH.iter().filter_map(|name| by_name(name)).filter(is_text);
    let with = with.filter(|field| field.name != text.name);
    let mut fields =
        Fields { key: key.cloned(), text: text.clone(), spare: spare.cloned(), fixed: Vec::new() };
    let mut more: Vec<(FieldName, Value)> =
        with.map(|field| (field.name.clone(), "FluxCascade".into())).collect();
    for field in schema.fields.iter().filter(|field| field.required) {
        let known = field.name == text.name
            || key.is_some_and(|key| key.name == field.name)
            || fixed.iter().chain(&more).any(|(name, _)| *name == field.name);
        if known {
            continue;
        }
        let value = made_up(&field.field_type).ok_or_else(|| {
            format!("a create needs `{0}`: give one with --set {0}=VALUE", field.name)
        })?;
        more.push((field.name.clone(), value));
    }
    fields.fixed = fixed.into_iter().chain(more).collect();
    Ok(fields)
}

/// A value of this type that means nothing; none where it would name something of the account.
fn made_up(kind: &FieldType) -> Option<Value> {
    match kind {
        FieldType::Bool => Some(Value::Bool(false)),
        FieldType::Int => Some(Value::Int(1)),
        FieldType::Decimal => typed::value(kind, "1"),
        FieldType::Text => Some("FluxCascade probe".into()),
        FieldType::Date => typed::value(kind, "2026-01-01"),
        FieldType::Time => typed::value(kind, "09:00:00"),
        FieldType::Instant => typed::value(kind, "2026-01-01T09:00:00Z"),
        FieldType::Choice { options } => options.first().map(|code| Value::Choice(code.clone())),
        FieldType::Set { .. } | FieldType::List { .. } => Some(Value::Null),
        FieldType::Email
        | FieldType::Phone
        | FieldType::Zoned
        | FieldType::Map
        | FieldType::Money
        | FieldType::Ref { .. } => None,
    }
}

impl Fields {
    /// The names of all, for reading them.
    pub(super) fn names(&self) -> Vec<FieldName> {
        let own = [Some(&self.text), self.key.as_ref(), self.spare.as_ref()];
        own.into_iter().flatten().map(|field| field.name.clone()).collect()
    }

    /// A new record with this mark.
    pub(super) fn record(&self, mark: &str) -> Vec<(FieldName, Value)> {
        let mut record = self.fixed.clone();
        record.push((self.text.name.clone(), mark.into()));
        if let Some(key) = &self.key {
            record.push((key.name.clone(), Self::key_value(key, mark)));
        }
        if let Some(spare) = &self.spare {
            record.push((spare.name.clone(), mark.into()));
        }
        record
    }

    /// What a record with this mark shows, field by field.
    pub(super) fn shown(&self, mark: &str) -> Vec<(FieldSchema, Value)> {
        let own = [Some(&self.text), self.key.as_ref(), self.spare.as_ref()];
        let record = self.record(mark);
        let of = |field: &FieldSchema| {
            let value = record.iter().find(|(name, _)| *name == field.name);
            value.map(|(_, value)| (field.clone(), value.clone()))
        };
        own.into_iter().flatten().filter_map(of).collect()
    }

    /// What a record with this mark has in the key.
    pub(super) fn key_value(key: &FieldSchema, mark: &str) -> Value {
        if key.field_type == FieldType::Text {
            return mark.into();
        }
        // example.com is for documentation (RFC 2606): no mail reaches anybody.
        format!("{mark}@example.com").into()
    }
}
