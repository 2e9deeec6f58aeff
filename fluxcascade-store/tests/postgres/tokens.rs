//! A refresh is one flight: processes that share a server ask the vendor's token endpoint once.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fluxcascade_core::SystemClock;
use fluxcascade_core::credential::{Claimed, IfClaimed, Stale, refreshed};
use fluxcascade_core::model::{ConnectionName, TenantId};
use fluxcascade_core::store::{StoreError, StoredToken, TokenKey, TokenStore};
use fluxcascade_store::PostgresStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Place;

/// What a process is told, in its environment.
const ENDPOINT: &str = "FLUXCASCADE_REFRESH_ENDPOINT";
const URL: &str = "FLUXCASCADE_REFRESH_URL";
const SCHEMA: &str = "FLUXCASCADE_REFRESH_SCHEMA";

const PROCESSES: usize = 3;
/// Tasks of each process that find the credential stale at the same moment.
const TASKS: usize = 3;
/// How often it becomes stale.
const TIMES: u64 = 4;

fn key() -> TokenKey {
    let connection = ConnectionName::new("jobber").unwrap();
    TokenKey { tenant: TenantId::default(), connection }
}

/// A vendor's token endpoint: it takes each refresh token once, and gives the next one.
struct Endpoint {
    address: String,
    given: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (given, refused) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
        let counts = (Arc::clone(&given), Arc::clone(&refused));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (given, refused) = (Arc::clone(&counts.0), Arc::clone(&counts.1));
                tokio::spawn(answer(stream, given, refused));
            }
        });
        Self { address, given, refused }
    }
}

async fn answer(mut stream: TcpStream, given: Arc<AtomicU64>, refused: Arc<AtomicU64>) {
    let mut asked = [0; 1024];
    let read = stream.read(&mut asked).await.unwrap();
    let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
    let token: u64 = asked.rsplit('=').next().unwrap().trim().parse().unwrap();
    // Long enough for all others to come.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let next = given.compare_exchange(token, token + 1, Ordering::SeqCst, Ordering::SeqCst);
    let answer = if next.is_ok() {
        let body = (token + 1).to_string();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    } else {
        refused.fetch_add(1, Ordering::SeqCst);
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_owned()
    };
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Asks the endpoint with the refresh token that is stored.
async fn ask(address: String, old: Option<StoredToken>) -> Result<Vec<u8>, StoreError> {
    let token = String::from_utf8(old.unwrap().secret).unwrap();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let call = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    let good = said.starts_with("HTTP/1.1 200 ");
    let body = said.split("\r\n\r\n").nth(1).unwrap_or_default();
    if good { Ok(body.into()) } else { Err(StoreError::failed("the refresh token was refused")) }
}

/// Not a test by itself: what the next one starts several of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that the next test starts, and nothing by itself: \
            cargo test -p fluxcascade-store --features postgres --test postgres"]
async fn one_process_that_refreshes() {
    let told = |name: &str| std::env::var(name).ok();
    let Some(endpoint) = told(ENDPOINT) else { return };
    let place = Place { url: told(URL).unwrap(), schema: told(SCHEMA).unwrap() };
    let store = Arc::new(PostgresStore::open(&place.options()).await.unwrap());
    for generation in 1..=TIMES {
        let asking = (0..TASKS).map(|_| {
            let (store, endpoint) = (Arc::clone(&store), endpoint.clone());
            tokio::spawn(async move {
                let stale = Stale {
                    key: key(),
                    generation,
                    patience: Duration::from_secs(60),
                    if_claimed: IfClaimed::Wait,
                };
                let ask = |claimed: Claimed| ask(endpoint, claimed.token);
                refreshed(&*store, &SystemClock, &stale, ask).await.unwrap()
            })
        });
        let asking: Vec<_> = asking.collect();
        for task in asking {
            assert!(task.await.unwrap().generation > generation);
        }
    }
}

/// A refresh is one flight across processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_find_a_credential_stale_refresh_it_once() {
    let Some(place) = Place::or_skip() else { return };
    let endpoint = Endpoint::start().await;
    let store = PostgresStore::open(&place.options()).await.unwrap();
    assert!(store.replace_token(&key(), 0, b"1").await.unwrap());
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tokens::one_process_that_refreshes", "--ignored"])
            .env(ENDPOINT, &endpoint.address)
            .env(URL, &place.url)
            .env(SCHEMA, &place.schema)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    for mut process in processes {
        let ended = tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
        assert!(ended.success());
    }
    // It began with the token 1, and each generation was refreshed once.
    assert_eq!(endpoint.given.load(Ordering::SeqCst), 1 + TIMES);
    assert_eq!(endpoint.refused.load(Ordering::SeqCst), 0, "a refresh token was used twice");
    let token = store.token(&key()).await.unwrap().unwrap();
    let last = (1 + TIMES).to_string().into_bytes();
    assert_eq!((token.generation, token.secret), (1 + TIMES, last));
}

/// One that was killed while it refreshed: its claim ends, and another refreshes.
#[tokio::test]
async fn a_refresh_that_was_begun_and_never_ended_is_taken_over() {
    let Some(place) = Place::or_skip() else { return };
    let endpoint = Endpoint::start().await;
    let store = PostgresStore::open(&place.options()).await.unwrap();
    assert!(store.replace_token(&key(), 0, b"1").await.unwrap());
    let now = fluxcascade_core::Clock::now(&SystemClock);
    assert!(store.claim_refresh(&key(), now, Duration::from_millis(300)).await.unwrap());
    let stale = Stale {
        key: key(),
        generation: 1,
        patience: Duration::from_secs(60),
        if_claimed: IfClaimed::Wait,
    };
    let ask = |claimed: Claimed| ask(endpoint.address.clone(), claimed.token);
    let token = refreshed(&store, &SystemClock, &stale, ask).await.unwrap();
    assert_eq!(token.generation, 2);
    let again = fluxcascade_core::Clock::now(&SystemClock);
    assert!(store.claim_refresh(&key(), again, Duration::from_secs(1)).await.unwrap());
}
