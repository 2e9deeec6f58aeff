//! The course of things: per record and pair, what it held when, and whose doing it was.

use std::collections::{BTreeMap, BTreeSet};

use super::tied::{Tied, is_blank};
use super::witness::{Act, Author, Read, Standing};
use super::{Oracle, Remains, Witness};
use crate::model::{FieldName, RecordId, Side, Sides, Value};

/// A value of a pair that a record came to hold.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The place of the act among all.
    pub(super) act: usize,
    pub(super) by: Author,
    /// The values in the form in which they are compared.
    pub(super) values: Vec<Value>,
    /// Whether the record was there, seen or not.
    pub(super) here: bool,
    /// Whether it came to be by a write of these values, and not by a delete or a merge.
    pub(super) written: bool,
}

pub(super) type Place = (Side, RecordId);

/// Everything, in the order that the rules want it.
pub(super) struct Course<'a> {
    pub(super) oracle: &'a Oracle,
    pub(super) remains: &'a Remains,
    pub(super) acts: Vec<Act>,
    reads: BTreeMap<Place, Vec<Read>>,
    /// The acts on each record.
    pub(super) records: BTreeMap<Place, Vec<usize>>,
    partners: BTreeMap<Place, BTreeSet<RecordId>>,
    /// By pair: the steps of each record.
    steps: Vec<BTreeMap<Place, Vec<Step>>>,
}

impl<'a> Course<'a> {
    pub(super) fn new(oracle: &'a Oracle, witness: &Witness, remains: &'a Remains) -> Self {
        let acts = witness.acts();
        let mut records: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
        for (at, act) in acts.iter().enumerate() {
            records.entry((act.side, act.record.clone())).or_default().push(at);
        }
        let mut reads: BTreeMap<Place, Vec<Read>> = BTreeMap::new();
        for read in witness.reads() {
            reads.entry((read.side, read.record.clone())).or_default().push(read);
        }
        let steps = oracle.pairs.iter().map(|pair| {
            let of_record = |(place, own): (&Place, &Vec<usize>)| {
                (place.clone(), steps_of(pair, place.0, own, &acts))
            };
            records.iter().map(of_record).collect()
        });
        let steps = steps.collect();
        Self { oracle, remains, reads, partners: partners(remains), steps, records, acts }
    }

    /// What a record came to hold in a pair, oldest first.
    pub(super) fn steps(&self, pair: usize, place: &Place) -> &[Step] {
        self.steps[pair].get(place).map_or(&[], Vec::as_slice)
    }

    /// The steps of all records of a side.
    pub(super) fn of_side(&self, pair: usize, side: Side) -> impl Iterator<Item = &Step> {
        self.steps_of_side(pair, side).map(|(_, step)| step)
    }

    /// The steps of all records of a side, with the record.
    pub(super) fn steps_of_side(
        &self,
        pair: usize,
        side: Side,
    ) -> impl Iterator<Item = (&Place, &Step)> {
        let of_side = self.steps[pair].iter().filter(move |(place, _)| place.0 == side);
        of_side.flat_map(|(place, steps)| steps.iter().map(move |step| (place, step)))
    }

    /// All records that this one was ever linked to.
    pub(super) fn partners(&self, place: &Place) -> impl Iterator<Item = Place> {
        let other = place.0.other();
        let partners = self.partners.get(place).into_iter().flatten();
        partners.map(move |record| (other, record.clone()))
    }

    /// The last read of a record before an act was sent: a write that arrives late knows nothing of what
    /// was read meanwhile.
    pub(super) fn read_before(&self, place: &Place, act: usize) -> Option<&Read> {
        let sent = self.acts.get(act)?.calls;
        let mut reads = self.reads.get(place)?.iter().rev();
        reads.find(|read| read.acts <= act && read.calls <= sent)
    }

    /// The acts on a record, with their places among all.
    pub(super) fn acts_on(&self, place: &Place) -> impl Iterator<Item = (usize, &Act)> {
        self.records.get(place).into_iter().flatten().map(|&at| (at, &self.acts[at]))
    }

    /// What a record is now.
    pub(super) fn now(&self, place: &Place) -> Option<&Act> {
        let last = self.records.get(place)?.last()?;
        self.acts.get(*last)
    }

    /// What a record holds in a pair now.
    pub(super) fn holds(&self, pair: usize, place: &Place) -> Option<&Step> {
        self.steps(pair, place).last()
    }

    /// Whether a conflict row or the log has these values, of any record.
    pub(super) fn is_in_a_row(&self, pair: usize, values: &[Value]) -> bool {
        let tied = &self.oracle.pairs[pair];
        let is = |row: &[Value]| !row.is_empty() && tied.holds(&tied.formed(row), values);
        let mut conflicts = self.remains.conflicts.iter();
        let mut logged = self.remains.log.iter().flat_map(|row| &row.pairs);
        conflicts.any(|row| is(&row.values.source) || is(&row.values.target))
            || logged.any(|written| written.pair == tied.id && is(&written.before))
    }

    /// What happened to a pair of a record and of its partners, for people.
    pub(super) fn tell(&self, pair: usize, place: &Place) -> String {
        let mut places = vec![place.clone()];
        places.extend(self.partners(place));
        let mut lines: Vec<(usize, String)> = Vec::new();
        for place in &places {
            for step in self.steps(pair, place) {
                let act = &self.acts[step.act];
                let line = format!(
                    "    {} {} {}: {:?} {:?} by {:?}",
                    act.at, place.0, place.1, act.standing, step.values, step.by
                );
                lines.push((step.act, line));
            }
        }
        lines.sort();
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        format!("\n{}", lines.join("\n"))
    }
}

fn steps_of(pair: &Tied, side: Side, own: &[usize], acts: &[Act]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for &at in own {
        let act = &acts[at];
        let held = |field: &FieldName| act.values.get(field).cloned().unwrap_or(Value::Null);
        let values: Vec<Value> = pair.fields[side].iter().map(held).collect();
        let values = pair.formed(&values);
        let here = match act.standing {
            Standing::Here | Standing::Hidden => true,
            Standing::Gone | Standing::MergedInto(_) => false,
        };
        let moved = steps.last().is_none_or(|last| last.values != values || last.here != here);
        if moved {
            let written = steps.last().is_none_or(|last| last.values != values);
            steps.push(Step { act: at, by: act.by, values, here, written });
        }
    }
    steps
}

fn partners(remains: &Remains) -> BTreeMap<Place, BTreeSet<RecordId>> {
    let mut partners: BTreeMap<Place, BTreeSet<RecordId>> = BTreeMap::new();
    let linked = remains.links.iter().map(|link| link.records.clone());
    let logged = remains.log.iter().filter_map(|row| match &row.records {
        Sides { source: Some(source), target: Some(target) } => {
            Some(Sides::new(source.clone(), target.clone()))
        }
        Sides { source: None, .. } | Sides { target: None, .. } => None,
    });
    for records in linked.chain(logged) {
        for side in Side::BOTH {
            let place = (side, records[side].clone());
            partners.entry(place).or_default().insert(records[side.other()].clone());
        }
    }
    partners
}

/// Whether a step is worth following: blanks are not unique.
pub(super) fn is_value(step: &Step) -> bool {
    step.here && !is_blank(&step.values)
}
