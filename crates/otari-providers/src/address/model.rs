//! A model's name as part of an address. Callers choose it, so it must not be able to lead anywhere else.

use std::fmt::Write as _;

use crate::instance::InstanceError;
use crate::operation::Operation;
use crate::provider::Dialect;

use super::place::Place;

pub(super) const PLACEHOLDER: &str = "{model}";
/// Longest name that an error repeats.
const SHOWN_CHARS_MAX: usize = 120;

/// The model that an address is about.
pub(super) struct Subject<'a> {
    dialect: Dialect,
    model: &'a str,
}

impl<'a> Subject<'a> {
    /// Of an operation on the model.
    pub(super) fn new(dialect: Dialect, operation: Operation, model: &'a str) -> Self {
        let model = match (dialect, operation) {
            (Dialect::BedrockConverse, Operation::CountTokens) => behind_profile(model),
            _ => model,
        };
        Self { dialect, model }
    }

    pub(super) fn fill(&self, template: &str, place: &Place) -> Result<String, InstanceError> {
        match self.dialect {
            // One segment: ARNs hold `:` and `/`.
            Dialect::BedrockConverse | Dialect::Sagemaker | Dialect::AzureOpenAi => {
                if self.model.is_empty() || matches!(self.model, "." | "..") {
                    return Err(self.bad());
                }
                Ok(template.replacen(PLACEHOLDER, &encoded(self.model, ""), 1))
            }
            Dialect::Vertex | Dialect::VertexAnthropic => self.fill_vertex(template, place),
            Dialect::Gemini if self.model.starts_with("tunedModels/") => {
                let template = template.replacen("/models/{model}", "/{model}", 1);
                self.put(&template, self.model)
            }
            // `org/model:backend` pins a backend of the router, which this address does not go through.
            Dialect::HuggingFace => {
                let model = self.model.split(':').next().unwrap_or_default();
                self.put(template, model)
            }
            _ => self.put(template, self.model),
        }
    }

    /// Google's clients take a bare name, `publisher/name`, `publishers/p/models/name`, and tuned models' endpoints.
    fn fill_vertex(&self, template: &str, place: &Place) -> Result<String, InstanceError> {
        let mut name = self.model;
        if name.starts_with("projects/") {
            // Another project is not the caller's to choose.
            name = [&place.project]
                .into_iter()
                .flatten()
                .find_map(|project| name.strip_prefix(&format!("projects/{project}/")))
                .ok_or_else(|| self.bad())?;
            let location = place.location.as_deref().unwrap_or_default();
            name = name
                .strip_prefix(&format!("locations/{location}/"))
                .ok_or_else(|| self.bad())?;
        }
        let name = name.strip_prefix("models/").unwrap_or(name);
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let resource = match name.split('/').collect::<Vec<_>>().as_slice() {
            [id] if is_number => format!("endpoints/{}", self.segment(id)?),
            ["endpoints", id] => format!("endpoints/{}", self.segment(id)?),
            [_] => return self.put(template, name),
            [publisher, id] | ["publishers", publisher, "models", id] => format!(
                "publishers/{}/models/{}",
                self.segment(publisher)?,
                self.segment(id)?
            ),
            _ => return Err(self.bad()),
        };
        let (Some(start), Some(end)) = (template.find("publishers/"), template.find(PLACEHOLDER))
        else {
            return self.put(template, name);
        };
        let before = template.get(..start).unwrap_or_default();
        let after = template.get(end + PLACEHOLDER.len()..).unwrap_or_default();
        Ok(format!("{before}{resource}{after}"))
    }

    /// Puts the name in with its slashes. One that repeats the path before it (`models/x`) is taken as meant.
    fn put(&self, template: &str, name: &str) -> Result<String, InstanceError> {
        let Some((before, after)) = template.split_once(PLACEHOLDER) else {
            return Ok(template.to_owned());
        };
        let repeated = name
            .match_indices('/')
            .filter_map(|(at, _)| name.get(..=at))
            .rfind(|prefix| before.ends_with(&format!("/{prefix}")))
            .unwrap_or_default();
        let name = name.strip_prefix(repeated).unwrap_or(name);
        let segments: Result<Vec<String>, _> =
            name.split('/').map(|part| self.segment(part)).collect();
        Ok(format!("{before}{}{after}", segments?.join("/")))
    }

    fn segment(&self, part: &str) -> Result<String, InstanceError> {
        if part.is_empty() || matches!(part, "." | "..") {
            return Err(self.bad());
        }
        // Vertex pins versions as `claude-haiku-4-5@20251001`.
        Ok(encoded(part, "@"))
    }

    /// The address of a deployment, where the "model" is one of watsonx's: `deployment/{id}`.
    pub(super) fn deployed(
        &self,
        operation: Operation,
        address: &str,
    ) -> Option<Result<String, InstanceError>> {
        if self.dialect != Dialect::Watsonx || operation != Operation::Chat {
            return None;
        }
        let id = ["deployment/", "deployments/"]
            .iter()
            .find_map(|prefix| self.model.strip_prefix(prefix))?;
        Some(self.segment(id).map(|id| {
            address.replacen("/ml/v1/text/", &format!("/ml/v1/deployments/{id}/text/"), 1)
        }))
    }

    fn bad(&self) -> InstanceError {
        InstanceError::BadModel(self.model.chars().take(SHOWN_CHARS_MAX).collect())
    }
}

/// Bedrock's inference profiles do not count tokens, the models behind them do; the id of a profile across regions is
/// the model's behind the name of a geography.
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html>
fn behind_profile(model: &str) -> &str {
    ["us.", "eu.", "apac.", "us-gov.", "global.", "jp.", "au."]
        .iter()
        .find_map(|geography| model.strip_prefix(geography))
        .unwrap_or(model)
}

/// Percent-encodes all but RFC 3986's unreserved characters and `kept`.
pub(super) fn encoded(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || kept.as_bytes().contains(&byte)
        {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
