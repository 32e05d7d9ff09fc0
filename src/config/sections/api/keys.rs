//! `[[api.keys]]`: keys of programs.

use sha2::{Digest, Sha256};

use super::scopes::Known;
use crate::api::auth::{ApiKey, Rate};
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted, text};
use crate::config::loader::value::Value;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::name::is_name_character;

/// Shorter keys can be guessed.
const KEY_LENGTH_MIN: usize = 16;
const KEY_LENGTH_MAX: usize = 1_024;
const NAME_LENGTH_MAX: usize = 100;
/// During rotation both keys belong to the same caller.
const KEYS_OF_ONE_NAME_MAX: usize = 2;
/// Each request is compared with all keys.
const KEYS_MAX: usize = 1_000;

/// Reads all keys; `scopes` are those that this server knows.
pub(super) fn read(api: &mut Section<'_>, scopes: &[&str]) -> Vec<ApiKey> {
    let mut items = api.tables("keys", "api.keys");
    if let Some(entry) = api.entry("keys").filter(|_| items.len() > KEYS_MAX) {
        let message = format!("{} keys are too many; at most {KEYS_MAX} are allowed", items.len());
        api.error(&entry.source, "keys", message);
        items = &[];
    }
    let mut keys: Vec<ApiKey> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = api.path_of(&format!("keys[{index}]"));
        let mut section = api.open(path, "[[api.keys]]".to_owned(), Some(item));
        keys.extend(read_key(&mut section, scopes, &keys));
        section.finish();
    }
    keys
}

fn read_key(section: &mut Section<'_>, known_scopes: &[&str], earlier: &[ApiKey]) -> Option<ApiKey> {
    let name = section.required_if("name", |name: &String| {
        check_name(name)?;
        if earlier.iter().filter(|key| key.name == *name).count() >= KEYS_OF_ONE_NAME_MAX {
            return Err(format!(
                "'{name}' is the name of {KEYS_OF_ONE_NAME_MAX} earlier keys; at most a key and its \
                 replacement are allowed"
            ));
        }
        Ok(())
    });
    let is_new = |digest: &[u8; 32]| match earlier.iter().find(|key| key.digest == *digest) {
        Some(key) => Err(format!("is also the key of '{}'; keys must be distinct", key.name)),
        None => Ok(()),
    };
    let plain = section.entry("key").cloned();
    let hashed = section.entry("key_sha256").cloned();
    let digest = match (plain, hashed) {
        (Some(_), None) => section
            .optional_if("key", |key: &Secret| {
                check_key(key.expose())?;
                is_new(&Sha256::digest(key.expose()).into())
            })
            .map(|key| Sha256::digest(key.expose()).into()),
        (None, Some(_)) => section
            .optional_if("key_sha256", |Hex32(digest): &Hex32| is_new(digest))
            .map(|Hex32(digest)| digest),
        (plain, _) => {
            let source = plain.map_or_else(|| section.source().clone(), |entry| entry.source);
            let message = "exactly one of key and key_sha256 is needed; `tickerq key generate` prints both";
            section.error(&source, "key", message);
            None
        }
    };
    let scopes = section.required_if("scopes", Known(known_scopes));
    let rate_limit: Option<RateLimit> = section.optional("rate_limit");
    Some(ApiKey {
        name: name?,
        digest: digest?,
        scopes: scopes?,
        rate: rate_limit.map(Rate::from),
    })
}

pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if length > NAME_LENGTH_MAX || !name.chars().all(is_name_character) || name.trim() != name {
        return Err(format!(
            "is not a name; allowed are 1 to {NAME_LENGTH_MAX} characters, none of them a control, line separator, text \
             direction or invisible character, no space at the ends"
        ));
    }
    Ok(())
}

/// Checks for the characters of `Authorization: Bearer …` (RFC 6750, section 2.1).
fn check_key(key: &str) -> Result<(), String> {
    let is_sendable = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if !is_sendable {
        return Err("has an invalid character; allowed are letters, digits and - . _ ~ + / =".to_owned());
    }
    if !(KEY_LENGTH_MIN..=KEY_LENGTH_MAX).contains(&key.len()) {
        return Err(format!(
            "has {} characters; allowed are {KEY_LENGTH_MIN} to {KEY_LENGTH_MAX}; `tickerq key generate` prints one \
             that can't be guessed",
            key.len()
        ));
    }
    Ok(())
}

/// 32 bytes as 64 hexadecimal digits.
struct Hex32([u8; 32]);

impl Setting for Hex32 {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let text = text(value).map_err(|_| wrong_hex())?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| wrong_hex())?;
        Ok(Self(bytes))
    }

    fn show(&self) -> String {
        quoted(&hex::encode(self.0))
    }
}

fn wrong_hex() -> Wrong {
    Wrong::new("is not a SHA-256: 64 hexadecimal digits; `printf %s KEY | sha256sum` prints them")
}
