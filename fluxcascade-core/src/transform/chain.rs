//! Several transforms as one: forward in order, backward in reverse.

use std::sync::Arc;

use super::{Refusal, Shape, Transform};
use crate::model::Slot;

/// Transforms one after the other.
#[derive(Debug)]
pub(crate) struct Chain(pub(crate) Vec<Arc<dyn Transform>>);

impl Transform for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn shape(&self) -> Shape {
        let fixed = |transform: &Arc<dyn Transform>| match transform.shape() {
            Shape::Each => None,
            Shape::Fixed { source, target } => Some((source, target)),
        };
        let first = self.0.iter().find_map(fixed);
        let last = self.0.iter().rev().find_map(fixed);
        match (first, last) {
            (Some((source, _)), Some((_, target))) => Shape::Fixed { source, target },
            _ => Shape::Each,
        }
    }

    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        self.0.iter().try_fold(source.to_vec(), |slots, transform| transform.forward(&slots))
    }

    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        self.0.iter().rev().try_fold(target.to_vec(), |slots, transform| transform.backward(&slots))
    }
}
