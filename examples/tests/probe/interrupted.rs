//! A probe that is told to stop, after each of its steps and within them: what it made is told or removed.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use fluxcascade_core::connector::Connector;
use fluxcascade_core::model::ObjectType;
use fluxcascade_examples::probe::{Wanted, run};
use fluxcascade_examples::progress::Progress;
use futures::FutureExt as _;
use futures::channel::oneshot;

use crate::world::{TOKEN, World};
use crate::{Which, nothing_else_was_touched};

/// Says stop when a line has been said.
struct After {
    said: Vec<u8>,
    line: &'static str,
    stop: Option<oneshot::Sender<()>>,
    told: Sender<()>,
}

impl Write for After {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.said.extend_from_slice(bytes);
        if String::from_utf8_lossy(&self.said).contains(self.line)
            && let Some(stop) = self.stop.take()
        {
            let _ = stop.send(());
            let _ = self.told.send(());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_probe_that_is_stopped_after_any_step_goes_no_further_and_tells_what_it_made() {
    let lines = [
        "  account:",
        "  schema:",
        "  read all:",
        "  create:",
        "  read back:",
        "  update:",
        "  find:",
        "  incremental read:",
        "  batch:",
    ];
    for line in lines {
        let world = World::start().await;
        let which = Which::HubSpot;
        which.fill(&world);
        let before = which.records(&world);
        let connector: Arc<dyn Connector> =
            Arc::new(world.hubspot_at(&world.hubspot.base_url(), TOKEN));
        let (stop, stopped) = oneshot::channel();
        let (told, heard): (Sender<()>, Receiver<()>) = channel();
        let mut out = After { said: Vec::new(), line, stop: Some(stop), told };
        let wanted = Wanted {
            connector,
            object: ObjectType::new("contacts").unwrap(),
            given: Vec::new(),
            most_pages: 20,
            clock: world.shared_clock(),
            progress: Arc::new(Progress::hidden()),
        };
        let stop = stopped.map(|_| ()).boxed().shared();
        let report = run(wanted, stop, &mut out).await.unwrap();
        let said = String::from_utf8(out.said).unwrap();
        assert!(heard.try_recv().is_ok(), "{line} was not said\n{said}");
        assert!(!report.steps.iter().any(|(step, _)| *step == "archive"), "{said}");
        assert!(said.contains("clean up"), "{said}");
        nothing_else_was_touched(which, &world, &before, &report, &said);
    }
}
