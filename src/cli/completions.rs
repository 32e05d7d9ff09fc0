//! `tickerq completions`: prints a completion script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Arguments;
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

pub(super) fn run(arguments: &CompletionsArguments, output: &mut Output) -> Result<(), CliError> {
    // Written to memory first: the generator panics if its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "tickerq", &mut script);
    output.bytes(&script)
}
