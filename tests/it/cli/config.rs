//! `tickerq config`, `migrate`, `completions`, and failing starts of `serve`: output and exit codes.

use std::fs;

use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::shell::{Printed, output_of};

fn run(site: &Site, arguments: &[&str]) -> Printed {
    run_with(site, arguments, &[])
}

fn run_with(site: &Site, arguments: &[&str], variables: &[(&str, &str)]) -> Printed {
    let mut command = site.command(arguments);
    output_of(
        command
            .envs(variables.iter().copied())
            .output()
            .expect("the binary runs"),
    )
}

fn site(config: &str) -> Site {
    Site::new(Storage::Sqlite, config)
}

const MISTAKES: &str = r#"[server]
listen = "0.0.0.0:5000"
shutdown_grce = "00:00:05"
[jobs]
max_retries = "3"
timeout = "24:00:00"
[[queues]]
concurrency = 0
[job_types."B c"]
handler = "noop"
[job_types.C]
handler = { http = { url = "http://ann:s3cret@host/", headers = { X-TickerQ-Job-Id = "s3cret" } } }
"#;

/// The mistakes, each with its line and message.
const EXPECTED: &[&str] = &[
    "error: tickerq.toml:2: server.listen: 0.0.0.0:5000 is reachable",
    "error: tickerq.toml:3: server.shutdown_grce: unknown setting; did you mean shutdown_grace?",
    "error: tickerq.toml:5: jobs.max_retries: '3' is not a whole number; allowed is 0 to 1000",
    "error: tickerq.toml:6: jobs.timeout: '24:00:00' is not a duration (hours are 00 to 23; write a day and more as",
    "error: tickerq.toml:7: queues[0].name: is required",
    "error: tickerq.toml:8: queues[0].concurrency: 0 is out of range; allowed is 1 to 4096",
    "error: tickerq.toml:9: job_types.B c: a job type contains ' '; allowed are letters",
    "error: tickerq.toml:12: job_types.C.handler.http.url: must not contain credentials; use",
    "error: tickerq.toml:12: job_types.C.handler.http.headers.X-TickerQ-Job-Id: is set by the server",
];

#[test]
fn mistakes_in_the_configuration_stop_the_start_and_are_all_named_with_their_lines() {
    let site = site(MISTAKES);
    for arguments in [
        &["config", "check"][..],
        &["config", "show"],
        &["serve"],
        &["migrate", "up"],
        &["openapi"],
    ] {
        let Printed { code, out, err } = run(&site, arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
        for expected in EXPECTED {
            assert!(
                err.lines().any(|line| line.starts_with(expected)),
                "{arguments:?} does not report {expected}:\n{err}"
            );
        }
        assert_eq!(err.lines().count(), EXPECTED.len(), "{err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
    assert!(!site.path().join("tickerq.db").exists(), "nothing was started");
}

#[test]
fn a_file_that_is_not_toml_or_not_there_is_named() {
    let site = site("[server]\nlisten = \n[jobs\n");
    let Printed { code, err, .. } = run(&site, &["config", "check"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: tickerq.toml:2: is not TOML: "), "{err}");
    let Printed { code, err, .. } = run(&site, &["serve", "--config", "no/such.toml"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "error: no/such.toml: can't be read: No such file or directory (os error 2)\n"
    );
    fs::write(site.path().join("latin.toml"), b"[log]\nlevel = \"\xff\"\n").expect("a file");
    let Printed { err, .. } = run_with(&site, &["config", "check"], &[("TICKERQ_CONFIG", "latin.toml")]);
    assert_eq!(err, "error: latin.toml:2: is not UTF-8\n");
}

#[test]
fn a_valid_configuration_is_reported_as_valid() {
    let site = site("[log]\nlevel = \"debug\"");
    let Printed { code, out, err } = run(&site, &["config", "check"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "tickerq.toml: ok\n", ""));
    fs::remove_file(site.path().join("tickerq.toml")).expect("a file");
    let Printed { code, out, .. } = run(&site, &["config", "check"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "no configuration file, defaults and environment: ok\n")
    );
}

#[test]
fn the_effective_configuration_is_shown_with_sources_and_without_secrets() {
    let site = site(
        r#"[server]
shutdown_grace = "PT5S"
[job_types.Mail]
max_retries = 9
[job_types.Mail.handler.http]
url = "https://example.com/run?key=s3cret&user=s3cret"
secret = "s3cret-of-the-mail"
headers = { Authorization = "Bearer s3cret" }
[job_types.Run.handler.command]
program = "run"
args = ["--fast"]
environment = { PASSWORD = "s3cret" }
"#,
    );
    let variables = [
        ("TICKERQ_JOBS__TIMEOUT", "00:01:00"),
        ("TICKERQ_QUEUES__0__NAME", "mail"),
        ("TICKERQ_QUEUES__0__CONCURRENCY", "3"),
        ("TICKERQ_SERVER__SHUTDOWN_GRACE", "00:00:07"),
        ("TICKERQ_JOB_TYPES__Mail__QUEUE", "mail"),
        ("TICKERQ_SERVER__LISTEN", "127.0.0.1:1"),
        ("TICKERQ_DATABASE__URL", "postgres://ann:s3cret@db/jobs?password=s3cret"),
        ("TICKERQ_TOKEN", "s3cret"),
    ];
    let Printed { code, out, err } = run_with(
        &site,
        &["config", "show", "--listen", "127.0.0.1:2", "--listen", "[::1]:3"],
        &variables,
    );
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(!out.contains("s3cret"), "{out}");
    for line in [
        // Precedence: flags, variables, file, defaults.
        "listen = [\"127.0.0.1:2\", \"[::1]:3\"]  # --listen",
        "shutdown_grace = \"00:00:07\"  # TICKERQ_SERVER__SHUTDOWN_GRACE",
        "timeout = \"00:01:00\"  # TICKERQ_JOBS__TIMEOUT",
        "url = \"postgres://ann:***@db/jobs?password=***\"  # TICKERQ_DATABASE__URL",
        "concurrency = 3  # TICKERQ_QUEUES__0__CONCURRENCY",
        "queue = \"mail\"  # TICKERQ_JOB_TYPES__Mail__QUEUE",
        "max_retries = 9  # tickerq.toml:4",
        "url = \"https://example.com/run?key=***&user=***\"  # tickerq.toml:6",
        "secret = \"***\"  # tickerq.toml:7",
        "Authorization = \"***\"  # tickerq.toml:8",
        "args = [\"--fast\"]  # tickerq.toml:11",
        "PASSWORD = \"***\"  # tickerq.toml:12",
        "max_batch_size = 10000",
    ] {
        assert!(out.lines().any(|found| found == line), "there is no {line}\n{out}");
    }
    out.parse::<toml::Table>().expect("it is TOML");
}

#[test]
fn mistakes_in_variables_and_flags_name_them() {
    let site = site("");
    let variables = [
        ("TICKERQ_JOBS__MAX_RETRYS", "1"),
        ("TICKERQ_JOBS__MAX_RETRIES", "many"),
        ("TICKERQ_LISTEN", "127.0.0.1:1"),
        ("TICKERQ_QUEUES__5__NAME", "x"),
    ];
    let Printed { code, err, .. } = run_with(&site, &["serve", "--listen", "localhost"], &variables);
    assert_eq!(code, Some(1));
    for expected in [
        "error: TICKERQ_JOBS__MAX_RETRYS: jobs.max_retrys: unknown setting; did you mean max_retries?",
        "error: TICKERQ_JOBS__MAX_RETRIES: jobs.max_retries: 'many' is not a whole number; allowed is 0 to 1000",
        "error: TICKERQ_LISTEN: unknown setting; the form is TICKERQ_SECTION__KEY, such as TICKERQ_SERVER__LISTEN",
        "error: TICKERQ_QUEUES__5__NAME: the list has 0 items; the number in the name is 0 to 0",
        "error: --listen: server.listen: 'localhost' is not an IP address and a port; write it like 127.0.0.1:5000 or",
    ] {
        assert!(
            err.lines().any(|line| line.starts_with(expected)),
            "it does not report {expected}:\n{err}"
        );
    }
    let Printed { code, err, .. } = run(&site, &["serve", "--database-url", "mysql://ann:s3cret@db/jobs"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "error: --database-url: database.url: is not a database URL; the form is sqlite:FILE or \
         postgres://user:password@host/database\n"
    );
}

#[test]
fn migrations_are_applied_reverted_and_listed() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let site = Site::new(storage, "");
        let url = site.database_url().to_owned();
        let migrate = |action: &[&str]| {
            let arguments = [&["migrate"], action, &["--database-url", &url]].concat();
            let Printed { code, out, err } = run(&site, &arguments);
            assert_eq!(code, Some(0), "{action:?}: {err}");
            out
        };
        let status = migrate(&["status"]);
        assert!(
            status.lines().count() > 0 && status.lines().all(|line| line.starts_with("pending  m")),
            "{status}"
        );
        let applied = status.replace("pending", "applied");
        assert_eq!(migrate(&["up"]), applied);
        assert_eq!(migrate(&["up"]), applied, "a second time changes nothing");
        assert_eq!(migrate(&["status"]), applied);
        let steps = status.lines().count().to_string();
        assert_eq!(migrate(&["down", "--steps", &steps, "--yes"]), status);
        assert_eq!(migrate(&["status"]), status);
        // A server migrates by itself.
        site.start().kill();
        assert_eq!(migrate(&["status"]), applied);
    }
}

#[test]
fn taking_tables_back_must_be_confirmed() {
    let site = site("");
    let Printed { code, err, .. } = run(&site, &["migrate", "down"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("--yes"), "{err}");
    assert!(!site.path().join("tickerq.db").exists());
    let Printed { code, err, .. } = run(
        &site,
        &["migrate", "up", "--database-url", "sqlite:no/such/folder/jobs.db"],
    );
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "error: the folder 'no/such/folder' for the database does not exist; make it first\n"
    );
}

#[test]
fn a_second_server_on_the_same_file_or_port_does_not_start() {
    let (site, server) = Server::with_config("");
    let url = site.database_url().to_owned();
    let in_use = "error: another server uses the database 'tickerq.db'; one SQLite file serves one server (several share a PostgreSQL database)\n";
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate", "up"]] {
        let arguments = [arguments, &["--database-url", &url]].concat();
        let Printed { code, out, err } = run(&site, &arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(err.ends_with(in_use), "{err}");
    }
    let address = server.url.strip_prefix("http://").expect("an address");
    let Printed { code, err, .. } = run(
        &site,
        &["serve", "--listen", address, "--database-url", "sqlite:other.db"],
    );
    assert_eq!(code, Some(1));
    assert!(
        err.ends_with(&format!(
            "error: can't listen on {address} (--listen, server.listen): Address already in use (os error 98)\n"
        )),
        "{err}"
    );
    assert!(site.path().join("other.db").exists() && !site.path().join("other.db-wal").exists());
    // The lock of the file ends with its process.
    server.kill();
    site.start();
}

#[test]
fn completions_are_printed_for_every_shell() {
    let site = site("");
    for (shell, beginning) in [
        ("bash", "_tickerq() {"),
        ("zsh", "#compdef tickerq"),
        ("fish", "# Print an optspec"),
        ("powershell", "\nusing namespace"),
        ("elvish", "\nuse builtin;"),
    ] {
        let Printed { code, out, err } = run(&site, &["completions", shell]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{shell}");
        assert!(out.starts_with(beginning), "{shell}: {}", &out[..out.len().min(80)]);
        assert!(out.contains("unique-key"), "{shell}");
    }
    let Printed { code, err, .. } = run(&site, &["completions", "tcsh"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("invalid value 'tcsh'"), "{err}");
}

#[tokio::test]
async fn the_check_reports_errors_and_warnings_of_a_start_with_their_source() {
    let refused = |config: &str, line: usize, what: &str| {
        let site = site(config);
        for arguments in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"][..]] {
            let output = site.command(arguments).output().expect("the binary runs");
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{arguments:?}: {error}");
            let place = format!("tickerq.toml:{line}: ");
            assert!(error.contains(&place) && error.contains(what), "{arguments:?}: {error}");
        }
    };
    refused(
        "[time_zones]\nfolder = \"/no/such/folder\"\n",
        2,
        "time_zones.folder: /no/such/folder",
    );
    refused("[time_zones]\nfolder = \".\"\n", 2, "has no compiled time zones");
    refused(
        "[api.jwt]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"missing.json\"\n",
        4,
        "api.jwt.jwks_file: missing.json",
    );
    let endpoint = "[[webhooks.endpoints]]\nurl = \"https://example.com/hook\"\nevents = [\"*\"]\n";
    let short = format!("{endpoint}secret = \"a secret of the test\"\nprevious_secret = \"short\"\n");
    refused(&short, 5, "previous_secret: has 5 bytes; allowed are 14 to 256");
    refused(
        "[api]\nunknown_job_types = \"reject\"\n[[recurring]]\nkey = \"nightly\"\ntype = \"Typo\"\ncron = \"0 2 * * *\"\n",
        5,
        "recurring[0].type: job type 'Typo' is not configured",
    );

    let site = site(
        "[telemetry]\nresource_attributes = \"no attributes\"\n[[recurring]]\nkey = \"past\"\ntype = \"Old\"\n\
         cron = \"0 2 * * *\"\nends_at = \"2001-01-01T00:00:00Z\"\n",
    );
    let output = site.command(&["config", "check"]).output().expect("the binary runs");
    let checked = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{checked}");
    let attributes = "tickerq.toml:2: telemetry.resource_attributes: is ignored";
    assert!(checked.contains(&format!("warning: {attributes}")), "{checked}");
    assert!(
        checked.contains("warning: tickerq.toml:7: recurring[0].ends_at: "),
        "{checked}"
    );
    let server = site.start();
    eventually("the warning is logged", || async {
        server.log().contains(attributes).then_some(())
    })
    .await;
}
