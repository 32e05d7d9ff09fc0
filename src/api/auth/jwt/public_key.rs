//! Parses a public key as PEM (RFC 7468) and determines its algorithm.

use jsonwebtoken::{Algorithm, DecodingKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

/// Reason why a key can't verify signatures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// The text is not PEM of a public key.
    #[error("is not a public key as PEM (-----BEGIN PUBLIC KEY-----)")]
    Pem,
    /// The type of public key is not supported.
    #[error("is not an RSA, P-256 or Ed25519 public key")]
    Kind,
    /// The RSA key is too short or too long.
    #[error("is an RSA key of {bits} bits; allowed are {RSA_BITS_MIN} to {RSA_BITS_MAX}")]
    RsaBits {
        /// Bits of its modulus.
        bits: usize,
    },
    /// The secret is too short.
    #[error("is a secret of {bytes} bytes; HS256 needs at least {SECRET_BYTES_MIN}")]
    Secret {
        /// Number of its bytes.
        bytes: usize,
    },
}

const RSA_BITS_MIN: usize = 2_048;
const RSA_BITS_MAX: usize = 8_192;
/// RFC 7518, section 3.2.
const SECRET_BYTES_MIN: usize = 32;

/// Object identifiers of key types in DER: `rsaEncryption`, `id-ecPublicKey` with `prime256v1`, `id-Ed25519`.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// Parses a key and determines its algorithm.
pub(crate) fn from_pem(pem: &str) -> Result<(Algorithm, DecodingKey), InvalidKey> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| InvalidKey::Pem)?;
    let Parts { kind, parameter, key } = parts(&der).ok_or(InvalidKey::Pem)?;
    if kind == RSA {
        let (modulus, exponent) = rsa_parts(key).ok_or(InvalidKey::Pem)?;
        check_rsa(modulus)?;
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        return Ok((Algorithm::RS256, key));
    }
    // An uncompressed point: 4, x, y.
    if kind == EC && parameter == Some(P256) && key.len() == 65 && key.first() == Some(&4) {
        return Ok((Algorithm::ES256, DecodingKey::from_ec_der(key)));
    }
    if kind == ED25519 && key.len() == 32 {
        return Ok((Algorithm::EdDSA, DecodingKey::from_ed_der(key)));
    }
    Err(InvalidKey::Kind)
}

/// Rejects RSA keys that are too short to be secure or too long to be verified quickly.
pub(crate) fn check_rsa(modulus: &[u8]) -> Result<(), InvalidKey> {
    let leading = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
    let significant = modulus.get(leading..).unwrap_or_default();
    let unused = significant.first().map_or(0, |byte| byte.leading_zeros());
    let bits = significant.len() * 8 - usize::try_from(unused).unwrap_or_default();
    if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        Ok(())
    } else {
        Err(InvalidKey::RsaBits { bits })
    }
}

/// Rejects secrets that are too short to be secure.
pub(crate) fn check_secret(secret: &[u8]) -> Result<(), InvalidKey> {
    let bytes = secret.len();
    if bytes >= SECRET_BYTES_MIN {
        Ok(())
    } else {
        Err(InvalidKey::Secret { bytes })
    }
}

/// The parts of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
struct Parts<'a> {
    /// Type of the key.
    kind: &'a [u8],
    /// Parameter of the type, such as the curve, if it is an identifier.
    parameter: Option<&'a [u8]>,
    key: &'a [u8],
}

fn parts(der: &[u8]) -> Option<Parts<'_>> {
    let (mut info, []) = value(der, SEQUENCE)? else {
        return None;
    };
    let (algorithm, rest) = value(info, SEQUENCE)?;
    info = rest;
    let (kind, parameters) = value(algorithm, OBJECT_IDENTIFIER)?;
    let parameter = value(parameters, OBJECT_IDENTIFIER).map(|(parameter, _)| parameter);
    let (bits, []) = value(info, BIT_STRING)? else {
        return None;
    };
    // The first byte is the number of unused bits in the last one: none, in keys.
    let key = bits.strip_prefix(&[0])?;
    Some(Parts { kind, parameter, key })
}

/// The modulus and the exponent of an `RSAPublicKey` (RFC 8017, appendix A.1.1), without leading zeros.
fn rsa_parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, []) = value(der, SEQUENCE)? else {
        return None;
    };
    let (modulus, rest) = value(numbers, INTEGER)?;
    let (exponent, []) = value(rest, INTEGER)? else {
        return None;
    };
    let unsigned = |number: &'_ [u8]| number.iter().position(|byte| *byte != 0);
    Some((modulus.get(unsigned(modulus)?..)?, exponent.get(unsigned(exponent)?..)?))
}

/// The value of the first element, which must have this tag, and the remaining bytes (X.690, section 8.1).
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, mut rest) = rest.split_first()?;
    let mut length = usize::from(*length);
    if length >= 0x80 {
        let digits = length & 0x7f;
        if digits == 0 || digits > 4 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(digits)?;
        length = bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
        rest = after;
    }
    (*first == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    const RSA_2048: &str = include_str!("../../../../tests/it/auth/keys/rsa.pub.pem");
    const RSA_1024: &str = include_str!("../../../../tests/it/auth/keys/rsa-1024.pub.pem");
    const EC_P256: &str = include_str!("../../../../tests/it/auth/keys/p256.pub.pem");
    const EC_P384: &str = include_str!("../../../../tests/it/auth/keys/p384.pub.pem");
    const ED: &str = include_str!("../../../../tests/it/auth/keys/ed25519.pub.pem");
    const PRIVATE: &str = include_str!("../../../../tests/it/auth/keys/rsa.pem");

    #[test]
    fn a_key_determines_its_algorithm() {
        for (pem, expected) in [
            (RSA_2048, Algorithm::RS256),
            (EC_P256, Algorithm::ES256),
            (ED, Algorithm::EdDSA),
        ] {
            assert_eq!(from_pem(pem).map(|(algorithm, _)| algorithm), Ok(expected));
        }
    }

    #[test]
    fn an_unsupported_key_is_rejected() {
        let refused = |pem: &str| from_pem(pem).expect_err("no key");
        assert_eq!(refused(RSA_1024), InvalidKey::RsaBits { bits: 1_024 });
        assert_eq!(refused(EC_P384), InvalidKey::Kind);
        assert_eq!(refused(PRIVATE), InvalidKey::Pem);
        assert_eq!(refused(""), InvalidKey::Pem);
        assert_eq!(
            refused("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"),
            InvalidKey::Pem
        );
        assert!(check_secret(&[1; 31]).is_err());
        assert!(check_secret(&[1; 32]).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parts(&bytes);
            let _ = rsa_parts(&bytes);
            let _ = check_rsa(&bytes);
        }
    }
}
