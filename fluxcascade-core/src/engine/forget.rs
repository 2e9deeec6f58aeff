//! What an engine's user asks for when a person wants to be forgotten: the record's name is checked,
//! the rest is the store's.

use super::Engine;
use crate::model::{ConnectionName, ObjectType, RecordId, Side};
use crate::store::{Receipt, StoreError, Subject, Upkeep};

/// Why a record was not forgotten. Nothing was removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The engine has no such connection.
    #[error(
        "there is no connection {connection:?}: the engine has {known}; what was synced under \
         another name is forgotten by the store's own forget"
    )]
    UnknownConnection {
        /// What was asked for.
        connection: String,
        /// What there is.
        known: String,
    },
    /// No mapping of the engine reads such records.
    #[error(
        "no mapping reads {object:?} of {connection}: the engine's mappings read {known}; what was \
         synced under another name is forgotten by the store's own forget"
    )]
    UnknownObject {
        /// The connection.
        connection: ConnectionName,
        /// What was asked for.
        object: String,
        /// What mappings read there.
        known: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Forgets a record, and the records that are linked with it, whose values are its own: in all
    /// mappings, links with their bases, what was observed, holds and their answers, conflicts, the
    /// log. What is left of them are keyed fingerprints of their ids, so that no read and no webhook
    /// brings them back. The store is the engine's own.
    ///
    /// Nothing is written to any system, neither now nor later: delete the record there as well, if it
    /// is to be gone there. A run that is under way ends without storing anything more, and its mappings
    /// have their next run when its lease is over; a request of it that has left already is not called
    /// back.
    ///
    /// That nothing is lost, and that the log explains each write, ends here: an edit that was not
    /// carried over yet stays where it was made. A create for the record that has no answer yet may
    /// have been carried out. The record that it made is forgotten with it: the one that is there with
    /// its match keys, or else the next new one that a page shows with one of them. What a create without
    /// a key made is known by nothing: if it is parked it stays so, and if no page has shown it yet it is
    /// taken for a new record; settle such a create first. What a new record
    /// has in common with a forgotten one is not known any more: where both are to be one again, a
    /// person must see to it.
    ///
    /// What is removed is overwritten; a trace that a store's files may have of older rows is removed by
    /// [`scrub`](Upkeep::scrub), which may be done once for many. A backup that was made before has the
    /// record still, and so has a store that was put back from one: ask again there, for the subjects
    /// of all receipts from after it was made.
    ///
    /// ```
    /// # async fn f<S: fluxcascade_core::store::Upkeep>(
    /// #     engine: fluxcascade_core::Engine,
    /// #     store: std::sync::Arc<S>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use fluxcascade_core::model::RecordId;
    ///
    /// let receipt = engine.forget(&*store, "hubspot", "contacts", &RecordId::new("4711")?).await?;
    /// println!("{receipt}"); // which records were forgotten, and how much was held of them
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the engine knows no such connection, no mapping of it reads such records, or the store fails.
    /// That nothing was held of the record is no error: the receipt says so.
    pub async fn forget(
        &self,
        upkeep: &dyn Upkeep,
        connection: &str,
        object: &str,
        record: &RecordId,
    ) -> Result<Receipt, ForgetError> {
        let (connection, object) = self.end_of(connection, object)?;
        let tenant = self.inner.tenant.clone();
        let subject = Subject { tenant, connection, object, record: record.clone() };
        Ok(upkeep.forget(&subject, self.inner.clock.now()).await?)
    }

    /// An end of a mapping, by its names.
    fn end_of(
        &self,
        connection: &str,
        object: &str,
    ) -> Result<(ConnectionName, ObjectType), ForgetError> {
        let Some((name, _)) = self.inner.connections.get_key_value(connection) else {
            return Err(ForgetError::UnknownConnection {
                connection: connection.to_owned(),
                known: self.connection_names(),
            });
        };
        let ends = self.inner.mappings.values().flat_map(|mapping| {
            Side::BOTH.into_iter().map(|side| mapping.endpoint(side)).collect::<Vec<_>>()
        });
        let mut known: Vec<_> =
            ends.filter(|end| end.connection == *name).map(|end| end.object.clone()).collect();
        known.sort();
        known.dedup();
        match known.iter().find(|known| known.as_str() == object) {
            Some(object) => Ok((name.clone(), object.clone())),
            None => Err(ForgetError::UnknownObject {
                connection: name.clone(),
                object: object.to_owned(),
                known: match known.as_slice() {
                    [] => "nothing there".to_owned(),
                    some => some.iter().map(ObjectType::as_str).collect::<Vec<_>>().join(", "),
                },
            }),
        }
    }
}
