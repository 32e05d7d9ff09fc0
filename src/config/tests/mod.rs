//! Configurations and their errors.

mod environment;
mod errors;
mod files;

use std::io::Write;

use super::{Config, FlagValue, Sources, load};

type Variables = Vec<(String, String)>;

fn load_from(file: &str, variables: &[(&str, &str)], flags: Vec<FlagValue>) -> Result<Config, String> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let path = written.path().to_owned();
    let environment: Variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load(Sources {
        file: Some(path.clone()),
        environment,
        flags,
    })
    .map_err(|errors| errors.to_string().replace(&path.display().to_string(), "tickerq.toml"))
}

fn load_file(file: &str) -> Result<Config, String> {
    load_from(file, &[], Vec::new())
}

fn load_environment(variables: &[(&str, &str)]) -> Result<Config, String> {
    load_from("", variables, Vec::new())
}

/// The only error of a file.
fn error_of(file: &str) -> String {
    load_file(file).expect_err("the file was accepted")
}
