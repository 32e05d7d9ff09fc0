//! The rules for query plans.

use serde_json::Value;

/// The tables that grow with the number of jobs. All others stay small.
const GROWING: [&str; 7] = [
    "jobs",
    "webhook_deliveries",
    "attempts",
    "audit_records",
    "idempotency_keys",
    "recurring_jobs",
    "rollup_days",
];
/// Index of a table's primary key in SQLite.
const PRIMARY: [&str; 4] = [
    "sqlite_autoindex_recurring_jobs_1",
    "sqlite_autoindex_jobs_1",
    "sqlite_autoindex_idempotency_keys_1",
    "PRIMARY KEY",
];

/// A partial index that only contains matching rows: reading all of it is no scan.
const OF_FEW: &str = "recurring_jobs_waiting";

/// Permitted access to a growing table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Access {
    /// The matching rows and few others: at most a hundredth of all jobs.
    Lookup,
    /// This number of rows and few others, by this index.
    Index(&'static str, u64),
    /// Up to this number of rows in the order of this index; `None` for the primary key. Some of them may not match.
    Ordered(Option<&'static str>, u64),
    /// All matching rows, which may be many, by an index.
    Matching,
    /// Every row: no index supports it.
    Scan,
}

/// Maximum number of rows that a lookup may read.
const FEW: u64 = 1_000;
/// Maximum number of rows that a list may read without showing them: most of them are the pending jobs, all of which
/// are younger than those of any other status.
const BESIDE: u64 = 4_000;

/// The violation of an executed plan of PostgreSQL; `None` if there is none.
pub fn of_postgres(plan: &Value, access: Access) -> Option<String> {
    let mut read_rows = 0.0;
    let mut scanned = None;
    each_node(plan, &mut |node| {
        let text = |name: &str| node[name].as_str().unwrap_or_default();
        let number = |name: &str| node[name].as_f64().unwrap_or_default();
        // A modification repeats the figures of its scan.
        if GROWING.contains(&text("Relation Name")) && text("Node Type") != "ModifyTable" {
            read_rows += (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
            if text("Node Type") == "Seq Scan" {
                scanned = Some(format!("it reads all of {}", text("Relation Name")));
            }
        }
    });
    let allowed = match access {
        Access::Lookup => FEW,
        // Rows found by an index are read again for the change.
        Access::Index(_, rows) => rows * 2 + FEW,
        // Candidates are read again for the page.
        Access::Ordered(_, rows) => rows * 2 + BESIDE,
        Access::Matching => u64::MAX,
        Access::Scan => return None,
    };
    if scanned.is_none() && read_rows > allowed as f64 {
        scanned = Some(format!("it reads {read_rows} rows; the limit is {allowed}"));
    }
    scanned
}

fn each_node(plan: &Value, visit: &mut impl FnMut(&Value)) {
    visit(plan);
    for child in plan["Plans"].as_array().into_iter().flatten() {
        each_node(child, visit);
    }
}

/// A line of `EXPLAIN QUERY PLAN`.
pub struct Line {
    pub parent: i64,
    pub detail: String,
}

impl Line {
    /// The growing table that it reads, `true` if by a search, and the index.
    fn reads(&self) -> Option<(&str, bool, &str)> {
        let mut words = self.detail.split(' ');
        let is_search = match words.next()? {
            "SEARCH" => true,
            "SCAN" => false,
            _ => return None,
        };
        let table = words.next().filter(|table| GROWING.contains(table))?;
        let index = match self.detail.split_once("INDEX ") {
            Some((_, index)) => index.split(' ').next()?,
            None if self.detail.contains("PRIMARY KEY") => "PRIMARY KEY",
            // A table that is stored in key order is scanned in that order.
            None if !matches!(table, "jobs" | "recurring_jobs") => "PRIMARY KEY",
            None => "",
        };
        Some((table, is_search, index))
    }

    /// `true` if it finds single rows by their key.
    fn finds_rows(&self) -> bool {
        ["(id=?)", "(key=?)", "(job_id=?)", "(rowid=?)"]
            .iter()
            .any(|key| self.detail.ends_with(key))
    }
}

/// The violation of a plan of SQLite; `None` if there is none.
pub fn of_sqlite(plan: &[Line], access: Access) -> Option<String> {
    if access == Access::Scan {
        return None;
    }
    for line in plan {
        let Some((table, is_search, index)) = line.reads() else {
            continue;
        };
        if index == OF_FEW {
            continue;
        }
        let is_primary = PRIMARY.contains(&index);
        let is_right = match access {
            Access::Lookup | Access::Matching | Access::Scan => is_search,
            Access::Index(wanted, _) => is_search && (line.finds_rows() || wanted == index),
            Access::Ordered(wanted, _) => {
                let leads = wanted.map_or(is_primary, |wanted| wanted == index);
                line.finds_rows() || leads && (is_search || wanted.is_none())
            }
        };
        if !is_right {
            return Some(format!("{table}: {}", line.detail));
        }
    }
    // Sorting a page is acceptable; sorting the result of an index reads all of it first.
    let sorted = plan.iter().find(|line| {
        line.detail.contains("TEMP B-TREE FOR ORDER BY")
            && plan
                .iter()
                .any(|beside| beside.parent == line.parent && beside.reads().is_some() && !beside.finds_rows())
    });
    sorted.map(|line| format!("it sorts all rows that it reads: {}", line.detail))
}
