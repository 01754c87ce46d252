//! Files and environment → layers → one tree.
//!
//! TOML, JSON and the environment are read by the `config` crate. YAML is read by yaml.rs, and the layers are merged by
//! tree.rs: the crate turns numbers into texts, forgets lines, and stops at the first error (see there).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Source as _, ValueKind};

use super::problem::{KeyPath, Problem};
use super::tree::{Entry, Node, Place, Value, exactly, loosely};
use super::{checks_list, yaml};

/// Larger is no configuration.
const LARGEST: u64 = 4 << 20;
/// What variables of ours begin with.
const PREFIX: &str = "MAILPROBE";
const SUFFIXES: &[&str] = &["yaml", "yml", "toml", "json"];

/// Where a layer comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// As it is named in refusals.
    pub name: String,
    /// What relative paths in it are relative to.
    pub dir: PathBuf,
}

/// All layers, one on the other.
pub struct Layers {
    pub root: Node,
    pub sources: Vec<Origin>,
    /// Files and folders that were read.
    pub files: Vec<PathBuf>,
    pub problems: Vec<(usize, Problem)>,
}

impl Layers {
    fn new() -> Self {
        let root = Node::map(Place::default());
        Self { root, sources: Vec::new(), files: Vec::new(), problems: Vec::new() }
    }

    /// Each path in order, a folder's files sorted, then the environment.
    pub fn read(paths: &[PathBuf], env: &BTreeMap<String, String>) -> Self {
        let mut layers = Self::new();
        if paths.is_empty() {
            layers.refuse_path(Path::new(""), "no --config", "a file or a folder");
        }
        for path in paths {
            layers.add_path(path);
        }
        layers.add_environment(env);
        layers
    }

    /// One text, read as YAML.
    pub fn read_str(name: &str, text: &str) -> Self {
        let mut layers = Self::new();
        layers.add_text(Path::new(name), text);
        layers
    }

    fn add_path(&mut self, path: &Path) {
        if !path.is_dir() {
            self.add_file(path);
            return;
        }
        self.files.push(path.to_owned());
        let mut inside: Vec<PathBuf> = match std::fs::read_dir(path) {
            Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
            Err(error) => {
                self.refuse_path(
                    path,
                    &format!("a folder that cannot be read ({error})"),
                    "a readable folder",
                );
                return;
            }
        };
        // Kubernetes mounts a folder with hidden links beside the files.
        inside.retain(|file| {
            let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            !hidden
                && file.is_file()
                && suffix(file).is_some_and(|suffix| SUFFIXES.contains(&suffix.as_str()))
        });
        inside.sort();
        if inside.is_empty() {
            self.refuse_path(
                path,
                "a folder without configuration",
                "files *.yaml, *.yml, *.toml or *.json in it",
            );
        }
        for file in inside {
            self.add_file(&file);
        }
    }

    fn add_file(&mut self, path: &Path) {
        self.files.push(path.to_owned());
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        if size > LARGEST {
            self.refuse_path(path, &format!("a file of {size} bytes"), "at most 4 MiB");
            return;
        }
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.refuse_path(path, &format!("a file that cannot be read ({error})"), "a readable file");
                return;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => self.add_text(path, &text),
            _ => self.refuse_path(path, "a binary file", "text in UTF-8"),
        }
    }

    fn add_text(&mut self, path: &Path, text: &str) {
        let source = self.begin(&path.display().to_string(), path.parent().unwrap_or_else(|| Path::new("")));
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            self.refuse(source, None, KeyPath::default(), "an empty file", "a configuration");
            return;
        }
        let tree = match suffix(path).as_deref() {
            Some("toml") => self.by_crate(source, text, FileFormat::Toml),
            Some("json") => self.by_crate(source, text, FileFormat::Json),
            _ => Some(self.yaml(source, text)),
        };
        let Some(tree) = tree else { return };
        match tree.value {
            Value::Map(_) => self.lay(source, tree, exactly),
            Value::Null if self.problems.iter().any(|(of, _)| *of == source) => {}
            Value::Null => {
                self.refuse(source, None, KeyPath::default(), "nothing but comments", "a configuration")
            }
            _ => self.refuse(
                source,
                tree.place.line,
                KeyPath::default(),
                "no map",
                "keys and values (`site: lisbon`)",
            ),
        }
    }

    fn yaml(&mut self, source: usize, text: &str) -> Node {
        let (tree, refusals) = yaml::read(source, text);
        for refusal in refusals {
            // Where quotes are forgotten half a password becomes a key.
            let path = refusal.path.without_secrets();
            self.refuse(source, Some(refusal.line), path, &refusal.found, &refusal.expected);
        }
        tree
    }

    fn by_crate(&mut self, source: usize, text: &str, format: FileFormat) -> Option<Node> {
        let place = Place { source, line: None };
        match File::from_str(text, format).collect() {
            Ok(map) => Some(node(place, ValueKind::Table(map))),
            Err(error) => {
                let (line, what) = parse_error(&error.to_string());
                self.refuse(source, line, KeyPath::default(), &what, "TOML or JSON, as the file's name says");
                None
            }
        }
    }

    /// `MAILPROBE__LOG__LEVEL=debug` lies over `log.level`.
    fn add_environment(&mut self, env: &BTreeMap<String, String>) {
        let ours = Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__")
            .source(Some(env.iter().map(|(name, value)| (name.clone(), value.clone())).collect()));
        let Ok(found) = ours.collect() else { return };
        if found.is_empty() {
            return;
        }
        let source = self.begin("environment", Path::new(""));
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        for (key, value) in found {
            let text = value.into_string().unwrap_or_default();
            let tree = self.branch(source, &key, text);
            self.lay(source, tree, loosely);
        }
    }

    /// `log.level` and a text → a tree of one leaf. Lists and maps are written as YAML: `[imap, pop3]`.
    fn branch(&mut self, source: usize, key: &str, text: String) -> Node {
        let place = Place { source, line: None };
        let leaf = if text.starts_with(['[', '{']) {
            without_lines(self.yaml(source, &text))
        } else {
            Node { place, value: if text == "null" { Value::Null } else { Value::Word(text) } }
        };
        key.rsplit('.').fold(leaf, |node, key| Node {
            place,
            value: Value::Map(vec![Entry { key: key.to_owned(), place, node }]),
        })
    }

    fn lay(&mut self, source: usize, mut tree: Node, same: fn(&str, &str) -> bool) {
        // Checks are merged by name: a list of them is made a map before layers meet.
        for (place, path, found, expected) in checks_list::by_name(&mut tree) {
            self.refuse(source, place.line, path, &found, &expected);
        }
        self.root.lay(tree, same);
    }

    fn begin(&mut self, name: &str, dir: &Path) -> usize {
        self.sources.push(Origin { name: name.to_owned(), dir: dir.to_owned() });
        self.sources.len() - 1
    }

    fn refuse_path(&mut self, path: &Path, found: &str, expected: &str) {
        let source = self.begin(&path.display().to_string(), Path::new(""));
        self.refuse(source, None, KeyPath::default(), found, expected);
    }

    fn refuse(&mut self, source: usize, line: Option<usize>, path: KeyPath, found: &str, expected: &str) {
        let problem = Problem {
            file: self.sources.get(source).map(|origin| origin.name.clone()).unwrap_or_default(),
            line,
            path: path.to_string(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            nearest: None,
        };
        self.problems.push((source, problem));
    }
}

fn suffix(path: &Path) -> Option<String> {
    path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase())
}

fn node(place: Place, kind: ValueKind) -> Node {
    let value = match kind {
        ValueKind::Nil => Value::Null,
        ValueKind::Boolean(value) => Value::Bool(value),
        ValueKind::I64(value) => Value::Number(value.to_string()),
        ValueKind::I128(value) => Value::Number(value.to_string()),
        ValueKind::U64(value) => Value::Number(value.to_string()),
        ValueKind::U128(value) => Value::Number(value.to_string()),
        ValueKind::Float(value) => Value::Number(value.to_string()),
        ValueKind::String(text) => Value::Text(text),
        ValueKind::Array(items) => {
            Value::List(items.into_iter().map(|item| node(place, item.kind)).collect())
        }
        ValueKind::Table(table) => {
            let mut entries: Vec<_> = table
                .into_iter()
                .map(|(key, value)| Entry { key, place, node: node(place, value.kind) })
                .collect();
            // The crate's map has no order.
            entries.sort_by(|left, right| left.key.cmp(&right.key));
            Value::Map(entries)
        }
    };
    Node { place, value }
}

fn without_lines(mut node: Node) -> Node {
    node.place.line = None;
    match &mut node.value {
        Value::List(items) => *items = std::mem::take(items).into_iter().map(without_lines).collect(),
        Value::Map(entries) => {
            for entry in entries {
                entry.place.line = None;
                entry.node = without_lines(std::mem::replace(&mut entry.node, Node::map(Place::default())));
            }
        }
        _ => {}
    }
    node
}

/// Line and message of a parser's error. TOML's shows the line itself, which may hold a password: that part is left out.
fn parse_error(text: &str) -> (Option<usize>, String) {
    let line = text.split("line ").nth(1).and_then(|rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
    });
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.contains('|'));
    let words = last.unwrap_or("an error").split(" at line ").next().unwrap_or_default();
    (line, format!("a fault in the notation ({words})"))
}
