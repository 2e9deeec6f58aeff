//! What became of each step of a probe, and what that means for all of it.

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It did what the contract says.
    Passed(String),
    /// The system, the adapter or the account cannot do it.
    Lacks(String),
    /// It did not do what the contract says.
    Failed(String),
    /// It was not tried.
    NotTried(String),
}

impl Verdict {
    /// The word for it, in one width.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Passed(_) => "passed",
            Verdict::Lacks(_) => "lacks ",
            Verdict::Failed(_) => "FAILED",
            Verdict::NotTried(_) => "  --  ",
        }
    }

    /// What happened.
    pub fn why(&self) -> &str {
        match self {
            Verdict::Passed(why)
            | Verdict::Lacks(why)
            | Verdict::Failed(why)
            | Verdict::NotTried(why) => why,
        }
    }

    pub(super) fn of_error(error: &ConnectorError) -> Self {
        let text = format!("{error}; next: {}", error.kind.next_step());
        if error.kind == ErrorKind::Permission {
            Verdict::Lacks(text)
        } else {
            Verdict::Failed(text)
        }
    }

    /// What a write that was not carried out means; `None` if it was.
    pub(super) fn unless_applied(outcome: Option<&WriteOutcome>) -> Option<Self> {
        match outcome {
            Some(WriteOutcome::Applied { .. }) => None,
            Some(WriteOutcome::Exists(id)) => Some(Verdict::Failed(format!(
                "the record {id} is said to have the same key: it is not touched"
            ))),
            Some(WriteOutcome::Rejected { error, .. } | WriteOutcome::NotSent(error)) => {
                Some(Verdict::of_error(error))
            }
            Some(WriteOutcome::PreconditionFailed) => Some(Verdict::Failed(
                "the write had no condition, and is said to have failed one".into(),
            )),
            Some(WriteOutcome::Unknown(error)) => Some(Verdict::Failed(format!(
                "no answer, so that it may have been carried out: {error}"
            ))),
            None => Some(Verdict::Failed("the write has no outcome".into())),
        }
    }
}
