//! Identical selections. A selection set keeps the first of them: the others would be executed, and their values merged
//! into the first.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::lexer::Token;

/// The tokens that were read, as numbers: selections with the same tokens are identical. White space, commas and
/// comments are no tokens.
#[derive(Default)]
pub(super) struct TokenSequence<'a> {
    numbers: HashMap<Token<'a>, usize>,
    sequence: Vec<usize>,
}

impl<'a> TokenSequence<'a> {
    /// Adds a token.
    pub(super) fn push(&mut self, token: &Token<'a>) {
        let number = self.numbers.get(token).copied().unwrap_or_else(|| {
            let number = self.numbers.len();
            self.numbers.insert(token.clone(), number);
            number
        });
        self.sequence.push(number);
    }

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.sequence.len()
    }

    /// The first of each group of identical selections, in their order. Each has the range of its tokens.
    pub(super) fn without_duplicates<T>(&self, selections: Vec<(Range<usize>, T)>) -> Vec<T> {
        let mut known = HashSet::with_capacity(selections.len());
        let selections = selections.into_iter();
        let first = selections.filter(|(tokens, _)| known.insert(self.sequence.get(tokens.clone())));
        first.map(|(_, selection)| selection).collect()
    }
}
