//! Problem details of the server's error responses (RFC 9457).

use std::fmt;

use serde::Deserialize;

/// Problem details.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    title: String,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<Part>,
}

/// An invalid part of the request: its position and the error.
#[derive(Debug, Deserialize)]
struct Part {
    #[serde(alias = "parameter", alias = "header", alias = "path", default)]
    pointer: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            title,
            status,
            detail,
            errors,
        } = self;
        f.write_str(title)?;
        if let Some(status) = status {
            write!(f, " ({status})")?;
        }
        if let Some(detail) = detail {
            write!(f, ": {detail}")?;
        }
        for Part {
            pointer,
            detail: of_part,
        } in errors
        {
            // A single invalid part often repeats the detail.
            let place = pointer.as_deref().unwrap_or("request");
            match of_part {
                Some(words) if Some(words) == detail.as_ref() => write!(f, "\n  at {place}")?,
                Some(words) => write!(f, "\n  at {place}: {words}")?,
                None => write!(f, "\n  at {place}")?,
            }
        }
        if *status == Some(401) {
            f.write_str("\n  set a key with --token or TICKERQ_TOKEN")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;

    #[test]
    fn a_problem_names_every_part_that_is_wrong() {
        let problem: Problem = serde_json::from_str(
            r##"{"type": "urn:x", "title": "Not accepted", "status": 400, "detail": "two fields", "errors": [
                {"pointer": "#/delay", "detail": "is no duration"}, {"parameter": "limit", "detail": "is 0"}]}"##,
        )
        .unwrap();
        assert_eq!(
            problem.to_string(),
            "Not accepted (400): two fields\n  at #/delay: is no duration\n  at limit: is 0"
        );
        let short: Problem = serde_json::from_str(r#"{"title": "No such job"}"#).unwrap();
        assert_eq!(short.to_string(), "No such job");
    }
}
