//! `[dashboard]`: the web pages of operators and developers.

use crate::api::pages::dashboard_options::{
    DashboardOptions, Stage, check_ancestor, check_colour, check_free, check_name, check_path, check_trace_url,
};
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted, word};
use crate::config::loader::value::Value;

/// The options of a server on which the other parts have these paths. It has no dashboard without its API.
pub(crate) fn read(section: &mut Section<'_>, is_api_enabled: bool, others: &[&str]) -> DashboardOptions {
    let defaults = DashboardOptions::default();
    DashboardOptions {
        enable: section.get("enable", defaults.enable) && is_api_enabled,
        path: section.get_if("path", defaults.path, |path: &String| {
            check_path(path).and_then(|()| check_free(path, others))
        }),
        name: section.optional_if("name", |name: &String| check_name(name)),
        stage: section.optional("stage"),
        colour: section.optional_if("colour", |colour: &String| check_colour(colour)),
        read_only: section.get("read_only", defaults.read_only),
        hide_payloads: section.get("hide_payloads", defaults.hide_payloads),
        trace_url: section.optional_if("trace_url", |url: &String| check_trace_url(url)),
        frame_ancestors: section.get_if("frame_ancestors", defaults.frame_ancestors, |sources: &Vec<String>| {
            sources.iter().try_for_each(|source| check_ancestor(source))
        }),
    }
}

impl Setting for Stage {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let words = [
            ("development", Self::Development),
            ("test", Self::Test),
            ("production", Self::Production),
        ];
        word(value, &words)
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Production => "production",
        })
    }
}
