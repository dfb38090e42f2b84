//! `cargo xtask tidy`: rules no compiler knows, and where the largest pieces are.

mod edges;
mod links;
mod sizes;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// A text file of the repository.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// Tests may say what code may not.
    fn is_test(&self) -> bool {
        [
            "/tests/",
            "/tests.rs",
            "otari-testkit/",
            "/testing",
            "/golden/",
        ]
        .iter()
        .any(|part| self.path.contains(part))
    }

    /// Lines of code before the inline tests, numbered from one.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

pub(crate) fn run() -> anyhow::Result<()> {
    let sources = read_sources()?;
    let mut faults = edges::check()?;
    for rule in [
        no_mod_rs,
        sql_in_the_store,
        provider_ids_in_the_catalogue,
        no_leftovers,
        unsafe_in_one_file,
    ] {
        faults.extend(sources.iter().flat_map(rule));
    }
    let pages = links::pages();
    faults.extend(sources.iter().chain(&pages).flat_map(links::broken));
    faults.extend(crate_docs(&sources));
    faults.extend(migration_pairs());
    sizes::report(&sources);
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} places are not tidy", faults.len());
    }
    Ok(())
}

fn no_mod_rs(source: &Source) -> Vec<String> {
    let found = source.path.ends_with("/mod.rs");
    found
        .then(|| format!("{}: name it after its folder, beside it", source.path))
        .into_iter()
        .collect()
}

fn sql_in_the_store(source: &Source) -> Vec<String> {
    const STATEMENTS: [(&str, &str); 5] = [
        ("SELECT ", " FROM "),
        ("INSERT INTO ", ""),
        ("UPDATE ", " SET "),
        ("DELETE FROM ", ""),
        ("CREATE TABLE ", ""),
    ];
    let outside = source.is_rust()
        && !source.path.starts_with("crates/otari-store/")
        && !source.path.starts_with("xtask/")
        && !source.is_test();
    let is_sql = |line: &str| {
        STATEMENTS.iter().any(|(start, rest)| {
            line.split_once(start)
                .is_some_and(|(_, after)| rest.is_empty() || after.contains(rest))
        })
    };
    source
        .code()
        .filter(|(_, line)| outside && is_sql(line))
        .map(|(number, _)| format!("{}:{number}: SQL belongs in otari-store", source.path))
        .collect()
}

fn provider_ids_in_the_catalogue(source: &Source) -> Vec<String> {
    /// Gateway-run tools are priced under this name, so it is more than a provider's.
    const OURSELVES: &str = "otari";
    let outside = source.is_rust()
        && !source.path.starts_with("crates/otari-providers/")
        && !source.path.starts_with("xtask/")
        && !source.is_test();
    if !outside {
        return Vec::new();
    }
    let ids = otari_providers::catalog::all()
        .iter()
        .map(|provider| provider.id);
    let patterns: Vec<String> = ids
        .filter(|id| *id != OURSELVES)
        .flat_map(|id| {
            [
                format!("= \"{id}\""),
                format!("Some(\"{id}\") =>"),
                format!("\"{id}\" =>"),
                format!("\"{id}\" |"),
            ]
        })
        .collect();
    let compares = |line: &str| {
        patterns.iter().any(|pattern| {
            // `= "x"` counts only as the end of `==` or `!=`.
            line.match_indices(pattern.as_str()).any(|(at, _)| {
                !pattern.starts_with('=') || line.get(..at).is_some_and(|b| b.ends_with(['=', '!']))
            })
        })
    };
    source
        .code()
        .filter(|(_, line)| compares(line))
        .map(|(number, _)| {
            format!(
                "{}:{number}: a provider is a row of the catalogue; give it a quirk",
                source.path
            )
        })
        .collect()
}

fn no_leftovers(source: &Source) -> Vec<String> {
    // Spelled so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)))
        .map(|(index, _)| format!("{}:{}: do it, or open an issue", source.path, index + 1))
        .collect()
}

/// Mapping compiled code is the one thing that cannot be done safely; the lint alone would let others in.
fn unsafe_in_one_file(source: &Source) -> Vec<String> {
    const MAPPED: &str = "crates/otari-sandbox/src/wasm/compiled.rs";
    // Spelled so that this file does not find itself.
    let marks = [
        concat!("expect(", "unsafe_code"),
        concat!("allow(", "unsafe_code"),
    ];
    let outside = source.is_rust() && source.path != MAPPED;
    source
        .code()
        .filter(|(_, line)| outside && marks.iter().any(|mark| line.contains(mark)))
        .map(|(number, _)| format!("{}:{number}: unsafe code is in {MAPPED} only", source.path))
        .collect()
}

/// Every crate says in its first line what it is.
fn crate_docs(sources: &[Source]) -> Vec<String> {
    let roots = ["/src/lib.rs", "/src/main.rs"];
    sources
        .iter()
        .filter(|source| roots.iter().any(|root| source.path.ends_with(root)))
        .filter(|source| {
            !source.text.starts_with("//! ") || source.text.starts_with("//! Placeholder")
        })
        .map(|source| format!("{}: begin with `//!`: what the crate is", source.path))
        .collect()
}

/// A migration for one engine has its twin for the other.
fn migration_pairs() -> Vec<String> {
    let names = |engine: &str| {
        let folder = Path::new("crates/otari-store/migrations").join(engine);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    if names("sqlite") == names("postgres") {
        return Vec::new();
    }
    vec!["crates/otari-store/migrations: the engines have different files".to_owned()]
}

/// Everything that is written by hand, in a stable order.
fn read_sources() -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in ["crates", "xtask", "bench", "docs", "tests"] {
        collect(Path::new(folder), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn collect(folder: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    const SKIPPED: [&str; 5] = [
        "target",
        "node_modules",
        ".venv",
        "__pycache__",
        ".pytest_cache",
    ];
    const KINDS: [&str; 6] = ["rs", "sql", "py", "md", "toml", "sh"];
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path: PathBuf = entry?.path();
        let named = |names: &[&str], part: Option<&std::ffi::OsStr>| {
            part.and_then(|part| part.to_str())
                .is_some_and(|part| names.contains(&part))
        };
        if path.is_dir() {
            if !named(&SKIPPED, path.file_name()) {
                collect(&path, sources)?;
            }
        } else if named(&KINDS, path.extension())
            && let Ok(text) = fs::read_to_string(&path)
        {
            sources.push(Source {
                path: path.display().to_string(),
                text,
            });
        }
    }
    Ok(())
}
