//! Three worker processes share the mappings of one PostgreSQL database. One of them is killed in the
//! middle of its work, and another goes on:
//!
//! ```text
//! cargo run --example workers -- 'host=localhost user=postgres dbname=postgres'
//! ```
//!
//! HubSpot and Jobber are servers of this program; the workers are processes of it, and know nothing of
//! each other. Each claims a mapping that is due, syncs it, and rests until time or the database tells
//! that something is due again. They ask HubSpot within one budget. The tables are in a schema of this
//! run's own, which stays: the program says how to drop it.

#![expect(clippy::print_stdout, reason = "a program for people, who read its standard output")]
#![expect(clippy::print_stderr, reason = "and what is wrong on the other one")]

#[path = "workers/crew.rs"]
mod crew;
#[path = "workers/town.rs"]
mod town;
#[path = "workers/worker.rs"]
mod worker;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crew::Crew;
use town::Town;
use worker::Order;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How many processes share the work.
const WORKERS: usize = 3;

/// Worker processes that share one PostgreSQL database.
#[derive(Debug, Parser)]
struct Args {
    /// The database: `postgres://user:password@host/database`, or `host=… user=… dbname=…`.
    database: Option<String>,
    /// Works as the process that reads its order from its input.
    #[arg(long, hide = true)]
    worker: bool,
}

/// What to do where there is no database.
const NO_DATABASE: &str = "\
no database: give the URL of a PostgreSQL database that may be written to, as in

  cargo run --example workers -- 'host=localhost user=postgres dbname=postgres'

A server to try it with: docker run --rm -e POSTGRES_PASSWORD=try -p 5432:5432 postgres
and then the URL postgres://postgres:try@localhost/postgres";

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match (args.worker, args.database) {
        (true, _) => worker::work(),
        (false, Some(database)) => play(database),
        (false, None) => Err(NO_DATABASE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn play(database: String) -> Outcome<()> {
    tokio::runtime::Runtime::new()?.block_on(show(database))
}

async fn show(database: String) -> Outcome<()> {
    let town = Town::build().await?;
    let schema = format!("fluxcascade_example_{}", std::process::id());
    let order = Order {
        database,
        schema: schema.clone(),
        hubspot: town.hubspot.base_url(),
        jobber: town.jobber.base_url(),
    };
    println!("{} mappings, one for each city, and {WORKERS} workers\n", town::CITIES.len());
    let mut crew = Crew::default();
    for _ in 0..WORKERS {
        crew.hire(&order)?;
    }
    crew.until_synced(&town::CITIES)?;

    println!("\npeople edit in both systems, and webhooks tell the store of it\n");
    town.people_edit(&order, 1).await?;
    crew.until_synced(&town::CITIES)?;

    println!("\nthe next to begin a run is killed in it\n");
    town.people_edit(&order, 2).await?;
    let (victim, city) = crew.until_one_begins()?;
    std::thread::sleep(Duration::from_millis(20));
    crew.kill(victim);
    println!("worker {victim}: killed in its run of {city}; its lease ends by itself\n");
    crew.until_synced(&town::CITIES)?;

    let wrong = town.disagreements();
    if !wrong.is_empty() {
        return Err(wrong.join("\n").into());
    }
    println!("\nboth systems agree: no edit was lost, and nobody is there twice");
    println!("to remove what the store keeps: DROP SCHEMA {schema} CASCADE");
    Ok(())
}
