//! What a gateway in hybrid mode has no part in: it says where to go instead.

use axum::extract::State;
use otari_config::section::hybrid::Platform;

use crate::error::ApiError;
use crate::state::App;

/// The first part of the addresses that are managed on the platform, each with everything below it.
pub(crate) const ELSEWHERE: [&str; 11] = [
    "/users",
    "/keys",
    "/budgets",
    "/usage",
    "/settings",
    "/aliases",
    "/providers",
    "/pricing",
    "/organizations",
    "/workspaces",
    "/invitations",
];

pub(crate) async fn managed_elsewhere(State(app): State<App>) -> ApiError {
    let text = "This endpoint is not available in hybrid mode; manage it on the platform";
    let platform = &app.config.operation.platform;
    let usual = Platform::default();
    // Whoever named a platform of their own, but not its pages, has none at the usual address.
    if platform.base_url != usual.base_url && platform.management_url == usual.management_url {
        return ApiError::not_found(text);
    }
    ApiError::not_found(format!("{text}: {}", platform.management_url))
}
