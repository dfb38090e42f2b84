//! Configuration through its public door: sources in, a configuration or a report out.

#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test helpers outside test functions"
)]

mod generated;
mod interpolation;
mod precedence;
mod problems;
mod redaction;
mod tools;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use otari_config::{Config, Loaded, Problem, ProblemKind, Report, Sources, load};

/// Sources under construction: files and variables that exist only here.
#[derive(Default)]
pub(crate) struct World {
    files: BTreeMap<PathBuf, String>,
    env: BTreeMap<String, String>,
    flags: Vec<(&'static str, String)>,
    config_file: Option<PathBuf>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The configuration file, at `/etc/otari/config.yml`.
    pub(crate) fn config(mut self, text: &str) -> Self {
        self.config_file = Some("/etc/otari/config.yml".into());
        self.file("/etc/otari/config.yml", text)
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn flag(mut self, key: &'static str, value: &str) -> Self {
        self.flags.push((key, value.to_owned()));
        self
    }

    pub(crate) fn load(self) -> Result<Loaded, Box<Report>> {
        let files = self.files;
        let sources = Sources {
            config_file: self.config_file,
            env: self.env,
            flags: self.flags,
            cwd: "/srv".into(),
            read_file: Box::new(move |path| {
                files
                    .get(path)
                    .cloned()
                    .ok_or_else(|| io::ErrorKind::NotFound.into())
            }),
        };
        let known = [
            "openai",
            "anthropic",
            "echo",
            "openai-compatible",
            "anthropic-compatible",
        ];
        load(&sources, &|name| known.contains(&name))
    }

    pub(crate) fn loaded(self) -> Config {
        self.load()
            .unwrap_or_else(|report| panic!("{report}"))
            .config
    }

    pub(crate) fn problems(self) -> Vec<Problem> {
        self.load().expect_err("expected problems").problems
    }

    /// The one problem there is, as path and kind.
    pub(crate) fn problem(self) -> (String, ProblemKind) {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        (problems[0].path.clone(), problems[0].kind)
    }
}
