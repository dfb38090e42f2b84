//! What a call is billed by: tokens, images, or the call itself.

use std::sync::Arc;

use otari_metering::{CallUnit, Price};
use otari_types::Rate;

use crate::prices::PriceSource;
use crate::target::Target;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unit {
    #[default]
    Tokens,
    /// The input rate read as dollars per image.
    Images,
    /// A flat price, the input rate read as dollars per million calls; served also without a price.
    Calls,
}

impl Unit {
    /// The target's price, where it is one in this unit: the bundled list is per token, and an image would be billed
    /// as a million of them.
    pub(crate) fn price(self, target: &Target) -> Option<&Arc<Price>> {
        let point = target.price.as_ref()?;
        let fits = self == Self::Tokens || point.source == PriceSource::Configured;
        fits.then_some(&point.price)
    }

    pub(crate) fn is_free(self, target: &Target) -> bool {
        self.price(target).is_some_and(|price| match self {
            Self::Tokens => price.is_free(),
            Self::Images | Self::Calls => price.input <= Rate::ZERO,
        })
    }

    /// How a price by the piece is read, and what its line on the bill is called.
    pub(crate) fn by_piece(self) -> Option<(CallUnit, &'static str)> {
        match self {
            Self::Tokens => None,
            Self::Images => Some((CallUnit::Image, "images")),
            Self::Calls => Some((CallUnit::Call, "requests")),
        }
    }
}
