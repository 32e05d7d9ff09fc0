//! Every block of README.md and of the guide: commands are run in an empty folder and their output is compared, files
//! are written and used, excerpts are compared with the example that they come from.
//!
//! In an expected output `…` stands for anything; ids, times and durations stand for any value of their kind. A page
//! with `<!-- continues: PAGE -->` runs the commands of that page first.

mod blocks;
mod output;
mod session;

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::json;

use self::blocks::{Block, Step};
use self::session::Session;
use crate::harness::server::{Site, Storage};
use crate::harness::tokens::ed25519_jwk;

const GUIDE: &str = "docs/guide";

/// README.md or a page of the guide.
struct Document {
    /// Its path in the repository.
    path: String,
    text: String,
}

impl Document {
    fn read(path: String) -> Self {
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path, text }
    }

    fn blocks(&self) -> Vec<Block> {
        blocks::of(&self.path, &self.text)
    }

    /// The page that this one continues.
    fn start(&self) -> Option<Self> {
        let (_, rest) = self.text.split_once("<!-- continues: ")?;
        let (page, _) = rest.split_once(" -->")?;
        Some(Self::read(format!("{GUIDE}/{page}")))
    }
}

fn root() -> &'static Path {
    crate::harness::repository()
}

/// README.md and all pages of the guide.
fn documents() -> Vec<Document> {
    let mut pages: Vec<String> = fs::read_dir(root().join(GUIDE))
        .expect("the guide")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("{GUIDE}/{name}"))
        .collect();
    pages.sort();
    pages.insert(0, "README.md".to_owned());
    pages.into_iter().map(Document::read).collect()
}

fn all_blocks() -> Vec<Block> {
    documents().iter().flat_map(Document::blocks).collect()
}

/// Runs the commands of a document and those of the page that it continues.
fn run(document: &Document) -> (usize, Vec<String>) {
    let start = document.start().map(|page| page.blocks()).unwrap_or_default();
    let blocks: Vec<Block> = start.into_iter().chain(document.blocks()).collect();
    if !blocks.iter().any(|block| matches!(block, Block::Console { .. })) {
        return (0, Vec::new());
    }
    let mut session = Session::start();
    for block in blocks {
        match block {
            Block::File { name, text, .. } => session.write(&name, &text),
            Block::Console { place, steps } => {
                for Step { command, expected } in steps {
                    session.run(&place, &command, &expected);
                }
            }
            Block::Settings { .. } | Block::Snippet { .. } | Block::Checked { .. } => {}
        }
    }
    session.finish()
}

#[test]
fn every_command_of_a_document_prints_the_output_that_is_shown() {
    let documents = documents();
    // A session waits for its jobs most of the time, so all run at the same time.
    let results: Vec<(usize, Vec<String>)> = thread::scope(|scope| {
        let sessions: Vec<_> = documents.iter().map(|document| scope.spawn(|| run(document))).collect();
        sessions
            .into_iter()
            .map(|session| session.join().expect("a session ends"))
            .collect()
    });
    let failures: Vec<&str> = results
        .iter()
        .flat_map(|(_, failures)| failures.iter().map(String::as_str))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let ran: usize = results.iter().map(|(ran, _)| ran).sum();
    assert!(ran > 60, "the commands of the documents are found: {ran}");
}

#[test]
fn every_setting_of_a_document_is_accepted() {
    let mut checked = 0;
    for block in all_blocks() {
        let Block::Settings { place, text } = block else {
            continue;
        };
        let site = Site::new(Storage::Sqlite, "");
        let keys = site.path().join("jwks.json");
        fs::write(&keys, json!({ "keys": [ed25519_jwk("one")] }).to_string()).expect("the keys are written");
        site.configure(&text.replace("/etc/tickerq/jwks.json", &keys.display().to_string()));
        let output = site.command(&["config", "check"]).output().expect("the binary runs");
        assert!(
            output.status.success(),
            "{place}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        checked += 1;
    }
    assert!(checked > 15, "the settings of the documents are found: {checked}");
}

#[test]
fn blocks_that_other_tests_run_name_them() {
    for document in documents() {
        for block in document.blocks() {
            let Block::Checked { by } = block else {
                continue;
            };
            let file = by.split(',').next().unwrap_or(&by);
            let test = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            // rustdoc compiles the documents that the crate includes.
            assert!(
                !by.ends_with("by rustdoc") || test.contains(&document.path),
                "{file} includes {}",
                document.path
            );
        }
    }
}

/// Without whitespace: an excerpt is indented less than its source.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn every_excerpt_of_a_document_is_part_of_an_example_that_is_tested() {
    let mut compared = 0;
    for block in all_blocks() {
        let Block::Snippet { place, source, text } = block else {
            continue;
        };
        let example = fs::read_to_string(root().join(&source)).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert!(
            compact(&example).contains(&compact(&text)),
            "{place}: the excerpt is not part of {source}"
        );
        compared += 1;
    }
    assert!(compared > 3, "the excerpts of the documents are found: {compared}");
}

#[test]
fn the_table_of_contents_lists_every_page() {
    let contents = Document::read(format!("{GUIDE}/SUMMARY.md"));
    for document in documents() {
        let Some(page) = document.path.strip_prefix("docs/guide/") else {
            continue;
        };
        let is_listed = page == "SUMMARY.md" || contents.text.contains(&format!("]({page})"));
        assert!(is_listed, "SUMMARY.md lists {page}");
    }
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn links_between_pages_lead_to_files_and_headings() {
    for document in documents() {
        let folder = root().join(&document.path);
        let folder = folder.parent().expect("a folder");
        for (link, _) in document
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
        {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                root().join(&document.path)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{}: {link}", document.path);
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).expect("a page");
                let is_there = text
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line) == heading);
                assert!(is_there, "{}: {link}", document.path);
            }
        }
    }
}
