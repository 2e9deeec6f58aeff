//! Transforms of texts: trim, lowercase. Both do the same each way.

use super::{Refusal, Shape, Transform, each_text};
use crate::model::Slot;

/// Cuts off white space at both ends.
#[derive(Debug)]
pub(super) struct Trim;

impl Transform for Trim {
    fn name(&self) -> &'static str {
        "trim"
    }

    fn shape(&self) -> Shape {
        Shape::Each
    }

    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        each_text(source, &|text| Ok(text.trim().to_owned()))
    }

    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        self.forward(target)
    }
}

/// Makes letters small.
#[derive(Debug)]
pub(super) struct Lowercase;

impl Transform for Lowercase {
    fn name(&self) -> &'static str {
        "lowercase"
    }

    fn shape(&self) -> Shape {
        Shape::Each
    }

    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        each_text(source, &|text| Ok(text.to_lowercase()))
    }

    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        self.forward(target)
    }
}
