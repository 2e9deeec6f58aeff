//! What people do to the systems: every deed of a script can be done at any point of a run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::model::{Link, LinkStatus, RecordId, Reference, Side, Sides, Value};
use fluxcascade_core::testkit::SimSystem;

use crate::setup::{Manner, PAIRS, Setup, View, boss, mail, object};
use crate::step::{Deed, Place, Start};
use crate::values::{fields, unique};
use crate::world::World;

/// People, and the records that they know.
#[derive(Clone)]
pub(crate) struct People {
    systems: Sides<SimSystem>,
    manners: Sides<Manner>,
    clock: Arc<ManualClock>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    people: Vec<Sides<Option<RecordId>>>,
    mails: usize,
    values: usize,
    /// What is still to be done is not done any more.
    over: bool,
}

impl Known {
    fn record(&self, person: usize, side: Side) -> Option<RecordId> {
        self.people.get(person).and_then(|known| known[side].clone())
    }

    fn new_mail(&mut self) -> String {
        self.mails += 1;
        format!("p{}@x.io", self.mails)
    }

    fn new_value(&mut self, pair: usize) -> Value {
        self.values += 1;
        unique(pair, self.values)
    }
}

impl People {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            systems: world.systems.clone(),
            manners: world.setup.systems,
            clock: Arc::clone(&world.clock),
            known: Arc::default(),
        }
    }

    /// These people are there from the start.
    pub(crate) fn begin(&self, starts: &[Start], view: View) {
        let mut known = self.known.lock().unwrap();
        let mut order: Vec<(usize, String, &Start)> = Vec::new();
        for (at, start) in starts.iter().enumerate() {
            order.push((at, known.new_mail(), start));
        }
        if view == View::IdsPermuted {
            order.reverse();
        }
        known.people = vec![Sides::default(); starts.len()];
        for (person, address, start) in &order {
            let on = Side::BOTH.into_iter().zip(start.on);
            for side in on.filter(|(_, on)| *on).map(|(side, _)| side) {
                let record = self.systems[side].insert([(mail(side), address.clone())]);
                known.people[*person][side] = Some(record);
            }
        }
        // The values are the same whoever comes first.
        for (person, start) in starts.iter().enumerate() {
            for (at, side) in Side::BOTH.into_iter().enumerate() {
                let Some(record) = known.record(person, side) else { continue };
                for pair in (0..PAIRS.len()).filter(|pair| start.filled[at] & (1 << pair) != 0) {
                    let value = known.new_value(pair);
                    self.write(&record, Place { person, pair, side }, &value);
                }
            }
        }
    }

    /// Nothing is done any more, also not what waits for its point.
    pub(crate) fn stop(&self) {
        self.known.lock().unwrap().over = true;
    }

    /// People learn of the records that were made for them.
    pub(crate) fn learn(&self, links: &[Link], setup: &Setup) {
        for known in &mut self.known.lock().unwrap().people {
            let of = |link: &Link, system: Side| link.records[setup.side(system)].clone();
            for side in Side::BOTH {
                let Some(own) = known[side].clone() else { continue };
                let twin = &mut known[side.other()];
                let there = self.systems[side.other()].records();
                if twin.as_ref().is_none_or(|twin| !there.contains(twin)) {
                    let in_use = |link: &&Link| link.status != LinkStatus::Tombstone;
                    let mut of_own = links.iter().filter(in_use);
                    let link = of_own.find(|link| of(link, side) == own);
                    *twin = link.map(|link| of(link, side.other())).or(twin.take());
                }
            }
        }
    }

    pub(crate) fn act(&self, deed: &Deed) {
        let mut known = self.known.lock().unwrap();
        if known.over {
            return;
        }
        match *deed {
            Deed::Edit(place) => {
                if let Some(record) = known.record(place.person, place.side) {
                    let value = known.new_value(place.pair);
                    self.write(&record, place, &value);
                }
            }
            Deed::Clash(person, pair) => {
                for side in Side::BOTH {
                    if let Some(record) = known.record(person, side) {
                        let value = known.new_value(pair);
                        self.write(&record, Place { person, pair, side }, &value);
                    }
                }
            }
            Deed::Agree(person, pair) => {
                let value = known.new_value(pair);
                for side in Side::BOTH {
                    if let Some(record) = known.record(person, side) {
                        self.write(&record, Place { person, pair, side }, &value);
                    }
                }
            }
            Deed::Blank(place) => {
                if let Some(record) = known.record(place.person, place.side) {
                    self.write(&record, place, &Value::Null);
                }
            }
            Deed::Refer(person, other, side) => {
                if let (Some(record), Some(id)) =
                    (known.record(person, side), known.record(other, side))
                {
                    let named = Value::Ref(Reference { object: object(side), id });
                    self.systems[side].edit(&record, boss(side), named);
                }
            }
            Deed::Mail(person, side) => {
                if let Some(record) = known.record(person, side) {
                    self.systems[side].edit(&record, mail(side), known.new_mail());
                }
            }
            Deed::Create(side) => {
                let address = known.new_mail();
                let mut person = Sides::default();
                person[side] = Some(self.systems[side].insert([(mail(side), address)]));
                known.people.push(person);
            }
            Deed::Twin(person, side) => {
                if let Some(record) = known.record(person, side) {
                    let address = self.systems[side].text(&record, mail(side));
                    let mut person = Sides::default();
                    person[side] = Some(self.systems[side].insert([(mail(side), address)]));
                    known.people.push(person);
                }
            }
            Deed::Merge(loser, survivor, side) => {
                if let (Some(lost), Some(kept)) =
                    (known.record(loser, side), known.record(survivor, side))
                    && lost != kept
                {
                    self.systems[side].merge(&lost, &kept);
                }
            }
            Deed::Delete(..)
            | Deed::Restore(..)
            | Deed::Hide(..)
            | Deed::Show(..)
            | Deed::Garble(..) => {
                self.stand(&known, deed);
            }
            Deed::DeleteBoth(person) => {
                for side in Side::BOTH {
                    self.stand(&known, &Deed::Delete(person, side));
                }
            }
            Deed::HideField(place) | Deed::ShowField(place) => {
                if let Some(record) = known.record(place.person, place.side) {
                    self.see(&record, place, deed);
                }
            }
            Deed::Fail(side, call, fault) => {
                if !self.manners[side].cannot_tell_its_own_echo(fault) {
                    self.systems[side].fail_next(call, fault);
                }
            }
            Deed::Refuse(side, pair) => {
                for field in fields(pair, side) {
                    self.systems[side].refuse(field);
                }
            }
            Deed::Accept(side, pair) => self.accept(side, pair),
            Deed::Wait(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Deed::EventsFail(side, fault) => self.systems[side].fail_next_events(fault),
        }
    }

    /// What concerns a whole record.
    fn stand(&self, known: &Known, deed: &Deed) {
        if let Deed::Delete(person, side) = *deed
            && let Some(record) = known.record(person, side)
        {
            self.systems[side].delete(&record);
        } else if let Deed::Restore(person, side) = *deed
            && let Some(record) = known.record(person, side)
        {
            self.systems[side].restore(&record);
        } else if let Deed::Garble(person, side) = *deed
            && let Some(record) = known.record(person, side)
        {
            self.systems[side].garble(&record);
        } else if let Deed::Hide(person, side) = *deed
            && let Some(record) = known.record(person, side)
        {
            self.systems[side].hide(&record);
        } else if let Deed::Show(person, side) = *deed
            && let Some(record) = known.record(person, side)
        {
            self.systems[side].show(&record);
        }
    }

    fn see(&self, record: &RecordId, place: Place, deed: &Deed) {
        for field in fields(place.pair, place.side) {
            if matches!(deed, Deed::HideField(_)) {
                self.systems[place.side].hide_field(record, field);
            } else {
                self.systems[place.side].show_field(record, field);
            }
        }
    }

    fn write(&self, record: &RecordId, place: Place, value: &Value) {
        for field in fields(place.pair, place.side) {
            self.systems[place.side].edit(record, field, value.clone());
        }
    }

    pub(crate) fn accept(&self, side: Side, pair: usize) {
        for field in fields(pair, side) {
            self.systems[side].accept(field);
        }
    }

    /// Whatever is hidden or refused is not any more.
    pub(crate) fn mend(&self) {
        for side in Side::BOTH {
            let system = &self.systems[side];
            system.fail_no_more();
            for pair in 0..PAIRS.len() {
                self.accept(side, pair);
            }
            for record in system.records() {
                system.show(&record);
                for field in (0..PAIRS.len()).flat_map(|pair| fields(pair, side)) {
                    system.show_field(&record, field);
                }
            }
        }
    }
}
