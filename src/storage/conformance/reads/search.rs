//! Search: part of a name or of a type, taken literally, in any case of ASCII letters.

use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::JobName;
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{job, job_type};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::JobFilter;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        names_and_types_are_searched,
        every_character_of_a_search_means_itself,
        ascii_letters_are_found_in_any_case_and_others_as_they_are,
        a_search_that_is_strange_finds_nothing_and_fails_nothing,
        an_id_or_its_start_finds_the_job_alone,
    ]
}

/// Stores a job for each name, all of one type, and gives which of them a search finds, the oldest first.
struct Names<'a> {
    storage: &'a Subject,
    names: &'a [&'a str],
}

impl<'a> Names<'a> {
    async fn stored(storage: &'a Subject, names: &'a [&'a str]) -> Self {
        let jobs: Vec<Job> = names
            .iter()
            .zip(1..)
            .map(|(name, number)| Job {
                name: JobName::parse(name).expect("a name"),
                job_type: job_type("T"),
                ..job(number)
            })
            .collect();
        storage.insert(&jobs).await;
        Self { storage, names }
    }

    async fn found_by(&self, search: &str) -> Vec<&'a str> {
        let filter = JobFilter::default().with_search(search);
        let listed = self.storage.list(&filter).await;
        assert_eq!(
            usize::try_from(self.storage.count(&filter).await),
            Ok(listed.len()),
            "the count of {search:?}"
        );
        let is_found = |name: &&&str| listed.iter().any(|job| job.name.as_str() == **name);
        self.names.iter().filter(is_found).copied().collect()
    }
}

async fn names_and_types_are_searched(storage: Subject) {
    let of = |name: &str, job_type_name: &str, number| Job {
        name: JobName::parse(name).expect("a name"),
        job_type: job_type(job_type_name),
        ..job(number)
    };
    storage
        .insert(&[of("greet Ada", "MailJob", 1), of("report", "App.Jobs.ReportJob", 2)])
        .await;
    for (search, expected) in [
        ("ada", 1),
        ("mailjob", 1),
        ("JOB", 2),
        ("App.Jobs", 1),
        ("x", 0),
        ("", 2),
        ("t A", 1),
    ] {
        let filter = JobFilter::default().with_search(search);
        assert_eq!(storage.list(&filter).await.len(), expected, "{search:?}");
    }
}

async fn every_character_of_a_search_means_itself(storage: Subject) {
    let names = [
        "100% sure",
        "100 sure",
        "a_b",
        "axb",
        "wow!",
        "wow",
        r"back\slash",
        "quote'd",
        "quo\"ted",
        "[a-c]",
        "star*",
        "dot.",
        "a!_b",
        "a!%b",
        "$1",
        "?1",
        "100%_!",
        "tick`",
        "x;--",
        "{}",
        "^x$",
        "|",
    ];
    let stored = Names::stored(&storage, &names).await;
    let expect: [(&str, &[&str]); 21] = [
        ("%", &["100% sure", "a!%b", "100%_!"]),
        ("_", &["a_b", "a!_b", "100%_!"]),
        ("!", &["wow!", "a!_b", "a!%b", "100%_!"]),
        ("!_", &["a!_b"]),
        ("!%", &["a!%b"]),
        ("%_!", &["100%_!"]),
        ("0% s", &["100% sure"]),
        (r"\", &[r"back\slash"]),
        (r"k\s", &[r"back\slash"]),
        (r"\%", &[]),
        ("'", &["quote'd"]),
        ("''", &[]),
        ("\"", &["quo\"ted"]),
        ("[a-c]", &["[a-c]"]),
        ("*", &["star*"]),
        (".", &["dot."]),
        ("$1", &["$1"]),
        ("?1", &["?1"]),
        ("`", &["tick`"]),
        (";--", &["x;--"]),
        ("^x", &["^x$"]),
    ];
    for (search, expected) in expect {
        assert_eq!(stored.found_by(search).await, expected, "{search:?}");
    }
}

async fn ascii_letters_are_found_in_any_case_and_others_as_they_are(storage: Subject) {
    let names = [
        "MÜLLER",
        "müller",
        "Straße",
        "ΣΊΣΥΦΟΣ",
        "İstanbul",
        "名前テスト",
        "🦀 crab",
        "K\u{212a}",
    ];
    let stored = Names::stored(&storage, &names).await;
    let expect: [(&str, &[&str]); 16] = [
        ("MÜLLER", &["MÜLLER"]),
        ("mÜller", &["MÜLLER"]),
        ("müller", &["müller"]),
        ("MüLLER", &["müller"]),
        ("ller", &["MÜLLER", "müller"]),
        ("straße", &["Straße"]),
        ("STRASSE", &[]),
        ("ΣΊΣΥ", &["ΣΊΣΥΦΟΣ"]),
        ("σίσυ", &[]),
        ("İSTAN", &["İstanbul"]),
        ("istan", &[]),
        ("テスト", &["名前テスト"]),
        ("🦀", &["🦀 crab"]),
        ("\u{1f980} CR", &["🦀 crab"]),
        ("\u{212a}", &["K\u{212a}"]),
        ("kk", &[]),
    ];
    for (search, expected) in expect {
        assert_eq!(stored.found_by(search).await, expected, "{search:?}");
    }
}

/// No name holds a control character; a search that does is a search like any other.
async fn a_search_that_is_strange_finds_nothing_and_fails_nothing(storage: Subject) {
    let stored = Names::stored(&storage, &["plain"]).await;
    let long = "x".repeat(5_000);
    for search in ["\0", "pl\0ain", "\n", "\u{1}", "\u{7f}", "\u{ffff}", long.as_str()] {
        assert_eq!(stored.found_by(search).await, [""; 0], "{search:?}");
    }
}

async fn an_id_or_its_start_finds_the_job_alone(storage: Subject) {
    let (one, other) = (job(1), job(2));
    let naming_it = Job {
        name: JobName::parse(&format!("repeats {}", one.id)).expect("a name"),
        ..job(3)
    };
    storage.insert(&[one.clone(), other, naming_it]).await;
    let found = async |search: &str, statuses: &[JobStatus]| {
        let filter = JobFilter::default().with_search(search).with_statuses(statuses);
        let listed = storage.list(&filter).await;
        let count = storage.count(&filter).await;
        assert_eq!(usize::try_from(count), Ok(listed.len()), "{search:?}");
        listed.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let id = one.id.to_string();
    for search in [id.clone(), id.to_uppercase(), id.replace('-', "")] {
        assert_eq!(found(&search, &[]).await, [one.id], "{search:?}");
    }
    assert_eq!(found(&id, &[JobStatus::Pending]).await, [one.id]);
    assert!(found(&id, &[JobStatus::Failed]).await.is_empty());
    assert!(found(&id[..8], &[]).await.contains(&one.id));
    assert!(found(&id[..13], &[JobStatus::Pending]).await.contains(&one.id));
}
