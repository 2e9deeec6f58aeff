//! Accounts that are connected by OAuth from the file, and stay so from one call to the next.

use std::io;
use std::sync::Arc;

use fluxcascade_connectors::sim::jobber::JobberSim;
use fluxcascade_connectors::sim::{SimApp, SimConfig};
use fluxcascade_examples::flux::{Exit, Vars};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Office;
use crate::said::said;
use crate::world::TOKEN;

const REDIRECT: &str = "https://acme.example/connected";

/// What a browser does that is sent to an address: the address that it is sent back to.
pub(crate) async fn browser(url: String) -> io::Result<String> {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    Ok(location.unwrap_or_else(|| panic!("{answer}")).to_owned())
}

/// A file in which Jobber is connected by an app, and that Jobber.
async fn office() -> (Office, JobberSim) {
    let mut office = Office::start().await;
    let clock = Arc::clone(&office.world.clock);
    let jobber = JobberSim::start(SimConfig::steered(7, clock).app(SimApp {
        client_id: "app 1".to_owned(),
        client_secret: "s3cret".into(),
        redirect_uri: REDIRECT.to_owned(),
    }));
    let jobber = jobber.await.unwrap();
    let app = format!(
        "[connections.jobber.oauth]\nclient_id = \"app 1\"\nclient_secret_env = \"JOBBER_SECRET\"\n\
         redirect_uri = \"{REDIRECT}\"\n\n[engine]"
    );
    let file = include_str!("../../sync.toml")
        .replace("token_env = \"JOBBER_TOKEN\"\n", "")
        .replace("[engine]", &app)
        .replace("http://127.0.0.1:8092", &jobber.base_url());
    office.write(&file);
    office.vars = Vars::new([("HUBSPOT_TOKEN", TOKEN), ("JOBBER_SECRET", "s3cret")]);
    (office, jobber)
}

#[tokio::test]
async fn an_account_is_connected_once_and_synced_from_then_on() {
    let (office, jobber) = office().await;
    let told = office.flux(&["check"]).await;
    assert_eq!(told.exit, Exit::Failed, "the file is right: {told:?}");
    said(&told.err, &["connection `jobber`: ", "flux connect jobber connects it", "1 mistake"]);
    assert!(!office.path("sync.db").exists(), "a store was made");

    assert_eq!(office.done(&["connect", "jobber"]).await, "jobber is connected\n");
    office.done(&["check"]).await;
    office.world.hubspot.seed_people(3).unwrap();
    office.world.time("13:30");
    office.done(&["sync"]).await;
    assert_eq!(jobber.clients().len(), 3);
    // The token has ended by then, and is renewed.
    office.world.time("18:30");
    office.done(&["sync"]).await;
    assert!(jobber.requests().iter().filter(|r| r.path == "/api/oauth/token").count() >= 2);
}

#[tokio::test]
async fn an_account_is_let_go_of_and_is_to_be_connected_then() {
    let (office, jobber) = office().await;
    office.done(&["connect", "jobber"]).await;
    office.done(&["sync"]).await;
    assert_eq!(office.done(&["disconnect", "jobber"]).await, "jobber is disconnected\n");
    assert!(jobber.requests().iter().any(|request| request.body.contains("appDisconnect")));
    let told = office.flux(&["sync"]).await;
    assert_eq!(told.exit, Exit::Failed, "the file is right: {told:?}");
    said(&told.err, &["was disconnected", "flux connect jobber connects it"]);
    office.done(&["connect", "jobber"]).await;
    office.done(&["sync"]).await;

    let told = office.flux(&["disconnect", "hubspot"]).await;
    said(&told.err, &["has a token", "withdraw it"]);
}

#[tokio::test]
async fn what_cannot_be_connected_is_told() {
    let (office, _jobber) = office().await;
    for (name, says) in [
        ("jober", "there is no connection `jober`: did you mean `jobber`?"),
        ("hubspot", "it is connected"),
    ] {
        let told = office.flux(&["connect", name]).await;
        assert_eq!(told.exit, Exit::Failed);
        said(&told.err, &[says]);
    }
    let file = std::fs::read_to_string(office.path("sync.toml")).unwrap();
    office.write(&file.replace("sqlite = \"sync.db\"", "memory = true"));
    let told = office.flux(&["connect", "jobber"]).await;
    said(&told.err, &["would forget the tokens"]);
}
