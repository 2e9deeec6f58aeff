//! One HubSpot account: its object types with their records, what ties them, and its limits.

use std::collections::BTreeMap;

use fluxcascade_core::Timestamp;

use super::HubSpotOptions;
use super::association::{Associations, End, Label};
use super::collection::Collection;
use super::event::{Event, What};
use super::kind::{Kind, Needs};
use super::limit::Budget;
use super::property::{Properties, Property};
use super::record::Author;
use super::refusal::HubSpotRefusal;
use super::subscription::Subscriptions;
use crate::sim::draw::draw;

/// One account.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) options: HubSpotOptions,
    pub(super) budget: Budget,
    pub(super) associations: Associations,
    pub(super) subscriptions: Subscriptions,
    /// What happened to associations since it was last asked for, if anybody asks.
    pub(super) events: Vec<Event>,
    /// By the object type's id.
    collections: BTreeMap<String, Collection>,
    seed: u64,
    drawn: u64,
}

/// What a new object type is made of.
#[derive(Debug)]
pub(super) struct NewKind {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) display: Option<String>,
    pub(super) required: Vec<String>,
    pub(super) properties: Vec<Property>,
    pub(super) associated: Vec<String>,
}

impl Portal {
    pub(super) fn new(seed: u64, options: HubSpotOptions) -> Self {
        let collection = |(kind, properties): (Kind, Properties)| {
            (kind.id.clone(), Collection::new(kind, properties, seed, options.clone()))
        };
        Self {
            collections: Kind::standard().into_iter().map(collection).collect(),
            budget: Budget::new(options.limits),
            associations: Associations::default(),
            subscriptions: Subscriptions::default(),
            events: Vec::new(),
            options,
            seed,
            drawn: 0,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// A number that no other draw gives.
    pub(super) fn draw_next(&mut self) -> u64 {
        self.drawn += 1;
        draw(self.seed, &[u64::MAX, self.drawn])
    }

    /// The id of the object type that a path names.
    pub(super) fn resolve(&self, name: &str) -> Result<String, HubSpotRefusal> {
        let portal = self.options.portal_id;
        let mut kinds = self.collections.values().map(|collection| &collection.kind);
        let found = kinds.find(|kind| kind.is_called(name, portal)).map(|kind| kind.id.clone());
        found.ok_or_else(|| {
            HubSpotRefusal::request(format!("Unable to infer object type from: {name}"))
        })
    }

    /// The records of an object type, by any of its names.
    pub(super) fn of(&self, name: &str) -> Result<&Collection, HubSpotRefusal> {
        let id = self.resolve(name)?;
        self.collections.get(&id).ok_or_else(|| HubSpotRefusal::not_found(name))
    }

    /// The records of an object type, by any of its names.
    pub(super) fn of_mut(&mut self, name: &str) -> Result<&mut Collection, HubSpotRefusal> {
        let id = self.resolve(name)?;
        self.collections.get_mut(&id).ok_or_else(|| HubSpotRefusal::not_found(name))
    }

    /// The object types that the account's owner made.
    pub(super) fn custom(&self) -> impl Iterator<Item = &Collection> {
        self.collections.values().filter(|collection| collection.kind.is_custom())
    }

    /// Makes an object type; gives its id.
    pub(super) fn define(&mut self, new: NewKind) -> Result<String, HubSpotRefusal> {
        if self.resolve(&new.name).is_ok() {
            let message = format!("Object type named '{}' already exists.", new.name);
            return Err(HubSpotRefusal::exists(message));
        }
        let mut associated = Vec::with_capacity(new.associated.len());
        for name in &new.associated {
            associated.push(self.resolve(&name.to_ascii_lowercase()).or_else(|refusal| {
                let plural = format!("{}s", name.to_ascii_lowercase());
                let companies = name.eq_ignore_ascii_case("company").then_some("companies");
                self.resolve(companies.unwrap_or(&plural)).map_err(|_| refusal)
            })?);
        }
        let kind = Kind {
            id: format!("2-{}", 7_001 + self.custom().count()),
            group: format!("{}_information", new.name),
            singular: new.name.clone(),
            label: new.label,
            modified: "hs_lastmodifieddate",
            needs: Needs::All(new.required),
            usual: Vec::new(),
            display: new.display.unwrap_or_else(|| "hs_object_id".to_owned()),
            name: new.name,
        };
        let mut properties = Properties::standard(&kind);
        for property in new.properties {
            properties.add(Property { group: kind.group.clone(), ..property })?;
        }
        let id = kind.id.clone();
        for other in associated {
            self.associations.define(&id, &other);
        }
        let mut collection = Collection::new(kind, properties, self.seed, self.options.clone());
        collection.events = self.subscriptions.listens().then(Vec::new);
        self.collections.insert(id.clone(), collection);
        Ok(id)
    }

    /// Whether the end of an association is a record that is there.
    pub(super) fn is_live(&self, (object, id): &End) -> bool {
        self.of(object).is_ok_and(|collection| collection.is_live(*id))
    }

    /// A live record by its id, as the end of an association.
    pub(super) fn end(&self, object: &str, id: &str) -> Result<End, HubSpotRefusal> {
        let object = self.resolve(object)?;
        let found = self.of(&object)?.live(None, id)?;
        Ok((object, found))
    }

    /// Ties two records.
    pub(super) fn associate(
        &mut self,
        from: &End,
        to: &End,
        label: Label,
        by: Author,
        at: Timestamp,
    ) -> Result<(), HubSpotRefusal> {
        if self.associations.type_of(&from.0, &to.0, label).is_none() {
            let message = format!("There is no such association from {} to {}", from.0, to.0);
            return Err(HubSpotRefusal::request(message));
        }
        self.associations.add(from, to, label);
        self.note_tie(from, to, label, false, by, at);
        Ok(())
    }

    /// Unties two records.
    pub(super) fn dissociate(&mut self, from: &End, to: &End, by: Author, at: Timestamp) {
        if self.associations.remove(from, to) {
            self.note_tie(from, to, Label::Unlabelled, true, by, at);
        }
    }

    fn note_tie(
        &mut self,
        from: &End,
        to: &End,
        label: Label,
        removed: bool,
        by: Author,
        at: Timestamp,
    ) {
        if !self.subscriptions.listens() {
            return;
        }
        for (one, other) in [(from, to), (to, from)] {
            let Some(of) = self.associations.type_of(&one.0, &other.0, label) else { continue };
            self.events.push(Event {
                object: one.0.clone(),
                id: one.1,
                what: What::Association {
                    to_object: other.0.clone(),
                    to: other.1,
                    type_id: of.id,
                    removed,
                    primary: label == Label::Primary,
                },
                by,
                at,
            });
        }
    }

    /// Begins or stops to keep in mind what happens.
    pub(super) fn listen(&mut self) {
        let listens = self.subscriptions.listens();
        for collection in self.collections.values_mut() {
            match (listens, &collection.events) {
                (true, None) => collection.events = Some(Vec::new()),
                (true, Some(_)) | (false, None) => {}
                (false, Some(_)) => collection.events = None,
            }
        }
    }

    /// What happened since this was last asked, in the order of time.
    pub(super) fn happened(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.events);
        for collection in self.collections.values_mut() {
            events.extend(collection.events.iter_mut().flat_map(std::mem::take));
        }
        events.sort_by_key(|event| event.at);
        events
    }

    /// An object type as events name it.
    pub(super) fn kind(&self, id: &str) -> Option<&Kind> {
        self.collections.get(id).map(|collection| &collection.kind)
    }

    /// Merges a record into the primary one; gives the id of the merged record.
    pub(super) fn merge(
        &mut self,
        object: &str,
        primary: &str,
        other: &str,
        by: Author,
        at: Timestamp,
    ) -> Result<u64, HubSpotRefusal> {
        let object = self.resolve(object)?;
        let before = self.end(&object, primary)?;
        let lost = self.end(&object, other)?;
        let has_primary = |portal: &Self| {
            let mut companies = portal.associations.of(&before, "0-2");
            companies.any(|(_, labels)| labels.contains(&Label::Primary))
        };
        let keeps_its_own = has_primary(self);
        let survivor = self.of_mut(&object)?.merge(primary, other, by, at)?;
        let survivor: End = (object, survivor);
        // Both come back without associations, if the merged record is a new one.
        let gone = [Some(lost.clone()), (before != survivor).then_some(before)];
        for old in gone.into_iter().flatten() {
            for (to, labels) in self.associations.take_away(&old) {
                for label in labels {
                    let yields = old == lost && keeps_its_own && label == Label::Primary;
                    let label = if yields { Label::Unlabelled } else { label };
                    self.associations.add(&survivor, &to, label);
                }
            }
        }
        Ok(survivor.1)
    }
}
