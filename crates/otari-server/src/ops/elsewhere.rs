//! What a gateway in hybrid mode has no part in: it says where to go instead.

use axum::extract::State;

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
    let url = &app.config.operation.platform.management_url;
    ApiError::not_found(format!(
        "This endpoint is not available in hybrid mode; manage it on the platform: {url}"
    ))
}
