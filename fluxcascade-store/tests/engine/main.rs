//! The engine on PostgreSQL: core's kernels, each killed at every call and with lost answers of the
//! store, and its drawn scripts with faults and crashes. How they are played and judged is in core's
//! `tests/scripts`, whose files are part of this program; memory and SQLite are played there, for
//! core names no server's driver.
//!
//! A test run takes some points of some kernels and a few scripts; `-- --ignored` takes all of them.
#![cfg(feature = "postgres")]
#![allow(dead_code, reason = "core's tests use the rest")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stderr, reason = "how often what was hit is for people")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is drawn names what it changes")]
#![allow(clippy::struct_excessive_bools, reason = "each is a power that a system has or not")]
#![allow(clippy::large_futures, reason = "a world on the stack of a test is no loss")]

#[path = "../../../fluxcascade-core/tests/scripts/cells.rs"]
mod cells;
#[path = "../../../fluxcascade-core/tests/scripts/ids.rs"]
mod ids;
#[path = "../../../fluxcascade-core/tests/scripts/kept.rs"]
mod kept;
#[path = "../../../fluxcascade-core/tests/scripts/kernels.rs"]
mod kernels;
#[path = "../../../fluxcascade-core/tests/scripts/people.rs"]
mod people;
#[path = "../../../fluxcascade-core/tests/scripts/refers.rs"]
mod refers;
#[path = "../../../fluxcascade-core/tests/scripts/script.rs"]
mod script;
#[path = "../shared/server.rs"]
mod server;
#[path = "../../../fluxcascade-core/tests/scripts/sets.rs"]
mod sets;
#[path = "../../../fluxcascade-core/tests/scripts/setup.rs"]
mod setup;
#[path = "../../../fluxcascade-core/tests/scripts/state.rs"]
mod state;
#[path = "../../../fluxcascade-core/tests/scripts/step.rs"]
mod step;
mod storage;
#[path = "../../../fluxcascade-core/tests/scripts/tally.rs"]
mod tally;
#[path = "../../../fluxcascade-core/tests/scripts/values.rs"]
mod values;
#[path = "../../../fluxcascade-core/tests/scripts/world.rs"]
mod world;

use fluxcascade_core::model::Side::{Source, Target};

use crate::kernels::{Kernel, edit, kernels};
use crate::server::Place;
use crate::sets::{Ends, Set, play_set, runtime};
use crate::step::{Deed, Theme};
use crate::storage::Storage;
use crate::tally::Tally;
use crate::values::Hand;

fn on_a_server(mut kernel: Kernel) -> Kernel {
    kernel.setup.storage = Storage::Postgres;
    kernel
}

fn both() -> Kernel {
    let deeds = vec![edit(0, Source), Deed::Create(Target)];
    on_a_server(Kernel::linked("update and create", deeds))
}

/// P17.
#[test]
fn a_create_and_an_update_end_alike_on_a_server_where_the_process_is_killed() {
    if Place::or_skip().is_none() {
        return;
    }
    let mut total = Tally::default();
    runtime().block_on(both().at_points((1..).step_by(5), &mut total));
    assert!(total.crashes() > 8, "{}", total.print("a kernel on a server"));
}

/// P17: whether the commit was done or not.
#[test]
fn a_create_and_an_update_end_alike_on_a_server_where_an_answer_is_lost() {
    if Place::or_skip().is_none() {
        return;
    }
    let mut total = Tally::default();
    let calls = runtime().block_on(both().unanswered_at_points((2..).step_by(5), &mut total));
    assert!(calls > 6, "{}", total.print("a kernel on a server, without answers"));
}

/// P17: a third of the kernels, each at one of its points.
#[test]
fn kernels_end_alike_on_a_server_where_the_process_is_killed() {
    if Place::or_skip().is_none() {
        return;
    }
    let (mut total, runtime) = (Tally::default(), runtime());
    for (at, kernel) in (0..).zip(kernels()).step_by(3) {
        runtime.block_on(on_a_server(kernel).at_points([5 + 7 * at % 50], &mut total));
    }
    assert!(total.crashes() > 12, "{}", total.print("kernels on a server"));
}

/// P17: all of it.
#[test]
#[ignore = "half an hour: cargo test --release -p fluxcascade-store --features postgres \
            --test engine -- --ignored --nocapture"]
fn each_kernel_ends_alike_on_a_server_wherever_the_process_is_killed_and_answers_are_lost() {
    let (mut total, runtime) = (Tally::default(), runtime());
    for kernel in kernels().into_iter().map(on_a_server) {
        let points = runtime.block_on(kernel.at_every_point(&mut total));
        let calls = runtime.block_on(kernel.unanswered_at_points(1.., &mut total));
        assert!(points > 20 && calls > 20, "{}: {points} points, {calls} calls", kernel.name);
    }
    eprintln!("{}", total.print("all kernels on a server"));
}

/// P1–P8, P10, P11, P14–P18, P20, P22, P26: drawn scripts with faults, of both themes, whose runs are
/// killed or lose an answer of the store.
#[test]
fn scripts_on_a_server_agree_and_lose_nothing_whatever_happens() {
    if Place::or_skip().is_none() {
        return;
    }
    let hands = &[Hand::AsSent, Hand::Upper, Hand::Cuts, Hand::Rounds];
    let storage = Storage::Postgres;
    for (title, theme, ends) in [
        ("values", Theme::Values, Ends::Killed),
        ("records", Theme::Records, Ends::Killed),
        ("without answers", Theme::Values, Ends::Unanswered),
    ] {
        let keeps = crate::kept::Keeps::values;
        let set = Set { title, theme, hands, storage, ends, keeps, quick: 5, share: 1 };
        let total = play_set(&set, 0..set.quick);
        let ends = total.crashes() + total.losses();
        assert!(total.of("runs") > 15 && ends > 0, "{}", total.print(title));
    }
}
