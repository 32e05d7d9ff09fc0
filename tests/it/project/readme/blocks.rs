//! The blocks of a document.
//!
//! A comment before a block states its kind where its language does not: `<!-- file: NAME -->` is written to the
//! folder, `<!-- from: PATH -->` is an excerpt of an example, `<!-- checked: BY -->` is run by another test, which it
//! names.

/// A block between two fences; `place` is its document and line.
#[derive(Debug)]
pub(super) enum Block {
    /// A file that the commands use.
    File { name: String, text: String },
    /// Commands with their output.
    Console { place: String, steps: Vec<Step> },
    /// A part of the configuration.
    Settings { place: String, text: String },
    /// A part of an example.
    Snippet {
        place: String,
        source: String,
        text: String,
    },
    /// A block that another test runs.
    Checked { by: String },
}

/// A command and its expected output.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) command: String,
    pub(super) expected: String,
}

/// All blocks in order. Panics on a block without a rule, so that none is omitted.
pub(super) fn of(document: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut directive: Option<(String, String)> = None;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
            let (kind, value) = comment.split_once(": ").expect("a comment is KIND: VALUE");
            directive = Some((kind.to_owned(), value.to_owned()));
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            if !line.trim().is_empty() {
                directive = None;
            }
            continue;
        };
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        let text = body.join("\n") + "\n";
        let place = format!("{document}:{}", number + 1);
        let block = match (directive.take(), language) {
            (Some((kind, name)), _) if kind == "file" => Block::File { name, text },
            (Some((kind, source)), _) if kind == "from" => Block::Snippet { place, source, text },
            (Some((kind, by)), _) if kind == "checked" => Block::Checked { by },
            (None, "console") => Block::Console {
                place,
                steps: steps(&body),
            },
            (None, "toml") => Block::Settings { place, text },
            (directive, language) => {
                panic!("{place}: no rule for a block of '{language}' after {directive:?}")
            }
        };
        blocks.push(block);
    }
    blocks
}

/// Commands start with `$ `, and continue while a quote is open or a line ends with a backslash.
fn steps(lines: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_open = false;
    for line in lines {
        if is_open {
            let step = steps.last_mut().expect("an open command");
            step.command.push('\n');
            step.command.push_str(line);
            is_open = goes_on(&step.command);
        } else if let Some(command) = line.strip_prefix("$ ") {
            is_open = goes_on(command);
            steps.push(Step {
                command: command.to_owned(),
                expected: String::new(),
            });
        } else if let Some(step) = steps.last_mut() {
            step.expected.push_str(line);
            step.expected.push('\n');
        }
    }
    steps
}

fn goes_on(command: &str) -> bool {
    command.ends_with('\\') || command.matches('\'').count() % 2 == 1
}
