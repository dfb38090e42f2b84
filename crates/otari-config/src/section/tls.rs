//! Serving HTTPS directly, without a proxy in front.

use crate::section::section;

section! {
    /// Certificate and key of the listener. Both or neither.
    Tls("TLS") {
        /// PEM file with the certificate chain. Set together with `tls_key`.
        tls_cert: Option<String> = None;
        /// PEM file with the private key. Set together with `tls_cert`.
        tls_key: Option<String> = None;
    }
}
