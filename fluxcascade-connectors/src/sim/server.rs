//! The server under every simulator: reads requests whole, notes them, lets faults happen,
//! and puts the simulator's time on every answer. What a request means is a [`Vendor`]'s.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use fluxcascade_core::Timestamp;
use fluxcascade_core::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::call::{Call, Reply, Vendor};
use super::fault::{Effect, FaultPlan, FaultRule, Faults, When};
use super::hook::Hook;
use super::log::{LoggedRequest, RequestLog};
use super::oauth::{Guarded, OAuthServer};
use super::outbox::{Mishap, Outbox};
use super::stream::{CutListener, Scissors};
use super::{SimConfig, SimError, SteeredClock, control, garble, http_date, lock};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// How long a hanging request hangs at most.
const HANG_LIMIT: Duration = Duration::from_secs(60);

/// A running simulator of the system `V`. Dropping it stops it.
#[derive(Debug)]
pub struct Sim<V> {
    vendor: Arc<V>,
    desk: Arc<Desk>,
    outbox: Option<Arc<Outbox>>,
    oauth: Option<Arc<OAuthServer>>,
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

/// What the server and the simulator's user both reach.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Arc<dyn Clock>,
    steering: Option<Arc<dyn SteeredClock>>,
    log: Mutex<RequestLog>,
    faults: Mutex<Faults>,
    hooks: Mutex<Vec<Hook>>,
    /// What is done later, and when.
    late: Mutex<Vec<(Timestamp, Call)>>,
}

impl Desk {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn steering(&self) -> Option<&dyn SteeredClock> {
        self.steering.as_deref()
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.log).all()
    }

    pub(super) fn clear_requests(&self) {
        lock(&self.log).clear();
    }

    pub(super) fn set_faults(&self, plan: FaultPlan) {
        *lock(&self.faults) = Faults::new(plan);
    }

    /// Lets happen what is to happen before this request.
    fn go_ahead(&self, call: &Call) {
        // Taken out first: what happens may set further hooks.
        let mut hooks = lock(&self.hooks);
        let due = hooks.iter().position(|hook| hook.fits(call)).map(|at| hooks.remove(at));
        drop(hooks);
        if let Some(hook) = due {
            hook.happen();
        }
    }

    /// Keeps a request that is done so many seconds later.
    fn put_off(&self, call: &Call, seconds: u64) {
        let due = self.now() + Duration::from_secs(seconds);
        lock(&self.late).push((due, Call { at: due, ..call.clone() }));
    }

    /// The requests that are done by now, in their order.
    fn due(&self) -> Vec<Call> {
        let now = self.now();
        let mut late = lock(&self.late);
        let mut due: Vec<_> = late.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, call)| call).collect()
    }

    pub(super) fn throttle(&self, requests: u64) {
        lock(&self.faults).add_first(FaultRule::new(When::Next(requests), Effect::Limit));
    }
}

impl<V> Sim<V> {
    /// Where it listens: `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The simulator's time.
    pub fn now(&self) -> Timestamp {
        self.desk.now()
    }

    /// The requests that have come since the log was last cleared, oldest first; those of
    /// `/__sim` are not in it. At most the last 20,000, and 64 MiB of bodies.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.desk.requests()
    }

    /// Clears the request log.
    pub fn clear_requests(&self) {
        self.desk.clear_requests();
    }

    /// What goes wrong from now on, instead of what was planned before.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.desk.set_faults(plan);
    }

    /// One more thing that goes wrong from now on.
    pub fn add_fault(&self, rule: FaultRule) {
        lock(&self.desk.faults).add(rule);
    }

    /// Nothing goes wrong from now on.
    pub fn clear_faults(&self) {
        self.desk.set_faults(FaultPlan::default());
    }

    /// The next so many requests meet the vendor's limit.
    pub fn throttle(&self, requests: u64) {
        self.desk.throttle(requests);
    }

    /// Does this once, directly before the next request of this path (`*` stands for any text)
    /// with this text in its body: an edit that comes between two requests of a run. The request
    /// then goes on, under the faults that there are.
    pub fn before_next(
        &self,
        path: impl Into<String>,
        body: impl Into<String>,
        happens: impl FnOnce() + Send + 'static,
    ) {
        lock(&self.desk.hooks).push(Hook::new(path.into(), body.into(), happens));
    }

    /// Sends the webhooks that are due now, and says how many deliveries were taken. They are also sent
    /// without it, soon after what they tell of.
    pub async fn deliver(&self) -> usize {
        match &self.outbox {
            Some(outbox) => outbox.settle().await,
            None => 0,
        }
    }

    /// The customer removes the app: all its tokens are dead. Nothing happens without an app.
    pub fn revoke_grants(&self) {
        self.oauth.iter().for_each(|oauth| oauth.revoke());
    }

    /// All access tokens end now. Nothing happens without an app.
    pub fn expire_tokens(&self) {
        self.oauth.iter().for_each(|oauth| oauth.expire());
    }

    /// The next one who is asked for consent refuses it. Nothing happens without an app.
    pub fn deny_next_consent(&self) {
        self.oauth.iter().for_each(|oauth| oauth.deny_next());
    }

    /// What happens to the next webhooks, one each.
    pub fn webhook_mishaps(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        if let Some(outbox) = &self.outbox {
            outbox.mishaps(mishaps);
        }
    }

    /// The system behind the server.
    pub(crate) fn vendor(&self) -> &V {
        &self.vendor
    }
}

impl<V> Sim<V> {
    /// Starts to serve; must be called inside a tokio runtime.
    pub(crate) async fn serve(config: SimConfig, vendor: V) -> Result<Self, SimError>
    where
        V: Vendor,
    {
        let port = config.port.unwrap_or(0);
        let failed = |source| SimError { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let vendor = Arc::new(vendor);
        let desk = Arc::new(Desk {
            clock: config.clock,
            steering: config.steering,
            log: Mutex::default(),
            faults: Mutex::new(Faults::new(config.faults)),
            hooks: Mutex::default(),
            late: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(());
        let outbox = vendor.outbox().map(Arc::clone);
        if let Some(outbox) = &outbox {
            tokio::spawn(deliver(Arc::clone(outbox), stopped.clone()));
        }
        let server = |app| OAuthServer::new(app, Arc::<V>::clone(&vendor) as _, config.seed);
        let oauth = config.app.map(server).map(Arc::new);
        let counter = Counter {
            vendor: guarded(Arc::<V>::clone(&vendor), oauth.clone()),
            oauth: oauth.clone(),
            desk: Arc::clone(&desk),
            stopped: stopped.clone(),
        };
        let router = Router::new().fallback(answer).with_state(counter);
        let service = router.into_make_service_with_connect_info::<Scissors>();
        let server = axum::serve(CutListener(listener), service);
        tokio::spawn(server.with_graceful_shutdown(until(stopped)).into_future());
        Ok(Self { vendor, desk, outbox, oauth, address, _stop: stop })
    }
}

/// Waits until the simulator is dropped.
async fn until(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: the only change is that the sender goes.
    while stopped.changed().await.is_ok() {}
}

/// Sends webhooks until the simulator is dropped.
async fn deliver(outbox: Arc<Outbox>, stopped: watch::Receiver<()>) {
    tokio::select! {
        () = outbox.run() => {}
        () = until(stopped) => {}
    }
}

/// The system, behind its OAuth server if it has one.
fn guarded(vendor: Arc<dyn Vendor>, oauth: Option<Arc<OAuthServer>>) -> Arc<dyn Vendor> {
    match oauth {
        Some(oauth) => Arc::new(Guarded { vendor, oauth }),
        None => vendor,
    }
}

/// Where requests are taken.
#[derive(Debug, Clone)]
struct Counter {
    oauth: Option<Arc<OAuthServer>>,
    vendor: Arc<dyn Vendor>,
    desk: Arc<Desk>,
    stopped: watch::Receiver<()>,
}

/// What the client gets.
enum Outcome {
    Answer(Reply),
    Cut,
    Hang,
}

async fn answer(
    State(counter): State<Counter>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let Counter { oauth, vendor, desk, stopped } = counter;
    let Some(call) = read(&desk, request).await else {
        return stamped(&desk, Reply::typed(413, "text/plain", "the body is over 8 MiB"));
    };
    if call.path.starts_with("/__sim/") {
        let reply = if let Some(reply) = vendor.control(&call) {
            reply
        } else {
            let outbox = vendor.outbox().map(Arc::as_ref);
            control::answer(&desk, outbox, oauth.as_deref(), &call).await
        };
        return stamped(&desk, reply);
    }
    for late in desk.due() {
        vendor.perform(&late).await;
    }
    desk.go_ahead(&call);
    let effect = lock(&desk.faults).meet(&call);
    let number = lock(&desk.log).open(&call, effect.map(|effect| format!("{effect:?}")));
    match happen(&desk, vendor.as_ref(), &call, effect).await {
        Outcome::Answer(reply) => {
            lock(&desk.log).close(number, reply.status);
            stamped(&desk, reply)
        }
        Outcome::Cut => {
            scissors.cut();
            Response::default()
        }
        Outcome::Hang => {
            tokio::time::timeout(HANG_LIMIT, until(stopped)).await.ok();
            scissors.cut();
            Response::default()
        }
    }
}

/// The request, whole; none if its body is too large or broken off.
async fn read(desk: &Desk, request: Request) -> Option<Call> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.ok()?;
    Some(Call {
        at: desk.now(),
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
    })
}

/// Lets the vendor do the request, as far as the fault allows.
async fn happen(desk: &Desk, vendor: &dyn Vendor, call: &Call, effect: Option<Effect>) -> Outcome {
    let Some(effect) = effect else { return Outcome::Answer(vendor.perform(call).await) };
    match effect {
        Effect::Limit => Outcome::Answer(vendor.over_limit(call)),
        Effect::Status(status) => Outcome::Answer(vendor.failure(call, status)),
        Effect::DoneThenStatus(status) => {
            vendor.perform(call).await;
            Outcome::Answer(vendor.failure(call, status))
        }
        Effect::BadGateway => Outcome::Answer(Reply::typed(502, "text/html", BAD_GATEWAY)),
        Effect::Delay(millis) => {
            tokio::time::sleep(Duration::from_millis(millis).min(HANG_LIMIT)).await;
            Outcome::Answer(vendor.perform(call).await)
        }
        Effect::Hang => Outcome::Hang,
        Effect::DoneThenHang => {
            vendor.perform(call).await;
            Outcome::Hang
        }
        Effect::LostRequest => Outcome::Cut,
        Effect::LostAnswer => {
            vendor.perform(call).await;
            Outcome::Cut
        }
        Effect::DoneLater(seconds) => {
            desk.put_off(call, seconds);
            Outcome::Cut
        }
        Effect::DoneTwice => {
            vendor.perform(call).await;
            Outcome::Answer(vendor.perform(call).await)
        }
        Effect::CutAnswer => {
            let mut reply = vendor.perform(call).await;
            reply.body.truncate(reply.body.len() / 2);
            Outcome::Answer(reply)
        }
        Effect::Page => Outcome::Answer(garble::page(&vendor.perform(call).await)),
        Effect::WrongTypes => Outcome::Answer(garble::of_wrong_types(vendor.perform(call).await)),
        Effect::WithoutIds => Outcome::Answer(garble::without_ids(vendor.perform(call).await)),
        Effect::EndlessPages => Outcome::Answer(garble::endless(vendor.perform(call).await)),
        Effect::Huge => Outcome::Answer(garble::huge(vendor.perform(call).await)),
        Effect::Redirect => Outcome::Answer(garble::elsewhere(port_of(call))),
    }
}

/// The port that the client came to.
fn port_of(call: &Call) -> u16 {
    let host = call.headers.get("host").and_then(|host| host.to_str().ok());
    host.and_then(|host| host.rsplit_once(':')?.1.parse().ok()).unwrap_or(80)
}

const BAD_GATEWAY: &str = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n\
    <center><h1>502 Bad Gateway</h1></center>\n<hr><center>proxy</center>\n</body>\n</html>\n";

/// The answer as it goes out, with the simulator's time in its `Date`.
fn stamped(desk: &Desk, reply: Reply) -> Response {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    if let Some(date) = http_date(desk.now()) {
        response = response.header("date", date);
    }
    response.body(Body::from(reply.body)).unwrap_or_else(|_| {
        let mut refused = Response::new(Body::from("the simulator made a header that is none"));
        *refused.status_mut() = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        refused
    })
}

#[cfg(test)]
mod tests;
