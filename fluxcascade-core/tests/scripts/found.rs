//! Scripts that once failed in the soak, as small as they could be made.

mod later;
mod lost;

use std::time::Duration;

use fluxcascade_core::Strategy as Conflicts;
use fluxcascade_core::connector::DeleteSignal;
use fluxcascade_core::mapping::{ConflictScope, DeletePolicy, DeleteUpdate, FirstSync, IdWrites};
use fluxcascade_core::model::Side::{Source, Target};
use fluxcascade_core::model::Sides;
use fluxcascade_core::testkit::{CallKind, Fault};

use crate::sets::play;
use crate::setup::{BACK, FORTH, Like, NAME, Policies, Revision, SCORE, Setup, TAGS, TIGHT, View};
use crate::step::{Crash, Deed, Place, Play, Round, Start};
use crate::storage::Storage;
use crate::values::Hand;

/// On both sides, without values.
const BOTH: Start = Start { on: [true, true], filled: [0, 0] };
const LEFT: Start = Start { on: [true, false], filled: [0, 0] };
const RIGHT: Start = Start { on: [false, true], filled: [0, 0] };

/// A run after these deeds.
fn run(before: &[Deed]) -> Round {
    Round {
        before: before.to_vec(),
        wait: 0,
        during: Vec::new(),
        crashes: vec![Crash::No],
        revision: Revision::Whole,
        mislead: false,
        answers: None,
    }
}

/// Two systems of which little can be said, one record after the other, and no rule for first links.
fn bare() -> Setup {
    let mut setup = Setup::plain();
    for system in [&mut setup.systems.source, &mut setup.systems.target] {
        system.powers.answers_with_values = false;
        system.powers.archives = false;
        system.powers.deletes_for_good = false;
    }
    setup.batch = 1;
    setup.engine_batch = 1;
    setup.conflicts = vec![Conflicts::NewestWins];
    setup.first_link = None;
    setup
}

fn edit(pair: usize, side: fluxcascade_core::model::Side) -> Deed {
    Deed::Edit(Place { person: 0, pair, side })
}

/// P1: the create of a record is refused for one that a person excluded, and the record is parked.
#[test]
fn a_create_that_an_excluded_record_stands_against_is_parked() {
    let mut setup = bare();
    setup.systems.source.powers.refuses_duplicates = true;
    setup.systems.target.powers.refuses_duplicates = true;
    let hidden = Round { during: vec![(1, Deed::Hide(0, Source))], ..run(&[]) };
    let rounds = vec![hidden, Round { answers: Some(2), ..run(&[]) }, run(&[])];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P1: a person says that a record is to be made, the system says that there is one: it is asked
/// again.
#[test]
fn a_create_that_a_person_asked_for_and_the_system_refuses_is_asked_again() {
    let mut setup = bare();
    setup.systems.source = setup.systems.source.lagging(20).deleting(DeleteSignal::Flag);
    setup.systems.target.powers.refuses_duplicates = true;
    let rounds = vec![
        run(&[Deed::Garble(1, Target)]),
        Round { answers: Some(4), ..run(&[]) },
        Round {
            crashes: vec![Crash::At(1)],
            ..run(&[Deed::Twin(1, Target), Deed::Delete(1, Target)])
        },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P1: a link waits for a survivor that is deleted: for its delete, then for itself.
#[test]
fn a_link_whose_survivor_is_deleted_comes_to_rest() {
    let mut setup = bare();
    setup.systems.source.faults = Some((774_694_433_206_524_656, 6));
    setup.policies = Policies {
        delete_update: DeleteUpdate::Recreate,
        ids: Some(IdWrites::Always),
        ..Policies::PLAIN
    };
    let rounds = vec![
        run(&[]),
        run(&[]),
        Round { crashes: vec![Crash::At(1)], ..run(&[edit(NAME, Target)]) },
        run(&[Deed::Merge(0, 1, Source)]),
        run(&[Deed::Delete(1, Source)]),
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P22: what the system makes of a value in a field of another revision comes back once, too.
#[test]
fn a_value_that_is_rewritten_in_a_field_of_another_revision_comes_back_once() {
    let mut setup = bare();
    setup.systems.target.like = Like::Jobber;
    setup.systems.target.hand = Hand::Upper;
    setup.first_link = Some(Conflicts::TargetWins);
    let clashes = run(&[Deed::Clash(1, NAME), Deed::Clash(1, 1)]);
    let rounds = vec![Round { revision: Revision::Redirected, ..clashes }, run(&[]), run(&[])];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P5: the second half of a write to both sides carries pairs of its own, whose origin is settled
/// from the intent and not from the base.
#[test]
fn a_second_half_with_pairs_of_its_own_is_settled_by_what_they_were_made_from() {
    let mut setup = bare();
    setup.systems.source.like = Like::HubSpot;
    setup.systems.source.hand = Hand::Upper;
    setup.systems.target.faults = Some((15_372_821_202_028_859_075, 20));
    setup.conflicts = vec![Conflicts::Union];
    setup.batch = 2;
    let late = Deed::Fail(Source, CallKind::Update, Fault::Timeout(Duration::from_secs(25)));
    let rounds = vec![
        run(&[edit(NAME, Source)]),
        Round { wait: 60, ..run(&[]) },
        Round { crashes: vec![Crash::At(1)], ..run(&[edit(BACK, Target)]) },
        run(&[Deed::Clash(0, TAGS)]),
        Round { wait: 8, ..run(&[late, Deed::Delete(1, Source)]) },
        Round { revision: Revision::Redirected, ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, RIGHT], rounds });
}

/// P6: a person says that what a lost create made is nobody's; then another is made.
#[test]
fn a_record_that_a_person_excluded_is_no_twin() {
    let mut setup = bare();
    setup.systems.target.like = Like::Pipedrive;
    setup.systems.target.hand = Hand::Cuts;
    setup.systems.target.faults = Some((15_213_135_107_934_911_921, 20));
    setup.policies.ids = Some(IdWrites::Always);
    let rounds = vec![
        run(&[]),
        run(&[]),
        run(&[Deed::Delete(0, Target)]),
        Round { wait: 300, ..run(&[]) },
        Round { answers: Some(4), ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P5: a write without an answer whose record is hidden when it is settled is logged as one that may
/// have been carried out.
#[test]
fn a_write_that_is_not_seen_again_may_be_repeated() {
    let mut setup = bare();
    setup.systems.source.hand = Hand::Upper;
    setup.systems.target = setup.systems.target.lagging(240);
    setup.systems.target.hand = Hand::Lower;
    setup.storage = Storage::Sqlite;
    setup.policies.on_delete.target = DeletePolicy::Archive;
    let rounds = vec![
        run(&[]),
        Round { crashes: vec![Crash::At(60), Crash::At(1)], ..run(&[]) },
        Round { wait: 300, ..run(&[Deed::Hide(1, Target)]) },
        run(&[]),
    ];
    let filled = (1 << 2) | (1 << FORTH) | (1 << BACK);
    let right = Start { on: [false, true], filled: [0, filled] };
    play(setup, &Play { start: vec![BOTH, right], rounds });
}

/// P5: a write without an answer to a record that is hidden stays open until the record is seen:
/// what it wrote is no edit of a person.
#[test]
fn a_write_to_a_record_that_is_hidden_meanwhile_is_no_edit() {
    let mut setup = bare();
    setup.systems.source = setup.systems.source.lagging(20);
    setup.policies.on_delete.target = DeletePolicy::Archive;
    setup.batch = 2;
    let rounds = vec![
        run(&[Deed::Clash(1, NAME)]),
        Round {
            wait: 20,
            answers: Some(0),
            crashes: vec![Crash::At(60), Crash::At(1)],
            ..run(&[edit(TAGS, Source)])
        },
        run(&[Deed::Blank(Place { person: 0, pair: TAGS, side: Source })]),
        Round { wait: 300, ..run(&[Deed::Hide(0, Target)]) },
        run(&[]),
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P14: pairs that the system refuses wait, and what is left of the record is decided in the same run,
/// whichever side is written first.
#[test]
fn what_is_left_of_a_refused_write_is_decided_at_once() {
    for view in [View::AsDrawn, View::Swapped] {
        let setup = Setup { view, ..bare() };
        let wait = |round: Round| Round { wait: 1200, ..round };
        let deeds = [Deed::Refuse(Target, 2)];
        let rounds = vec![wait(run(&deeds)), wait(run(&[])), wait(run(&[Deed::DeleteBoth(0)]))];
        let filled = Start { on: [true, true], filled: [0b11_1101, 0b110_0011] };
        let tally = play(setup, &Play { start: vec![filled, BOTH], rounds });
        assert!(tally.of("conflict: FirstLink by manual") > 0, "{view:?}");
    }
}

/// P22: a record conflict that stands, because a guard withholds a part of it, writes nothing again
/// that the system has rewritten.
#[test]
fn a_record_conflict_that_stands_repeats_no_write_that_was_rewritten() {
    let mut setup = bare();
    setup.systems.target.hand = Hand::Rounds;
    setup.conflicts = vec![Conflicts::SourceWins];
    setup.policies.scope = ConflictScope::Record;
    setup.policies.guards = TIGHT;
    let rounds = vec![
        run(&[Deed::Clash(0, TAGS), edit(2, Source)]),
        Round { crashes: vec![Crash::At(1)], ..run(&[edit(SCORE, Target)]) },
        run(&[Deed::Blank(Place { person: 0, pair: TAGS, side: Source })]),
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P17: the half that is owed to a record is owed while the record is hidden.
#[test]
fn a_half_that_is_owed_to_a_hidden_record_is_written_when_it_is_shown() {
    let mut setup = bare();
    setup.systems.source.powers.answers_with_values = true;
    setup.systems.source.faults = Some((3_756_402_486_023_706_474, 20));
    setup.conflicts = vec![Conflicts::Union, Conflicts::Longest];
    setup.webhooks = true;
    setup.policies.guards = TIGHT;
    setup.policies.ids = Some(IdWrites::Always);
    let second = |pair| Deed::Edit(Place { person: 1, pair, side: Source });
    let rounds = vec![
        run(&[]),
        run(&[Deed::Mail(0, Target), second(NAME)]),
        run(&[Deed::Delete(0, Source)]),
        run(&[second(NAME)]),
        run(&[Deed::Clash(1, TAGS)]),
        Round { wait: 300, ..run(&[Deed::Hide(1, Source)]) },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P3: what a write without an answer has overwritten is told, also when the record is deleted before
/// anybody could look.
#[test]
fn what_a_write_without_an_answer_overwrote_is_told_of_a_deleted_record() {
    let mut setup = bare();
    setup.systems.source.faults = Some((14_452_350_751_473_095_946, 20));
    setup.conflicts = vec![Conflicts::Union, Conflicts::Longest];
    setup.policies =
        Policies { first_sync: FirstSync::UpdateExisting, guards: TIGHT, ..Policies::PLAIN };
    let rounds = vec![
        run(&[]),
        Round { answers: Some(6), ..run(&[Deed::Clash(1, 6)]) },
        Round { wait: 5, ..run(&[]) },
        run(&[Deed::Delete(1, Source)]),
    ];
    play(setup, &Play { start: vec![LEFT, Start { on: [true, true], filled: [144, 19] }], rounds });
}

/// P1: two records that are hidden and merged back and forth come to rest.
#[test]
fn records_that_are_hidden_and_merged_both_ways_come_to_rest() {
    let mut setup = bare();
    setup.systems.source.like = Like::Jobber;
    setup.systems.target.like = Like::HubSpot;
    let mut on_delete = Policies::PLAIN.on_delete;
    on_delete.source = DeletePolicy::Archive;
    setup.policies = Policies { on_delete, ids: Some(IdWrites::Always), ..Policies::PLAIN };
    let rounds = vec![
        run(&[Deed::Hide(0, Source), Deed::Hide(0, Target)]),
        run(&[Deed::Merge(1, 0, Source), Deed::Hide(1, Target)]),
        run(&[Deed::Merge(0, 1, Source), Deed::Hide(0, Target)]),
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P6: a person says that a record is to be made, and the process dies with the create under way: the
/// answer does not make another.
#[test]
fn an_answer_that_a_create_carries_out_makes_no_second_one() {
    let mut setup = bare();
    setup.systems.source.like = Like::HubSpot;
    setup.systems.source.faults = Some((4_798_925_833_957_789_290, 20));
    setup.systems.target = setup.systems.target.lagging(240);
    setup.systems.target.powers.answers_with_values = true;
    setup.batch = 100;
    setup.conflicts = vec![Conflicts::NonBlankWins];
    let both = [Source, Target].map(|side| Deed::Edit(Place { person: 1, pair: 1, side }));
    let rounds = vec![
        Round { wait: 8, crashes: vec![Crash::At(68)], ..run(&[Deed::Twin(0, Source)]) },
        Round { answers: Some(1), ..run(&both) },
        Round {
            wait: 300,
            crashes: vec![Crash::At(1), Crash::At(70)],
            ..run(&[Deed::Mail(0, Source)])
        },
    ];
    play(setup, &Play { start: vec![BOTH, Start { on: [true, true], filled: [78, 13] }], rounds });
}

/// P1: a record whose create has no answer is linked once, also when its partner's key moves on.
#[test]
fn a_record_whose_create_has_no_answer_is_linked_once() {
    let mut setup = bare();
    setup.systems.source = setup.systems.source.lagging(20);
    setup.systems.source.faults = Some((6_464_347_118_631_711_060, 20));
    setup.systems.target.like = Like::Salesforce;
    setup.webhooks = true;
    let rounds = vec![run(&[]), run(&[]), run(&[Deed::Mail(0, Target)])];
    play(setup, &Play { start: vec![RIGHT, RIGHT], rounds });
}
