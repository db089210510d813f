//! Methods that weight a feature map with the gradient: Grad-CAM, LayerCAM, ODAM. The map is the last one that class scores and boxes of a head are both made from.
//!
//! With A the features and G = ∂y/∂A, y being the asked output: Grad-CAM is ReLU(Σ_k A_k · mean G_k) (Selvaraju et al., ICCV 2017), LayerCAM ReLU(Σ_k A_k ⊙ ReLU(G_k)) (Jiang et al., TIP
//! 2021), ODAM ReLU(Σ_k A_k ⊙ G_k) (Zhao and Chan, ICLR 2023; as in its published code, without the smoothing of G that the paper has for two-stage detectors). Each is enlarged bilinearly.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, Array3, Axis, Ix4};

use super::head_network::HeadNetwork;
use super::{Attribution, Method, by_head, weights};
use crate::bilinear::{Tap, stretched};
use crate::crp::{HeadSeed, Target, compile_feature_gradient, seed_name};
use crate::detect::{Head, Model};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::evaluate::photo::EvaluatedPhoto;
use crate::onnx::NodeExt;
use crate::runtime::{Network, SessionOptions};

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationMapKind {
    /// Each channel has the weight of its mean gradient.
    GradCam,
    /// Each place has its own gradient as its weight where that is positive.
    LayerCam,
    /// Each place has its own gradient as its weight.
    Odam,
}

/// A weighted sum of a feature map's channels.
pub struct ActivationMap {
    model: Arc<Model>,
    kind: ActivationMapKind,
    network: HeadNetwork,
}

impl ActivationMap {
    /// Runs networks as `options` say.
    pub fn new(model: Arc<Model>, kind: ActivationMapKind, options: SessionOptions) -> Self {
        Self {
            model,
            kind,
            network: HeadNetwork::new(options),
        }
    }

    fn map(&mut self, photo: &EvaluatedPhoto, seed: &HeadSeed) -> Result<(Array2<f32>, Duration)> {
        let input = &photo.forward.input;
        let weights = weights(&self.model, seed)?;
        let kind = self.kind;
        let input_name = self.model.input_name.clone();
        let network = self.network(&seed.tensor)?;
        let started = Instant::now();
        let outputs = network.run(&[
            (&input_name, input.tensor.view().into_dyn()),
            (&seed_name(&seed.tensor), weights.view().into_dyn()),
        ])?;
        let maps: Vec<Array3<f32>> = outputs
            .into_iter()
            .map(|output| {
                let output = output.into_dimensionality::<Ix4>();
                let output = output.context("a feature map is not [1, C, H, W]")?;
                Ok(output.index_axis_move(Axis(0), 0))
            })
            .collect::<Result<_>>()?;
        let [gradient, features] = <[Array3<f32>; 2]>::try_from(maps)
            .ok()
            .context("a feature map and its gradient are expected")?;
        let coarse = weighted(&features, gradient, kind);
        ensure!(
            coarse.iter().all(|r| r.is_finite()),
            "a gradient at '{}' is not finite",
            seed.tensor
        );
        let (_, _, height, width) = input.tensor.dim();
        let map = input.fit.of_picture(enlarged(&coarse, height, width));
        Ok((map, started.elapsed()))
    }

    fn network(&mut self, tensor: &str) -> Result<&mut Network> {
        let model = &self.model;
        self.network.of(tensor, || {
            let head = model.heads.iter().find(|head| {
                let offsets = head.offset_tensor.as_deref();
                head.class_tensor == tensor || offsets == Some(tensor)
            });
            let head = head.context("no head has this tensor")?;
            compile_feature_gradient(&model.graph, feature_map(model, head)?, tensor)
        })
    }
}

/// The last feature map that a head's class scores and offsets are both made from; of a classifier the last one of more than one cell.
fn feature_map<'a>(model: &'a Model, head: &Head) -> Result<&'a str> {
    let graph = &model.graph;
    let of_classes = graph.ancestors([head.class_tensor.as_str()]);
    let of_offsets = (head.offset_tensor.as_deref()).map(|tensor| {
        graph
            .ancestors([tensor])
            .into_iter()
            .collect::<HashSet<_>>()
    });
    let is_common = |index: &usize| of_offsets.as_ref().is_none_or(|all| all.contains(index));
    let common = of_classes.into_iter().rev().filter(is_common);
    let mut tensors = common.map(|index| graph.nodes()[index].first_output());
    let found = tensors.find(|tensor| {
        let shape = graph.feature_map(tensor);
        shape.is_ok_and(|[_, _, rows, columns]| head.offset_tensor.is_some() || rows * columns > 1)
    });
    found.context("no feature map lies before the head")
}

/// Features `[C, H, W]` weighted with their gradient, summed over the channels, without what is negative.
fn weighted(features: &Array3<f32>, gradient: Array3<f32>, kind: ActivationMapKind) -> Array2<f32> {
    let (channels, rows, columns) = features.dim();
    let weights = match kind {
        ActivationMapKind::Odam => gradient,
        ActivationMapKind::LayerCam => gradient.mapv_into(|g| g.max(0.0)),
        ActivationMapKind::GradCam => {
            let cells = (rows * columns).max(1) as f32;
            let mean = |channel| gradient.index_axis(Axis(0), channel).sum() / cells;
            let means: Vec<f32> = (0..channels).map(mean).collect();
            Array3::from_shape_fn(features.dim(), |(channel, _, _)| means[channel])
        }
    };
    (weights * features)
        .sum_axis(Axis(0))
        .mapv_into(|r| r.max(0.0))
}

/// A map stretched over `height` × `width` pixels.
fn enlarged(map: &Array2<f32>, height: usize, width: usize) -> Array2<f32> {
    let (rows, columns) = map.dim();
    let rows = Tap::centred(rows as u32, height as u32);
    let columns = Tap::centred(columns as u32, width as u32);
    stretched(map, &rows, &columns)
}

impl Method for ActivationMap {
    fn name(&self) -> &str {
        match self.kind {
            ActivationMapKind::GradCam => "grad-cam",
            ActivationMapKind::LayerCam => "layer-cam",
            ActivationMapKind::Odam => "odam",
        }
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        by_head(targets, &self.model.clone(), photo, |seed| {
            self.map(photo, seed)
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn each_kind_weights_features_by_their_gradient_in_its_own_way() {
        let features = array![[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 10.0]]];
        let gradient = array![[[4.0, 0.0], [0.0, -2.0]], [[0.0, 0.0], [-1.0, 0.0]]];
        for (kind, expected) in [
            // Mean gradients ½ and −¼.
            (
                ActivationMapKind::GradCam,
                array![[0.25, 0.75], [1.25, 0.0]],
            ),
            (ActivationMapKind::LayerCam, array![[4.0, 0.0], [0.0, 0.0]]),
            (ActivationMapKind::Odam, array![[4.0, 0.0], [0.0, 0.0]]),
        ] {
            assert_eq!(
                weighted(&features, gradient.clone(), kind),
                expected,
                "{kind:?}"
            );
        }
        // At a place that one channel speaks for and another against, LayerCAM sees the former alone.
        let gradient = array![[[4.0, 0.0], [0.0, 0.0]], [[-3.0, 0.0], [0.0, 0.0]]];
        for (kind, expected) in [
            (ActivationMapKind::LayerCam, 4.0),
            (ActivationMapKind::Odam, 1.0),
        ] {
            let map = weighted(&features, gradient.clone(), kind);
            assert_eq!(map, array![[expected, 0.0], [0.0, 0.0]], "{kind:?}");
        }
    }

    #[test]
    fn a_coarse_map_is_stretched_over_the_picture() {
        let map = enlarged(&array![[0.0, 2.0]], 3, 4);
        assert_eq!(map.row(0), array![0.0, 0.5, 1.5, 2.0]);
        assert_eq!((map.dim(), map.row(2)), ((3, 4), map.row(0)));
    }
}
