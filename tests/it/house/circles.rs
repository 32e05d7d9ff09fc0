//! Imports between the files of the source form no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{production, rust_files, source};

/// Path of a module, a name a level; empty for the crate.
type Module = Vec<String>;

/// Production code of a module without comments.
struct File {
    module: Module,
    code: String,
}

fn module_of(inside: &Path) -> Module {
    let mut names: Module = inside
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

fn is_test(module: &Module) -> bool {
    module.iter().any(|name| name == "tests")
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn files(root: &Path) -> Vec<File> {
    let modules = rust_files(root).into_iter().map(|path| {
        let inside = path.strip_prefix(root).expect("inside the source").to_owned();
        let text = fs::read_to_string(&path).expect("a readable file");
        File {
            module: module_of(&inside),
            code: without_comments(production(&text)),
        }
    });
    modules
        .filter(|file| !is_test(&file.module) && file.module != ["lib"] && file.module != ["main"])
        .collect()
}

/// Splits `{a, b::{c, d}}` at its top-level commas.
fn items(inner: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (index, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&inner[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    items.push(&inner[start..]);
    items
}

/// All paths of a tree of imports.
fn paths(prefix: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    if tree.is_empty() {
        return;
    }
    let (head, inner) = match tree.split_once('{') {
        Some((head, rest)) => (head, rest.rsplit_once('}').map(|(inner, _)| inner)),
        None => (tree.split(" as ").next().unwrap_or(tree), None),
    };
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty());
    let path: Vec<String> = prefix.iter().cloned().chain(names.map(str::to_owned)).collect();
    match inner {
        Some(inner) => items(inner).into_iter().for_each(|item| paths(&path, item, found)),
        None => found.push(path),
    }
}

/// Paths below the crate that code mentions: imports, and paths from `crate`, `super`, `self` or a child module.
fn mentioned(file: &File, children: &BTreeSet<&str>) -> Vec<Module> {
    let mut found = Vec::new();
    let code = file.code.replace("$crate::", "crate::");
    for (start, _) in code.match_indices("use ") {
        let before = code[..start].trim_end_matches(|c: char| c != '\n');
        let statement_head = &code[before.len()..start];
        // A file that re-exports its children does not depend on its users.
        let tree = code[start + 4..].split(';').next().unwrap_or_default();
        let is_statement = statement_head.trim().is_empty() || statement_head.trim_start().starts_with("pub");
        if is_statement {
            paths(&[], tree, &mut found);
        }
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (start, _) in code.match_indices("::") {
        let head_start = code[..start]
            .rfind(|c: char| !is_word(c) && c != ':')
            .map_or(0, |at| at + 1);
        let text = code[head_start..]
            .split(|c: char| !is_word(c) && c != ':')
            .next()
            .unwrap_or_default();
        let path: Vec<String> = text
            .split("::")
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let is_inside = path.first().is_some_and(|first| {
            matches!(first.as_str(), "crate" | "super" | "self") || children.contains(first.as_str())
        });
        let is_visibility = code[..head_start].ends_with("pub(in ");
        // The paths of a group of imports were read above.
        let is_group = code[head_start + text.len()..].starts_with('{');
        if is_inside && !is_visibility && !is_group && !code[..head_start].ends_with("::") {
            found.push(path);
        }
    }
    found
        .into_iter()
        .filter_map(|path| absolute(&file.module, children, path))
        .collect()
}

/// The path from the crate's root, if it is one of this crate.
fn absolute(module: &Module, children: &BTreeSet<&str>, path: Vec<String>) -> Option<Module> {
    let mut base = module.clone();
    let mut rest = path.into_iter().peekable();
    match rest.peek()?.as_str() {
        "crate" => {
            base.clear();
            rest.next();
        }
        "self" => {
            rest.next();
        }
        "super" => {
            while rest.next_if(|name| name == "super").is_some() {
                base.pop();
            }
        }
        child if children.contains(child) => {}
        _ => return None,
    }
    base.extend(rest);
    Some(base)
}

/// The graph of imports: for each module the modules it uses.
fn graph(files: &[File]) -> BTreeMap<Module, BTreeSet<Module>> {
    let known: BTreeSet<&Module> = files.iter().map(|file| &file.module).collect();
    let used_by = |file: &File| {
        let children: BTreeSet<&str> = known
            .iter()
            .filter(|module| module.len() == file.module.len() + 1 && module.starts_with(&file.module))
            .filter_map(|module| module.last().map(String::as_str))
            .collect();
        let targets = mentioned(file, &children).into_iter().filter_map(|mut path| {
            while !path.is_empty() && !known.contains(&path) {
                path.pop();
            }
            (!path.is_empty() && path != file.module).then_some(path)
        });
        targets.collect()
    };
    files.iter().map(|file| (file.module.clone(), used_by(file))).collect()
}

/// All modules that a module uses, directly or not.
fn reached<'a>(graph: &'a BTreeMap<Module, BTreeSet<Module>>, from: &'a Module) -> BTreeSet<&'a Module> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        let used = graph.get(module).into_iter().flatten();
        next.extend(used.filter(|used| reached.insert(*used)));
    }
    reached
}

/// Imports that are part of a circle.
fn circles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let mut found = Vec::new();
    for (module, uses) in graph {
        for used in uses.iter().filter(|used| reached(graph, used).contains(module)) {
            found.push(format!("{} uses {}", module.join("::"), used.join("::")));
        }
    }
    found
}

#[test]
fn imports_form_no_circles() {
    for root in [source(), crate::harness::repository().join("core/src")] {
        let files = files(&root);
        let graph = graph(&files);
        let edges: usize = graph.values().map(BTreeSet::len).sum();
        assert!(edges > files.len(), "{edges} imports between {} files", files.len());
        let found = circles(&graph);
        assert!(
            found.is_empty(),
            "{} imports in circles:\n{}",
            found.len(),
            found.join("\n")
        );
    }
}

#[test]
fn a_circle_is_found_and_a_chain_is_none() {
    let file = |module: &str, code: &str| File {
        module: vec![module.to_owned()],
        code: code.to_owned(),
    };
    let chain = [
        file("a", "use crate::b::{X, Y};\nuse super::c::Z;"),
        file("b", "fn f() { crate::c::g() }"),
        file("c", "use std::fmt;"),
    ];
    assert!(circles(&graph(&chain)).is_empty());
    let circle = [
        file("a", "use crate::{b::X, c};"),
        file("b", "fn f() { super::c::g() }"),
        file("c", "pub(crate) use crate::a::Y as Z;"),
    ];
    assert_eq!(circles(&graph(&circle)).len(), 4);
}
