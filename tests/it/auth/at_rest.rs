//! Files and processes on the server's machine: other users cannot read jobs and secrets.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::server::{Server, Site, Storage};

const WITH_KEY: &str = "[[api.keys]]\nname = \"ci\"\nkey = \"tq_key-of-a-test-at-rest\"\nscopes = [\"tickerq:read\", \
                        \"tickerq:write\"]\n";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

#[tokio::test]
async fn the_files_of_a_new_database_are_for_the_user_of_the_server_alone() {
    let site = Site::new(Storage::Sqlite, "");
    // For every umask, and after a restart, which creates the WAL again.
    for _ in 0..2 {
        let mut command = Command::new("sh");
        let program = crate::harness::program();
        let serve = format!("umask 0; exec {program} serve --listen 127.0.0.1:0 --database-url sqlite:tickerq.db");
        command.args(["-c", &serve]).current_dir(site.path());
        let server = site.start_from(command);
        server.client().create_of_type("Anything").await;
        let mut modes: Vec<(String, u32)> = fs::read_dir(site.path())
            .expect("the folder")
            .map(|entry| entry.expect("a file"))
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), mode(&entry.path())))
            .filter(|(name, _)| name.starts_with("tickerq.db"))
            .collect();
        modes.sort();
        let expected = ["tickerq.db", "tickerq.db-shm", "tickerq.db-wal", "tickerq.db.lock"];
        assert_eq!(modes, expected.map(|name| (name.to_owned(), 0o600)));
        assert!(!server.log().contains("accessible"), "{}", server.log());
        server.stop();
    }
}

#[tokio::test]
async fn files_that_other_users_can_open_are_named_at_the_start() {
    let site = Site::new(Storage::Sqlite, WITH_KEY);
    site.start().stop();
    let (config, database) = (site.path().join("tickerq.toml"), site.path().join("tickerq.db"));
    let backup = site.path().join("tickerq-2026-11-01.db");
    fs::copy(&database, &backup).expect("a copy");
    let check = || {
        let output = site.command(&["config", "check"]).output().expect("the program runs");
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (database_mode, backup_mode, config_mode) in [(0o644, 0o600, 0o640), (0o600, 0o604, 0o602)] {
        set_mode(&database, database_mode);
        set_mode(&backup, backup_mode);
        set_mode(&config, config_mode);
        let log = {
            let server = site.start();
            server.log()
        };
        for warnings in [log, check()] {
            let warned = |file: &Path, mode: u32| {
                let name = file.file_name().expect("a name").to_string_lossy().into_owned();
                let lines = warnings.lines().filter(|line| line.to_lowercase().contains("warn"));
                let found = lines.into_iter().any(|line| {
                    line.contains(&format!("{name}' "))
                        && line.contains(&format!("(mode {mode:04o})"))
                        && line.contains("chmod 600 ")
                });
                assert_eq!(found, mode & 0o077 != 0, "{name} {mode:o}: {warnings}");
            };
            warned(&database, database_mode);
            warned(&backup, backup_mode);
            warned(&config, config_mode);
        }
    }
    // The command of the warning fixes it.
    let warnings = check();
    for command in warnings.lines().filter_map(|line| line.split_once("run: ")) {
        let status = Command::new("sh")
            .args(["-c", command.1])
            .current_dir(site.path())
            .status();
        assert!(status.expect("a shell").success(), "{command:?}");
    }
    assert_eq!(check(), "");
}

#[test]
fn a_configuration_without_secrets_may_be_read_by_all() {
    let site = Site::new(Storage::Sqlite, "[server]\nlisten = \"127.0.0.1:0\"\n");
    let output = site.command(&["config", "check"]).output().expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// The server as an unprivileged user: root may read everything.
fn unprivileged(site: &Site, arguments: &[&str]) -> Command {
    let plain = site.command(arguments);
    if !rustix::process::geteuid().is_root() {
        return plain;
    }
    let program = site.path().join("tickerq");
    fs::copy(plain.get_program(), &program).expect("a copy of the program");
    set_mode(&program, 0o755);
    for file in [site.path().to_owned(), site.path().join("tickerq.toml")] {
        let chown = Command::new("chown").arg("65534:65534").arg(&file).status();
        assert!(chown.expect("chown runs").success());
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
        .arg(&program)
        .args(arguments)
        .current_dir(site.path());
    command
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_can_not_open_the_memory_the_files_and_the_environment_of_the_server() {
    let inspect = "for file in environ mem maps fd/0 auxv; do head -c 1 /proc/$PPID/$file >/dev/null 2>&1 && printf '%s ' $file; \
                done; ls /proc/$PPID/fd >/dev/null 2>&1 && printf fd; true";
    let site = Site::new(
        Storage::Sqlite,
        &format!(
            "{WITH_KEY}[job_types.Look]\nhandler = {{ command = {{ program = \"sh\", args = [\"-c\", {inspect:?}] }} }}\n"
        ),
    );
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        "sqlite:tickerq.db",
    ];
    let server = site.start_from(unprivileged(&site, &serve));
    let client = server.client().with_token("tq_key-of-a-test-at-rest");
    let job = client.create(json!({ "type": "Look" })).await;
    let job = client.wait_finished(job["id"].as_str().expect("an id")).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &Value::Null),
        "{job}"
    );
    // The server itself reads its files.
    let system = client.get("/metrics/system").await.json();
    assert!(!system["memory"].is_null() || system.is_object(), "{system}");
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_password_of_a_database_is_not_on_the_command_line_of_a_running_server() {
    let site = Site::new(Storage::Postgres, "");
    let separator = if site.database_url().contains('?') { '&' } else { '?' };
    // PostgreSQL trusts this user and reads no password.
    let url = format!("{}{separator}password=s3cret-of-the-database", site.database_url());
    for arguments in [
        vec!["--database-url".to_owned(), url.clone()],
        vec![format!("--database-url={url}")],
    ] {
        let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(&arguments);
        let server = site.start_from(command);
        let id = server.client().create_of_type("Anything").await;
        assert_eq!(server.client().job(&id).await["status"], "pending");
        let of_process = |file: &str| {
            let path = format!("/proc/{}/{file}", server.pid().as_raw_nonzero());
            String::from_utf8_lossy(&fs::read(path).expect("a process")).into_owned()
        };
        assert!(of_process("cmdline").contains("serve"));
        for file in ["cmdline", "environ"] {
            assert!(!of_process(file).contains("s3cret-of-the-database"), "{file}");
        }
    }
}

#[tokio::test]
async fn a_guessable_secret_is_rejected_wherever_one_is_set() {
    const SHORT: &str = "thirteenbytes";
    let (site, server) = Server::with_config("");
    let client = server.client();
    let endpoint = |secret: &str| json!({ "url": "https://example.com/", "events": ["*"], "secret": secret });
    let made = client.post("/webhooks/endpoints", endpoint("fourteen bytes")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let rotate = format!(
        "/webhooks/endpoints/{}/rotate-secret",
        made.json()["id"].as_str().expect("an id")
    );
    for response in [
        client.post("/webhooks/endpoints", endpoint(SHORT)).await,
        client.post(&rotate, json!({ "secret": SHORT })).await,
    ] {
        let error = &response.problem(400)["errors"][0];
        assert_eq!(error["pointer"], "#/secret");
        assert_eq!(error["detail"], "the secret has 13 bytes; allowed are 14 to 256");
    }
    let other = "https://example.com/";
    for (key, config) in [
        (
            "webhooks.endpoints[0].secret",
            format!("[[webhooks.endpoints]]\nurl = \"{other}\"\nevents = [\"*\"]\nsecret = \"SECRET\"\n"),
        ),
        (
            "webhooks.endpoints[0].previous_secret",
            format!(
                "[[webhooks.endpoints]]\nurl = \"{other}\"\nevents = [\"*\"]\nsecret = \"webhook-secret-key\"\n\
                 previous_secret = \"SECRET\"\n"
            ),
        ),
        (
            "change_feed.sinks[0].secret",
            format!("[[change_feed.sinks]]\nurl = \"{other}\"\nsecret = \"SECRET\"\n"),
        ),
        (
            "secret",
            format!("[job_types.T]\nhandler = {{ http = {{ url = \"{other}\", secret = \"SECRET\" }} }}\n"),
        ),
    ] {
        for (secret, is_right) in [(SHORT, false), ("", false), ("x", false), ("fourteen bytes", true)] {
            site.configure(&config.replace("SECRET", secret));
            let output = site.command(&["config", "check"]).output().expect("the program runs");
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), is_right, "{key} '{secret}': {errors}");
            let message = match secret {
                "" => "must not be empty".to_owned(),
                _ => format!("has {} bytes; allowed are 14 to 256", secret.len()),
            };
            assert!(
                is_right || errors.contains(key) && errors.contains(&message),
                "{key}: {errors}"
            );
        }
    }
}
