//! Each property's rule is broken once, and named.

use std::sync::Arc;

use super::*;
use crate::model::{
    Base, Cause, FieldName, Link, LinkId, LinkStatus, LogKind, LogPair, LogRow, OperationId,
    PairId, RecordId, RunNumber, Side, Timestamp, Value,
};

/// A world of one linked pair of records: `a` on the source, `b` on the target.
struct Told {
    witness: Witness,
    remains: Remains,
    clock: i64,
    /// After how many requests what follows was sent; 0: as many as there are.
    sent_as: u64,
}

fn record(id: &str) -> RecordId {
    RecordId::new(id).unwrap()
}

fn engine(number: u8) -> Author {
    Author::Engine(OperationId::of(&[&[number]]))
}

impl Told {
    fn new() -> Self {
        let link = Link {
            id: LinkId::of(&[b"a", b"b"]),
            records: crate::model::Sides::new(record("a"), record("b")),
            status: LinkStatus::Active,
            bases: crate::model::Sides::new(Base::default(), Base::default()),
            ending: None,
        };
        let remains = Remains { links: vec![link], ..Remains::default() };
        let mut told = Self { witness: Witness::new(), remains, clock: 0, sent_as: 0 };
        told.holds(Side::Source, "a", Author::Person, "");
        told.holds(Side::Target, "b", Author::Person, "");
        told
    }

    fn act(&mut self, side: Side, id: &str, by: Author, standing: Standing, value: &str) {
        self.clock += 1;
        let field = FieldName::new("phone").unwrap();
        let sent = vec![(field, Value::from(value))];
        self.witness.note(Act {
            side,
            record: record(id),
            at: Timestamp::from_secs(self.clock),
            calls: self.sent_as,
            by,
            standing,
            values: Arc::new(sent.clone().into_iter().collect()),
            sent,
        });
    }

    fn holds(&mut self, side: Side, id: &str, by: Author, value: &str) {
        self.act(side, id, by, Standing::Here, value);
    }

    fn found(&self) -> Vec<&'static str> {
        self.found_by(&oracle())
    }

    fn found_by(&self, oracle: &Oracle) -> Vec<&'static str> {
        let verdict = oracle.judge(&self.witness, &self.remains);
        verdict.violations.iter().map(|violation| violation.property).collect()
    }
}

fn oracle() -> Oracle {
    let phone = || FieldName::new("phone").unwrap();
    let key = crate::model::Sides::new(phone(), phone());
    Oracle::new([Tied::new("phone", ["phone"], ["phone"])]).key(key)
}

#[test]
fn an_edit_that_flows_is_no_violation() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", Author::Person, "1");
    told.holds(Side::Target, "b", engine(1), "1");
    assert_eq!(told.found(), [""; 0]);
}

/// P26: two rows for one write, of two operations without an answer.
#[test]
fn a_write_that_is_told_twice_is_found() {
    for rows in [1, 2] {
        let mut told = Told::new();
        told.holds(Side::Source, "a", Author::Person, "1");
        told.holds(Side::Target, "b", engine(1), "1");
        for number in 1..=rows {
            told.remains.log.push(settled(number));
        }
        let found: &[&str] = if rows == 1 { &[] } else { &["P26"] };
        assert_eq!(told.found(), found);
    }
}

/// A row of a write of `1` to the target, of which the answer was missing.
fn settled(number: u8) -> LogRow {
    let Author::Engine(operation) = engine(number) else { unreachable!() };
    LogRow {
        run: RunNumber(1),
        at: Timestamp::from_secs(100),
        kind: LogKind::Update,
        link: Some(LinkId::of(&[b"a", b"b"])),
        side: Side::Target,
        records: crate::model::Sides::new(Some(record("a")), Some(record("b"))),
        operation: Some(operation),
        pairs: vec![LogPair {
            pair: PairId::new("phone").unwrap(),
            before: vec![Value::Null],
            after: vec!["1".into()],
            cause: Cause::Edit,
        }],
        note: "settled without an answer".into(),
    }
}

/// P1.
#[test]
fn sides_that_differ_and_nothing_says_why_are_found() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", Author::Person, "1");
    assert_eq!(told.found(), ["P1"]);
}

/// P1.
#[test]
fn a_record_without_a_link_and_a_hold_is_found() {
    let mut told = Told::new();
    told.holds(Side::Source, "c", Author::Person, "1");
    assert_eq!(told.found(), ["P1"]);
}

/// P3: the other side's edit was made without this one before the eyes, and no row has it.
#[test]
fn an_edit_that_is_overwritten_unseen_is_found() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", Author::Person, "1");
    told.holds(Side::Target, "b", Author::Person, "2");
    told.holds(Side::Source, "a", engine(1), "2");
    assert_eq!(told.found(), ["P3"]);
}

/// P3: the same, once the first value was seen on the other side, is a later edit.
#[test]
fn an_edit_that_is_overwritten_by_one_who_saw_it_is_not_lost() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", Author::Person, "1");
    told.holds(Side::Target, "b", engine(1), "1");
    told.holds(Side::Target, "b", Author::Person, "2");
    told.holds(Side::Source, "a", engine(2), "2");
    assert_eq!(told.found(), [""; 0]);
}

/// P15, P3: what was read after a write was sent does not make an edit one that it knew of; what was read
/// before does.
#[test]
fn a_write_that_arrives_late_is_judged_by_what_was_read_before_it_was_sent() {
    for (is_read_first, found) in [(false, ""), (true, "P3")] {
        let mut told = Told::new();
        told.holds(Side::Target, "b", Author::Person, "2");
        let read = |told: &Told| {
            told.witness.called(Side::Source);
            told.witness.read(Side::Source, &record("a"), Timestamp::from_secs(10));
        };
        read(&told);
        told.holds(Side::Source, "a", Author::Person, "1");
        if is_read_first {
            read(&told);
        }
        told.witness.called(Side::Source);
        told.sent_as = told.witness.calls(Side::Source);
        read(&told);
        told.holds(Side::Source, "a", engine(1), "2");
        let expected: Vec<&str> =
            Some(found).filter(|found| !found.is_empty()).into_iter().collect();
        assert_eq!(told.found(), expected);
    }
}

/// P15: an edit after the read is in the window, unless writes are conditional or it is too wide.
#[test]
fn an_edit_in_the_window_is_let_pass_as_far_as_the_window_is_stated() {
    let mut told = Told::new();
    told.holds(Side::Target, "b", Author::Person, "2");
    told.witness.called(Side::Source);
    told.witness.read(Side::Source, &record("a"), Timestamp::from_secs(10));
    told.holds(Side::Source, "a", Author::Person, "1");
    told.witness.called(Side::Source);
    told.holds(Side::Source, "a", engine(1), "2");
    assert_eq!(told.found(), [""; 0]);
    let verdict = oracle().judge(&told.witness, &told.remains);
    assert_eq!((verdict.judged.in_window, verdict.judged.widest_requests), (1, 1));
    assert_eq!(told.found_by(&oracle().conditional(Side::Source)), ["P15"]);
    assert_eq!(told.found_by(&oracle().widest_window(0)), ["P15"]);
}

/// P4.
#[test]
fn a_value_that_nobody_wrote_is_found() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", engine(1), "1");
    told.holds(Side::Target, "b", engine(2), "1");
    assert_eq!(told.found(), ["P4", "P4"]);
}

/// P5: an edit comes back to its own side.
#[test]
fn an_echo_is_found() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", Author::Person, "1");
    told.holds(Side::Target, "b", engine(1), "1");
    told.holds(Side::Source, "a", Author::Person, "2");
    told.holds(Side::Source, "a", engine(2), "1");
    told.log(2, "2", "1");
    assert_eq!(told.found(), ["P5"]);
    assert_eq!(told.found_by(&oracle().systems_rewrite()), [""; 0]);
}

/// P6.
#[test]
fn a_record_that_is_made_twice_is_found() {
    let mut told = Told::new();
    told.holds(Side::Source, "a", Author::Person, "1");
    told.holds(Side::Target, "b", engine(1), "1");
    for (operation, id) in [(2, "c"), (3, "d")] {
        told.holds(Side::Target, id, engine(operation), "1");
        told.remains.links.push(Link {
            id: LinkId::of(&[id.as_bytes()]),
            records: crate::model::Sides::new(record("gone"), record(id)),
            status: LinkStatus::Tombstone,
            ..told.remains.links[0].clone()
        });
    }
    assert_eq!(told.found(), ["P6"]);
}

/// P7.
#[test]
fn a_record_with_two_links_is_found() {
    let mut told = Told::new();
    let second = Link { id: LinkId::of(&[b"second"]), ..told.remains.links[0].clone() };
    told.remains.links.push(second);
    assert_eq!(told.found(), ["P7", "P7"]);
}

/// P8.
#[test]
fn a_record_that_is_removed_though_nobody_removed_its_twin_is_found() {
    let mut told = Told::new();
    told.act(Side::Target, "b", engine(1), Standing::Gone, "");
    told.remains.links[0].status = LinkStatus::Tombstone;
    assert_eq!(told.found(), ["P8"]);
}

/// P8: the twin was removed, and the edit never came to it.
#[test]
fn a_record_that_is_removed_with_an_edit_that_nobody_saw_is_found() {
    let mut told = Told::new();
    told.act(Side::Source, "a", Author::Person, Standing::Gone, "");
    told.holds(Side::Target, "b", Author::Person, "1");
    told.act(Side::Target, "b", engine(1), Standing::Gone, "1");
    told.remains.links[0].status = LinkStatus::Tombstone;
    assert_eq!(told.found(), ["P8"]);
}

/// P10.
#[test]
fn a_write_against_the_direction_of_a_pair_is_found() {
    let mut told = Told::new();
    told.holds(Side::Target, "b", Author::Person, "1");
    told.holds(Side::Source, "a", engine(1), "1");
    let pair = Tied::new("phone", ["phone"], ["phone"]).flows(Flow::To(Side::Target));
    assert_eq!(told.found_by(&Oracle::new([pair])), ["P10"]);
}

impl Told {
    /// The log says that an operation wrote the source for an edit.
    fn log(&mut self, operation: u8, before: &str, after: &str) {
        use crate::model::{Cause, LogKind, LogPair, LogRow, PairId, RunNumber, Sides};
        self.remains.log.push(LogRow {
            run: RunNumber(1),
            at: Timestamp::from_secs(self.clock),
            kind: LogKind::Update,
            link: Some(self.remains.links[0].id),
            side: Side::Source,
            records: Sides::new(Some(record("a")), Some(record("b"))),
            operation: Some(OperationId::of(&[&[operation]])),
            pairs: vec![LogPair {
                pair: PairId::new("phone").unwrap(),
                before: vec![Value::from(before)],
                after: vec![Value::from(after)],
                cause: Cause::Edit,
            }],
            note: String::new(),
        });
    }
}
