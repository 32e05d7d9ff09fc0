//! Clients generated from the OpenAPI document, run against a real server. `scripts/test` installs the
//! generators.

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::server::{Server, Site};
use crate::realtime::clients::clients;

/// A generator writes hundreds of files, concurrently with other tests.
const TIMEOUT: Duration = Duration::from_secs(180);
const CONFIG: &str = "[job_types.Noop]\nhandler = \"noop\"\n";

async fn run(program: impl AsRef<OsStr>, folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    let output = timeout(TIMEOUT, command.output()).await.expect("it ends in time");
    let output = output.expect("the program runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{arguments:?}:\n{text}");
    text
}

/// A server, and a folder with its `openapi.json`.
fn described() -> (Site, Server, PathBuf) {
    let (site, server) = Server::with_config(CONFIG);
    let folder = site.path().join("generated");
    std::fs::create_dir(&folder).expect("a folder");
    let output = site.command(&["openapi"]).output().expect("the command runs");
    std::fs::write(folder.join("openapi.json"), output.stdout).expect("a file");
    (site, server, folder)
}

#[tokio::test]
async fn the_client_that_openapi_python_client_generates_works() {
    let python = crate::harness::repository().join("target/python-clients/bin");
    assert!(
        python.is_dir(),
        "the generator is not installed: run ./scripts/python-clients, or ./scripts/test"
    );
    let (_site, server, folder) = described();
    let config = "package_name_override: tickerq_client\nproject_name_override: tickerq-client\npost_hooks: []\n";
    std::fs::write(folder.join("config.yml"), config).expect("a file");
    let generate = [
        "generate",
        "--path=openapi.json",
        "--config=config.yml",
        "--output-path=client",
        "--fail-on-warning",
    ];
    run(python.join("openapi-python-client"), &folder, &generate).await;
    let script = clients().join("generated_python.py");
    let arguments = [script.to_str().expect("UTF-8"), &server.url, "client"];
    let printed = run(python.join("python"), &folder, &arguments).await;
    assert_eq!(printed.trim(), "ok");
}

#[tokio::test]
async fn the_types_that_openapi_typescript_generates_are_right() {
    let (_site, server, folder) = described();
    let modules = clients().join("node_modules");
    symlink(&modules, folder.join("node_modules")).expect("a link");
    std::fs::copy(clients().join("generated_typescript.ts"), folder.join("main.ts")).expect("a file");
    std::fs::write(folder.join("package.json"), "{\"type\":\"module\"}").expect("a file");
    let generate = ["openapi.json", "--output", "schema.d.ts"];
    run(modules.join(".bin/openapi-typescript"), &folder, &generate).await;
    let compile = [
        "--strict",
        "--target",
        "es2022",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
        "--lib",
        "es2022,dom,dom.iterable",
        "--skipLibCheck",
        "--outDir",
        "built",
        "main.ts",
    ];
    run(modules.join(".bin/tsc"), &folder, &compile).await;
    let printed = run("node", &folder, &["built/main.js", &server.url]).await;
    assert_eq!(printed.trim(), "ok");
}
