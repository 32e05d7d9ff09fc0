//! Fingerprints of failures: a stable id of a job type and a reason.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::failure_reason::normalise;
use crate::job::Job;
use crate::values::name::JobType;

/// The id of a job type and a reason of its failures. It is the same on all servers and in all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(i64);

/// The text is not a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a fingerprint; expected 16 hexadecimal digits such as 8f14e45fceea167a")]
pub struct InvalidFingerprint {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl Fingerprint {
    /// The fingerprint of a type and a reason, as [`normalise`] returns it.
    pub fn of(job_type: &JobType, reason: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(job_type.as_str());
        // No name of a type contains it.
        hash.update([0]);
        hash.update(reason);
        let mut first = [0; 8];
        for (byte, of_hash) in first.iter_mut().zip(hash.finalize()) {
            *byte = of_hash;
        }
        Self(i64::from_be_bytes(first))
    }

    /// The fingerprint of a job's last failure; `None` if its last attempt did not fail.
    pub fn of_job(job: &Job) -> Option<Self> {
        let error = job.error.as_deref()?;
        Some(Self::of(&job.job_type, &normalise(error)))
    }

    /// The number in storage.
    pub const fn code(self) -> i64 {
        self.0
    }

    /// The fingerprint with this number.
    pub const fn from_code(code: i64) -> Self {
        Self(code)
    }

    /// Parses 16 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidFingerprint> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        code.map(|code| Self(code.cast_signed()))
            .ok_or_else(|| InvalidFingerprint {
                given: text.chars().take(64).collect(),
            })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;
    use crate::metrics::failure_reason::normalise;
    use crate::values::name::JobType;

    fn of(job_type: &str, error: &str) -> Fingerprint {
        Fingerprint::of(&JobType::parse(job_type).expect("a type"), &normalise(error))
    }

    #[test]
    fn failures_of_one_kind_have_one_fingerprint() {
        assert_eq!(of("A", "order 7 timed out"), of("A", "order 8 timed out"));
        assert_ne!(of("A", "order 7 timed out"), of("B", "order 7 timed out"));
        assert_ne!(of("A", "timeout"), of("A", "refused"));
    }

    #[test]
    fn a_fingerprint_is_stable_and_parsed_from_its_text() {
        let text = of("MailJob", "SMTP timeout after 3017 ms").to_string();
        assert_eq!(text.len(), 16);
        assert_eq!(Fingerprint::parse(&text), Ok(of("MailJob", "SMTP timeout after 99 ms")));
        insta::assert_snapshot!(text, @"f028e97f63b93e0a");
        for invalid in ["", "8f14", "8f14e45fceea167g", "+f14e45fceea167a", "8f14e45fceea167a0"] {
            assert!(Fingerprint::parse(invalid).is_err(), "{invalid}");
        }
    }
}
