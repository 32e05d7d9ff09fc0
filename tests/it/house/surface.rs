//! The public items of a crate, read from its source: a line each, with the path by which programs name it.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list needs a few of the kinds of items that Rust has"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Type, UseTree, Visibility};

/// Path of a module or of an item in the crate.
type Place = Vec<String>;

/// A module with its items, by its path.
type Modules = BTreeMap<Place, Vec<Item>>;

/// Destination of a path.
enum Target {
    Module(Place),
    Item(Place, String),
    External(String),
}

/// The public items of the crate whose root is this file.
pub(super) fn of_crate(name: &str, root: &Path) -> Vec<String> {
    let mut modules = Modules::new();
    read(root, root.parent().expect("a folder"), Place::new(), &mut modules);
    let mut surface = Surface {
        impls: impls(&modules),
        modules: &modules,
        described: BTreeMap::new(),
        lines: BTreeSet::new(),
    };
    surface.module(&Place::new(), name);
    surface.lines.into_iter().collect()
}

/// Reads a file and the files of its modules; `folder` has its submodules.
fn read(file: &Path, folder: &Path, place: Place, modules: &mut Modules) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    read_items(parsed.items, folder, place, modules);
}

fn read_items(items: Vec<Item>, folder: &Path, place: Place, modules: &mut Modules) {
    let mut kept = Vec::new();
    for mut item in items {
        if let Item::Mod(module) = &mut item {
            if is_test(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let inner: Place = place.iter().cloned().chain([name.clone()]).collect();
            match module.content.take() {
                Some((_, items)) => read_items(items, &folder.join(&name), inner, modules),
                None => read(&file_of(folder, &name), &folder.join(&name), inner, modules),
            }
        }
        kept.push(item);
    }
    modules.insert(place, kept);
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.rs"));
    if file.exists() {
        file
    } else {
        folder.join(name).join("mod.rs")
    }
}

/// Implementations by the place and name of their type: the public lines of each.
fn impls(modules: &Modules) -> BTreeMap<(Place, String), Vec<String>> {
    let mut found: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (place, items) in modules {
        for item in items {
            let Item::Impl(block) = item else { continue };
            let Type::Path(of) = &*block.self_ty else { continue };
            if is_test(&block.attrs) {
                continue;
            }
            let path: Vec<String> = of.path.segments.iter().map(|part| part.ident.to_string()).collect();
            let Target::Item(owner, name) = resolve(modules, place, &path) else {
                continue;
            };
            let lines = found.entry((owner, name)).or_default();
            if let Some((not, of_trait, _)) = &block.trait_ {
                let not = if not.is_some() { "!" } else { "" };
                lines.push(format!("{}: impl {not}{}", features(&block.attrs), tidy(of_trait)));
                continue;
            }
            for item in &block.items {
                match item {
                    ImplItem::Fn(function) if is_public(&function.vis, &function.attrs) => {
                        let generics = tidy(&block.generics);
                        let signature = tidy(&function.sig);
                        lines.push(format!(
                            "{}::{}{generics}: {signature}",
                            features(&function.attrs),
                            function.sig.ident
                        ));
                    }
                    ImplItem::Const(constant) if is_public(&constant.vis, &constant.attrs) => {
                        lines.push(format!("::{}: const {}", constant.ident, tidy(&constant.ty)));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

struct Surface<'a> {
    modules: &'a Modules,
    impls: BTreeMap<(Place, String), Vec<String>>,
    /// Items that have their lines, with the path of the first one.
    described: BTreeMap<(Place, String), String>,
    lines: BTreeSet<String>,
}

impl Surface<'_> {
    /// Adds the public items of a module, under this public path.
    fn module(&mut self, place: &Place, path: &str) {
        self.lines.insert(format!("{path}: mod"));
        for item in &self.modules[place] {
            let Some((visibility, attributes, name)) = named(item) else {
                continue;
            };
            if !is_public(visibility, attributes) {
                continue;
            }
            match item {
                Item::Mod(_) => {
                    let inner = place.iter().cloned().chain([name.clone()]).collect();
                    self.module(&inner, &format!("{path}::{name}"));
                }
                Item::Use(import) => {
                    for (source, name) in leaves(&import.tree) {
                        self.import(place, &source, &format!("{path}::{name}"));
                    }
                }
                _ => self.item(place, &name, item, &format!("{path}::{name}")),
            }
        }
    }

    /// Adds what is re-exported under this public path.
    fn import(&mut self, place: &Place, source: &[String], path: &str) {
        match resolve(self.modules, place, source) {
            Target::Module(inner) => self.module(&inner, path),
            Target::External(source) => {
                self.lines.insert(format!("{path}: use {source}"));
            }
            Target::Item(owner, name) => {
                let items = &self.modules[&owner];
                let item = items.iter().find(|item| {
                    !matches!(item, Item::Use(_) | Item::Mod(_)) && named(item).is_some_and(|(_, _, own)| own == name)
                });
                let item = item.unwrap_or_else(|| panic!("{path} is no item of {owner:?}"));
                self.item(&owner, &name, item, path);
            }
        }
    }

    fn item(&mut self, place: &Place, name: &str, item: &Item, path: &str) {
        let key = (place.clone(), name.to_owned());
        if let Some(first) = self.described.get(&key) {
            if first != path {
                self.lines.insert(format!("{path}: use {first}"));
            }
            return;
        }
        self.described.insert(key.clone(), path.to_owned());
        self.lines
            .extend(described(item).into_iter().map(|line| format!("{path}{line}")));
        let impls = self.impls.get(&key).into_iter().flatten();
        self.lines.extend(impls.map(|line| format!("{path}{line}")));
    }
}

/// The lines of an item, each without the item's path.
fn described(item: &Item) -> Vec<String> {
    let mut lines = Vec::new();
    match item {
        Item::Fn(function) => lines.push(format!(": {}", tidy(&function.sig))),
        Item::Const(constant) => lines.push(format!(": const {}", tidy(&constant.ty))),
        Item::Static(value) => lines.push(format!(": static {}", tidy(&value.ty))),
        Item::Type(alias) => lines.push(format!("{}: type {}", tidy(&alias.generics), tidy(&alias.ty))),
        Item::Struct(data) => {
            lines.push(format!("{}: struct{}", tidy(&data.generics), features(&data.attrs)));
            lines.extend(derives(&data.attrs));
            lines.extend(fields(&data.fields, false));
        }
        Item::Enum(data) => {
            lines.push(format!("{}: enum{}", tidy(&data.generics), features(&data.attrs)));
            lines.extend(derives(&data.attrs));
            for variant in &data.variants {
                let name = &variant.ident;
                lines.push(format!("::{name}: variant"));
                lines.extend(
                    fields(&variant.fields, true)
                        .into_iter()
                        .map(|line| format!("::{name}{line}")),
                );
            }
        }
        Item::Trait(data) => {
            let bounds = tidy(&data.supertraits);
            lines.push(
                format!("{}: trait {bounds}", tidy(&data.generics))
                    .trim_end()
                    .to_owned(),
            );
            for item in &data.items {
                match item {
                    TraitItem::Fn(function) => {
                        let provided = if function.default.is_some() { "provided " } else { "" };
                        lines.push(format!("::{}: {provided}{}", function.sig.ident, tidy(&function.sig)));
                    }
                    TraitItem::Type(kind) => lines.push(format!("::{}: type {}", kind.ident, tidy(&kind.bounds))),
                    TraitItem::Const(constant) => {
                        lines.push(format!("::{}: const {}", constant.ident, tidy(&constant.ty)));
                    }
                    _ => {}
                }
            }
        }
        other => lines.push(format!(": {}", tidy(other))),
    }
    lines
}

/// The public fields, and whether there are others: then programs can't create the value.
fn fields(fields: &Fields, are_all_public: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut has_private = false;
    for (index, field) in fields.iter().enumerate() {
        if !are_all_public && !is_public(&field.vis, &field.attrs) {
            has_private = true;
            continue;
        }
        let name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
        lines.push(format!(".{name}: {}", tidy(&field.ty)));
    }
    if has_private {
        lines.push(": has private fields".to_owned());
    }
    lines
}

fn derives(attributes: &[Attribute]) -> Vec<String> {
    let derives = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    derives
        .map(|attribute| format!(": {}", tidy(&attribute.meta)))
        .collect()
}

/// Visibility, attributes and name of an item that has them. Re-exports have no name of their own.
fn named(item: &Item) -> Option<(&Visibility, &[Attribute], String)> {
    Some(match item {
        Item::Const(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Enum(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Fn(item) => (&item.vis, &item.attrs, item.sig.ident.to_string()),
        Item::Mod(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Static(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Struct(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Trait(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Type(item) => (&item.vis, &item.attrs, item.ident.to_string()),
        Item::Use(item) => (&item.vis, &item.attrs, String::new()),
        _ => return None,
    })
}

/// The paths of an import, each with the name that it defines.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let prefix = path.ident.to_string();
            let inner = leaves(&path.tree).into_iter();
            let with_prefix = |(rest, name): (Vec<String>, String)| {
                let name = if name == "self" { prefix.clone() } else { name };
                let rest = rest.into_iter().filter(|part| part != "self" || prefix.is_empty());
                ([prefix.clone()].into_iter().chain(rest).collect(), name)
            };
            inner.map(with_prefix).collect()
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => vec![(vec![rename.ident.to_string()], rename.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Glob(_) => Vec::new(),
    }
}

/// Follows a path that code of this module names.
fn resolve(modules: &Modules, place: &Place, path: &[String]) -> Target {
    let mut at = place.clone();
    let mut rest = path.iter().map(String::as_str).peekable();
    match rest.peek() {
        Some(&"crate") => {
            at.clear();
            rest.next();
        }
        Some(&("self" | "super")) => {
            while let Some(part) = rest.next_if(|part| matches!(*part, "self" | "super")) {
                if part == "super" {
                    at.pop();
                }
            }
        }
        _ => {}
    }
    let rest: Vec<&str> = rest.collect();
    let Some((&first, inner)) = rest.split_first() else {
        return Target::Module(at);
    };
    let external = || Target::External(path.join("::"));
    let Some(items) = modules.get(&at) else {
        return external();
    };
    for item in items {
        match item {
            Item::Use(import) => {
                for (source, name) in leaves(&import.tree) {
                    if name == first && source.as_slice() != path {
                        let full: Vec<String> = source
                            .into_iter()
                            .chain(inner.iter().map(|part| (*part).to_owned()))
                            .collect();
                        return resolve(modules, &at, &full);
                    }
                }
            }
            Item::Mod(module) if module.ident == first => {
                let module: Place = at.iter().cloned().chain([first.to_owned()]).collect();
                if inner.is_empty() {
                    return Target::Module(module);
                }
                let inner: Vec<String> = ["self"].iter().chain(inner).map(|part| (*part).to_owned()).collect();
                return resolve(modules, &module, &inner);
            }
            _ if inner.is_empty() && named(item).is_some_and(|(_, _, name)| name == first) => {
                return Target::Item(at, first.to_owned());
            }
            _ => {}
        }
    }
    external()
}

fn is_public(visibility: &Visibility, attributes: &[Attribute]) -> bool {
    let is_hidden = attributes
        .iter()
        .any(|attribute| tidy(&attribute.meta) == "doc(hidden)");
    matches!(visibility, Visibility::Public(_)) && !is_hidden && !is_test(attributes)
}

fn is_test(attributes: &[Attribute]) -> bool {
    conditions(attributes).any(|condition| matches!(condition.as_str(), "cfg(test)" | "cfg(doctest)"))
}

/// The condition of an item that depends on a feature.
fn features(attributes: &[Attribute]) -> String {
    let conditions = conditions(attributes).filter(|condition| condition.contains("feature"));
    conditions.map(|condition| format!(" [{condition}]")).collect()
}

fn conditions(attributes: &[Attribute]) -> impl Iterator<Item = String> {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.map(|attribute| tidy(&attribute.meta))
}

/// Tokens as text, spaced much as rustfmt does.
fn tidy(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ,", ","),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" :", ":"),
        (" ;", ";"),
        ("Fn (", "Fn("),
        ("FnOnce (", "FnOnce("),
        ("FnMut (", "FnMut("),
        ("derive (", "derive("),
        ("cfg (", "cfg("),
        ("doc (", "doc("),
        (",)", ")"),
        (",>", ">"),
    ] {
        text = text.replace(spaced, tight);
    }
    let mut tidied = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_call =
            character == ' ' && characters.peek() == Some(&'(') && tidied.contains("fn ") && !tidied.contains('(');
        if !is_call {
            tidied.push(character);
        }
    }
    tidied
}
