//! Custom fields: the configurations that an account has, as fields of its objects, kept for an
//! hour. They are read and written by the id of their configuration; the name is the engine's.
//!
//! A field is named `customFields.<name>`, with the configuration's id behind it where several
//! configurations of an object have the name. With its id it is always found. One that is not found is
//! no error: it may have been archived or renamed since it was mapped, and the other fields go on.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, FieldType, Timestamp};

use super::client::Api;
use super::document::Document;
use super::error;
use super::fields::Field;
use super::object::Object;
use super::schema;
use super::wire::{Configuration, ConfigurationsPage};

/// How long a schema is taken for what it was.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// Pages of configurations that are read at most: an account has dozens.
const PAGES: usize = 20;
/// What the names of custom fields begin with.
pub(super) const PREFIX: &str = "customFields.";

/// What a custom field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CustomKind {
    Text,
    Numeric,
    TrueFalse,
    Dropdown,
    Link,
    Area,
}

/// A custom field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CustomField {
    pub(super) name: FieldName,
    /// The id of its configuration.
    pub(super) id: String,
    pub(super) kind: CustomKind,
    /// The choices of a dropdown.
    pub(super) options: Vec<String>,
    pub(super) read_only: bool,
    pub(super) unlisted: Unlisted,
}

/// What it means that a record does not list a custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unlisted {
    /// It may have been archived, or hidden, since the configurations were read.
    Unknown,
    /// It is there, as was read after the record: the record has no value of it.
    Blank,
}

/// The custom fields of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CustomFields {
    fields: Vec<Arc<CustomField>>,
}

impl CustomKind {
    /// The kind of a configuration of this type of the schema.
    fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "CustomFieldConfigurationText" => CustomKind::Text,
            "CustomFieldConfigurationNumeric" => CustomKind::Numeric,
            "CustomFieldConfigurationTrueFalse" => CustomKind::TrueFalse,
            "CustomFieldConfigurationDropdown" => CustomKind::Dropdown,
            "CustomFieldConfigurationLink" => CustomKind::Link,
            "CustomFieldConfigurationArea" => CustomKind::Area,
            _ => return None,
        })
    }

    /// The key of its value, in answers and in inputs.
    pub(super) fn key(self) -> &'static str {
        match self {
            CustomKind::Text => "valueText",
            CustomKind::Numeric => "valueNumeric",
            CustomKind::TrueFalse => "valueTrueFalse",
            CustomKind::Dropdown => "valueDropdown",
            CustomKind::Link => "valueLink",
            CustomKind::Area => "valueArea",
        }
    }

    /// What a query selects to read values of this kind, and their default: by the key of the value, as
    /// answers cannot have one key with values of several types.
    pub(super) fn selection(self) -> &'static str {
        match self {
            CustomKind::Text => {
                "... on CustomFieldText { id customFieldConfiguration \
                 { id valueText: defaultValue } valueText }"
            }
            CustomKind::Numeric => {
                "... on CustomFieldNumeric { id customFieldConfiguration \
                 { id valueNumeric: defaultValue } valueNumeric }"
            }
            CustomKind::TrueFalse => {
                "... on CustomFieldTrueFalse { id customFieldConfiguration \
                 { id valueTrueFalse: defaultValue } valueTrueFalse }"
            }
            CustomKind::Dropdown => {
                "... on CustomFieldDropdown { id customFieldConfiguration \
                 { id valueDropdown: defaultValue } valueDropdown }"
            }
            CustomKind::Link => {
                "... on CustomFieldLink { id customFieldConfiguration \
                 { id valueLink: defaultValue { text url } } valueLink { text url } }"
            }
            CustomKind::Area => {
                "... on CustomFieldArea { id customFieldConfiguration \
                 { id valueArea: defaultValue { length width } } valueArea { length width } }"
            }
        }
    }
}

impl CustomField {
    /// Its type.
    pub(super) fn field_type(&self) -> FieldType {
        match self.kind {
            CustomKind::Text => FieldType::Text,
            CustomKind::Numeric => FieldType::Decimal,
            CustomKind::TrueFalse => FieldType::Bool,
            CustomKind::Dropdown => FieldType::Choice { options: self.options.clone() },
            CustomKind::Link | CustomKind::Area => FieldType::Map,
        }
    }
}

impl CustomFields {
    /// The fields that these configurations make. What this app made itself can be written though
    /// people can not.
    pub(super) fn of(configurations: &[Configuration], own: &[Configuration]) -> Self {
        let present: Vec<&Configuration> =
            configurations.iter().filter(|one| !one.archived).collect();
        let field = |one: &&Configuration| {
            let kind = CustomKind::of(&one.type_name)?;
            let twice = present.iter().filter(|other| other.name == one.name).count() > 1;
            let id = if twice { format!(".{}", one.id) } else { String::new() };
            Some(Arc::new(CustomField {
                // A name that no field can have leaves the field out.
                name: FieldName::new(format!("{PREFIX}{}{id}", one.name)).ok()?,
                id: one.id.clone(),
                kind,
                options: one.dropdown_options.clone().unwrap_or_default(),
                read_only: one.read_only && !own.iter().any(|own| own.id == one.id),
                unlisted: Unlisted::Unknown,
            }))
        };
        Self { fields: present.iter().filter_map(field).collect() }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Field> {
        self.fields.iter().map(|field| Field::Custom(Arc::clone(field)))
    }

    /// The field of this configuration.
    pub(super) fn of_id(&self, id: &str) -> Option<Field> {
        self.fields.iter().find(|field| field.id == id).map(|one| Field::Custom(Arc::clone(one)))
    }

    /// The field of this name, with the id of its configuration behind it or not.
    fn named(&self, name: &FieldName) -> Option<Field> {
        if let Some(field) = self.fields.iter().find(|field| field.name == *name) {
            return Some(Field::Custom(Arc::clone(field)));
        }
        let (_, id) = name.as_str().rsplit_once('.')?;
        let field = self.fields.iter().find(|field| field.id == id)?;
        Some(Field::Custom(Arc::new(CustomField { name: name.clone(), ..field.as_ref().clone() })))
    }
}

/// The fields of one object, those of the account among them.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) object: Object,
    customs: Arc<CustomFields>,
}

impl Fields {
    /// The field of this name. A custom field that is not there now is [`Field::Gone`].
    pub(super) fn named(&self, name: &FieldName) -> Option<Field> {
        let of_account = || self.customs.named(name);
        let is_custom = name.as_str().starts_with(PREFIX) && self.object.applies_to().is_some();
        let gone = || is_custom.then(|| Field::Gone(Arc::new(name.clone())));
        Field::known(self.object, name.as_str()).or_else(of_account).or_else(gone)
    }

    /// The fields of these names.
    ///
    /// # Errors
    /// If there is none of one of the names.
    pub(super) fn all_named(&self, names: &[FieldName]) -> Result<Vec<Field>, ConnectorError> {
        let field = |name: &FieldName| {
            self.named(name).ok_or_else(|| ConnectorError {
                fields: vec![name.clone()],
                ..ConnectorError::new(
                    ErrorKind::Validation,
                    format!(
                        "a jobber {} has no field {name}: the schema lists what it has",
                        self.object.one()
                    ),
                )
            })
        };
        names.iter().map(field).collect()
    }
}

#[cfg(test)]
impl Fields {
    /// Without any that an account has made itself.
    pub(super) fn plain(object: Object) -> Self {
        Self { object, customs: Arc::default() }
    }

    pub(super) fn with(object: Object, customs: CustomFields) -> Self {
        Self { object, customs: Arc::new(customs) }
    }
}

#[cfg(test)]
impl CustomFields {
    pub(super) fn made_of(fields: impl Iterator<Item = CustomField>) -> Self {
        Self { fields: fields.map(Arc::new).collect() }
    }
}

/// Something that was read, and when.
type Kept<T> = Mutex<HashMap<Object, (Timestamp, T)>>;

/// What was last read of the schema: the custom fields of all objects, and which of the others the
/// served version has.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    customs: Kept<Arc<CustomFields>>,
    served: Kept<Option<Arc<BTreeSet<String>>>>,
}

impl Catalog {
    /// The fields of an object, for who knows them by these names: configurations are only read if
    /// a custom field is among them.
    pub(super) async fn fields<'a>(
        &self,
        api: &Api,
        object: Object,
        names: impl IntoIterator<Item = &'a FieldName>,
    ) -> Result<Fields, ConnectorError> {
        let any = names.into_iter().any(|name| name.as_str().starts_with(PREFIX));
        let customs = if any { self.customs(api, object).await? } else { Arc::default() };
        Ok(Fields { object, customs })
    }

    /// An object's custom fields, at most an hour old.
    pub(super) async fn customs(
        &self,
        api: &Api,
        object: Object,
    ) -> Result<Arc<CustomFields>, ConnectorError> {
        if let Some(kept) = kept(&self.customs, object, api.now()) {
            return Ok(kept);
        }
        let Some(applies_to) = object.applies_to() else { return Ok(Arc::default()) };
        let all = configurations(api, applies_to, Whose::Everyones).await?;
        let own = if all.iter().any(|one| one.read_only) {
            configurations(api, applies_to, Whose::Own).await?
        } else {
            Vec::new()
        };
        let customs = Arc::new(CustomFields::of(&all, &own));
        lock(&self.customs).insert(object, (api.now(), Arc::clone(&customs)));
        Ok(customs)
    }

    /// The fields that the object's type has in the version that is served; none if nobody says.
    pub(super) async fn served(
        &self,
        api: &Api,
        object: Object,
    ) -> Result<Option<Arc<BTreeSet<String>>>, ConnectorError> {
        if let Some(kept) = kept(&self.served, object, api.now()) {
            return Ok(kept);
        }
        let served = schema::served_fields(api, object).await?.map(Arc::new);
        lock(&self.served).insert(object, (api.now(), served.clone()));
        Ok(served)
    }

    /// These fields, as the account has them at this moment: what a record lacks of those that are
    /// there has no value, and the others are not there.
    pub(super) async fn confirmed(
        &self,
        api: &Api,
        object: Object,
        fields: &[Field],
    ) -> Result<Vec<Field>, ConnectorError> {
        self.forget(object);
        let customs = self.customs(api, object).await?;
        let confirm = |field: &Field| match field {
            Field::Known(_) | Field::Gone(_) => field.clone(),
            Field::Custom(of) => match customs.fields.iter().find(|now| now.id == of.id) {
                Some(now) => Field::Custom(Arc::new(CustomField {
                    name: of.name.clone(),
                    unlisted: Unlisted::Blank,
                    ..now.as_ref().clone()
                })),
                None => Field::Gone(Arc::new(of.name.clone())),
            },
        };
        Ok(fields.iter().map(confirm).collect())
    }

    /// What was read of an object's custom fields is not what there is any more.
    pub(super) fn forget(&self, object: Object) {
        lock(&self.customs).remove(&object);
    }
}

fn lock<T>(kept: &Kept<T>) -> MutexGuard<'_, HashMap<Object, (Timestamp, T)>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was read of an object, if that is recent enough.
fn kept<T: Clone>(of: &Kept<T>, object: Object, now: Timestamp) -> Option<T> {
    let kept = lock(of);
    let (at, kept) = kept.get(&object)?;
    (now.since(*at) < KEPT_FOR).then(|| kept.clone())
}

/// Whose configurations are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Everyones,
    /// Those that this app has made.
    Own,
}

/// Reads configurations.
pub(super) async fn configurations(
    api: &Api,
    applies_to: &'static str,
    whose: Whose,
) -> Result<Vec<Configuration>, ConnectorError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..PAGES {
        let document = Document::configurations(applies_to, whose, after.as_deref());
        let reply = api.read(&document).await?;
        let page: ConfigurationsPage = reply.data()?;
        let Some(page) = page.custom_field_configurations else {
            return Err(reply.errors.first().map_or_else(
                || ConnectorError::new(ErrorKind::Protocol, "jobber listed no custom fields"),
                error::of_graph,
            ));
        };
        // One that is hidden from this app is no field for it.
        found.extend(page.nodes.into_iter().flatten());
        if !page.page_info.has_next_page {
            return Ok(found);
        }
        if page.page_info.end_cursor.is_none() || page.page_info.end_cursor == after {
            break;
        }
        after = page.page_info.end_cursor;
    }
    Err(ConnectorError::new(
        ErrorKind::Protocol,
        format!(
            "jobber lists custom fields without end, or without saying where they go on; at most \
             {PAGES} pages are read"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(id: &str, name: &str, type_name: &str) -> Configuration {
        Configuration {
            type_name: format!("CustomFieldConfiguration{type_name}"),
            id: id.to_owned(),
            name: name.to_owned(),
            archived: false,
            read_only: false,
            dropdown_options: None,
        }
    }

    fn names(fields: &CustomFields) -> Vec<String> {
        fields.all().map(|field| field.name().to_owned()).collect()
    }

    #[test]
    fn a_name_that_is_not_unique_has_the_id_behind_it_and_an_archived_one_is_left_out() {
        let mut old = configuration("9", "Size", "Text");
        old.archived = true;
        let all = [
            configuration("1", "Gate code", "Text"),
            configuration("2", "Size", "Numeric"),
            configuration("3", "Size", "Area"),
            old,
            configuration("4", "Odd", "Hologram"),
        ];
        let fields = CustomFields::of(&all, &[]);
        assert_eq!(
            names(&fields),
            ["customFields.Gate code", "customFields.Size.2", "customFields.Size.3"]
        );
        let by_id = FieldName::new("customFields.Gate code.1").unwrap();
        assert_eq!(fields.named(&by_id).unwrap().name(), "customFields.Gate code.1");
        assert!(fields.named(&FieldName::new("customFields.Size").unwrap()).is_none());
    }

    #[test]
    fn what_people_can_not_edit_can_be_written_by_the_app_that_made_it() {
        let locked = |id: &str| {
            let mut one = configuration(id, id, "Text");
            one.read_only = true;
            one
        };
        let fields = CustomFields::of(&[locked("ours"), locked("theirs")], &[locked("ours")]);
        let read_only: Vec<bool> = fields.all().map(|field| field.is_read_only()).collect();
        assert_eq!(read_only, [false, true]);
    }
}
