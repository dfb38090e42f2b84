//! AWS's shared files: `~/.aws/config` and `~/.aws/credentials`.

use std::collections::HashMap;

use otari_types::Secret;

use crate::options::InstanceOptions;

use super::super::exchange::CredentialError;
use super::Keys;
use super::chain::{Origin, container, environment_keys};
use super::sts::Role;

/// A role may be taken from a profile that takes a role, and so on.
const DEPTH_MAX: usize = 8;

type Section = HashMap<String, String>;

/// The files, and which of their profiles is meant.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    config: Option<String>,
    credentials: Option<String>,
    name: Option<String>,
    environment_keys: Option<Keys>,
    container: Option<Box<Origin>>,
}

/// Where a profile's keys come from, and the roles to take with them, in this order.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) origin: Origin,
    pub(super) roles: Vec<Role>,
}

/// The region of the profile in use.
pub(crate) fn region(options: &InstanceOptions) -> Option<String> {
    let name = options
        .option(&["aws_profile", "profile_name", "aws_profile_name"])
        .or_else(|| options.environment.get("AWS_PROFILE"));
    let mut section = Profiles::new(options, name).read_now().section_of_name()?;
    section.remove("region")
}

struct Files {
    sections: HashMap<String, Section>,
    name: String,
}

impl Profiles {
    pub(super) fn new(options: &InstanceOptions, name: Option<String>) -> Self {
        let environment = &options.environment;
        let home = environment.get("HOME");
        let path = |variable: &str, file: &str| {
            environment
                .get(variable)
                .or_else(|| Some(format!("{}/.aws/{file}", home.as_deref()?)))
        };
        Self {
            config: path("AWS_CONFIG_FILE", "config"),
            credentials: path("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            name,
            environment_keys: environment_keys(options),
            container: container(options).map(Box::new),
        }
    }

    /// Whether the profile gives out keys, or was named and is missing: then its own error says more than the next
    /// origin's.
    pub(super) fn is_there(&self) -> bool {
        match self.read_now().section_of_name() {
            Some(section) => [
                "aws_access_key_id",
                "role_arn",
                "credential_process",
                "sso_session",
                "sso_start_url",
            ]
            .iter()
            .any(|name| section.contains_key(*name)),
            None => self.name.is_some(),
        }
    }

    pub(super) async fn read(&self) -> Result<Profile, CredentialError> {
        let profiles = self.clone();
        let files = tokio::task::spawn_blocking(move || profiles.read_now())
            .await
            .map_err(|_| CredentialError::new("the AWS profile was not read"))?;
        self.resolve(&files)
    }

    fn read_now(&self) -> Files {
        let mut sections: HashMap<String, Section> = HashMap::new();
        // The credentials file is read last: it wins.
        for path in [&self.config, &self.credentials].into_iter().flatten() {
            // Neither file has to be there.
            let text = std::fs::read_to_string(path).unwrap_or_default();
            for (name, section) in parse(&text) {
                sections.entry(name).or_default().extend(section);
            }
        }
        Files {
            sections,
            name: self.name.clone().unwrap_or_else(|| "default".to_owned()),
        }
    }

    fn resolve(&self, files: &Files) -> Result<Profile, CredentialError> {
        let mut name = files.name.as_str();
        let mut roles = Vec::new();
        for _ in 0..DEPTH_MAX {
            let section = files
                .sections
                .get(name)
                .ok_or_else(|| CredentialError::new(format!("there is no AWS profile `{name}`")))?;
            let own_keys = keys_of(section);
            let is_source = roles.last().is_some_and(|(from, _)| *from == name);
            match section.get("role_arn") {
                // A profile may be its own source: its keys take its role.
                Some(arn) if !(is_source && own_keys.is_some()) => {
                    let role = Role {
                        arn: arn.clone(),
                        session_name: section.get("role_session_name").cloned(),
                        external_id: section.get("external_id").cloned(),
                    };
                    if let Some(token_file) = section.get("web_identity_token_file") {
                        let token_file = token_file.clone();
                        return Ok(profile(Origin::WebIdentity { token_file, role }, roles));
                    }
                    roles.push((name, role));
                    match (
                        section.get("source_profile"),
                        section.get("credential_source"),
                    ) {
                        (Some(source), _) => name = source,
                        (None, Some(source)) => {
                            let origin = self.source(source).ok_or_else(|| {
                                CredentialError::new(format!(
                                    "the AWS profile `{name}` wants `{source}` credentials, and there are none"
                                ))
                            })?;
                            return Ok(profile(origin, roles));
                        }
                        (None, None) => return Err(without_keys(name, section)),
                    }
                }
                _ => {
                    let keys = own_keys.ok_or_else(|| without_keys(name, section))?;
                    return Ok(profile(Origin::Keys(keys), roles));
                }
            }
        }
        Err(CredentialError::new(format!(
            "the AWS profile `{}` leads through too many others",
            files.name
        )))
    }

    fn source(&self, name: &str) -> Option<Origin> {
        match name {
            "Environment" => self.environment_keys.clone().map(Origin::Keys),
            "EcsContainer" => self.container.as_deref().cloned(),
            "Ec2InstanceMetadata" => Some(Origin::Metadata),
            _ => None,
        }
    }
}

impl Files {
    fn section_of_name(mut self) -> Option<Section> {
        self.sections.remove(&self.name)
    }
}

fn profile(origin: Origin, roles: Vec<(&str, Role)>) -> Profile {
    // Collected from the last to the first.
    Profile {
        origin,
        roles: roles.into_iter().rev().map(|(_, role)| role).collect(),
    }
}

fn keys_of(section: &Section) -> Option<Keys> {
    Some(Keys {
        access_key_id: section.get("aws_access_key_id")?.clone(),
        secret_access_key: Secret::new(section.get("aws_secret_access_key")?),
        session_token: section.get("aws_session_token").map(Secret::new),
    })
}

fn without_keys(name: &str, section: &Section) -> CredentialError {
    let why = if section.keys().any(|key| key.starts_with("sso_")) {
        "signs in with SSO, which is not supported"
    } else if section.contains_key("credential_process") {
        "runs a credential process, which is not supported"
    } else {
        "has no keys"
    };
    CredentialError::new(format!("the AWS profile `{name}` {why}"))
}

fn parse(text: &str) -> Vec<(String, Section)> {
    let mut sections: Vec<(String, Section)> = Vec::new();
    for line in text.lines() {
        let nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            let head = head.split(']').next().unwrap_or_default().trim();
            let name = head.strip_prefix("profile ").unwrap_or(head).trim();
            sections.push((name.to_owned(), Section::new()));
        } else if let Some((key, value)) = line.split_once('=')
            && let Some((_, section)) = sections.last_mut()
            // Settings of single services are indented below their name.
            && !nested
        {
            section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    sections
}
