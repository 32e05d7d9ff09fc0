//! `tickerq recurring`: recurring jobs by their keys.

use crate::harness::shell::Shell;

#[test]
fn a_recurring_job_is_put_shown_and_deleted_by_its_key() {
    let shell = Shell::start("");
    let put = |cron: &str| {
        let arguments = ["recurring", "put", "--key", "nightly/a b", "Echo", cron];
        let more = [
            "--time-zone",
            "Europe/Berlin",
            "--parameters",
            "{\"to\": \"ann\"}",
            "--priority",
            "HIGH",
        ];
        shell.run(&[&arguments[..], &more[..]].concat()).out
    };
    let created = put("0 2 * * *");
    let first = created.lines().next().expect("a line");
    assert!(
        first.starts_with("recurring job nightly/a b (") && first.ends_with(") is created"),
        "{created}"
    );
    let updated = put("0 3 * * *");
    assert!(
        updated
            .lines()
            .next()
            .is_some_and(|line| line.ends_with(") is updated")),
        "{updated}"
    );
    let output = shell.run(&["recurring", "get", "--key", "nightly/a b"]).out;
    for line in [
        "type       Echo",
        "schedule   0 3 * * * (at 03:00 every day)",
        "time zone  Europe/Berlin",
        "enabled    yes",
    ] {
        assert!(output.lines().any(|found| found == line), "{line}:\n{output}");
    }
    let json = shell
        .run(&["recurring", "get", "--key", "nightly/a b", "--json"])
        .json();
    assert_eq!(
        (&json["key"], &json["priority"]),
        (&"nightly/a b".into(), &"high".into())
    );
    assert_eq!(json["parameters"]["to"], "ann");
    let refused = shell.try_run(&["recurring", "put", "--key", "other", "Echo", "every night"]);
    assert!(refused.err.contains("cron"), "{}", refused.err);
    let deleted = shell.run(&["recurring", "delete", "--key", "nightly/a b", "--yes"]).out;
    assert_eq!(deleted, "recurring job nightly/a b is deleted\n");
    let missing = shell.try_run(&["recurring", "get", "--key", "nightly/a b"]);
    assert!(missing.err.contains("nightly/a b"), "{}", missing.err);
}
