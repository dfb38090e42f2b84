//! Where AWS keys come from, in the order of AWS's own clients.

use otari_types::{Secret, Timestamp};
use serde::Deserialize;

use crate::options::{InstanceOptions, Named};

use super::super::cached::{Fetched, Source};
use super::super::exchange::{CredentialError, Http, get, put};
use super::Keys;
use super::profile::{Profile, Profiles};
use super::sts::{Role, Sts};

const CONTAINER_HOST: &str = "http://169.254.170.2";
const METADATA_HOST: &str = "http://169.254.169.254";
/// Files are read again after this long: tools rewrite them.
const FILE_SECS: i64 = 300;
const METADATA_TOKEN_SECS: &str = "21600";

const ACCESS_KEY: Named = Named {
    options: &["aws_access_key_id", "access_key_id"],
    env: &[],
};
const SECRET_KEY: Named = Named {
    options: &["aws_secret_access_key", "secret_access_key"],
    env: &[],
};
const SESSION_TOKEN: Named = Named {
    options: &["aws_session_token", "session_token"],
    env: &[],
};
const ENV_ACCESS_KEY: Named = Named {
    options: &[],
    env: &["AWS_ACCESS_KEY_ID"],
};
const ENV_SECRET_KEY: Named = Named {
    options: &[],
    env: &["AWS_SECRET_ACCESS_KEY"],
};
const ENV_SESSION_TOKEN: Named = Named {
    options: &[],
    env: &["AWS_SESSION_TOKEN"],
};

/// One origin of keys, and the roles that are then taken one after the other.
#[derive(Debug)]
pub(crate) struct Chain {
    origin: Origin,
    roles: Vec<Role>,
    sts: Sts,
    metadata: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    Keys(Keys),
    WebIdentity { token_file: String, role: Role },
    Profile(Profiles),
    Container { url: String, token: ContainerToken },
    Metadata,
}

#[derive(Clone, Debug)]
pub(super) enum ContainerToken {
    None,
    Text(Secret),
    File(String),
}

impl Chain {
    pub(crate) fn find(options: &InstanceOptions, region: &str) -> Self {
        let environment = &options.environment;
        let role = options.option(&["role_arn", "aws_role_arn", "aws_role_name"]);
        let role = role.map(|arn| Role {
            arn,
            session_name: options.option(&["role_session_name", "aws_session_name"]),
            external_id: options.option(&["external_id", "aws_external_id"]),
        });
        let disabled = environment
            .get("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        let metadata = environment
            .get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
            .unwrap_or_else(|| METADATA_HOST.to_owned());
        Self {
            origin: origin(options),
            roles: role.into_iter().collect(),
            sts: Sts::new(options, region),
            metadata: (!disabled).then(|| metadata.trim_end_matches('/').to_owned()),
        }
    }

    /// Whether the options themselves hold keys or name a role or profile, as opposed to the surroundings.
    pub(crate) fn is_configured(options: &InstanceOptions) -> bool {
        options.get(ACCESS_KEY).is_some()
            || options
                .option(&["aws_profile", "profile_name", "role_arn", "aws_role_arn"])
                .is_some()
    }

    async fn keys_of(
        &self,
        http: &Http,
        origin: &Origin,
    ) -> Result<Fetched<Keys>, CredentialError> {
        match origin {
            Origin::Keys(keys) => Ok(Fetched {
                value: keys.clone(),
                expires_at: None,
            }),
            Origin::WebIdentity { token_file, role } => {
                let token = Secret::new(read_file(token_file).await?.trim());
                self.sts.assume_with_web_identity(http, role, &token).await
            }
            Origin::Container { url, token } => {
                let text = match token {
                    ContainerToken::None => None,
                    ContainerToken::Text(text) => Some(text.clone()),
                    ContainerToken::File(path) => Some(Secret::new(read_file(path).await?.trim())),
                };
                let proof = text.as_ref().map(|text| ("authorization", text.expose()));
                let request = get(url, proof.as_slice())?;
                served_keys(http, "the container's AWS credentials", request).await
            }
            Origin::Metadata => self.metadata_keys(http).await,
            // Only reached through a profile that names itself as its source.
            Origin::Profile(_) => Err(CredentialError::new("the AWS profiles go in a circle")),
        }
    }

    /// IMDSv2.
    async fn metadata_keys(&self, http: &Http) -> Result<Fetched<Keys>, CredentialError> {
        const WHOM: &str = "the EC2 metadata service (no other AWS credentials are configured)";
        let Some(host) = &self.metadata else {
            return Err(CredentialError::new("no AWS credentials are configured"));
        };
        let request = put(
            &format!("{host}/latest/api/token"),
            &[("x-aws-ec2-metadata-token-ttl-seconds", METADATA_TOKEN_SECS)],
        )?;
        let reply = http.ask(WHOM, request).await?;
        let token = Secret::new(String::from_utf8_lossy(&reply.body));
        let proof = [("x-aws-ec2-metadata-token", token.expose())];
        let roles = format!("{host}/latest/meta-data/iam/security-credentials/");
        let reply = http.ask(WHOM, get(&roles, &proof)?).await?;
        let text = String::from_utf8_lossy(&reply.body);
        let role = text.lines().next().unwrap_or_default().trim();
        let url = format!("{roles}{role}");
        served_keys(http, WHOM, get(&url, &proof)?).await
    }
}

impl Source for Chain {
    type Value = Keys;

    async fn fetch(&self, http: &Http, now: Timestamp) -> Result<Fetched<Keys>, CredentialError> {
        let mut roles = Vec::new();
        let mut fetched = match &self.origin {
            Origin::Profile(profiles) => {
                let Profile {
                    origin,
                    roles: profile_roles,
                } = profiles.read().await?;
                roles.extend(profile_roles);
                let fetched = self.keys_of(http, &origin).await?;
                Fetched {
                    expires_at: fetched.expires_at.or(Some(now.plus_secs(FILE_SECS))),
                    ..fetched
                }
            }
            origin => self.keys_of(http, origin).await?,
        };
        roles.extend(self.roles.iter().cloned());
        for role in &roles {
            fetched = self.sts.assume(http, role, &fetched.value, now).await?;
        }
        Ok(fetched)
    }
}

fn origin(options: &InstanceOptions) -> Origin {
    let environment = &options.environment;
    if let Some(keys) = keys(options, ACCESS_KEY, SECRET_KEY, SESSION_TOKEN) {
        return Origin::Keys(keys);
    }
    if let Some(name) = options.option(&["aws_profile", "profile_name", "aws_profile_name"]) {
        return Origin::Profile(Profiles::new(options, Some(name)));
    }
    if let Some(keys) = environment_keys(options) {
        return Origin::Keys(keys);
    }
    let token_file = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE");
    if let (Some(token_file), Some(arn)) = (token_file, environment.get("AWS_ROLE_ARN")) {
        let role = Role {
            arn,
            session_name: environment.get("AWS_ROLE_SESSION_NAME"),
            external_id: None,
        };
        return Origin::WebIdentity { token_file, role };
    }
    let profiles = Profiles::new(options, environment.get("AWS_PROFILE"));
    if profiles.is_there() {
        return Origin::Profile(profiles);
    }
    container(options).unwrap_or(Origin::Metadata)
}

pub(super) fn container(options: &InstanceOptions) -> Option<Origin> {
    let environment = &options.environment;
    let relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = relative
        .map(|path| format!("{CONTAINER_HOST}{path}"))
        .or_else(|| environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
    let token = environment
        .get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        .map(ContainerToken::File)
        .or_else(|| {
            let text = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")?;
            Some(ContainerToken::Text(Secret::new(text)))
        });
    Some(Origin::Container {
        url,
        token: token.unwrap_or(ContainerToken::None),
    })
}

pub(super) fn environment_keys(options: &InstanceOptions) -> Option<Keys> {
    keys(options, ENV_ACCESS_KEY, ENV_SECRET_KEY, ENV_SESSION_TOKEN)
}

fn keys(options: &InstanceOptions, id: Named, secret: Named, token: Named) -> Option<Keys> {
    Some(Keys {
        access_key_id: options.get(id)?,
        secret_access_key: options.secret(secret)?,
        session_token: options.secret(token),
    })
}

/// As containers and machines are given them.
async fn served_keys(
    http: &Http,
    whom: &str,
    request: http::Request<http_body_util::Full<bytes::Bytes>>,
) -> Result<Fetched<Keys>, CredentialError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Served {
        access_key_id: String,
        secret_access_key: Secret,
        token: Option<Secret>,
        expiration: Option<Timestamp>,
    }
    let reply = http.ask(whom, request).await?;
    let served: Served = reply.json(whom)?;
    Ok(Fetched {
        value: Keys {
            access_key_id: served.access_key_id,
            secret_access_key: served.secret_access_key,
            session_token: served.token,
        },
        expires_at: served.expiration,
    })
}

async fn read_file(path: &str) -> Result<String, CredentialError> {
    tokio::fs::read_to_string(path)
        .await
        .map_err(|error| CredentialError::new(format!("{path}: {error}")))
}
