//! Signals that stop the server.

use std::fmt;
use std::fs;
use std::io;

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal this soon after the first belongs to the same request: a supervisor may signal the group as well.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// SIGTERM, SIGINT and SIGHUP.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` if the process was started with SIGHUP ignored, as by `nohup`.
    hangup: Option<Signal>,
    /// Number of further SIGTERM or SIGINT that end the process immediately.
    left: u32,
}

/// The first signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Terminate,
    Interrupt,
    /// The terminal was closed, or the signal was sent manually.
    Hangup,
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Hangup => "SIGHUP",
        })
    }
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        let hangup = if is_hangup_ignored() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
            left: 1,
        })
    }

    /// Waits for the signal that starts the shutdown.
    pub(crate) async fn first(&mut self) -> First {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let first = tokio::select! {
            _ = self.terminate.recv() => First::Terminate,
            _ = self.interrupt.recv() => First::Interrupt,
            _ = hangup => First::Hangup,
        };
        if first == First::Hangup {
            // The end of a login session sends SIGHUP, and SIGTERM some time later.
            self.left = 2;
        }
        first
    }

    /// Waits for the signal that ends the process immediately, which is never SIGHUP: a closing terminal sends it
    /// repeatedly.
    pub(crate) async fn second(&mut self) {
        let mut is_same = true;
        let same_request = tokio::time::sleep(SAME_REQUEST);
        tokio::pin!(same_request);
        while self.left > 0 {
            tokio::select! {
                () = &mut same_request, if is_same => {
                    is_same = false;
                    continue;
                }
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            self.left -= u32::from(!is_same);
        }
    }
}

/// `true` if the process was started with SIGHUP ignored. Known on systems with `/proc`.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    is_first_bit_set(ignored.unwrap_or_default())
}

/// `true` if a mask of signals contains the first one, SIGHUP.
fn is_first_bit_set(mask: &str) -> bool {
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::is_first_bit_set;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert!(is_first_bit_set("\t0000000000000001"));
        assert!(is_first_bit_set("\t0000000000001001"));
        assert!(!is_first_bit_set("\t0000000000001000"));
        assert!(!is_first_bit_set(""));
    }
}
