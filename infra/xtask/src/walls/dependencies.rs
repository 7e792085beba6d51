//! The dependencies of a crate when it ships: normal and build dependencies, without those of tests.

use std::collections::{HashMap, HashSet, VecDeque};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A crate and its forbidden dependencies. A name that ends in `*` matches all names with that beginning.
#[derive(Clone, Copy)]
pub(super) struct Wall {
    pub(super) package: &'static str,
    /// The only direct dependencies that it may have.
    pub(super) only: Option<&'static [&'static str]>,
    /// Forbidden dependencies at any depth.
    pub(super) never: &'static [&'static str],
    /// Forbidden dependencies of the crate and of the workspace's crates below it. A crate from outside may have
    /// them.
    pub(super) never_ours: &'static [&'static str],
}

impl Wall {
    /// A crate without forbidden dependencies, to be extended.
    pub(super) const fn of(package: &'static str) -> Self {
        Self { package, only: None, never: &[], never_ours: &[] }
    }
}

/// The dependencies of the workspace, by `cargo metadata`'s package ids.
struct Graph<'a> {
    names: HashMap<&'a str, &'a str>,
    members: Vec<&'a str>,
    below: HashMap<&'a str, Vec<&'a str>>,
}

/// Every wall that `cargo metadata` contradicts.
pub(super) fn check(metadata: &Value, walls: &[Wall]) -> Result<Vec<String>> {
    let graph = Graph::of(metadata)?;
    let mut problems = Vec::new();
    for wall in walls {
        let member = graph.members.iter().find(|id| graph.names.get(**id) == Some(&wall.package));
        let Some(member) = member else {
            problems.push(format!("{}: no such crate in the workspace", wall.package));
            continue;
        };
        problems.extend(graph.breaches(wall, member));
    }
    Ok(problems)
}

/// The root file of each library and program of the workspace, with its package.
pub(super) fn targets(metadata: &Value) -> Result<Vec<(&str, &str)>> {
    let members = list(metadata, "workspace_members")?;
    let mut targets = Vec::new();
    for package in list(metadata, "packages")?.iter().filter(|package| members.contains(&package["id"])) {
        for target in list(package, "targets")? {
            let is = |kind: &str| {
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|it| *it == kind))
            };
            if ["lib", "rlib", "bin"].into_iter().any(is) {
                targets.push((text(package, "name")?, text(target, "src_path")?));
            }
        }
    }
    Ok(targets)
}

impl<'a> Graph<'a> {
    fn of(metadata: &'a Value) -> Result<Self> {
        let mut names = HashMap::new();
        for package in list(metadata, "packages")? {
            names.insert(text(package, "id")?, text(package, "name")?);
        }
        let mut below = HashMap::new();
        for node in list(&metadata["resolve"], "nodes")? {
            let mut ships = Vec::new();
            for dependency in list(node, "deps")? {
                if list(dependency, "dep_kinds")?.iter().any(|kind| kind["kind"] != "dev") {
                    ships.push(text(dependency, "pkg")?);
                }
            }
            below.insert(text(node, "id")?, ships);
        }
        let members = list(metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        Ok(Self { names, members, below })
    }

    /// The forbidden dependencies below the crate, each once, with a shortest path to it.
    fn breaches(&self, wall: &Wall, crate_id: &'a str) -> Vec<String> {
        let name = |id| self.names.get(id).copied().unwrap_or(id);
        let mut seen = HashSet::new();
        let mut found = HashSet::new();
        let mut problems = Vec::new();
        let mut queue = VecDeque::from([(crate_id, name(crate_id).to_owned())]);
        while let Some((at, way)) = queue.pop_front() {
            for next in self.below.get(at).into_iter().flatten().copied() {
                let (name, way) = (name(next), format!("{way} → {}", name(next)));
                let is_forbidden = at == crate_id && wall.only.is_some_and(|only| !names(only, name))
                    || names(wall.never, name)
                    || self.members.contains(&at) && names(wall.never_ours, name);
                if is_forbidden && found.insert(name) {
                    problems.push(format!("must not depend on {name}: {way}"));
                }
                if seen.insert(next) {
                    queue.push_back((next, way));
                }
            }
        }
        problems
    }
}

fn names(patterns: &[&str], name: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern.strip_suffix('*').map_or(*pattern == name, |start| name.starts_with(start)))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    value[key].as_array().map(Vec::as_slice).with_context(|| format!("cargo metadata has no list {key}"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("cargo metadata has no text {key}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A workspace of `app` → `core` → `http` → `json`, with `mock` in the tests of `core`.
    fn workspace() -> Value {
        let package = |name: &str| json!({ "id": name, "name": name, "targets": [] });
        let node = |name: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<_> = deps
                .iter()
                .map(|(pkg, kind)| json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind }] }))
                .collect();
            json!({ "id": name, "deps": deps })
        };
        let packages = ["app", "core", "http", "json", "mock"].map(package);
        json!({
            "workspace_members": ["app", "core"],
            "packages": packages,
            "resolve": { "nodes": [
                node("app", &[("core", None)]),
                node("core", &[("http", None), ("mock", Some("dev"))]),
                node("http", &[("json", None)]),
                node("json", &[]),
                node("mock", &[]),
            ] },
        })
    }

    fn check_one(wall: Wall) -> Vec<String> {
        check(&workspace(), &[wall]).unwrap()
    }

    #[test]
    fn a_forbidden_dependency_is_found_with_its_path() {
        let found = check_one(Wall { never: &["js*"], ..Wall::of("app") });
        assert_eq!(found, ["must not depend on json: app → core → http → json"]);
        let found = check_one(Wall { never_ours: &["http"], ..Wall::of("app") });
        assert_eq!(found, ["must not depend on http: app → core → http"]);
        let found = check_one(Wall { only: Some(&["json"]), ..Wall::of("core") });
        assert_eq!(found, ["must not depend on http: core → http"]);
    }

    #[test]
    fn dependencies_of_tests_and_of_outside_crates_are_allowed() {
        let wall = Wall {
            only: Some(&["http"]),
            never: &["mock", "ap*"],
            never_ours: &["json"],
            ..Wall::of("core")
        };
        assert_eq!(check_one(wall), Vec::<String>::new());
    }

    #[test]
    fn a_workspace_dependency_counts_although_an_outside_path_is_shorter() {
        let mut metadata = workspace();
        let nodes = metadata["resolve"]["nodes"].as_array_mut().unwrap();
        nodes[0]["deps"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({ "pkg": "http", "dep_kinds": [{ "kind": null }] }));
        nodes[1]["deps"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "pkg": "json", "dep_kinds": [{ "kind": null }] }));
        let found = check(&metadata, &[Wall { never_ours: &["json"], ..Wall::of("app") }]).unwrap();
        assert_eq!(found, ["must not depend on json: app → core → json"]);
    }

    #[test]
    fn a_wall_for_a_missing_crate_is_an_error() {
        assert_eq!(check_one(Wall::of("http")), ["http: no such crate in the workspace"]);
    }
}
