//! Keys that verify signatures: a single one, or a file of keys that may change while the server runs.
//!
//! The file's content is compared every few seconds in which a token is checked. Its timestamps and inode are not used:
//! a copy may preserve them. A set without a usable key takes effect, because it may revoke a stolen key; a file that
//! can't be read or parsed changes nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Header};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::public_key;
use super::public_key::InvalidKey;

/// Maximum number of keys in a file.
const KEYS_MAX: usize = 100;
/// Maximum size of a file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Interval of comparisons of the file, in nanoseconds.
const CHECK_INTERVAL: u64 = 10_000_000_000;
/// The same for a token whose key is unknown.
const UNKNOWN_KEY_INTERVAL: u64 = 1_000_000_000;

/// Source of the keys.
#[derive(Clone)]
pub enum JwtKeySource {
    /// A secret shared with the issuer: HS256.
    Secret(String),
    /// A public key as PEM: RS256, ES256 or EdDSA, by the type of the key.
    PublicKey(String),
    /// A file with a JSON Web Key Set (RFC 7517).
    JwksFile(PathBuf),
}

/// Reason why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum JwtKeyError {
    /// The configured secret is invalid.
    #[error("api.jwt.secret: {0}")]
    Secret(InvalidKey),
    /// The configured public key is invalid.
    #[error("api.jwt.public_key: {0}")]
    PublicKey(InvalidKey),
    /// The file is invalid.
    #[error("api.jwt.jwks_file: {path}: {reason}")]
    File {
        /// Path of the file.
        path: String,
        /// Error message.
        reason: String,
    },
}

/// A key and its algorithm, which never depends on the token.
#[derive(Debug)]
pub(crate) struct VerifyingKey {
    id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// The current keys.
#[derive(Debug)]
pub(crate) struct JwtKeys {
    set: RwLock<Arc<KeySet>>,
    file: Option<WatchedFile>,
}

/// The keys at one time.
#[derive(Debug)]
struct KeySet {
    /// Number that grows with every change.
    number: u64,
    keys: Vec<VerifyingKey>,
}

#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    /// Time of the last read.
    read_at: AtomicU64,
    last: Mutex<LastRead>,
}

/// Result of the last read of the file.
#[derive(Debug)]
struct LastRead {
    /// SHA-256 of the content in use.
    digest: [u8; 32],
    /// Error of the newest content, which is logged once.
    error: Option<String>,
}

/// A number of keys in words.
fn counted(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

impl JwtKeys {
    pub(crate) fn load(source: &JwtKeySource, now: u64) -> Result<Self, JwtKeyError> {
        let one = |algorithm, key| {
            vec![VerifyingKey {
                id: None,
                algorithm,
                key,
            }]
        };
        let (keys, file) = match source {
            JwtKeySource::Secret(secret) => {
                public_key::check_secret(secret.as_bytes()).map_err(JwtKeyError::Secret)?;
                (one(Algorithm::HS256, DecodingKey::from_secret(secret.as_bytes())), None)
            }
            JwtKeySource::PublicKey(pem) => {
                let (algorithm, key) = public_key::from_pem(pem).map_err(JwtKeyError::PublicKey)?;
                (one(algorithm, key), None)
            }
            JwtKeySource::JwksFile(path) => {
                let failed = |reason: String| JwtKeyError::File {
                    path: path.display().to_string(),
                    reason,
                };
                let content = read_file(path).map_err(failed)?;
                let keys = parse(&content).and_then(ParsedSet::usable).map_err(failed)?;
                info!("loaded {} from {}", counted(keys.len()), path.display());
                let file = WatchedFile {
                    path: path.clone(),
                    read_at: AtomicU64::new(now),
                    last: Mutex::new(LastRead {
                        digest: Sha256::digest(&content).into(),
                        error: None,
                    }),
                };
                (keys, Some(file))
            }
        };
        Ok(Self {
            set: RwLock::new(Arc::new(KeySet { number: 0, keys })),
            file,
        })
    }

    /// The number of the current set of keys.
    pub(crate) fn set_number(&self, now: u64) -> u64 {
        self.refresh(now, CHECK_INTERVAL);
        self.set().number
    }

    fn set(&self) -> Arc<KeySet> {
        // The set stays consistent when a holder of the lock panics.
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys that may have signed a token: the one that it names, or all if it names none. For an unknown key the
    /// file is read again, because it may have changed.
    pub(crate) fn candidates(&self, header: &Header, now: u64) -> Candidates {
        let found = self.find(header);
        if found.is_any() {
            return found;
        }
        if self.refresh(now, UNKNOWN_KEY_INTERVAL) {
            self.find(header)
        } else {
            found
        }
    }

    fn find(&self, header: &Header) -> Candidates {
        let set = self.set();
        let places = set
            .keys
            .iter()
            .enumerate()
            .filter(|(_, key)| key.algorithm == header.alg)
            .filter(|(_, key)| match (&key.id, &header.kid) {
                (Some(own), Some(named)) => own == named,
                (None, _) | (_, None) => true,
            })
            .map(|(place, _)| place)
            .collect();
        Candidates { set, places }
    }

    /// Reads the file again if the last read is older than `interval`. True if the keys have changed.
    fn refresh(&self, now: u64, interval: u64) -> bool {
        let Some(WatchedFile { path, read_at, last }) = &self.file else {
            return false;
        };
        let before = read_at.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(before) >= interval
            && read_at
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_due {
            return false;
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read_file(path).and_then(|content| {
            let digest: [u8; 32] = Sha256::digest(&content).into();
            if digest == last.digest {
                return Ok(None);
            }
            parse(&content).map(|set| Some((digest, set)))
        });
        match read {
            Ok(None) => {
                last.error = None;
                false
            }
            Ok(Some((digest, ParsedSet { keys, unusable }))) => {
                *last = LastRead { digest, error: None };
                if keys.is_empty() {
                    let reasons = unusable.join("; ");
                    let because = if reasons.is_empty() { "" } else { ": " };
                    warn!(
                        "{} has no usable key, rejecting all tokens{because}{reasons}",
                        path.display()
                    );
                } else {
                    info!("loaded {} from {}", counted(keys.len()), path.display());
                }
                let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
                let number = set.number + 1;
                *set = Arc::new(KeySet { number, keys });
                true
            }
            Err(error) => {
                if last.error.as_ref() != Some(&error) {
                    warn!("failed to reload {}, keeping previous keys: it {error}", path.display());
                }
                last.error = Some(error);
                false
            }
        }
    }
}

/// Candidates of a token's key.
pub(crate) struct Candidates {
    set: Arc<KeySet>,
    places: Vec<usize>,
}

impl Candidates {
    fn is_any(&self) -> bool {
        !self.places.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.places.iter().filter_map(|place| self.set.keys.get(*place))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("can't be read: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("has {size} bytes; at most {FILE_BYTES_MAX} are allowed"));
    }
    std::fs::read(path).map_err(unreadable)
}

/// Keys of a parsed set.
struct ParsedSet {
    keys: Vec<VerifyingKey>,
    /// Errors of unusable keys.
    unusable: Vec<String>,
}

impl ParsedSet {
    /// The usable keys, at least one.
    fn usable(self) -> Result<Vec<VerifyingKey>, String> {
        let Self { keys, unusable } = self;
        if !keys.is_empty() {
            return Ok(keys);
        }
        let reasons = if unusable.is_empty() {
            "it has none".to_owned()
        } else {
            unusable.join("; ")
        };
        Err(format!(
            "has no key that this server can use (RSA for RS256, P-256 for ES256, Ed25519 for EdDSA, oct for HS256): {reasons}"
        ))
    }
}

fn parse(text: &[u8]) -> Result<ParsedSet, String> {
    let set: JwkSet = serde_json::from_slice(text)
        .map_err(|error| format!("is not a JSON Web Key Set, {{\"keys\": […]}}: {error}"))?;
    if set.keys.len() > KEYS_MAX {
        return Err(format!("has {} keys; at most {KEYS_MAX} are allowed", set.keys.len()));
    }
    let mut keys = Vec::new();
    let mut unusable = Vec::new();
    for jwk in &set.keys {
        match usable(jwk) {
            Ok(key) => keys.push(key),
            Err(reason) => {
                let id = jwk.common.key_id.as_deref().unwrap_or("without kid");
                unusable.push(format!("{id}: {reason}"));
            }
        }
    }
    Ok(ParsedSet { keys, unusable })
}

fn usable(jwk: &Jwk) -> Result<VerifyingKey, String> {
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|given| *given != PublicKeyUse::Signature)
    {
        return Err("its use is not sig".to_owned());
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(parameters) if parameters.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
        AlgorithmParameters::EllipticCurve(_)
        | AlgorithmParameters::OctetKeyPair(_)
        | AlgorithmParameters::Other(_)
        | _ => return Err("its type is not supported".to_owned()),
    };
    if jwk
        .common
        .key_algorithm
        .is_some_and(|given| given != KeyAlgorithm::from(algorithm))
    {
        return Err("its alg is not supported".to_owned());
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
    let checked = match (algorithm, key.kind()) {
        (_, DecodingKeyKind::RsaModulusExponent { n, .. }) => public_key::check_rsa(n),
        (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => public_key::check_secret(secret),
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) if point.len() != 65 => Err(InvalidKey::Kind),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) if point.len() != 32 => Err(InvalidKey::Kind),
        (_, DecodingKeyKind::SecretOrDer(_)) => Ok(()),
    };
    checked.map_err(|error| error.to_string())?;
    Ok(VerifyingKey {
        id: jwk.common.key_id.clone(),
        algorithm,
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let keys = parse(text.as_bytes()).and_then(ParsedSet::usable);
        keys.expect_err("the set was accepted")
    }

    #[test]
    fn usable_keys_are_kept_and_others_skipped() {
        let set = r#"{"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty": "oct", "kid": "s", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
            {"kty": "EC", "crv": "P-521", "kid": "big", "x": "AA", "y": "AA"},
            {"kty": "new", "kid": "unknown"}
        ]}"#;
        let keys = parse(set.as_bytes()).and_then(ParsedSet::usable).expect("two keys");
        let kept: Vec<_> = keys.iter().map(|key| (key.id.as_deref(), key.algorithm)).collect();
        assert_eq!(kept, [(Some("ed"), Algorithm::EdDSA), (Some("s"), Algorithm::HS256)]);
    }

    #[test]
    fn a_set_without_a_usable_key_is_rejected_with_the_reason() {
        assert!(problem("[]").starts_with("is not a JSON Web Key Set"));
        assert!(problem(r#"{"keys": []}"#).ends_with("it has none"));
        assert!(
            problem(r#"{"keys": [{"kty": "oct", "kid": "short", "k": "c2VjcmV0"}]}"#)
                .ends_with("short: is a secret of 6 bytes; HS256 needs at least 32")
        );
        assert!(
            problem(r#"{"keys": [{"kty": "RSA", "kid": "r", "use": "enc", "n": "AQAB", "e": "AQAB"}]}"#)
                .ends_with("r: its use is not sig")
        );
        assert!(
            problem(r#"{"keys": [{"kty": "RSA", "kid": "r", "alg": "RS512", "n": "AQAB", "e": "AQAB"}]}"#)
                .ends_with("r: its alg is not supported")
        );
        assert!(
            problem(r#"{"keys": [{"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}]}"#)
                .contains("RSA key of 17 bits")
        );
    }
}
