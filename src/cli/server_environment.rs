//! The server's settings from the environment, out of the sight of the programs that it starts.
//!
//! A command handler withholds `TICKERQ_…` variables from its program, but a program of the same user reads the environment
//! with which its parent was started in `/proc/PID/environ`, whatever the parent removes later. So `serve` starts itself
//! once more, in the same process, without these variables, and hands them over in an anonymous file that is emptied when
//! it is read.

use std::ffi::OsString;

/// Which of this process's settings come from an earlier image of it: the number of a file descriptor.
const HANDED_OVER: &str = "TICKERQ_HANDED_OVER";

/// Variables that hold no secrets, and that the command line reads before the settings are handed over.
const KEPT: [&str; 1] = ["TICKERQ_CONFIG"];

/// Hands the settings over to a new image of this process; returns there, and at once when there are none. Where the system
/// refuses, the server runs with the environment as it is.
#[cfg(target_os = "linux")]
pub(super) fn hand_over() {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::fs::{MemfdFlags, memfd_create};

    let settings = settings();
    if settings.is_empty() || handed_over().is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // Inherited by the new image.
    let Ok(descriptor) = memfd_create("tickerq-settings", MemfdFlags::empty()) else {
        return;
    };
    let mut file = File::from(descriptor);
    if file.write_all(&encode(&settings)).is_err() {
        return;
    }
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1));
    for (name, _) in &settings {
        command.env_remove(name);
    }
    command.env(HANDED_OVER, file.as_raw_fd().to_string());
    // Returns only when it has failed.
    let _ = command.exec();
}

/// As above; other systems show no environment of other processes to those that are not privileged.
#[cfg(not(target_os = "linux"))]
pub(super) fn hand_over() {}

/// The variables of this process, those that were handed over among them.
pub(super) fn variables() -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = crate::config::process_environment()
        .filter(|(name, _)| name != HANDED_OVER)
        .collect();
    variables.extend(handed_over().unwrap_or_default());
    variables
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment as it is handed on, not as configuration"
)]
fn settings() -> Vec<(OsString, OsString)> {
    let is_setting = |name: &OsString| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        name.starts_with("TICKERQ_") && !KEPT.contains(&name.as_str()) && name != HANDED_OVER
    };
    std::env::vars_os().filter(|(name, _)| is_setting(name)).collect()
}

/// Reads the settings that an earlier image has handed over, the first time; the file is empty afterwards.
#[expect(
    clippy::disallowed_methods,
    reason = "the number of a descriptor is no configuration"
)]
fn handed_over() -> Option<Vec<(String, String)>> {
    use std::sync::OnceLock;

    static READ: OnceLock<Option<Vec<(String, String)>>> = OnceLock::new();
    READ.get_or_init(|| {
        let descriptor: u32 = std::env::var(HANDED_OVER).ok()?.parse().ok()?;
        read_and_empty(&format!("/proc/self/fd/{descriptor}")).ok()
    })
    .clone()
}

fn read_and_empty(path: &str) -> std::io::Result<Vec<(String, String)>> {
    use std::io::Read;

    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.set_len(0)?;
    Ok(decode(&bytes))
}

/// `name=value` pairs, each ended by NUL, which no variable holds.
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

/// What is not UTF-8 keeps a replacement character, which the configuration refuses.
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
