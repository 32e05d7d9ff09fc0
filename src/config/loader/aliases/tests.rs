//! Former names through the real loader.

use std::io::Write;

use super::ALIASES;
use crate::config::{Config, Sources, load};

/// Every former name with a value, and the current value where it differs. None is the default.
const CASES: [(&str, &str, Option<&str>); 32] = [
    ("server.request_body_bytes_max", "\"64KiB\"", None),
    ("server.batch_body_bytes_max", "\"64KiB\"", None),
    ("api.public_docs", "true", Some("\"public\"")),
    (
        "api.required_scopes",
        "[\"a\", \"b\", \"c\"]",
        Some("{ read = \"a\", write = \"b\", admin = \"c\" }"),
    ),
    ("jobs.parameters_bytes_max", "\"64KiB\"", None),
    ("jobs.result_bytes_max", "\"64KiB\"", None),
    ("jobs.batch_jobs_max", "7", None),
    ("queue_defaults.workers", "7", None),
    ("queues[].workers", "7", None),
    ("recurring[].catch_up_max", "7", None),
    ("realtime.events_behind_max", "7", None),
    ("realtime.message_bytes_max", "\"64KiB\"", None),
    ("graphql.query_bytes_max", "\"32KiB\"", None),
    ("graphql.persisted_queries", "7", None),
    ("retention.changes", "\"3d\"", None),
    ("nodes.lease", "\"00:00:07\"", None),
    ("nodes.name", "\"seven\"", None),
    ("nodes", "{ lease_ttl = \"00:00:07\" }", None),
    ("health.queue_latency_max", "\"00:00:07\"", None),
    ("health.failure_percent_max", "7", Some("0.07")),
    ("health.failed_jobs_min", "7", None),
    ("health.disk_free_percent_min", "100", Some("1.0")),
    ("health.wal_size_max", "\"64KiB\"", None),
    ("health.clock_skew_max", "\"00:00:07\"", None),
    ("health.nodes_lost_told", "\"00:00:07\"", None),
    ("health.nobody_runs_for", "\"00:00:07\"", None),
    ("health.raise_after", "\"00:00:07\"", None),
    ("health.clear_after", "\"00:00:07\"", None),
    ("sync.feed", "true", None),
    ("sync.targets", "[{ url = \"http://127.0.0.1:9/\" }]", None),
    ("sync", "{ enable = true }", None),
    ("telemetry.sample_percent", "29", Some("0.29")),
];

fn load_with(file: &str, variables: &[(String, String)]) -> Result<Config, String> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let path = written.path().to_owned();
    load(Sources {
        file: Some(path.clone()),
        environment: variables.to_vec(),
        flags: Vec::new(),
    })
    .map_err(|errors| errors.to_string().replace(&path.display().to_string(), "tickerq.toml"))
}

/// The required keys beside a setting in a list.
fn header(section: &str) -> String {
    match section {
        "queues[]" => "[[queues]]\nname = \"default\"\n".to_owned(),
        "recurring[]" => {
            "[[recurring]]\nkey = \"k\"\ntype = \"T\"\ncron = \"0 2 * * *\"\nmisfire_policy = \"catch_up\"\n".to_owned()
        }
        section => format!("[{section}]\n"),
    }
}

fn document(path: &str, value: &str) -> String {
    match path.split_once('.') {
        Some((section, key)) => format!("{}{key} = {value}\n", header(section)),
        None => format!("{path} = {value}\n"),
    }
}

/// The settings as `config show` prints them, without their sources.
fn rendered(config: &Config) -> String {
    let toml = config.to_toml();
    let settings = toml.lines().map(|line| line.split("  # ").next().unwrap_or_default());
    settings.collect::<Vec<_>>().join("\n")
}

fn warnings(config: &Config) -> Vec<String> {
    config.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn every_former_name_means_the_current_one_with_a_warning() {
    assert_eq!(
        CASES.map(|(former, ..)| former),
        ALIASES.each_ref().map(|alias| alias.former)
    );
    let default = rendered(&load_with("", &[]).unwrap());
    for ((former, value, converted), alias) in CASES.iter().zip(&ALIASES) {
        let old = load_with(&document(former, value), &[]).unwrap_or_else(|errors| panic!("{former}: {errors}"));
        let file = document(alias.current, converted.unwrap_or(value));
        let new = load_with(&file, &[]).unwrap_or_else(|errors| panic!("{}: {errors}", alias.current));
        assert_eq!(rendered(&old), rendered(&new), "{former}");
        assert_ne!(rendered(&old), default, "{former}");
        assert!(new.warnings.is_empty(), "{:?}", new.warnings);
        let [warning] = &warnings(&old)[..] else {
            panic!("{former}: {:?}", old.warnings);
        };
        let (path, current) = (former.replace("[]", "[0]"), alias.current.replace("[]", "[0]"));
        assert!(warning.contains(&path), "{warning}");
        assert!(warning.contains(&format!("is deprecated; use {current}")), "{warning}");
        if let Some(converted) = converted {
            assert!(warning.ends_with(&format!("{current} = {converted}")), "{warning}");
        }
    }
}

#[test]
fn former_names_of_variables_mean_the_current_ones() {
    let variable = |path: &str| {
        let path = path.replace("[]", ".0").replace('.', "__").to_ascii_uppercase();
        format!("TICKERQ_{path}")
    };
    for ((former, value, converted), alias) in CASES.iter().zip(&ALIASES) {
        let Some((section, _)) = former.split_once('.') else {
            continue;
        };
        let text = value.trim_matches('"').to_owned();
        let base = if section.contains("[]") {
            header(section)
        } else {
            String::new()
        };
        let old = load_with(&base, &[(variable(former), text)]).unwrap_or_else(|errors| panic!("{former}: {errors}"));
        let new = load_with(&document(alias.current, converted.unwrap_or(value)), &[]).unwrap();
        assert_eq!(rendered(&old), rendered(&new), "{former}");
        let [warning] = &warnings(&old)[..] else {
            panic!("{former}: {:?}", old.warnings);
        };
        assert!(warning.starts_with(&format!("{}: ", variable(former))), "{warning}");
        assert!(
            warning.ends_with(&format!("({})", variable(alias.current))),
            "{warning}"
        );
    }
}

#[test]
fn a_setting_under_both_names_is_an_error_that_names_both() {
    for ((former, value, converted), alias) in CASES.iter().zip(&ALIASES) {
        let current = converted.unwrap_or(value);
        let file = match (former.split_once('.'), alias.current.split_once('.')) {
            (Some((section, _)), Some((other, key))) if section == other => {
                format!("{}{key} = {current}\n", document(former, value))
            }
            _ => format!("{}{}", document(former, value), document(alias.current, current)),
        };
        let errors = load_with(&file, &[]).expect_err(former);
        let (former, current) = (former.replace("[]", "[0]"), alias.current.replace("[]", "[0]"));
        assert!(errors.starts_with("tickerq.toml:"), "{errors}");
        for part in [
            &former,
            &format!("is the former name of {current}"),
            "which is also set (tickerq.toml:",
        ] {
            assert!(errors.contains(part), "{former}: {errors}");
        }
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn the_former_booleans_of_docs_are_words_now() {
    for (file, word) in [
        ("docs = false", "off"),
        ("docs = true", "authenticated"),
        ("public_docs = false", "authenticated"),
        ("docs = true\npublic_docs = true", "public"),
        ("docs = false\npublic_docs = true", "off"),
    ] {
        let config = load_with(&format!("[api]\n{file}\n"), &[]).unwrap();
        assert!(rendered(&config).contains(&format!("docs = \"{word}\"\n")), "{file}");
        assert_eq!(config.warnings.len(), file.lines().count(), "{file}");
        for warning in warnings(&config) {
            assert!(
                warning.ends_with(&format!("is deprecated; use api.docs = \"{word}\"")),
                "{warning}"
            );
        }
    }
}

#[test]
fn wrong_values_are_reported_under_the_former_name() {
    for (file, expected) in [
        (
            "[telemetry]\nsample_percent = 101",
            "tickerq.toml:2: telemetry.sample_percent: 101 is not a whole number from 0 to 100",
        ),
        (
            "[api]\nrequired_scopes = [\"a\", \"b\", \"c\", \"d\"]",
            "tickerq.toml:2: api.required_scopes: 4 scopes are too many",
        ),
        (
            "[api]\nrequired_scopes = \"a\"",
            "tickerq.toml:2: api.required_scopes: 'a' is not a list",
        ),
        (
            "[api]\npublic_docs = 1",
            "tickerq.toml:2: api.public_docs: 1 is not allowed; allowed is true or false",
        ),
        (
            "[nodes]\nleese = 1",
            "tickerq.toml:2: cluster.leese: unknown setting; allowed here are lease_ttl, node_name",
        ),
        ("sync = 3", "tickerq.toml:1: change_feed: 3 is not allowed here"),
    ] {
        let errors = load_with(file, &[]).expect_err(file);
        assert!(errors.starts_with(expected), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}
