//! Plans: made, shown, kept in a file, and carried out as they were approved. What is planned is the
//! engine's.

use std::io::Write as _;
use std::path::Path;

use fluxcascade_core::Plan;
use fluxcascade_core::model::{MappingName, Timestamp};
use fluxcascade_store::sealed::Keyring;
use serde::{Deserialize, Serialize};

use super::{Exit, Host, Outcome, Work};

/// What is to be planned.
pub(super) struct Wanted<'w> {
    pub(super) mappings: &'w [String],
    pub(super) full: bool,
    pub(super) show: usize,
}

/// The form of a kept plan.
const FORM: u32 = 1;
/// What a sealed plan is, to those who open it.
const TITLE: &str = "plan of flux";

/// A file of plans.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    flux_plan: u32,
    made: Timestamp,
    plans: Vec<Plan>,
}

impl Work<'_, '_, '_> {
    pub(super) async fn plan(
        &self,
        wanted: &Wanted<'_>,
        out: Option<&Path>,
        host: &mut Host<'_>,
    ) -> Outcome<Exit> {
        let names = self.named(wanted.mappings)?;
        if out.is_some() && self.ring().is_none() {
            self.refuse_sensitive(&names)?;
        }
        let mut plans = Vec::new();
        for name in &names {
            let request = self.engine.run(name.as_str());
            let request = if wanted.full { request.full() } else { request };
            self.begin(name, "planning", host)?;
            let plan = request.plan().await;
            host.progress.end();
            let plan = plan?;
            show(&plan, wanted.show, host)?;
            plans.push(plan);
        }
        let Some(path) = out else { return Ok(Exit::Done) };
        let kept = Kept { flux_plan: FORM, made: host.clock.now(), plans };
        keep(&kept, path, self.ring())?;
        writeln!(host.out, "kept in {0}; flux apply {0} does it", path.display())?;
        Ok(Exit::Done)
    }

    pub(super) async fn apply(&self, path: &Path, host: &mut Host<'_>) -> Outcome<Exit> {
        let kept = open(path, self.ring())?;
        // What is planned for a mapping that is not there any more is found before anything is done.
        for plan in &kept.plans {
            self.engine.mapping(plan.mapping.as_str())?;
        }
        let mut exit = Exit::Done;
        for plan in &kept.plans {
            self.begin(&plan.mapping, "applying", host)?;
            let report = self.engine.apply(plan).await;
            host.progress.end();
            exit = exit.and(Self::report(&report?, host)?);
        }
        Ok(exit)
    }

    fn ring(&self) -> Option<&Keyring> {
        self.config.store.as_ref().and_then(|store| store.ring())
    }

    /// Values of sensitive pairs are kept nowhere in clear.
    fn refuse_sensitive(&self, names: &[MappingName]) -> Outcome<()> {
        for name in names {
            let mapping = self.engine.mapping(name.as_str())?;
            if let Some(pair) = mapping.pairs.iter().find(|pair| pair.sensitive) {
                let why = format!(
                    "{name} has a sensitive pair ({}), whose values a kept plan has in clear: seal the \
                     store with [store.seal], and its plans are sealed, too",
                    pair.label
                );
                return Err(why.into());
            }
        }
        Ok(())
    }
}

/// The plan in words, its first so many records.
fn show(plan: &Plan, most: usize, host: &mut Host<'_>) -> Outcome<()> {
    let told: Vec<_> = plan.entries.iter().filter(|entry| !entry.is_quiet()).collect();
    let shown: Vec<_> = told.iter().take(most).map(|entry| (*entry).clone()).collect();
    let counted = Plan { entries: plan.entries.clone(), ..plan.clone() }.to_string();
    writeln!(host.out, "{}", counted.lines().next().unwrap_or_default())?;
    for entry in &shown {
        for line in plan.words(entry) {
            writeln!(host.out, "  {line}")?;
        }
    }
    if told.len() > most {
        writeln!(host.out, "  … and {} more: --show {}", told.len() - most, told.len())?;
    }
    for stop in &plan.stops {
        writeln!(host.out, "  guard: {stop}")?;
    }
    Ok(())
}

/// Writes the file whole or not at all, for its owner alone.
fn keep(kept: &Kept, path: &Path, ring: Option<&Keyring>) -> Outcome<()> {
    let mut bytes = serde_json::to_vec_pretty(kept)?;
    if let Some(ring) = ring {
        bytes = ring.seal_document(TITLE, &bytes)?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let at = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new("."))).map_err(at)?;
    file.write_all(&bytes).map_err(at)?;
    file.persist(path).map_err(|error| at(error.error))?;
    Ok(())
}

fn open(path: &Path, ring: Option<&Keyring>) -> Outcome<Kept> {
    let mut bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(ring) = ring {
        bytes = ring.open_document(TITLE, &bytes)?.to_vec();
    }
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| {
        // Serde's own words may cite a value.
        let (line, column) = (error.line(), error.column());
        format!(
            "{}:{line}:{column}: is no plan that flux plan -o has kept with this file's store: make a \
             new one",
            path.display()
        )
    })?;
    if kept.flux_plan != FORM {
        let (found, path) = (kept.flux_plan, path.display());
        return Err(
            format!("{path} has form {found}, and {FORM} is known here: make a new one").into()
        );
    }
    Ok(kept)
}
