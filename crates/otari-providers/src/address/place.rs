//! What stands for `{region}`, `{location}`, `{project}`, `{resource}` and `{api_version}`.

use crate::instance::InstanceError;
use crate::options::{InstanceOptions, Named};
use crate::provider::Dialect;

/// Anthropic's own default, and a region that has its models.
const VERTEX_ANTHROPIC_LOCATION: &str = "us-central1";
/// Google's own default.
const VERTEX_LOCATION: &str = "global";
const AZURE_INFERENCE_VERSION: &str = "2024-05-01-preview";
/// A date whose behaviour we were written for; watsonx refuses a call without one.
const WATSONX_VERSION: &str = "2025-02-11";

const AWS_REGION: Named = Named {
    options: &["region", "region_name", "aws_region", "aws_region_name"],
    env: &["AWS_REGION", "AWS_DEFAULT_REGION"],
};
const WATSONX_REGION: Named = Named {
    options: &["region"],
    env: &["WATSONX_REGION"],
};
const GOOGLE_LOCATION: Named = Named {
    options: &["location", "region", "vertex_location"],
    env: &["GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"],
};
pub(crate) const GOOGLE_PROJECT: Named = Named {
    options: &["project", "project_id", "vertex_project"],
    env: &["GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"],
};
const WATSONX_PROJECT: Named = Named {
    options: &["project_id", "project"],
    env: &["WATSONX_PROJECT_ID", "WX_PROJECT_ID"],
};
const WATSONX_SPACE: Named = Named {
    options: &["space_id", "space"],
    env: &["WATSONX_SPACE_ID"],
};
const AZURE_RESOURCE: Named = Named {
    options: &["resource", "resource_name"],
    env: &["AZURE_RESOURCE_NAME"],
};
const FOUNDRY_RESOURCE: Named = Named {
    options: &["resource", "resource_name"],
    env: &["AZURE_ANTHROPIC_RESOURCE", "ANTHROPIC_FOUNDRY_RESOURCE"],
};
const AZURE_VERSION: Named = Named {
    options: &["api_version"],
    env: &["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"],
};
const WATSONX_API_VERSION: Named = Named {
    options: &["api_version", "version"],
    env: &["WATSONX_API_VERSION"],
};
const API_VERSION: Named = Named {
    options: &["api_version"],
    env: &[],
};

/// Where in a cloud an instance is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dialect: Dialect,
    pub(crate) region: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) space: Option<String>,
    resource: Option<String>,
    pub(crate) api_version: Option<String>,
    express: bool,
}

impl Place {
    pub(crate) fn read(dialect: Dialect, options: &InstanceOptions, express: bool) -> Self {
        let default = |value: Option<String>, default: &str| {
            Some(value.unwrap_or_else(|| default.to_owned()))
        };
        let mut place = Self {
            dialect,
            region: None,
            location: None,
            project: None,
            space: None,
            resource: None,
            api_version: options.get(API_VERSION),
            express,
        };
        match dialect {
            Dialect::BedrockConverse | Dialect::Sagemaker => {
                place.region = options
                    .get(AWS_REGION)
                    .or_else(|| crate::credential::aws_profile_region(options));
            }
            Dialect::Vertex | Dialect::VertexAnthropic => {
                let usual = if dialect == Dialect::Vertex {
                    VERTEX_LOCATION
                } else {
                    VERTEX_ANTHROPIC_LOCATION
                };
                let given = options.get(GOOGLE_LOCATION).filter(|_| !express);
                place.location = default(given, if express { "global" } else { usual });
                place.project = options
                    .get(GOOGLE_PROJECT)
                    .or_else(|| crate::credential::google_project(options));
            }
            Dialect::Watsonx => {
                place.region = options.get(WATSONX_REGION);
                place.project = options.get(WATSONX_PROJECT);
                place.space = options.get(WATSONX_SPACE);
                place.api_version = default(options.get(WATSONX_API_VERSION), WATSONX_VERSION);
            }
            Dialect::AzureOpenAi => {
                place.resource = options.get(AZURE_RESOURCE);
                place.api_version = options.get(AZURE_VERSION);
            }
            Dialect::AzureAnthropic => place.resource = options.get(FOUNDRY_RESOURCE),
            Dialect::AzureInference => {
                place.api_version = default(place.api_version, AZURE_INFERENCE_VERSION);
            }
            _ => {}
        }
        place
    }

    /// Puts the settings in; `{model}` stays.
    pub(super) fn fill(&self, template: &str) -> Result<String, InstanceError> {
        let mut text = template.to_owned();
        if self.express {
            text = text.replacen("/projects/{project}/locations/{location}", "", 1);
        }
        if let Some(location) = &self.location {
            // A region has a host of its own; the world and the two continents are named otherwise.
            let host = match location.as_str() {
                "global" => Some("aiplatform.googleapis.com".to_owned()),
                "us" | "eu" => Some(format!("aiplatform.{location}.rep.googleapis.com")),
                _ => None,
            };
            if let Some(host) = host {
                text = text.replacen("{location}-aiplatform.googleapis.com", &host, 1);
            }
        }
        let china = self
            .region
            .as_deref()
            .is_some_and(|region| region.starts_with("cn-"));
        if china && text.contains(".{region}.amazonaws.com") {
            text = text.replacen(".amazonaws.com", ".amazonaws.com.cn", 1);
        }
        for (name, value) in [
            ("region", &self.region),
            ("location", &self.location),
            ("project", &self.project),
            ("resource", &self.resource),
            ("api_version", &self.api_version),
        ] {
            let placeholder = format!("{{{name}}}");
            if text.contains(&placeholder) {
                let value = value.as_deref().ok_or_else(|| self.missing(name))?;
                if !is_plain(value) {
                    return Err(InstanceError::BadSetting(name));
                }
                text = text.replace(&placeholder, value);
            }
        }
        Ok(text)
    }

    fn missing(&self, option: &'static str) -> InstanceError {
        let named = match (option, self.dialect) {
            ("region", Dialect::BedrockConverse | Dialect::Sagemaker) => AWS_REGION,
            ("location", _) => GOOGLE_LOCATION,
            ("project", _) => GOOGLE_PROJECT,
            _ => Named {
                options: &[],
                env: &[],
            },
        };
        InstanceError::NoSetting {
            option,
            env: named.env.join(", "),
        }
    }
}

/// Settings go into hosts and paths as they are.
fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// `us-east-1`, `us-gov-west-1`, `ap-southeast-2`: callers name regions inside of ARNs, and this goes into a host.
pub(super) fn is_aws_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.len() >= 2
        && words
            .iter()
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// The region that an AWS host is in.
pub(crate) fn region_in_host(host: &str) -> Option<&str> {
    let host = host.split(':').next()?;
    let is_aws = host.contains(".amazonaws.com") || host.ends_with(".api.aws");
    host.split('.').find(|label| is_aws && is_aws_region(label))
}
