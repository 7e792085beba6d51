//! Finds circles among the files of a crate. A file uses another when it names one of its items by a path that begins
//! with `crate`, `super` or `self`. A name that a module re-exports (`pub use`) counts for the module that owns it.
//!
//! In Rust a module and the files below it share private items in both directions. So a file's use of the files below
//! it does not count, only their use of it. Items under `#[cfg(test)]` do not count either.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The path of a module or an item from the crate's root.
type Names = Vec<String>;

/// Reads a file; `None` when there is no such file.
type Read<'a> = dyn Fn(&Path) -> Option<String> + 'a;

/// The modules and paths in a file, as they are written.
#[derive(Default)]
struct Source {
    file: PathBuf,
    /// The modules that it declares, with the file name of those that have a `#[path]`.
    children: Vec<(String, Option<String>)>,
    /// The paths in its code.
    paths: Vec<Names>,
    /// The names that `use` imports, each with its path.
    imports: Vec<(String, Names)>,
}

/// The circles of the crate whose root is the file `root`, each as a line: each file, and the path by which it uses
/// the next.
pub(super) fn of(root: &Path, read: &Read<'_>) -> Result<Vec<String>> {
    let mut sources = BTreeMap::new();
    load(Vec::new(), root, true, read, &mut sources)?;
    let folder = root.parent().unwrap_or(root);
    let show = |module: &Names| {
        let file = &sources[module].file;
        file.strip_prefix(folder).unwrap_or(file).display().to_string()
    };
    let graph = graph(&sources);
    let circles = circles(&graph);
    Ok(circles
        .iter()
        .map(|circle| {
            let arrow = |(at, from): (usize, &&Names)| {
                let to = circle[(at + 1) % circle.len()];
                format!(" —{}→ {}", graph[*from][to], show(to))
            };
            let arrows: Vec<String> = circle.iter().enumerate().map(arrow).collect();
            format!("a circle: {}{}", show(circle[0]), arrows.concat())
        })
        .collect())
}

/// Reads a module's file and the files of the modules that it declares.
fn load(
    module: Names,
    file: &Path,
    owns_folder: bool,
    read: &Read<'_>,
    sources: &mut BTreeMap<Names, Source>,
) -> Result<()> {
    let text = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let tokens: TokenStream =
        text.parse().map_err(|error| anyhow!("{} is no Rust: {error}", file.display()))?;
    let mut source = Source { file: file.to_owned(), ..Source::default() };
    source.read(tokens, 0);
    let beside = file.parent().unwrap_or(file);
    let below = if owns_folder { beside.to_owned() } else { file.with_extension("") };
    for (name, at) in source.children.clone() {
        let mut child = module.clone();
        child.push(name.clone());
        let (flat, folder) = (below.join(format!("{name}.rs")), below.join(&name).join("mod.rs"));
        match at {
            Some(at) => load(child, &beside.join(at), true, read, sources)?,
            None if read(&flat).is_some() => load(child, &flat, false, read, sources)?,
            None => load(child, &folder, true, read, sources)?,
        }
    }
    sources.insert(module, source);
    Ok(())
}

impl Source {
    /// Reads `tokens`, which are inside `depth` modules of the file.
    fn read(&mut self, tokens: TokenStream, depth: usize) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut path = None;
        while let Some((token, after)) = rest.split_first() {
            rest = match token {
                TokenTree::Punct(hash) if hash.as_char() == '#' => {
                    let attribute = match after {
                        [TokenTree::Group(group), ..] => group.stream().to_string().replace(' ', ""),
                        _ => String::new(),
                    };
                    if let Some(file) = attribute.strip_prefix("path=") {
                        path = Some(file.trim_matches('"').to_owned());
                    }
                    if attribute == "cfg(test)" {
                        after_item(&after[1..])
                    } else {
                        after.get(1..).unwrap_or_default()
                    }
                }
                TokenTree::Ident(keyword) if keyword == "mod" => match after {
                    [TokenTree::Ident(name), TokenTree::Punct(_), after @ ..] => {
                        self.children.push((name.to_string(), path.take()));
                        after
                    }
                    [TokenTree::Ident(_), TokenTree::Group(body), after @ ..] => {
                        self.read(body.stream(), depth + 1);
                        after
                    }
                    _ => after,
                },
                TokenTree::Ident(keyword) if keyword == "use" => {
                    let end = after.iter().position(|token| is(token, ';')).unwrap_or(after.len());
                    let mut found = Vec::new();
                    use_tree(&after[..end], &[], &mut found);
                    for (name, path) in found {
                        if let Some(path) = outside(path, depth) {
                            self.imports.push((name, path));
                        }
                    }
                    &after[end..]
                }
                TokenTree::Ident(keyword)
                    if ["crate", "super", "self"].iter().any(|start| keyword == start) =>
                {
                    let (path, after) = plain_path(rest);
                    if path.len() > 1 {
                        self.paths.extend(outside(path, depth));
                    }
                    after
                }
                TokenTree::Group(group) => {
                    self.read(group.stream(), depth);
                    after
                }
                _ => after,
            };
        }
    }
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// The tokens after the item, field or arm at the start.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let ends = |token: &TokenTree| {
        is(token, ';')
            || is(token, ',')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    tokens.iter().position(ends).map_or(&[], |end| &tokens[end + 1..])
}

/// The path at the start, and the tokens after it.
fn plain_path(tokens: &[TokenTree]) -> (Names, &[TokenTree]) {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(name), after @ ..] = rest {
        path.push(name.to_string());
        match after {
            [one, two, next @ ..]
                if is(one, ':') && is(two, ':') && matches!(next, [TokenTree::Ident(_), ..]) =>
            {
                rest = next;
            }
            _ => return (path, after),
        }
    }
    (path, rest)
}

/// The imports of a `use`: each name with its path. An import by `*` has the name `*`.
fn use_tree(tokens: &[TokenTree], before: &[String], found: &mut Vec<(String, Names)>) {
    let (names, rest) = plain_path(tokens);
    let mut path = before.to_vec();
    path.extend(names);
    match rest {
        [one, two, TokenTree::Group(group)] if is(one, ':') && is(two, ':') => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            for part in tokens.split(|token| is(token, ',')).filter(|part| !part.is_empty()) {
                use_tree(part, &path, found);
            }
            return;
        }
        [one, two, star] if is(one, ':') && is(two, ':') && is(star, '*') => {
            found.push(("*".to_owned(), path));
            return;
        }
        _ => {}
    }
    // `use a::{self}` imports `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = match rest {
        [TokenTree::Ident(keyword), TokenTree::Ident(name)] if keyword == "as" => Some(name.to_string()),
        _ => path.last().cloned(),
    };
    found.extend(name.map(|name| (name, path)));
}

/// The path as it would be written outside of the `depth` modules around it; `None` when it leads into the same file.
fn outside(mut path: Names, depth: usize) -> Option<Names> {
    if depth == 0 || path.first().is_some_and(|first| first == "crate") {
        return Some(path);
    }
    let ups = path.iter().take_while(|name| *name == "super").count();
    (ups > depth).then(|| path.split_off(depth))
}

/// For each module the modules that it uses, with the path as it is written.
fn graph(sources: &BTreeMap<Names, Source>) -> BTreeMap<&Names, BTreeMap<&Names, String>> {
    let mut imports: HashMap<&Names, HashMap<&str, Names>> = HashMap::new();
    for (module, source) in sources {
        let known = imports.entry(module).or_default();
        for (name, path) in &source.imports {
            if let Some(path) = absolute(module, source, path) {
                known.insert(name, path);
            }
        }
    }
    let mut graph: BTreeMap<&Names, BTreeMap<&Names, String>> = BTreeMap::new();
    for (module, source) in sources {
        let used = graph.entry(module).or_default();
        let paths = source.imports.iter().map(|(_, path)| path).chain(&source.paths);
        for path in paths {
            let Some(target) = absolute(module, source, path) else { continue };
            let owner = owner(target, sources, &imports);
            if !owner.starts_with(module) {
                used.entry(owner).or_insert_with(|| path.join("::"));
            }
        }
    }
    graph
}

/// The path from the crate's root; `None` for an item of another crate.
fn absolute(module: &Names, source: &Source, path: &Names) -> Option<Names> {
    let mut start = module.clone();
    let ups = path.iter().take_while(|name| *name == "super").count();
    let rest = match path.first()?.as_str() {
        "crate" => {
            start.clear();
            &path[1..]
        }
        "self" => &path[1..],
        "super" => {
            start.truncate(module.len().checked_sub(ups)?);
            &path[ups..]
        }
        first if source.children.iter().any(|(child, _)| child == first) => path,
        _ => return None,
    };
    start.extend_from_slice(rest);
    Some(start)
}

/// The module that owns the item of a path. A re-exported item is followed to its owner.
fn owner<'a>(
    mut path: Names,
    sources: &'a BTreeMap<Names, Source>,
    imports: &HashMap<&Names, HashMap<&str, Names>>,
) -> &'a Names {
    // The most re-exports that are followed.
    const HOPS: usize = 8;
    let mut module = longest(&path, sources);
    for _ in 0..HOPS {
        let next = path.get(module.len()).map(String::as_str);
        let Some(from) = next.and_then(|name| imports.get(module)?.get(name)) else { break };
        path = [from.as_slice(), &path[module.len() + 1..]].concat();
        module = longest(&path, sources);
    }
    module
}

/// The module with the longest path that is a beginning of this path.
fn longest<'a>(path: &Names, sources: &'a BTreeMap<Names, Source>) -> &'a Names {
    let modules = (0..=path.len()).rev().filter_map(|length| sources.get_key_value(&path[..length]));
    modules.map(|(module, _)| module).next().expect("the crate's root has been read")
}

/// A shortest circle for each group of modules that all lead to each other.
fn circles<'a>(graph: &BTreeMap<&'a Names, BTreeMap<&'a Names, String>>) -> Vec<Vec<&'a Names>> {
    let mut shown: BTreeSet<&Names> = BTreeSet::new();
    let mut circles = Vec::new();
    for start in graph.keys().copied() {
        let before = reach(graph, start);
        let Some(mut at) = before.get(start).copied().filter(|_| !shown.contains(start)) else { continue };
        shown.extend(before.keys().copied().filter(|module| reach(graph, module).contains_key(start)));
        let mut circle = vec![at];
        while at != start {
            at = before[at];
            circle.push(at);
        }
        circle.reverse();
        circles.push(circle);
    }
    circles
}

/// The modules that can be reached from `start`, each with the module before it on a shortest path.
fn reach<'a>(
    graph: &BTreeMap<&'a Names, BTreeMap<&'a Names, String>>,
    start: &'a Names,
) -> BTreeMap<&'a Names, &'a Names> {
    let mut before = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in graph[at].keys() {
            if !before.contains_key(next) {
                before.insert(*next, at);
                queue.push_back(next);
            }
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate with these files.
    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let read = |file: &Path| {
            files.iter().find(|(name, _)| Path::new(name) == file).map(|(_, text)| (*text).to_owned())
        };
        of(Path::new("lib.rs"), &read).unwrap()
    }

    #[test]
    fn a_planted_circle_is_found_with_the_paths_that_make_it() {
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b; pub mod c;"),
            ("a.rs", "use crate::b::{self, Two};"),
            ("b/mod.rs", "mod deep; pub struct Two; fn f() -> crate::c::Three { todo!() }"),
            ("b/deep.rs", "use super::Two;"),
            ("c.rs", "macro_rules! m { () => { vec![super::a::One] } }"),
        ]);
        assert_eq!(found, ["a circle: a.rs —crate::b→ b/mod.rs —crate::c::Three→ c.rs —super::a::One→ a.rs"]);
    }

    #[test]
    fn two_circles_are_two_lines() {
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use super::b::B;"),
            ("b.rs", "use super::{a::A, c::C};"),
            ("c.rs", "use crate::d::D as Other;"),
            ("d.rs", "fn f() { crate::c::f() }"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_reexported_name_counts_for_its_owner() {
        // `a` uses `b` through the root, and `b` uses `a`.
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b; pub use b::B;"),
            ("a.rs", "use crate::B;"),
            ("b.rs", "use crate::a::A;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        // `b` needs the root's own `Limit`, and the root re-exports `B` of `b`: no circle.
        let found = circles_of(&[
            ("lib.rs", "mod b; pub use b::B; pub struct Limit; fn f(b: b::B) {}"),
            ("b.rs", "use crate::Limit; fn f() { crate::B }"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn tests_comments_and_texts_do_not_count() {
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod only_in_tests;"),
            ("a.rs", "use crate::b::B;"),
            (
                "b.rs",
                "//! [`crate::a`]\n// crate::a::A\n#[cfg(test)]\nuse crate::a::A;\npub const TEXT: &str = \"crate::a::A\";\n\
                 #[cfg(test)]\n#[path = \"elsewhere.rs\"]\nmod elsewhere;\n\
                 #[cfg(test)]\n#[allow(unused)]\nmod tests { use crate::a::A; }",
            ),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn code_after_a_test_counts() {
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "struct S { #[cfg(test)] n: u8, a: crate::a::A }"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_module_inside_a_file_is_that_file() {
        let files = |inner: &str| {
            circles_of(&[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B;"),
                ("b.rs", &format!("pub mod inner {{ {inner} }}")),
            ])
            .len()
        };
        assert_eq!(files("use super::a::A; fn f() { self::a::g() }"), 0);
        assert_eq!(files("use super::super::a::A;"), 1);
        assert_eq!(files("use crate::a::A;"), 1);
    }
}
