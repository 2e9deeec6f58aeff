//! Who may import whom. How files look is in `habits.rs`.

use super::Finding;
use super::code::{code_of, imports, lines_naming};

const CORE: &str = "fluxcascade-core/src/";
const STORE: &str = "fluxcascade-store/src/";
const CONNECTORS: &str = "fluxcascade-connectors/src/";

/// Modules of core, each with those that it may import. A new module takes its place here. All may
/// see `seeded`: the bugs that tests put back are nothing in a build.
const MAY_IMPORT: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("seeded", &[]),
    ("codec", &["model"]),
    ("connector", &["model"]),
    ("store", &["model", "codec"]),
    ("resolver", &["model"]),
    ("clock", &["model"]),
    ("credential", &["model", "store", "clock"]),
    ("transform", &["model"]),
    ("mapping", &["model", "transform", "resolver"]),
    ("plan", &["model", "mapping", "transform", "resolver"]),
    ("report", &["model", "connector", "plan"]),
    ("engine", &EVERYTHING_BELOW_THE_ENGINE),
    ("testkit", &EVERYTHING_BELOW_THE_ENGINE),
];

const EVERYTHING_BELOW_THE_ENGINE: [&str; 9] =
    ["model", "connector", "store", "resolver", "clock", "transform", "mapping", "plan", "report"];

/// The modules in which nothing happens but computing.
const PURE: [&str; 5] = ["model", "transform", "resolver", "mapping", "plan"];

/// What a pure module has no business with.
const IMPURE: [&str; 17] = [
    "async",
    "async_trait",
    "futures",
    "futures_timer",
    "getrandom",
    "rand",
    "tokio",
    "Instant::now",
    "Local::now",
    "SystemTime",
    "Utc::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "thread_local",
];

/// A module of core sees its own files, and the modules that lie before it on the line.
pub(crate) fn core_imports(path: &str, text: &str) -> Option<Vec<Finding>> {
    let (module, depth) = core_module(path)?;
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
        let what = format!("core has a new module {module}: say in tidy/walls.rs what it may see");
        return Some(vec![Finding::new(1, what)]);
    };
    let is_module = |name: &str| MAY_IMPORT.iter().any(|(known, _)| *known == name);
    let findings = imports(&code_of(text)).into_iter().filter(|import| {
        let leaves = match import.up {
            None => true,
            // From an inner `mod tests` the same chain ends in this module: judged by the name.
            Some(up) => up >= depth && is_module(&import.name),
        };
        // Macros stand at the root, whichever module they are of; hidden ones begin like this.
        let is_own_macro = import.name.starts_with("__")
            || text.contains(&format!("macro_rules! {}", import.name));
        let may = import.name == module || import.name == "seeded" || is_own_macro;
        leaves && !may && !allowed.contains(&import.name.as_str())
    });
    let say = |name: &str| {
        format!(
            "{module} imports {name}, and may see only [{}]: move the noun to model, or hand it in",
            allowed.join(", ")
        )
    };
    Some(findings.map(|import| Finding::new(import.line, say(&import.name))).collect())
}

/// A file's module of core, and how deep the file lies: 1 for `plan.rs`, 2 for `plan/entry.rs`.
fn core_module(path: &str) -> Option<(&str, usize)> {
    let inside = path.strip_prefix(CORE)?.strip_suffix(".rs")?;
    let module = inside.split('/').next()?;
    (module != "lib").then(|| (module, inside.split('/').count()))
}

/// The pure modules compute, and do nothing else.
pub(crate) fn pure_modules(path: &str, text: &str) -> Option<Vec<Finding>> {
    let (module, _) = core_module(path).filter(|(module, _)| PURE.contains(module))?;
    let why = format!("{module} is pure: hand in what it needs from outside");
    Some(names(text, &IMPURE, &why))
}

/// The model is nouns: what has behaviour to choose from is a trait elsewhere.
pub(crate) fn model_without_traits(path: &str, text: &str) -> Option<Vec<Finding>> {
    core_module(path).filter(|(module, _)| *module == "model")?;
    Some(names(text, &["trait"], "model has no behaviour: put the trait in a module of its own"))
}

/// Core brings no runtime, no client and no driver into its users' builds.
pub(crate) fn core_dependencies(path: &str, text: &str) -> Option<Vec<Finding>> {
    let why = "core stays free of it: put what needs it in the store's or connectors' crate";
    let banned = [
        "tokio",
        "reqwest",
        "rusqlite",
        "tokio_postgres",
        "deadpool_postgres",
        "fluxcascade_store",
        "fluxcascade_connectors",
    ];
    crate_names(path, text, CORE, &banned, why)
}

/// Stores and connectors meet in the engine only. Their tests may use both.
pub(crate) fn store_and_connectors(path: &str, text: &str) -> Option<Vec<Finding>> {
    if path.ends_with("/tests.rs") {
        return None;
    }
    let why = "stores and connectors never see each other: what both need lives in core";
    crate_names(path, text, STORE, &["fluxcascade_connectors"], why)
        .or_else(|| crate_names(path, text, CONNECTORS, &["fluxcascade_store"], why))
}

/// Requests are made in one place: there they are counted, retried and stripped of tokens.
pub(crate) fn http_client(path: &str, text: &str) -> Option<Vec<Finding>> {
    let inside = path.strip_prefix(CONNECTORS)?;
    let of_http = inside == "http.rs" || inside.starts_with("http/");
    // The simulators' own tests ask them as any client would.
    let test_of_sim = inside.starts_with("sim/") && inside.ends_with("tests.rs");
    if of_http || test_of_sim {
        return None;
    }
    Some(names(text, &["reqwest"], "only http.rs and http/** name it: ask through HttpClient"))
}

/// An adapter knows one system. What two need alike is no system's, and lives beside them.
pub(crate) fn adapters(path: &str, text: &str) -> Option<Vec<Finding>> {
    let inside = path.strip_prefix(CONNECTORS)?;
    let inside = inside.strip_prefix("sim/").unwrap_or(inside);
    let of = |system: &str| {
        inside == format!("{system}.rs") || inside.starts_with(&format!("{system}/"))
    };
    let other = match (of("hubspot"), of("jobber")) {
        (true, _) => "jobber",
        (_, true) => "hubspot",
        _ => return None,
    };
    let code = code_of(text).to_lowercase();
    let lines = code.lines().zip(1..).filter(|(line, _)| line.contains(other));
    let what = format!("names {other}: adapters never see each other; move what both need up");
    Some(lines.map(|(_, line)| Finding::new(line, what.clone())).collect())
}

/// A store's driver is named by its own files.
pub(crate) fn database_driver(path: &str, text: &str) -> Option<Vec<Finding>> {
    let inside = path.strip_prefix(STORE)?;
    let of = |store: &str| {
        inside.strip_prefix(store).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    let mut banned = Vec::new();
    if !of("sqlite") {
        banned.push("rusqlite");
    }
    if !of("postgres") {
        banned.extend(["tokio_postgres", "deadpool_postgres", "tokio_rustls"]);
    }
    Some(names(text, &banned, "only its store's own files name it: keep it behind them"))
}

/// What a crate's sources name, and what its manifest depends on outside of its tests.
fn crate_names(
    path: &str,
    text: &str,
    sources: &str,
    banned: &[&str],
    why: &str,
) -> Option<Vec<Finding>> {
    if path.starts_with(sources) {
        return Some(names(text, banned, why));
    }
    if path != sources.replace("src/", "Cargo.toml") {
        return None;
    }
    let mut of_tests = false;
    let mut findings = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with('[') {
            of_tests = line.contains("dev-dependencies");
        }
        let package = line.split(['.', '=', ' ']).next().unwrap_or("").replace('-', "_");
        if !of_tests && banned.contains(&package.as_str()) {
            findings.push(Finding::new(number, format!("depends on {package}: {why}")));
        }
    }
    Some(findings)
}

fn names(text: &str, banned: &[&str], why: &str) -> Vec<Finding> {
    let code = code_of(text);
    let lines = banned.iter().flat_map(|name| {
        lines_naming(&code, name).into_iter().map(move |line| (line, format!("names {name}")))
    });
    lines.map(|(line, what)| Finding::new(line, format!("{what}: {why}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: Option<Vec<Finding>>) -> Vec<usize> {
        findings.expect("a file that the rule is about").iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_planner_that_sees_the_store_is_found() {
        let text = "//! x\nuse crate::model::Work;\nuse crate::{mapping, store::Lease};\n";
        assert_eq!(lines(core_imports("fluxcascade-core/src/plan/entry.rs", text)), [3]);
        let text = "//! x\nuse super::super::connector::Page;\nuse super::entry::Entry;\n";
        assert_eq!(lines(core_imports("fluxcascade-core/src/plan/entry.rs", text)), [2]);
        assert_eq!(lines(core_imports("fluxcascade-core/src/engine/run.rs", text)), []);
        assert_eq!(lines(core_imports("fluxcascade-core/src/model/link.rs", text)), [2]);
    }

    #[test]
    fn a_short_way_through_the_crates_root_is_found() {
        let text = "//! x\nuse crate::Store;\n";
        assert_eq!(lines(core_imports("fluxcascade-core/src/plan.rs", text)), [2]);
    }

    #[test]
    fn a_module_that_nobody_placed_is_found() {
        assert_eq!(lines(core_imports("fluxcascade-core/src/extra/x.rs", "//! x\n")), [1]);
    }

    #[test]
    fn a_clock_in_a_pure_module_is_found_and_one_in_a_comment_is_not() {
        let text = "//! x\n// no Utc::now here\nlet at = chrono::Utc::now();\n";
        assert_eq!(lines(pure_modules("fluxcascade-core/src/plan/detect.rs", text)), [3]);
        assert_eq!(pure_modules("fluxcascade-core/src/clock.rs", text), None);
        let text = "//! x\nlet value = Value::Instant(at);\nlet operand = 1;\n";
        assert_eq!(lines(pure_modules("fluxcascade-core/src/plan/detect.rs", text)), []);
    }

    #[test]
    fn a_trait_in_the_model_is_found() {
        let text = "//! x\npub trait Keyed {}\n";
        assert_eq!(lines(model_without_traits("fluxcascade-core/src/model/id.rs", text)), [2]);
    }

    #[test]
    fn a_runtime_in_core_is_found_in_sources_and_in_the_manifest() {
        let text = "//! x\ntokio::spawn(f);\n";
        assert_eq!(lines(core_dependencies("fluxcascade-core/src/engine.rs", text)), [2]);
        let manifest =
            "[dependencies]\ntokio.workspace = true\n[dev-dependencies]\ntokio = \"1\"\n";
        assert_eq!(lines(core_dependencies("fluxcascade-core/Cargo.toml", manifest)), [2]);
    }

    #[test]
    fn a_store_that_names_connectors_is_found_and_its_tests_may() {
        let text = "//! x\nuse fluxcascade_connectors::HubSpot;\n";
        assert_eq!(lines(store_and_connectors("fluxcascade-store/src/rules.rs", text)), [2]);
        assert_eq!(store_and_connectors("fluxcascade-store/tests/x.rs", text), None);
        assert_eq!(store_and_connectors("fluxcascade-store/src/rules/tests.rs", text), None);
        let manifest = "[dev-dependencies]\na = \"1\"\n[dependencies]\nfluxcascade-store = \"1\"\n";
        let found = store_and_connectors("fluxcascade-connectors/Cargo.toml", manifest);
        assert_eq!(lines(found), [4]);
    }

    #[test]
    fn an_http_client_outside_of_http_is_found() {
        let text = "//! reqwest is not here\nfn f(client: reqwest::Client) {}\n";
        assert_eq!(lines(http_client("fluxcascade-connectors/src/jobber/read.rs", text)), [2]);
        assert_eq!(http_client("fluxcascade-connectors/src/http/client.rs", text), None);
    }

    #[test]
    fn an_adapter_that_names_another_is_found() {
        let text = "//! Not Jobber.\nuse crate::jobber::JobberClient;\nlet a = \"jobber\";\n";
        for path in ["hubspot.rs", "hubspot/read.rs", "sim/hubspot.rs", "sim/hubspot/search.rs"] {
            assert_eq!(lines(adapters(&format!("{CONNECTORS}{path}"), text)), [2], "{path}");
        }
        assert_eq!(lines(adapters("fluxcascade-connectors/src/jobber.rs", "HubSpot")), [1]);
    }

    #[test]
    fn a_driver_outside_of_its_store_is_found() {
        let text = "//! x\nuse rusqlite::Connection;\n";
        assert_eq!(lines(database_driver("fluxcascade-store/src/rules.rs", text)), [2]);
        assert_eq!(lines(database_driver("fluxcascade-store/src/postgres/read.rs", text)), [2]);
        assert_eq!(lines(database_driver("fluxcascade-store/src/sqlite/read.rs", text)), []);
        let text = "//! x\nuse tokio_postgres::Row;\n";
        assert_eq!(lines(database_driver("fluxcascade-store/src/sqlite/read.rs", text)), [2]);
        assert_eq!(lines(database_driver("fluxcascade-store/src/postgres.rs", text)), []);
    }
}
