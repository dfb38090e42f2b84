//! Measures what a gateway costs: a load driver, a mock model provider, and a comparison of Otari with nginx.

pub mod compare;
pub mod figures;
pub mod load;
pub mod process;
pub mod sandbox;
pub mod shape;
pub mod stats;
pub mod upstream;
pub mod wall;
