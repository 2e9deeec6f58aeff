//! A wire between a store and its server that can be broken: it breaks once, and is whole again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use fluxcascade_store::postgres::PostgresOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::server::Place;

/// What the wire between store and server does to the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Wire {
    Whole,
    /// Breaks before a transaction begins.
    BreaksAtBegin,
    /// Breaks in the middle of a transaction.
    BreaksAmid,
    /// Breaks before the server hears of a commit.
    BreaksAtCommit,
    /// Breaks when the server has carried a commit out.
    LosesAnswer,
    /// Breaks when the server has heard of a commit, and may be at it.
    HangsUpAtCommit,
    /// Leads nowhere, until it is whole again.
    Gone,
}

/// A wire that can be broken. It breaks once, and is whole again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker(Arc<AtomicU8>);

impl Breaker {
    pub(crate) fn set(&self, wire: Wire) {
        self.0.store(wire as u8, Ordering::SeqCst);
    }

    /// Whether it is to break now in this way; then it is whole from here on.
    fn breaks(&self, wire: Wire) -> bool {
        let whole = Wire::Whole as u8;
        self.0.compare_exchange(wire as u8, whole, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn is_gone(&self) -> bool {
        self.0.load(Ordering::SeqCst) == Wire::Gone as u8
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.0.load(Ordering::SeqCst) == Wire::Whole as u8
    }
}

/// The store at the end of such a wire.
pub(crate) async fn through(place: &Place) -> (PostgresOptions, Breaker) {
    let (url, breaker) = wired(place).await;
    let url = format!("{url} sslmode=disable");
    (PostgresOptions::new(url).schema(&place.schema).connections(2), breaker)
}

/// Where such a wire begins.
pub(crate) async fn wired(place: &Place) -> (String, Breaker) {
    let config: Config = place.url.parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = |of: Option<&str>| of.unwrap_or("fluxcascade").replace('\'', "\\'");
    let password = config.get_password().map(|word| String::from_utf8_lossy(word).into_owned());
    let url = format!(
        "host=127.0.0.1 port={port} user='{}' dbname='{}' password='{}'",
        text(config.get_user()),
        text(config.get_dbname()),
        text(password.as_deref()),
    );
    let breaker = Breaker::default();
    let wire = breaker.clone();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let port = config.get_ports().first().copied().unwrap_or(5432);
            let wire = wire.clone();
            if wire.is_gone() {
                continue;
            }
            match config.get_hosts()[0].clone() {
                Host::Tcp(name) => {
                    let far = TcpStream::connect((name, port)).await.unwrap();
                    tokio::spawn(carry(near, far, wire));
                }
                Host::Unix(folder) => {
                    let socket = folder.join(format!(".s.PGSQL.{port}"));
                    let far = UnixStream::connect(socket).await.unwrap();
                    tokio::spawn(carry(near, far, wire));
                }
            }
        }
    });
    (url, breaker)
}

/// Carries bytes both ways until the wire breaks or either end closes it.
async fn carry(near: TcpStream, far: impl AsyncRead + AsyncWrite + Send, wire: Breaker) {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = tokio::io::split(far);
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut begun = false;
    loop {
        tokio::select! {
            read = from_near.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                if wire.is_gone() {
                    return;
                }
                let says = |word: &[u8]| asked[..n].windows(word.len()).any(|part| part == word);
                if says(b"BEGIN ") && wire.breaks(Wire::BreaksAtBegin) {
                    return;
                }
                if says(b"COMMIT\0") && wire.breaks(Wire::BreaksAtCommit) {
                    return;
                }
                let ends = says(b"COMMIT\0") || says(b"ROLLBACK\0");
                if begun && !ends && wire.breaks(Wire::BreaksAmid) {
                    return;
                }
                begun = says(b"BEGIN ") || (begun && !ends);
                let loses = says(b"COMMIT\0") && wire.breaks(Wire::LosesAnswer);
                if to_far.write_all(&asked[..n]).await.is_err() {
                    return;
                }
                if loses {
                    let _ = from_far.read(&mut answered).await;
                    return;
                }
                if says(b"COMMIT\0") && wire.breaks(Wire::HangsUpAtCommit) {
                    drop((from_near, to_near)); // the store's end alone
                    let _ = from_far.read(&mut answered).await;
                    return;
                }
            }
            read = from_far.read(&mut answered) => {
                let Ok(n @ 1..) = read else { return };
                if to_near.write_all(&answered[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
