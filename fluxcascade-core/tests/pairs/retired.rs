//! P20: what bases keep of pairs that the mapping has no more.

use std::time::Duration;

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::mapping::{Adopted, CompiledMapping, MappingBuilder};
use fluxcascade_core::model::{
    Base, FieldType, Fingerprint, Revision, Value, WriteOrigin, Written,
};
use fluxcascade_core::resolver::Strategy;

use crate::given::{Given, at, compile, writes};

const KEPT: Duration = Duration::from_secs(100);
const FIELDS: [(&str, FieldType); 3] =
    [("x", FieldType::Text), ("y", FieldType::Text), ("z", FieldType::Text)];

/// The revisions of a mapping, one after the other.
#[derive(Default)]
struct History(Vec<Revision>);

impl History {
    fn next(
        &mut self,
        now: i64,
        pairs: impl Fn(MappingBuilder) -> MappingBuilder,
    ) -> CompiledMapping {
        let mut mapping = compile(&FIELDS, pairs);
        let adopted = mapping.adopt(&self.0, at(now), KEPT);
        self.0.extend(adopted.revision());
        mapping
    }
}

fn both(m: MappingBuilder) -> MappingBuilder {
    m.pair("x", "x").pair("y", "y")
}

fn y_alone(m: MappingBuilder) -> MappingBuilder {
    m.pair("y", "y")
}

fn wrote(position: u32) -> Written {
    let fingerprint = Fingerprint::of(&[b"x"]);
    Written { position, fingerprint, at: at(7), origin: WriteOrigin::Person }
}

/// A base with a value and a write in each place.
fn filled(mapping: &CompiledMapping, values: &[&str]) -> Base {
    let mut base = Base::empty(mapping.revision, mapping.base_width.source);
    for (place, value) in (0..).zip(values) {
        base.slots[place as usize] = Value::from(*value).into();
        base.note_written(wrote(place));
    }
    base
}

fn held(base: &Base) -> Vec<Option<&str>> {
    base.slots.iter().map(|slot| slot.value().and_then(Value::as_text)).collect()
}

/// Its values and its last writes lie behind those of the others, and come back with it.
#[test]
fn what_a_removed_pair_held_and_wrote_moves_with_the_base_and_comes_back() {
    let mut history = History::default();
    let base = filled(&history.next(0, both), &["1", "2"]);
    let less = history.next(1, y_alone);
    assert_eq!((less.base_width.source, less.base_places.source.len()), (2, 1));
    let relaid = less.relay(Source, &base, &history.0);
    assert_eq!(held(&relaid), [Some("2"), Some("1")]);
    assert_eq!(less.living(Source, &relaid).len(), 1);
    let places = |base: &Base| base.written.iter().map(|w| w.position).collect::<Vec<_>>();
    assert_eq!(places(&relaid), [1, 0]);

    let other = history.next(2, |m| m.pair("z", "z").pair("y", "y"));
    let relaid = other.relay(Source, &relaid, &history.0);
    assert_eq!(held(&relaid), [None, Some("2"), Some("1")]);
    let whole = history.next(3, both);
    let back = whole.relay(Source, &relaid, &history.0);
    assert_eq!(held(&back), [Some("1"), Some("2"), None]);
    assert_eq!(back.written.iter().filter(|w| **w == wrote(0)).count(), 1);
    // The same for a base that was laid out by none of the revisions between.
    assert_eq!(held(&whole.relay(Source, &base, &history.0)), held(&back));
}

/// A base that was not looked at while a pair was gone for too long is not taken up again.
#[test]
fn a_base_from_before_a_gap_is_not_taken_up_again() {
    let mut history = History::default();
    let base = filled(&history.next(0, both), &["1", "2"]);
    history.next(1, y_alone);
    let whole = history.next(102, both);
    assert!(whole.retired.is_empty());
    assert_eq!(held(&whole.relay(Source, &base, &history.0)), [None, Some("2")]);
    let same = history.next(103, |m| both(m.conflicts(Strategy::SourceWins)));
    assert_eq!((same.revision, same.pairs[0].from, same.pairs[1].from), (4, 3, 1));
    assert_eq!(held(&same.relay(Source, &base, &history.0)), [None, Some("2")]);
}

/// What has been kept for long enough goes with the next change of what is read, and not before: the
/// places of a revision do not change.
#[test]
fn what_is_over_goes_with_the_next_revision_that_reads_otherwise() {
    let mut history = History::default();
    history.next(0, both);
    let since = history.next(1, y_alone).retired[0].retired;
    assert_eq!(since, Some(at(1)));
    let known = history.next(500, y_alone);
    assert_eq!((history.0.len(), known.retired.len()), (2, 1));
    let decides = history.next(500, |m| y_alone(m.conflicts(Strategy::SourceWins)));
    assert_eq!((history.0.len(), decides.retired.len()), (3, 1));
    assert_eq!(history.0[2].layout, history.0[1].layout);
    let mut later = compile(&FIELDS, |m| y_alone(m).pair("z", "z"));
    assert!(matches!(later.adopt(&history.0, at(101), KEPT), Adopted::New(_)));
    assert!(later.retired.is_empty());
    assert!(matches!(later.adopt(&history.0, at(100), KEPT), Adopted::New(_)));
    assert_eq!(later.retired[0].retired, since, "it keeps its time");
    assert_eq!(later.base_width.source, 3);
}

/// A pair that ties other fields under the same id, and its former self, are two.
#[test]
fn a_pair_and_its_former_self_under_one_id_have_places_of_their_own() {
    let tied = |to: &'static str| move |m: MappingBuilder| m.pair_with("x", to, |p| p.id("a"));
    let mut history = History::default();
    let base = filled(&history.next(0, tied("y")), &["1"]);
    let other = history.next(1, tied("z"));
    let mut relaid = other.relay(Source, &base, &history.0);
    assert_eq!(held(&relaid), [None, Some("1")]);
    relaid.slots[0] = Value::from("3").into();
    let back = history.next(2, tied("y"));
    assert_eq!(held(&back.relay(Source, &relaid, &history.0)), [Some("1"), Some("3")]);
}

/// A pair that is retired decides nothing, with a base or without one, whatever is seen.
#[test]
fn a_retired_pair_is_no_reason_to_look_at_a_record() {
    let mut history = History::default();
    history.next(0, both);
    let less = history.next(1, y_alone);
    let given = Given::new(less.clone()).agreed("y", "same");
    assert!(given.work.link.as_ref().unwrap().bases.source.slots[1].is_absent());
    let entry = given.entry();
    assert!(entry.is_quiet() && entry.pairs.is_empty(), "{entry:?}");
    let mut unseen = Given::new(less.clone()).agreed("y", "same");
    unseen.work.entries.target = None;
    assert!(unseen.entry().is_quiet(), "{:?}", unseen.entry());
    let edited = Given::new(less).agreed("y", "same").with(Target, "y", "other");
    assert_eq!(writes(&edited, &edited.entry()), ["source y = other"]);
}
