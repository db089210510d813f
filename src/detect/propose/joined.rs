//! Heads of one convolution each without anchors, NanoDet's and PicoDet's: class scores and bins of distances are channels of one convolution, told apart by what is made
//! of each channel behind it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use super::convolutions::{last_convolutions, moves};
use super::found::{Found, FoundOutputs, JoinedHeads, steps};
use super::text::{GUESS, all, list};
use crate::error::Result;
use crate::onnx::ops::{Activation, Normalisation, Op, axis_of};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// What is made of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChannelUse {
    /// Nothing, or what a head's boxes are decoded by.
    Plain,
    Sigmoid,
    /// It is one of so many in a distribution.
    Softmax(usize),
}

/// The detector, where each grid has one last convolution and a sigmoid is taken of some of its channels, those before or behind the others.
pub(super) fn find(graph: &Graph) -> Option<Found> {
    let mut last = last_convolutions(graph)?;
    last.sort_by_key(|(_, [_, _, rows, cols])| std::cmp::Reverse(rows * cols));
    let finer = |pair: &[(&str, [usize; 4])]| pair[0].1[2..] != pair[1].1[2..];
    if last.is_empty() || !last.windows(2).all(finer) {
        return None;
    }
    let mut uses = channel_uses(graph, &last);
    let first = uses.remove(last[0].0)?;
    if !last[1..]
        .iter()
        .all(|(tensor, _)| uses.get(tensor) == Some(&first))
    {
        return None;
    }
    let is_sigmoid = |channel: &ChannelUse| *channel == ChannelUse::Sigmoid;
    let runs: Vec<&[ChannelUse]> = first
        .chunk_by(|a, b| is_sigmoid(a) == is_sigmoid(b))
        .collect();
    let [before, behind] = runs[..] else {
        return None;
    };
    let classes_first = before.iter().all(is_sigmoid);
    let (classes, sides) = if classes_first {
        (before, behind)
    } else {
        (behind, before)
    };
    // Four numbers alone may be distances or offsets: the graph does not say.
    let bins = sides.len() / 4;
    if !sides.len().is_multiple_of(4) || bins < 2 {
        return None;
    }
    let is_decoded = sides.iter().all(|&side| side == ChannelUse::Softmax(bins));
    if !is_decoded && sides.iter().any(|&side| side != ChannelUse::Plain) {
        return None;
    }
    let numbers = classes.len() + sides.len();
    let outputs: Vec<&str> = graph.outputs().collect();
    let is_one_output = matches!(outputs[..], [one] if graph
        .shape(one)
        .is_ok_and(|shape| shape.len() == 3 && shape[1..].contains(&numbers)));
    Some(Found {
        class_count: classes.len(),
        activation: ("sigmoid", true),
        outputs: FoundOutputs::Joined(JoinedHeads {
            heads: last.iter().map(|(name, _)| (*name).to_owned()).collect(),
            grids: last.iter().map(|(_, shape)| [shape[2], shape[3]]).collect(),
            classes_first,
            bins,
            is_decoded,
            is_one_output,
        }),
    })
}

/// What is said of heads of one convolution each that have as many channels, if nothing behind them says which is what.
pub(super) fn untold(graph: &Graph) -> Option<String> {
    let last = last_convolutions(graph)?;
    let [(first, [_, channels, ..]), rest @ ..] = &last[..] else {
        return None;
    };
    let alike = |(_, shape): &(&str, [usize; 4])| shape[1] == *channels;
    (!rest.is_empty() && rest.iter().all(alike)).then(|| {
        format!(
            "its {} heads, '{first}' and others, are one convolution each of {channels} channels, and the graph does not say which of them are classes: \
             if it is a NanoDet or PicoDet, name heads, channels and bins in a manifest (models/README.md)",
            last.len()
        )
    })
}

/// What is made of each channel of `heads` behind what only moves numbers.
fn channel_uses<'a>(
    graph: &'a Graph,
    heads: &[(&'a str, [usize; 4])],
) -> HashMap<&'a str, Vec<ChannelUse>> {
    let mut uses: HashMap<&str, Vec<ChannelUse>> = heads
        .iter()
        .map(|&(head, [_, channels, _, _])| (head, vec![ChannelUse::Plain; channels]))
        .collect();
    let mut open: Vec<&str> = heads.iter().map(|&(head, _)| head).collect();
    let mut seen = BTreeSet::new();
    while let Some(tensor) = open.pop() {
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            if !seen.insert(index) {
                continue;
            }
            if moves(Op::of(node)) {
                open.push(node.first_output());
                continue;
            }
            let (Some(made), Some(input)) = (made(graph, node), node.input_at(0)) else {
                continue;
            };
            let Ok(origins) = graph.origins(input) else {
                continue;
            };
            for &(source, place) in &origins.places {
                let source = origins.sources.get(source as usize).map(String::as_str);
                let grid = source.and_then(|source| heads.iter().find(|(head, _)| *head == source));
                let Some((head, [_, _, rows, cols])) = grid else {
                    continue;
                };
                if let Some(channels) = uses.get_mut(head)
                    && let Some(channel) = channels.get_mut(place as usize / (rows * cols))
                {
                    *channel = made;
                }
            }
        }
    }
    uses
}

fn made(graph: &Graph, node: &NodeProto) -> Option<ChannelUse> {
    match Op::of(node) {
        Op::Activation(Activation::Sigmoid) => Some(ChannelUse::Sigmoid),
        Op::Normalisation(Normalisation::Softmax) => {
            let shape = graph.shape(node.input_at(0)?).ok()?;
            let axis = axis_of(node.int("axis", -1), shape.len())?;
            Some(ChannelUse::Softmax(shape[axis]))
        }
        _ => None,
    }
}

impl JoinedHeads {
    /// The order of the channels of a picture: NanoDet's is OpenCV's, PicoDet's files are deployed with either.
    pub(super) fn colour(&self) -> &'static str {
        if self.is_picodet() { "rgb" } else { "bgr" }
    }

    /// Mean and standard deviation as in their training, in that order: ImageNet's.
    pub(super) fn normalisation(&self) -> ([f32; 3], [f32; 3]) {
        let (mut mean, mut std) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
        if !self.is_picodet() {
            mean.reverse();
            std.reverse();
        }
        (mean, std)
    }

    /// PicoDet has four levels, each an output of its own.
    fn is_picodet(&self) -> bool {
        self.heads.len() > 3 && !self.is_one_output
    }

    /// The sections `[output]`, `[default_boxes]` and `[detection]`; `size` is the picture's height and width.
    pub(super) fn write(
        &self,
        text: &mut String,
        size: [usize; 2],
        activation: &str,
    ) -> Result<()> {
        let channels = match self.classes_first {
            true => ["classes", "distances"],
            false => ["distances", "classes"],
        };
        writeln!(text, "heads = {}\n{activation}", all(&self.heads))?;
        writeln!(
            text,
            "channels = {channels:?} # left, top, right, bottom in cells"
        )?;
        let mark = if self.is_decoded {
            "# found in the graph"
        } else {
            "# a guess: what is not a class's belongs to four distances"
        };
        writeln!(text, "bins = {} {mark}", self.bins)?;
        writeln!(text, "\n[default_boxes]\ngenerator = \"cells\"")?;
        // NanoDet-Plus counts cells from their corners; NanoDet before it and PicoDet from their middles.
        let (offset, why) = match self.is_one_output {
            true => (
                "0.0",
                "as NanoDet-Plus; 0.5 if boxes are off by half a cell",
            ),
            false => (
                "0.5",
                "as NanoDet and PicoDet; 0.0 if boxes are off by half a cell",
            ),
        };
        writeln!(text, "offset = {offset} {GUESS}: {why}")?;
        if let Some(steps) = steps(&self.grids, size) {
            writeln!(text, "steps = {} {GUESS}", list(&steps))?;
        }
        writeln!(text, "\n[detection]\nscore_threshold = 0.4 {GUESS}")?;
        writeln!(text, "iou_threshold = 0.6 {GUESS}")?;
        Ok(())
    }
}
