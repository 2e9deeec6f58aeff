//! What a changed mapping says otherwise besides its pairs' fields and transforms: filters, match
//! rules, policies. Told against the mapping that the engine has; the store has only fingerprints.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mapping::{CompiledMapping, CompiledPair, FieldPair, Mapping, MatchRule};
use crate::model::Side;
use crate::resolver::{Strategies, Strategy};

/// Something that a changed mapping says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// The pair that it is said of, as people call it; `None` if it is of the whole mapping.
    pub pair: Option<String>,
    /// What is said otherwise.
    pub setting: Setting,
    /// What the mapping says now, as it is written in a file.
    pub before: String,
    /// What the changed one says.
    pub after: String,
}

/// What a mapping says besides which fields it ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Which records of a side are in scope.
    Filter(Side),
    /// By which rules records are matched, those by stored ids included.
    MatchRules,
    /// Which way a pair flows.
    Direction,
    /// How a pair's conflicts are decided.
    Conflicts,
    /// How a pair is decided without a base.
    FirstLink,
    /// What is done with an edit against a pair's direction.
    Drift,
    /// Whether a blank of a pair is refused.
    Required,
    /// With which pairs a pair conflicts together.
    Group,
    /// What is kept of a pair's values.
    Base,
    /// The side that wins where a strategy asks for it.
    Primary,
    /// What is in conflict when both sides were edited.
    ConflictScope,
    /// What is done when one record was deleted and the other edited.
    DeleteUpdate,
    /// What is done when a record of a side was deleted.
    OnDelete(Side),
    /// Where records are created.
    Create,
    /// How records are treated that are linked for the first time.
    FirstSync,
    /// When the other side's ids are written into a side.
    IdWrites(Side),
    /// When a run stops and asks.
    Guards,
}

impl Setting {
    /// What the next runs do because of it.
    pub fn then(self) -> &'static str {
        match self {
            Setting::Filter(_) => {
                "both sides are read whole; links of records that it hides rest with their bases and \
                 nothing is deleted, those that it shows again go on, and others that it shows are \
                 matched"
            }
            Setting::MatchRules => {
                "both sides are read whole for their keys; links stay, and only records without one \
                 are matched by it"
            }
            Setting::Direction => {
                "edits flow by it; what waits is decided by it in the next run, and nothing is written \
                 where nobody edits"
            }
            Setting::Conflicts => {
                "conflicts that wait are decided by it in the next run; those that were decided stay so"
            }
            Setting::FirstLink => {
                "pairs without a base are decided by it, those that wait in the next run; others have \
                 a base and go on"
            }
            Setting::Drift => {
                "edits against the direction are treated so; earlier ones stay as they are"
            }
            Setting::Required => {
                "blanks are treated so from the next run on; what was refused as blank is decided again \
                 in it"
            }
            Setting::Group => "conflicts are decided so, those that wait in the next run",
            Setting::Base => {
                "both sides are read whole, and nothing is written for it; what waits for a person is \
                 asked anew; bases hold that from the next run on, while the log and conflict rows keep \
                 what they have until it is let go, and writes without an answer until that is known"
            }
            Setting::Primary => {
                "strategies that ask for the primary go by it; conflicts that wait are decided by it in \
                 the next run"
            }
            Setting::ConflictScope => "conflicts are told so, those that wait in the next run",
            Setting::DeleteUpdate => {
                "deletes against edits are decided by it, those that wait in the next run"
            }
            Setting::OnDelete(_) => {
                "deletes that are found from now on are treated so; ended links stay"
            }
            Setting::Create | Setting::FirstSync => {
                "records that are looked at from now on are treated so; those that were passed over are \
                 looked at when both sides are next read whole"
            }
            Setting::IdWrites(_) => "records that are looked at from now on get their id so",
            Setting::Guards => {
                "the next run weighs by it what waits for a guard, and what it withholds"
            }
        }
    }

    fn words(self) -> String {
        match self {
            Setting::Filter(side) => format!("filter of the {side}"),
            Setting::MatchRules => "match rules".into(),
            Setting::Direction => "direction".into(),
            Setting::Conflicts => "conflicts".into(),
            Setting::FirstLink => "first link".into(),
            Setting::Drift => "drift".into(),
            Setting::Required => "required".into(),
            Setting::Group => "group".into(),
            Setting::Base => "base".into(),
            Setting::Primary => "primary".into(),
            Setting::ConflictScope => "conflict scope".into(),
            Setting::DeleteUpdate => "delete against edit".into(),
            Setting::OnDelete(side) => format!("delete on the {side}"),
            Setting::Create => "create".into(),
            Setting::FirstSync => "first sync".into(),
            Setting::IdWrites(side) => format!("id written on the {side}"),
            Setting::Guards => "guards".into(),
        }
    }
}

impl fmt::Display for SettingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pair) = &self.pair {
            write!(f, "{pair}, ")?;
        }
        let Self { setting, before, after, .. } = self;
        write!(f, "{}: {before} becomes {after}: {}", setting.words(), setting.then())
    }
}

/// All that two mappings say otherwise of what both have.
pub(super) fn compare(now: &CompiledMapping, then: &CompiledMapping) -> Vec<SettingChange> {
    let mut told = Vec::new();
    let mut note = |pair: Option<&CompiledPair>, setting: Setting, [before, after]: [String; 2]| {
        if before != after {
            let pair = pair.map(|pair| pair.label.clone());
            told.push(SettingChange { pair, setting, before, after });
        }
    };
    for (setting, said) in OF_MAPPINGS {
        note(None, setting, [now, then].map(|mapping| said(&mapping.mapping)));
    }
    for (pair, spec) in pairs(then) {
        // One that ties other fields is another pair.
        let is_same = |(p, _): &Both<'_>| p.id == pair.id && p.fields() == pair.fields();
        let Some((before, spec_before)) = pairs(now).find(is_same) else { continue };
        for (setting, effect, own) in OF_PAIRS {
            // What follows from the mapping is told of the mapping.
            if own(spec_before) != own(spec) {
                note(Some(pair), setting, [before, pair].map(effect));
            }
        }
    }
    told
}

/// A pair as it is compiled, and as the mapping has it.
type Both<'a> = (&'a CompiledPair, &'a FieldPair);

fn pairs(mapping: &CompiledMapping) -> impl Iterator<Item = Both<'_>> {
    mapping.pairs.iter().zip(&mapping.mapping.pairs)
}

/// A setting of pairs: what comes of it, and what a pair says of it by itself.
type OfPair = (Setting, fn(&CompiledPair) -> String, fn(&FieldPair) -> String);

const OF_PAIRS: [OfPair; 7] = [
    (Setting::Direction, |pair| word(&pair.direction), |spec| word(&spec.direction)),
    (Setting::Conflicts, |pair| pair.conflicts.name(), |spec| names(spec.conflicts.as_ref())),
    (Setting::FirstLink, |pair| pair.first_link.name(), |spec| names(spec.first_link.as_ref())),
    (Setting::Drift, |pair| word(&pair.drift), |spec| word(&spec.drift)),
    (Setting::Required, |pair| word(&pair.required), |spec| word(&spec.required)),
    (
        Setting::Group,
        |pair| pair.group.clone().unwrap_or_else(|| "none".into()),
        |spec| word(&spec.group),
    ),
    (Setting::Base, |pair| word(&pair.base), |spec| word(&spec.base)),
];

/// A setting of mappings, and what one says of it.
type OfMapping = (Setting, fn(&Mapping) -> String);

const OF_MAPPINGS: [OfMapping; 16] = [
    (Setting::Filter(Side::Source), |m| conditions(m, Side::Source)),
    (Setting::Filter(Side::Target), |m| conditions(m, Side::Target)),
    (Setting::MatchRules, rules),
    (Setting::Direction, |m| word(&m.direction)),
    (Setting::Conflicts, |m| m.conflicts.name()),
    (Setting::FirstLink, first_link),
    (Setting::Primary, |m| m.primary.map_or_else(|| "none".into(), |side| side.to_string())),
    (Setting::ConflictScope, |m| word(&m.conflict_scope)),
    (Setting::DeleteUpdate, |m| word(&m.delete_update)),
    (Setting::OnDelete(Side::Source), |m| word(&m.on_delete.source)),
    (Setting::OnDelete(Side::Target), |m| word(&m.on_delete.target)),
    (Setting::Create, |m| {
        m.create.map_or_else(|| "wherever records flow".into(), |create| word(&create))
    }),
    (Setting::FirstSync, |m| word(&m.first_sync)),
    (Setting::IdWrites(Side::Source), |m| ids(m, Side::Source)),
    (Setting::IdWrites(Side::Target), |m| ids(m, Side::Target)),
    (Setting::Guards, |m| word(&m.guards)),
];

fn first_link(mapping: &Mapping) -> String {
    match (&mapping.first_link, mapping.primary) {
        (Some(said), _) => said.name(),
        (None, Some(_)) => Strategy::PrimaryWins.name().into(),
        (None, None) => Strategy::Manual.name().into(),
    }
}

fn names(own: Option<&Strategies>) -> String {
    own.map(Strategies::name).unwrap_or_default()
}

fn conditions(mapping: &Mapping, side: Side) -> String {
    let all = &mapping.filter[side];
    if all.is_empty() { "none".into() } else { word(all) }
}

fn ids(mapping: &Mapping, side: Side) -> String {
    mapping.foreign_ids[side].as_ref().map_or_else(|| "never".into(), |id| word(&id.writes))
}

fn rules(mapping: &Mapping) -> String {
    let of_side = |side: Side| {
        let id = mapping.foreign_ids[side].as_ref()?;
        Some(format!("{} id in {}", side.other(), id.field))
    };
    let of_fields = |rule: &MatchRule| match &rule.forms {
        None => rule.label(),
        Some(forms) => format!("{} as {}", rule.label(), word(forms)),
    };
    let all: Vec<String> = Side::BOTH
        .into_iter()
        .filter_map(of_side)
        .chain(mapping.rules.iter().map(of_fields))
        .collect();
    all.join(", then ")
}

/// As it is written in a file, without the quotes of a name.
fn word(said: &impl Serialize) -> String {
    match serde_json::to_value(said) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        // Mappings can be written.
        Err(error) => error.to_string(),
    }
}
