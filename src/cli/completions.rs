//! `tickerq completions`: prints a completion script.

use clap::{Args, Command};
use clap_complete::Shell;

use super::error::CliError;
use super::output::Output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq completions bash > ~/.local/share/bash-completion/completions/tickerq
  tickerq completions zsh > ~/.zfunc/_tickerq
  tickerq completions fish > ~/.config/fish/completions/tickerq.fish")]
pub(super) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

/// Prints the script for `command`, the whole command line.
pub(super) fn run(arguments: &CompletionsArguments, mut command: Command, output: &mut Output) -> Result<(), CliError> {
    // Written to memory first: the generator panics if its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "tickerq", &mut script);
    output.bytes(&script)
}
