//! The settings as a list for a form: value in force, type, group, bounds.

use otari_config::{Config, Field, fields};
use otari_gateway::HotSettings;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

const MASK: &str = "***";

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigField {
    key: &'static str,
    /// In force; credentials inside addresses are masked.
    #[schema(value_type = Option<Object>)]
    value: Value,
    /// `bool`, `int`, `float`, `str` or `list`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether `PATCH /v1/settings` takes it.
    settable: bool,
    group: &'static str,
    description: String,
    /// The words it may be.
    options: Option<Vec<String>>,
    minimum: Option<f64>,
    exclusive_minimum: Option<f64>,
}

/// Every plain setting. Secrets, and blocks with routes of their own, are left out.
pub(super) fn all(config: &Config, hot: &HotSettings) -> Vec<ConfigField> {
    let configured = config.redacted();
    let hot = serde_json::to_value(hot).unwrap_or_default();
    fields()
        .into_iter()
        .filter(|field| !field.secret)
        .filter_map(|field| {
            let kind = kind(&field)?;
            let live = hot.get(field.key);
            let settable = live.is_some();
            let value = live.or_else(|| configured.get(field.key)?.get("value"));
            let value = match field.key {
                "mode" => config.mode().as_str().into(),
                "database_url" => {
                    without_credentials(config.database.database_url.secret().expose()).into()
                }
                _ => plain(value.cloned().unwrap_or_default()),
            };
            let (minimum, exclusive_minimum) = bounds(&field, settable);
            Some(ConfigField {
                key: field.key,
                value,
                kind,
                settable,
                group: group(&field),
                description: field.doc.trim().to_owned(),
                options: options(&field),
                minimum,
                exclusive_minimum,
            })
        })
        .collect()
}

/// `None`: a structured block.
fn kind(field: &Field) -> Option<&'static str> {
    Some(match field.kind {
        "true or false" => "bool",
        "a whole number" => "int",
        "a number" => "float",
        "a list of text" => "list",
        _ if field.scalar => "str",
        _ => return None,
    })
}

/// The groups existing dashboards know.
fn group(field: &Field) -> &'static str {
    match (field.key, field.section) {
        ("reject_user_mismatch", _) => "Metering & budgets",
        ("public_base_url", _) => "Email delivery",
        ("enable_docs" | "streaming_keepalive_interval_ms", _) => "General",
        ("dashboard_login_rate_limit_per_minute", _) => "Rate limiting & CORS",
        ("file_understanding_enabled", _) => "Vision & file understanding",
        (key, _) if key.starts_with("vision_") || key.starts_with("document_") => {
            "Vision & file understanding"
        }
        (_, "Server" | "TLS" | "Database" | "Mode") => "Server & database",
        (_, "Pricing" | "Budgets" | "Usage ledger") => "Metering & budgets",
        (_, "Models" | "Routing") => "Models & discovery",
        (_, "Rate limit" | "CORS") => "Rate limiting & CORS",
        (_, "Files") => "Files",
        (_, "Tools" | "Upstream time limits") => "Tools & network access",
        (_, "Mail") => "Email delivery",
        _ => "General",
    }
}

/// A closed choice is documented as its words in backticks.
fn options(field: &Field) -> Option<Vec<String>> {
    if !field.scalar {
        return None;
    }
    let words = field.kind.split('`').skip(1).step_by(2);
    let words: Vec<String> = words.map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// The lower bound, from the words of the reference page. No settable number may be negative.
fn bounds(field: &Field, settable: bool) -> (Option<f64>, Option<f64>) {
    let limit = field.limit.as_deref().unwrap_or_default();
    let number = |text: &str| text.split(' ').next()?.parse::<f64>().ok();
    if let Some(above) = limit.strip_prefix("more than ") {
        return (None, number(above));
    }
    let low = limit
        .strip_prefix("at least ")
        .or_else(|| limit.strip_prefix("between "))
        .and_then(number);
    let unsigned = settable && matches!(field.kind, "a whole number" | "a number");
    (low.or_else(|| unsigned.then_some(0.0)), None)
}

fn plain(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("://") => without_credentials(&text).into(),
        other => other,
    }
}

/// An address without userinfo and query values. Everything up to the last `@` counts as userinfo: rather too
/// little is shown than part of a password that was not escaped.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (userinfo, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (format!("{MASK}@"), rest),
        None => (String::new(), rest),
    };
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (rest, None),
    };
    let query = query.map(|query| {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}={MASK}"),
            None => MASK.to_owned(),
        });
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    });
    format!(
        "{scheme}://{userinfo}{address}{}",
        query.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn addresses_lose_whatever_could_be_a_credential() {
        for (url, shown) in [
            (
                "postgresql://app:HUSH@127.0.0.1:5545/otari",
                "postgresql://***@127.0.0.1:5545/otari",
            ),
            ("http://u@[::1]:9110/x", "http://***@[::1]:9110/x"),
            (
                "http://u:HU/S?H@host/p?key=HUSH&HUSH",
                "http://***@host/p?key=***&***",
            ),
            ("sqlite:///./otari.db", "sqlite:///./otari.db"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
