//! Linear layers: what the rules ask of a layer y = W·x + b, whatever operator it is.

use crate::crp::rules::WeightPart;
use crate::onnx::Emitter;

/// A linear layer with constant weights w_ij from input i to output j. Feature maps are `[N, C, H, W]`, N = 1 in the forward pass.
pub(super) trait Linear {
    /// x
    fn input(&self) -> &str;

    /// z
    fn output(&self) -> &str;

    /// Σ_i x_i·ω(w_ij) for every output j; `bias` is added if given.
    fn forward(
        &self,
        emitter: &mut Emitter,
        x: &str,
        part: WeightPart,
        bias: Option<f32>,
    ) -> String;

    /// The same for x = 1; inputs in the padding are none.
    fn forward_ones(&self, emitter: &mut Emitter, part: WeightPart, bias: Option<f32>) -> String;

    /// Σ_j s_j·ω(w_ij) for every input i.
    fn backward(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String;

    /// The same windows over one channel, all weights 1.
    fn in_one_channel<'b>(self: Box<Self>) -> Box<dyn Linear + 'b>
    where
        Self: 'b;
}
