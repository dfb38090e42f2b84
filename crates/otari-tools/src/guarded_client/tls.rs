//! Whom the tools trust: the bundled web roots and the host's own certificates, through ring.

use std::sync::{Arc, LazyLock};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::{ClientConfig, RootCertStore};

/// Read once: parsing a hundred certificates for every guard would show.
static TRUST: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    // A scratch image has none; a company's own authority is usually among them.
    let native = rustls_native_certs::load_native_certs();
    let (_, ignored) = roots.add_parsable_certificates(native.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "host certificates that could not be read");
    }
    Arc::new(roots)
});

pub(super) fn connector<C>(http: C) -> HttpsConnector<C> {
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| {
                builder
                    .with_root_certificates(Arc::clone(&TRUST))
                    .with_no_client_auth()
            });
    #[expect(
        clippy::expect_used,
        reason = "ring supports the default protocol versions"
    )]
    let config = config.expect("ring speaks TLS 1.2 and 1.3");
    HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http)
}
