//! Query parameters, read by their names, with all errors together.

use actix_web::HttpRequest;

use super::context::query_parameters;
use crate::api::contract::field_error::FieldError;
use crate::api::contract::filters::TimeBounds;
use crate::api::problem::{PartError, Problem};

/// Query parameters of a request, and the errors found so far.
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
    errors: Vec<PartError>,
}

impl Parameters {
    /// The parameters with a value. `undefined`, `null` and empty values count as absent: JavaScript's URLSearchParams
    /// produces them for absent values.
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
            // Decoding replaces invalid UTF-8 by this character.
            if value.contains('\u{fffd}') {
                errors.push(PartError::parameter(&name, format!("{name} is not UTF-8")));
                continue;
            }
            given.push((name, value));
        }
        Ok(Self { given, errors })
    }

    /// The value of a parameter, if it has a valid one.
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

    /// The value of a parameter that must be given.
    pub(crate) fn required<T, E: ToString>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.given.iter().any(|(given, _)| given == name) {
            self.errors
                .push(PartError::parameter(name, format!("{name} is missing")));
        }
        self.read(name, parse)
    }

    /// The times from `from` to `to`.
    pub(crate) fn time_bounds(&mut self) -> TimeBounds {
        let bounds = TimeBounds {
            from: self.read("from", TimeBounds::parse_from),
            to: self.read("to", TimeBounds::parse_to),
        };
        if let Err(FieldError { path, detail }) = bounds.check() {
            self.errors
                .push(PartError::parameter(path.trim_start_matches('/'), detail));
        }
        bounds
    }

    /// Checks that no parameter was invalid.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::of_parts(self.errors))
        }
    }
}
