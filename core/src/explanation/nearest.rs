//! Suggestions for a type that no server and no worker runs.

use crate::values::name::JobType;

/// The known type with the most similar name, unless more than a third of the letters differ.
pub fn nearest_type<'a>(given: &JobType, known: impl Iterator<Item = &'a JobType>) -> Option<JobType> {
    let given = given.as_str().to_lowercase();
    let far = given.chars().count().div_ceil(3);
    known
        .map(|known| (strsim::levenshtein(&given, &known.as_str().to_lowercase()), known))
        .filter(|(steps, _)| *steps <= far)
        .min()
        .map(|(_, known)| known.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_type_has_a_suggestion_and_a_strange_one_has_none() {
        let known = ["MailJob", "ReportJob"].map(|name| JobType::parse(name).expect("a type"));
        let nearest = |name: &str| nearest_type(&JobType::parse(name).expect("a type"), known.iter());
        assert_eq!(nearest("MialJob"), Some(known[0].clone()));
        assert_eq!(nearest("reportjob"), Some(known[1].clone()));
        assert_eq!(nearest("CleanUp"), None);
    }
}
