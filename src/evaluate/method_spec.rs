//! The methods that are judged, as the options name them: composites, each perhaps with a contrast of its own, and baselines.

use std::str::FromStr;
use std::sync::Arc;

use super::baseline::Baseline;
use super::methods::{Method, Relevance};
use super::photo::EvaluatedPhoto;
use crate::crp::{Composite, Contrast};
use crate::detect::Model;
use crate::error::Result;
use crate::runtime::SessionOptions;

/// A method that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum MethodSpec {
    /// Relevance propagation, with the composite's own contrast or another one.
    Composite(Composite, Option<Contrast>),
    /// With its name.
    Baseline(Baseline, String),
}

impl MethodSpec {
    /// Reads a composite, `COMPOSITE` or `COMPOSITE@CONTRAST`.
    ///
    /// # Errors
    /// A text that is neither.
    pub fn composite(text: &str) -> Result<Self> {
        let text = text.trim();
        Ok(match text.rsplit_once('@') {
            Some((composite, contrast)) => {
                Self::Composite(composite.parse()?, Some(contrast.parse()?))
            }
            None => Self::Composite(text.parse()?, None),
        })
    }

    /// Reads a baseline, one of [`BASELINES`](super::BASELINES).
    ///
    /// # Errors
    /// A name that none has.
    pub fn baseline(text: &str) -> Result<Self> {
        let text = text.trim();
        Ok(Self::Baseline(Baseline::from_str(text)?, text.to_owned()))
    }

    /// As it was asked for.
    pub fn asked(&self) -> String {
        match self {
            Self::Composite(composite, Some(contrast)) => format!("{composite}@{contrast}"),
            Self::Composite(composite, None) => composite.to_string(),
            Self::Baseline(_, name) => name.clone(),
        }
    }

    /// The method that `name` is, where what was asked for depends on the day.
    ///
    /// # Errors
    /// As [`MethodSpec::baseline`].
    pub fn settled(&self, name: Option<&str>) -> Result<Self> {
        Ok(match (self, name) {
            (Self::Baseline(_, asked), Some(name)) => Self::Baseline(name.parse()?, asked.clone()),
            _ => self.clone(),
        })
    }

    /// Makes it ready; `photo` as for [`Baseline::method`].
    ///
    /// # Errors
    /// A network that the method cannot be applied to.
    pub fn method(
        &self,
        model: &Arc<Model>,
        photo: &EvaluatedPhoto,
        seed: u64,
        session: SessionOptions,
    ) -> Result<Box<dyn Method>> {
        match self {
            Self::Composite(composite, contrast) => {
                let (composite, contrast) = (composite.clone(), contrast.clone());
                let method = Relevance::new(model.clone(), composite, contrast, session)?;
                Ok(Box::new(method))
            }
            Self::Baseline(baseline, _) => baseline.method(model, photo, seed, session),
        }
    }

    /// Whether it looks into the network, rather than at what comes out of it.
    pub fn is_of_the_network(&self) -> bool {
        matches!(
            self,
            Self::Composite(..)
                | Self::Baseline(Baseline::Gradient(_) | Baseline::ActivationMap(_), _)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composite_may_have_a_contrast_and_says_so() {
        for text in [
            "crp",
            "crp@softmax",
            "high=alphabeta:2,1,low=zplus@class:dog",
        ] {
            assert_eq!(MethodSpec::composite(text).unwrap().asked(), text);
        }
        for text in ["crp@most", "nothing@mean"] {
            assert!(MethodSpec::composite(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_depends_on_the_day_is_settled_by_its_name() {
        let spec = MethodSpec::baseline("masks:time").unwrap();
        let settled = spec.settled(Some("masks:6")).unwrap();
        let expected = MethodSpec::Baseline(Baseline::Masks(Some(6)), "masks:time".to_owned());
        assert_eq!(settled, expected);
        assert_eq!(spec.settled(None).unwrap(), spec);
    }
}
