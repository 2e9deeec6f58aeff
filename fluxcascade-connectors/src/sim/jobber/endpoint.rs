//! `POST /api/graphql`: what Jobber checks before a query runs, and what it puts around the answer.
//! What a query means is in `schema`.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Response, ServerError, Variables};
use async_trait::async_trait;
use axum::http::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::version::Served;
use super::{JobberAccount, control, cost, variable};
use crate::sim::call::{Call, Reply, Vendor};
use crate::sim::jobber::cost::Spent;
use crate::sim::oauth::{Habits, TokenForm, UsedRefresh};
use crate::sim::outbox::Outbox;

/// Where the vendor answers.
pub(super) const PATH: &str = "/api/graphql";
const VERSION_HEADER: &str = "x-jobber-graphql-version";
const LIMITS_PAGE: &str = "https://developer.getjobber.com/docs/using_jobbers_api/api_rate_limits";
/// What an app is told that the account has let go of.
const LET_GO: &str = "User has disconnected this app from their account. Please delete this token.";
/// Longer and deeper documents are not parsed.
const MAX_QUERY: usize = 256 * 1024;
const MAX_NESTING: usize = 100;

/// Jobber's OAuth server: refresh tokens rotate, and no answer says when an access token ends.
const HABITS: Habits = Habits {
    authorize: &["/api/oauth/authorize"],
    token: &["/api/oauth/token"],
    revoke: &[],
    life: Duration::from_secs(3600),
    form: TokenForm::Jwt,
    used: UsedRefresh::Rotates,
    dead: || message(401, "The provided refresh token is not valid."),
    unknown_app: || Reply::json(401, &json!({ "error": "invalid_client" })),
};

/// A request's body, understood as far as can be.
struct Query {
    body: GraphQlBody,
    /// `None` if it is no GraphQL: the schema then says what is wrong.
    document: Option<ExecutableDocument>,
}

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GraphQlBody {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Json>,
}

/// What a query cost, and may cost.
#[derive(Debug, Clone, Copy)]
struct Bill {
    requested: u64,
    actual: u64,
    /// What is said to be left, if that is not what is left.
    left: Option<u64>,
}

#[async_trait]
impl Vendor for JobberAccount {
    async fn perform(&self, call: &Call) -> Reply {
        if call.path != PATH || call.method != Method::POST {
            return message(404, "Not found");
        }
        let limit = self.account.requests_per_window;
        if !self.account.state().gate.admits(limit, call.at) {
            return too_many();
        }
        let reply = match self.run(call).await {
            Ok(reply) | Err(reply) => reply,
        };
        self.account.tell();
        reply
    }

    fn outbox(&self) -> Option<&Arc<Outbox>> {
        Some(&self.account.outbox)
    }

    fn control(&self, call: &Call) -> Option<Reply> {
        control::answer(&self.account, call)
    }

    fn over_limit(&self, call: &Call) -> Reply {
        let served = self.served(call).ok();
        let mut state = self.account.state();
        // Another program has drawn some meanwhile: what is never there is never waited for.
        let left = state.bucket.available(call.at).min(state.bucket.maximum().saturating_sub(1));
        drop(state);
        let bill = Bill { requested: left.saturating_add(1), actual: 0, left: Some(left) };
        self.throttled(call, bill, served.as_ref())
    }

    fn habits(&self) -> Habits {
        HABITS
    }

    fn let_go(&self, _call: &Call) -> Reply {
        message(401, LET_GO)
    }

    fn disconnect(&self) {
        self.account.let_go();
    }

    fn is_disconnected_now(&self) -> bool {
        std::mem::take(&mut self.account.state().is_let_go)
    }

    fn failure(&self, _call: &Call, status: u16) -> Reply {
        match status {
            200 => Reply::typed(200, "text/html; charset=utf-8", WAITING_ROOM),
            401 => message(401, "Access token expired"),
            403 => message(403, "Forbidden"),
            429 => too_many(),
            _ => message(status, "Service temporarily unavailable"),
        }
    }
}

impl JobberAccount {
    /// Checks a request and runs it. What is refused before it runs is an `Err`.
    async fn run(&self, call: &Call) -> Result<Reply, Reply> {
        let query = read(call);
        let free = query.as_ref().is_ok_and(is_about_the_schema);
        if !free && !self.recognizes(call) {
            return Err(message(401, "Token not recognized"));
        }
        // Where there is an app, its OAuth server has said so before, and new tokens are good.
        if !free && self.account.state().is_let_go {
            return Err(message(401, LET_GO));
        }
        let served = self.served(call)?;
        let Query { body, document } = query?;
        let variables = Variables::from_json(body.variables.unwrap_or_default());
        let operation = body.operation_name.as_deref();
        let refused = document.as_ref().map(|it| variable::refusals(it, operation, &variables));
        if let Some(refused) = refused.filter(|refused| !refused.is_empty()) {
            let bill = Bill { requested: 0, actual: 0, left: None };
            let extensions = self.extensions(call, bill, Some(&served));
            let body = json!({ "errors": refused, "extensions": extensions });
            return Err(Reply::json(200, &body));
        }
        let requested =
            document.as_ref().map_or(0, |it| cost::requested(it, operation, &variables));
        if self.account.state().bucket.spend(requested, call.at) == Spent::No {
            let bill = Bill { requested, actual: 0, left: None };
            return Err(self.throttled(call, bill, Some(&served)));
        }
        let mut request = Request::new(body.query).variables(variables);
        if let Some(name) = body.operation_name {
            request = request.operation_name(name);
        }
        if let Some(document) = document {
            request.set_parsed_query(document);
        }
        let response = self.schema.0.execute(request).await;
        let actual = cost::actual(&response.data).min(requested);
        self.account.state().bucket.refund(requested - actual);
        let bill = Bill { requested, actual, left: None };
        Ok(self.answer(call, &response, bill, &served))
    }

    fn recognizes(&self, call: &Call) -> bool {
        let token = call.bearer();
        match &self.token {
            Some(only) => token == Some(only.expose_secret()),
            None => token.is_some(),
        }
    }

    fn served(&self, call: &Call) -> Result<Served, Reply> {
        let asked = call.headers.get(VERSION_HEADER).and_then(|value| value.to_str().ok());
        let asked = asked.unwrap_or_default();
        self.versions
            .serve(asked)
            .ok_or_else(|| message(404, &format!("GraphQL API version '{asked}' does not exist")))
    }

    fn answer(&self, call: &Call, response: &Response, bill: Bill, served: &Served) -> Reply {
        let errors: Vec<Json> = response.errors.iter().map(error).collect();
        let mut body = json!({ "extensions": self.extensions(call, bill, Some(served)) });
        // What failed before it ran has no data at all.
        let ran = response.errors.is_empty()
            || response.errors.iter().any(|error| !error.path.is_empty());
        if ran {
            body["data"] = response.data.clone().into_json().unwrap_or_default();
        }
        if !errors.is_empty() {
            body["errors"] = Json::Array(errors);
        }
        Reply::json(200, &body)
    }

    fn throttled(&self, call: &Call, bill: Bill, served: Option<&Served>) -> Reply {
        let error = json!({
            "message": "Throttled",
            "extensions": { "code": "THROTTLED", "documentation": LIMITS_PAGE },
        });
        let extensions = self.extensions(call, bill, served);
        Reply::json(200, &json!({ "errors": [error], "extensions": extensions }))
    }

    fn extensions(&self, call: &Call, bill: Bill, served: Option<&Served>) -> Json {
        let mut state = self.account.state();
        let available = bill.left.unwrap_or_else(|| state.bucket.available(call.at));
        let mut extensions = json!({
            "cost": {
                "requestedQueryCost": bill.requested,
                "actualQueryCost": bill.actual,
                "throttleStatus": {
                    "maximumAvailable": state.bucket.maximum(),
                    "currentlyAvailable": available,
                    "restoreRate": state.bucket.restore_rate(),
                },
            },
        });
        if let Some(served) = served {
            extensions["versioning"] = served.to_json();
        }
        extensions
    }
}

fn read(call: &Call) -> Result<Query, Reply> {
    let body = serde_json::from_slice::<GraphQlBody>(&call.body).ok();
    let small =
        |body: &GraphQlBody| body.query.len() <= MAX_QUERY && nesting(&body.query) <= MAX_NESTING;
    let body = body.filter(small).ok_or_else(|| message(400, "Invalid query"))?;
    let document = parse_query(&body.query).ok();
    Ok(Query { body, document })
}

/// Jobber tells everyone what its schema is, also who has no token.
fn is_about_the_schema(query: &Query) -> bool {
    let operation = query.body.operation_name.as_deref();
    query.document.as_ref().is_some_and(|it| cost::is_introspection(it, operation))
}

/// How deep the document's brackets go; those in texts are counted too, which only errs on the
/// safe side.
fn nesting(query: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in query.bytes() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// An error in the vendor's words, as far as they are known.
fn error(error: &ServerError) -> Json {
    let mut shown = serde_json::to_value(error).unwrap_or_default();
    if let Some((field, object)) = unknown_field(&error.message) {
        shown["message"] = json!(format!("Field '{field}' doesn't exist on type '{object}'"));
        shown["extensions"] =
            json!({ "code": "undefinedField", "typeName": object, "fieldName": field });
    }
    shown
}

fn unknown_field(message: &str) -> Option<(&str, &str)> {
    let (field, rest) = message.strip_prefix("Unknown field \"")?.split_once("\" on type \"")?;
    rest.split_once('"').map(|(object, _)| (field, object))
}

fn message(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "message": text }))
}

fn too_many() -> Reply {
    Reply::typed(429, "text/plain", "Retry later\n")
}

/// What comes with status 200 when the vendor is under load.
const WAITING_ROOM: &str = "<!DOCTYPE html>\n<html>\n<head><title>Waiting Room</title></head>\n\
    <body>\n<h1>You are now in line</h1>\n\
    <p>We are experiencing a high volume of traffic. This page will refresh.</p>\n\
    </body>\n</html>\n";
