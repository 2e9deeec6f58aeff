//! Holds: why a pair of a link, or a record, waits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Choice};
use super::id::{ConflictId, Fingerprint, LinkId, MappingName, PairId, RecordId, Side, Sides};
use super::time::Timestamp;

/// Why something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// A conflict that a person decides.
    Conflict,
    /// A reference to a record that is not linked yet.
    Reference,
    /// The system refused the value.
    Rejected,
    /// The value flaps.
    Oscillating,
    /// The schemas do not allow it.
    Schema,
    /// It is not known what a system made of a write.
    Unsettled,
    /// More than one record could be the partner.
    Ambiguous,
    /// A create was sent and its answer is missing.
    UnknownOutcome,
    /// The record's answer cannot be read, or, of a pair, one that it conflicts together with.
    Unreadable,
    /// The record was not found, and why is not known.
    Missing,
    /// A transform refused the value, or a required field is blank.
    Invalid,
    /// A guard holds it back.
    Guard,
    /// A person said that it is never matched or created.
    Excluded,
}

impl HoldReason {
    /// The word that stores and reports use.
    pub fn word(self) -> &'static str {
        match self {
            HoldReason::Conflict => "conflict",
            HoldReason::Reference => "reference",
            HoldReason::Rejected => "rejected",
            HoldReason::Oscillating => "oscillating",
            HoldReason::Schema => "schema",
            HoldReason::Unsettled => "unsettled",
            HoldReason::Ambiguous => "ambiguous",
            HoldReason::UnknownOutcome => "unknown_outcome",
            HoldReason::Unreadable => "unreadable",
            HoldReason::Missing => "missing",
            HoldReason::Invalid => "invalid",
            HoldReason::Guard => "guard",
            HoldReason::Excluded => "excluded",
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a guard holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// A record would be deleted for good.
    Delete,
    /// A record would be archived.
    Archive,
    /// A value would be blanked.
    Blanking,
    /// A value would be overwritten although nobody edited the other side's: a first link, or a
    /// changed transform.
    Overwrite,
    /// A record would be created, and the first sync has matched suspiciously few.
    Create,
}

impl Withheld {
    /// All kinds, in order.
    pub const ALL: [Withheld; 5] = [
        Withheld::Delete,
        Withheld::Archive,
        Withheld::Blanking,
        Withheld::Overwrite,
        Withheld::Create,
    ];

    /// The word that stores and reports use.
    pub fn word(self) -> &'static str {
        match self {
            Withheld::Delete => "delete",
            Withheld::Archive => "archive",
            Withheld::Blanking => "blanking",
            Withheld::Overwrite => "overwrite",
            Withheld::Create => "create",
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A link of a mapping that does not exist yet, and that a hold waits for: making it wakes the hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Awaited {
    /// The mapping.
    pub mapping: MappingName,
    /// The side of that mapping that the record is on.
    pub side: Side,
    /// The record that is not linked there yet.
    pub record: RecordId,
}

/// What a hold is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKey {
    /// One pair of a link.
    Pair(LinkId, PairId),
    /// A whole link.
    Link(LinkId),
    /// An unlinked record.
    Record(Side, RecordId),
}

impl HoldKey {
    /// The pair, if it is a pair's hold.
    pub fn pair(&self) -> Option<&PairId> {
        match self {
            HoldKey::Pair(_, pair) => Some(pair),
            HoldKey::Link(_) | HoldKey::Record(..) => None,
        }
    }

    /// The link, if it is on one or on a pair of one.
    pub fn link(&self) -> Option<LinkId> {
        match self {
            HoldKey::Pair(link, _) | HoldKey::Link(link) => Some(*link),
            HoldKey::Record(..) => None,
        }
    }
}

/// A pair about which a person is asked together with others, as both sides held it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedPair {
    /// The pair.
    pub pair: PairId,
    /// Fingerprints of both values.
    pub values: Sides<Option<Fingerprint>>,
}

/// A stored reason why one pair of a link, or one record, waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What waits.
    pub key: HoldKey,
    /// Why.
    pub reason: HoldReason,
    /// Why and what to do, in words; no value of a sensitive field.
    pub detail: String,
    /// Records that could be meant, for a parked record.
    pub candidates: Vec<(Side, RecordId)>,
    /// The conflict row, for a conflict.
    pub conflict: Option<ConflictId>,
    /// Fingerprints of both values when it began.
    pub values: Sides<Option<Fingerprint>>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is looked at again by itself; `None`: when a side changes or a person answers.
    pub not_before: Option<Timestamp>,
    /// When it began.
    pub since: Timestamp,
    /// The link that it waits for, for a reference.
    pub waits_for: Option<Awaited>,
    /// What is held back, for a guard; also of what one has let through and the system refused.
    pub withheld: Option<Withheld>,
    /// A fingerprint of the strategies that were asked, for a conflict: others may decide it.
    pub asked: Option<Fingerprint>,
    /// What a person decided, until a run has carried it out.
    pub answer: Option<Answer>,
    /// The pairs that are in question, for a conflict that a whole record waits for. What the record
    /// waits for before that goes on keeps them.
    #[serde(default)]
    pub pairs: Vec<AskedPair>,
}

impl Hold {
    /// A hold that waits for a change or a person.
    pub fn new(
        key: HoldKey,
        reason: HoldReason,
        detail: impl Into<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            key,
            reason,
            detail: detail.into(),
            candidates: Vec::new(),
            conflict: None,
            values: Sides::default(),
            attempts: 0,
            not_before: None,
            since: now,
            waits_for: None,
            withheld: None,
            asked: None,
            answer: None,
            pairs: Vec::new(),
        }
    }

    /// A fingerprint of what a person is asked: an answer to another version is stale. Looking at
    /// the same thing again does not change it.
    pub fn version(&self) -> Fingerprint {
        let asked = (
            &self.key,
            self.reason,
            &self.candidates,
            self.conflict,
            &self.values,
            self.withheld,
            self.attempts,
        );
        super::record::fingerprint_of(&asked)
    }

    /// Keeps what a person is asked about the whole record, which waits for something else first: it is
    /// asked on afterwards.
    pub(crate) fn keep_question(&mut self, before: Option<&Hold>) {
        if let Some(before) = before {
            self.conflict = before.conflict;
            self.pairs.clone_from(&before.pairs);
            self.asked = before.asked;
            if self.reason == HoldReason::Missing && !before.pairs.is_empty() {
                self.attempts = before.attempts; // it is not tried by itself
            }
        }
    }

    /// What a person is asked about the whole record, also if it waits for something else first.
    pub(crate) fn question(&self) -> Option<Self> {
        if self.reason == HoldReason::Conflict {
            return Some(self.clone());
        }
        let pairs: Vec<&str> = self.pairs.iter().map(|asked| asked.pair.as_str()).collect();
        let detail = format!(
            "{}: both sides differ: decide which value stands, or edit one of them",
            pairs.join(", ")
        );
        let asks = Self { reason: HoldReason::Conflict, detail, not_before: None, ..self.clone() };
        (!pairs.is_empty()).then_some(Self { answer: None, ..asks })
    }

    /// Goes on counting the attempts of what was tried before: that a guard is asked once more is no
    /// new attempt, and no end of those that failed.
    pub(crate) fn keep_count(&mut self, before: Option<&Hold>) {
        let tried = |hold: &&Hold| {
            matches!(hold.reason, HoldReason::Rejected | HoldReason::Guard) && hold.attempts > 0
        };
        if let Some(before) = before.filter(tried).filter(|hold| hold.values == self.values) {
            self.attempts = before.attempts;
            self.since = before.since;
        }
    }

    /// Whether it waits for a person, and not for a time, an edit or another record.
    pub fn asks_a_person(&self) -> bool {
        match self.reason {
            HoldReason::Conflict
            | HoldReason::Oscillating
            | HoldReason::Unsettled
            | HoldReason::Ambiguous
            | HoldReason::Guard
            | HoldReason::Invalid
            | HoldReason::Schema
            | HoldReason::Unreadable
            | HoldReason::Missing => true,
            // What is tried again, or looked into, by itself asks nobody until that has failed.
            HoldReason::Rejected => {
                self.not_before.is_none() && !self.is_left() && !self.is_beside()
            }
            HoldReason::UnknownOutcome => self.not_before.is_none(),
            HoldReason::Reference | HoldReason::Excluded => false,
        }
    }

    /// Whether a person left a record that is refused: it was not tried since, and rests.
    fn is_left(&self) -> bool {
        let is_refused = self.reason == HoldReason::Rejected && self.attempts == 0;
        is_refused && matches!(self.key, HoldKey::Record(..))
    }

    /// Whether it waits on: it is not looked at by itself now, and nobody has answered it.
    pub(crate) fn waits_on(&self, now: Timestamp) -> bool {
        self.answer.is_none() && self.not_before.is_none_or(|due| due > now)
    }

    /// Whether a choice for a pair waits with this hold, which its whole record waits for. What decides the
    /// pair is carried out while others are in question.
    pub(crate) fn keeps_back(&self, choice: &Choice) -> bool {
        let decides = matches!(choice, Choice::Take(_) | Choice::Set(_) | Choice::Leave);
        self.reason != HoldReason::Conflict || !decides
    }

    /// Whether it is of a pair whose whole record is refused, and tried again with that one: a guard has let
    /// it through, and is not asked once more.
    pub(crate) fn is_beside(&self) -> bool {
        let is_untried = self.reason == HoldReason::Rejected && self.attempts == 0;
        is_untried && self.withheld.is_some() && self.key.pair().is_some()
    }

    /// What a guard holds back by it.
    pub fn held_back(&self) -> Option<Withheld> {
        self.withheld.filter(|_| self.reason == HoldReason::Guard)
    }

    /// What a guard has let through of it.
    pub(crate) fn let_through(&self) -> Option<Withheld> {
        self.withheld.filter(|_| self.reason == HoldReason::Rejected)
    }

    /// What happens next under the hold that its whole record waits for, if there is one.
    pub(crate) fn next_step_under(&self, above: Option<&Hold>) -> String {
        match (above, self.choice()) {
            (Some(above), Some(choice)) if above.keeps_back(choice) => {
                let word = choice.word();
                format!("when its whole record goes on, a run carries out the answer: {word}")
            }
            (Some(_), Some(_)) | (None, _) | (_, None) => self.next_step(),
        }
    }

    /// What happens next, or what a person can do, in words.
    pub fn next_step(&self) -> String {
        if let Some(answer) = &self.answer {
            let when = match self.not_before {
                Some(at) if self.reason == HoldReason::Conflict => format!("a run after {at}"),
                Some(at) if self.reason == HoldReason::Unreadable => {
                    format!("when both sides show the field, a run after {at}")
                }
                None if self.reason == HoldReason::Reference => {
                    "when the record that it refers to is linked, a run".to_owned()
                }
                Some(_) | None => "the next run".to_owned(),
            };
            return format!("{when} carries out the answer: {}", answer.choice.word());
        }
        let again = self.not_before.map(|at| format!("it is looked at again at {at}"));
        let step = match self.reason {
            HoldReason::Conflict => "say on the desk which value stands, or edit one of them",
            HoldReason::Oscillating => {
                "take one of the two values on the desk: the systems do not settle on one"
            }
            HoldReason::Unsettled => {
                "take one of the two values on the desk, or edit the field on either side"
            }
            HoldReason::Ambiguous => {
                "say on the desk which record is meant, that it is a new one, or never; or change a key"
            }
            HoldReason::UnknownOutcome => {
                "look into the system, and say on the desk which record was made, or that none was"
            }
            HoldReason::Guard => "allow it on the desk, or run once with an override",
            HoldReason::Rejected if self.is_beside() => "it is tried again with its whole record",
            HoldReason::Rejected => "mend it in either system, or retry it on the desk",
            HoldReason::Invalid if self.key.pair().is_some() => {
                "mend the value in the system that it comes from, or say on the desk what stands"
            }
            HoldReason::Invalid => "mend the value in the system that it comes from",
            HoldReason::Schema => "mend the mapping, or the field in the system",
            HoldReason::Unreadable if self.key.pair().is_some() => {
                "show the hidden field in its system, or say on the desk which value stands"
            }
            HoldReason::Unreadable => "mend the record in its system",
            HoldReason::Missing => {
                "bring the record back in its system, or wait: then it counts as deleted"
            }
            HoldReason::Reference => "link the record that it refers to; then it goes on by itself",
            HoldReason::Excluded => "include it again, if it is to be synced",
        };
        match again {
            Some(again) if !self.asks_a_person() => again,
            Some(again) => format!("{step}; {again}"),
            None => step.to_owned(),
        }
    }

    /// The hold of pairs of which a person's answer cannot be carried out: it is asked again. What
    /// waited for a link with its answer waits for a person now.
    pub(crate) fn asks_again(&self, pairs: &str, why: &str) -> Self {
        let reason = match self.reason {
            HoldReason::Reference | HoldReason::Unreadable => HoldReason::Conflict,
            asks @ (HoldReason::Conflict
            | HoldReason::Rejected
            | HoldReason::Oscillating
            | HoldReason::Schema
            | HoldReason::Unsettled
            | HoldReason::Ambiguous
            | HoldReason::UnknownOutcome
            | HoldReason::Missing
            | HoldReason::Invalid
            | HoldReason::Guard
            | HoldReason::Excluded) => asks,
        };
        Self {
            reason,
            detail: format!("{pairs}: what was decided cannot be done ({why}): decide anew"),
            attempts: self.attempts + 1,
            not_before: None,
            waits_for: None,
            answer: None,
            ..self.clone()
        }
    }

    /// What a person decided, if they have.
    pub fn choice(&self) -> Option<&Choice> {
        self.answer.as_ref().map(|answer| &answer.choice)
    }
}
