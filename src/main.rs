//! The program `tickerq`: see `tickerq --help`.

fn main() -> std::process::ExitCode {
    tickerq::internals::main()
}
