//! Every block of README.md: commands are typed in an empty folder and their output is compared, files are written and
//! used, snippets are compared with the example that they come from.
//!
//! In an expected output `…` stands for anything; ids, times and durations stand for any value of their kind.

mod blocks;
mod output;
mod session;

use std::fs;
use std::path::Path;

use serde_json::json;

use self::blocks::{Block, Step};
use self::session::Session;
use crate::harness::server::{Site, Storage};
use crate::harness::tokens::ed25519_jwk;

fn root() -> &'static Path {
    crate::harness::repository()
}

fn readme() -> Vec<Block> {
    blocks::of(&fs::read_to_string(root().join("README.md")).expect("README.md"))
}

#[test]
fn every_command_prints_what_the_readme_shows() {
    let mut session = Session::start();
    for block in readme() {
        match block {
            Block::File { name, text, .. } => session.write(&name, &text),
            Block::Console { line, steps } => {
                for Step { command, expected } in steps {
                    session.run(line, &command, &expected);
                }
            }
            Block::Settings { .. } | Block::Snippet { .. } | Block::Checked { .. } => {}
        }
    }
    assert!(session.finish() > 20, "the commands of README.md are found");
}

#[test]
fn every_setting_that_the_readme_shows_is_accepted() {
    let mut checked = 0;
    for block in readme() {
        let Block::Settings { line, text } = block else {
            continue;
        };
        let site = Site::new(Storage::Sqlite, "");
        let keys = site.path().join("jwks.json");
        fs::write(&keys, json!({ "keys": [ed25519_jwk("one")] }).to_string()).expect("the keys are written");
        site.configure(&text.replace("/etc/tickerq/jwks.json", &keys.display().to_string()));
        let output = site.command(&["config", "check"]).output().expect("the binary runs");
        assert!(
            output.status.success(),
            "README.md:{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        checked += 1;
    }
    assert!(checked > 5, "the settings of README.md are found");
}

#[test]
fn blocks_that_other_tests_run_name_them() {
    for block in readme() {
        let Block::Checked { by } = block else {
            continue;
        };
        let file = by.split(',').next().unwrap_or(&by);
        assert!(root().join(file).is_file(), "{file} is a file");
    }
}

/// Without white space: a snippet is indented less than its source.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn every_snippet_of_the_readme_is_part_of_an_example_that_is_tested() {
    let mut compared = 0;
    for block in readme() {
        let Block::Snippet { line, source, text } = block else {
            continue;
        };
        let example = fs::read_to_string(root().join(&source)).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert!(
            compact(&example).contains(&compact(&text)),
            "README.md:{line}: the snippet is not part of {source}"
        );
        compared += 1;
    }
    assert!(compared > 3, "the snippets of README.md are found");
}
