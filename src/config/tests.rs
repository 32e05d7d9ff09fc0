//! Configurations and their errors.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::Duration;

use super::sections::job_types::handler::HandlerSettings;
use super::*;
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_context::SamplingRatio;

type Variables = Vec<(String, String)>;

fn load_from(file: &str, variables: &[(&str, &str)], flags: Vec<FlagValue>) -> Result<Config, String> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let path = written.path().to_owned();
    let environment: Variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load(Sources {
        file: Some(path.clone()),
        environment,
        flags,
    })
    .map_err(|errors| errors.to_string().replace(&path.display().to_string(), "tickerq.toml"))
}

fn load_file(file: &str) -> Result<Config, String> {
    load_from(file, &[], Vec::new())
}

fn load_environment(variables: &[(&str, &str)]) -> Result<Config, String> {
    load_from("", variables, Vec::new())
}

/// The only error of a file.
fn mistake(file: &str) -> String {
    load_file(file).expect_err("the file was accepted")
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load(Sources::<Variables>::default()).unwrap();
    assert_eq!(config.server.listen, ["127.0.0.1:5000".parse().unwrap()]);
    assert_eq!(config.server.shutdown_grace, TimeSpan::from_secs(30));
    assert_eq!(config.api.rest.body_bytes_max, 4 << 20);
    assert_eq!(config.database.url.expose(), "sqlite:tickerq.db");
    assert_eq!(config.api.rest.base_path, "/api/tickerq");
    assert_eq!(config.queues.configured.len(), 1);
    assert_eq!(config.queues.settings(&QueueName::default()).workers.get(), 10);
    assert_eq!(
        *config.jobs.defaults(),
        crate::domain::job::new_job::JobDefaults::default()
    );
    assert_eq!(config.retention.failed, Some(TimeSpan::from_secs(30 * 86_400)));
    assert_eq!(config.log.level.as_str(), "info");
    assert!(config.job_types.is_empty());
}

#[test]
fn a_complete_file_is_read() {
    let config = load_file(
        r#"
        [server]
        listen = ["127.0.0.1:8080", "[::1]:8080"]
        shutdown_grace = "PT1M"
        max_request_body = "1MiB"
        [database]
        url = "postgres://ann:s3cret@db/jobs"
        durability = "normal"
        [queue_defaults]
        concurrency = 3
        [[queues]]
        name = "mail"
        concurrency = 2
        max_pending = 100
        rate_limit = "30/m"
        [jobs]
        max_retries = 5
        timeout = 00:10:00
        [job_types.EmailNotificationJob]
        queue = "mail"
        retry_intervals = ["00:00:01", "PT1M"]
        concurrency = 4
        handler = { http = { url = "http://127.0.0.1:9000/email", secret = "s3cret-of-the-mail", headers = { X-Team = "mail" } } }
        [job_types."Backup+Nightly"]
        max_retries = 0
        handler = { command = { program = "backup", args = ["--full", ""], environment = { MODE = "fast" } } }
        [job_types.Smoke]
        handler = "noop"
        [retention]
        failed = "never"
        "#,
    )
    .unwrap();
    assert_eq!(config.server.listen.len(), 2);
    assert_eq!(config.server.shutdown_grace, TimeSpan::from_secs(60));
    assert_eq!(config.retention.failed, None);
    let names: Vec<_> = config
        .queues
        .configured
        .iter()
        .map(|queue| queue.name.as_str())
        .collect();
    assert_eq!(names, ["mail", "default"]);
    assert_eq!(
        config
            .queues
            .settings(&QueueName::parse("other").unwrap())
            .workers
            .get(),
        3
    );
    let [email, backup, smoke] = config.job_types.as_slice() else {
        panic!("three types, in the order of the file");
    };
    assert_eq!(email.defaults.queue.as_str(), "mail");
    assert_eq!(email.defaults.max_retries, 5, "inherited from [jobs]");
    assert_eq!(email.defaults.timeout, TimeSpan::from_secs(600));
    assert_eq!(
        *email.defaults.retry_policy.intervals,
        [TimeSpan::from_secs(1), TimeSpan::from_secs(60)]
    );
    assert_eq!(email.concurrency, NonZeroU32::new(4));
    let HandlerSettings::Http(http) = &email.handler else {
        panic!("an HTTP handler");
    };
    assert_eq!(http.url, "http://127.0.0.1:9000/email");
    assert_eq!(http.secret.as_deref(), Some("s3cret-of-the-mail"));
    assert_eq!(http.headers, [("X-Team".to_owned(), "mail".to_owned())]);
    assert_eq!(backup.defaults.max_retries, 0);
    let HandlerSettings::Command(command) = &backup.handler else {
        panic!("a command");
    };
    assert_eq!(command.args, ["--full", ""]);
    assert!(matches!(smoke.handler, HandlerSettings::Noop));
    assert!(!format!("{config:?}").contains("s3cret"), "a secret is never printed");
}

#[test]
fn all_mistakes_are_named_together_each_with_its_line() {
    let errors = mistake(
        r#"
[server]
listn = "127.0.0.1:1"
shutdown_grace = "soon"
[[queues]]
name = "a b"
concurrency = "ten"
[[queues]]
concurrency = 0
[job_types.Email]
handler = { http = { url = "ftp://x" } }
"#,
    );
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 7, "{errors}");
    assert!(lines[0].starts_with("tickerq.toml:4: server.shutdown_grace: 'soon' is not a duration"));
    assert_eq!(
        lines[1],
        "tickerq.toml:3: server.listn: unknown setting; did you mean listen?"
    );
    assert!(lines[2].starts_with("tickerq.toml:6: queues[0].name: a queue's name contains ' '"));
    assert_eq!(
        lines[3],
        "tickerq.toml:7: queues[0].concurrency: 'ten' is not a whole number; allowed is 1 to 4096"
    );
    assert_eq!(lines[4], "tickerq.toml:8: queues[1].name: is required");
    assert_eq!(
        lines[5],
        "tickerq.toml:9: queues[1].concurrency: 0 is out of range; allowed is 1 to 4096"
    );
    assert!(lines[6].starts_with("tickerq.toml:11: job_types.Email.handler.http.url: is not a URL with the scheme"));
}

#[test]
fn every_error_names_the_allowed_values() {
    for (file, expected) in [
        (
            "server = 5",
            "tickerq.toml:1: server: 5 is not allowed here; a table with settings is",
        ),
        (
            "[servr]",
            "tickerq.toml:1: servr: unknown setting; did you mean server?",
        ),
        (
            "[xyzzyplugh]",
            "tickerq.toml:1: xyzzyplugh: unknown setting; allowed here are server, database, api, jobs",
        ),
        ("[server]\nlisten = []", "server.listen: at least one address is needed"),
        (
            "[server]\nlisten = \"5000\"",
            "'5000' is not an IP address and a port; write it like 127.0.0.1:5000",
        ),
        (
            "[server]\nlisten = [\n \"127.0.0.1:1\",\n 7,\n]",
            "tickerq.toml:4: server.listen[1]: 7 is not a text",
        ),
        (
            "[server]\nlisten = [\"[::1]:1\", \"[::1]:1\"]",
            "server.listen: [::1]:1 is duplicated",
        ),
        (
            "[server]\nmax_request_body = \"4 parsecs\"",
            "'4 parsecs' is not a size; write bytes, or a text",
        ),
        ("[server]\nmax_request_body = -1", "-1 is not a size"),
        (
            "[server]\nmax_request_body = 1",
            "1B is out of range; allowed is 1KiB to 1GiB",
        ),
        (
            "[server]\nmax_body_memory = \"16MiB\"",
            "16MiB is less than the largest body may have, 32MiB",
        ),
        (
            "[server]\nmax_response_memory = \"8MiB\"",
            "8MiB is less than max_response may have, 16MiB",
        ),
        (
            "[graphql]\nmax_response = 1",
            "graphql.max_response: 1B is out of range; allowed is 64KiB to 1GiB",
        ),
        ("[server]\nhttp_workers = nan", "nan is not a whole number"),
        ("[server]\nhttp_workers = 1.5", "1.5 is not a whole number"),
        (
            "[server]\nkeep_alive = \"-00:00:01\"",
            "-00:00:01 is out of range; allowed is 00:00:00 to 01:00:00",
        ),
        (
            "[server]\nkeep_alive = 5",
            "5 is not a duration; write \"00:00:30\", \"PT30S\" or \"30s\"",
        ),
        ("[database]\nurl = \"\"", "database.url: must not be empty"),
        (
            "[database]\nurl = \"mysql://a:s3cret@b\"",
            "database.url: is not a database URL; the form is sqlite:FILE or",
        ),
        ("[database]\nmax_connections = 0", "0 is out of range"),
        (
            "[database]\nmax_expensive_reads = 4",
            "4 is out of range; allowed is 1 to 3, half of database.max_connections without the one that writes",
        ),
        ("[database]\nexpensive_read_timeout = \"10ms\"", "is out of range"),
        (
            "[database]\nmax_connections = 99999999999999999999",
            "99999999999999999999 is out of range",
        ),
        (
            "[database]\nmax_connections = 5000",
            "5000 is out of range; allowed is 1 to 1000",
        ),
        (
            "[database]\ndurability = \"ful\"",
            "'ful' is not allowed; allowed is \"full\" or \"normal\"",
        ),
        (
            "[api]\nenable = \"yes\"",
            "'yes' is not allowed; allowed is true or false, without quotes",
        ),
        ("[api]\nbase_path = \"/api/\"", "'/api/' is not a base path"),
        ("[api]\nversion = \"jobs\"", "'jobs' is not a version"),
        (
            "[queues]\nname = \"a\"",
            "queues: a table is not allowed; write [[queues]] once for each",
        ),
        (
            "queues = [1]",
            "queues[0]: 1 is not allowed here; a table with settings is",
        ),
        (
            "[[queues]]\nname = \"a\"\n[[queues]]\nname = \"a\"",
            "tickerq.toml:3: queues[1].name: 'a' is the name of an earlier",
        ),
        (
            "[[queues]]\nname = \"a\"\nrate_limit = \"fast\"",
            "queues[0].rate_limit: 'fast' is not a rate",
        ),
        (
            "[[queues]]\nname = \"a\"\nmax_pending = 0",
            "queues[0].max_pending: 0 is out of range",
        ),
        (
            "[job_types.\"a b\"]\nhandler = \"noop\"",
            "tickerq.toml:1: job_types.a b: a job type contains ' '",
        ),
        (
            "[job_types.A]\nhandler = \"nop\"",
            "job_types.A.handler: 'nop' is not a handler; allowed is { http",
        ),
        (
            "[job_types.A]\nhandler = {}",
            "job_types.A.handler: must name one handler; allowed is",
        ),
        (
            "[job_types.A]\nhandler = { http = {} }",
            "job_types.A.handler.http.url: is required",
        ),
        (
            "[job_types.A]\nhandler = { command = { program = 1 } }",
            "job_types.A.handler.command.program: 1 is not a text",
        ),
        (
            "[job_types.A]\nhandler = { http = { url = \"http://x\", headers = { \"a b\" = \"c\" } } }",
            "job_types.A.handler.http.headers.a b: is not the name of a header",
        ),
        (
            "[job_types.A]\ntimeout = \"00:00:00\"",
            "00:00:00 is out of range; allowed is 00:00:00.0010000 to 3650.00:00:00",
        ),
        (
            "[job_types.A]\nretry_intervals = [\"00:00:01\", \"x\"]",
            "job_types.A.retry_intervals[1]: 'x' is not a duration",
        ),
        ("[jobs]\nmax_retries = -1", "-1 is out of range; allowed is 0 to"),
        (
            "[retention]\nfailed = \"sometimes\"",
            "such as 5m, 1h30m, 7d or 500ms, or \"never\"",
        ),
        (
            "[cluster]\nlease_ttl = \"00:00:02\"",
            "00:00:02 is out of range; allowed is 00:00:03 to",
        ),
        ("[log]\nlevel = \"inof\"", "'inof' is not a level"),
        (
            "[log]\nformat = \"xml\"",
            "'xml' is not allowed; allowed is \"text\" or \"json\"",
        ),
        ("[server]\nkeep_alive = \n", "tickerq.toml:2: is not TOML: "),
        (
            "[server]\nkeep_alive = \"00:00:01\"\nkeep_alive = \"00:00:02\"",
            "tickerq.toml:3: is not TOML: duplicate key",
        ),
    ] {
        let errors = mistake(file);
        assert!(
            errors.contains(expected),
            "{file}\n  actual   {errors}\n  expected {expected}"
        );
        assert_eq!(errors.lines().count(), 1, "{file}\n  actual {errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}

#[test]
fn a_number_may_have_any_notation_of_toml() {
    for (written, expected) in [("0x10", 16), ("1_000", 1000), ("+7", 7), ("0b11", 3)] {
        let config = load_file(&format!("[database]\nmax_connections = {written}")).unwrap();
        assert_eq!(config.database.options.max_connections, expected, "{written}");
    }
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let errors = mistake("[job_types.A]\nhandler = { http = { url = \"http://x\", secret = 424242 } }");
    assert_eq!(
        errors,
        "tickerq.toml:2: job_types.A.handler.http.secret: a number is not a text; write it in quotes"
    );
}

#[test]
fn application_insights_needs_a_connection_string_that_no_message_repeats() {
    let errors = mistake("[telemetry]\nenable_application_insights = true");
    assert_eq!(errors, "tickerq.toml:1: telemetry.connection_string: is required");
    let errors = mistake("[telemetry]\nconnection_string = \"s3cret\"");
    assert_eq!(
        errors,
        "tickerq.toml:2: telemetry.connection_string: has a part without '='; write Key=value parts with ';' between them"
    );
}

#[test]
fn telemetry_settings_are_checked() {
    let errors = mistake("[telemetry]\ntrace_sample_ratio = 1.5");
    assert_eq!(
        errors,
        "tickerq.toml:2: telemetry.trace_sample_ratio: 1.5 is not allowed; allowed is 0 to 1, such as 0.05, with at most six \
         decimal places"
    );
    let errors = mistake("[telemetry]\notlp_endpoint = \"localhost:4318\"");
    assert!(errors.contains("scheme http"), "{errors}");
}

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
fn mistakes_in_the_environment_and_in_flags_name_the_variable_and_the_flag() {
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
fn variables_that_are_not_configuration_are_left_alone() {
    let variables = [
        ("TICKERQ_JOB_ID", "1"),
        ("TICKERQ_SERVER", "http://127.0.0.1:5000"),
        ("TICKERQ_TOKEN", "s3cret"),
        ("TICKERQ_TEST_POSTGRES__URL", "x"),
        ("HOME", "/root"),
    ];
    assert!(load_environment(&variables).is_ok());
}

#[test]
fn the_rendered_configuration_names_sources_hides_secrets_and_can_be_parsed() {
    let file = "[database]\nurl = \"postgres://ann:s3cret@db/jobs\"\n[job_types.\"a+b\"]\nmax_retries = 1\n\
                handler = { http = { url = \"http://x/?key=s3cret\", secret = \"s3cret-of-a-job\", headers = { A = \"s3cret\" } } }\n\
                [retention]\nfailed = \"never\"\n\
                [telemetry]\notlp_headers = { X-Key = \"s3cret\" }\ntrace_sample_ratio = 0.07\n";
    let config = load_from(file, &[("TICKERQ_LOG__LEVEL", "debug")], Vec::new()).unwrap();
    let shown = config.to_toml();
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("[job_types.\"a+b\"]\n"), "{shown}");
    assert!(shown.contains("level = \"debug\"  # TICKERQ_LOG__LEVEL\n"), "{shown}");
    assert!(shown.contains("listen = [\"127.0.0.1:5000\"]\n"), "{shown}");
    assert!(shown.contains(".toml:2\n") || shown.contains(":2\n"), "{shown}");
    // The placeholder is too short to be a secret.
    let written = shown.replace("secret = \"***\"", "secret = \"another-secret\"");
    let again = load_file(&written).unwrap_or_else(|errors| panic!("{errors}\n{shown}"));
    assert_eq!(again.server, config.server);
    assert_eq!(again.queues, config.queues);
    assert_eq!(again.jobs.defaults(), config.jobs.defaults());
    assert_eq!(again.retention, config.retention);
    assert_eq!(again.telemetry.sampling, SamplingRatio::of(0.07));
    assert_eq!(again.job_types[0].defaults, config.job_types[0].defaults);
}

#[test]
fn live_updates_have_limits_that_fit_each_other() {
    let config = load_file("[realtime]\nmax_connections = 7\nmax_message_size = \"64KiB\"\n").unwrap();
    assert_eq!(config.realtime.options.max_connections, 7);
    assert_eq!(config.realtime.options.message_bytes_max, 64 << 10);
    assert_eq!(config.realtime.options.ping_interval, Duration::from_secs(15));
    let cut_off = mistake("[realtime]\nping_interval = \"00:01:00\"\n");
    assert!(
        cut_off.contains("every silent client would be disconnected"),
        "{cut_off}"
    );
    let none = mistake("[realtime]\nmax_subscriptions = 0\n");
    assert!(none.contains("allowed is 1 to 10000"), "{none}");
}

#[test]
fn a_file_that_is_missing_or_not_utf_8_is_named() {
    let missing = load(Sources::<Variables> {
        file: Some("no/such/file.toml".into()),
        ..Sources::default()
    });
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .starts_with("no/such/file.toml: can't be read: ")
    );
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[log]\nlevel = \"\xff\"").unwrap();
    let path = file.path().to_owned();
    let errors = load(Sources::<Variables> {
        file: Some(path.clone()),
        ..Sources::default()
    });
    assert_eq!(
        errors.unwrap_err().to_string(),
        format!("{}:2: is not UTF-8", path.display())
    );
}
