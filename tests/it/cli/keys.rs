//! `tickerq key generate`, and authentication of the CLI.

use crate::harness::server::{Server, Site, Storage};

fn generate(site: &Site, arguments: &[&str]) -> (String, String) {
    let words: Vec<&str> = ["key", "generate"].iter().chain(arguments).copied().collect();
    let output = site.command(&words).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let (key, lines) = printed.split_once("\n\n").expect("a key, and what to write");
    (key.to_owned(), lines.to_owned())
}

/// Exit code, output and errors of a command.
fn run(site: &Site, server: &Server, token: Option<&str>, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = site.command(words);
    command.env("TICKERQ_SERVER", &server.url);
    if let Some(token) = token {
        command.env("TICKERQ_TOKEN", token);
    }
    let output = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_new_key_is_printed_with_its_settings_and_works() {
    let site = Site::new(Storage::Sqlite, "");
    let (key, lines) = generate(&site, &["--name", "it's \"me\""]);
    let random = key.strip_prefix("tq_").expect("a key with its prefix");
    assert_eq!(random.len(), 43, "32 bytes: {key}");
    assert!(
        random
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    );
    assert!(
        !lines.contains(random),
        "the configuration does not hold the key: {lines}"
    );
    let (other, _) = generate(&site, &[]);
    assert_ne!(key, other);

    let (admin, more) = generate(&site, &["--name", "operator", "--scopes", "tickerq:admin,tickerq:read"]);
    site.configure(&format!("{lines}{more}"));
    let server = site.start();
    let (code, printed, stderr) = run(&site, &server, Some(&key), &["job", "create", "NoopJob"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(printed.contains("NoopJob"), "{printed}");
    let (code, printed, stderr) = run(&site, &server, Some(&admin), &["job", "list"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(printed.contains("NoopJob"), "{printed}");
    let (code, _, stderr) = run(&site, &server, Some(&admin), &["queue", "pause", "default"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("tickerq:write"), "{stderr}");
}

#[test]
fn without_a_key_the_command_line_explains_how_to_pass_one() {
    let site = Site::new(Storage::Sqlite, "");
    let (key, lines) = generate(&site, &[]);
    site.configure(&lines);
    let server = site.start();
    let (code, _, stderr) = run(&site, &server, None, &["job", "list"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("TICKERQ_TOKEN"), "{stderr}");
    let (code, _, stderr) = run(&site, &server, Some("tq_a-wrong-key"), &["job", "list"]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("invalid API key") && !stderr.contains("tq_a-wrong-key"),
        "{stderr}"
    );
    let (code, _, stderr) = run(&site, &server, None, &["job", "list", "--token", &key]);
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn an_invalid_name_is_rejected() {
    let site = Site::new(Storage::Sqlite, "");
    let output = site
        .command(&["key", "generate", "--name", " a"])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_misspelled_scope_of_a_new_key_is_rejected_and_a_renamed_one_accepted() {
    let site = Site::new(Storage::Sqlite, "");
    let generate = |scopes: &str| {
        let words = ["key", "generate", "--scopes", scopes];
        let output = site.command(&words).output().expect("the binary runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    for (misspelled, suggestion) in [
        ("tickerq:raed", "did you mean tickerq:read"),
        ("tickerq:read,ticker:write", "did you mean tickerq:write"),
        ("tickerq:everything", "tickerq:read or tickerq:write or tickerq:admin"),
    ] {
        let (code, text) = generate(misspelled);
        assert_eq!(code, Some(2), "{misspelled}: {text}");
        assert!(text.contains(suggestion), "{misspelled}: {text}");
    }
    let (code, text) = generate("jobs.read,tickerq:admin");
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_token_with_the_word_bearer_is_rejected_with_the_reason() {
    let site = Site::new(Storage::Sqlite, "");
    let output = site
        .command(&["job", "list", "--token", "Bearer tq_0123456789abcdef"])
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("without 'Bearer'"), "{text}");
}
