//! What an item of the desk takes as an answer.

use serde::{Deserialize, Serialize};

use crate::mapping::{CompiledMapping, CompiledPair, refs};
use crate::model::record::fingerprint_values;
use crate::model::{
    Choice, Conflict, ConflictKind, FieldName, FieldType, Hold, HoldKey, HoldReason, Link,
    RecordId, Side, Sides, Slot, Value, Withheld,
};
use crate::plan::gone_mark;

/// The choices that an item takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Offers {
    /// These, as they are.
    pub(super) choices: Vec<Choice>,
    /// Values for these fields of each side.
    pub(super) values: Option<Sides<Vec<OwnField>>>,
    /// Any record of this side.
    pub(super) record_of: Option<Side>,
}

/// A field that a person may give a value of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnField {
    /// Its name.
    pub(super) name: FieldName,
    /// What it can hold.
    field_type: FieldType,
}

impl Offers {
    /// What a hold takes as an answer.
    pub(super) fn of(
        mapping: &CompiledMapping,
        hold: &Hold,
        link: Option<&Link>,
        row: Option<&Conflict>,
    ) -> Self {
        match hold.reason {
            HoldReason::Conflict
                if row.is_some_and(|row| row.kind == ConflictKind::DeleteUpdate) =>
            {
                deleted(mapping, hold)
            }
            HoldReason::Conflict | HoldReason::Oscillating | HoldReason::Unsettled => {
                values_stand(mapping, hold)
            }
            HoldReason::Unreadable if hold.key.pair().is_some() => values_stand(mapping, hold),
            HoldReason::Ambiguous => parked(mapping, hold),
            HoldReason::UnknownOutcome => match &hold.key {
                HoldKey::Record(side, _) => Offers {
                    choices: vec![Choice::NotMade, Choice::Leave],
                    values: None,
                    record_of: Some(side.other()),
                },
                HoldKey::Pair(..) | HoldKey::Link(_) => only(&[Choice::Leave]),
            },
            HoldReason::Guard => match hold.withheld {
                Some(Withheld::Create) => only(&[Choice::Allow, Choice::Never]),
                Some(
                    Withheld::Delete | Withheld::Archive | Withheld::Blanking | Withheld::Overwrite,
                )
                | None => only(&[Choice::Allow, Choice::Leave]),
            },
            // An id in a field of ours is no pair, of which both sides could be left as they are.
            HoldReason::Rejected => match hold.key.pair().map(|id| mapping.pair_index(id)) {
                Some(None) => only(&[Choice::Retry]),
                Some(Some(_)) | None => only(&[Choice::Retry, Choice::Leave]),
            },
            HoldReason::Invalid => refused(mapping, hold, link, row),
            // A removal that the system cannot do.
            HoldReason::Schema => only(&[Choice::Leave]),
            HoldReason::Reference
            | HoldReason::Unreadable
            | HoldReason::Missing
            | HoldReason::Excluded => Offers::default(),
        }
    }

    /// Whether this choice is one of them.
    pub(super) fn take(&self, choice: &Choice) -> bool {
        if self.choices.contains(choice) {
            return true;
        }
        match choice {
            Choice::Set(values) => self.has_room(values) && self.misfit(choice).is_none(),
            Choice::LinkTo(_) => self.record_of.is_some(),
            Choice::Take(_)
            | Choice::Leave
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Allow
            | Choice::Retry
            | Choice::Recreate => false,
        }
    }

    /// Whether there is a field for each value.
    fn has_room(&self, values: &Sides<Vec<Value>>) -> bool {
        self.values.as_ref().is_some_and(|fields| {
            Side::BOTH.into_iter().all(|side| values[side].len() == fields[side].len())
        })
    }

    /// The first field that cannot hold the value that is given for it.
    pub(super) fn misfit(&self, choice: &Choice) -> Option<(Side, &OwnField)> {
        let (Choice::Set(values), Some(fields)) = (choice, &self.values) else { return None };
        Side::BOTH.into_iter().find_map(|side| {
            let mut given = fields[side].iter().zip(&values[side]);
            let wrong = given.find(|(field, value)| !fits(value, &field.field_type));
            wrong.map(|(field, _)| (side, field))
        })
    }
}

fn only(choices: &[Choice]) -> Offers {
    Offers { choices: choices.to_vec(), ..Offers::default() }
}

fn pair_of<'m>(mapping: &'m CompiledMapping, hold: &Hold) -> Option<&'m CompiledPair> {
    hold.key.pair().and_then(|id| mapping.pair_index(id)).map(|at| &mapping.pairs[at])
}

/// A deleted record whose twin was edited is made again only where records are created.
fn deleted(mapping: &CompiledMapping, hold: &Hold) -> Offers {
    let gone = Side::BOTH.into_iter().find(|side| hold.values[*side] == Some(gone_mark()));
    if gone.is_some_and(|gone| mapping.mapping.creates_on(gone)) {
        return only(&[Choice::Recreate, Choice::Leave]);
    }
    only(&[Choice::Leave])
}

/// One side's values, or one's own, on whichever sides the pair writes.
fn values_stand(mapping: &CompiledMapping, hold: &Hold) -> Offers {
    let pair = pair_of(mapping, hold);
    let writes = |side: Side| pair.is_none_or(|pair| pair.direction.writes_to(side));
    let takes = Side::BOTH.into_iter().filter(|winner| writes(winner.other()));
    Offers {
        choices: takes.map(Choice::Take).chain([Choice::Leave]).collect(),
        values: pair
            .filter(|pair| Side::BOTH.into_iter().all(writes) && !pair.is_kept())
            .map(|pair| Sides::from_fn(|side| own_fields(pair, side))),
        record_of: None,
    }
}

fn own_fields(pair: &CompiledPair, side: Side) -> Vec<OwnField> {
    let end = &pair.ends[side];
    let both = end.names.iter().cloned().zip(end.types.iter().cloned());
    both.map(|(name, field_type)| OwnField { name, field_type }).collect()
}

/// A pair whose value is refused: a side's values stand if they are known and the pair takes them.
fn refused(
    mapping: &CompiledMapping,
    hold: &Hold,
    link: Option<&Link>,
    row: Option<&Conflict>,
) -> Offers {
    // An unlinked record holds nothing yet that could stand.
    let Some(pair) = pair_of(mapping, hold) else { return Offers::default() };
    let known = |side: Side| {
        let slots = link.map(|link| &link.bases[side].slots[pair.ends[side].base.clone()]);
        let base = slots.and_then(values_of);
        let now = |values: &Vec<Value>| hold.values[side] == Some(fingerprint_values(values));
        row.map(|row| row.values[side].clone()).filter(now).or(base.filter(now))
    };
    let mut offers = values_stand(mapping, hold);
    offers.choices.retain(|choice| {
        let Choice::Take(winner) = choice else { return true };
        known(*winner).is_some_and(|values| is_taken(pair, *winner, &values))
    });
    offers
}

/// Whether a pair takes a side's values for the other side; of values that are not kept the run says
/// that.
fn is_taken(pair: &CompiledPair, from: Side, values: &[Value]) -> bool {
    if values.iter().any(Value::is_kept) {
        return true;
    }
    let is_blank = values.iter().all(Value::is_blank);
    !(pair.required && is_blank) && pair.carry(from, &refs(values)).is_ok()
}

/// A record that could be several, or a link whose record was merged into one that is linked.
fn parked(mapping: &CompiledMapping, hold: &Hold) -> Offers {
    let (side, record_of, otherwise) = match &hold.key {
        HoldKey::Record(side, _) => (side.other(), None, Choice::Never),
        HoldKey::Link(_) | HoldKey::Pair(..) => match hold.candidates.first() {
            Some((side, _)) => (*side, Some(*side), Choice::Leave),
            None => return only(&[Choice::Leave]),
        },
    };
    let there = hold.candidates.iter().filter(|(of, _)| *of == side);
    let link_to = |(_, record): &(Side, RecordId)| Choice::LinkTo(record.clone());
    let mut choices: Vec<Choice> = there.map(link_to).collect();
    if mapping.mapping.creates_on(side) {
        choices.push(Choice::Create);
    }
    choices.push(otherwise);
    Offers { choices, values: None, record_of }
}

/// Whether a field of this type can hold the value. Any field can be blank.
fn fits(value: &Value, field_type: &FieldType) -> bool {
    if value.is_blank() {
        return true;
    }
    let all_fit = |item: &FieldType| {
        value.items().is_some_and(|items| items.into_iter().all(|value| fits(value, item)))
    };
    match field_type {
        FieldType::Bool => matches!(value, Value::Bool(_)),
        FieldType::Int => value.as_decimal().is_some_and(|number| number.is_integer()),
        FieldType::Decimal => value.as_decimal().is_some(),
        FieldType::Text | FieldType::Email | FieldType::Phone => value.as_text().is_some(),
        FieldType::Date => matches!(value, Value::Date(_)),
        FieldType::Time => matches!(value, Value::Time(_)),
        FieldType::Instant => matches!(value, Value::Instant(_)),
        FieldType::Zoned => matches!(value, Value::Zoned(_)),
        FieldType::Choice { options } => value
            .as_text()
            .is_some_and(|code| options.is_empty() || options.iter().any(|known| known == code)),
        FieldType::Set { item } => all_fit(item),
        // A set has no order that a list could have.
        FieldType::List { item } => matches!(value, Value::List(_)) && all_fit(item),
        FieldType::Map => matches!(value, Value::Map(_)),
        FieldType::Money => matches!(value, Value::Money(_)),
        FieldType::Ref { object } => {
            matches!(value, Value::Ref(reference) if reference.object == *object)
        }
    }
}

impl OwnField {
    /// What it takes, for people.
    pub(super) fn takes(&self) -> String {
        words(&self.field_type)
    }
}

fn words(field_type: &FieldType) -> String {
    match field_type {
        FieldType::Bool => "true or false".to_owned(),
        FieldType::Int => "a whole number".to_owned(),
        FieldType::Decimal => "a number".to_owned(),
        FieldType::Text => "text".to_owned(),
        FieldType::Email => "an e-mail address, as text".to_owned(),
        FieldType::Phone => "a phone number, as text".to_owned(),
        FieldType::Date => "a day".to_owned(),
        FieldType::Time => "a time of day".to_owned(),
        FieldType::Instant => "an instant".to_owned(),
        FieldType::Zoned => "a local time with its zone".to_owned(),
        FieldType::Choice { options } if options.is_empty() => "a code, as text".to_owned(),
        FieldType::Choice { options } => format!("one of {}", options.join(", ")),
        FieldType::Set { item } => format!("a set, each of it {}", words(item)),
        FieldType::List { item } => format!("a list, each of it {}", words(item)),
        FieldType::Map => "named values".to_owned(),
        FieldType::Money => "an amount in a currency".to_owned(),
        FieldType::Ref { object } => format!("a reference to a record of {object}"),
    }
}

/// The values of all slots; `None` if one is absent.
pub(super) fn values_of(slots: &[Slot]) -> Option<Vec<Value>> {
    slots.iter().map(|slot| slot.value().cloned()).collect()
}
