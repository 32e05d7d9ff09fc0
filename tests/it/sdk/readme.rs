//! READMEs of the SDKs: their code blocks, extracted and run against a server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::repository;
use crate::harness::server::{Server, Site, Storage};

const URL: &str = "http://localhost:5000";
/// Output of every program: the end of its job and of its webhook.
const DONE: [&str; 3] = ["completed", "hello Ann", "true"];

/// A README and a folder with a copy of its SDK.
struct Readme {
    blocks: Vec<(String, String)>,
    folder: TempDir,
    _site: Site,
    server: Server,
}

impl Readme {
    fn of(sdk: &str, languages: &[&str]) -> Self {
        let text = fs::read_to_string(repository().join("sdk").join(sdk).join("README.md")).expect("a README");
        let blocks = blocks(&text);
        for (language, _) in &blocks {
            assert!(
                languages.contains(&language.as_str()),
                "sdk/{sdk}/README.md has a block in '{language}'"
            );
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("sdk")).expect("a folder");
        let copied = Command::new("cp")
            .arg("-r")
            .arg(repository().join("sdk").join(sdk))
            .arg(folder.path().join("sdk"))
            .status();
        assert!(copied.expect("cp runs").success());
        let site = Site::new(Storage::Sqlite, "");
        let server = site.start();
        Self {
            blocks,
            folder,
            _site: site,
            server,
        }
    }

    /// All blocks of a language in order.
    fn program(&self, language: &str) -> String {
        let blocks = self.blocks.iter().filter(|(of, _)| of == language);
        let program: Vec<&str> = blocks.map(|(_, text)| text.as_str()).collect();
        assert!(!program.is_empty(), "the README has no block in '{language}'");
        program.join("\n")
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.folder.path())
            .env("TICKERQ_URL", &self.server.url);
        command
    }

    /// Runs the program with the server's URL.
    fn write(&self, name: &str, language: &str) -> PathBuf {
        let program = self.program(language);
        assert!(program.contains(URL), "the program does not name {URL}");
        let file = self.folder.path().join(name);
        fs::write(&file, program.replace(URL, &self.server.url)).expect("the program is written");
        file
    }
}

/// The fenced blocks of a Markdown text: language and content.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push((language.to_owned(), block.join("\n") + "\n"));
    }
    blocks
}

fn succeeds(output: std::io::Result<Output>) -> String {
    let output = output.expect("the program runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

fn is_done(printed: &str) {
    let printed = printed.to_lowercase();
    for text in DONE {
        assert!(printed.contains(&text.to_lowercase()), "'{text}' is not in {printed}");
    }
}

#[tokio::test]
async fn the_javascript_readme_runs() {
    let readme = Readme::of("javascript", &["sh", "js"]);
    succeeds(readme.command("bash").args(["-ec", &readme.program("sh")]).output());
    let program = readme.write("readme.mjs", "js");
    is_done(&succeeds(readme.command("node").arg(program).output()));
}

#[tokio::test]
async fn the_python_readme_runs_and_is_typed() {
    let readme = Readme::of("python", &["sh", "python"]);
    let environment = repository().join("target/python-clients/bin");
    let path = format!("{}:{}", environment.display(), std::env::var("PATH").expect("a PATH"));
    let packages = readme.folder.path().join("packages");
    // Installed offline with the existing setuptools. `0` is pip's spelling of "no isolation" here.
    let mut install = readme.command("bash");
    install
        .args(["-ec", &readme.program("sh")])
        .env("PATH", path)
        .env("PIP_TARGET", &packages);
    succeeds(
        install
            .env("PIP_NO_BUILD_ISOLATION", "0")
            .env("PIP_NO_INDEX", "1")
            .output(),
    );
    let program = readme.write("readme.py", "python");
    let mut check = readme.command(environment.join("mypy"));
    succeeds(check.arg("--strict").arg(&program).env("MYPYPATH", &packages).output());
    let mut python = readme.command(environment.join("python"));
    is_done(&succeeds(python.arg(program).env("PYTHONPATH", &packages).output()));
}

#[tokio::test]
async fn the_rust_readme_runs() {
    let readme = Readme::of("rust", &["toml", "rust"]);
    let example = fs::read_to_string(repository().join("sdk/rust/examples/readme.rs")).expect("the example");
    assert!(
        example.ends_with(&readme.program("rust")),
        "sdk/rust/examples/readme.rs is not the program of sdk/rust/README.md"
    );
    let mut program = readme.command(repository().join("target/debug/examples/readme"));
    is_done(&succeeds(program.arg(&readme.server.url).output()));
}

#[tokio::test]
async fn the_dotnet_readme_runs() {
    let readme = Readme::of("dotnet", &["csharp"]);
    let compiled = fs::read_to_string(repository().join("target/dotnet/Readme.cs")).expect("scripts/dotnet was run");
    assert_eq!(
        compiled,
        readme.program("csharp"),
        "scripts/dotnet was not run since README.md was changed"
    );
    let dotnet = super::dotnet::DOTNET;
    let mut command = readme.command("/usr/bin/env");
    command
        .args(dotnet.arguments)
        .arg(repository().join("target/dotnet/Readme.dll"))
        .arg(&readme.server.url);
    command
        .envs(dotnet.environment.iter().copied())
        .current_dir(repository().join("sdk/dotnet"));
    is_done(&succeeds(command.output()));
}
