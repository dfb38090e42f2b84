//! The base URL: the catalogue's, or the operator's in whichever form it was copied.

use crate::instance::InstanceError;
use crate::provider::{Dialect, Provider};

use super::place::{Place, region_in_host};

/// Never resolved: the built-in provider answers without a connection.
const ECHO_BASE: &str = "http://echo.invalid";

#[derive(Debug)]
pub(super) struct Base {
    /// Without a trailing slash.
    text: String,
    /// Other than the catalogue's.
    own: bool,
}

impl Base {
    pub(super) fn new(
        provider: &'static Provider,
        api_base: Option<&str>,
        place: &mut Place,
    ) -> Result<Self, InstanceError> {
        let catalogued = match provider.base_url {
            Some(template) => place.fill(template),
            None if provider.dialect == Dialect::Echo => Ok(ECHO_BASE.to_owned()),
            None => Err(InstanceError::NoBase(provider.id)),
        };
        let Some(given) = api_base.map(str::trim).filter(|base| !base.is_empty()) else {
            let text = catalogued.map_err(|error| match error {
                // The address itself is what the operator has at hand.
                InstanceError::NoSetting { option, .. }
                    if option == "resource" || provider.dialect == Dialect::Watsonx =>
                {
                    InstanceError::NoBase(provider.id)
                }
                error => error,
            })?;
            return Ok(Self { text, own: false });
        };
        let text = shaped(provider, given)?;
        let own = catalogued.ok().as_deref() != Some(text.as_str());
        if place.region.is_none() {
            place.region = region_in_host(host(&text)).map(str::to_owned);
        }
        Ok(Self { text, own })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    pub(super) fn join(&self, path: &str) -> String {
        let base = &self.text;
        if let Some((_, below)) = path.split_once("://") {
            if !self.own || self.is_within_aws() {
                return path.to_owned();
            }
            // Whoever moved the provider moved all of it; the credential must not go to the public address.
            let at = below.find('/').unwrap_or(below.len());
            let rest = below.get(at..).unwrap_or_default();
            return format!("{}{rest}", origin(base));
        }
        match path.strip_prefix("/v1") {
            // Operators write the base of such servers with and without the version.
            Some(rest) if base.ends_with("/v1") => format!("{base}{rest}"),
            _ => format!("{base}{path}"),
        }
    }

    /// A private endpoint for one AWS service says nothing about the others.
    fn is_within_aws(&self) -> bool {
        let host = host(&self.text);
        [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
            .iter()
            .any(|suffix| host.ends_with(suffix))
    }
}

fn shaped(provider: &Provider, given: &str) -> Result<String, InstanceError> {
    let mut text = given.trim_end_matches('/').to_owned();
    if !given.contains("://") {
        // `OLLAMA_HOST=127.0.0.1:11434`, `DATABRICKS_HOST=adb-1.azuredatabricks.net`
        let scheme = match provider.base_url {
            Some(base) if base.starts_with("http://") => "http",
            _ => "https",
        };
        text = format!("{scheme}://{text}");
    }
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    if !is_http || text.contains(['?', '#', '{', '}']) || host(&text).is_empty() {
        return Err(InstanceError::BadBase);
    }
    let shape = provider.base_shape;
    let cut = shape
        .cut
        .iter()
        .find_map(|ending| text.strip_suffix(ending));
    let mut text = cut.unwrap_or(&text).to_owned();
    if origin(&text).len() == text.len() {
        text.push_str(shape.default_path);
    }
    Ok(text)
}

/// `https://host:port` of an absolute address.
fn origin(address: &str) -> &str {
    let start = address.find("://").map_or(0, |at| at + 3);
    let path = address
        .get(start..)
        .and_then(|rest| rest.find('/'))
        .map_or(address.len(), |at| start + at);
    address.get(..path).unwrap_or(address)
}

/// The host with its port.
fn host(address: &str) -> &str {
    origin(address)
        .split_once("://")
        .map_or("", |(_, host)| host)
}
