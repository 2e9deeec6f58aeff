//! Sends documents to Jobber: version header, token, points. What is in them is not known here.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::cost::{Admission, Bucket};
use super::document::Document;
use super::error::JobberDialect;
use super::points::{SharedPoints, Taken};
use super::queue::Queue;
use super::version::{ServedVersion, VersionNotice};
use super::wire::{AccountAnswer, Envelope, Field, GraphError};
use crate::http::oauth::Whose;
use crate::http::{
    Answer, Body, Call, Client, Credential, Failure, Fate, HttpSettings, Method, RequestCounts,
    Surroundings,
};

/// Where the API stands below the base address.
const PATH: &str = "/api/graphql";

/// Whether a document may be sent again, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sending {
    Read,
    Write { not_after: Timestamp },
}

/// Jobber's API for one account.
#[derive(Debug)]
pub(super) struct Api {
    http: Client,
    bucket: Arc<Bucket>,
    points: Option<SharedPoints>,
    queue: Queue,
    served: Arc<ServedVersion>,
    max_wait: Duration,
}

/// An answer with data; there may be errors beside it.
pub(super) struct Reply {
    data: Box<RawValue>,
    pub(super) errors: Vec<GraphError>,
    /// Jobber's clock.
    pub(super) date: Option<Timestamp>,
}

impl Reply {
    /// Reads the data.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Result<T, ConnectorError> {
        serde_json::from_str(self.data.get()).map_err(|error| {
            ConnectorError::new(
                ErrorKind::Protocol,
                format!(
                    "jobber's data has another form than its schema says, at line {} column {}",
                    error.line(),
                    error.column()
                ),
            )
        })
    }
}

impl Api {
    pub(super) fn new(
        base_url: &str,
        version: String,
        credential: Credential,
        settings: HttpSettings,
        surroundings: Surroundings,
    ) -> Result<Self, String> {
        let clock = Arc::clone(&surroundings.clock);
        let bucket = Arc::new(Bucket::new(clock, settings.reserve_percent));
        let served = Arc::new(ServedVersion::new(version));
        let dialect = JobberDialect { bucket: Arc::clone(&bucket), served: Arc::clone(&served) };
        let max_wait = settings.max_wait;
        let http = Client::new(base_url, settings, surroundings, credential, Box::new(dialect))?;
        Ok(Self { http, bucket, points: None, queue: Queue::default(), served, max_wait })
    }

    /// What requests leave through.
    pub(super) fn http(&self) -> &Client {
        &self.http
    }

    /// Takes what queries cost from the points that workers share.
    #[must_use]
    pub(super) fn sharing(self, points: Option<SharedPoints>) -> Self {
        Self { points, ..self }
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.http.requests()
    }

    /// The time by the connector's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.http.clock().now()
    }

    pub(super) fn version_notice(&self) -> Option<VersionNotice> {
        self.served.notice()
    }

    /// Sends a query.
    pub(super) async fn read(&self, document: &Document) -> Result<Reply, ConnectorError> {
        Ok(self.send(document, Sending::Read).await?)
    }

    /// Sends a document, after waiting for its points if it is known to need more than there are.
    pub(super) async fn send(
        &self,
        document: &Document,
        sending: Sending,
    ) -> Result<Reply, Failure> {
        let call = call(document, sending, self.served.asked());
        // Points are good for a moment only: they are taken last.
        self.http.set_aside(&call).await?;
        let taken = self.admitted(document, sending).await?;
        match self.http.send(&call.with_room()).await {
            Ok(answer) => self.reply(document, &answer, taken).map_err(|error| Failure {
                fate: Fate::Unknown,
                error,
                answer: Some(Box::new(answer)),
            }),
            Err(mut failure) => {
                failure.error.message = document.scrub(&failure.error.message);
                match failure.answer.as_deref().and_then(envelope) {
                    Some(envelope) => self.learn(document, &envelope, taken),
                    None if failure.fate == Fate::NotSent => self.put_back(document.shape(), taken),
                    None => {}
                }
                Err(failure)
            }
        }
    }

    fn reply(
        &self,
        document: &Document,
        answer: &Answer,
        taken: u32,
    ) -> Result<Reply, ConnectorError> {
        let mut envelope: Envelope = answer.json()?;
        self.learn(document, &envelope, taken);
        for error in &mut envelope.errors {
            // What Jobber says of what it hides has nothing of a person, and is known by its words.
            if !super::error::is_hidden(error) {
                error.message = document.scrub(&crate::scrub::line(&error.message));
            }
        }
        match envelope.data {
            Field::Value(data) => Ok(Reply { data, errors: envelope.errors, date: answer.date() }),
            Field::Null | Field::Missing => Err(answer.unexpected("has no data")),
        }
    }

    fn learn(&self, document: &Document, envelope: &Envelope, taken: u32) {
        let Some(cost) = envelope.extensions.cost.as_ref() else { return };
        if let Some(requested) = cost.requested {
            self.bucket.learn_cost(document.shape(), requested);
        }
        if let (Some(points), Some(actual)) = (&self.points, cost.actual) {
            points.settle(taken, whole(actual));
        }
    }

    /// Whether a document's points are there, of those that are shared and as far as this worker knows;
    /// how many of the shared ones were taken for it.
    async fn take(&self, shape: u64) -> Result<Taken, Failure> {
        match self.bucket.admit(shape) {
            Admission::Go => {}
            Admission::Wait(wait) => return Ok(Taken::Later(wait)),
            Admission::Never(error) => {
                return Err(Failure { fate: Fate::Refused, error, answer: None });
            }
        }
        let (Some(points), Some(cost)) = (&self.points, self.bucket.cost_of(shape)) else {
            return Ok(Taken::Points(0));
        };
        let taken = points.take(whole(cost), &**self.http.clock()).await;
        if !matches!(taken, Ok(Taken::Points(_))) {
            // It does not leave now.
            self.bucket.put_back(cost);
        }
        taken.map_err(|error| Failure { fate: Fate::NotSent, error, answer: None })
    }

    /// Gives back what was taken for a document that did not leave.
    fn put_back(&self, shape: u64, taken: u32) {
        if let Some(cost) = self.bucket.cost_of(shape) {
            self.bucket.put_back(cost);
        }
        if let Some(points) = &self.points {
            points.settle(taken, 0);
        }
    }

    /// Waits for a document's points; how many of the shared ones were taken for it.
    async fn admitted(&self, document: &Document, sending: Sending) -> Result<u32, Failure> {
        let clock = self.http.clock();
        let mut place = self.queue.place();
        let began = clock.now();
        loop {
            let wait = match place.behind(clock.now(), self.max_wait) {
                Some(wait) => wait,
                None => match self.take(document.shape()).await? {
                    Taken::Points(taken) => return Ok(taken),
                    Taken::Later(wait) => {
                        place.wait(wait, clock.now());
                        wait
                    }
                },
            };
            let again = clock.now() + wait;
            let too_late = match sending {
                Sending::Read => false,
                Sending::Write { not_after } => again > not_after,
            };
            if too_late || again.since(began) > self.max_wait {
                return Err(Failure {
                    fate: Fate::NotSent,
                    error: too_few(document, wait),
                    answer: None,
                });
            }
            clock.sleep(wait).await;
        }
    }
}

/// The error for a document whose points do not come in time.
fn too_few(document: &Document, wait: Duration) -> ConnectorError {
    let why = format!(
        "the {} request was not sent: the account has too few points now, and other queries wait, too",
        document.kind
    );
    ConnectorError { retry_after: Some(wait), ..ConnectorError::new(ErrorKind::RateLimited, why) }
}

fn call(document: &Document, sending: Sending, version: &str) -> Call {
    let call = match sending {
        Sending::Read => Call::read(document.kind, Method::Post, PATH),
        Sending::Write { not_after } => {
            Call::write(document.kind, Method::Post, PATH, Some(not_after))
        }
    };
    call.header("x-jobber-graphql-version", version).body(Body::Json(document.body()))
}

/// Which account a token is for, asked with this version.
#[derive(Debug)]
pub(super) struct AccountCall {
    pub(super) version: String,
}

impl Whose for AccountCall {
    fn call(&self) -> Call {
        call(&Document::account(), Sending::Read, &self.version)
    }

    fn account(&self, answer: &Answer) -> Result<String, ConnectorError> {
        let envelope: Envelope = answer.json()?;
        let data: Option<AccountAnswer> = match envelope.data {
            Field::Value(data) => serde_json::from_str(data.get()).ok(),
            Field::Null | Field::Missing => None,
        };
        let account = data.and_then(|data| data.account);
        account.map(|account| account.id).ok_or_else(|| answer.unexpected("names no account"))
    }
}

/// Points as a whole number, rather one too many.
fn whole(points: f64) -> u32 {
    // Beyond its range a cast keeps to the nearest there is.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let whole = points.ceil() as u32;
    whole
}

/// The envelope of an answer, if it has one.
pub(super) fn envelope(answer: &Answer) -> Option<Envelope> {
    answer.is_json().then(|| answer.json().ok()).flatten()
}
