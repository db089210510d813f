//! Methods that need the network's gradient: gradient × input, integrated gradients, DeepLIFT. Where they need a baseline, it is the blurred picture.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, Array4, Axis, Ix4};

use super::head_network::HeadNetwork;
use super::{Attribution, Method, by_head, weights};
use crate::crp::{Derivative, HeadSeed, REFERENCE_INPUT, Target, compile_derivative, seed_name};
use crate::detect::Model;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::evaluate::photo::EvaluatedPhoto;
use crate::runtime::{Network, SessionOptions, only};

/// Steps from the baseline to the picture.
const STEPS: usize = 20;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientKind {
    /// ∂q/∂x · x, x as the network reads it.
    TimesInput,
    /// (x − baseline) · the mean gradient on the straight way from the baseline to x (Sundararajan et al., ICML 2017), taken at the middle of each of 20 steps.
    Integrated,
    /// (x − baseline) · the multipliers under Rescale (Shrikumar et al., ICML 2017).
    DeepLift,
}

/// A method that runs the network backwards.
pub struct Gradient {
    model: Arc<Model>,
    kind: GradientKind,
    network: HeadNetwork,
}

impl Gradient {
    /// Runs networks as `options` say.
    pub fn new(model: Arc<Model>, kind: GradientKind, options: SessionOptions) -> Self {
        Self {
            model,
            kind,
            network: HeadNetwork::new(options),
        }
    }

    /// R `[H, W]` of one quantity, and the time that the network ran.
    fn map(&mut self, photo: &EvaluatedPhoto, seed: &HeadSeed) -> Result<(Array2<f32>, Duration)> {
        let input = &photo.forward.input;
        let (picture, reference) = (
            &input.tensor,
            &input.with_picture_values(&photo.reference)?.tensor,
        );
        let kind = self.kind;
        let mut backward = self.backward(seed)?;
        let started = Instant::now();
        let relevance = match kind {
            GradientKind::TimesInput => backward.run(picture, None)? * picture,
            GradientKind::DeepLift => {
                backward.run(picture, Some(reference))? * (picture - reference)
            }
            GradientKind::Integrated => {
                let way = picture - reference;
                let mut sum = Array4::zeros(way.dim());
                for step in 0..STEPS {
                    let share = (step as f32 + 0.5) / STEPS as f32;
                    sum += &backward.run(&(reference + &(&way * share)), None)?;
                }
                sum * way / STEPS as f32
            }
        };
        let took = started.elapsed();
        ensure!(
            relevance.iter().all(|r| r.is_finite()),
            "a derivative at '{}' is not finite",
            seed.tensor
        );
        let map = relevance.index_axis_move(Axis(0), 0).sum_axis(Axis(0));
        Ok((input.fit.of_picture(map), took))
    }

    fn backward(&mut self, seed: &HeadSeed) -> Result<Backward<'_>> {
        let model = &self.model;
        let derivative = match self.kind {
            GradientKind::DeepLift => Derivative::Rescale,
            GradientKind::TimesInput | GradientKind::Integrated => Derivative::Gradient,
        };
        let network = self.network.of(&seed.tensor, || {
            compile_derivative(&model.graph, derivative, &[&seed.tensor])
        })?;
        Ok(Backward {
            network,
            input_name: &model.input_name,
            seed_name: seed_name(&seed.tensor),
            weights: weights(model, seed)?,
        })
    }
}

/// A backward pass from one cell.
struct Backward<'a> {
    network: &'a mut Network,
    input_name: &'a str,
    seed_name: String,
    weights: Array4<f32>,
}

impl Backward<'_> {
    /// The derivative by each value of `picture`, `[1, 3, H, W]`.
    fn run(
        &mut self,
        picture: &Array4<f32>,
        reference: Option<&Array4<f32>>,
    ) -> Result<Array4<f32>> {
        let mut inputs = vec![
            (self.input_name, picture.view().into_dyn()),
            (&self.seed_name, self.weights.view().into_dyn()),
        ];
        inputs.extend(reference.map(|picture| (REFERENCE_INPUT, picture.view().into_dyn())));
        only(self.network.run(&inputs)?)?
            .into_dimensionality::<Ix4>()
            .context("the derivative is not [1, 3, H, W]")
    }
}

impl Method for Gradient {
    fn name(&self) -> &str {
        match self.kind {
            GradientKind::TimesInput => "gradient-x-input",
            GradientKind::Integrated => "integrated-gradients",
            GradientKind::DeepLift => "deeplift",
        }
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        by_head(targets, &self.model.clone(), photo, |seed| {
            self.map(photo, seed)
        })
    }
}
