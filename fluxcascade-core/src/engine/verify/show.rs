//! An audit for people: what agrees, what differs and why, and what to do about it.

use std::fmt;

use super::{Divergence, Reason, Verification};
use crate::model::HoldReason;
use crate::report::counted;

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreed = self.count(Divergence::Agreed);
        writeln!(
            f,
            "{} verified: {} agreed in {}{}",
            self.mapping,
            counted(agreed, "pair"),
            counted(self.links, "link"),
            if self.is_explained() { "" } else { ", and some differ without a reason" }
        )?;
        for (what, finding) in self.findings.iter().filter(|(what, _)| **what != Divergence::Agreed)
        {
            writeln!(f, "  {}: {what}", finding.count)?;
            for example in &finding.examples {
                let pair = example.pair.as_ref().map(|pair| format!("{pair} of "));
                let (source, target) = (&example.records.source, &example.records.target);
                writeln!(f, "    {}{source} ↔ {target}", pair.unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Divergence::Agreed => f.write_str("both sides mean the same"),
            Divergence::AsStored(reason) => {
                write!(f, "different, and known to be: {}", reason.words())
            }
            Divergence::Held(HoldReason::Rejected) => {
                f.write_str("waiting because a system refused it: see the desk")
            }
            Divergence::Held(reason) => write!(f, "waiting ({reason}): see the desk"),
            Divergence::Pending => f.write_str("edited since: the next run carries it"),
            Divergence::Absent => {
                f.write_str("a field is not in the answer: look into its permissions")
            }
            Divergence::Missing => {
                f.write_str("a record was not found: the next full read looks into it")
            }
            Divergence::NotThere => {
                f.write_str("a record is deleted, merged, out of scope or unreadable")
            }
            Divergence::Suspended => f.write_str("the link is suspended: nothing is written"),
            Divergence::Unexplained => f.write_str(
                "different without a reason in the log: edit one side to have it decided, and \
                 report it",
            ),
        }
    }
}

impl Reason {
    fn words(self) -> &'static str {
        match self {
            Reason::Left => "an edit against the pair's direction, or a blank, was left",
            Reason::Rewritten => "a system stored another value than was sent",
            Reason::Skipped => "a conflict was left as it is",
            Reason::TakenAsFound => "taken as found when linked",
            Reason::TransformChanged => "the transform was changed, and both sides stay",
        }
    }
}
