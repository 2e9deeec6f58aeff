//! More of them: what came after records that are archived.

use super::*;

/// P6: a record that is deleted and restored while an edit of its partner is written is made once.
#[test]
fn a_record_that_is_restored_beside_its_recreation_is_made_once() {
    let mut setup = bare();
    setup.systems.target.like = Like::Salesforce;
    setup.systems.target.hand = Hand::Cuts;
    setup.systems.target.faults = Some((6_308_589_303_230_277_190, 20));
    setup.webhooks = true;
    setup.batch = 100;
    setup.policies = Policies {
        delete_update: DeleteUpdate::Recreate,
        first_sync: FirstSync::LinkOnly,
        ..Policies::PLAIN
    };
    let rounds = vec![
        run(&[]),
        run(&[Deed::Edit(Place { person: 1, pair: 0, side: Source })]),
        run(&[Deed::Mail(0, Target), Deed::Clash(0, 0), Deed::Delete(0, Target)]),
        run(&[Deed::Restore(0, Target)]),
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P6: a create without an answer is found among records with the same cut id.
#[test]
fn a_lost_create_is_found_among_records_with_the_same_cut_id() {
    let mut setup = bare();
    setup.systems.source = setup.systems.source.lagging(20).deleting(DeleteSignal::Flag);
    setup.systems.target = setup.systems.target.deleting(DeleteSignal::Absence);
    setup.systems.target.powers.order_numbers = true;
    setup.systems.target.hand = Hand::Cuts;
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Unlink, target: DeletePolicy::Archive },
        ids: Some(IdWrites::OnCreate),
        ..Policies::PLAIN
    };
    let rounds = vec![
        run(&[]),
        run(&[Deed::Create(Source)]),
        Round {
            wait: 20,
            during: vec![(1, Deed::Create(Source))],
            ..run(&[Deed::Hide(0, Source), Deed::Delete(1, Source)])
        },
        Round { crashes: vec![Crash::At(48)], ..run(&[Deed::Wait(20), Deed::Delete(1, Target)]) },
        Round { wait: 90_000, crashes: vec![Crash::At(54)], ..run(&[]) },
        Round { answers: Some(4), ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P5: what came to a record by a merge was not written there, and may be written back to it.
#[test]
fn a_value_that_came_by_a_merge_may_come_from_the_other_side() {
    let mut setup = bare();
    setup.systems.source.like = Like::HubSpot;
    setup.batch = 2;
    let merge = || run(&[Deed::Merge(0, 1, Source), Deed::Hide(0, Target)]);
    let fault = Deed::Fail(Source, CallKind::Update, Fault::Timeout(Duration::from_secs(25)));
    let rounds = vec![
        run(&[fault]),
        Round { wait: 90_000, ..merge() },
        Round { answers: Some(0), ..merge() },
        run(&[Deed::Merge(1, 0, Source), Deed::Merge(1, 0, Target)]),
        run(&[]),
    ];
    let first = Start { on: [true, true], filled: [28, 40] };
    let second = Start { on: [true, true], filled: [0, 36] };
    play(setup, &Play { start: vec![first, second], rounds });
}

/// P1: both systems write down what stood there before, and a person takes one pair from each side.
#[test]
fn answers_for_both_sides_are_carried_out_once() {
    let mut setup = bare();
    setup.systems.source.hand = Hand::Lower;
    setup.systems.source.faults = Some((13_168_889_264_784_960_211, 6));
    setup.systems.target.hand = Hand::Upper;
    setup.first_link = Some(Conflicts::Manual);
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Unlink, target: DeletePolicy::Archive },
        ..Policies::PLAIN
    };
    let rounds = vec![
        Round { crashes: vec![Crash::At(1)], ..run(&[Deed::Mail(1, Source)]) },
        run(&[Deed::Delete(0, Target), Deed::Agree(1, 2)]),
        run(&[]),
        Round { answers: Some(0), ..run(&[]) },
    ];
    let filled = Start { on: [true, true], filled: [0, 65] };
    play(setup, &Play { start: vec![BOTH, filled], rounds });
}

/// P1: half of a union has no answer when its pair is left out of the mapping for one run.
#[test]
fn a_half_that_settles_while_its_pair_is_retired_is_decided_anew() {
    let mut setup = bare();
    setup.systems.source.like = Like::Jobber;
    setup.systems.source.faults = Some((12_060_517_187_656_967_019, 20));
    setup.conflicts = vec![Conflicts::Union];
    setup.first_link = Some(Conflicts::TargetWins);
    setup.policies = Policies {
        on_delete: Sides { source: DeletePolicy::Recreate, target: DeletePolicy::Unlink },
        ..Policies::PLAIN
    };
    let rounds = vec![
        run(&[Deed::Edit(Place { person: 0, pair: 4, side: Target })]),
        run(&[Deed::Clash(1, TAGS)]),
        Round { wait: 300, revision: Revision::Fewer, ..run(&[]) },
    ];
    let filled = Start { on: [true, true], filled: [1, 55] };
    play(setup, &Play { start: vec![BOTH, BOTH, filled, BOTH], rounds });
}

/// P5: a merge brings a value anew to the record that gets it.
#[test]
fn a_value_that_a_merge_brings_again_is_written_again() {
    let setup = bare();
    let rounds = vec![
        run(&[Deed::Hide(0, Target)]),
        run(&[Deed::Merge(0, 1, Source), Deed::Delete(0, Target)]),
        Round {
            during: vec![(1, Deed::Blank(Place { person: 0, pair: SCORE, side: Target }))],
            answers: Some(4),
            ..run(&[Deed::Merge(1, 0, Source), Deed::Delete(1, Target)])
        },
        run(&[Deed::Merge(1, 0, Source), Deed::Merge(1, 0, Target)]),
    ];
    let filled = Start { on: [true, true], filled: [160, 0] };
    play(setup, &Play { start: vec![filled, BOTH], rounds });
}

/// P1: another pair is written to the target before the half that is owed to the source.
#[test]
fn a_half_that_is_owed_stays_beside_a_write_to_the_other_side() {
    let mut setup = bare();
    setup.systems.source.faults = Some((6_942_283_613_479_936_785, 6));
    setup.systems.target.hand = Hand::Upper;
    setup.systems.target.faults = Some((7_765_248_249_420_768_922, 20));
    setup.conflicts = vec![Conflicts::Union];
    let rounds = vec![
        run(&[]),
        run(&[Deed::Twin(0, Target), Deed::Edit(Place { person: 1, pair: 0, side: Target })]),
        run(&[Deed::Clash(1, TAGS)]),
        Round { revision: Revision::Redirected, ..run(&[]) },
        run(&[]),
        run(&[Deed::Agree(1, 3)]),
        Round { wait: 300, ..run(&[]) },
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P6: a record that a person orders is made beside one whose create had no answer.
#[test]
fn a_record_that_a_person_orders_is_made_beside_others_with_its_key() {
    let mut setup = bare();
    setup.systems.target.like = Like::Salesforce;
    setup.systems.target.faults = Some((889_096_985_484_834_144, 20));
    let rounds = vec![
        run(&[Deed::Fail(Target, CallKind::Changes, Fault::Partial(1)), Deed::Twin(1, Source)]),
        Round { revision: Revision::Fewer, ..run(&[Deed::Garble(0, Source)]) },
        Round { wait: 300, ..run(&[]) },
        Round { answers: Some(4), ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH, BOTH], rounds });
}

/// P6: a system does one create twice, and a person deletes the record that it named.
#[test]
fn the_double_that_a_system_made_is_not_ours() {
    let mut setup = bare();
    setup.systems.source.powers.answers_with_values = true;
    setup.systems.target.like = Like::Salesforce;
    setup.systems.target.faults = Some((8_399_505_724_751_030_331, 6));
    setup.policies = Policies { delete_update: DeleteUpdate::Recreate, ..Policies::PLAIN };
    let rounds = vec![run(&[]), run(&[Deed::Delete(1, Target)]), run(&[])];
    play(setup, &Play { start: vec![BOTH, LEFT], rounds });
}

/// P5, P26: two writes to one record in one run are two operations.
#[test]
fn each_of_two_writes_to_a_record_in_one_run_has_its_row() {
    let mut setup = bare();
    setup.systems.source.like = Like::HubSpot;
    setup.systems.target.powers.answers_with_values = true;
    setup.conflicts = vec![Conflicts::Max, Conflicts::Longest, Conflicts::SourceWins];
    setup.primary = true;
    setup.refers = true;
    setup.policies = Policies { scope: ConflictScope::Record, ..Policies::PLAIN };
    let rounds = vec![
        run(&[]),
        Round { wait: 1, crashes: vec![Crash::At(1), Crash::At(48)], ..run(&[]) },
        run(&[Deed::Refer(1, 0, Source)]),
        run(&[
            Deed::Wait(8),
            Deed::Clash(1, 0),
            Deed::Edit(Place { person: 1, pair: 5, side: Target }),
        ]),
    ];
    let filled = Start { on: [true, true], filled: [68, 91] };
    play(setup, &Play { start: vec![BOTH, filled], rounds });
}

/// P1: the record of the first half is hidden before it is known whether it was written.
#[test]
fn a_half_waits_until_the_first_one_can_be_seen() {
    let mut setup = bare();
    setup.systems.source.offset = 7000;
    setup.batch = 2;
    setup.conflicts = vec![Conflicts::Union];
    setup.policies = Policies { first_sync: FirstSync::UpdateExisting, ..Policies::PLAIN };
    let rounds = vec![
        run(&[]),
        Round {
            during: vec![(1, Deed::Clash(0, TAGS))],
            crashes: vec![Crash::At(54), Crash::At(1)],
            ..run(&[])
        },
        run(&[Deed::Hide(0, Target)]),
        Round { wait: 300, ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P5: a link that follows its record into another one brings what that one holds, also what was
/// there before.
#[test]
fn a_record_that_goes_on_in_its_twin_brings_back_what_the_twin_holds() {
    let rounds = vec![
        run(&[Deed::Mail(0, Source)]),
        run(&[Deed::Twin(0, Target), Deed::Mail(0, Target)]),
        run(&[Deed::Merge(0, 3, Target)]),
    ];
    play(bare(), &Play { start: vec![BOTH, BOTH, BOTH], rounds });
}

/// P6: a person says that a create made nothing while it is under way; then it is seen.
#[test]
fn a_create_that_is_said_to_have_made_nothing_too_early_is_linked_when_it_is_seen() {
    let mut setup = bare();
    setup.systems.target.powers.answers_with_values = true;
    setup.conflicts = vec![Conflicts::Max];
    let fault = Deed::Fail(Target, CallKind::Create, Fault::Timeout(Duration::from_secs(25)));
    let rounds = vec![
        Round { crashes: vec![Crash::At(1)], ..run(&[Deed::Create(Source)]) },
        run(&[fault]),
        run(&[Deed::Garble(0, Source), Deed::Clash(1, 0)]),
        Round { answers: Some(5), ..run(&[]) },
    ];
    play(setup, &Play { start: vec![LEFT, BOTH, BOTH, BOTH], rounds });
}

/// P1: a create whose answer was lost, whose record got another key, and of which a person speaks.
#[test]
fn a_lost_create_whose_origin_has_another_key_is_linked_once() {
    let mut setup = bare();
    setup.systems.target.like = Like::HubSpot;
    let rounds = vec![
        Round { wait: 8, crashes: vec![Crash::At(64)], ..run(&[Deed::Clash(0, 3)]) },
        Round {
            wait: 300,
            crashes: vec![Crash::At(66)],
            revision: Revision::Redirected,
            ..run(&[Deed::Mail(1, Target)])
        },
        Round { answers: Some(1), ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, RIGHT], rounds });
}

/// P1: both sides are to be written, and before the source is, its record is merged into another one.
#[test]
fn both_halves_of_a_text_outlive_a_merge() {
    let mut setup = bare();
    setup.systems.source.offset = 7000;
    setup.systems.target.faults = Some((14_615_778_188_823_111_822, 20));
    setup.conflicts = vec![Conflicts::Append];
    setup.first_link = Some(Conflicts::TargetWins);
    let rounds = vec![
        run(&[]),
        run(&[]),
        Round { wait: 1, ..run(&[]) },
        run(&[Deed::Clash(1, 2), Deed::Merge(0, 1, Target)]),
        run(&[]),
        Round { answers: Some(0), ..run(&[Deed::Merge(1, 0, Source)]) },
    ];
    play(setup, &Play { start: vec![BOTH, Start { on: [true, true], filled: [1, 49] }], rounds });
}

/// P5: a pair is held, another one goes on, and a late listing shows that one as it was.
#[test]
fn a_late_listing_takes_nothing_back_where_a_pair_is_held() {
    let mut setup = bare();
    setup.systems.source.like = Like::Salesforce;
    setup.first_link = Some(Conflicts::Manual);
    setup.webhooks = true;
    setup.policies.on_delete.source = DeletePolicy::Archive;
    let at = |pair| Deed::Edit(Place { person: 1, pair, side: Source });
    let rounds = vec![
        run(&[]),
        run(&[Deed::Wait(1), Deed::Hide(0, Source)]),
        Round { wait: 3, ..run(&[at(0)]) },
        Round { crashes: vec![Crash::Unanswered(1), Crash::Unanswered(29)], ..run(&[at(1)]) },
    ];
    play(setup, &Play { start: vec![BOTH, Start { on: [true, true], filled: [9, 103] }], rounds });
}

/// P5, P26: a pair leaves the mapping before it is seen what a write of it did, and comes back.
#[test]
fn a_write_without_an_answer_may_be_repeated_when_its_pair_is_back() {
    let mut setup = bare();
    setup.systems.source.powers.answers_with_values = true;
    setup.systems.source.hand = Hand::Upper;
    setup.systems.source.faults = Some((4_080_786_305_028_805_802, 20));
    setup.systems.target.like = Like::Jobber;
    setup.systems.target.hand = Hand::Lower;
    setup.batch = 100;
    setup.policies.on_delete.source = DeletePolicy::Recreate;
    let blank = Deed::Blank(Place { person: 1, pair: 2, side: Target });
    let rounds = vec![
        run(&[blank, Deed::Garble(0, Source)]),
        Round { wait: 300, ..run(&[]) },
        Round {
            crashes: vec![Crash::Unanswered(33), Crash::Unanswered(1)],
            revision: Revision::Redirected,
            ..run(&[])
        },
    ];
    play(setup, &Play { start: vec![BOTH, Start { on: [true, true], filled: [189, 38] }], rounds });
}

/// P3: a second half without an answer is sent anew, and another pair of its record is to be written.
#[test]
fn what_a_second_half_carried_besides_is_told_before_it_is_sent_anew() {
    let mut setup = bare();
    setup.systems.source.hand = Hand::Cuts;
    setup.systems.source.faults = Some((8_487_613_257_410_251_060, 20));
    setup.systems.target.like = Like::HubSpot;
    setup.conflicts = vec![Conflicts::Append, Conflicts::Min];
    setup.webhooks = true;
    setup.policies.ids = Some(IdWrites::Always);
    let rounds = vec![
        Round {
            during: vec![(1, Deed::Wait(301))],
            ..run(&[Deed::Create(Source), Deed::Create(Source)])
        },
        Round {
            crashes: vec![Crash::Unanswered(23), Crash::Unanswered(27)],
            ..run(&[Deed::Clash(0, 4)])
        },
        Round { during: vec![(1, Deed::Clash(0, 0))], ..run(&[]) },
    ];
    play(setup, &Play { start: vec![BOTH, BOTH, RIGHT, BOTH], rounds });
}

/// P8: what a first sync took as found was not on its way, nor is it where it comes by a merge.
#[test]
fn a_value_that_was_taken_as_found_may_go_with_the_record_that_it_was_merged_into() {
    let mut setup = bare();
    setup.systems.source.like = Like::HubSpot;
    setup.webhooks = true;
    setup.policies.on_delete.target = DeletePolicy::Archive;
    setup.policies.first_sync = FirstSync::Rebuild;
    let edit = Deed::Edit(Place { person: 1, pair: 0, side: Source });
    let rounds = vec![
        Round { wait: 8, ..run(&[edit]) },
        run(&[Deed::Merge(1, 0, Source)]),
        run(&[Deed::Delete(0, Target)]),
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P1: what a lost create made is found, its former link looked at, and what it refers to.
#[test]
fn a_record_of_which_much_must_be_asked_is_decided_in_one_run() {
    let mut setup = bare();
    setup.systems.target.faults = Some((1_033_208_752_062_021_469, 20));
    setup.batch = 100;
    setup.webhooks = true;
    setup.refers = true;
    setup.policies.on_delete.source = DeletePolicy::Archive;
    setup.policies.delete_update = DeleteUpdate::Recreate;
    let rounds = vec![
        run(&[]),
        Round { crashes: vec![Crash::At(52), Crash::At(1)], ..run(&[Deed::Mail(1, Source)]) },
        run(&[Deed::Refer(0, 0, Source), Deed::Mail(0, Source)]),
    ];
    play(setup, &Play { start: vec![LEFT, BOTH], rounds });
}

/// P8: a late listing shows a record that was removed for its twin, and the twin is restored.
#[test]
fn a_restored_record_is_not_removed_for_its_twin() {
    let mut setup = bare();
    setup.systems.source.lag = 20;
    setup.systems.source.powers.archives = true;
    setup.systems.target.like = Like::HubSpot;
    setup.policies.on_delete =
        Sides { source: DeletePolicy::Archive, target: DeletePolicy::Archive };
    let rounds = vec![
        Round { during: vec![(1, Deed::Wait(8))], ..run(&[edit(0, Target)]) },
        Round { wait: 20, ..run(&[Deed::Delete(0, Target)]) },
        run(&[Deed::Restore(0, Target)]),
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P1: the same where a process ended.
#[test]
fn a_lost_create_whose_record_refers_to_itself_is_found() {
    let mut setup = bare();
    setup.batch = 2;
    setup.webhooks = true;
    setup.refers = true;
    setup.policies.on_delete.source = DeletePolicy::Archive;
    setup.policies.delete_update = DeleteUpdate::Recreate;
    let rounds = vec![
        Round {
            during: vec![(1, Deed::Mail(1, Source))],
            crashes: vec![Crash::At(68)],
            ..run(&[Deed::Create(Source)])
        },
        run(&[Deed::Mail(1, Source)]),
        run(&[Deed::Refer(1, 0, Source)]),
    ];
    play(setup, &Play { start: vec![BOTH, BOTH], rounds });
}

/// P6: a create that was lost is looked for by its e-mail, too: the system has cut the id that it sent, and
/// a full read came back empty.
#[test]
fn a_lost_create_is_looked_for_by_each_of_its_keys() {
    let mut setup = bare();
    setup.systems.source.powers.refuses_duplicates = true;
    setup.systems.target.powers.answers_with_values = true;
    setup.systems.target.hand = Hand::Cuts;
    setup.systems.target.faults = Some((10_929_876_874_122_547_464, 20));
    setup.policies.ids = Some(IdWrites::OnCreate);
    let rounds = vec![
        run(&[]),
        Round { wait: 291, revision: Revision::Fewer, ..run(&[]) },
        Round { wait: 9, ..run(&[]) },
    ];
    let filled = Start { on: [true, true], filled: [86, 2] };
    play(setup, &Play { start: vec![RIGHT, filled, LEFT], rounds });
}

/// P22: what systems made of other pairs is no edit, with which a whole record would be in conflict again and
/// again.
#[test]
fn a_record_that_conflicts_whole_does_so_for_edits_alone() {
    let mut setup = bare();
    setup.systems.source.hand = Hand::Upper;
    setup.systems.target.hand = Hand::Trims;
    setup.conflicts = vec![Conflicts::Append];
    setup.policies.scope = ConflictScope::Record;
    let rounds = vec![
        run(&[Deed::Fail(Source, CallKind::Fetch, Fault::RequestLost)]),
        Round { during: vec![(1, Deed::Garble(0, Source))], ..run(&[]) },
        run(&[]),
    ];
    let filled = Start { on: [true, true], filled: [172, 89] };
    play(setup, &Play { start: vec![filled, BOTH], rounds });
}
