//! Settings from the environment, hidden from the programs that the server starts.
//!
//! A command handler removes `TICKERQ_…` variables from its program's environment, but a program of the same user can
//! read the initial environment of its parent in `/proc/PID/environ`, whatever the parent removes later. Therefore
//! `serve` executes itself again in the same process without these variables, and passes them in an anonymous file as
//! its standard input, which it does not use otherwise and closes when it is read. A database URL on the command line,
//! which may contain a password and is readable by every user of the machine, is passed in the same way.

use std::ffi::OsString;

#[cfg(target_os = "linux")]
use crate::config::sections::database::DatabaseUrl;

/// Set if an earlier image of this process has passed settings.
const HANDED_OVER: &str = "TICKERQ_HANDED_OVER";

/// Name of the anonymous file.
#[cfg(target_os = "linux")]
const FILE_NAME: &str = "tickerq-settings";

/// Standard input of this process.
#[cfg(target_os = "linux")]
const INPUT: &str = "/proc/self/fd/0";

/// The flag whose value may contain a password.
const DATABASE_URL: &str = "--database-url";

/// Variables without secrets that the command line reads before the settings are passed on.
const KEPT: [&str; 1] = ["TICKERQ_CONFIG"];

/// Passes the settings to a new image of this process and returns there; returns at once if there are none. If the
/// system refuses, the server runs with its environment unchanged.
#[cfg(target_os = "linux")]
pub(crate) fn hand_over() {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::fs::{MemfdFlags, memfd_create};

    let mut settings = settings();
    let (arguments, database_url) = without_database_url(std::env::args_os().skip(1));
    settings.extend(database_url.map(|url| (OsString::from(DATABASE_URL), url)));
    if settings.is_empty() || handed_over().is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let Ok(descriptor) = memfd_create(FILE_NAME, MemfdFlags::CLOEXEC) else {
        return;
    };
    let mut file = File::from(descriptor);
    if file.write_all(&encode(&settings)).is_err() {
        return;
    }
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in &settings {
        command.env_remove(name);
    }
    command.env(HANDED_OVER, "1").stdin(file);
    // Returns only when it has failed.
    let _ = command.exec();
    close_input();
}

/// Other systems hide the environment of a process from unprivileged processes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn hand_over() {}

/// The arguments without `--database-url` and its value, and the value. A URL without a password remains visible.
#[cfg(target_os = "linux")]
fn without_database_url(arguments: impl Iterator<Item = OsString>) -> (Vec<OsString>, Option<OsString>) {
    let (mut kept, mut found) = (Vec::new(), None);
    let mut arguments = arguments.peekable();
    let has_secret = |url: &OsString| DatabaseUrl::parse(&url.to_string_lossy()).is_ok_and(|url| url.has_password());
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if text == DATABASE_URL && arguments.peek().is_some_and(has_secret) {
            found = arguments.next();
            continue;
        }
        let value = text.strip_prefix(DATABASE_URL).and_then(|rest| rest.strip_prefix('='));
        match value.map(OsString::from).filter(has_secret) {
            Some(url) => found = Some(url),
            None => kept.push(argument),
        }
    }
    (kept, found)
}

/// The value of `--database-url`, if it was passed on.
pub(crate) fn database_url() -> Option<String> {
    let (_, url) = handed_over()?.into_iter().find(|(name, _)| name == DATABASE_URL)?;
    Some(url)
}

/// The variables of this process, including those that were passed on.
pub(crate) fn variables() -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = crate::config::process_environment()
        .filter(|(name, _)| name != HANDED_OVER)
        .collect();
    let handed_over = handed_over().unwrap_or_default();
    variables.extend(handed_over.into_iter().filter(|(name, _)| name != DATABASE_URL));
    variables
}

#[expect(clippy::disallowed_methods, reason = "the environment to pass on, not configuration")]
fn settings() -> Vec<(OsString, OsString)> {
    let is_setting = |name: &OsString| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        name.starts_with("TICKERQ_") && !KEPT.contains(&name.as_str()) && name != HANDED_OVER
    };
    std::env::vars_os().filter(|(name, _)| is_setting(name)).collect()
}

/// Reads the settings of an earlier image at the first call; the file is gone afterwards.
#[cfg(target_os = "linux")]
#[expect(
    clippy::disallowed_methods,
    reason = "whether settings were passed is no configuration"
)]
fn handed_over() -> Option<Vec<(String, String)>> {
    use std::sync::OnceLock;

    static READ: OnceLock<Option<Vec<(String, String)>>> = OnceLock::new();
    READ.get_or_init(|| {
        std::env::var_os(HANDED_OVER)?;
        // Another standard input than an earlier image has passed is not read.
        let file = std::fs::read_link(INPUT).ok()?;
        if !file.to_string_lossy().starts_with(&format!("/memfd:{FILE_NAME}")) {
            return None;
        }
        // Opened again, it is read from its start.
        let bytes = std::fs::read(INPUT);
        close_input();
        Some(decode(&bytes.ok()?))
    })
    .clone()
}

#[cfg(not(target_os = "linux"))]
fn handed_over() -> Option<Vec<(String, String)>> {
    None
}

/// Replaces standard input, so that no program that the server starts inherits it.
#[cfg(target_os = "linux")]
fn close_input() {
    if let Ok(nothing) = std::fs::File::open("/dev/null") {
        // Fails only without descriptors.
        let _ = rustix::stdio::dup2_stdin(nothing);
    }
}

/// `name=value` pairs, each terminated by NUL, which no variable contains.
#[cfg(target_os = "linux")]
fn encode(settings: &[(OsString, OsString)]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;

    let mut bytes = Vec::new();
    for (name, value) in settings {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Invalid UTF-8 becomes a replacement character, which the configuration rejects.
#[cfg(target_os = "linux")]
fn decode(bytes: &[u8]) -> Vec<(String, String)> {
    let variables = bytes.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
    variables
        .filter_map(|variable| {
            let text = String::from_utf8_lossy(variable).into_owned();
            let (name, value) = text.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_with_a_password_is_removed_from_the_arguments() {
        let split = |arguments: &[&str]| {
            let (kept, url) = without_database_url(arguments.iter().map(OsString::from));
            let kept: Vec<String> = kept.iter().map(|text| text.to_string_lossy().into_owned()).collect();
            (kept.join(" "), url.map(|url| url.to_string_lossy().into_owned()))
        };
        let url = "postgres://ann:s3cret@db/jobs";
        let joined = format!("--database-url={url}");
        let secret = Some(url.to_owned());
        assert_eq!(
            split(&["serve", "--database-url", url]),
            ("serve".to_owned(), secret.clone())
        );
        assert_eq!(
            split(&["serve", &joined, "--listen", "[::1]:1"]),
            ("serve --listen [::1]:1".to_owned(), secret)
        );
        let in_query = "postgres:///jobs?host=/run&password=s3cret";
        assert_eq!(
            split(&["--database-url", in_query]),
            (String::new(), Some(in_query.to_owned()))
        );
        for arguments in [
            ["serve", "--database-url", "sqlite:tickerq.db"],
            ["serve", "--database-url", "postgres://ann@db/jobs"],
            ["serve", "--config", url],
        ] {
            assert_eq!(split(&arguments), (arguments.join(" "), None));
        }
    }

    #[test]
    fn settings_arrive_as_they_were() {
        let settings = [("TICKERQ_A", "x=y\nz"), ("TICKERQ_B", ""), ("TICKERQ_C", "ü")];
        let encoded = encode(&settings.map(|(name, value)| (name.into(), value.into())));
        let decoded = decode(&encoded);
        assert_eq!(
            decoded,
            settings.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
