//! Cache of parsed documents. Programs send few distinct texts, and parsing and validating one takes longer than a
//! lookup.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Error;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use lru::LruCache;

use super::limits;
use crate::api::graphql::errors;
use crate::api::graphql::parser;
use crate::api::graphql::transport::response::EncodedResponse;
use crate::api::graphql::validation::input_types::InputTypes;
use crate::api::graphql::validation::{literals, subscriptions, variable_positions};

/// Maximum number of cached documents.
const DOCUMENTS_MAX: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Maximum size of the text of a cached document, in bytes: a document takes many times the memory of its text.
const TEXT_MAX: usize = 4 << 10;

/// Parses documents and caches the most recent ones. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Documents {
    known: Arc<Mutex<LruCache<Box<str>, Arc<ExecutableDocument>>>>,
    types: Arc<InputTypes>,
    aliases_max: usize,
}

impl Documents {
    /// Parser of documents with at most this number of aliases.
    pub(crate) fn new(types: Arc<InputTypes>, aliases_max: usize) -> Self {
        Self {
            types,
            known: Arc::new(Mutex::new(LruCache::new(DOCUMENTS_MAX))),
            aliases_max,
        }
    }

    /// The document of a text, checked against the limits; or the response with its errors.
    pub(crate) fn read(&self, text: &str) -> Result<Arc<ExecutableDocument>, EncodedResponse> {
        let is_kept = text.len() <= TEXT_MAX;
        // The cache stays consistent when a holder of the lock panics.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if is_kept && let Some(document) = known().get(text) {
            return Ok(Arc::clone(document));
        }
        let mut document = parser::parse(text).map_err(EncodedResponse::invalid_document)?;
        limits::check_document(&document, self.aliases_max).map_err(EncodedResponse::invalid_document)?;
        limits::check_mutations(&document)?;
        subscriptions::check(&mut document).map_err(EncodedResponse::invalid_document)?;
        literals::check(&self.types, &mut document).map_err(EncodedResponse::invalid_document)?;
        variable_positions::check(&self.types, &document).map_err(EncodedResponse::invalid_document)?;
        let document = Arc::new(document);
        if is_kept {
            known().put(text.into(), Arc::clone(&document));
        }
        Ok(document)
    }
}

/// The requested operation.
pub(super) fn operation_of<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Error> {
    let unknown = |name: &str| {
        let given: String = name.chars().take(64).collect();
        errors::invalid("operationName", &format!("the document has no operation '{given}'"))
    };
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Single(_), Some(name)) => Err(unknown(name)),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            let operation = operations.get(name).ok_or_else(|| unknown(name))?;
            Ok(&operation.node)
        }
        (DocumentOperations::Multiple(operations), None) => {
            let mut operations = operations.values();
            match (operations.next(), operations.next()) {
                (Some(operation), None) => Ok(&operation.node),
                (_, _) => Err(errors::invalid(
                    "operationName",
                    "the document has several operations; set operationName",
                )),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once_and_an_invalid_one_is_not_cached() {
        let documents = Documents::new(Arc::new(InputTypes::read("")), 1);
        let read = |text: &str| documents.read(text);
        let first = read("{ queues { name } }").expect("a document");
        let again = read("{ queues { name } }").expect("a document");
        assert!(Arc::ptr_eq(&first, &again));
        for _ in 0..2 {
            assert!(read("{ queues").is_err());
            assert!(
                read("{ a: queues { name } b: queues { name } }").is_err(),
                "two aliases"
            );
        }
        let long = format!("{{ queues {{ name }} }} #{}", "x".repeat(TEXT_MAX));
        let once = read(&long).expect("a document");
        assert!(!Arc::ptr_eq(&once, &read(&long).expect("a document")));
        let known = documents.known.lock().expect("the cache");
        assert_eq!(known.len(), 1);
    }
}
