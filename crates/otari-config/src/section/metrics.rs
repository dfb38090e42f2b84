//! Metrics, and switches of the dashboard.

use otari_types::Secret;

use crate::section::section;

section! {
    /// The Prometheus endpoint.
    Metrics("Metrics") {
        /// Serve `/metrics` in Prometheus form.
        enable_metrics: bool = false;
        /// Bearer token that `/metrics` asks for; without it the page is open to whoever reaches the port.
        metrics_token: Option<Secret> = None;
    }
}

section! {
    /// Dashboard switches.
    Dashboard("Dashboard") {
        /// Show the guide to the first request.
        activation_guide: bool = true;
        /// Store what coding agents report about themselves.
        capture_agent_telemetry: bool = true;
    }
}
