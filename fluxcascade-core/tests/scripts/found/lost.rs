//! And those of writes without an answer to records that are gone meanwhile.

use super::*;

/// P5: a record is not found, with a write to it that has no answer, and back with what was written before
/// it counts as deleted.
#[test]
fn a_write_to_a_record_that_is_missing_for_a_while_is_no_edit() {
    let mut setup = bare();
    for system in [&mut setup.systems.source, &mut setup.systems.target] {
        *system = system.deleting(DeleteSignal::Absence);
    }
    setup.batch = 2;
    setup.conflicts = vec![Conflicts::Longest];
    setup.webhooks = true;
    let edits = [
        edit(0, Source),
        Deed::Clash(0, 4),
        Deed::Clash(0, 0),
        Deed::Edit(Place { person: 1, pair: 0, side: Source }),
        Deed::Delete(1, Source),
    ];
    let blank = Deed::Blank(Place { person: 0, pair: 0, side: Target });
    let rounds = vec![
        run(&[edit(1, Source)]),
        Round { crashes: vec![Crash::At(62), Crash::At(1)], ..run(&edits) },
        Round { wait: 300, ..run(&[Deed::Delete(0, Source), blank]) },
        run(&[Deed::Restore(0, Source)]),
    ];
    play(setup, &Play { start: vec![BOTH, LEFT], rounds });
}

/// P3: what a write without an answer has overwritten is told where its record is deleted, and the other
/// one merged into a linked one.
#[test]
fn what_a_write_without_an_answer_overwrote_is_told_although_its_link_waits_for_a_merge() {
    let mut setup = bare();
    for system in [&mut setup.systems.source, &mut setup.systems.target] {
        *system = system.deleting(DeleteSignal::Absence);
    }
    setup.systems.target.faults = Some((6_682_840_738_570_406_562, 20));
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Unlink, target: DeletePolicy::Recreate },
        delete_update: DeleteUpdate::Manual,
        first_sync: FirstSync::Rebuild,
        ..Policies::PLAIN
    };
    let rounds = vec![
        Round { revision: Revision::Fewer, ..run(&[]) },
        run(&[Deed::Create(Source)]),
        run(&[Deed::Merge(0, 1, Source), Deed::Delete(0, Target)]),
    ];
    let filled = Start { on: [true, true], filled: [200, 8] };
    play(setup, &Play { start: vec![filled, BOTH], rounds });
}

/// P26: a create without an answer was not carried out, and finds by its key what another create has made.
#[test]
fn what_another_create_has_made_is_not_told_as_made_by_one_without_an_answer() {
    let mut setup = bare();
    for system in [&mut setup.systems.source, &mut setup.systems.target] {
        *system = system.deleting(DeleteSignal::Absence);
    }
    setup.systems.source.like = Like::HubSpot;
    setup.systems.source.faults = Some((17_746_782_901_560_920_427, 6));
    setup.systems.target.powers.answers_with_values = true;
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Unlink, target: DeletePolicy::Delete },
        delete_update: DeleteUpdate::Survive,
        ..Policies::PLAIN
    };
    let second = Deed::Edit(Place { person: 1, pair: 0, side: Target });
    let rounds = vec![
        Round { wait: 274, ..run(&[Deed::Twin(1, Target)]) },
        Round { answers: Some(2), ..run(&[second]) },
        Round {
            during: vec![(38, Deed::Delete(1, Target))],
            answers: Some(7),
            ..run(&[Deed::Mail(1, Source)])
        },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P26: the same, where two creates were lost and what one of them made was linked and let go of.
#[test]
fn what_a_lost_create_has_made_is_told_once() {
    let mut setup = bare();
    for system in [&mut setup.systems.source, &mut setup.systems.target] {
        *system = system.deleting(DeleteSignal::Absence);
    }
    setup.systems.target.powers.refuses_duplicates = true;
    setup.systems.target.faults = Some((8_012_257_135_650_805_239, 20));
    setup.batch = 100;
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Unlink, target: DeletePolicy::Unlink },
        delete_update: DeleteUpdate::Survive,
        ..Policies::PLAIN
    };
    let rounds = vec![
        Round { crashes: vec![Crash::At(40)], ..run(&[]) },
        Round { wait: 300, ..run(&[Deed::Twin(0, Source), Deed::Twin(0, Source)]) },
        Round { answers: Some(2), ..run(&[]) },
        run(&[]),
        Round {
            crashes: vec![Crash::At(68), Crash::At(1)],
            revision: Revision::Fewer,
            ..run(&[Deed::Delete(0, Source)])
        },
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P15: a merge brings an edit into a record just before a write arrives there whose caller has stopped
/// waiting; what was read since it was sent does not make that a lost update.
#[test]
fn a_write_that_arrives_late_overwrites_what_was_merged_into_its_record() {
    let mut setup = bare();
    for system in [&mut setup.systems.source, &mut setup.systems.target] {
        *system = system.deleting(DeleteSignal::Absence);
    }
    setup.systems.target.faults = Some((6_090_375_409_229_367_040, 6));
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Archive, target: DeletePolicy::Unlink },
        delete_update: DeleteUpdate::Survive,
        ..Policies::PLAIN
    };
    let place = |person, side| Deed::Edit(Place { person, pair: 2, side });
    let rounds = vec![
        Round { crashes: vec![Crash::At(1)], ..run(&[place(1, Source)]) },
        run(&[]),
        run(&[place(0, Target), Deed::Merge(0, 1, Target)]),
        run(&[]),
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}
