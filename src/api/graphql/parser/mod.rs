//! Parses documents (GraphQL, section 2) into the types of async-graphql's parser.
//!
//! That parser changes numbers that an `f64` can't represent, rejects `\u{…}` and surrogate pairs, keeps the last of
//! two input fields of one name, and accepts `queryName` for `query Name`. Here a number that would not be written as
//! it was read is [`Value::Binary`], its text.

mod duplicates;
mod error;
mod lexer;
mod number;
mod strings;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread, InlineFragment,
    OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition, VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned, ServerError};
use async_graphql_value::Value;

use self::duplicates::TokenSequence;
use self::error::{duplicate, syntax_error, too_deep};
use self::lexer::{Lexer, Token};
use self::number::number;

/// Maximum depth of nested brackets, of values within arguments as well as selections.
const BRACKETS_MAX: usize = 64;

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<ExecutableDocument, ServerError> {
    let mut lexer = Lexer::new(text);
    let (next, pos) = lexer.next()?;
    let mut sequence = TokenSequence::default();
    sequence.push(&next);
    Parser {
        lexer,
        next,
        pos,
        sequence,
        depth: 0,
    }
    .document()
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Token<'a>,
    pos: Pos,
    /// The tokens up to `next`.
    sequence: TokenSequence<'a>,
    /// Number of open brackets.
    depth: usize,
}

type Parsed<T> = Result<T, ServerError>;

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Parsed<Token<'a>> {
        let (next, pos) = self.lexer.next()?;
        self.sequence.push(&next);
        self.pos = pos;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let found = self.next.describe();
        Err(syntax_error(
            format!("unexpected {found}; expected {expected}"),
            self.pos,
        ))
    }

    fn is_next(&self, sign: char) -> bool {
        self.next == Token::Punctuator(sign)
    }

    fn skip_if(&mut self, sign: char) -> Parsed<bool> {
        let is_next = self.is_next(sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, sign: char) -> Parsed<()> {
        if self.skip_if(sign)? {
            return Ok(());
        }
        self.unexpected(&format!("'{sign}'"))
    }

    fn open(&mut self, sign: char) -> Parsed<()> {
        let pos = self.pos;
        self.expect(sign)?;
        self.depth += 1;
        if self.depth > BRACKETS_MAX {
            return Err(too_deep(BRACKETS_MAX, pos));
        }
        Ok(())
    }

    /// Consumes a closing bracket. True if there was one.
    fn closes(&mut self, sign: char) -> Parsed<bool> {
        let closes = self.skip_if(sign)?;
        self.depth -= usize::from(closes);
        Ok(closes)
    }

    fn name(&mut self, what: &str) -> Parsed<Positioned<Name>> {
        let pos = self.pos;
        let Token::Name(name) = self.next else {
            return self.unexpected(what);
        };
        self.advance()?;
        Ok(Positioned::new(Name::new(name), pos))
    }

    fn document(mut self) -> Parsed<ExecutableDocument> {
        let mut anonymous: Option<Positioned<OperationDefinition>> = None;
        let mut named: HashMap<Name, Positioned<OperationDefinition>> = HashMap::new();
        let mut fragments: HashMap<Name, Positioned<FragmentDefinition>> = HashMap::new();
        while self.next != Token::End {
            let pos = self.pos;
            if self.next == Token::Name("fragment") {
                let (name, fragment) = self.fragment()?;
                match fragments.entry(name.node) {
                    Entry::Vacant(entry) => entry.insert(Positioned::new(fragment, pos)),
                    Entry::Occupied(entry) => {
                        let message = format!("the document has two fragments '{}'", entry.key());
                        return Err(syntax_error(message, name.pos));
                    }
                };
                continue;
            }
            let (name, operation) = self.operation()?;
            let operation = Positioned::new(operation, pos);
            let is_alone = anonymous.is_none() && (name.is_some() || named.is_empty());
            if !is_alone {
                let message = "an operation without a name must be the only one of its document".to_owned();
                return Err(syntax_error(message, pos));
            }
            match name.map(|name| (named.entry(name.node), name.pos)) {
                None => anonymous = Some(operation),
                Some((Entry::Vacant(entry), _)) => {
                    entry.insert(operation);
                }
                Some((Entry::Occupied(entry), pos)) => {
                    let message = format!("the document has two operations '{}'", entry.key());
                    return Err(syntax_error(message, pos));
                }
            }
        }
        let operations = match anonymous {
            Some(operation) => DocumentOperations::Single(operation),
            None if named.is_empty() => return self.unexpected("an operation"),
            None => DocumentOperations::Multiple(named),
        };
        Ok(ExecutableDocument { operations, fragments })
    }

    fn operation(&mut self) -> Parsed<(Option<Positioned<Name>>, OperationDefinition)> {
        let ty = match self.next {
            Token::Punctuator('{') => {
                let definition = OperationDefinition {
                    ty: OperationType::Query,
                    variable_definitions: Vec::new(),
                    directives: Vec::new(),
                    selection_set: self.selection_set()?,
                };
                return Ok((None, definition));
            }
            Token::Name("query") => OperationType::Query,
            Token::Name("mutation") => OperationType::Mutation,
            Token::Name("subscription") => OperationType::Subscription,
            Token::Punctuator(_) | Token::Spread | Token::Name(_) | Token::Number(_) | Token::Text(_) | Token::End => {
                return self.unexpected("query, mutation, subscription, fragment or '{'");
            }
        };
        self.advance()?;
        let name = match self.next {
            Token::Name(_) => Some(self.name("a name")?),
            Token::Punctuator(_) | Token::Spread | Token::Number(_) | Token::Text(_) | Token::End => None,
        };
        let definition = OperationDefinition {
            ty,
            variable_definitions: self.variable_definitions()?,
            directives: self.directives()?,
            // A mutation with a field twice is rejected.
            selection_set: self.selections(ty != OperationType::Mutation)?,
        };
        Ok((name, definition))
    }

    fn variable_definitions(&mut self) -> Parsed<Vec<Positioned<VariableDefinition>>> {
        let mut definitions = Vec::new();
        if !self.is_next('(') {
            return Ok(definitions);
        }
        self.open('(')?;
        loop {
            let pos = self.pos;
            self.expect('$')?;
            let name = self.name("the name of a variable")?;
            self.expect(':')?;
            let pos_of_type = self.pos;
            let var_type = Positioned::new(self.type_reference()?, pos_of_type);
            let default_value = if self.skip_if('=')? {
                let value = self.value()?;
                let pos = value.pos;
                let is_constant = value.node.into_const_with(|_| Err(()));
                let reject = |()| syntax_error("a default value has no variables".to_owned(), pos);
                Some(Positioned::new(is_constant.map_err(reject)?, pos))
            } else {
                None
            };
            let definition = VariableDefinition {
                name,
                var_type,
                directives: self.constant_directives()?,
                default_value,
            };
            definitions.push(Positioned::new(definition, pos));
            if self.closes(')')? {
                return Ok(definitions);
            }
        }
    }

    fn type_reference(&mut self) -> Parsed<Type> {
        let pos = self.pos;
        let text = self.type_text()?;
        Type::new(&text).ok_or_else(|| syntax_error(format!("'{text}' is not a type"), pos))
    }

    fn type_text(&mut self) -> Parsed<String> {
        let mut text = if self.is_next('[') {
            self.open('[')?;
            let item = self.type_text()?;
            if !self.closes(']')? {
                return self.unexpected("']'");
            }
            format!("[{item}]")
        } else {
            self.name("a type")?.node.to_string()
        };
        if self.skip_if('!')? {
            text.push('!');
        }
        Ok(text)
    }

    /// Parses the directives of a variable's definition.
    fn constant_directives(&mut self) -> Parsed<Vec<Positioned<Directive>>> {
        let directives = self.directives()?;
        let mut arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        match arguments.find(|(_, value)| value.node.clone().into_const().is_none()) {
            Some((_, value)) => Err(syntax_error(
                "a directive of a variable's definition has no variables".to_owned(),
                value.pos,
            )),
            None => Ok(directives),
        }
    }

    fn directives(&mut self) -> Parsed<Vec<Positioned<Directive>>> {
        let mut directives = Vec::new();
        while self.is_next('@') {
            let pos = self.pos;
            self.advance()?;
            let directive = Directive {
                name: self.name("the name of a directive")?,
                arguments: self.arguments()?,
            };
            directives.push(Positioned::new(directive, pos));
        }
        Ok(directives)
    }

    fn arguments(&mut self) -> Parsed<Vec<(Positioned<Name>, Positioned<Value>)>> {
        let mut arguments = Vec::new();
        if !self.is_next('(') {
            return Ok(arguments);
        }
        self.open('(')?;
        loop {
            let name = self.name("the name of an argument")?;
            self.expect(':')?;
            arguments.push((name, self.value()?));
            if self.closes(')')? {
                return Ok(arguments);
            }
        }
    }

    fn selection_set(&mut self) -> Parsed<Positioned<SelectionSet>> {
        self.selections(true)
    }

    /// Parses a selection set; `once` keeps the first of identical selections.
    fn selections(&mut self, once: bool) -> Parsed<Positioned<SelectionSet>> {
        let pos = self.pos;
        let mut selections = Vec::new();
        self.open('{')?;
        loop {
            let (pos, start) = (self.pos, self.sequence.len() - 1);
            let selection = Positioned::new(self.selection()?, pos);
            selections.push((start..self.sequence.len() - 1, selection));
            if self.closes('}')? {
                break;
            }
        }
        let items = if once {
            self.sequence.without_duplicates(selections)
        } else {
            selections.into_iter().map(|(_, selection)| selection).collect()
        };
        Ok(Positioned::new(SelectionSet { items }, pos))
    }

    fn selection(&mut self) -> Parsed<Selection> {
        let pos = self.pos;
        if self.next != Token::Spread {
            return Ok(Selection::Field(Positioned::new(self.field()?, pos)));
        }
        self.advance()?;
        match self.next {
            Token::Name(name) if name != "on" => {
                let spread = FragmentSpread {
                    fragment_name: self.name("the name of a fragment")?,
                    directives: self.directives()?,
                };
                Ok(Selection::FragmentSpread(Positioned::new(spread, pos)))
            }
            Token::Name(_) | Token::Punctuator(_) | Token::Spread | Token::Number(_) | Token::Text(_) | Token::End => {
                let type_condition = match self.next {
                    Token::Name(_) => Some(self.type_condition()?),
                    Token::Punctuator(_) | Token::Spread | Token::Number(_) | Token::Text(_) | Token::End => None,
                };
                let fragment = InlineFragment {
                    type_condition,
                    directives: self.directives()?,
                    selection_set: self.selection_set()?,
                };
                Ok(Selection::InlineFragment(Positioned::new(fragment, pos)))
            }
        }
    }

    fn field(&mut self) -> Parsed<Field> {
        let first = self.name("the name of a field")?;
        let (alias, name) = if self.skip_if(':')? {
            (Some(first), self.name("the name of a field")?)
        } else {
            (None, first)
        };
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let selection_set = if self.is_next('{') {
            self.selection_set()?
        } else {
            Positioned::default()
        };
        Ok(Field {
            alias,
            name,
            arguments,
            directives,
            selection_set,
        })
    }

    fn type_condition(&mut self) -> Parsed<Positioned<TypeCondition>> {
        let pos = self.pos;
        if self.next != Token::Name("on") {
            return self.unexpected("'on'");
        }
        self.advance()?;
        let on = self.name("a type")?;
        Ok(Positioned::new(TypeCondition { on }, pos))
    }

    fn fragment(&mut self) -> Parsed<(Positioned<Name>, FragmentDefinition)> {
        self.advance()?;
        if self.next == Token::Name("on") {
            return self.unexpected("the name of a fragment");
        }
        let name = self.name("the name of a fragment")?;
        let definition = FragmentDefinition {
            type_condition: self.type_condition()?,
            directives: self.directives()?,
            selection_set: self.selection_set()?,
        };
        Ok((name, definition))
    }

    fn value(&mut self) -> Parsed<Positioned<Value>> {
        let pos = self.pos;
        let value = match &self.next {
            Token::Punctuator('$') => {
                self.advance()?;
                return Ok(Positioned::new(
                    Value::Variable(self.name("the name of a variable")?.node),
                    pos,
                ));
            }
            Token::Punctuator('[') => {
                self.open('[')?;
                let mut items = Vec::new();
                while !self.closes(']')? {
                    items.push(self.value()?.node);
                }
                return Ok(Positioned::new(Value::List(items), pos));
            }
            Token::Punctuator('{') => {
                self.open('{')?;
                let mut members = IndexMap::new();
                while !self.closes('}')? {
                    let name = self.name("the name of an input field")?;
                    self.expect(':')?;
                    let value = self.value()?.node;
                    if members.contains_key(&name.node) {
                        let message = format!("the input field '{}' is given twice", name.node);
                        return Err(duplicate(message, name.pos));
                    }
                    members.insert(name.node, value);
                }
                return Ok(Positioned::new(Value::Object(members), pos));
            }
            Token::Name("null") => Value::Null,
            Token::Name("true") => Value::Boolean(true),
            Token::Name("false") => Value::Boolean(false),
            Token::Name(name) => Value::Enum(Name::new(name)),
            Token::Number(text) => number(text),
            Token::Text(_) | Token::Punctuator(_) | Token::Spread | Token::End => {
                let Token::Text(text) = &mut self.next else {
                    return self.unexpected("a value");
                };
                Value::String(std::mem::take(text))
            }
        };
        self.advance()?;
        Ok(Positioned::new(value, pos))
    }
}

#[cfg(test)]
mod tests;
