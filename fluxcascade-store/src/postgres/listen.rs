//! Hears what other processes say on the server: that a mapping may be due.
//!
//! A connection of its own listens, outside of the pool, from the first wait on. It belongs to a task
//! of the runtime's, which ends with the store.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::store::StoreError;
use futures::StreamExt;
use futures::lock::Mutex;
use futures::stream::poll_fn;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config};

use super::fault::Fault;
use super::tls::Tls;
use crate::bell::Bell;

/// Where it is said. What is said is the schema, in which something may be due.
pub(super) const CHANNEL: &str = "fluxcascade_due";

/// Listens when it is asked to.
pub(super) struct Ears {
    config: Config,
    tls: Tls,
    schema: String,
    patience: Duration,
    pub(super) bell: Arc<Bell>,
    listening: Mutex<Option<Listening>>,
}

/// Never shows how the server is reached.
impl Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ears").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// A connection that listens.
struct Listening {
    client: Client,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether it was heard before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// What was said until now was not heard.
    Now,
    Before,
}

impl Ears {
    pub(super) fn new(config: Config, tls: Tls, schema: String, patience: Duration) -> Self {
        let (bell, listening) = (Arc::default(), Mutex::default());
        Self { config, tls, schema, patience, bell, listening }
    }

    /// Listens from now on, if it does not yet.
    pub(super) async fn listen(&self) -> Result<Since, StoreError> {
        let mut listening = self.listening.lock().await;
        if listening.as_ref().is_some_and(|now| !now.client.is_closed()) {
            return Ok(Since::Before);
        }
        *listening = None;
        let begun = tokio::time::timeout(self.patience, self.begin()).await;
        *listening = Some(begun.map_err(|_| Fault::Late)?.map_err(Fault::Sql)?);
        Ok(Since::Now)
    }

    async fn begin(&self) -> Result<Listening, tokio_postgres::Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let (bell, schema) = (Arc::clone(&self.bell), self.schema.clone());
        let task = tokio::spawn(async move {
            let mut said = poll_fn(|context| connection.poll_message(context));
            while let Some(Ok(message)) = said.next().await {
                if let AsyncMessage::Notification(said) = message
                    && said.payload() == schema
                {
                    bell.ring();
                }
            }
            // Whoever waits is to look for himself, and to listen anew.
            bell.ring();
        });
        let listening = Listening { client, task };
        listening.client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        Ok(listening)
    }
}
