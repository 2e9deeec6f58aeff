//! Stages that only move on: on the way back they are cleared, and then set, which takes two requests.
//!
//! Nothing is cleared unless there is time for both, and room in the limits; and what was cleared is set
//! again and again while there is time, or, where HubSpot refuses the new stage, the one before is. So a
//! record is left without a stage only where HubSpot is not to be reached for that long, or takes neither of
//! the two, and its write is unknown then.
//!
//! Whoever reads the record between the two requests sees no stage, another mapping or process too, and may
//! carry that on: HubSpot has no request that does both. So a mapping alone should have the stage.

use std::collections::{BTreeMap, HashMap};

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};
use fluxcascade_core::model::{RecordId, Timestamp};

use super::super::client::{Departure, Room, Verb};
use super::row::{OnExisting, Row, batches};
use super::{PATIENCE, STAGE, Session, applied};

/// A record whose stage an answer shows not to have moved.
#[derive(Debug)]
pub(super) struct Unmoved {
    pub(super) place: usize,
    pub(super) record: RecordId,
    /// The stage that was sent.
    pub(super) sent: String,
    /// The stage that it has.
    pub(super) shown: String,
}

impl Unmoved {
    fn row(&self, stage: &str) -> Row {
        Row {
            place: self.place,
            verb: Verb::Update,
            record: Some(self.record.clone()),
            key: None,
            properties: BTreeMap::from([(STAGE.to_owned(), stage.to_owned())]),
            wishes: Vec::new(),
            on_existing: OnExisting::Say,
        }
    }

    /// What it is to have once it is cleared.
    fn due(&self) -> Due<'_> {
        Due { one: self, stage: &self.sent, refused: None }
    }
}

/// A stage that is to be set on a record that has none now.
#[derive(Debug)]
struct Due<'a> {
    one: &'a Unmoved,
    /// The one that was sent; or, where HubSpot refuses that, the one that the record had.
    stage: &'a str,
    /// Why the one that was sent is refused.
    refused: Option<ConnectorError>,
}

impl Due<'_> {
    fn row(&self) -> Row {
        self.one.row(self.stage)
    }
}

impl Session<'_> {
    /// Moves stages back.
    pub(super) async fn turn_back(&mut self) {
        let unmoved = std::mem::take(&mut self.unmoved);
        // The longest that a request takes later the second one must still be in time.
        let latest = self.request.not_after - self.api.longest_request();
        let rows: Vec<Row> = unmoved.iter().map(|one| one.row("")).collect();
        for batch in batches(&rows) {
            match self.room(latest).await {
                Ok(()) => self.clear_and_set(&unmoved, batch, latest).await,
                // What the record holds is read, and it is moved another time.
                Err(error) => self.all(&batch, |_| WriteOutcome::Unknown(error.clone())),
            }
        }
    }

    /// Sets a request aside for the second one; the first takes its own.
    async fn room(&self, latest: Timestamp) -> Result<(), ConnectorError> {
        if let Some(why) = &self.stopped {
            return Err(why.clone());
        }
        if self.api.clock().now() > latest {
            let what = "there is no time left to move the stage back, which takes two requests";
            return Err(ConnectorError::new(ErrorKind::Transient, what));
        }
        self.api.set_aside(Verb::Update, latest).await
    }

    async fn clear_and_set(&mut self, unmoved: &[Unmoved], clear: Vec<&Row>, latest: Timestamp) {
        let outcome_of = |row: &&Row| Some((row.place, self.outcomes.get(&row.place)?.clone()));
        let before: HashMap<usize, WriteOutcome> = clear.iter().filter_map(outcome_of).collect();
        self.leave_by(Departure { not_after: latest, room: Room::Asked }, clear).await;
        let mut open: Vec<Due<'_>> = Vec::new();
        for one in unmoved.iter().filter(|one| before.contains_key(&one.place)) {
            match self.outcomes.get(&one.place) {
                // Whether it was cleared or not, it is to have this stage.
                Some(WriteOutcome::Applied { .. } | WriteOutcome::Unknown(_)) | None => {
                    open.push(one.due());
                }
                // It is as it was. The first answer would say that HubSpot has made the stage that it
                // shows of the one that was sent.
                Some(WriteOutcome::NotSent(error)) => {
                    let outcome = WriteOutcome::Unknown(error.clone());
                    self.outcomes.insert(one.place, outcome);
                }
                // HubSpot lets nobody clear it: then the first answer says all that there is to say.
                Some(
                    WriteOutcome::Rejected { .. }
                    | WriteOutcome::Exists(_)
                    | WriteOutcome::PreconditionFailed,
                ) => self.outcomes.extend(before.get(&one.place).map(|o| (one.place, o.clone()))),
            }
        }
        self.set(open).await;
    }

    /// Sets stages until each is set. To repeat it does no harm: it moves nothing.
    async fn set(&mut self, mut open: Vec<Due<'_>>) {
        let not_after = self.request.not_after;
        let mut waits = PATIENCE.into_iter();
        let mut room = Room::SetAside;
        while !open.is_empty() {
            let rows: Vec<Row> = open.iter().map(Due::row).collect();
            for batch in batches(&rows) {
                self.leave_by(Departure { not_after, room }, batch).await;
                room = Room::Asked;
            }
            let mut left = Vec::new();
            for due in open {
                let due = self.or_the_former(due).await;
                left.extend(self.unsettled(due));
            }
            open = left;
            let told = open.iter().filter_map(|due| self.error_of(due.one)?.retry_after).max();
            let is_passing =
                |due: &Due<'_>| self.error_of(due.one).is_none_or(ConnectorError::is_transient);
            let helps = open.iter().all(is_passing);
            let wait = waits.next().map(|wait| wait.max(told.unwrap_or_default()));
            let now = self.api.clock().now();
            match wait.filter(|wait| helps && !open.is_empty() && now + *wait <= not_after) {
                Some(wait) => self.api.clock().sleep(wait).await,
                None => break,
            }
        }
        for Due { one, .. } in open {
            let unanswered = || ConnectorError::new(ErrorKind::Transient, "there is no answer");
            let why = self.error_of(one).cloned().unwrap_or_else(unanswered);
            let message = format!(
                "`{STAGE}` had to be cleared before it could go back, and could not be set yet: {}",
                why.message
            );
            let outcome = WriteOutcome::Unknown(ConnectorError { message, ..why });
            self.outcomes.insert(one.place, outcome);
        }
    }

    /// Where the stage that was sent is refused, the record is to have the one that it had, at once.
    async fn or_the_former<'a>(&mut self, due: Due<'a>) -> Due<'a> {
        match self.outcomes.get(&due.one.place) {
            Some(WriteOutcome::Rejected { error, .. }) if due.refused.is_none() => {
                let former =
                    Due { stage: &due.one.shown, refused: Some(error.clone()), one: due.one };
                let departure = Departure { not_after: self.request.not_after, room: Room::Asked };
                self.leave_by(departure, vec![&former.row()]).await;
                former
            }
            Some(_) | None => due,
        }
    }

    /// What is not set yet, and may be set later.
    fn unsettled<'a>(&mut self, due: Due<'a>) -> Option<Due<'a>> {
        let outcome = match self.outcomes.get(&due.one.place) {
            Some(WriteOutcome::Applied { .. }) => match due.refused {
                None => applied(due.one.record.clone()),
                // The rest of the write is done: what is read shows that.
                Some(error) => WriteOutcome::Unknown(error),
            },
            Some(WriteOutcome::Rejected { error, .. }) => {
                let message = format!(
                    "`{STAGE}` had to be cleared before it could go back, and HubSpot takes neither the \
                     stage that was written nor the one before; set it in HubSpot: {}",
                    error.message
                );
                WriteOutcome::Unknown(ConnectorError { message, ..error.clone() })
            }
            Some(
                WriteOutcome::NotSent(_)
                | WriteOutcome::Unknown(_)
                | WriteOutcome::Exists(_)
                | WriteOutcome::PreconditionFailed,
            )
            | None => return Some(due),
        };
        self.outcomes.insert(due.one.place, outcome);
        None
    }

    fn error_of(&self, one: &Unmoved) -> Option<&ConnectorError> {
        match self.outcomes.get(&one.place)? {
            WriteOutcome::NotSent(error)
            | WriteOutcome::Unknown(error)
            | WriteOutcome::Rejected { error, .. } => Some(error),
            WriteOutcome::Applied { .. }
            | WriteOutcome::Exists(_)
            | WriteOutcome::PreconditionFailed => None,
        }
    }

    /// Sends rows that are one request; what stops it stops nothing else.
    async fn leave_by(&mut self, departure: Departure, rows: Vec<&Row>) {
        for row in &rows {
            self.outcomes.remove(&row.place);
        }
        let usual = std::mem::replace(&mut self.departure, departure);
        self.send(rows).await;
        self.departure = usual;
        self.stopped = None;
        self.unmoved.clear();
    }
}
