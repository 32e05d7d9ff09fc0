//! Limits that are checked before validation, in bounded time for hostile input.
//!
//! The schema checks depth and complexity afterwards. The checks before it have to be bounded as well: brackets may be
//! nested too deep for a parser, and fragments that spread each other turn a few lines into millions of fields.

use std::collections::HashSet;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Error, Name, Positioned};

use crate::api::graphql::errors;

/// Maximum number of selections of a document with its fragments inlined.
const SELECTIONS_MAX: usize = 10_000;

/// Rejects a document with too many fields or aliases.
pub(crate) fn check_document(document: &ExecutableDocument, aliases_max: usize) -> Result<(), Error> {
    let mut walk = Walk {
        document,
        within: Vec::new(),
        selections: 0,
        aliases: 0,
        aliases_max,
    };
    for (_, operation) in document.operations.iter() {
        walk.enter(&operation.node.selection_set)?;
    }
    Ok(())
}

/// Walk through a document with its fragments inlined. It ends at the first exceeded limit.
struct Walk<'a> {
    document: &'a ExecutableDocument,
    /// Fragments that enclose the current position.
    within: Vec<&'a Name>,
    selections: usize,
    aliases: usize,
    aliases_max: usize,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, set: &'a Positioned<SelectionSet>) -> Result<(), Error> {
        for selection in &set.node.items {
            self.selections += 1;
            if self.selections > SELECTIONS_MAX {
                return Err(too_large(
                    &format!("the document selects more than {SELECTIONS_MAX} fields"),
                    SELECTIONS_MAX,
                ));
            }
            match &selection.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    if self.aliases > self.aliases_max {
                        let max = self.aliases_max;
                        return Err(too_large(&format!("the document has more than {max} aliases"), max));
                    }
                    self.enter(&field.node.selection_set)?;
                }
                Selection::InlineFragment(fragment) => self.enter(&fragment.node.selection_set)?,
                Selection::FragmentSpread(spread) => self.spread(&spread.node.fragment_name.node)?,
            }
        }
        Ok(())
    }

    fn spread(&mut self, name: &'a Name) -> Result<(), Error> {
        if self.within.contains(&name) {
            return Err(errors::invalid("query", &format!("fragment '{name}' spreads itself")));
        }
        // Validation rejects unknown fragments.
        if let Some(fragment) = self.document.fragments.get(name) {
            self.within.push(name);
            self.enter(&fragment.node.selection_set)?;
            self.within.pop();
        }
        Ok(())
    }
}

/// Rejects a mutation that selects a field twice under one response key: async-graphql would execute it twice.
pub(crate) fn check_mutations(document: &ExecutableDocument) -> Result<(), Error> {
    for (_, operation) in document.operations.iter() {
        if operation.node.ty == OperationType::Mutation {
            let mut names = HashSet::new();
            check_once(document, &operation.node.selection_set.node, &mut names)?;
        }
    }
    Ok(())
}

fn check_once<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    names: &mut HashSet<&'a Name>,
) -> Result<(), Error> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let name = &field.node.response_key().node;
                if !names.insert(name) {
                    let detail = format!("the mutation selects '{name}' twice; give one of them an alias or remove it");
                    return Err(errors::invalid("query", &detail));
                }
            }
            Selection::InlineFragment(fragment) => check_once(document, &fragment.node.selection_set.node, names)?,
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    check_once(document, &fragment.node.selection_set.node, names)?;
                }
            }
        }
    }
    Ok(())
}

/// Error of a value that exceeds a limit.
pub(crate) fn too_large(message: &str, max: usize) -> Error {
    let mut extensions = errors::extensions("too-large", false);
    extensions.set("allowed", max);
    Error {
        message: format!("{message}; allowed are {max}"),
        source: None,
        extensions: Some(extensions),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use async_graphql::Value;
    use async_graphql::parser::parse_query;

    use super::*;

    fn code(error: &Error) -> Option<Value> {
        error.extensions.as_ref()?.get("code").cloned()
    }

    fn check(query: &str) -> Result<(), Error> {
        check_document(&parse_query(query).expect("a document"), 5)
    }

    #[test]
    fn fragments_that_multiply_are_rejected_at_once() {
        let mut query = "query { ...f0 }".to_owned();
        for level in 0..60 {
            let next = level + 1;
            query.push_str(&format!(" fragment f{level} on Query {{ ...f{next} ...f{next} }}"));
        }
        query.push_str(" fragment f60 on Query { __typename }");
        let started = Instant::now();
        let refused = check(&query).expect_err("too many fields");
        assert_eq!(code(&refused), Some(Value::from("too-large")));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_rejected() {
        let refused = check("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a ...a }");
        assert_eq!(code(&refused.expect_err("a circle")), Some(Value::from("validation")));
        assert!(check("{ ...a ...a } fragment a on Query { __typename }").is_ok());
    }

    #[test]
    fn a_mutation_executes_no_field_twice_under_one_key() {
        let check = |query: &str| check_mutations(&parse_query(query).expect("a document"));
        assert!(check("mutation { a a }").is_err());
        assert!(check("mutation { a ...f } fragment f on Mutation { b ... { a } }").is_err());
        assert!(check("mutation { a b: a ... on Mutation { c: a } }").is_ok());
        assert!(check("{ a a }").is_ok());
    }

    #[test]
    fn aliases_count_at_every_spread_of_a_fragment() {
        assert!(check("{ a: x b: x c: x d: x e: x }").is_ok());
        assert!(check("{ a: x b: x c: x d: x e: x f: x }").is_err());
        assert!(check("{ q { ...f } r { ...f } } fragment f on Q { a: x b: x c: x }").is_err());
    }
}
