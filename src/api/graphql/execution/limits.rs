//! Limits that are checked before validation, in linear time and on a bounded stack.
//!
//! The schema checks depth and complexity afterwards. The checks before it have to be bounded as well: fragments that
//! spread each other turn a few lines into millions of fields, or into thousands of levels that validation recurses
//! through.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Error, Name, ServerError};

use crate::api::graphql::errors;

/// Maximum number of selections of a document with its fragments inlined.
const SELECTIONS_MAX: usize = 10_000;
/// Maximum depth of nested selections with their fragments inlined: each field, inline fragment and spread is a level.
/// Validation and execution recurse through every level.
const LEVELS_MAX: usize = 128;

/// Rejects a document with too many fields, levels or aliases, or with fragments that no operation uses.
pub(crate) fn check_document(document: &ExecutableDocument, aliases_max: usize) -> Result<(), ServerError> {
    let mut fragments = Fragments {
        document,
        entered: HashMap::new(),
    };
    let mut cost = Cost::default();
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        cost.add(fragments.inline(set).map_err(without_location)?, 0);
    }
    cost.check(aliases_max).map_err(without_location)?;
    fragments.check_unused()
}

/// An error without a location in the document.
fn without_location(error: Error) -> ServerError {
    let mut located = ServerError::new(error.message, None);
    located.extensions = error.extensions;
    located
}

/// The size of selections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    levels: usize,
    selections: usize,
    aliases: usize,
}

impl Cost {
    /// Adds selections that are nested at this level.
    fn add(&mut self, inner: Self, level: usize) {
        self.levels = self.levels.max(level.saturating_add(inner.levels));
        self.selections = self.selections.saturating_add(inner.selections);
        self.aliases = self.aliases.saturating_add(inner.aliases);
    }

    fn check(self, aliases_max: usize) -> Result<(), Error> {
        let refuse = |what: String, max: usize| Err(too_large(&format!("the document {what}"), max));
        if self.levels > LEVELS_MAX {
            let what = format!("nests fields and fragments deeper than {LEVELS_MAX} levels");
            return refuse(what, LEVELS_MAX);
        }
        if self.selections > SELECTIONS_MAX {
            return refuse(format!("selects more than {SELECTIONS_MAX} fields"), SELECTIONS_MAX);
        }
        if self.aliases > aliases_max {
            return refuse(format!("has more than {aliases_max} aliases"), aliases_max);
        }
        Ok(())
    }
}

/// The fragments of a document, each measured once.
struct Fragments<'a> {
    document: &'a ExecutableDocument,
    /// Costs of the fragments that operations use; `None` while a fragment is being measured.
    entered: HashMap<&'a Name, Option<Cost>>,
}

/// A selection set, or a fragment, that is being measured.
struct Measured<'a> {
    fragment: Option<&'a Name>,
    cost: Cost,
    /// Spreads whose cost is to be added, and their levels.
    spreads: Vec<(&'a Name, usize)>,
}

impl<'a> Measured<'a> {
    /// Measures selections without the fragments that they spread.
    fn new(fragment: Option<&'a Name>, set: &'a SelectionSet) -> Self {
        let mut measured = Self {
            fragment,
            cost: Cost::default(),
            spreads: Vec::new(),
        };
        let mut sets = vec![(set, 1)];
        while let Some((set, level)) = sets.pop() {
            let own = Cost {
                levels: usize::from(!set.items.is_empty()),
                selections: set.items.len(),
                aliases: 0,
            };
            measured.cost.add(own, level - 1);
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) => {
                        measured.cost.aliases += usize::from(field.node.alias.is_some());
                        sets.push((&field.node.selection_set.node, level + 1));
                    }
                    Selection::InlineFragment(fragment) => {
                        sets.push((&fragment.node.selection_set.node, level + 1));
                    }
                    Selection::FragmentSpread(spread) => {
                        measured.spreads.push((&spread.node.fragment_name.node, level));
                    }
                }
            }
        }
        measured
    }
}

impl<'a> Fragments<'a> {
    /// The cost of selections with their fragments inlined. Hostile documents nest spreads too deep for recursion.
    fn inline(&mut self, set: &'a SelectionSet) -> Result<Cost, Error> {
        let mut enclosing = Vec::new();
        let mut current = Measured::new(None, set);
        loop {
            let Some((name, level)) = current.spreads.pop() else {
                if let Some(fragment) = current.fragment {
                    self.entered.insert(fragment, Some(current.cost));
                }
                match enclosing.pop() {
                    None => return Ok(current.cost),
                    Some(outer) => current = outer,
                }
                continue;
            };
            match (self.entered.get(name), self.document.fragments.get(name)) {
                // Validation rejects unknown fragments.
                (_, None) => {}
                (Some(Some(cost)), Some(_)) => current.cost.add(*cost, level),
                (Some(None), Some(_)) => {
                    return Err(errors::invalid("query", &format!("fragment '{name}' spreads itself")));
                }
                (None, Some(fragment)) => {
                    self.entered.insert(name, None);
                    current.spreads.push((name, level));
                    let inner = Measured::new(Some(name), &fragment.node.selection_set.node);
                    enclosing.push(std::mem::replace(&mut current, inner));
                }
            }
        }
    }

    /// Rejects fragments that no operation uses: validation would walk through them before it rejects them.
    fn check_unused(&self) -> Result<(), ServerError> {
        let fragments = self.document.fragments.iter();
        let unused = fragments.filter(|(name, _)| !self.entered.contains_key(name));
        let Some((name, fragment)) = unused.min_by_key(|(_, fragment)| fragment.pos) else {
            return Ok(());
        };
        let mut error = ServerError::new(format!("Fragment \"{name}\" is never used"), Some(fragment.pos));
        error.extensions = Some(errors::extensions("validation", false));
        Err(error)
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
    use crate::api::graphql::parser;

    fn code(error: &ServerError) -> Option<Value> {
        error.extensions.as_ref()?.get("code").cloned()
    }

    fn check(query: &str) -> Result<(), ServerError> {
        check_document(&parser::parse(query).expect("a document"), 5)
    }

    #[test]
    fn fragments_that_multiply_are_rejected_at_once() {
        let mut query = "query { ...f0 }".to_owned();
        for level in 0..50 {
            let next = level + 1;
            // Identical selections would be one.
            query.push_str(&format!(
                " fragment f{level} on Query {{ ...f{next} ... {{ ...f{next} }} }}"
            ));
        }
        query.push_str(" fragment f50 on Query { __typename }");
        let started = Instant::now();
        let refused = check(&query).expect_err("too many fields");
        assert_eq!(code(&refused), Some(Value::from("too-large")));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    /// A document of this many levels: fragments in a row, each with `nested` inline fragments.
    fn chain(levels: usize, nested: usize) -> String {
        let mut query = "{ ...f0 }".to_owned();
        let mut left = levels - 1;
        for index in 0.. {
            let own = left.min(nested + 1);
            left -= own;
            let inner = if left > 0 {
                format!("...f{}", index + 1)
            } else {
                "x".to_owned()
            };
            let (open, close) = ("...{".repeat(own - 1), "}".repeat(own - 1));
            query.push_str(&format!(" fragment f{index} on Query {{ {open} {inner} {close} }}"));
            if left == 0 {
                break;
            }
        }
        query
    }

    #[test]
    fn levels_are_bounded_across_fragments() {
        for nested in [0, 1, 50] {
            assert!(check(&chain(LEVELS_MAX, nested)).is_ok(), "{nested}");
            for levels in [LEVELS_MAX + 1, 100_000] {
                let refused = check(&chain(levels, nested)).expect_err("too deep");
                assert_eq!(code(&refused), Some(Value::from("too-large")), "{}", refused.message);
            }
        }
        let in_fields = |levels: usize| {
            let spread = chain(levels - 2, 3).replacen("{ ...f0 }", "fragment g on Query { ...f0 }", 1);
            format!("{{ a {{ b ...g }} }} {spread}")
        };
        assert!(check(&in_fields(LEVELS_MAX)).is_ok());
        assert!(check(&in_fields(LEVELS_MAX + 1)).is_err());
    }

    #[test]
    fn a_fragment_that_no_operation_uses_is_rejected() {
        let unused = chain(100_000, 50).replacen("{ ...f0 }", "{ __typename }", 1);
        let refused = check(&unused).expect_err("unused");
        assert_eq!(refused.message, "Fragment \"f0\" is never used");
        assert_eq!(code(&refused), Some(Value::from("validation")));
        assert!(check("{ x } fragment a on Query { ...a }").is_err());
        assert!(check("query A { ...a } query B { ...b } fragment a on Q { ...b } fragment b on Q { x }").is_ok());
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
