//! Reading query parameters: each by its name, all mistakes together.

use actix_web::HttpRequest;

use super::context::query_parameters;
use crate::api::rest::problem::{PartError, Problem};

/// The query parameters of a request, and what was found wrong with them so far.
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
    errors: Vec<PartError>,
}

impl Parameters {
    /// The parameters that have a value. `undefined`, `null` and nothing are none: JavaScript's URLSearchParams makes
    /// them of what is not there.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        let mut errors = Vec::new();
        for (name, value) in query_parameters(request)? {
            if matches!(value.as_str(), "" | "undefined" | "null") {
                continue;
            }
            if given.iter().any(|(other, _)| *other == name) {
                errors.push(PartError::parameter(
                    &name,
                    format!("{name} is given twice; give it once"),
                ));
                continue;
            }
            // Decoding puts this character for bytes that are no UTF-8.
            if value.contains('\u{fffd}') {
                errors.push(PartError::parameter(&name, format!("{name} is not UTF-8")));
                continue;
            }
            given.push((name, value));
        }
        Ok(Self { given, errors })
    }

    /// The value of a parameter, when it has one that can be read.
    pub(crate) fn read<T, E: ToString>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let (_, value) = self.given.iter().find(|(given, _)| given == name)?;
        match parse(value) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail = error.to_string();
                self.errors.push(PartError::parameter(name, detail));
                None
            }
        }
    }

    /// Notes that a parameter is wrong together with others.
    pub(crate) fn refuse(&mut self, name: &str, detail: String) {
        self.errors.push(PartError::parameter(name, detail));
    }

    /// Whether all that was read is right.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::of_parts(self.errors))
        }
    }
}
