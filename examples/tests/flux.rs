//! `flux` in this process: files with mistakes, and the main job between the simulated systems. How single
//! parts of a file are read is tested beside them.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "flux/connecting.rs"]
mod connecting;
#[path = "flux/desk.rs"]
mod desk;
#[path = "flux/mistakes.rs"]
mod mistakes;
#[path = "flux/runs.rs"]
mod runs;
#[path = "flux/said.rs"]
mod said;
#[path = "flux/sayable.rs"]
mod sayable;
#[path = "support/world.rs"]
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use fluxcascade_examples::flux::args::Args;
use fluxcascade_examples::flux::{Exit, Host, Vars, run};
use fluxcascade_examples::progress::Progress;
use futures::FutureExt as _;
use tempfile::TempDir;

use world::{TOKEN, World};

/// Both systems, and a folder with a file.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) folder: TempDir,
    pub(crate) vars: Vars,
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Office {
    /// Both systems, and this file for them.
    pub(crate) async fn with(file: &str) -> Self {
        let world = World::start().await;
        let folder = tempfile::tempdir().unwrap();
        let vars = Vars::new([("HUBSPOT_TOKEN", TOKEN), ("JOBBER_TOKEN", TOKEN)]);
        let office = Self { world, folder, vars };
        office.write(file);
        office
    }

    /// Both systems, and the file that users begin with.
    pub(crate) async fn start() -> Self {
        Self::with(include_str!("../sync.toml")).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the file, with the addresses of the simulators in the place of the usual ones.
    pub(crate) fn write(&self, file: &str) {
        let file = file
            .replace("http://127.0.0.1:8091", &self.world.hubspot.base_url())
            .replace("http://127.0.0.1:8092", &self.world.jobber.base_url());
        std::fs::write(self.path("sync.toml"), file).unwrap();
    }

    pub(crate) async fn flux(&self, words: &[&str]) -> Told {
        let config = self.path("sync.toml");
        let file = ["--config", config.to_str().unwrap()];
        let all = ["flux"].iter().chain(words).chain(&file);
        let args = Args::try_parse_from(all).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let host = Host {
            vars: self.vars.clone(),
            clock: self.world.shared_clock(),
            out: &mut out,
            err: &mut err,
            browser: &mut |url| crate::connecting::browser(url).boxed(),
            progress: Arc::new(Progress::hidden()),
        };
        let exit = run(&args, host).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let told = Told { exit, out: text(out), err: text(err) };
        assert!(!told.out.contains(TOKEN) && !told.err.contains(TOKEN), "{told:?}");
        told
    }

    /// Does something that must be done.
    pub(crate) async fn done(&self, words: &[&str]) -> String {
        let told = self.flux(words).await;
        assert_eq!(told.exit, Exit::Done, "{told:?}");
        assert_eq!(told.err, "");
        told.out
    }
}
