//! The pure middle: what is stored and what was seen goes in, decisions come out.
//!
//! Nothing here does I/O, reads a clock, draws a number or fails. What is missing for a decision
//! is a [`Need`]; the engine answers needs and plans the same batch again. Bad input is a hold in
//! the plan.
//!
//! The rooms, in the order in which a record walks through them: `matching` finds a record's
//! partner, `detect` says what a side shows and what has changed, `decide` is the table of
//! decisions for one pair, `unit` puts those together that conflict together, `conflict` asks the
//! strategies, `told` says what becomes of what is held, `reference`, `retransform` and
//! `oscillation` know their one thing, `merge` turns all of it into an action, `settle` closes
//! operations whose outcome is not known, `linked` and this file put it all together.

mod conflict;
mod context;
mod create;
mod decide;
mod detect;
mod entry;
mod explain;
mod joint;
mod linked;
mod matching;
mod merge;
mod oscillation;
mod reference;
mod retransform;
mod settle;
mod show;
mod told;
mod unit;

pub(crate) use context::DEFAULT_GRACE;
pub use context::{Gate, PlanContext, Powers, SettleRule, Writing};
pub use decide::{Decision, decide_with_base, decide_without_base};
pub use entry::{
    Entry, LinkUpdate, Need, NewLink, PairAction, PairBases, PairPlan, PairTitle, Plan,
    RecordAction, Settled, Step,
};
pub use explain::{PolicyRow, PolicyTable};
pub(crate) use linked::set_bases;
pub(crate) use matching::link_id;
pub(crate) use settle::{Heard, settle_update};

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
            None if reference::is_unanswered(mapping, work, context, &mut plan.needs) => {
                matching::waits_for_answers(work)
            }
            None => matching::plan_record(mapping, work, context, &mut plan.needs),
        };
        plan.entries.push(entry);
    }
    plan
}
