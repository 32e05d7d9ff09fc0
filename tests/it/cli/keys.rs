//! `tickerq key generate`, and the command line as a caller.

use crate::harness::server::{Server, Site, Storage};

fn generate(site: &Site, arguments: &[&str]) -> (String, String) {
    let words: Vec<&str> = ["key", "generate"].iter().chain(arguments).copied().collect();
    let output = site.command(&words).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let (key, lines) = printed.split_once("\n\n").expect("a key, and what to write");
    (key.to_owned(), lines.to_owned())
}

/// Output, exit code and errors of a command.
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
    let random = key.strip_prefix("tq_").expect("a key that people know as one");
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
    let (code, printed, said) = run(&site, &server, Some(&key), &["job", "create", "NoopJob"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(printed.contains("NoopJob"), "{printed}");
    let (code, printed, said) = run(&site, &server, Some(&admin), &["job", "list"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(printed.contains("NoopJob"), "{printed}");
    let (code, _, said) = run(&site, &server, Some(&admin), &["queue", "pause", "default"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("tickerq:write"), "{said}");
}

#[test]
fn without_a_key_the_command_line_explains_how_to_pass_one() {
    let site = Site::new(Storage::Sqlite, "");
    let (key, lines) = generate(&site, &[]);
    site.configure(&lines);
    let server = site.start();
    let (code, _, said) = run(&site, &server, None, &["job", "list"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("TICKERQ_TOKEN"), "{said}");
    let (code, _, said) = run(&site, &server, Some("tq_a-wrong-key"), &["job", "list"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("invalid API key") && !said.contains("tq_a-wrong-key"),
        "{said}"
    );
    let (code, _, said) = run(&site, &server, None, &["job", "list", "--token", &key]);
    assert_eq!(code, Some(0), "{said}");
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
