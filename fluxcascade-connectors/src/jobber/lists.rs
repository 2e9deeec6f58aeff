//! The e-mails and phones of a client are lists; the engine sees single fields. Here is which
//! entry a field stands for, and what is done to the list when the field is written. Pure: the
//! reading and sending of lists is done elsewhere.
//!
//! # What a field shows
//!
//! - `primary`: the first entry that is flagged primary. A list without a flag has no primary,
//!   and the field is blank: if the first entry stood in, a blank could never be written while
//!   another entry is left, and one entry would be two fields' at once by no one's choice.
//! - `main`, `work`, …: the first entry of that description which is not flagged; if there is
//!   none, a flagged one. So a client whose one number is a mobile and primary shows it as both.
//!
//! # What a write does
//!
//! The least that makes the field show the value, and leaves every other field of the projection
//! as it is. Entries that no field of the projection shows are never deleted, and keep their
//! address.
//!
//! - A new primary: the same address elsewhere in the list is promoted, else the primary entry is
//!   edited, else an entry is added. Where an edit would change another field of the projection
//!   (the mobile number that is the primary too), the entry loses its flag, and another is added.
//! - A new value of a description: its entry is edited, else one is added.
//! - A blank deletes the entry, and what is the same again under its description; or it takes its flag
//!   or its description where another field shows it. Other entries of that description would come
//!   after it, and the field would show them: they keep their address and become `OTHER`. Where even
//!   so the field could not be blank without another one changing, the write is refused.

use super::fields::{Contact, Kind, Place};

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Jobber's id; none yet if it is to be added.
    pub(super) id: Option<String>,
    pub(super) text: String,
    /// The same number as Jobber normalised it.
    pub(super) normalized: Option<String>,
    pub(super) kind: Kind,
    pub(super) primary: bool,
}

impl Entry {
    fn new(text: &str, kind: Kind, primary: bool) -> Self {
        Self { id: None, text: text.to_owned(), normalized: None, kind, primary }
    }
}

/// What a field is to show; none: blank.
pub(super) type Wanted = (Place, Option<String>);

/// What is to be done to a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Edits {
    pub(super) add: Vec<Entry>,
    pub(super) edit: Vec<Edit>,
    pub(super) delete: Vec<String>,
    /// What cannot be blank, as another field of the projection would change with it.
    pub(super) refused: Vec<Place>,
}

/// What is to be changed in an entry; what is none stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) id: String,
    pub(super) text: Option<String>,
    pub(super) kind: Option<Kind>,
    pub(super) primary: Option<bool>,
}

/// The entry that a field shows.
pub(super) fn shown(entries: &[Entry], place: Place) -> Option<&Entry> {
    let mut filled = entries.iter().filter(|entry| !entry.text.trim().is_empty());
    match place {
        Place::Primary => filled.find(|entry| entry.primary),
        Place::Kind(kind) => {
            let mut of_kind = filled.filter(|entry| entry.kind == kind);
            let first = of_kind.next()?;
            if first.primary { of_kind.find(|e| !e.primary).or(Some(first)) } else { Some(first) }
        }
    }
}

/// Whether two texts are the same address or number.
pub(super) fn same(contact: Contact, a: &str, b: &str) -> bool {
    match contact {
        Contact::Email => a.trim().to_lowercase() == b.trim().to_lowercase(),
        Contact::Phone => {
            let digits =
                |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
            let (mine, theirs) = (digits(a), digits(b));
            if mine.is_empty() || theirs.is_empty() { a.trim() == b.trim() } else { mine == theirs }
        }
    }
}

/// What makes the list show what is wanted, and leaves the other watched fields as they are.
pub(super) fn plan(
    contact: Contact,
    before: &[Entry],
    wanted: &[Wanted],
    watched: &[Place],
) -> Edits {
    let mut wanted: Vec<&Wanted> = wanted.iter().collect();
    // The primary first: the other fields have more ways to get out of its way.
    wanted.sort_by_key(|(place, _)| *place != Place::Primary);
    let mut protected: Vec<Place> =
        watched.iter().copied().filter(|p| !wanted.iter().any(|(place, _)| place == p)).collect();
    let mut list = before.to_vec();
    let mut refused = Vec::new();
    for (place, text) in wanted {
        let step = Step { contact, list: &list, place: *place, protected: &protected };
        list = match text {
            Some(text) => step.put(text),
            None => step.clear().unwrap_or_else(|| {
                refused.push(*place);
                list.clone()
            }),
        };
        protected.push(*place);
    }
    Edits { refused, ..difference(before, &list) }
}

/// One field written, and the fields that must not change with it.
struct Step<'a> {
    contact: Contact,
    list: &'a [Entry],
    place: Place,
    protected: &'a [Place],
}

impl Step<'_> {
    fn put(&self, text: &str) -> Vec<Entry> {
        let now = self.shown_index();
        if now.is_some_and(|i| self.list[i].text == text) {
            return self.list.to_vec();
        }
        let mut ways = Vec::new();
        let rewrite = now.is_some_and(|i| same(self.contact, &self.list[i].text, text));
        match self.place {
            Place::Primary => {
                if let (false, Some(twin)) = (rewrite, self.twin(text, now)) {
                    ways.push(self.promoted(twin, text));
                }
                ways.extend(now.map(|i| self.edited(i, text)));
                ways.extend(self.contact.kinds().iter().map(|&kind| {
                    let mut list = unflagged(self.list);
                    list.push(Entry::new(text, kind, true));
                    list
                }));
            }
            Place::Kind(kind) => {
                if let (false, Some(twin)) = (rewrite, self.twin(text, now)) {
                    ways.push(self.changed(twin, |entry| entry.kind = kind));
                }
                ways.extend(now.map(|i| self.edited(i, text)));
                let mut list = self.list.to_vec();
                list.push(Entry::new(text, kind, false));
                ways.push(list);
            }
        }
        let shows = |list: &Vec<Entry>| {
            shown(list, self.place).is_some_and(|entry| self.is_same(entry, text))
        };
        let perfect = ways.iter().find(|list| shows(list) && self.leaves_the_rest(list));
        perfect.or_else(|| ways.iter().find(|list| shows(list))).unwrap_or(&ways[0]).clone()
    }

    /// The list with the field blank; none if another field would change with it.
    fn clear(&self) -> Option<Vec<Entry>> {
        let Some(now) = self.shown_index() else { return Some(self.list.to_vec()) };
        let mut without = self.list.to_vec();
        without.remove(now);
        let ways = match self.place {
            Place::Primary => {
                // Several were flagged: only the one that was shown goes.
                let unflagged = [unflagged(&without), unflagged(self.list)];
                [without].into_iter().chain(unflagged).collect()
            }
            Place::Kind(kind) => self.without_kind(kind, now, without),
        };
        let blank = |list: &Vec<Entry>| shown(list, self.place).is_none();
        ways.into_iter().find(|list| blank(list) && self.leaves_the_rest(list))
    }

    /// Ways to have no entry of a description, the least first.
    fn without_kind(&self, kind: Kind, now: usize, without: Vec<Entry>) -> Vec<Vec<Entry>> {
        let text = &self.list[now].text;
        let mut without_doubles = self.list.to_vec();
        without_doubles.retain(|entry| entry.kind != kind || !self.is_same(entry, text));
        let mut ways = vec![without.clone(), without_doubles.clone()];
        let lists = [without_doubles, without, self.list.to_vec()];
        // `OTHER` says least of an entry.
        let kinds = self.contact.kinds().iter().copied().filter(|other| *other != kind);
        let (other, named): (Vec<Kind>, Vec<Kind>) = kinds.partition(|kind| *kind == Kind::Other);
        let described = |list: &Vec<Entry>, other: Kind| {
            let kind_of = |of: Kind| if of == kind { other } else { of };
            let entry = |entry: &Entry| Entry { kind: kind_of(entry.kind), ..entry.clone() };
            list.iter().map(entry).collect::<Vec<Entry>>()
        };
        let renamed: Vec<Vec<Entry>> = other
            .into_iter()
            .chain(named)
            .flat_map(|other| lists.iter().map(move |list| described(list, other)))
            .collect();
        ways.extend(renamed);
        ways
    }

    fn shown_index(&self) -> Option<usize> {
        let entry = shown(self.list, self.place)?;
        self.list.iter().position(|other| std::ptr::eq(other, entry))
    }

    /// Another entry with the same address.
    fn twin(&self, text: &str, except: Option<usize>) -> Option<usize> {
        (0..self.list.len()).find(|&i| Some(i) != except && self.is_same(&self.list[i], text))
    }

    fn is_same(&self, entry: &Entry, text: &str) -> bool {
        same(self.contact, &entry.text, text)
            || entry.normalized.as_ref().is_some_and(|number| same(self.contact, number, text))
    }

    fn leaves_the_rest(&self, list: &[Entry]) -> bool {
        self.protected.iter().all(|&place| match (shown(self.list, place), shown(list, place)) {
            (None, None) => true,
            (Some(before), Some(after)) => same(self.contact, &before.text, &after.text),
            (None, Some(_)) | (Some(_), None) => false,
        })
    }

    fn promoted(&self, twin: usize, text: &str) -> Vec<Entry> {
        let mut list = unflagged(self.list);
        list[twin].primary = true;
        text.clone_into(&mut list[twin].text);
        list
    }

    fn edited(&self, index: usize, text: &str) -> Vec<Entry> {
        self.changed(index, |entry| {
            text.clone_into(&mut entry.text);
            entry.normalized = None;
        })
    }

    fn changed(&self, index: usize, change: impl FnOnce(&mut Entry)) -> Vec<Entry> {
        let mut list = self.list.to_vec();
        change(&mut list[index]);
        list
    }
}

fn unflagged(list: &[Entry]) -> Vec<Entry> {
    list.iter().map(|entry| Entry { primary: false, ..entry.clone() }).collect()
}

fn difference(before: &[Entry], after: &[Entry]) -> Edits {
    let mut edits = Edits::default();
    for old in before {
        let Some(id) = &old.id else { continue };
        let Some(new) = after.iter().find(|entry| entry.id.as_ref() == Some(id)) else {
            edits.delete.push(id.clone());
            continue;
        };
        let edit = Edit {
            id: id.clone(),
            text: (new.text != old.text).then(|| new.text.clone()),
            kind: (new.kind != old.kind).then_some(new.kind),
            primary: (new.primary != old.primary).then_some(new.primary),
        };
        if edit.text.is_some() || edit.kind.is_some() || edit.primary.is_some() {
            edits.edit.push(edit);
        }
    }
    edits.add = after.iter().filter(|entry| entry.id.is_none()).cloned().collect();
    edits
}

#[cfg(test)]
mod tests;
