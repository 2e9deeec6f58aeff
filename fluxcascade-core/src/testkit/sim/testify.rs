//! What a witness is told of a simulated system: each state that a record comes to, and whose doing
//! it was.

use std::sync::Arc;

use super::SimState;
use super::record::{Life, Sight};
use crate::model::{FieldName, RecordId, Timestamp, Value};
use crate::testkit::oracle::{Act, Standing};

impl SimState {
    /// How many requests the engine has begun, as the witness has counted them.
    pub(super) fn calls(&self) -> u64 {
        self.witness.as_ref().map_or(0, |(witness, side)| witness.calls(*side))
    }

    /// Tells the witness, if there is one, of the state that a record has come to.
    pub(super) fn testify(&self, id: &RecordId, at: Timestamp, sent: Vec<(FieldName, Value)>) {
        let Some((witness, side)) = &self.witness else { return };
        let Some(record) = self.records.get(id) else { return };
        let Some(now) = record.now() else { return };
        let standing = match (&now.life, record.sight) {
            (Life::Live, Sight::Clear) => Standing::Here,
            (Life::Live, Sight::OutOfScope | Sight::Garbled) => Standing::Hidden,
            (Life::Binned | Life::Erased, _) => Standing::Gone,
            (Life::MergedInto(into), _) => Standing::MergedInto(into.clone()),
        };
        witness.note(Act {
            side: *side,
            record: id.clone(),
            at,
            calls: self.sent_as.unwrap_or_default(),
            by: self.author,
            standing,
            sent,
            values: Arc::clone(&now.values),
        });
    }
}
