//! A worker: a process that claims what is due, syncs it, and rests, until it is killed or the process
//! that started it ends.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use fluxcascade_connectors::http::{HttpSettings, SharedBudget};
use fluxcascade_connectors::hubspot::HubSpotLimits;
use fluxcascade_connectors::sim::{OffsetClock, SteeredClock};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::Engine;
use fluxcascade_core::clock::Clock;
use fluxcascade_core::engine::Turn;
use fluxcascade_core::model::{ConnectionName, TenantId, WorkerName};
use fluxcascade_store::PostgresStore;

use crate::child::{AHEAD, HUBSPOT, JOBBER, Kept, Order, STORE, listen, say};
use crate::fleet::{CITIES, LIMITS};

/// What else the process is told: its name.
const NAME: &str = "FLUXCASCADE_KILLED_WORKER";

/// Short, so that a test need not wait long for the lease of one that was killed.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
const REQUEST: Duration = Duration::from_secs(1);

async fn engine(
    order: &Order,
    store: &Arc<PostgresStore>,
    me: &WorkerName,
    clock: Arc<dyn Clock>,
) -> Engine {
    let http = HttpSettings {
        request_timeout: REQUEST,
        connect_timeout: REQUEST / 2,
        ..HttpSettings::default()
    };
    let budget = SharedBudget {
        store: Arc::<PostgresStore>::clone(store),
        tenant: TenantId::default(),
        connection: ConnectionName::new("hubspot").unwrap(),
        worker: me.clone(),
    };
    let limits = HubSpotLimits { ten_secondly: LIMITS.0, search_secondly: LIMITS.1 };
    let hubspot = HubSpot::builder().token("any").base_url(&order.hubspot).http(http.clone());
    let hubspot = hubspot.limits(limits).budget(budget).clock(Arc::clone(&clock));
    let jobber = Jobber::builder().token("any").base_url(&order.jobber).http(http);
    let jobber = jobber.page_size(100).find_lag(Duration::ZERO).clock(Arc::clone(&clock));
    let mut engine = Engine::builder()
        .connection("hubspot", hubspot.build().unwrap())
        .connection("jobber", jobber.build().unwrap())
        .store(Arc::<PostgresStore>::clone(store))
        .lease(LEASE)
        .request_timeout(REQUEST)
        .clock(clock);
    for mapping in order.mappings() {
        engine = engine.mapping(mapping);
    }
    engine.build().await.unwrap()
}

/// Not a test by itself: what the test of several workers starts, stops and kills.
#[test]
#[ignore = "a process that the other tests start and kill, and nothing by itself: \
            cargo test -p fluxcascade-store --features postgres --test killed"]
fn one_worker() {
    let told = |name: &str| std::env::var(name).ok();
    let Some(name) = told(NAME) else { return };
    let kept = Kept::heard(&told(STORE).unwrap());
    let (hubspot, jobber) = (told(HUBSPOT).unwrap(), told(JOBBER).unwrap());
    let order = Order { hubspot, jobber, kept, cities: &CITIES };
    let clock = Arc::new(OffsetClock::default());
    clock.advance(Duration::from_micros(told(AHEAD).unwrap().parse().unwrap()));
    // It ends with the process that has the other end of its input.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(&order, &WorkerName::new(name).unwrap(), clock));
}

async fn work(order: &Order, me: &WorkerName, clock: Arc<dyn Clock>) {
    let Kept::Server(place) = &order.kept else { panic!("workers share a server") };
    let store = Arc::new(PostgresStore::open(&place.options()).await.unwrap());
    let engine = engine(order, &store, me, clock).await;
    say("ready");
    loop {
        match engine.next_turn(&*store, me).await.unwrap() {
            Turn::Due(run) => {
                say(&format!("claimed {}", run.mapping()));
                match run.sync().await {
                    Ok(report) => say(&format!("synced {}", report.writes())),
                    Err(error) => say(&format!("failed {error}")),
                }
            }
            Turn::Idle(until) => engine.rest(&*store, until).await,
        }
    }
}

/// A worker that was started.
pub(crate) struct Worker {
    pub(crate) name: String,
    child: Child,
    said: Receiver<String>,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Ready,
    /// The mapping.
    Claimed(String),
    /// How many writes it made.
    Synced(u64),
    Failed(String),
}

impl Worker {
    pub(crate) fn start(order: &Order, ahead: Duration, name: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker::one_worker", "--ignored", "--nocapture"])
            .env(HUBSPOT, &order.hubspot)
            .env(JOBBER, &order.jobber)
            .env(STORE, order.kept.told())
            .env(AHEAD, ahead.as_micros().to_string())
            .env(NAME, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = listen(&mut child);
        Self { name: name.to_owned(), child, said }
    }

    /// What it says next within this time; nothing if it says nothing.
    pub(crate) fn hear(&self, within: Duration) -> Option<Word> {
        let line = match self.said.recv_timeout(within) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => panic!("{} ended by itself", self.name),
        };
        Some(match line.split_once(' ') {
            None => Word::Ready,
            Some(("claimed", mapping)) => Word::Claimed(mapping.to_owned()),
            Some(("synced", writes)) => Word::Synced(writes.parse().unwrap()),
            Some((_, why)) => Word::Failed(why.to_owned()),
        })
    }

    /// SIGSTOP or SIGCONT.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// SIGKILL; what it had said and nobody heard.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.end();
        self.said.try_iter().collect()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}
