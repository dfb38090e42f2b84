//! What configuration is made from, handed in: no code here but [`Sources::from_process`] looks at the process.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use otari_types::Secret;

/// Reads a text file.
pub type ReadFile = Box<dyn Fn(&Path) -> io::Result<String> + Send + Sync>;

/// Where the configuration comes from.
pub struct Sources {
    /// The file of `--config`. Optional, but once named it must exist.
    pub config_file: Option<PathBuf>,
    pub env: BTreeMap<String, String>,
    /// Command-line flags, as key and text: `("port", "9000")`.
    pub flags: Vec<(&'static str, String)>,
    pub cwd: PathBuf,
    pub read_file: ReadFile,
}

impl Sources {
    /// The real environment and file system.
    pub fn from_process(config_file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            config_file,
            env,
            flags,
            cwd: std::env::current_dir().unwrap_or_default(),
            read_file: Box::new(|path| std::fs::read_to_string(path)),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("config_file", &self.config_file)
            .finish_non_exhaustive()
    }
}

/// The environment the configuration was read in, `.env` files included. Never shows a value.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// A variable that is set and not blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.trim().is_empty())
    }

    /// The same, for a credential: white space around it is dropped.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(|value| Secret::new(value.trim()))
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn insert(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// Reads the text of a `.env` file: `NAME=value` lines, `export`, comments, single and double quotes.
pub(crate) fn parse_dotenv(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(parse_dotenv_line).collect()
}

fn parse_dotenv_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let value = value.trim();
    let value = if let Some(quoted) = value.strip_prefix('\'') {
        quoted
            .split_once('\'')
            .map_or(value, |(inside, _)| inside)
            .to_owned()
    } else if let Some(quoted) = value.strip_prefix('"') {
        unquote(quoted)
    } else {
        value
            .split_once(" #")
            .map_or(value, |(before, _)| before.trim_end())
            .to_owned()
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), value))
}

/// The inside of a double-quoted value, up to the closing quote.
fn unquote(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}
