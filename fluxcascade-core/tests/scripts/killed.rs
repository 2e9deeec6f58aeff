//! The kernels, killed at every call, and without an answer at every call of the store.

use fluxcascade_core::model::Side::{Source, Target};

use crate::kept::Keeps;
use crate::kernels::{
    Kernel, conflicts, creates, edit, first_links, kernels, updates, whole_records,
};
use crate::sets::runtime;
use crate::step::Deed;
use crate::storage::Storage;
use crate::tally::Tally;

/// The calls that every run makes.
const CALLS: [&str; 13] = [
    "connector.account",
    "connector.schema",
    "connector.changes",
    "store.fingerprint_key",
    "store.revisions",
    "store.lease",
    "store.start_run",
    "store.feed",
    "store.intake",
    "store.work",
    "store.commit",
    "store.finish_run",
    "store.release",
];

fn play_kernels(title: &str, kernels: &[Kernel]) -> Tally {
    let runtime = runtime();
    let mut total = Tally::default();
    for kernel in kernels {
        let points = runtime.block_on(kernel.at_every_point(&mut total));
        assert!(points > 20, "{}: a run has more calls than {points}", kernel.name);
        total.count("kernel points", points);
    }
    total.count("kernels", kernels.len() as u64);
    eprintln!("{}", total.print(title));
    total
}

fn assert_crashes(total: &Tally, more: &[&str]) {
    let calls = CALLS.iter().chain(more);
    let both = |call: &&str| [format!("crash: before {call}"), format!("crash: after {call}")];
    // Three tests together: more than forty of each.
    total.assert_floor(10, &calls.flat_map(both).collect::<Vec<_>>());
}

/// P17.
#[test]
fn records_that_are_linked_and_made_end_alike_wherever_the_process_is_killed() {
    let kernels = [first_links(), creates()].concat();
    let total = play_kernels("kernels of first links and creates", &kernels);
    assert_crashes(&total, &["connector.write", "store.begin", "store.add_revision"]);
}

/// P17.
#[test]
fn records_that_are_updated_end_alike_wherever_the_process_is_killed() {
    let total = play_kernels("kernels of updates", &updates());
    assert_crashes(&total, &["connector.write", "connector.fetch", "store.begin"]);
}

/// P17, P11.
#[test]
fn records_in_conflict_or_gone_end_alike_wherever_the_process_is_killed() {
    let kernels = [conflicts(), whole_records()].concat();
    let total = play_kernels("kernels of conflicts and deletes", &kernels);
    assert_crashes(&total, &["connector.write", "connector.fetch", "store.begin"]);
}

/// P17: a commit that was done and whose answer is lost, and one that was not done: the run ends with
/// that error, and nothing is lost, doubled or flapping after it.
#[test]
fn a_lost_answer_of_the_store_ends_the_run_and_the_next_ones_end_alike() {
    let mut total = Tally::default();
    let runtime = runtime();
    for (at, kernel) in (0..).zip(kernels()) {
        // A third of the points, other ones for the next kernel; the soak takes all of them.
        let points = (1 + at % 3..).step_by(3);
        let calls = runtime.block_on(kernel.unanswered_at_points(points, &mut total));
        assert!(calls > 5, "{}: a run has more calls of the store than {calls}", kernel.name);
        total.count("calls without an answer", calls);
    }
    eprintln!("{}", total.print("kernels with lost answers of the store"));
    assert_eq!(total.losses(), total.of("calls without an answer"));
    let calls = CALLS.iter().filter(|call| call.starts_with("store."));
    let calls = calls.chain(&["store.begin", "store.add_revision"]);
    let both = |call: &&str| [format!("lost: before {call}"), format!("lost: after {call}")];
    total.assert_floor(3, &calls.flat_map(both).collect::<Vec<_>>());
}

/// P17: each kernel on a file, at one of its points.
#[test]
fn each_kernel_ends_alike_on_a_file_where_the_process_is_killed() {
    let (mut total, runtime) = (Tally::default(), runtime());
    for (at, mut kernel) in (0..).zip(kernels()) {
        kernel.setup.storage = Storage::Sqlite;
        runtime.block_on(kernel.at_points([5 + 7 * at % 50], &mut total));
    }
    assert!(total.crashes() > 30, "{}", total.print("kernels on a file"));
}

/// P17, P30: what an intent has of values that are not kept is enough to settle it.
#[test]
fn kernels_that_keep_fingerprints_end_alike_wherever_the_process_is_killed() {
    let (mut total, runtime) = (Tally::default(), runtime());
    for (at, mut kernel) in (0..).zip(kernels()) {
        kernel.setup.keeps = Keeps::Fingerprints;
        // A tenth of the points, other ones for the next kernel.
        let points: Vec<u64> = (1 + at % 10..60).step_by(10).collect();
        runtime.block_on(kernel.at_points(points, &mut total));
    }
    eprintln!("{}", total.print("kernels that keep fingerprints"));
    assert!(total.crashes() > 100, "{}", total.print("kernels that keep fingerprints"));
}

/// P17, on a file.
#[test]
fn a_create_and_an_update_end_alike_on_a_file_wherever_the_process_is_killed() {
    let on_file = |mut kernel: Kernel| {
        kernel.setup.storage = Storage::Sqlite;
        kernel
    };
    let of_both = Kernel::linked("update and create", vec![edit(0, Source), Deed::Create(Target)]);
    play_kernels("kernels on a file", &[on_file(of_both)]);
}
