//! Where HubSpot's texts meet the model: property types, values both ways, records, versions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat};
use fluxcascade_core::connector::{Account, ConnectorError, ErrorKind};
use fluxcascade_core::model::value::MAX_VALUE_BYTES;
use fluxcascade_core::model::{
    FieldName, FieldSchema, FieldType, ObjectSchema, Observation, Projection, Provenance, RecordId,
    SeenBy, Slot, State, Timestamp, Value, Values, Version,
};
use rust_decimal::Decimal;

use super::object::{Kind, Tie};
use super::wire::{AccountDetails, Held, Id, Property, PropertyList, Record};

/// HubSpot's times have whole milliseconds.
pub(super) const GRANULARITY: Duration = Duration::from_millis(1);

/// The ids of records that were merged into a record.
pub(super) const MERGED_IDS: &str = "hs_merged_object_ids";

pub(super) fn account(details: &AccountDetails) -> Account {
    let id = id_text(&details.portal);
    let kind = details.account_type.as_deref().unwrap_or("unknown type");
    Account { name: format!("HubSpot account {id} ({kind})"), id }
}

pub(super) fn schema(kind: &Kind, list: &PropertyList) -> ObjectSchema {
    let properties = list
        .results
        .iter()
        .filter(|property| !property.archived)
        .filter_map(|property| Some(field(FieldName::new(&property.name).ok()?, property)))
        .map(|field| FieldSchema {
            required: kind.required.iter().any(|name| name == field.name.as_str()),
            unique: field.unique || is_address(kind, &field.name),
            ..field
        });
    let fields = properties.chain(kind.ties.iter().flat_map(associations)).collect();
    ObjectSchema { object: kind.object.clone(), fields }
}

/// Whether a property is the e-mail of contacts: it is unique, though its metadata does not say so. A
/// property of that name elsewhere is like any other.
pub(super) fn is_address(kind: &Kind, name: &FieldName) -> bool {
    kind.id == "0-1" && name.as_str() == "email"
}

/// The fields of what an object type is associated with. A change of them leaves the record's time
/// as it is, so that no incremental read sees it.
fn associations(tie: &Tie) -> impl Iterator<Item = FieldSchema> + use<> {
    let one = FieldType::Ref { object: tie.object.clone() };
    let all = FieldType::Set { item: Box::new(one.clone()) };
    let names = [
        (format!("associations.{}", tie.object), all),
        (format!("association.{}", tie.object), one),
    ];
    names.into_iter().filter_map(|(name, field_type)| {
        let field = FieldSchema::new(FieldName::new(name).ok()?, field_type);
        Some(FieldSchema { seen_by: SeenBy::Webhook, ..field })
    })
}

/// Whether a field is one of associations, and no property.
pub(super) fn is_association(field: &FieldSchema) -> bool {
    field.field_type.refers_to().is_some()
}

/// The schema of a property that was just made.
pub(super) fn made(property: &Property) -> Option<FieldSchema> {
    Some(field(FieldName::new(&property.name).ok()?, property))
}

fn field(name: FieldName, property: &Property) -> FieldSchema {
    let computed = property.calculated || property.field_type == "calculation_equation";
    let fixed = property.modification_metadata.as_ref().is_some_and(|meta| meta.read_only_value);
    let (field_type, writable) = field_type(property);
    FieldSchema {
        read_only: computed || fixed || !writable,
        unique: property.has_unique_value,
        // A calculated value changes without the record's time being moved.
        seen_by: if computed { SeenBy::Sweep } else { SeenBy::Incremental },
        ..FieldSchema::new(name, field_type)
    }
}

/// A property's type, and whether values of it can be written.
fn field_type(property: &Property) -> (FieldType, bool) {
    let is_phone = property.field_type == "phonenumber"
        || matches!(property.name.as_str(), "phone" | "mobilephone");
    match property.value_type.as_str() {
        "number" => (FieldType::Decimal, true),
        "bool" => (FieldType::Bool, true),
        "date" => (FieldType::Date, true),
        "datetime" => (FieldType::Instant, true),
        "enumeration" => (enumeration(property), true),
        "phone_number" => (FieldType::Phone, true),
        "string" if property.name == "email" => (FieldType::Email, true),
        "string" if is_phone => (FieldType::Phone, true),
        "string" => (FieldType::Text, true),
        // Coordinates, JSON and whatever comes: readable as the text that they are.
        _ => (FieldType::Text, false),
    }
}

fn enumeration(property: &Property) -> FieldType {
    let options: Vec<String> = property.options.iter().map(|o| o.value.clone()).collect();
    let is_bool = property.field_type == "booleancheckbox"
        && options.iter().all(|option| matches!(option.as_str(), "true" | "false"));
    if is_bool {
        return FieldType::Bool;
    }
    let choice = FieldType::Choice { options };
    if property.field_type == "checkbox" {
        FieldType::Set { item: Box::new(choice) }
    } else {
        choice
    }
}

/// A record's id as every answer has it: decimal text.
pub(super) fn record_id(id: &Id) -> Result<RecordId, ConnectorError> {
    let number = match id {
        Id::Number(number) => Some(*number),
        Id::Text(text) => text.parse().ok(),
    };
    number.and_then(id_of_number).ok_or_else(|| {
        ConnectorError::new(ErrorKind::Protocol, "the answer has a record whose id is no number")
    })
}

/// Whether a text is an id as [`record_id`] makes them: HubSpot cannot know any other.
pub(super) fn is_record_id(id: &RecordId) -> bool {
    id.as_str().parse().ok().and_then(id_of_number).as_ref() == Some(id)
}

/// HubSpot's ids are positive and have 63 bits.
pub(super) fn id_of_number(number: u64) -> Option<RecordId> {
    i64::try_from(number).ok().and_then(|number| RecordId::new(number.to_string()).ok())
}

pub(super) fn id_text(id: &Id) -> String {
    match id {
        Id::Text(text) => text.clone(),
        Id::Number(number) => number.to_string(),
    }
}

/// The records that this one has swallowed.
pub(super) fn merged_ids(record: &Record) -> Vec<RecordId> {
    let Some(Some(Held::Text(text))) = record.properties.get(MERGED_IDS) else {
        return Vec::new();
    };
    text.split(';').filter_map(|part| id_of_number(part.trim().parse().ok()?)).collect()
}

/// The text that an answer shows of a property.
pub(super) fn shown<'a>(record: &'a Record, property: &str) -> Option<&'a str> {
    match record.properties.get(property) {
        Some(Some(Held::Text(text))) => Some(text),
        _ => None,
    }
}

/// Whether an answer shows blanks as null, so that what it leaves out is not blank. The [merged
/// ids](MERGED_IDS) are always asked for and nearly always blank: they tell it of a record that has
/// everything else.
pub(super) fn has_null(record: &Record) -> bool {
    record.properties.values().any(Option::is_none)
}

/// The properties to ask for: those of the projection that exist, and the merged ids.
pub(super) fn properties<'a>(projection: &'a Projection, schema: &ObjectSchema) -> Vec<&'a str> {
    let is_property = |name: &&FieldName| schema.field(name).is_some_and(|f| !is_association(f));
    let known = projection.fields().iter().filter(is_property);
    let mut names: Vec<&str> = known.map(FieldName::as_str).collect();
    if !names.contains(&MERGED_IDS) {
        names.push(MERGED_IDS);
    }
    names
}

/// What an answer to a request for [`properties`] says of a record.
pub(super) fn observation(
    record: &Record,
    projection: &Projection,
    schema: &ObjectSchema,
    provenance: Provenance,
) -> Result<Observation, ConnectorError> {
    let state = if record.archived {
        State::Archived(archived(record, projection, schema))
    } else {
        match values(record, projection, schema) {
            Ok(values) => State::Known { values, version: version(record) },
            Err(what) => State::Unreadable(what),
        }
    };
    Ok(Observation { record: record_id(&record.id)?, state, provenance })
}

/// The values of an archived record, as far as the answer has them and they can be read.
pub(super) fn archived(record: &Record, projection: &Projection, schema: &ObjectSchema) -> Values {
    projection.values(|name| {
        let held = record.properties.get(name.as_str());
        let read = schema.field(name).zip(held);
        read.and_then(|(field, held)| from_wire(field, held.as_ref()).ok())
            .map_or(Slot::Absent, Slot::Present)
    })
}

/// The values of a record of which all existing properties were asked for: one that is not there
/// is empty. One that the account does not have is absent.
fn values(
    record: &Record,
    projection: &Projection,
    schema: &ObjectSchema,
) -> Result<Values, String> {
    let slots = projection.fields().iter().map(|name| match schema.field(name) {
        None => Ok(Slot::Absent),
        // It is read apart.
        Some(field) if is_association(field) => Ok(Slot::Absent),
        Some(field) => {
            let held = record.properties.get(name.as_str()).and_then(Option::as_ref);
            from_wire(field, held).map(Slot::Present)
        }
    });
    Ok(Values::new(slots.collect::<Result<Vec<_>, _>>()?))
}

/// The values of a write's answer: what it does not have is absent.
pub(super) fn answered(
    record: &Record,
    projection: &Projection,
    schema: &ObjectSchema,
) -> Option<Values> {
    let has = |name: &FieldName| record.properties.contains_key(name.as_str());
    let mut values = values(record, projection, schema).ok()?;
    for (name, slot) in projection.fields().iter().zip(values.slots_mut()) {
        if !has(name) {
            *slot = Slot::Absent;
        }
    }
    Some(values)
}

/// When HubSpot says that the record was last changed.
pub(super) fn version(record: &Record) -> Version {
    match record.updated_at.as_deref().and_then(instant) {
        Some(at) => Version::modified(at, GRANULARITY),
        None => Version::default(),
    }
}

/// Reads a property's text. The error names the field and never the value.
pub(super) fn from_wire(field: &FieldSchema, held: Option<&Held>) -> Result<Value, String> {
    let text = match held {
        None => return Ok(Value::Null),
        Some(Held::Text(text)) if text.is_empty() => return Ok(Value::Null),
        Some(Held::Text(text)) if text.len() > MAX_VALUE_BYTES => {
            return Err(format!("`{}` has more than {MAX_VALUE_BYTES} bytes", field.name));
        }
        Some(Held::Text(text)) => text,
        Some(Held::Other(_)) => return Err(format!("`{}` is no text", field.name)),
    };
    let (what, value) = match &field.field_type {
        FieldType::Decimal | FieldType::Int => ("number", decimal(text).map(Value::Decimal)),
        FieldType::Bool => ("true or false", boolean(text).map(Value::Bool)),
        FieldType::Date => ("date", date(text).map(Value::Date)),
        FieldType::Instant => ("time", instant(text).map(Value::Instant)),
        FieldType::Choice { .. } => ("choice", Some(Value::Choice(text.clone()))),
        FieldType::Set { .. } => ("set", Some(Value::Set(choices(text)))),
        FieldType::Text
        | FieldType::Email
        | FieldType::Phone
        | FieldType::Time
        | FieldType::Zoned
        | FieldType::List { .. }
        | FieldType::Map
        | FieldType::Money
        | FieldType::Ref { .. } => ("text", Some(Value::Text(text.clone()))),
    };
    value.ok_or_else(|| format!("`{}` cannot be read as a {what}", field.name))
}

/// Decimal text, at times in scientific notation.
fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `2020-02-29`, or milliseconds since 1970 at midnight UTC.
fn date(text: &str) -> Option<NaiveDate> {
    let day = text.parse::<NaiveDate>().ok();
    day.or_else(|| Some(instant(text)?.to_chrono()?.date_naive()))
}

/// RFC 3339, or milliseconds since 1970: one answer may have both.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(millis) => Some(Timestamp::from_millis(millis)),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc().into()),
    }
}

fn choices(text: &str) -> BTreeSet<Value> {
    text.split(';')
        .filter(|code| !code.trim().is_empty())
        .map(|code| Value::Choice(code.to_owned()))
        .collect()
}

/// Writes properties as HubSpot takes them; associations are written apart.
///
/// # Errors
/// The field that cannot be written, and why.
pub(super) fn to_properties(
    fields: &[(FieldName, Value)],
    schema: &ObjectSchema,
) -> Result<BTreeMap<String, String>, (FieldName, String)> {
    let mut properties = BTreeMap::new();
    for (name, value) in fields {
        let refuse = |why: String| (name.clone(), why);
        let field = schema.field(name).ok_or_else(|| {
            refuse(format!("HubSpot has no property `{name}`; read the schema again"))
        })?;
        if field.read_only {
            return Err(refuse(format!("the property `{name}` cannot be written in HubSpot")));
        }
        if is_association(field) {
            continue;
        }
        properties.insert(name.as_str().to_owned(), to_wire(field, value).map_err(refuse)?);
    }
    Ok(properties)
}

/// Writes a value as the property's text; a blank is the empty text, which clears it. The error
/// names the field and never the value.
pub(super) fn to_wire(field: &FieldSchema, value: &Value) -> Result<String, String> {
    if value.is_blank() {
        return Ok(String::new());
    }
    let (what, text) = match &field.field_type {
        FieldType::Decimal | FieldType::Int => ("a number", number_text(value)),
        FieldType::Bool => ("true or false", bool_text(value)),
        FieldType::Date => ("a date", date_text(value)),
        FieldType::Instant => ("a time", instant_text(value)),
        FieldType::Choice { .. } => ("one choice without a semicolon", choice_text(value)),
        FieldType::Set { .. } => ("choices without semicolons", set_text(value)),
        FieldType::Text
        | FieldType::Email
        | FieldType::Phone
        | FieldType::Time
        | FieldType::Zoned
        | FieldType::List { .. }
        | FieldType::Map
        | FieldType::Money
        | FieldType::Ref { .. } => ("text", plain_text(value)),
    };
    text.ok_or_else(|| format!("the value for `{}` cannot be written as {what}", field.name))
}

fn number_text(value: &Value) -> Option<String> {
    if let Value::Int(number) = value {
        Some(number.to_string())
    } else if let Value::Decimal(number) = value {
        Some(number.to_string())
    } else {
        decimal(value.as_text()?).map(|number| number.to_string())
    }
}

fn bool_text(value: &Value) -> Option<String> {
    if let Value::Bool(yes) = value {
        Some(yes.to_string())
    } else {
        boolean(value.as_text()?).map(|yes| yes.to_string())
    }
}

fn date_text(value: &Value) -> Option<String> {
    if let Value::Date(day) = value {
        Some(day.to_string())
    } else {
        value.as_text()?.parse::<NaiveDate>().ok().map(|day| day.to_string())
    }
}

fn instant_text(value: &Value) -> Option<String> {
    let at = if let Value::Instant(at) = value {
        at.to_chrono()?
    } else if let Value::Date(day) = value {
        day.and_time(NaiveTime::MIN).and_utc()
    } else {
        DateTime::parse_from_rfc3339(value.as_text()?).ok()?.to_utc()
    };
    Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// A semicolon would be read as several choices, and a leading one as *add to what is there*.
fn choice_text(value: &Value) -> Option<String> {
    let code = match bool_text(value) {
        Some(text) => text,
        None => value.as_text()?.to_owned(),
    };
    (!code.contains(';')).then_some(code)
}

fn set_text(value: &Value) -> Option<String> {
    let items: Vec<&Value> = if let Value::Set(items) = value {
        items.iter().collect()
    } else if let Value::List(items) = value {
        items.iter().collect()
    } else {
        vec![value]
    };
    let filled = items.into_iter().filter(|item| !item.is_blank());
    Some(filled.map(choice_text).collect::<Option<Vec<_>>>()?.join(";"))
}

/// Any value that is one text.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Choice(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Decimal(number) => Some(number.to_string()),
        Value::Date(day) => Some(day.to_string()),
        Value::Time(time) => Some(time.to_string()),
        Value::Instant(_) => instant_text(value),
        Value::Null
        | Value::Zoned(_)
        | Value::Set(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Money(_)
        | Value::Ref(_)
        | Value::Kept(_) => None,
    }
}
