//! From the catalogue's paths to addresses: everything but the model is filled in once, when the instance is made.

mod base;
mod model;
mod place;
#[cfg(test)]
mod tests;

use http::Uri;

use crate::instance::InstanceError;
use crate::operation::Operation;
use crate::options::InstanceOptions;
use crate::provider::{Dialect, Provider};

use base::Base;
use model::Subject;
pub(crate) use place::{GOOGLE_PROJECT, Place, region_in_host};

/// Where an instance's operations are.
#[derive(Debug)]
pub(crate) struct Addresses {
    base: Base,
    pub(crate) place: Place,
    extra_query: Vec<(String, String)>,
    /// By [`Operation`], in the order of `Operation::ALL`: whole and streamed.
    routes: Vec<[Route; 2]>,
}

#[derive(Debug)]
enum Route {
    /// The same for every model.
    Fixed(Uri),
    /// Holds `{model}`.
    PerModel(String),
    /// Lacks a setting that only this operation needs.
    Unknown(InstanceError),
}

impl Addresses {
    /// `express`: Vertex AI with an API key alone, where the key stands for project and location.
    pub(crate) fn new(
        provider: &'static Provider,
        api_base: Option<&str>,
        options: &InstanceOptions,
        express: bool,
    ) -> Result<Self, InstanceError> {
        let mut place = Place::read(provider.dialect, options, express);
        let base = Base::new(provider, api_base, &mut place)?;
        let mut addresses = Self {
            base,
            place,
            extra_query: options.extra_query(),
            routes: Vec::new(),
        };
        let paths = &provider.paths;
        addresses.routes = Operation::ALL
            .iter()
            .map(|operation| {
                [operation.path(paths), operation.stream_path(paths)]
                    .map(|path| addresses.route(path))
            })
            .collect();
        match addresses.at(Operation::Chat, false) {
            Some(Route::Unknown(error)) => Err(error.clone()),
            _ => Ok(addresses),
        }
    }

    /// The address; cheap where the model is not part of it.
    pub(crate) fn get(
        &self,
        operation: Operation,
        model: &str,
        stream: bool,
    ) -> Result<Uri, InstanceError> {
        let subject = Subject::new(self.place.dialect, operation, model);
        match self.at(operation, stream) {
            Some(Route::Fixed(uri)) if self.place.dialect == Dialect::Watsonx => {
                match subject.deployed(operation, &uri.to_string()) {
                    Some(address) => parse(&address?),
                    None => Ok(uri.clone()),
                }
            }
            Some(Route::Fixed(uri)) => Ok(uri.clone()),
            Some(Route::PerModel(template)) => {
                let text = subject.fill(template, &self.place)?;
                parse(&self.in_region_of(text, model))
            }
            Some(Route::Unknown(error)) => Err(error.clone()),
            None => Err(InstanceError::BadBase),
        }
    }

    pub(crate) fn base(&self) -> &str {
        self.base.text()
    }

    fn at(&self, operation: Operation, stream: bool) -> Option<&Route> {
        let [whole, streamed] = self.routes.get(operation as usize)?;
        Some(if stream { streamed } else { whole })
    }

    fn route(&self, path: &str) -> Route {
        let made = self.whole(path).and_then(|whole| {
            if whole.contains(model::PLACEHOLDER) {
                Ok(Route::PerModel(whole))
            } else {
                parse(&whole).map(Route::Fixed)
            }
        });
        made.unwrap_or_else(Route::Unknown)
    }

    fn whole(&self, path: &str) -> Result<String, InstanceError> {
        let path = self.dated(path);
        let path = self.base.join(&path);
        let mut whole = self.place.fill(&path)?;
        for (name, value) in &self.extra_query {
            whole.push(if whole.contains('?') { '&' } else { '?' });
            whole.push_str(&model::encoded(name, ""));
            whole.push('=');
            whole.push_str(&model::encoded(value, ""));
        }
        Ok(whole)
    }

    /// Azure's routes before v1 name the deployment in the path and always a version.
    fn dated(&self, path: &str) -> String {
        const BELOW_A_DEPLOYMENT: [&str; 4] = ["/chat", "/embeddings", "/images", "/audio"];
        let (Dialect::AzureOpenAi, Some(version), Some(rest)) = (
            self.place.dialect,
            &self.place.api_version,
            path.strip_prefix("/openai/v1"),
        ) else {
            return path.to_owned();
        };
        match version.as_str() {
            "v1" | "latest" => path.to_owned(),
            "preview" => format!("{path}?api-version=preview"),
            _ if BELOW_A_DEPLOYMENT.iter().any(|area| rest.starts_with(area)) => {
                format!("/openai/deployments/{{model}}{rest}?api-version={{api_version}}")
            }
            _ => format!("/openai{rest}?api-version={{api_version}}"),
        }
    }

    /// An ARN names the region its model is in.
    fn in_region_of(&self, address: String, model: &str) -> String {
        if self.place.dialect != Dialect::BedrockConverse || self.base.is_own() {
            return address;
        }
        let named = model
            .strip_prefix("arn:")
            .and_then(|arn| arn.split(':').nth(2));
        match (named, &self.place.region) {
            (Some(named), Some(region)) if place::is_aws_region(named) => {
                address.replacen(&format!(".{region}."), &format!(".{named}."), 1)
            }
            _ => address,
        }
    }
}

fn parse(text: &str) -> Result<Uri, InstanceError> {
    text.parse().map_err(|_| InstanceError::BadBase)
}
