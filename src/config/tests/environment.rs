//! Environment variables and flags.

use super::{load_environment, load_from};
use crate::config::FlagValue;
use crate::config::sections::job_types::handler::HandlerSettings;

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\n[database]\nurl = \"sqlite:a.db\"\n[[queues]]\nname = \"mail\"\nconcurrency = 1";
    let variables = [
        ("TICKERQ_SERVER__LISTEN", "127.0.0.1:2"),
        ("tickerq_database__url", "sqlite:b.db"),
        ("TICKERQ_QUEUES__0__CONCURRENCY", "7"),
        ("TICKERQ_QUEUES__1__NAME", "new"),
        ("TICKERQ_JOB_TYPES__EmailNotificationJob__MAX_RETRIES", "9"),
        (
            "TICKERQ_JOB_TYPES__EmailNotificationJob__HANDLER__HTTP__URL",
            "http://127.0.0.1/",
        ),
        (
            "TICKERQ_JOB_TYPES__EmailNotificationJob__HANDLER__HTTP__HEADERS__X-Team",
            "42",
        ),
        (
            "TICKERQ_JOB_TYPES__Other__HANDLER",
            "{ command = { program = \"true\" } }",
        ),
        ("TICKERQ_JOB_TYPES__Other__RETRY_INTERVALS", "[\"00:00:01\"]"),
        ("TICKERQ_API__DOCS", "off"),
        ("PATH", "/bin"),
    ];
    let flags = vec![FlagValue {
        flag: "--listen",
        key: "server.listen",
        value: "[::1]:3".to_owned(),
    }];
    let config = load_from(file, &variables, flags).unwrap();
    assert_eq!(config.server.listen, ["[::1]:3".parse().unwrap()]);
    assert_eq!(config.database.url.expose(), "sqlite:b.db");
    assert_eq!(config.api.rest.docs, crate::api::rest::Docs::Off);
    assert_eq!(config.queues.configured[0].workers.get(), 7);
    assert_eq!(config.queues.configured[1].name.as_str(), "new");
    let email = &config.job_types[0];
    assert_eq!(
        (email.job_type.as_str(), email.defaults.max_retries),
        ("EmailNotificationJob", 9)
    );
    let HandlerSettings::Http(http) = &email.handler else {
        panic!("an HTTP handler");
    };
    assert_eq!(
        (http.headers[0].0.as_str(), http.headers[0].1.as_str()),
        ("X-Team", "42")
    );
    assert!(matches!(config.job_types[1].handler, HandlerSettings::Command(_)));
    assert_eq!(config.job_types[1].defaults.retry_policy.intervals.len(), 1);
}

#[test]
fn errors_in_the_environment_and_in_flags_name_the_variable_and_the_flag() {
    for (name, value, expected) in [
        (
            "TICKERQ_SERVER__LISTN",
            "x",
            "TICKERQ_SERVER__LISTN: server.listn: unknown setting; did you mean listen?",
        ),
        (
            "TICKERQ_SEVER__LISTEN",
            "x",
            "TICKERQ_SEVER__LISTEN: sever: unknown setting; did you mean server?",
        ),
        (
            "TICKERQ_LISTEN",
            "x",
            "TICKERQ_LISTEN: unknown setting; the form is TICKERQ_SECTION__KEY",
        ),
        ("TICKERQ___", "x", "TICKERQ___: unknown setting"),
        (
            "TICKERQ_DATABASE__MAX_CONNECTIONS",
            "many",
            "TICKERQ_DATABASE__MAX_CONNECTIONS: database.max_connections: 'many' is not a whole number",
        ),
        (
            "TICKERQ_QUEUES__5__WORKERS",
            "1",
            "TICKERQ_QUEUES__5__WORKERS: the list has 0 items; the number in the name is 0 to 0",
        ),
        (
            "TICKERQ_QUEUES__X__WORKERS",
            "1",
            "TICKERQ_QUEUES__X__WORKERS: queues: a table is not allowed",
        ),
        (
            "TICKERQ_QUEUES__0__CONCURRENCY",
            "1",
            "TICKERQ_QUEUES__0__CONCURRENCY: queues[0].name: is required",
        ),
        (
            "TICKERQ_DATABASE__URL",
            "a\u{FFFD}b",
            "TICKERQ_DATABASE__URL: its value is not UTF-8",
        ),
        (
            "TICKERQ_DATABASE__URL",
            "",
            "TICKERQ_DATABASE__URL: database.url: must not be empty",
        ),
    ] {
        let errors = load_environment(&[(name, value)]).expect_err(name);
        assert!(
            errors.starts_with(expected),
            "{name}\n  actual   {errors}\n  expected {expected}"
        );
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    let flags = vec![FlagValue {
        flag: "--listen",
        key: "server.listen",
        value: "nowhere".to_owned(),
    }];
    let errors = load_from("", &[], flags).unwrap_err();
    assert!(
        errors.starts_with("--listen: server.listen: 'nowhere' is not an IP address"),
        "{errors}"
    );
}

#[test]
fn variables_that_are_not_configuration_are_ignored() {
    let variables = [
        ("TICKERQ_JOB_ID", "1"),
        ("TICKERQ_SERVER", "http://127.0.0.1:5000"),
        ("TICKERQ_TOKEN", "s3cret"),
        ("TICKERQ_TEST_POSTGRES__URL", "x"),
        ("HOME", "/root"),
    ];
    assert!(load_environment(&variables).is_ok());
}
