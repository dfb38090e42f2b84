//! Puts the sources together: defaults < file < `OTARI_CONFIG_YAML` < `OTARI_*` < `DATABASE_URL` < flags.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::config::{Config, Origin, fields, platform_fields};
use crate::env;
use crate::interpolate::interpolate;
use crate::problem::{Problem, ProblemKind, Report};
use crate::section::Field;
use crate::setting::{Map, Reader};
use crate::source::{Environment, Sources, parse_dotenv};
use crate::validate::validate;

/// A usable configuration and what an operator should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Problem>,
}

/// Loads and checks the configuration, finding every problem before answering. `known_provider` says whether a
/// provider id (or a `*-compatible` shorthand) exists.
pub fn load(
    sources: &Sources,
    known_provider: &dyn Fn(&str) -> bool,
) -> Result<Loaded, Box<Report>> {
    let mut report = Report::default();
    let mut environment = read_dotenv(sources);
    adopt_old_names(&mut environment, &mut report);
    let mut layers = Layers::default();
    layers.structured_variables(&environment, &mut report);
    layers.file(sources, &environment, &mut report);
    layers.config_variable(&environment, &mut report);
    layers.scalar_variables(&environment);
    layers.database_url(sources, &environment, &mut report);
    for (key, text) in &sources.flags {
        layers.set(key, Value::from(text.as_str()), Origin::Flag);
    }

    let mut reader = Reader::new(&layers.tree, "", &mut report);
    let mut config = Config::read(&mut reader);
    reader.warn_of_unknown_keys();
    config.origins = layers.origins;
    config.environment = environment;
    validate(&config, known_provider, &mut report);
    if report.problems.is_empty() {
        Ok(Loaded {
            config,
            warnings: report.warnings,
        })
    } else {
        Err(Box::new(report))
    }
}

/// The environment, completed from `.env` beside the configuration file and in the working directory. What is
/// already set stays.
fn read_dotenv(sources: &Sources) -> Environment {
    let mut environment = Environment::new(sources.env.clone());
    let beside = sources
        .config_file
        .as_ref()
        .and_then(|file| sources.cwd.join(file).parent()?.to_owned().into());
    let mut folders: Vec<PathBuf> = beside.into_iter().collect();
    folders.push(sources.cwd.clone());
    folders.dedup();
    for folder in folders {
        let Ok(text) = (sources.read_file)(&folder.join(".env")) else {
            continue;
        };
        for (name, value) in parse_dotenv(&text) {
            if !environment.contains(&name) {
                environment.insert(&name, &value);
            }
        }
    }
    environment
}

/// Takes `GATEWAY_X` for an `OTARI_X` that is known and not set.
fn adopt_old_names(environment: &mut Environment, report: &mut Report) {
    let fields = fields();
    let old: Vec<(String, String)> = environment
        .names()
        .filter_map(|name| {
            let new = format!("{}{}", env::PREFIX, name.strip_prefix(env::OLD_PREFIX)?);
            let known = fields.iter().any(|field| field.env == new)
                || env::ALL.iter().any(|variable| variable.name == new);
            known.then(|| (name.to_owned(), new))
        })
        .collect();
    for (old, new) in old {
        let Some(value) = environment.get(&old).map(str::to_owned) else {
            continue;
        };
        let warning = Problem::new(&old, ProblemKind::Notice, "has a new name");
        report.warn(warning.hint(format!("rename it to {new}")));
        if environment.get(&new).is_none() {
            environment.insert(&new, &value);
        }
    }
}

/// The merged tree and, for each top-level key, the highest source that touched it.
#[derive(Debug, Default)]
struct Layers {
    tree: Map,
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    fn set(&mut self, key: &str, value: Value, origin: Origin) {
        self.tree.insert(key.to_owned(), value);
        self.origins.insert(key.to_owned(), origin);
    }

    fn merge(&mut self, layer: Map, origin: &Origin) {
        for (key, value) in layer {
            merge_deeply(self.tree.entry(key.clone()).or_insert(Value::Null), value);
            self.origins.insert(key, origin.clone());
        }
    }

    /// `OTARI_PROVIDERS={"…"}`: lists and mappings as JSON, below the file.
    fn structured_variables(&mut self, environment: &Environment, report: &mut Report) {
        for Field { key, env, .. } in fields().iter().filter(|field| !field.scalar) {
            let Some(text) = environment.get(env) else {
                continue;
            };
            match serde_saphyr::from_str::<Value>(text) {
                Ok(value) => self.set(key, value, Origin::Env(env.clone())),
                Err(error) => report.problem(syntax(env, &error)),
            }
        }
    }

    fn file(&mut self, sources: &Sources, environment: &Environment, report: &mut Report) {
        let Some(file) = &sources.config_file else {
            return;
        };
        let path = file.display().to_string();
        match (sources.read_file)(&sources.cwd.join(file)) {
            Ok(text) => self.yaml(&text, &path, &Origin::File, environment, report),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                report.problem(Problem::new(&path, ProblemKind::Unreadable, message));
            }
        }
    }

    fn config_variable(&mut self, environment: &Environment, report: &mut Report) {
        let name = env::OTARI_CONFIG_YAML;
        if let Some(text) = environment.get(name) {
            return self.yaml(
                text,
                name,
                &Origin::Env(name.to_owned()),
                environment,
                report,
            );
        }
        let name = env::OTARI_CONFIG_B64;
        let Some(text) = environment.get(name) else {
            return;
        };
        let packed: String = text.split_whitespace().collect();
        let decoded = STANDARD
            .decode(packed)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded {
            Some(text) => self.yaml(
                &text,
                name,
                &Origin::Env(name.to_owned()),
                environment,
                report,
            ),
            None => report.problem(Problem::new(
                name,
                ProblemKind::Syntax,
                "is not base64 of text",
            )),
        }
    }

    fn yaml(
        &mut self,
        text: &str,
        source: &str,
        origin: &Origin,
        environment: &Environment,
        report: &mut Report,
    ) {
        if text.trim().is_empty() {
            return;
        }
        match serde_saphyr::from_str::<Value>(text) {
            Ok(Value::Null) => {}
            Ok(mut value @ Value::Object(_)) => {
                interpolate(&mut value, "", environment, report);
                if let Value::Object(map) = value {
                    self.merge(map, origin);
                }
            }
            Ok(_) => {
                let problem = Problem::new(source, ProblemKind::Syntax, "is not a mapping");
                report.problem(problem.hint("write `key: value` lines"));
            }
            Err(error) => report.problem(syntax(source, &error)),
        }
    }

    fn scalar_variables(&mut self, environment: &Environment) {
        for Field { key, env, .. } in fields().iter().filter(|field| field.scalar) {
            if let Some(text) = environment.get(env) {
                self.set(key, Value::from(text), Origin::Env(env.clone()));
            }
        }
        for Field { key, env, .. } in platform_fields() {
            let Some(text) = environment.get(&env) else {
                continue;
            };
            let platform = self.tree.entry("platform").or_insert(Value::Null);
            merge_deeply(
                platform,
                Value::Object(Map::from_iter([(key.to_owned(), Value::from(text))])),
            );
            self.origins.insert("platform".to_owned(), Origin::Env(env));
        }
    }

    /// Platforms inject `DATABASE_URL`; it has always outranked the file, which is worth a word.
    fn database_url(&mut self, sources: &Sources, environment: &Environment, report: &mut Report) {
        const KEY: &str = "database_url";
        let name = env::DATABASE_URL;
        let Some(url) = environment.get(name) else {
            return;
        };
        if sources.flags.iter().any(|(key, _)| *key == KEY) {
            return;
        }
        if let Some(outranked) = self.origins.get(KEY) {
            let message = format!("{name} outranks the value from {outranked}");
            let notice = Problem::new(KEY, ProblemKind::Notice, message);
            report.warn(notice.hint(format!("unset {name} if that is not meant")));
        }
        self.set(KEY, Value::from(url), Origin::Env(name.to_owned()));
    }
}

/// Mappings merge key by key; anything else is replaced.
fn merge_deeply(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge_deeply(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// Where the YAML is wrong, without the text around it: that may hold a secret.
fn syntax(source: &str, error: &serde_saphyr::Error) -> Problem {
    let place = error.location().map_or_else(String::new, |location| {
        format!(" at line {}, column {}", location.line(), location.column())
    });
    Problem::new(
        source,
        ProblemKind::Syntax,
        format!("is not valid YAML{place}"),
    )
}
