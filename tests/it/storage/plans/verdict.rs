//! The rules for query plans.

use serde_json::Value;

/// The tables that grow with the number of jobs. All others stay small.
const GROWING: [&str; 6] = [
    "jobs",
    "webhook_deliveries",
    "attempts",
    "audit_records",
    "idempotency_keys",
    "recurring_jobs",
];
/// The index that follows a table's primary key, as SQLite calls it.
const PRIMARY: [&str; 4] = [
    "sqlite_autoindex_recurring_jobs_1",
    "sqlite_autoindex_jobs_1",
    "sqlite_autoindex_idempotency_keys_1",
    "PRIMARY KEY",
];

/// An index of nothing but what is meant whenever it is used: reading all of it is no scan.
const OF_FEW: &str = "recurring_jobs_waiting";

/// Limit of the rows read from a growing table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// The matching rows and little more: at most a hundredth of all jobs.
    Up,
    /// So many rows and little more, by way of this index.
    By(&'static str, u64),
    /// The rows in the order of this index, until there are so many; `None` for the primary key. Some rows more may not
    /// be meant.
    Walk(Option<&'static str>, u64),
    /// Everything that is meant, which may be much, by an index.
    All,
    /// Every row: nothing else finds what is meant.
    Through,
}

/// Maximum number of rows that a lookup may read.
const FEW: u64 = 1_000;
/// Maximum number of rows that a list may read without showing them: most of them are the pending jobs, all of which are
/// younger than those of any other status.
const BESIDE: u64 = 4_000;

/// The violation of an executed plan of PostgreSQL; `None` if there is none.
pub fn of_postgres(plan: &Value, look: Look) -> Option<String> {
    let mut looked_at = 0.0;
    let mut scanned = None;
    each_node(plan, &mut |node| {
        let text = |name: &str| node[name].as_str().unwrap_or_default();
        let number = |name: &str| node[name].as_f64().unwrap_or_default();
        // A modification repeats the figures of its scan.
        if GROWING.contains(&text("Relation Name")) && text("Node Type") != "ModifyTable" {
            looked_at += (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
            if text("Node Type") == "Seq Scan" {
                scanned = Some(format!("it reads all of {}", text("Relation Name")));
            }
        }
    });
    let allowed = match look {
        Look::Up => FEW,
        // What an index has found is looked up again to be changed.
        Look::By(_, rows) => rows * 2 + FEW,
        // What is found on the way is looked up again for the page.
        Look::Walk(_, rows) => rows * 2 + BESIDE,
        Look::All => u64::MAX,
        Look::Through => return None,
    };
    if scanned.is_none() && looked_at > allowed as f64 {
        scanned = Some(format!("it reads {looked_at} rows; the limit is {allowed}"));
    }
    scanned
}

fn each_node(plan: &Value, tell: &mut impl FnMut(&Value)) {
    tell(plan);
    for child in plan["Plans"].as_array().into_iter().flatten() {
        each_node(child, tell);
    }
}

/// A line of `EXPLAIN QUERY PLAN`.
pub struct Line {
    pub parent: i64,
    pub detail: String,
}

impl Line {
    /// The growing table that it reads, whether it looks something up in it, and by which index.
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
            // A table that is stored in the order of its key is scanned in that order.
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
pub fn of_sqlite(plan: &[Line], look: Look) -> Option<String> {
    if look == Look::Through {
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
        let is_right = match look {
            Look::Up | Look::All | Look::Through => is_search,
            Look::By(wanted, _) => is_search && (line.finds_rows() || wanted == index),
            Look::Walk(wanted, _) => {
                let leads = wanted.map_or(is_primary, |wanted| wanted == index);
                line.finds_rows() || leads && (is_search || wanted.is_none())
            }
        };
        if !is_right {
            return Some(format!("{table}: {}", line.detail));
        }
    }
    // Sorting a page does no harm; sorting what an index has found reads all of it first.
    let sorted = plan.iter().find(|line| {
        line.detail.contains("TEMP B-TREE FOR ORDER BY")
            && plan
                .iter()
                .any(|beside| beside.parent == line.parent && beside.reads().is_some() && !beside.finds_rows())
    });
    sorted.map(|line| format!("it sorts what it reads: {}", line.detail))
}
