//! The process that is killed: one run of the engine, over HTTP between the systems that the other
//! process serves, with a store that outlives both.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use fluxcascade_connectors::sim::{OffsetClock, SteeredClock};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::clock::Clock;
use fluxcascade_core::mapping::{Mapping, Test};
use fluxcascade_core::model::Side;
use fluxcascade_core::store::Store;
use fluxcascade_core::{Engine, SyncError};

pub(crate) const NAME: &str = "contacts";

/// What the process is told, in its environment: where the systems are, what the store is, and how
/// far its clock is ahead of the machine's, in microseconds.
pub(crate) const HUBSPOT: &str = "FLUXCASCADE_KILLED_HUBSPOT";
pub(crate) const JOBBER: &str = "FLUXCASCADE_KILLED_JOBBER";
pub(crate) const STORE: &str = "FLUXCASCADE_KILLED_STORE";
pub(crate) const AHEAD: &str = "FLUXCASCADE_KILLED_AHEAD";

/// How long a process is waited for that nobody kills.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the store is.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Server(crate::server::Place),
}

impl Kept {
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Kept::File(path) => Arc::new(fluxcascade_store::SqliteStore::open(path).await.unwrap()),
            #[cfg(feature = "postgres")]
            Kept::Server(place) => {
                let store = fluxcascade_store::PostgresStore::open(&place.options()).await;
                Arc::new(store.unwrap())
            }
        }
    }

    /// For people.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Kept::File(_) => "a file",
            #[cfg(feature = "postgres")]
            Kept::Server(_) => "a server",
        }
    }

    pub(crate) fn told(&self) -> String {
        match self {
            Kept::File(path) => path.to_str().unwrap().to_owned(),
            #[cfg(feature = "postgres")]
            Kept::Server(place) => format!("{}\n{}", place.schema, place.url),
        }
    }

    pub(crate) fn heard(told: &str) -> Self {
        match told.split_once('\n') {
            None => Kept::File(PathBuf::from(told)),
            #[cfg(feature = "postgres")]
            Some((schema, url)) => Kept::Server(crate::server::Place {
                url: url.to_owned(),
                schema: schema.to_owned(),
            }),
            #[cfg(not(feature = "postgres"))]
            Some(_) => panic!("this program has no store on a server"),
        }
    }
}

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) hubspot: String,
    pub(crate) jobber: String,
    pub(crate) kept: Kept,
    /// The cities whose people have a mapping of their own; none: one mapping has all people.
    pub(crate) cities: &'static [&'static str],
}

impl Order {
    /// The names of the mappings.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.cities.is_empty() {
            return vec![NAME.to_owned()];
        }
        self.cities.iter().map(|city| format!("{NAME} of {city}")).collect()
    }

    /// The mappings.
    pub(crate) fn mappings(&self) -> Vec<Mapping> {
        let city = |place: usize| self.cities.get(place).copied();
        self.names().iter().enumerate().map(|(place, name)| mapping(name, city(place))).collect()
    }
}

/// People by e-mail. Users of HubSpot edit the first name and the company, users of Jobber the last
/// name and the address; all of it flows both ways.
fn mapping(name: &str, city: Option<&str>) -> Mapping {
    let mapping = Mapping::builder(name)
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .match_on("email", "emails.primary")
        .pair("email", "emails.primary")
        .pair("firstname", "firstName")
        .pair("lastname", "lastName")
        .pair("company", "companyName")
        .pair_fields(
            ["address", "city", "zip"],
            ["billingAddress.street1", "billingAddress.city", "billingAddress.postalCode"],
            |pair| pair,
        );
    let Some(city) = city else { return mapping.build().unwrap() };
    let here = || Test::Equals(city.into());
    let mapping = mapping.filter(Side::Source, "city", here());
    mapping.filter(Side::Target, "billingAddress.city", here()).build().unwrap()
}

/// An engine as the process has it.
pub(crate) async fn engine(order: &Order, clock: Arc<dyn Clock>) -> Result<Engine, SyncError> {
    let hubspot = HubSpot::builder().token("any").base_url(&order.hubspot);
    let jobber = Jobber::builder().token("any").base_url(&order.jobber);
    let mut engine = Engine::builder()
        .connection("hubspot", hubspot.clock(Arc::clone(&clock)).build().unwrap())
        .connection("jobber", jobber.clock(Arc::clone(&clock)).build().unwrap())
        .store(order.kept.open().await)
        .clock(clock);
    for mapping in order.mappings() {
        engine = engine.mapping(mapping);
    }
    engine.build().await
}

/// Not a test by itself: what the tests here start, and kill.
#[test]
#[ignore = "the process that the other tests start and kill, and nothing by itself: \
            cargo test -p fluxcascade-store --test killed"]
fn one_run() {
    let told = |name: &str| std::env::var(name).ok();
    let Some(hubspot) = told(HUBSPOT) else { return };
    let (jobber, kept) = (told(JOBBER).unwrap(), Kept::heard(&told(STORE).unwrap()));
    let ahead = Duration::from_micros(told(AHEAD).unwrap().parse().unwrap());
    let clock = Arc::new(OffsetClock::default());
    clock.advance(ahead);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = engine(&Order { hubspot, jobber, kept, cities: &[] }, clock).await.unwrap();
        say("begun");
        match engine.sync(NAME).await {
            Ok(report) => say(&format!("synced {}", report.writes())),
            Err(error) => say(&format!("failed {error}")),
        }
    });
}

#[allow(clippy::print_stdout, reason = "this is how the process tells the other one")]
pub(crate) fn say(what: &str) {
    println!("\nsaid: {what}");
}

/// A process that was started and not ended.
pub(crate) struct Running {
    child: Child,
    said: Receiver<String>,
}

/// What a process says from now on.
pub(crate) fn listen(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (say, said) = channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if let Some(word) = line.strip_prefix("said: ") {
                let _ = say.send(word.to_owned());
            }
        }
    });
    said
}

/// What was heard of a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    Begun,
    /// How many writes it made.
    Synced(u64),
    Failed(String),
    /// It ended without a word.
    Ended,
}

impl Running {
    pub(crate) fn start(order: &Order, ahead: Duration) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::one_run", "--ignored", "--nocapture"])
            .env(HUBSPOT, &order.hubspot)
            .env(JOBBER, &order.jobber)
            .env(STORE, order.kept.told())
            .env(AHEAD, ahead.as_micros().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = listen(&mut child);
        Self { child, said }
    }

    /// What it says next, within this time.
    pub(crate) fn hear(&self, within: Duration) -> Heard {
        match self.said.recv_timeout(within) {
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::Ended,
            Ok(word) => match word.split_once(' ') {
                Some(("synced", writes)) => Heard::Synced(writes.parse().unwrap()),
                Some(("failed", why)) => Heard::Failed(why.to_owned()),
                _ => Heard::Begun,
            },
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its own end. How long the run took, and how many writes it made.
    pub(crate) fn finish(mut self) -> (Duration, u64) {
        assert_eq!(self.hear(PATIENCE), Heard::Begun);
        let began = Instant::now();
        let heard = self.hear(PATIENCE);
        let took = began.elapsed();
        let Heard::Synced(writes) = heard else { panic!("a run that nobody killed: {heard:?}") };
        assert!(self.child.wait().unwrap().success());
        (took, writes)
    }
}
