//! Extracts the token of a request (RFC 6750, section 2), and removes tokens from logs.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use crate::api::auth::failure::AuthFailure;

/// Maximum length of a token, in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Query parameter for clients that can't set a header.
const QUERY_PARAMETER: &str = "access_token";
/// Query parameters with credentials: a caller's token, and the token of a SignalR connection or of a GraphQL event
/// stream.
const SECRET_PARAMETERS: [&str; 3] = [QUERY_PARAMETER, "id", "token"];

/// The token in the `Authorization` header, if there is one. Schemes other than Bearer are ignored.
pub(crate) fn in_header(request: &HttpRequest) -> Result<Option<&str>, AuthFailure> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(AuthFailure::Malformed("there are two Authorization headers"));
    }
    let Ok(text) = value.to_str() else {
        return Err(AuthFailure::Malformed("the Authorization header is not ASCII"));
    };
    let text = text.trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Ok(None);
    }
    let token = token.trim_start();
    if token.is_empty() {
        return Err(AuthFailure::Malformed("the token after Bearer is missing"));
    }
    checked(token).map(Some)
}

/// The token in the query, if there is one.
pub(crate) fn in_query(request: &HttpRequest) -> Result<Option<Cow<'_, str>>, AuthFailure> {
    let mut found = None;
    for (name, value) in pairs(request.query_string()) {
        if name != QUERY_PARAMETER {
            continue;
        }
        if found.is_some() {
            return Err(AuthFailure::Malformed("access_token is duplicated"));
        }
        found = Some(value);
    }
    let Some(value) = found.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let token = decoded(value);
    checked(&token)?;
    Ok(Some(token))
}

/// True if the query has a token, valid or not.
pub(crate) fn is_in_query(request: &HttpRequest) -> bool {
    pairs(request.query_string()).any(|(name, value)| name == QUERY_PARAMETER && !value.is_empty())
}

/// A query string for logs: without the values of secret parameters.
pub(crate) fn redacted(query: &str) -> Cow<'_, str> {
    if !pairs(query).any(|(name, _)| is_secret(name)) {
        return Cow::Borrowed(query);
    }
    let parts: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|part| {
            let name = part.split('=').next().unwrap_or_default();
            if is_secret(name) {
                Cow::Owned(format!("{name}=***"))
            } else {
                Cow::Borrowed(part)
            }
        })
        .collect();
    Cow::Owned(parts.join("&"))
}

/// True if a parameter's value is secret. Its name is compared in any case: a client that misspells it has still sent a
/// secret.
fn is_secret(name: &str) -> bool {
    let name = decoded(name);
    SECRET_PARAMETERS
        .iter()
        .any(|secret| name.trim().eq_ignore_ascii_case(secret))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// `token68` of RFC 9110, section 11.2.
pub(crate) fn checked(token: &str) -> Result<&str, AuthFailure> {
    let is_sound = token.len() <= TOKEN_BYTES_MAX
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if is_sound {
        Ok(token)
    } else if token.contains(' ') {
        Err(AuthFailure::Malformed(
            "the token contains a space; give the key without 'Bearer'",
        ))
    } else {
        Err(AuthFailure::Malformed(
            "a token has at most 8192 letters, digits and - . _ ~ + / =",
        ))
    }
}

/// Percent-decodes a text; invalid UTF-8 is replaced by a character that no token has.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn header(value: &str) -> Result<Option<String>, AuthFailure> {
        let request = TestRequest::get()
            .insert_header((AUTHORIZATION, value))
            .to_http_request();
        in_header(&request).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc", " Bearer abc "] {
            assert_eq!(header(value), Ok(Some("abc".to_owned())), "{value}");
        }
        assert_eq!(header("Basic dXNlcjpwYXNz"), Ok(None));
    }

    #[test]
    fn a_header_without_a_valid_credential_is_malformed() {
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer \"abc\"", "Bearer a,b"] {
            assert!(matches!(header(value), Err(AuthFailure::Malformed(_))), "{value}");
        }
        assert!(matches!(
            header(&format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1))),
            Err(AuthFailure::Malformed(_))
        ));
        let twice = TestRequest::get()
            .append_header((AUTHORIZATION, "Bearer a"))
            .append_header((AUTHORIZATION, "Bearer b"))
            .to_http_request();
        assert!(matches!(in_header(&twice), Err(AuthFailure::Malformed(_))));
    }

    #[test]
    fn the_query_is_read_and_decoded() {
        let of = |uri: &str| {
            let request = TestRequest::with_uri(uri).to_http_request();
            in_query(&request).map(|token| token.map(Cow::into_owned))
        };
        assert_eq!(of("/hub?id=1&access_token=abc"), Ok(Some("abc".to_owned())));
        assert_eq!(of("/hub?access_token=a%2Bb%3d"), Ok(Some("a+b=".to_owned())));
        assert_eq!(of("/hub?id=1"), Ok(None));
        assert_eq!(of("/hub?access_token="), Ok(None));
        assert!(of("/hub?access_token=a&access_token=b").is_err());
        assert!(of("/hub?access_token=a%20b").is_err());
    }

    #[test]
    fn a_query_is_logged_without_its_token() {
        for (query, logged) in [
            ("", ""),
            ("a=1&b=2", "a=1&b=2"),
            ("access_token=secret", "access_token=***"),
            ("_=5&access_token=secret&a=1", "_=5&access_token=***&a=1"),
            ("id=secret&_=5", "id=***&_=5"),
            ("ID=secret&i%64=secret&token=secret", "ID=***&i%64=***&token=***"),
            ("jobId=1&idle=2", "jobId=1&idle=2"),
            ("access%5Ftoken=secret", "access%5Ftoken=***"),
            ("access_token=a&access_token=b", "access_token=***&access_token=***"),
        ] {
            assert_eq!(redacted(query), logged);
        }
    }

    proptest! {
        #[test]
        fn no_token_is_logged(
            before in "[a-z=&%]{0,20}",
            name in "access_token|id|token|Id",
            token in "[0-9A-Z]{10,30}",
            after in "[a-z=&%]{0,20}",
        ) {
            let query = format!("{before}&{name}={token}&{after}");
            let logged = redacted(&query).into_owned();
            prop_assert!(!logged.contains(&token), "{}", logged);
            prop_assert_eq!(redacted(&logged), logged.as_str());
        }
    }
}
