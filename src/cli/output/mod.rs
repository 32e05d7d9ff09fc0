//! Standard output and error.

pub(crate) mod table;
pub(crate) mod time;

use std::io::{self, BufRead, BufWriter, Write};

use self::table::Table;
use super::error::CliError;
use crate::domain::values::name::is_name_character;

/// Standard output. A closed pipe is an error, not a panic.
pub(super) struct Output {
    writer: Box<dyn Write>,
    width: Option<usize>,
}

impl Output {
    /// Locks the standard output of this process.
    pub(super) fn of_this_process() -> Self {
        Self {
            width: terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0)),
            ..Self::to(BufWriter::new(io::stdout().lock()))
        }
    }

    /// Writes elsewhere.
    pub(super) fn to(writer: impl Write + 'static) -> Self {
        Self {
            writer: Box::new(writer),
            width: None,
        }
    }

    /// Writes a line.
    pub(super) fn line(&mut self, text: &str) -> Result<(), CliError> {
        self.bytes(readable(text).as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a table, fitted to the terminal.
    pub(super) fn table(&mut self, table: &Table, indent: &str) -> Result<(), CliError> {
        table
            .lines(indent, self.width)
            .iter()
            .try_for_each(|line| self.line(line))
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.writer.write_all(bytes).map_err(CliError::Output)
    }

    /// Flushes the output. Called before a wait.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        self.writer.flush().map_err(CliError::Output)
    }

    /// Flushes the rest.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        self.flush()
    }
}

/// Requests confirmation on standard error; anything but yes, including the end of the input, declines.
pub(super) fn confirm(prompt: &str) -> Result<bool, CliError> {
    let mut errors = io::stderr().lock();
    let written = write!(errors, "{} [y/N] ", readable(prompt)).and_then(|()| errors.flush());
    written.map_err(CliError::Output)?;
    let mut response = String::new();
    io::stdin().lock().read_line(&mut response).map_err(CliError::Output)?;
    if !response.ends_with('\n') {
        let _ = writeln!(errors);
    }
    Ok(matches!(response.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Writes a failure to standard error.
pub(super) fn error(text: &str) {
    // A closed standard error is ignored.
    let _ = writeln!(io::stderr().lock(), "error: {}", readable(text));
}

/// Writes a warning to standard error.
pub(super) fn warning(text: &str) {
    let _ = writeln!(io::stderr().lock(), "warning: {}", readable(text));
}

/// The text without control characters of terminals: texts of jobs and servers are not trusted.
fn readable(text: &str) -> String {
    let printable = |c: char| {
        if !is_name_character(c) && c != '\n' && c != '\t' {
            '\u{FFFD}'
        } else {
            c
        }
    };
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn output_of_a_job_cannot_control_the_terminal() {
        assert_eq!(readable("a\u{1b}[31mb\r\n\tc"), "a\u{FFFD}[31mb\u{FFFD}\n\tc");
        assert_eq!(readable("gnp\u{202e}.exe"), "gnp\u{FFFD}.exe");
        assert_eq!(readable("a\u{200b}\u{e0041}"), "a\u{FFFD}\u{FFFD}");
    }
}
