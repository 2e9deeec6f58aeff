//! The pure middle: what is stored and what was seen goes in, decisions come out.
//!
//! Nothing here does I/O, reads a clock, draws a number or fails. What is missing for a decision
//! is a [`Need`]; the engine answers needs and plans the same batch again. Bad input is a hold in
//! the plan.
//!
//! The rooms, in the order in which a record walks through them: `matching` finds a record's
//! partner, `detect` says what a side shows and what has changed, `decide` is the table of
//! decisions, `merge` turns a decision into an action, `settle` closes operations whose
//! outcome is not known, `linked` and this file put it all together.

mod context;
mod create;
mod decide;
mod detect;
mod ending;
mod entry;
mod first_sync;
mod linked;
mod matching;
mod merge;
mod merged;
mod parked;
mod partner;
mod record;
mod settle;
mod show;
mod stamp;
mod tombstone;

pub(crate) use context::DEFAULT_GRACE;
pub use context::{Gate, PlanContext, Powers, SettleRule, Writing};
pub use decide::{Decision, decide_with_base, decide_without_base};
pub use entry::{
    Entry, LinkUpdate, Need, NewLink, PairAction, PairBases, PairPlan, PairTitle, Plan,
    RecordAction, Settled, Step,
};
pub(crate) use linked::set_bases;
pub(crate) use matching::link_id;
pub(crate) use record::gone_mark;
pub(crate) use settle::{Heard, settle_update};
pub(crate) use tombstone::remade;

use crate::mapping::CompiledMapping;
use crate::model::Work;

/// Decides what is to be done for each work.
///
/// Works must have bases of the mapping's current revision.
pub fn plan(mapping: &CompiledMapping, works: &[Work], context: &PlanContext) -> Plan {
    let mut plan = Plan::empty(mapping, works.len());
    for work in works {
        let entry = match &work.link {
            Some(link) => linked::plan_link(mapping, work, link, context, &mut plan.needs),
            None => matching::plan_record(mapping, work, context, &mut plan.needs),
        };
        plan.entries.push(entry);
    }
    plan
}
