//! `tickerq key`: API keys.

use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};

use super::error::CliError;
use super::output::Output;
use crate::config::sections::api::{keys, scopes};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Print a new key and its settings for the configuration, which contain only its SHA-256.
    #[command(after_help = "Examples:
  tickerq key generate --name billing
  tickerq key generate --name dashboard --scopes tickerq:read
  tickerq key generate --name operator --scopes tickerq:read,tickerq:write,tickerq:admin

The first line is the key: give it to the caller (TICKERQ_TOKEN, or Authorization: Bearer …); it can't be printed again.
The other lines belong in tickerq.toml, which the server reads at start.")]
    Generate(GenerateArguments),
}

/// Print a new key.
#[derive(Debug, Args)]
pub(super) struct GenerateArguments {
    /// Name of the user of the key in the audit log.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = parse_name)]
    name: String,
    /// Scopes of the key, separated by commas.
    #[arg(
        long,
        value_name = "SCOPES",
        value_delimiter = ',',
        value_parser = parse_scope,
        default_value = "tickerq:read,tickerq:write"
    )]
    scopes: Vec<String>,
}

/// Prefix of keys, which secret scanners recognize.
const PREFIX: &str = "tq_";
/// Number of random bytes of a key.
const KEY_BYTES: usize = 32;

pub(super) fn run(command: KeyCommand, output: &mut Output) -> Result<(), CliError> {
    let KeyCommand::Generate(GenerateArguments { name, scopes }) = command;
    // The system's source of randomness, reseeded as it is used.
    let key = format!("{PREFIX}{}", base64url(&rand::random::<[u8; KEY_BYTES]>()));
    let digest = hex::encode(Sha256::digest(&key));
    output.line(&key)?;
    output.line("")?;
    output.line("[[api.keys]]")?;
    output.line(&format!("name = {}", toml::Value::from(name)))?;
    output.line(&format!("key_sha256 = \"{digest}\""))?;
    output.line(&format!("scopes = {}", toml::Value::from(scopes)))
}

fn parse_name(text: &str) -> Result<String, String> {
    keys::check_name(text).map(|()| text.to_owned())
}

fn parse_scope(text: &str) -> Result<String, String> {
    scopes::check_new(text).map(|()| text.to_owned())
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (index, byte)| bits | u32::from(*byte) << (16 - 8 * index));
        // Of 24 bits, 6 at a time, for all given bytes.
        for index in 0..=chunk.len() {
            let digit = (bits >> (18 - 6 * index)) & 0x3f;
            text.extend(ALPHABET.get(digit as usize).map(|letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64url;

    #[test]
    fn bytes_become_text_as_rfc_4648_has_it() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff, 0xfe], "-__-"),
        ] {
            assert_eq!(base64url(bytes), text);
        }
        assert_eq!(base64url(&[0; 32]).len(), 43);
    }
}
