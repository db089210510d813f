//! Where the picture enters a network, as the graph and its manifest say together.

use super::manifest::{Manifest, ManifestField};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::geometry::Size;
use crate::onnx::Graph;

/// The graph whose one input is the picture, that input's name, and its size.
///
/// # Errors
/// An input that is no colour picture of a fixed size, or not the only one; what the manifest says of it does not fit the graph.
pub(super) fn of(graph: Graph, manifest: &Manifest) -> Result<(Graph, String, Size)> {
    let graph = with_picture(graph, manifest)?;
    let (name, [_, channels, height, width]) = graph.image_input().context(
        "the network's input is no picture of fixed size; where only the size is missing, write size = [width, height] under [input]",
    )?;
    ensure!(
        channels == 3,
        "input '{name}' has {channels} channels, a colour picture has 3"
    );
    let size = Size::new(
        u32::try_from(width).context("the network's width")?,
        u32::try_from(height).context("the network's height")?,
    );
    let name = name.to_owned();
    Ok((graph, name, size))
}

/// The graph from where the picture enters, if the manifest says where or how large it is.
fn with_picture(graph: Graph, manifest: &Manifest) -> Result<Graph> {
    let input = &manifest.input;
    if input.tensor.is_none() && input.size.is_none() {
        return Ok(graph);
    }
    let tensor = match &input.tensor {
        Some(tensor) => tensor.clone(),
        None => {
            let (name, _) = graph.inputs().next().context("the graph has no input")?;
            name.to_owned()
        }
    };
    ManifestField::of("input", "tensor").ensure(
        graph.has(&tensor),
        format_args!("the graph has no tensor '{tensor}'"),
    )?;
    let known = graph.feature_map(&tensor).ok();
    let shape = match input.size {
        Some([width, height]) => {
            let said = [height as usize, width as usize];
            let [.., rows, cols] = known.unwrap_or([1, 3, said[0], said[1]]);
            ManifestField::of("input", "size").ensure(
                said == [rows, cols],
                format_args!(
                    "expected [{cols}, {rows}] (width, height), which '{tensor}' has, found [{width}, {height}]: leave the line out"
                ),
            )?;
            [1, 3, said[0], said[1]]
        }
        None => graph
            .feature_map(&tensor)
            .context("it needs a size = [width, height] beside it")
            .context(ManifestField::of("input", "tensor"))?,
    };
    graph
        .with_input(&tensor, shape)
        .context(ManifestField::of("input", "tensor"))
}
