//! Tests of the tools through their public door.

mod dns;
mod guarded_client;
mod hostile_urls;
mod rebinding;
mod site;
