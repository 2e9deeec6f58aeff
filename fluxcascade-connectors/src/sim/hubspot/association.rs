//! Which records belong together, and under which labels. Requests and their shapes are in
//! [`super::link`].
//!
//! An association is there in both directions, each with a type id of its own. Of the labels only
//! HubSpot's *Primary* is simulated: a contact or a deal has one primary company at most, and
//! making another one primary takes the label from the first.

use std::collections::{BTreeMap, BTreeSet};

/// A record of an object type.
pub(super) type End = (String, u64);

/// What ties two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// The association itself.
    Unlabelled,
    /// HubSpot's own label of a record's first company.
    Primary,
}

/// A type of association, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) category: &'static str,
    pub(super) id: u64,
}

/// HubSpot's own types: from, to, unlabelled, primary.
const TYPES: [(&str, &str, u64, Option<u64>); 18] = [
    ("0-1", "0-2", 279, Some(1)),
    ("0-2", "0-1", 280, Some(2)),
    ("0-1", "0-3", 4, None),
    ("0-3", "0-1", 3, None),
    ("0-3", "0-2", 341, Some(5)),
    ("0-2", "0-3", 342, Some(6)),
    ("0-1", "0-46", 201, None),
    ("0-46", "0-1", 202, None),
    ("0-1", "0-27", 203, None),
    ("0-27", "0-1", 204, None),
    ("0-2", "0-46", 189, None),
    ("0-46", "0-2", 190, None),
    ("0-2", "0-27", 191, None),
    ("0-27", "0-2", 192, None),
    ("0-3", "0-46", 213, None),
    ("0-46", "0-3", 214, None),
    ("0-3", "0-27", 215, None),
    ("0-27", "0-3", 216, None),
];

/// All associations of an account.
#[derive(Debug, Default)]
pub(super) struct Associations {
    /// The labels of each pair, from either end.
    ties: BTreeMap<(End, End), BTreeSet<Label>>,
    /// The types of pairs with a custom object.
    defined: Vec<(String, String, u64)>,
}

impl Associations {
    /// Lets records of these object types be tied, in both directions.
    pub(super) fn define(&mut self, from: &str, to: &str) {
        if self.type_of(from, to, Label::Unlabelled).is_some() {
            return;
        }
        let first = 1001 + self.defined.len() as u64;
        self.defined.push((from.to_owned(), to.to_owned(), first));
        self.defined.push((to.to_owned(), from.to_owned(), first + 1));
    }

    /// What an object type can be tied to, with the unlabelled type.
    pub(super) fn of_kind(&self, from: &str) -> Vec<(String, u64)> {
        let fixed = TYPES.iter().filter(|(a, ..)| *a == from);
        let fixed = fixed.map(|(_, to, id, _)| ((*to).to_owned(), *id));
        let defined = self.defined.iter().filter(|(a, ..)| a == from);
        fixed.chain(defined.map(|(_, to, id)| (to.clone(), *id))).collect()
    }

    /// The type of a label in this direction, if there is such a one.
    pub(super) fn type_of(&self, from: &str, to: &str, label: Label) -> Option<Type> {
        if let Some((_, _, plain, primary)) = TYPES.iter().find(|(a, b, ..)| (*a, *b) == (from, to))
        {
            let id = match label {
                Label::Unlabelled => Some(*plain),
                Label::Primary => *primary,
            };
            return id.map(|id| Type { category: "HUBSPOT_DEFINED", id });
        }
        let defined = self.defined.iter().find(|(a, b, _)| (a.as_str(), b.as_str()) == (from, to));
        match label {
            Label::Unlabelled => {
                defined.map(|(_, _, id)| Type { category: "USER_DEFINED", id: *id })
            }
            Label::Primary => None,
        }
    }

    /// The label of this type in this direction.
    pub(super) fn label_of(&self, from: &str, to: &str, category: &str, id: u64) -> Option<Label> {
        [Label::Unlabelled, Label::Primary].into_iter().find(|label| {
            self.type_of(from, to, *label).is_some_and(|t| t.category == category && t.id == id)
        })
    }

    /// What this type leads to from an object type, and under which label.
    pub(super) fn by_type(&self, from: &str, category: &str, id: u64) -> Option<(String, Label)> {
        self.of_kind(from).into_iter().find_map(|(to, _)| {
            let label = self.label_of(from, &to, category, id)?;
            Some((to, label))
        })
    }

    /// Ties two records; labels that the pair has already are kept.
    pub(super) fn add(&mut self, from: &End, to: &End, label: Label) {
        if label == Label::Primary {
            self.end_primary(from, to);
        }
        for pair in [(from.clone(), to.clone()), (to.clone(), from.clone())] {
            let labels = self.ties.entry(pair).or_default();
            // What is primary is also associated without a label.
            labels.extend([Label::Unlabelled, label]);
        }
    }

    /// Ties two records under these labels and no other.
    pub(super) fn replace(&mut self, from: &End, to: &End, labels: &[Label]) {
        self.remove(from, to);
        for label in labels {
            self.add(from, to, *label);
        }
    }

    /// Unties two records; whether they were tied.
    pub(super) fn remove(&mut self, from: &End, to: &End) -> bool {
        self.ties.remove(&(to.clone(), from.clone()));
        self.ties.remove(&(from.clone(), to.clone())).is_some()
    }

    /// What a record is tied to, with the labels, by id.
    pub(super) fn of<'a>(
        &'a self,
        from: &End,
        to: &'a str,
    ) -> impl Iterator<Item = (u64, &'a BTreeSet<Label>)> + use<'a> {
        let first = (from.clone(), (to.to_owned(), 0));
        let last = (from.clone(), (to.to_owned(), u64::MAX));
        self.ties.range(first..=last).map(|((_, (_, id)), labels)| (*id, labels))
    }

    /// Everything of a record goes to another one, or nowhere.
    pub(super) fn take_away(&mut self, from: &End) -> Vec<(End, BTreeSet<Label>)> {
        let gone: Vec<_> = self
            .ties
            .iter()
            .filter(|((a, _), _)| a == from)
            .map(|((_, b), l)| (b.clone(), l.clone()))
            .collect();
        for (to, _) in &gone {
            self.remove(from, to);
        }
        gone
    }

    /// The one of the two that may have one primary company only loses the label to its former one.
    fn end_primary(&mut self, from: &End, to: &End) {
        let owner = if to.0 == "0-2" { from } else { to };
        let former: Vec<End> = self
            .of(owner, "0-2")
            .filter(|(_, labels)| labels.contains(&Label::Primary))
            .map(|(id, _)| ("0-2".to_owned(), id))
            .collect();
        for company in former {
            for pair in [(owner.clone(), company.clone()), (company.clone(), owner.clone())] {
                if let Some(labels) = self.ties.get_mut(&pair) {
                    labels.remove(&Label::Primary);
                }
            }
        }
    }
}
