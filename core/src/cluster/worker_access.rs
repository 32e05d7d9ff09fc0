//! Access to a remote worker: its owner, and the tokens that prove which attempts it leased.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::access::caller::{Caller, CallerKind};
use crate::values::id::JobId;

/// Length of a key, in bytes.
pub const KEY_BYTES: usize = 32;
/// Length of a token's code, in bytes: 128 bits can't be guessed.
const CODE_BYTES: usize = 16;

/// The caller that a worker belongs to. Two keys of one name are one owner, so a rotated key keeps its workers; so are two
/// tokens of one subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkerOwner {
    /// Kind of the caller.
    pub kind: CallerKind,
    /// Name of the caller.
    pub name: Arc<str>,
}

impl WorkerOwner {
    /// The owner of workers that this caller registers.
    pub fn of(caller: &Caller) -> Self {
        Self {
            kind: caller.kind(),
            name: Arc::clone(caller.name()),
        }
    }

    /// True if the caller is this owner.
    pub fn is(&self, caller: &Caller) -> bool {
        self.kind == caller.kind() && self.name == *caller.name()
    }
}

/// The key of a worker's lease tokens. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseKey([u8; KEY_BYTES]);

impl LeaseKey {
    /// A key from random bytes.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Parses a key from storage.
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// The key for storage.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The token of an attempt that the worker leased.
    pub fn token(&self, job: JobId, attempt: u32) -> LeaseToken {
        #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        mac.update(job.as_uuid().as_bytes());
        mac.update(&attempt.to_be_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut code = [0; CODE_BYTES];
        code.copy_from_slice(&whole[..CODE_BYTES]);
        LeaseToken { attempt, code }
    }

    /// True if the token belongs to this job's attempt; compares in constant time.
    pub fn verifies(&self, job: JobId, token: &LeaseToken) -> bool {
        bool::from(self.token(job, token.attempt).code.ct_eq(&token.code))
    }
}

impl fmt::Debug for LeaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseKey(***)")
    }
}

/// Access to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerAccess {
    /// The owner of the worker.
    pub owner: WorkerOwner,
    /// Key of its lease tokens.
    pub key: LeaseKey,
}

/// The right to finish one attempt: its number, and a code that only servers can compute. `Debug` hides the code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken {
    attempt: u32,
    code: [u8; CODE_BYTES],
}

/// The text is not a lease token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a lease token; send the token from the response to the lease")]
pub struct InvalidLeaseToken;

impl LeaseToken {
    /// Parses a token as it was issued.
    pub fn parse(text: &str) -> Result<Self, InvalidLeaseToken> {
        let (attempt, code) = text.split_once('.').ok_or(InvalidLeaseToken)?;
        let token = Self {
            attempt: attempt.parse().map_err(|_| InvalidLeaseToken)?,
            code: from_hex(code).ok_or(InvalidLeaseToken)?,
        };
        // Numbers and hex digits have other notations, which are never issued.
        if token.to_text() == text {
            Ok(token)
        } else {
            Err(InvalidLeaseToken)
        }
    }

    /// The token as text, for the worker that leases the attempt.
    pub fn to_text(self) -> String {
        format!("{}.{}", self.attempt, hex::encode(self.code))
    }

    /// Number of the attempt.
    pub const fn attempt(self) -> u32 {
        self.attempt
    }
}

impl fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseToken({}.***)", self.attempt)
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::caller::Scopes;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use uuid::Uuid;

    fn job(id: u128) -> JobId {
        JobId::from_uuid(Uuid::from_u128(id))
    }

    proptest! {
        #[test]
        fn a_token_is_parsed_as_it_was_issued(key in any::<[u8; KEY_BYTES]>(), id in any::<u128>(), attempt in any::<u32>()) {
            let token = LeaseKey::new(key).token(job(id), attempt);
            prop_assert_eq!(LeaseToken::parse(&token.to_text()), Ok(token));
            prop_assert_eq!(token.attempt(), attempt);
        }

        #[test]
        fn a_token_is_valid_for_its_key_its_job_and_its_attempt_alone(
            key in any::<[u8; KEY_BYTES]>(), id in any::<u128>(), attempt in any::<u32>(), bit in 0_usize..256
        ) {
            let own = LeaseKey::new(key);
            let token = own.token(job(id), attempt);
            prop_assert!(own.verifies(job(id), &token));
            let mut other = key;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!LeaseKey::new(other).verifies(job(id), &token));
            prop_assert!(!own.verifies(job(id ^ 1 << (bit % 128)), &token));
            let moved = LeaseToken { attempt: attempt ^ 1 << (bit % 32), ..token };
            prop_assert!(!own.verifies(job(id), &moved));
        }

        #[test]
        fn a_token_has_one_notation(key in any::<[u8; KEY_BYTES]>(), attempt in any::<u32>()) {
            let text = LeaseKey::new(key).token(job(1), attempt).to_text();
            for other in [format!("+{text}"), format!("0{text}"), format!("{text}0"), text.replace('.', ".A")] {
                prop_assert_eq!(LeaseToken::parse(&other), Err(InvalidLeaseToken));
            }
        }

        #[test]
        fn other_texts_are_not_tokens(text in "[a-z0-9.]{0,30}") {
            prop_assert_eq!(LeaseToken::parse(&text), Err(InvalidLeaseToken));
        }

        #[test]
        fn a_key_round_trips_through_storage(key in any::<[u8; KEY_BYTES]>()) {
            let key = LeaseKey::new(key);
            prop_assert_eq!(LeaseKey::from_hex(&key.to_hex()), Some(key));
        }
    }

    #[test]
    fn keys_and_codes_are_not_printed() {
        let key = LeaseKey::new([0xab; KEY_BYTES]);
        let printed = format!("{key:?} {:?}", key.token(job(1), 7));
        assert_eq!(printed, "LeaseKey(***) LeaseToken(7.***)");
    }

    #[test]
    fn an_owner_is_a_kind_and_a_name() {
        let caller = |name: &'static str, kind| Caller::new(name, kind, Scopes::all(), Arc::default());
        let owner = WorkerOwner::of(&caller("mailer", CallerKind::Key));
        assert!(owner.is(&caller("mailer", CallerKind::Key)));
        assert!(!owner.is(&caller("mailer", CallerKind::Token)));
        assert!(!owner.is(&caller("other", CallerKind::Key)));
    }
}
