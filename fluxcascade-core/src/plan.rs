//! The pure middle: what is stored and what was seen goes in, decisions come out.
//!
//! Nothing here does I/O, reads a clock, draws a number or fails. What is missing for a decision
//! is a [`Need`]; the engine answers needs and plans the same batch again. Bad input is a hold in
//! the plan.
//!
//! The rooms, in the order in which a record walks through them: `kept` knows again what only a
//! fingerprint was stored of, `matching` finds a record's
//! partner, `detect` says what a side shows and what has changed, `decide` is the table of
//! decisions for one pair, `unit` puts those together that conflict together, `conflict` asks the
//! strategies, `told` says what becomes of what is held, `put_off` what of it costs nothing meanwhile,
//! `guarded` which writes guards are asked about, `reference`, `retransform` and `oscillation` know their
//! one thing, `merge` turns all of it into an action, `settle` closes
//! operations whose outcome is not known, `linked` and this file put it all together.

mod conflict;
mod context;
mod create;
mod decide;
mod detect;
mod diff;
mod ending;
mod entry;
mod explain;
mod first_sync;
mod guard;
mod guarded;
mod joint;
mod kept;
mod late;
mod linked;
mod matching;
mod merge;
mod merged;
mod oscillation;
mod parked;
mod partner;
mod put_off;
mod question;
mod record;
mod reference;
mod retransform;
mod settle;
mod show;
mod stamp;
mod times;
mod told;
mod tombstone;
mod unit;

pub(crate) use context::DEFAULT_GRACE;
pub use context::{BeforeWrite, Gate, Leads, PlanContext, Powers, SettleRule, Writing};
pub(crate) use create::sends_key;
pub use decide::{Decision, decide_with_base, decide_without_base};
pub use diff::PlanDiff;
pub(crate) use diff::{same_decision, same_writes};
pub use entry::{
    Entry, LinkUpdate, Need, NewLink, PairAction, PairBases, PairPlan, PairTitle, Plan,
    RecordAction, Settled, Step,
};
pub use explain::{PolicyRow, PolicyTable};
pub(crate) use guard::{Creates, MOST_EXAMPLES, Progress, Weighed};
pub use guard::{GuardStop, StopReason};
pub use kept::recall;
pub(crate) use kept::recall_link;
pub(crate) use linked::set_bases;
pub(crate) use matching::link_id;
pub(crate) use record::gone_mark;
pub(crate) use reference::referred;
pub(crate) use settle::{Heard, settle_lost, settle_update};
pub(crate) use show::show_values;
pub(crate) use stamp::stamp_print;
pub(crate) use tombstone::remade;

use crate::mapping::CompiledMapping;
use crate::model::Work;

/// Decides what is to be done for each work.
///
/// Works must have bases of the mapping's current revision, in which what is kept as fingerprints was
/// looked for in what was seen ([`recall`]).
pub fn plan(mapping: &CompiledMapping, works: &[Work], context: &PlanContext) -> Plan {
    let mut plan = Plan::empty(mapping, works.len());
    for work in works {
        let mut entry = match &work.link {
            Some(link) => linked::plan_link(mapping, work, link, context, &mut plan.needs),
            None if reference::is_unanswered(mapping, work, context, &mut plan.needs) => {
                matching::waits_for_answers(work)
            }
            None => matching::plan_record(mapping, work, context, &mut plan.needs),
        };
        partner::keep_archived(mapping, work, context, &mut entry);
        plan.entries.push(entry);
    }
    partner::contend(&mut plan.entries);
    plan
}
