//! The profiles that a check may name, for who sets checks up.

use std::time::Duration;

use http::HeaderMap;
use otari_tools::HttpLimits;
use serde_json::Value;

use super::Guardrails;
use super::profile::Means;
use crate::Gateway;

const LIMITS: HttpLimits = HttpLimits {
    first_byte: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(5),
    body_bytes: 1024 * 1024,
    redirects: 0,
};
/// The gateway's own checks, by the names they have without a configuration.
const OWN: [&str; 3] = ["prompt-injection", "pii", "secrets"];

/// A profile, and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProfile {
    pub profile: String,
    /// `prompt-injection`, `pii`, `secrets`, `regex`, `moderation`, `llm-judge`, `remote`, or the service's name for it.
    pub guardrail: String,
    /// The model that judges.
    pub model: Option<String>,
}

/// Every profile there is.
#[derive(Clone, Debug, Default)]
pub struct ListedProfiles {
    pub profiles: Vec<ListedProfile>,
    /// Why those of the guardrail service are not among them.
    pub service_missing: Option<String>,
}

impl Gateway {
    /// Configured profiles, then the gateway's own, then those the guardrail service says it has.
    pub async fn guardrail_profiles(&self) -> ListedProfiles {
        self.guardrails.listed().await
    }
}

impl Guardrails {
    async fn listed(&self) -> ListedProfiles {
        let (service, mut profiles) = {
            let behind = self.behind.load();
            let configured = behind.profiles.iter().map(|(name, means)| ListedProfile {
                profile: name.clone(),
                guardrail: means.name().to_owned(),
                model: match means {
                    Means::Moderation { model, .. } | Means::Judge { model, .. } => {
                        Some(model.clone())
                    }
                    _ => None,
                },
            });
            (behind.service.clone(), configured.collect::<Vec<_>>())
        };
        profiles.sort_by(|one, other| one.profile.cmp(&other.profile));
        for own in OWN {
            profiles.push(ListedProfile {
                profile: format!("otari:{own}"),
                guardrail: own.to_owned(),
                model: None,
            });
        }
        let told = match &service {
            None => Ok(Vec::new()),
            Some(url) => self.told_by(url).await,
        };
        let service_missing = told.as_ref().err().cloned();
        profiles.extend(told.unwrap_or_default());
        ListedProfiles {
            profiles,
            service_missing,
        }
    }

    /// `GET {url}/profiles`: a list of names, or of objects with `profile` or `name`.
    async fn told_by(&self, url: &str) -> Result<Vec<ListedProfile>, String> {
        let address = format!("{}/profiles", url.trim_end_matches('/'));
        let sent = self.trusted.get(&address, HeaderMap::new(), LIMITS).await;
        let received = sent.map_err(|error| error.to_string())?;
        if !received.status.is_success() {
            return Err(format!(
                "the guardrail service answers {} to /profiles",
                received.status
            ));
        }
        let body = received.body.collect().await;
        let body = body.map_err(|error| error.to_string())?;
        read(&body).ok_or_else(|| "the guardrail service's list cannot be read".to_owned())
    }
}

fn read(body: &[u8]) -> Option<Vec<ListedProfile>> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let list = answer.get("profiles").unwrap_or(&answer).as_array()?;
    let text = |item: &Value, member: &str| item.get(member)?.as_str().map(str::to_owned);
    list.iter()
        .map(|item| {
            let named = item.as_str().map(str::to_owned);
            let profile = named
                .or_else(|| text(item, "profile"))
                .or_else(|| text(item, "name"))?;
            Some(ListedProfile {
                guardrail: text(item, "guardrail").unwrap_or_else(|| "remote".to_owned()),
                model: text(item, "model_id"),
                profile,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_lists_names_or_objects() {
        for (body, expected) in [
            (r#"{"profiles":["a"]}"#, Some(("a", "remote"))),
            (
                r#"[{"profile":"a","guardrail":"Deepset"}]"#,
                Some(("a", "Deepset")),
            ),
            (r#"{"profiles":[{"name":"a"}]}"#, Some(("a", "remote"))),
            (r#"{"profiles":[{}]}"#, None),
            ("nonsense", None),
        ] {
            let read = read(body.as_bytes()).and_then(|list| list.into_iter().next());
            let read = read.map(|listed| (listed.profile, listed.guardrail));
            let expected = expected.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
            assert_eq!(read, expected, "{body}");
        }
    }
}
