//! Errors and their texts.

use std::io::Write;
use std::time::Duration;

use super::{Variables, error_of, load_file};
use crate::config::{Sources, load};

#[test]
fn all_errors_are_reported_together_each_with_its_line() {
    let errors = error_of(
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
    assert!(
        lines[6].starts_with("tickerq.toml:11: job_types.Email.handler.http.url: must begin with http:// or https://")
    );
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
            "[dashboard]\npath = \"/graphql/\"",
            "dashboard.path: '/graphql/' overlaps with /graphql, which is another part",
        ),
        (
            "[dashboard]\npath = \"/api/\"",
            "dashboard.path: '/api/' overlaps with /api/tickerq",
        ),
        (
            "[dashboard]\nstage = \"prod\"",
            "dashboard.stage: 'prod' is not allowed; allowed are \"development\", \"test\", \"production\"",
        ),
        (
            "[dashboard]\ncolour = \"red;\"",
            "dashboard.colour: 'red;' is not a colour",
        ),
        (
            "[dashboard]\ntrace_url = \"https://traces.example\"",
            "dashboard.trace_url: 'https://traces.example' is not the address of a trace",
        ),
        (
            "[dashboard]\nframe_ancestors = [\"*\"]",
            "dashboard.frame_ancestors: '*' is not an origin",
        ),
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
            "'ful' is not allowed; allowed are \"full\", \"normal\"",
        ),
        (
            "[api]\nenable = \"yes\"",
            "'yes' is not allowed; allowed is true or false, without quotes",
        ),
        ("[api]\nbase_path = \"/api/\"", "'/api/' is not a base path"),
        ("[api]\nversion = \"jobs\"", "'jobs' is not a version"),
        (
            "[queues]\nname = \"a\"",
            "queues: a table is not allowed; write [[queues]] once for each queue",
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
            "job_types.A.handler: 'nop' is not a handler; allowed are { http",
        ),
        (
            "[job_types.A]\nhandler = { command = \"report\" }",
            "job_types.A.handler.command: 'report' is not allowed; write command = { program = \"report\"",
        ),
        (
            "[job_types.A]\nhandler = { http = \"https://example.com\" }",
            "job_types.A.handler.http: 'https://example.com' is not allowed; write http = { url",
        ),
        (
            "listen = \"127.0.0.1:1\"",
            "listen: unknown setting; did you mean server.listen?",
        ),
        (
            "[job_types.A]\nhandler = {}",
            "job_types.A.handler: must name one handler; allowed are",
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
            "'xml' is not allowed; allowed are \"text\", \"json\"",
        ),
        ("[server]\nkeep_alive = \n", "tickerq.toml:2: is not TOML: "),
        (
            "[server]\nkeep_alive = \"00:00:01\"\nkeep_alive = \"00:00:02\"",
            "tickerq.toml:3: is not TOML: duplicate key",
        ),
    ] {
        let errors = error_of(file);
        assert!(
            errors.contains(expected),
            "{file}\n  actual   {errors}\n  expected {expected}"
        );
        assert_eq!(errors.lines().count(), 1, "{file}\n  actual {errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let errors = error_of("[job_types.A]\nhandler = { http = { url = \"http://x\", secret = 424242 } }");
    assert_eq!(
        errors,
        "tickerq.toml:2: job_types.A.handler.http.secret: a number is not a text; write it in quotes"
    );
}

#[test]
fn application_insights_needs_a_connection_string_that_no_message_repeats() {
    let errors = error_of("[telemetry]\nenable_application_insights = true");
    assert_eq!(errors, "tickerq.toml:1: telemetry.connection_string: is required");
    let errors = error_of("[telemetry]\nconnection_string = \"s3cret\"");
    assert_eq!(
        errors,
        "tickerq.toml:2: telemetry.connection_string: has a part without '='; write Key=value parts with ';' between them"
    );
}

#[test]
fn telemetry_settings_are_checked() {
    let errors = error_of("[telemetry]\ntrace_sample_ratio = 1.5");
    assert_eq!(
        errors,
        "tickerq.toml:2: telemetry.trace_sample_ratio: 1.5 is not allowed; allowed is 0 to 1, such as 0.05, with at most six \
         decimal places"
    );
    let errors = error_of("[telemetry]\notlp_endpoint = \"localhost:4318\"");
    assert_eq!(
        errors,
        "tickerq.toml:2: telemetry.otlp_endpoint: must begin with http:// or https://, and name a host"
    );
}

#[test]
fn live_updates_have_limits_that_fit_each_other() {
    let config = load_file("[realtime]\nmax_connections = 7\nmax_message_size = \"64KiB\"\n").unwrap();
    assert_eq!(config.realtime.options.max_connections, 7);
    assert_eq!(config.realtime.options.message_bytes_max, 64 << 10);
    assert_eq!(config.realtime.options.ping_interval, Duration::from_secs(15));
    let cut_off = error_of("[realtime]\nping_interval = \"00:01:00\"\n");
    assert!(
        cut_off.contains("every silent client would be disconnected"),
        "{cut_off}"
    );
    let none = error_of("[realtime]\nmax_subscriptions = 0\n");
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
