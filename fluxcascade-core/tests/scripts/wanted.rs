//! What two thousand scripts must have hit, each at least twenty times. What is not here is hit
//! elsewhere: that a value flaps in `promises`, that a system cannot do what a mapping asks for in
//! `tests/laws` (such a mapping is not built), crashes at every call in `kernels`.

use fluxcascade_core::testkit::Fault;

use crate::setup::{Like, strategies};
use crate::tally::name;

/// Where a record of a link may stand.
const STANDINGS: [&str; 7] =
    ["unchanged", "changed", "deleted", "missing", "merged", "out of scope", "unreadable"];

const HOLDS: [&str; 11] = [
    "ambiguous",
    "conflict",
    "excluded",
    "guard",
    "invalid",
    "missing",
    "reference",
    "rejected",
    "unknown_outcome",
    "unreadable",
    "unsettled",
];

/// The rows of the table of pairs, by direction.
const PAIRS: [&str; 37] = [
    "bidirectional: no, no",
    "bidirectional: no, yes",
    "bidirectional: yes, no",
    "bidirectional: one, to an equivalent",
    "bidirectional: yes, yes, another",
    "bidirectional: yes, yes, equivalent",
    "bidirectional without a base: a value, a value: decided",
    "bidirectional without a base: a value, a value: taken",
    "bidirectional without a base: a value, blank: decided",
    "bidirectional without a base: blank, a value: decided",
    "bidirectional without a base: blank, blank: taken",
    "source_only: no, no",
    "source_only: no, yes (leave)",
    "source_only: no, yes (restore)",
    "source_only: yes, no (leave)",
    "source_only: yes, no (restore)",
    "source_only: one, to an equivalent",
    "source_only: yes, yes, another",
    "source_only: yes, yes, equivalent",
    "source_only without a base: a value, a value: decided",
    "source_only without a base: a value, a value: taken",
    "source_only without a base: a value, blank: decided",
    "source_only without a base: blank, a value: taken",
    "source_only without a base: blank, blank: taken",
    "target_only: no, no",
    "target_only: no, yes (leave)",
    "target_only: no, yes (restore)",
    "target_only: yes, no (leave)",
    "target_only: yes, no (restore)",
    "target_only: one, to an equivalent",
    "target_only: yes, yes, another",
    "target_only: yes, yes, equivalent",
    "target_only without a base: a value, a value: decided",
    "target_only without a base: a value, a value: taken",
    "target_only without a base: blank, a value: decided",
    "target_only without a base: a value, blank: taken",
    "target_only without a base: blank, blank: taken",
];

const OTHER_CELLS: [&str; 20] = [
    "link: end, BothDeleted",
    "link: end, Deleted",
    "link: end, Remade",
    "link: end, TwinRemoved",
    "link: follow",
    "link: resume",
    "link: suspend",
    "operation without an answer: held as unsettled",
    "operation without an answer: settled",
    "pair: a field is absent",
    "record: Archive",
    "record: Delete",
    "unlinked: a create is found, linked",
    "unlinked: a create without an answer",
    "unlinked: held",
    "unlinked: none, created on the source",
    "unlinked: none, created on the target",
    "unlinked: nothing is created",
    "unlinked: one on both sides, linked",
    "unlinked: several or taken, parked",
];

const CONFLICTS: [&str; 12] = [
    "Auto",
    "Open",
    "Resolved",
    "Stale",
    "DeleteUpdate by delete_update manual",
    "DeleteUpdate by delete_update recreate",
    "DeleteUpdate by delete_update survive",
    "FirstLink by manual",
    "FirstLink by primary_wins",
    "FirstLink by skip",
    "FirstLink by source_wins",
    "FirstLink by target_wins",
];

/// How a process dies: the crash comes before or after a call, or the call is cut off in the middle
/// and may be carried out all the same.
const CRASHES: [&str; 12] = [
    "before connector.changes",
    "after connector.changes",
    "before connector.fetch",
    "after connector.fetch",
    "before connector.write",
    "after connector.write",
    "before store.begin",
    "after store.begin",
    "before store.commit",
    "after store.commit",
    "amid store.intake",
    "amid store.finish_run",
];

/// All of it.
pub(crate) fn wanted() -> Vec<String> {
    let mut all = Vec::new();
    for source in STANDINGS {
        all.extend(
            STANDINGS.map(|target| format!("cell: linked: source {source}, target {target}")),
        );
    }
    let cells = PAIRS.iter().chain(&OTHER_CELLS);
    all.extend(cells.map(|cell| format!("cell: {cell}")));
    all.extend(HOLDS.map(|hold| format!("hold: {hold}")));
    all.extend(CONFLICTS.map(|conflict| format!("conflict: {conflict}")));
    all.extend(CRASHES.map(|crash| format!("crash: {crash}")));
    for list in strategies() {
        let names: Vec<&str> = list.iter().map(fluxcascade_core::Strategy::name).collect();
        all.push(format!("strategy: {}", names.join(", ")));
        all.push(format!("conflict: UpdateUpdate by {}", names.join(", ")));
    }
    all.extend(Fault::EXAMPLES.map(|fault| format!("fault: {}", name(fault))));
    let likes = [Like::Drawn, Like::HubSpot, Like::Salesforce, Like::Pipedrive, Like::Jobber];
    all.extend(likes.map(|like| format!("system: {like:?}")));
    for what in ["misled", "references agreed", "records created", "records removed"] {
        all.push(what.to_owned());
    }
    all.sort();
    all.dedup();
    all
}
