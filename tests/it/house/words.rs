//! Vocabulary of comments, documentation, logs and errors (CONTRIBUTING.md, "Language").

use std::fs;
use std::path::{Path, PathBuf};

use super::rust_files;

/// Words and phrases with a standard term in their place.
const BANNED: &[&str] = &[
    "nobody",
    "somebody",
    "whoever",
    "for ever",
    "kept no more",
    "at the most",
    "anew",
    "is told",
    "are told",
    "was told",
    "tells",
    "hears",
    "heard",
    "what came of",
    "what becomes of",
    "what became of",
    "looks at",
    "looked at",
    "look at",
    "looks for",
    "says",
    "said",
    "hear",
    "told",
    "asks",
    "is asked",
    "are asked",
    "was asked",
    "who listens",
    "everybody",
    "anybody",
    "so long",
    "lets in",
    "let in",
    "had better",
    "of its own accord",
    "in vain",
    "for good",
    "goes on",
    "go on",
    "all the same",
    "any more",
    "come back",
    "comes back",
    "handed back",
    "once more",
    "is over",
    "reckoned",
    "people call it",
    "as many as there may be",
    "all is well",
    "made up for",
    "say so",
    "says so",
    "so many seconds",
    "so many jobs",
    "that many",
    "of which there are",
    "asked for",
    "asks for",
    "asked to",
    "looked for",
    "look for",
    "hands on",
    "hand back",
    "hands back",
    "stands behind",
    "such thing",
    "has become of",
    "have become of",
    "comes of",
    "come of",
    "has come",
    "have come",
    "is meant",
    "are meant",
    "there already",
    "without a word",
    "in the end",
    "for people",
    "as people",
    "judges",
    "judged",
    "goodbye",
    "till",
    "an answer",
    "the answer",
    "answers",
    "asking",
    "the question",
    "a moment ago",
    "believes",
    "brings back",
    "takes back",
    "gives back",
    "given back",
    "has gone",
    "one who",
    "those who",
    "comes into being",
    "finds out",
    "spoils",
    "stays away",
    "left alone",
    "the whole of",
];

/// Names of types, functions and variables with a standard term in their place.
const BANNED_NAMES: &[&str] = &[
    "said",
    "says",
    "say",
    "tells",
    "hear",
    "hears",
    "heard",
    "asks",
    "ask",
    "asked",
    "asking",
    "Asker",
    "question",
    "questions",
    "Question",
    "answer",
    "answers",
    "answered",
    "Answer",
    "shown",
    "begun",
    "patience",
    "look_again",
    "give_back",
    "hand_back",
    "Said",
    "Heard",
    "Asked",
    "Ask",
    "Listening",
    "Letter",
    "Shown",
    "Missed",
    "Seat",
    "Pulse",
    "Trail",
    "Brake",
    "Usual",
    "PATIENCE",
    "COME_BACK",
    "LAST_WORDS",
];

/// First words of documentation that is not a noun phrase or a sentence.
const OPENINGS: &[&str] = &[
    "How many ",
    "How long ",
    "How often ",
    "How much ",
    "How large ",
    "What ",
    "Whether ",
    "Who ",
    "Which ",
];

/// Names on the wire and in old configuration files that contain a banned word.
const NAMES: &[&str] = &["job-types-nobody-runs", "nobody-runs-type", "nobody_runs_for"];

fn documents(root: &Path) -> Vec<PathBuf> {
    let top = [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "schema.graphql",
        "sdk/README.md",
    ];
    let mut documents: Vec<PathBuf> = top.iter().map(|name| root.join(name)).collect();
    for name in ["dotnet", "javascript", "python", "rust"] {
        documents.push(root.join("sdk").join(name).join("README.md"));
    }
    for folder in ["docs/guide", "docs/adr"] {
        let entries = fs::read_dir(root.join(folder)).expect("a folder of documents");
        documents.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    documents.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "md" || extension == "graphql")
    });
    documents
}

/// The comment of a line of code.
fn comment(line: &str) -> Option<&str> {
    let start = line.find("//")?;
    let is_url = line[..start].ends_with(':');
    (!is_url).then(|| &line[start..])
}

/// Quoted texts of a line of code, of which the first may continue the previous line; `true` if the next line continues
/// the last one.
fn quoted(line: &str, is_continued: bool) -> (Vec<&str>, bool) {
    let code = line.split("//").next().unwrap_or_default();
    let first = usize::from(!is_continued);
    let texts = code.split('"').skip(first).step_by(2).collect();
    let is_open = code.matches('"').count() % 2 == first;
    (texts, is_open && line.trim_end().ends_with('\\'))
}

/// The first banned name in a line of code, without its texts and its comment.
fn banned_name(line: &str, is_continued: bool) -> Option<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let mut names = code
        .split('"')
        .skip(usize::from(is_continued))
        .step_by(2)
        .flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
    names.find_map(|name| BANNED_NAMES.iter().copied().find(|banned| *banned == name))
}

fn has_word(text: &str, word: &str) -> bool {
    let text = NAMES
        .iter()
        .fold(text.to_lowercase(), |text, name| text.replace(name, ""));
    let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(start, _)| {
        let (before, after) = (
            text[..start].chars().next_back(),
            text[start + word.len()..].chars().next(),
        );
        !is_inside(before) && !is_inside(after)
    })
}

fn banned_in<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    BANNED
        .iter()
        .copied()
        .find(|word| texts.clone().any(|text| has_word(text, word)))
}

fn opening_of(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    let text = line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! "))?;
    OPENINGS.iter().copied().find(|opening| text.starts_with(opening))
}

#[test]
fn code_and_documents_use_the_fields_words() {
    let root = crate::harness::repository();
    let mut wrong = Vec::new();
    let mut report = |path: &Path, number: usize, word: &str, line: &str| {
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        wrong.push(format!("{name}:{}: '{word}' in: {}", number + 1, line.trim()));
    };
    for folder in [
        "src",
        "core/src",
        "entities/src",
        "migration/src",
        "sdk/rust",
        "examples",
        "benches",
        "tests/it",
    ] {
        let files = rust_files(&root.join(folder)).into_iter();
        // This file lists the words.
        for path in files.filter(|path| !path.ends_with("house/words.rs")) {
            let text = fs::read_to_string(&path).expect("a readable file");
            let mut was_documentation = false;
            let mut is_continued = false;
            for (number, line) in text.lines().enumerate() {
                let name = banned_name(line, is_continued);
                let (mut texts, is_open) = quoted(line, is_continued);
                is_continued = is_open;
                if let Some(name) = name {
                    report(&path, number, name, line);
                }
                texts.extend(comment(line));
                if let Some(word) = banned_in(texts.iter().copied()) {
                    report(&path, number, word, line);
                }
                let is_documentation = line.trim_start().starts_with("//");
                if !was_documentation && let Some(opening) = opening_of(line) {
                    report(&path, number, opening, line);
                }
                was_documentation = is_documentation;
            }
        }
    }
    for path in documents(root) {
        let text = fs::read_to_string(&path).expect("a readable document");
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = banned_in(std::iter::once(line)) {
                report(&path, number, word, line);
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_banned_word_is_found_and_a_part_of_a_word_is_not() {
    assert_eq!(banned_in(["// Nobody reads it."].into_iter()), Some("nobody"));
    assert_eq!(banned_in(["essays anewed job-types-nobody-runs"].into_iter()), None);
    assert_eq!(opening_of("    /// How many jobs run."), Some("How many "));
    assert_eq!(opening_of("    /// Number of running jobs."), None);
    assert_eq!(banned_name(r#"let heard = f("said"); // told"#, false), Some("heard"));
    assert_eq!(banned_name(r#"heard", is_heard, "heard"#, true), None);
    assert_eq!(
        quoted(r#"f("one", "two") // "three""#, false),
        (vec!["one", "two"], false)
    );
    let first = quoted(r#"g("one, \"#, false);
    assert_eq!(first, (vec![r"one, \"], true));
    assert_eq!(quoted(r#"two")"#, true), (vec!["two"], false));
}
