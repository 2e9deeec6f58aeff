//! The end of a probe: what it made is archived or deleted, and what is left is told. What is only called as its own
//! are is looked for, and not touched.

use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, FindRequest, WriteAction, WriteOutcome};
use fluxcascade_core::model::{Projection, RecordId, State};

use super::Probe;
use super::fields::{Fields, mark};
use super::life::MARKS;
use super::verdict::Verdict;

/// The longest that is waited between two attempts to remove a record.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Probe<'_> {
    /// Removes what it made, and says how, and what is left.
    pub(super) async fn clean(&mut self) -> std::io::Result<()> {
        let made = self.own.left().to_vec();
        let capabilities = self.own.connector.capabilities(&self.own.object);
        let can = capabilities.archives || capabilities.deletes_for_good;
        let mut why = None;
        for record in &made {
            if can && let Some(verdict) = self.remove(record, capabilities.archives).await {
                why = Some(verdict);
            }
        }
        let left: Vec<String> = self.own.left().iter().map(ToString::to_string).collect();
        let gone: Vec<String> = self.own.gone().iter().map(ToString::to_string).collect();
        let looked = self.look_for_strays().await;
        self.progress.end();
        let verdict = match (left.is_empty(), why) {
            (true, _) if capabilities.archives => {
                Verdict::Passed(format!("{} archived, and not deleted", gone.len()))
            }
            (true, _) => Verdict::Passed(format!("{} deleted, and nothing is left", gone.len())),
            (false, Some(verdict)) => verdict,
            (false, None) => Verdict::Lacks("the adapter does not remove records here".into()),
        };
        self.tell("clean up", verdict)?;
        if let Err(error) = looked {
            self.tell("look for others of its name", Verdict::of_error(&error))?;
        }
        if capabilities.archives && !gone.is_empty() {
            let them = gone.join(", ");
            writeln!(self.out, "archived, and still among what the system has archived: {them}")?;
        }
        if !left.is_empty() {
            writeln!(self.out, "left, for you to remove: {}", left.join(", "))?;
        }
        for stray in &self.strays {
            writeln!(
                self.out,
                "{stray} is called as this probe's records are, and no create has answered with it: look at \
                 it, and remove it; it was not touched"
            )?;
        }
        for mark in &self.own.doubtful {
            writeln!(
                self.out,
                "a create had no answer: if a record is called {mark}, remove it; it was not touched"
            )?;
        }
        Ok(())
    }

    /// Removes a record, with a few attempts. `None`: it is gone.
    async fn remove(&mut self, record: &RecordId, archives: bool) -> Option<Verdict> {
        let mut last = None;
        for _ in 0..3 {
            let (record, if_tag) = (record.clone(), None);
            let action = if archives {
                WriteAction::Archive { record, if_tag }
            } else {
                WriteAction::Delete { record, if_tag }
            };
            let outcome = self.own.end(action).await;
            last = Verdict::unless_applied(outcome.as_ref());
            match outcome {
                Some(WriteOutcome::NotSent(error) | WriteOutcome::Unknown(error)) => {
                    let pause = error.retry_after.unwrap_or(Duration::from_secs(2));
                    self.own.clock.sleep(pause.min(LONGEST_PAUSE)).await;
                }
                Some(
                    WriteOutcome::Applied { .. }
                    | WriteOutcome::Exists(_)
                    | WriteOutcome::Rejected { .. }
                    | WriteOutcome::PreconditionFailed,
                )
                | None => break,
            }
        }
        last
    }

    /// Looks, as far as the system shows it by now, for records that have its marks and are none of those that its creates answered.
    async fn look_for_strays(&mut self) -> Result<(), ConnectorError> {
        let key = self.fields.as_ref().and_then(|fields| fields.key.clone());
        let Some(key) = key.filter(|_| self.own.has_written()) else { return Ok(()) };
        let marks = (1..=MARKS).map(|number| mark(&self.own.marker, number));
        let request = FindRequest {
            object: self.own.object.clone(),
            projection: Projection::new([key.name.clone()]),
            field: key.name.clone(),
            values: marks.map(|mark| Fields::key_value(&key, &mark)).collect(),
        };
        let mut found = self.own.connector.find(request.clone()).await;
        for _ in 0..2 {
            let Err(error) = &found else { break };
            let pause = error.retry_after.unwrap_or(Duration::from_secs(2)).min(LONGEST_PAUSE);
            self.own.clock.sleep(pause).await;
            found = self.own.connector.find(request.clone()).await;
        }
        for found in found? {
            let there = match found.observation.state {
                State::Known { .. } | State::OutOfScope | State::Unreadable(_) => true,
                State::Archived(_) | State::Deleted(_) | State::Missing | State::MergedInto(_) => {
                    false
                }
            };
            let record = found.observation.record;
            if there && !self.own.knows(&record) && !self.strays.contains(&record) {
                self.strays.push(record);
            }
        }
        Ok(())
    }
}
