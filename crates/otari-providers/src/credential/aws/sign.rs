//! Signature version 4, through AWS's own implementation.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::Full;
use otari_types::Timestamp;

use super::super::exchange::CredentialError;
use super::Keys;

/// Adds the date, the session token and the signature. The request must be sent exactly as it is then.
pub(super) fn sign(
    request: &mut Request<Full<Bytes>>,
    body: &[u8],
    keys: &Keys,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let cannot = || CredentialError::new("the request cannot be signed for AWS");
    let identity = Credentials::new(
        &keys.access_key_id,
        keys.secret_access_key.expose(),
        keys.session_token
            .as_ref()
            .map(|token| token.expose().to_owned()),
        None,
        "otari",
    )
    .into();
    let since_epoch = Duration::from_micros(u64::try_from(now.0).unwrap_or_default());
    let settings = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(UNIX_EPOCH + since_epoch)
        .settings(settings(service))
        .build()
        .map_err(|_| cannot())?;
    // Proxies may touch the rest.
    let covered = request
        .headers()
        .iter()
        .filter(|(name, _)| *name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz"))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(
        request.method().as_str(),
        uri,
        covered,
        SignableBody::Bytes(body),
    )
    .map_err(|_| cannot())?;
    let (instructions, _) = sign_request(signable, &settings.into())
        .map_err(|_| cannot())?
        .into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        let mut value = HeaderValue::from_str(header.value()).map_err(|_| cannot())?;
        value.set_sensitive(true);
        request
            .headers_mut()
            .insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

/// S3 takes a path as it stands and wants the hash of the body as a header; the other services differ in both.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == super::STORAGE {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}
