//! SDK types: generated from the OpenAPI document and checked by the compilers of their languages.
//!
//! `TICKERQ_UPDATE_SDK=1 cargo test --test it sdk::types` updates the generated files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::repository;
use crate::harness::server::Server;

const GENERATED: [&str; 4] = [
    "javascript/src/schemas.d.ts",
    "python/tickerq/types.py",
    "dotnet/src/Models.cs",
    "rust/src/schemas.rs",
];

fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let mut command = Command::new(program.as_ref());
    let output = command.args(arguments).current_dir(repository()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{} {arguments:?}:\n{text}{}",
        program.as_ref().display(),
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Fails if a file in the repository differs from the generated one, or updates it.
fn is_current(path: &str, generated: &str) {
    let file = repository().join("sdk").join(path);
    if std::env::var_os("TICKERQ_UPDATE_SDK").is_some() {
        fs::write(&file, generated).expect("the file is written");
    }
    let present = fs::read_to_string(&file).expect("the file");
    assert!(
        present == generated,
        "sdk/{path} is not current: run TICKERQ_UPDATE_SDK=1 cargo test --test it sdk::types"
    );
}

#[tokio::test]
async fn types_are_generated_from_the_openapi_document() {
    let (_site, server) = Server::with_config("");
    let folder = tempfile::tempdir().expect("a folder");
    let document = folder.path().join("openapi.json");
    let text = server.client().get("/openapi.json").await.text;
    fs::write(&document, text).expect("the document is written");
    let (source, target) = (
        document.to_str().expect("UTF-8"),
        folder.path().to_str().expect("UTF-8"),
    );
    run("node", &["sdk/generate/types.mjs", source, target]);
    for path in GENERATED {
        is_current(
            path,
            &fs::read_to_string(folder.path().join(path)).expect("a generated file"),
        );
    }
}

#[test]
fn the_asyncio_client_has_the_methods_of_the_synchronous_one() {
    let generated = run("python3", &["sdk/generate/aio.py", "sdk/python/tickerq/client.py"]);
    is_current("python/tickerq/aio.py", &generated);
}

#[test]
fn javascript_is_typed() {
    for project in ["tsconfig.json", "tsconfig.scenarios.json"] {
        let project = format!("sdk/javascript/test/{project}");
        run("dashboard/node_modules/.bin/tsc", &["-p", &project]);
    }
}

#[test]
fn python_is_typed() {
    let mypy = repository().join("target/python-clients/bin/mypy");
    let strict = ["--strict", "--cache-dir", "target/python-clients/mypy"];
    let package = ["sdk/python/tickerq", "sdk/python/test/typed_program.py"];
    run(&mypy, &[&strict[..], &package[..]].concat());
    for example in ["schedule", "watch", "work", "webhook"] {
        let example = format!("sdk/python/examples/{example}.py");
        run(
            "env",
            &[
                &["MYPYPATH=sdk/python", mypy.to_str().expect("UTF-8")],
                &strict[..],
                &[&example],
            ]
            .concat(),
        );
    }
    assert!(repository().join("sdk/python/tickerq/py.typed").exists());
}
