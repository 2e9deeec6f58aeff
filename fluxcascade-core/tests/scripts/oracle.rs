//! What must be true after any script. The oracle knows nothing of the engine: it has the history of
//! what people did, and looks at the systems, the conflict rows, the log and the holds.

use std::collections::BTreeSet;

use fluxcascade_core::model::{
    Conflict, Hold, HoldKey, HoldReason, Link, LinkStatus, LogRow, RecordId, Side, Sides, Value,
};
use fluxcascade_core::store::Page;

use crate::script::{Edit, History, KNOWN, Script, Tally};
use crate::setup::{ONE_WAY, PAIRS, Revision, mail};
use crate::world::World;

/// What there is to be seen once everything has settled.
struct Outcome<'a> {
    world: &'a World,
    history: &'a History,
    /// Whether the one-way pair's target must follow for those who were there from the start.
    restores: bool,
    links: Vec<Link>,
    holds: Vec<Hold>,
    conflicts: Vec<Conflict>,
    log: Vec<LogRow>,
}

/// Systems may write text in another case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Checks everything, and says how much there was to be checked.
pub(crate) async fn check(script: &Script) -> Tally {
    let world = &script.world;
    let engine = world.engine().await;
    let key = engine.mapping_key(&world.setup.mapping(Revision::Whole).name);
    let links = world.links().await;
    let holds = world.store().holds(&key, &Page::all()).await.unwrap();
    let conflicts = world.store().conflicts(&key, &Page::all()).await.unwrap();
    let log = world.store().log(&key, &Page::all()).await.unwrap();
    let history = script.history.lock().unwrap();
    let restores = world.setup.restore && !script.revised;
    let outcome = Outcome { world, history: &history, restores, links, holds, conflicts, log };
    outcome.check_links();
    outcome.check_elsewhere();
    for side in Side::BOTH {
        outcome.check_records(side);
    }
    for (person, known) in history.people.iter().enumerate() {
        outcome.check_deletes(person, known);
        if !history.is_deleted(person) {
            outcome.check_person(person, known);
        }
    }
    let records = world.systems.source.records().len() + world.systems.target.records().len();
    let known = history.people.len() + KNOWN;
    Tally {
        created: (records + history.deleted.len()).saturating_sub(known),
        conflicts: outcome.conflicts.len(),
        ..script.tally
    }
}

impl Outcome<'_> {
    /// P7: a record has one link.
    fn check_links(&self) {
        let active = || self.links.iter().filter(|link| link.status == LinkStatus::Active);
        for side in Side::BOTH {
            let linked: BTreeSet<&RecordId> = active().map(|link| &link.records[side]).collect();
            assert_eq!(linked.len(), active().count(), "{side}: a record has two links (P7)");
        }
    }

    /// P20: an endpoint that was named by mistake is as it was.
    fn check_elsewhere(&self) {
        let records = self.world.elsewhere.records();
        let names: Vec<String> =
            records.iter().map(|record| self.world.elsewhere.text(record, "name")).collect();
        assert_eq!(names, ["somebody else"], "another endpoint was written (P20)");
    }

    /// P6: each person is on a side once.
    fn check_records(&self, side: Side) {
        let system = &self.world.systems[side];
        let mails: Vec<String> =
            system.records().iter().map(|record| system.text(record, mail(side))).collect();
        let different: BTreeSet<&String> = mails.iter().collect();
        let holds = &self.holds;
        assert_eq!(different.len(), mails.len(), "{side}: twice (P6): {mails:?}, {holds:?}");
        let people = self.history.people.len();
        assert!(mails.len() <= people, "{side}: made up (P4): {mails:?}, {people} people");
    }

    /// P8: what no person deleted is there.
    fn check_deletes(&self, person: usize, known: &Sides<Option<RecordId>>) {
        for side in Side::BOTH {
            let Some(record) = &known[side] else { continue };
            let by_person = self.history.deleted.contains(&(person, side));
            let there = self.world.systems[side].records().contains(record);
            assert!(there || by_person, "{side}: {record} is gone, and nobody deleted it (P8)");
        }
    }

    fn check_person(&self, person: usize, known: &Sides<Option<RecordId>>) {
        let is_theirs = |side: Side, record: &RecordId| known[side].as_ref() == Some(record);
        let own_holds = || {
            self.holds.iter().filter(
                |hold| matches!(&hold.key, HoldKey::Record(side, record) if is_theirs(*side, record)),
            )
        };
        // All systems can be asked by the key: what became of a create is found out in the end.
        let open = own_holds().find(|hold| hold.reason == HoldReason::UnknownOutcome);
        assert!(open.is_none(), "person {person}: a create is never looked into (P6): {open:?}");
        let link = self
            .links
            .iter()
            .find(|link| Side::BOTH.iter().any(|&side| is_theirs(side, &link.records[side])));
        let Some(link) = link else {
            let held = own_holds().next().is_some();
            assert!(held, "person {person} has no link and no hold (P1): {:?}", self.holds);
            return;
        };
        for pair in 0..PAIRS.len() {
            let edits = &self.history.edits;
            let is_own = |edit: &&Edit| edit.place.person == person && edit.place.pair == pair;
            let own: Vec<&Edit> = edits.iter().filter(is_own).collect();
            let now = Sides::from_fn(|side| self.values(link, pair, side));
            self.check_agreement(person, pair, link, &now, &own);
            check_origin(pair, &now, &own);
            self.check_nothing_lost(pair, &now, &own);
        }
    }

    fn values(&self, link: &Link, pair: usize, side: Side) -> Vec<String> {
        let fields = PAIRS[pair].fields[side].iter();
        fields.map(|field| self.world.systems[side].text(&link.records[side], field)).collect()
    }

    /// P1: the sides agree, or a hold says why they do not.
    fn check_agreement(
        &self,
        person: usize,
        pair: usize,
        link: &Link,
        now: &Sides<Vec<String>>,
        own: &[&Edit],
    ) {
        let held = self.holds.iter().any(|hold| match &hold.key {
            HoldKey::Link(held) => *held == link.id,
            HoldKey::Pair(held, id) => *held == link.id && id.as_str() == PAIRS[pair].id,
            HoldKey::Record(..) => false,
        });
        let agree = now.source.iter().zip(&now.target).all(|(a, b)| same(a, b));
        // Drift that is left, and what a first link finds on the far side, stays.
        let may_drift = pair == ONE_WAY && (!self.restores || person >= KNOWN);
        let id = PAIRS[pair].id;
        let holds = &self.holds;
        assert!(
            agree || held || may_drift,
            "{id} of person {person}: {now:?} after {own:?} (P1): {holds:?}"
        );
    }

    /// P3: a value is live, or was overwritten by a later edit of its side, or stands in a row.
    fn check_nothing_lost(&self, pair: usize, now: &Sides<Vec<String>>, own: &[&Edit]) {
        let id = PAIRS[pair].id;
        for (at, edit) in own.iter().enumerate().filter(|(_, edit)| !edit.value.is_empty()) {
            let is = |values: &[Value]| {
                let text = values.first().and_then(Value::as_text);
                text.is_some_and(|text| same(text, &edit.value))
            };
            let live = same(&now.source[0], &edit.value) || same(&now.target[0], &edit.value);
            let later = own[at + 1..].iter().any(|later| later.place.side == edit.place.side);
            let mut rows = self.conflicts.iter();
            let in_row = rows.any(|row| is(&row.values.source) || is(&row.values.target));
            let mut logged = self.log.iter().flat_map(|row| &row.pairs);
            let in_log = logged.any(|pair| is(&pair.before) || is(&pair.after));
            assert!(
                live || later || in_row || in_log,
                "{id}: {edit:?} is lost; {now:?} after {own:?} (P3)"
            );
        }
    }
}

/// P4, P10: each value was written by a person, whole, and on a side that it may come from.
fn check_origin(pair: usize, now: &Sides<Vec<String>>, own: &[&Edit]) {
    let id = PAIRS[pair].id;
    for side in Side::BOTH {
        let value = &now[side][0];
        assert!(now[side].iter().all(|half| same(half, value)), "{id}: halves (P4): {now:?}");
        let mut from = own.iter().filter(|edit| {
            pair != ONE_WAY || side == Side::Target || edit.place.side == Side::Source
        });
        let written = value.is_empty() || from.any(|edit| same(&edit.value, value));
        assert!(written, "{id}: the {side} has {value:?} after {own:?} (P4, P10)");
    }
}
