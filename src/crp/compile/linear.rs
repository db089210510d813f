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

    /// Height and width of its input's map.
    fn input_size(&self) -> [usize; 2];

    /// Stride, pad before the map, and extent of its windows along rows and columns; `None` where it has none that relevance could keep to.
    fn windows(&self) -> Option<[(usize, usize, usize); 2]> {
        None
    }

    /// Σ_j s_j·ω(w_ij) where s is a window of the output's map: all inputs that its places read, in the padding too.
    /// Only for layers that have [windows](Self::windows).
    fn backward_in_window(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String {
        self.backward(emitter, s, part)
    }

    /// The same windows over one channel, all weights 1.
    fn in_one_channel<'b>(self: Box<Self>) -> Box<dyn Linear + 'b>
    where
        Self: 'b;
}
