//! Who opens a connection: the one place that is asked before a connection, or a request that belongs to one, is
//! answered.
//!
//! Browsers can't set headers on a WebSocket or an event source, so a token may also stand in the query parameter
//! `access_token`: on the `GET`s of these connections and nowhere else. A token is never shown in a log or an error.

use std::fmt;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Query;

use super::super::rest::problem::Problem;

/// What a caller shows of itself.
#[derive(Clone, PartialEq, Eq)]
pub(in super::super) struct Token(String);

impl Token {
    /// The token that came with a request to a connection's path.
    fn of(request: &HttpRequest) -> Option<Self> {
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if let Some((scheme, token)) = header.and_then(|header| header.split_once(' '))
            && scheme.eq_ignore_ascii_case("bearer")
        {
            return Some(Self(token.trim().to_owned()));
        }
        if *request.method() != Method::GET {
            return None;
        }
        query_parameter(request, "access_token").map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// A parameter of a request's query, decoded. Unknown ones are no mistake here: the clients add their own.
pub(super) fn query_parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let parameters = Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    parameters
        .into_inner()
        .into_iter()
        .find(|(given, _)| given == name)
        .map(|(_, value)| value)
}

/// Who has opened a connection. Without authentication nothing is known of anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller(());

#[cfg(test)]
impl Caller {
    /// Somebody, for tests.
    pub(super) fn of_tests() -> Self {
        Self(())
    }
}

/// Knows callers by their tokens.
type Check = dyn Fn(Option<&Token>) -> Result<Caller, Problem> + Send + Sync;

/// Decides who may connect.
#[derive(Clone)]
pub(super) struct Admission {
    check: Arc<Check>,
}

impl Admission {
    /// Everybody may connect.
    pub(super) fn open() -> Self {
        Self {
            check: Arc::new(|_| Ok(Caller(()))),
        }
    }

    /// Who asks; an error when the caller may not connect.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        (self.check)(Token::of(request).as_ref())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::Token;

    fn token(request: TestRequest) -> Option<String> {
        Token::of(&request.to_http_request()).map(|token| token.0)
    }

    #[test]
    fn a_token_stands_in_the_header_or_on_a_get_in_the_query() {
        let in_query = || TestRequest::with_uri("/hub?id=1&access_token=a%2Bb");
        assert_eq!(token(in_query()).as_deref(), Some("a+b"));
        assert_eq!(token(in_query().method(actix_web::http::Method::POST)), None);
        let in_header = || TestRequest::with_uri("/hub").insert_header(("Authorization", "bearer  x.y"));
        assert_eq!(token(in_header()).as_deref(), Some("x.y"));
        assert_eq!(
            token(in_header().method(actix_web::http::Method::POST)).as_deref(),
            Some("x.y")
        );
        let both = in_query().insert_header(("Authorization", "Bearer first"));
        assert_eq!(token(both).as_deref(), Some("first"));
        assert_eq!(
            token(TestRequest::with_uri("/hub").insert_header(("Authorization", "Basic x"))),
            None
        );
    }

    #[test]
    fn a_token_is_not_shown() {
        let request = TestRequest::with_uri("/hub?access_token=s3cret").to_http_request();
        assert_eq!(format!("{:?}", Token::of(&request)), "Some(Token(hidden))");
    }
}
