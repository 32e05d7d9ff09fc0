//! Files and defaults, and the rendered configuration.

use std::num::NonZeroU32;

use super::{Variables, load_file, load_from};
use crate::config::sections::job_types::handler::HandlerSettings;
use crate::config::{Sources, load};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_context::SamplingRatio;

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load(Sources::<Variables>::default()).unwrap();
    assert_eq!(config.server.listen, ["127.0.0.1:5000".parse().unwrap()]);
    assert_eq!(config.server.shutdown_grace, TimeSpan::from_secs(30));
    assert_eq!(config.api.rest.body_bytes_max, 4 << 20);
    assert_eq!(config.database.url.expose(), "sqlite:tickerq.db");
    assert_eq!(config.api.rest.base_path, "/api/tickerq");
    assert_eq!(config.queues.configured.len(), 1);
    assert_eq!(config.queues.configured[0].workers.get(), 10);
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
    assert_eq!(config.queues.default_workers.get(), 3);
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
fn a_number_may_have_any_notation_of_toml() {
    for (written, expected) in [("0x10", 16), ("1_000", 1000), ("+7", 7), ("0b11", 3)] {
        let config = load_file(&format!("[database]\nmax_connections = {written}")).unwrap();
        assert_eq!(config.database.options.max_connections, expected, "{written}");
    }
}

#[test]
fn the_rendered_configuration_names_sources_hides_secrets_and_can_be_parsed() {
    let file = "[database]\nurl = \"postgres://ann:s3cret@db/jobs\"\n[job_types.\"a+b\"]\nmax_retries = 1\n\
                handler = { http = { url = \"http://x/?key=s3cret\", secret = \"s3cret-of-a-job\", headers = { A = \"s3cret\" } } }\n\
                [retention]\nfailed = \"never\"\n\
                [telemetry]\notlp_headers = { X-Key = \"s3cret\" }\ntrace_sample_ratio = 0.07\n";
    let config = load_from(file, &[("TICKERQ_LOG__LEVEL", "debug")], Vec::new()).unwrap();
    let rendered = config.to_toml();
    assert!(!rendered.contains("s3cret"), "{rendered}");
    assert!(rendered.contains("[job_types.\"a+b\"]\n"), "{rendered}");
    assert!(
        rendered.contains("level = \"debug\"  # TICKERQ_LOG__LEVEL\n"),
        "{rendered}"
    );
    assert!(rendered.contains("listen = [\"127.0.0.1:5000\"]\n"), "{rendered}");
    assert!(
        rendered.contains(".toml:2\n") || rendered.contains(":2\n"),
        "{rendered}"
    );
    // The placeholder is too short to be a secret.
    let written = rendered.replace("secret = \"***\"", "secret = \"another-secret\"");
    let reloaded = load_file(&written).unwrap_or_else(|errors| panic!("{errors}\n{rendered}"));
    assert_eq!(reloaded.server, config.server);
    assert_eq!(reloaded.queues, config.queues);
    assert_eq!(reloaded.jobs.defaults(), config.jobs.defaults());
    assert_eq!(reloaded.retention, config.retention);
    assert_eq!(reloaded.telemetry.sampling, SamplingRatio::of(0.07));
    assert_eq!(reloaded.job_types[0].defaults, config.job_types[0].defaults);
}
