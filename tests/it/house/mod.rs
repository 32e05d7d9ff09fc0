//! Rules of the code base that a compiler does not check: imports between modules, layout, vocabulary.

mod circles;
mod layout;
mod public_api;
mod surface;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module, and the modules of this crate that it may use. `domain` is a crate of its own that every module may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("storage", &[]),
    ("views", &["storage::query"]),
    ("handlers", &["webhooks"]),
    ("webhooks", &["views"]),
    ("runtime", &["storage", "handlers", "webhooks"]),
    // Reads go to storage; every write is a message to the runtime's Writer.
    ("service", &["storage", "runtime"]),
    // Its queries use the types of storage's `query`.
    ("api", &["service", "storage::query", "views"]),
    ("telemetry", &["service"]),
    // A section yields the options of the part that it configures; no part imports the configuration.
    (
        "config",
        &[
            "api",
            "handlers",
            "runtime",
            "service",
            "storage::sea",
            "telemetry",
            "webhooks",
        ],
    ),
];

/// Crates that only one place may import.
const CRATES: &[(&str, &[&str])] = &[
    ("sea_orm", &["storage/sea"]),
    ("entities", &["storage/sea"]),
    ("migration", &["storage/sea"]),
    // A stub of a server for tests of the CLI.
    ("actix_web", &["api", "server/", "cli/tests/"]),
    ("async_graphql", &["api/graphql"]),
    // WebSocket connections are actors.
    (
        "actix",
        &[
            "runtime",
            "server/",
            "cli/serve/mod.rs",
            "main.rs",
            "api/realtime",
            "api/graphql/transport/websocket",
        ],
    ),
    (
        "tokio",
        &[
            "runtime",
            "handlers",
            "service",
            "storage",
            "server/",
            "cli",
            "webhooks",
            "api/realtime",
            "telemetry",
        ],
    ),
];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry of the source").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn source() -> PathBuf {
    crate::harness::repository().join("src")
}

/// The production part of a file, which precedes its tests.
fn production(text: &str) -> &str {
    let starts = ["#[cfg(test)]\nmod ", "#[cfg(all(test, "];
    let start = starts.iter().filter_map(|start| text.find(start)).min();
    &text[..start.unwrap_or(text.len())]
}

#[test]
fn imports_between_modules_point_one_way() {
    let mut wrong = Vec::new();
    for file in rust_files(&source()) {
        let inside = file
            .strip_prefix(source())
            .expect("inside the source")
            .to_string_lossy()
            .into_owned();
        let Some((module, allowed)) = ARROWS
            .iter()
            .find(|(module, _)| inside.starts_with(&format!("{module}/")))
        else {
            continue;
        };
        let text = fs::read_to_string(&file).expect("a readable file");
        for (number, line) in production(&text).lines().enumerate() {
            let Some(used) = line.split("crate::").nth(1) else {
                continue;
            };
            if line.trim_start().starts_with("//") {
                continue;
            }
            let is_allowed = used.starts_with("domain")
                || used.starts_with("log_level")
                || used.starts_with(module)
                || allowed.iter().any(|allowed| used.starts_with(allowed));
            if !is_allowed {
                wrong.push(format!(
                    "src/{inside}:{}: {module} may not use crate::{used}",
                    number + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn storage_is_reached_through_its_trait_and_libraries_stay_in_their_place() {
    let mut wrong = Vec::new();
    for file in rust_files(&source()) {
        let inside = file
            .strip_prefix(source())
            .expect("inside the source")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&file).expect("a readable file");
        for (number, line) in production(&text).lines().enumerate() {
            let Some(used) = line.trim_start().strip_prefix("use ") else {
                continue;
            };
            for (library, places) in CRATES {
                let is_used = used.starts_with(&format!("{library}::")) || used.starts_with(&format!("{library};"));
                if is_used && !places.iter().any(|place| inside.starts_with(place)) {
                    wrong.push(format!(
                        "src/{inside}:{}: only {places:?} may use {library}",
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Facades share `api/contract` and `api/problem`; none of them depends on another.
#[test]
fn no_facade_imports_another_one() {
    let mut wrong = Vec::new();
    for file in rust_files(&source().join("api")) {
        let inside = file
            .strip_prefix(source())
            .expect("inside the source")
            .to_string_lossy();
        let text = fs::read_to_string(&file).expect("a readable file");
        for facade in ["rest", "graphql"] {
            if inside.starts_with(&format!("api/{facade}/")) {
                continue;
            }
            let mut imports = production(&text).lines().filter(|line| line.starts_with("use "));
            let names = [format!("api::{facade}::"), format!("super::{facade}::")];
            if imports.any(|line| names.iter().any(|name| line.contains(name))) {
                wrong.push(format!("src/{inside} uses api::{facade}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_a_drawer() {
    for file in rust_files(&source()) {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "helpers", "common", "misc"].contains(&name.as_str()),
            "{} is empty",
            file.display()
        );
    }
}

#[test]
fn every_file_has_a_module_comment() {
    for file in rust_files(&source()) {
        let text = fs::read_to_string(&file).expect("a readable file");
        assert!(
            text.starts_with("//! "),
            "{} does not start with a module comment",
            file.display()
        );
    }
}

#[test]
fn links_between_documents_lead_to_files() {
    let root = crate::harness::repository();
    for document in ["README.md", "ARCHITECTURE.md", "SECURITY.md"] {
        let text = fs::read_to_string(root.join(document)).expect("a document");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let file = link.0.split('#').next().unwrap_or_default();
            let is_elsewhere = file.is_empty() || file.contains("://");
            assert!(is_elsewhere || root.join(file).exists(), "{document}: {file}");
        }
    }
}

#[test]
fn paths_in_the_map_of_the_code_exist() {
    let root = crate::harness::repository();
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map");
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| ["src/", "core/", "tests/"].iter().any(|start| text.starts_with(start));
    let paths: Vec<&str> = quoted.filter(is_path).collect();
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        assert!(root.join(path).exists(), "ARCHITECTURE.md: {path}");
    }
}

/// The names of the methods in a part of a file.
fn methods(text: &str) -> Vec<&str> {
    let starts = text.lines().filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))
    });
    starts.filter_map(|rest| rest.split(['(', '<']).next()).collect()
}

/// Methods with defaults must be forwarded explicitly: the compiler does not require them.
#[test]
fn a_repository_that_wraps_another_passes_every_call_on() {
    let storage = source().join("storage");
    let read = |file: String| fs::read_to_string(storage.join(file)).expect("a readable file");
    let mut calls = 0;
    for (store, wrapper) in [
        ("job_store", "jobs"),
        ("recurring_store", "recurring"),
        ("cluster_store", "cluster"),
        ("webhook_store", "webhooks"),
        ("metrics_store", "metrics"),
    ] {
        let store = read(format!("repository/{store}.rs"));
        let wrapper = read(format!("delegating/{wrapper}.rs"));
        let (_, store) = store.split_once("pub trait ").expect("the trait");
        let (_, wrapper) = wrapper.split_once("pub trait Delegating").expect("the trait");
        let (defaults, blanket) = wrapper.split_once(" for T {").expect("the implementation");
        let wanted: BTreeSet<&str> = methods(store).into_iter().collect();
        for (what, found) in [("defaults", defaults), ("calls", blanket)] {
            let found: BTreeSet<&str> = methods(found).into_iter().collect();
            assert_eq!(found, wanted, "{what} of {wrapper:.20}");
        }
        calls += wanted.len();
    }
    assert!(calls > 40, "{calls} calls");
}
