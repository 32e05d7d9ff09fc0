//! Negotiation of the response format (RFC 9110, section 12.5.1, and GraphQL over HTTP).

use actix_web::http::header::{ACCEPT, HeaderMap};

/// Format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/json`: the status is 200 for every well-formed request.
    Json,
    /// `application/graphql-response+json`: the status reflects the result.
    GraphQlResponse,
    /// `text/event-stream`: a stream of responses.
    EventStream,
    /// `multipart/mixed;subscriptionSpec=1.0`: a stream of a subscription's responses, in the format of Apollo's
    /// clients.
    Multipart,
}

impl Form {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Json, "application/json"),
        (Self::GraphQlResponse, "application/graphql-response+json"),
        (Self::EventStream, "text/event-stream"),
    ];

    /// The `Content-Type` of such a response.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Multipart => "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0",
        }
    }

    /// The format of a single response, where a stream was accepted.
    pub(crate) const fn of_one_response(self) -> Self {
        match self {
            Self::EventStream | Self::Multipart => Self::Json,
            Self::Json | Self::GraphQlResponse => self,
        }
    }

    /// The format that a client prefers; `None` if it accepts none of them. The default is JSON, as older clients
    /// expect.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(Self, u32)> = None;
        let mut has_wish = false;
        for value in headers.get_all(ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',') {
                has_wish |= !range.trim().is_empty();
                let Some((form, quality)) = read_range(range) else {
                    continue;
                };
                // The first of equals wins.
                if quality > 0 && best.is_none_or(|(_, other)| quality > other) {
                    best = Some((form, quality));
                }
            }
        }
        if has_wish {
            best.map(|(form, _)| form)
        } else {
            Some(Self::Json)
        }
    }
}

/// The format of a media range, and its quality in thousandths.
fn read_range(range: &str) -> Option<(Form, u32)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let mut quality = 1_000;
    let mut is_of_subscriptions = false;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = read_quality(value.trim())?,
            "subscriptionspec" => is_of_subscriptions = value.trim().trim_matches('"') == "1.0",
            "charset" if !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    let form = match media.as_str() {
        "*/*" | "application/*" => Form::Json,
        "text/*" => Form::EventStream,
        "multipart/mixed" if is_of_subscriptions => Form::Multipart,
        media => Form::ALL.into_iter().find(|(_, name)| *name == media)?.0,
    };
    Some((form, quality))
}

fn read_quality(text: &str) -> Option<u32> {
    let quality: f64 = text.parse().ok()?;
    // At most three decimals are allowed.
    (0.0..=1.0)
        .contains(&quality)
        .then(|| (quality * 1_000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn accepted(accept: &[&str]) -> Option<Form> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_str(value).expect("a header"));
        }
        Form::accepted(&headers)
    }

    #[test]
    fn the_preferred_format_is_chosen() {
        use Form::{EventStream, GraphQlResponse, Json, Multipart};
        for (accept, form) in [
            (&[][..], Some(Json)),
            (&[""], Some(Json)),
            (&["*/*"], Some(Json)),
            (&["application/*"], Some(Json)),
            (&["application/json"], Some(Json)),
            (&["APPLICATION/JSON; charset=\"utf-8\""], Some(Json)),
            (&["application/json; charset=latin1"], None),
            (&["application/graphql-response+json"], Some(GraphQlResponse)),
            (
                &["application/graphql-response+json, application/json;q=0.9"],
                Some(GraphQlResponse),
            ),
            (
                &["application/graphql-response+json;q=0.1, application/json"],
                Some(Json),
            ),
            (&["application/json", "application/graphql-response+json"], Some(Json)),
            (&["text/event-stream"], Some(EventStream)),
            (
                &["multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json"],
                Some(Multipart),
            ),
            (&["multipart/mixed; subscriptionSpec=\"1.0\""], Some(Multipart)),
            (&["multipart/mixed;subscriptionSpec=2.0,application/json"], Some(Json)),
            (&["multipart/mixed;deferSpec=20220824"], None),
            (&["text/html, */*;q=0.8"], Some(Json)),
            (&["text/html"], None),
            (&["application/json;q=0"], None),
            (&["application/json;q=2"], None),
        ] {
            assert_eq!(accepted(accept), form, "{accept:?}");
        }
    }
}
