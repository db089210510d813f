//! The default boxes of a network that nothing is said of, guessed from its heads: their grids and numbers of boxes a cell.

use std::fmt::Write;

use super::text::{GUESS, list};
use crate::detect::layout::{HeadGrid, HeadLayout};
use crate::error::Result;

/// Which generator a detector's heads look like they were made for.
pub(super) enum Generator {
    /// That of the TensorFlow Object Detection API's plain SSDs, whose offsets have an order of their own too.
    TensorFlow,
    /// That of its feature pyramids.
    MultiscaleAnchors {
        min_level: usize,
        scales: usize,
    },
    PriorBox,
}

impl Generator {
    /// `size` is that of the picture, [height, width].
    pub(super) fn of(layout: &HeadLayout, size: [usize; 2]) -> Self {
        let mut shapes = layout.heads.iter().map(|head| head.shapes);
        if shapes.next() == Some(3) && shapes.all(|count| count == 6) {
            return Self::TensorFlow;
        }
        match pyramid(layout, size) {
            Some((min_level, scales)) => Self::MultiscaleAnchors { min_level, scales },
            None => Self::PriorBox,
        }
    }
}

/// The finest level of a feature pyramid and the number of scales at the usual three aspect ratios, where all heads have as many boxes a cell, and their cells are
/// 8 pixels or less apart at first and twice as far from each head to the next.
fn pyramid(layout: &HeadLayout, [height, width]: [usize; 2]) -> Option<(usize, usize)> {
    const FINEST: usize = 3;
    let is_level = |head: &HeadGrid, level: usize| {
        [(height, head.rows), (width, head.cols)]
            .iter()
            .all(|&(pixels, cells)| pixels.div_ceil(1 << level) == cells)
    };
    let (first, rest) = layout.heads.split_first()?;
    let scales = first.shapes / 3;
    let alike = rest.iter().all(|head| head.shapes == first.shapes);
    if rest.len() < 2 || !alike || scales * 3 != first.shapes || scales == 0 {
        return None;
    }
    let min_level = (1..=FINEST).find(|&level| is_level(first, level))?;
    let mut levels = rest.iter().zip(min_level + 1..);
    levels
        .all(|(head, level)| level < usize::BITS as usize && is_level(head, level))
        .then_some((min_level, scales))
}

/// TensorFlow's boxes where the heads look like TensorFlow's, else prior boxes, of the SSD paper's sizes where the grids are those of its model for VOC.
pub(super) fn write(
    text: &mut String,
    generator: &Generator,
    layout: &HeadLayout,
    class_count: usize,
    side: usize,
) -> Result<()> {
    let grids = layout
        .heads
        .iter()
        .map(|HeadGrid { rows, cols, shapes }| format!("{rows}x{cols} cells of {shapes}"));
    writeln!(
        text,
        "[default_boxes] {GUESS}, for heads of {}",
        grids.collect::<Vec<_>>().join(", ")
    )?;
    let shapes: Vec<usize> = layout.heads.iter().map(|head| head.shapes).collect();
    match generator {
        Generator::TensorFlow => {
            writeln!(text, "generator = \"tensorflow\"")?;
            writeln!(text, "min_scale = 0.2\nmax_scale = 0.95")?;
            writeln!(text, "aspect_ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]")?;
            return Ok(());
        }
        Generator::MultiscaleAnchors { min_level, scales } => {
            writeln!(text, "generator = \"multiscale-anchors\"")?;
            writeln!(text, "min_level = {min_level}\nanchor_scale = 4.0")?;
            writeln!(text, "aspect_ratios = [1.0, 2.0, 0.5]")?;
            writeln!(text, "scales_per_octave = {scales}")?;
            return Ok(());
        }
        Generator::PriorBox => {}
    }
    let heads = layout.heads.len();
    let rows: Vec<usize> = layout.heads.iter().map(|head| head.rows).collect();
    let paper = side == 300 && rows == [38, 19, 10, 5, 3, 1];
    let (sizes, steps): (Vec<[f32; 2]>, Option<Vec<f32>>) = if paper {
        // The paper's sizes for the 20 classes of VOC, and those for COCO.
        let bounds = if class_count == 21 {
            [30., 60., 111., 162., 213., 264., 315.]
        } else {
            [21., 45., 99., 153., 207., 261., 315.]
        };
        let sizes: Vec<[f32; 2]> = bounds.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        (sizes, Some(vec![8.0, 16.0, 32.0, 64.0, 100.0, 300.0]))
    } else {
        let scale = |head: usize| match head {
            _ if head == heads => 1.0,
            _ => 0.2 + 0.75 * head as f32 / (heads.max(2) - 1) as f32,
        };
        let sizes = (0..heads)
            .map(|head| [scale(head), scale(head + 1)].map(|s| (s * side as f32).round().max(1.0)));
        (sizes.collect(), None)
    };
    let mut pairs = Vec::new();
    let mut ratios = Vec::new();
    for (head, &shapes) in shapes.iter().enumerate() {
        let two = shapes.is_multiple_of(2) && shapes > 1;
        pairs.push(if two {
            list(&sizes[head])
        } else {
            list(&sizes[head][..1])
        });
        let squares = if two { 2 } else { 1 };
        let count = (shapes - squares) / 2;
        let these: Vec<f32> = (0..count).map(|i| i as f32 + 2.0).collect();
        ratios.push(list(&these));
    }
    writeln!(text, "generator = \"prior-box\"")?;
    writeln!(text, "sizes = [{}]", pairs.join(", "))?;
    writeln!(text, "aspect_ratios = [{}]", ratios.join(", "))?;
    if let Some(steps) = steps {
        writeln!(text, "steps = {}", list(&steps))?;
    }
    writeln!(text, "clip = true")?;
    Ok(())
}
