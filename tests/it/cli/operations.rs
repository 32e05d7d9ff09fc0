//! `tickerq operation` against a running server.

use crate::harness::shell::Shell;

#[test]
fn an_operation_is_previewed_started_listed_and_undone() {
    let shell = Shell::start("");
    for _ in 0..3 {
        shell.create(&["Waits"]);
    }
    let cancel = ["operation", "cancel", "--filter", "type:Waits", "--yes"];
    let printed = shell.run(&cancel);
    let lines: Vec<&str> = printed.out.lines().collect();
    assert_eq!(lines[0], "3 jobs match: type:Waits");
    assert_eq!(lines[1], "  by status: pending 3");
    assert_eq!(lines[2], "  by type: Waits 3");
    let last = lines.last().expect("a line");
    assert!(last.ends_with("is completed: 3 of 3 jobs changed, 0 skipped"), "{last}");
    let id = last.split_whitespace().nth(1).expect("an id");
    let one = shell.run(&["operation", "show", id, "--json"]).json();
    assert_eq!((&one["status"], &one["done"]), (&"completed".into(), &3.into()));
    let undo = shell.run(&["operation", "undo", id]).out;
    assert!(undo.starts_with("undo "), "{undo}");
    let listed = shell.run(&["operation", "list"]).out;
    assert!(listed.lines().nth(2).is_some_and(|line| line.contains(id)), "{listed}");

    // Without a terminal the confirmation is declined.
    let printed = shell.try_run(&cancel[..4]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.err.contains("not confirmed; nothing was changed"),
        "{}",
        printed.err
    );
    let printed = shell.try_run(&["operation", "cancel", "--filter", "colour:red", "--yes"]);
    assert!(printed.err.contains("colour"), "{}", printed.err);
    assert_eq!(
        shell.try_run(&["operation", "delete", "--yes"]).code,
        Some(2),
        "a filter is required"
    );
}
