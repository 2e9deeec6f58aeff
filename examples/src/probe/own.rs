//! The records of a probe: the only place from which it writes, and only what its own creates have made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Value;
use fluxcascade_core::clock::Clock;
use fluxcascade_core::connector::{
    Connector, ConnectorError, ErrorKind, Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{FieldName, ObjectType, OperationId, Projection, RecordId};

/// How long a write may take to leave.
const LEAVES_WITHIN: Duration = Duration::from_secs(100);

/// What this probe has made, and how it writes to it.
pub(super) struct Own {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) object: ObjectType,
    /// Drawn for this run: it stands in every record that it makes.
    pub(super) marker: String,
    /// What its creates answered, and was not removed yet.
    left: Vec<RecordId>,
    /// What it archived or deleted.
    gone: Vec<RecordId>,
    /// Markers of creates that had no answer.
    pub(super) doubtful: Vec<String>,
    sent: u64,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own")
            .field("marker", &self.marker)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Own {
    pub(super) fn new(
        connector: Arc<dyn Connector>,
        clock: Arc<dyn Clock>,
        object: ObjectType,
        marker: String,
    ) -> Self {
        let (left, gone, doubtful) = (Vec::new(), Vec::new(), Vec::new());
        Self { connector, clock, object, marker, left, gone, doubtful, sent: 0 }
    }

    /// What is left of what it made.
    pub(super) fn left(&self) -> &[RecordId] {
        &self.left
    }

    /// What it archived or deleted.
    pub(super) fn gone(&self) -> &[RecordId] {
        &self.gone
    }

    /// Whether a create of its own has answered with this record.
    pub(super) fn knows(&self, record: &RecordId) -> bool {
        self.left.contains(record) || self.gone.contains(record)
    }

    /// Whether anything was sent.
    pub(super) fn has_written(&self) -> bool {
        self.sent > 0
    }

    /// Makes a record for each list of fields, in one call. What could not be told of one is kept as
    /// doubtful by its mark.
    pub(super) async fn create(
        &mut self,
        marked: Vec<(String, Vec<(FieldName, Value)>)>,
    ) -> Vec<WriteOutcome> {
        let (marks, fields): (Vec<String>, Vec<_>) = marked.into_iter().unzip();
        let writes = fields.into_iter().map(|fields| (WriteAction::Create, fields)).collect();
        let outcomes = self.send(writes).await;
        for (outcome, mark) in outcomes.iter().zip(marks) {
            match outcome {
                WriteOutcome::Applied { record, .. } => self.left.push(record.clone()),
                WriteOutcome::Unknown(_) => self.doubtful.push(mark),
                WriteOutcome::Exists(_)
                | WriteOutcome::Rejected { .. }
                | WriteOutcome::PreconditionFailed
                | WriteOutcome::NotSent(_) => {}
            }
        }
        outcomes
    }

    /// Changes records of its own, in one call.
    pub(super) async fn update(
        &mut self,
        changes: Vec<(RecordId, Vec<(FieldName, Value)>)>,
    ) -> Vec<WriteOutcome> {
        let writes = changes
            .into_iter()
            .map(|(record, fields)| (WriteAction::Update { record, if_tag: None }, fields));
        self.send(writes.collect()).await
    }

    /// Archives, deletes or restores a record of its own.
    pub(super) async fn end(&mut self, action: WriteAction) -> Option<WriteOutcome> {
        let record = action.record().cloned();
        let restores = matches!(action, WriteAction::Restore { .. });
        let outcome = self.send(vec![(action, Vec::new())]).await.pop();
        if let (Some(record), Some(WriteOutcome::Applied { .. })) = (record, &outcome) {
            let (from, to) = if restores {
                (&mut self.gone, &mut self.left)
            } else {
                (&mut self.left, &mut self.gone)
            };
            from.retain(|known| *known != record);
            if !to.contains(&record) {
                to.push(record);
            }
        }
        outcome
    }

    /// The wall: what is not its own is not written, whatever the steps ask for.
    async fn send(
        &mut self,
        writes: Vec<(WriteAction, Vec<(FieldName, Value)>)>,
    ) -> Vec<WriteOutcome> {
        let is_own = |action: &WriteAction| action.record().is_none_or(|id| self.knows(id));
        if !writes.iter().all(|(action, _)| is_own(action)) {
            let message = "this record is not the probe's own: it is not touched";
            let refused = ConnectorError::new(ErrorKind::Permanent, message);
            return vec![WriteOutcome::NotSent(refused); writes.len()];
        }
        let wanted =
            writes.iter().flat_map(|(_, fields)| fields.iter().map(|(name, _)| name.clone()));
        let wanted: std::collections::BTreeSet<FieldName> = wanted.collect();
        let mut numbered = Vec::new();
        for (action, fields) in writes {
            self.sent += 1;
            let parts = [self.marker.as_bytes(), &self.sent.to_le_bytes()];
            numbered.push(Write { operation: OperationId::of(&parts), action, fields });
        }
        let request = WriteRequest {
            object: self.object.clone(),
            projection: Projection::new(wanted),
            writes: numbered,
            not_after: self.clock.now() + LEAVES_WITHIN,
        };
        self.connector.write(request).await
    }
}
