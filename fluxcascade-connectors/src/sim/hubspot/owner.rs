//! What an account's owner does to its properties: in HubSpot's pages, where no request shows it.

use super::property::Gone;
use super::{HubSpotRefusal, HubSpotSystem};
use crate::sim::Sim;

impl Sim<HubSpotSystem> {
    /// The owner archives a property: it is in no answer any more, nor among the properties. What records
    /// hold in it is kept.
    ///
    /// # Errors
    /// If there is none of this name, or it is HubSpot's own.
    pub fn archive_property(&self, object: &str, name: &str) -> Result<(), HubSpotRefusal> {
        self.change(|portal| portal.of_mut(object)?.properties.take_away(name, Gone::Archived))
    }

    /// The owner takes from the token's user what lets them see a property: to them it is not there.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn hide_property(&self, object: &str, name: &str) -> Result<(), HubSpotRefusal> {
        self.change(|portal| portal.of_mut(object)?.properties.take_away(name, Gone::Hidden))
    }

    /// The owner takes either of them back.
    ///
    /// # Errors
    /// If nothing of this name was archived or hidden.
    pub fn bring_back_property(&self, object: &str, name: &str) -> Result<(), HubSpotRefusal> {
        self.change(|portal| portal.of_mut(object)?.properties.bring_back(name))
    }
}
