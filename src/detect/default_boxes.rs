//! Default boxes (the SSD paper, §2.2): from the manifest's generator and the heads' grids to the boxes that the offsets move.

mod cells;
mod multiscale;

use super::layout::{HeadGrid, HeadLayout};
use super::manifest::{
    AnchorBoxes, CellBoxes, DefaultBoxes, ManifestField, PriorBoxes, TensorFlowBoxes,
};
use crate::error::Result;
use crate::error::manifest::ensure;
use crate::geometry::Size;
pub use cells::DefaultBox;
use cells::in_cells;

/// The default boxes of every head of `layout`, each in the order (row, column, shape) of its outputs.
/// `input_size` is the network's: boxes that are square in pixels are not square as shares of an oblong input.
///
/// # Errors
/// If the generator makes another number of boxes per cell than the head has outputs for, or the input has no pixels.
pub fn generate(
    spec: &DefaultBoxes,
    layout: &HeadLayout,
    input_size: Size,
) -> Result<Vec<Vec<DefaultBox>>> {
    ensure!(
        !input_size.is_empty(),
        "the network's input is {input_size}: it needs at least one pixel"
    );
    match spec {
        DefaultBoxes::Whole => {
            let whole = DefaultBox {
                cx: 0.5,
                cy: 0.5,
                w: 1.0,
                h: 1.0,
            };
            Ok(vec![vec![whole; layout.len()]])
        }
        DefaultBoxes::TensorFlow(boxes) => tensorflow_boxes(boxes, layout, input_size),
        DefaultBoxes::PriorBox(boxes) => prior_boxes(boxes, layout, input_size),
        DefaultBoxes::MultiscaleAnchors(boxes) => multiscale::boxes(boxes, layout, input_size),
        DefaultBoxes::Anchors(boxes) => anchors(boxes, layout, input_size),
        DefaultBoxes::Cells(boxes) => cell_boxes(boxes, layout, input_size),
    }
}

/// The middle of a head's cells.
fn middle(grid: &HeadGrid) -> impl Fn(usize, usize) -> f64 {
    let cells = [grid.cols as f64, grid.rows as f64];
    move |axis, cell| (cell as f64 + 0.5) / cells[axis]
}

/// Fails unless the manifest has sizes for as many heads as the network has.
fn check_heads(sizes: usize, layout: &HeadLayout) -> Result<()> {
    let heads = layout.heads.len();
    ManifestField::of("default_boxes", "sizes").ensure(
        sizes == heads,
        format_args!("it has sizes for {sizes} heads, but the network has {heads}"),
    )
}

fn tensorflow_boxes(
    spec: &TensorFlowBoxes,
    layout: &HeadLayout,
    Size { width, height }: Size,
) -> Result<Vec<Vec<DefaultBox>>> {
    // Scales are shares of the shorter side.
    let shorter = f64::from(width.min(height));
    let unit = [shorter / f64::from(width), shorter / f64::from(height)];
    let shapes = tensorflow_shapes(spec, layout.heads.len());
    let heads = layout.heads.iter().enumerate().zip(shapes);
    heads
        .map(|((head, grid), shapes)| {
            let sizes: Vec<[f64; 2]> = shapes
                .into_iter()
                .map(|(scale, ratio)| {
                    [
                        scale * ratio.sqrt() * unit[0],
                        scale / ratio.sqrt() * unit[1],
                    ]
                })
                .collect();
            let check =
                "aspect_ratios, interpolated_scale_aspect_ratio and reduce_boxes_in_lowest_layer";
            in_cells((head, grid), &sizes, middle(grid), check)
        })
        .collect()
}

/// A box's scale and its aspect ratio, width over height.
type Shape = (f64, f64);

/// The shapes at each cell of each of `heads` heads, finest first, as the TensorFlow Object Detection API's `ssd_anchor_generator`
/// has them (`create_ssd_anchors`): scales s_i from min_scale to max_scale in equal steps; at head i every aspect ratio at s_i and,
/// unless its ratio is 0, one box of scale √(s_i·s_{i+1}), the scale after the last being 1. `reduce_boxes_in_lowest_layer`
/// gives the finest head three fixed shapes instead. A single head has min_scale.
fn tensorflow_shapes(spec: &TensorFlowBoxes, heads: usize) -> Vec<Vec<Shape>> {
    let [min, max] = [spec.min_scale, spec.max_scale].map(f64::from);
    let step = (max - min) / heads.saturating_sub(1).max(1) as f64;
    let scale = |head: usize| {
        if head < heads {
            min + step * head as f64
        } else {
            1.0
        }
    };
    (0..heads)
        .map(|head| {
            if head == 0 && spec.reduce_boxes_in_lowest_layer {
                return vec![(0.1, 1.0), (scale(0), 2.0), (scale(0), 0.5)];
            }
            let mut shapes: Vec<Shape> = spec
                .aspect_ratios
                .iter()
                .map(|&ratio| (scale(head), f64::from(ratio)))
                .collect();
            if spec.interpolated_scale_aspect_ratio > 0.0 {
                let between = (scale(head) * scale(head + 1)).sqrt();
                shapes.push((between, f64::from(spec.interpolated_scale_aspect_ratio)));
            }
            shapes
        })
        .collect()
}

/// Caffe's PriorBox layer (`prior_box_layer.cpp`), in shares of the input.
fn prior_boxes(
    spec: &PriorBoxes,
    layout: &HeadLayout,
    Size { width, height }: Size,
) -> Result<Vec<Vec<DefaultBox>>> {
    check_heads(spec.sizes.len(), layout)?;
    let input = [f64::from(width), f64::from(height)];
    let bound = if spec.clip { 1.0 } else { f64::INFINITY };
    let heads = layout.heads.iter().enumerate();
    heads
        .map(|(head, grid)| {
            // Width and height in pixels.
            let smaller = f64::from(spec.sizes[head][0]);
            let mut shapes = vec![[smaller; 2]];
            if let Some(&larger) = spec.sizes[head].get(1) {
                shapes.push([(smaller * f64::from(larger)).sqrt(); 2]);
            }
            for &ratio in &spec.aspect_ratios[head] {
                let root = f64::from(ratio).sqrt();
                shapes.push([smaller * root, smaller / root]);
                shapes.push([smaller / root, smaller * root]);
            }
            let sizes: Vec<[f64; 2]> = shapes
                .into_iter()
                .map(|[w, h]| [(w / input[0]).min(bound), (h / input[1]).min(bound)])
                .collect();
            let step = spec.steps.as_ref().map(|steps| f64::from(steps[head]));
            let cells = [grid.cols, grid.rows];
            let centre = |axis: usize, cell: usize| {
                let step = step.unwrap_or(input[axis] / cells[axis] as f64);
                ((cell as f64 + f64::from(spec.offset)) * step / input[axis]).min(bound)
            };
            let check = format!("sizes[{head}] and aspect_ratios[{head}]");
            in_cells((head, grid), &sizes, centre, &check)
        })
        .collect()
}

/// Boxes of given sizes in pixels, in the middle of every cell.
fn anchors(
    spec: &AnchorBoxes,
    layout: &HeadLayout,
    Size { width, height }: Size,
) -> Result<Vec<Vec<DefaultBox>>> {
    check_heads(spec.sizes.len(), layout)?;
    let heads = layout.heads.iter().zip(&spec.sizes).enumerate();
    heads
        .map(|(head, (grid, sizes))| {
            let sizes: Vec<[f64; 2]> = sizes
                .iter()
                .map(|&[w, h]| {
                    [
                        f64::from(w) / f64::from(width),
                        f64::from(h) / f64::from(height),
                    ]
                })
                .collect();
            in_cells(
                (head, grid),
                &sizes,
                middle(grid),
                &format!("sizes[{head}]"),
            )
        })
        .collect()
}

/// Boxes as large as a cell, one for each.
fn cell_boxes(
    spec: &CellBoxes,
    layout: &HeadLayout,
    Size { width, height }: Size,
) -> Result<Vec<Vec<DefaultBox>>> {
    let heads = layout.heads.len();
    let count = spec.steps.as_ref().map_or(heads, Vec::len);
    ManifestField::of("default_boxes", "steps").ensure(
        count == heads,
        format_args!("it has a step for {count} heads, but the network has {heads}"),
    )?;
    let input = [f64::from(width), f64::from(height)];
    let heads = layout.heads.iter().enumerate();
    heads
        .map(|(head, grid)| {
            let cells = [grid.cols as f64, grid.rows as f64];
            let size = [0, 1].map(|axis| match &spec.steps {
                Some(steps) => f64::from(steps[head]) / input[axis],
                None => 1.0 / cells[axis],
            });
            let centre =
                |axis: usize, cell: usize| (cell as f64 + f64::from(spec.offset)) * size[axis];
            in_cells(
                (head, grid),
                &[size],
                centre,
                "the heads: a cell has one box",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TensorFlowBoxes {
        TensorFlowBoxes {
            min_scale: 0.2,
            max_scale: 0.95,
            aspect_ratios: vec![1.0, 2.0, 0.5, 3.0, 0.3333],
            interpolated_scale_aspect_ratio: 1.0,
            reduce_boxes_in_lowest_layer: true,
        }
    }

    fn layout() -> HeadLayout {
        let heads = [(19, 3), (10, 6), (5, 6), (3, 6), (2, 6), (1, 6)];
        HeadLayout {
            heads: heads
                .map(|(side, shapes)| HeadGrid {
                    rows: side,
                    cols: side,
                    shapes,
                })
                .to_vec(),
        }
    }

    #[test]
    fn prior_boxes_are_those_of_the_paper_s_voc_model() {
        // The first and last boxes of pytorch-ssd's PriorBox for VOC, and of torchvision's DefaultBoxGenerator for ssd300_vgg16.
        let heads = [(38, 4), (19, 6), (10, 6), (5, 6), (3, 4), (1, 4)];
        let layout = HeadLayout {
            heads: heads
                .map(|(side, shapes)| HeadGrid {
                    rows: side,
                    cols: side,
                    shapes,
                })
                .to_vec(),
        };
        let spec = |sizes: [[f32; 2]; 6]| PriorBoxes {
            sizes: sizes.iter().map(|pair| pair.to_vec()).collect(),
            aspect_ratios: [
                &[2.0][..],
                &[2.0, 3.0],
                &[2.0, 3.0],
                &[2.0, 3.0],
                &[2.0],
                &[2.0],
            ]
            .map(<[f32]>::to_vec)
            .to_vec(),
            steps: Some(vec![8.0, 16.0, 32.0, 64.0, 100.0, 300.0]),
            offset: 0.5,
            clip: true,
        };
        let voc = [
            [30., 60.],
            [60., 111.],
            [111., 162.],
            [162., 213.],
            [213., 264.],
            [264., 315.],
        ];
        let boxes = prior_boxes(&spec(voc), &layout, Size::new(300, 300))
            .unwrap()
            .concat();
        assert_eq!(boxes.len(), 8732);
        assert_close(boxes[0], [0.013_333, 0.013_333, 0.1, 0.1]);
        assert_close(boxes[1], [0.013_333, 0.013_333, 0.141_421, 0.141_421]);
        assert_close(boxes[2], [0.013_333, 0.013_333, 0.141_421, 0.070_711]);
        assert_close(boxes[3], [0.013_333, 0.013_333, 0.070_711, 0.141_421]);
        assert_close(boxes[4 * 37], [1.0, 0.013_333, 0.1, 0.1]);
        assert_close(boxes[8729], [0.5, 0.5, 0.961_249, 0.961_249]);
        assert_close(boxes[8730], [0.5, 0.5, 1.0, 0.622_254]);
        let coco = [
            [21., 45.],
            [45., 99.],
            [99., 153.],
            [153., 207.],
            [207., 261.],
            [261., 315.],
        ];
        let boxes = prior_boxes(&spec(coco), &layout, Size::new(300, 300))
            .unwrap()
            .concat();
        assert_close(boxes[0], [0.013_333, 0.013_333, 0.07, 0.07]);
        assert_close(boxes[5776], [0.026_667, 0.026_667, 0.15, 0.15]);
        assert_close(boxes[5780], [0.026_667, 0.026_667, 0.259_808, 0.086_603]);
    }

    #[test]
    fn without_steps_cells_divide_the_input() {
        let layout = HeadLayout {
            heads: vec![HeadGrid {
                rows: 2,
                cols: 4,
                shapes: 3,
            }],
        };
        let spec = PriorBoxes {
            sizes: vec![vec![20.0]],
            aspect_ratios: vec![vec![4.0]],
            steps: None,
            offset: 0.5,
            clip: false,
        };
        let boxes = &prior_boxes(&spec, &layout, Size::new(200, 100)).unwrap()[0];
        assert_close(boxes[0], [0.125, 0.25, 0.1, 0.2]);
        assert_close(boxes[22], [0.875, 0.75, 0.2, 0.1]);
        let error = prior_boxes(&spec, &HeadLayout { heads: vec![] }, Size::new(200, 100));
        assert!(format!("{:#}", error.unwrap_err()).contains("sizes for 1 heads"));
    }

    pub(super) fn assert_close(found: DefaultBox, expected: [f32; 4]) {
        let found = [found.cx, found.cy, found.w, found.h];
        for (f, e) in found.iter().zip(expected) {
            assert!(
                (f - e).abs() < 1e-6,
                "found {found:?}, expected {expected:?}"
            );
        }
    }

    #[test]
    fn the_six_heads_have_tensorflow_s_scales() {
        let shapes = tensorflow_shapes(&spec(), 6);
        let scales: Vec<f64> = shapes.iter().map(|head| head[1].0).collect();
        for (found, expected) in scales.iter().zip([0.2, 0.35, 0.5, 0.65, 0.8, 0.95]) {
            assert!((found - expected).abs() < 1e-7, "{scales:?}");
        }
        let lowest: Vec<(f32, f32)> = shapes[0]
            .iter()
            .map(|&(s, r)| (s as f32, r as f32))
            .collect();
        assert_eq!(lowest, [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)]);
        // √(.35·.5) and, for the last head, √(.95·1).
        assert!((shapes[1][5].0 - 0.418_330_013).abs() < 1e-7);
        assert!((shapes[5][5].0 - 0.974_679_434).abs() < 1e-7);
    }

    #[test]
    fn the_1917_boxes_of_a_300x300_net_are_tensorflow_s() {
        let heads = generate(
            &DefaultBoxes::TensorFlow(spec()),
            &layout(),
            Size::new(300, 300),
        )
        .unwrap();
        assert_eq!(
            heads.iter().map(Vec::len).collect::<Vec<_>>(),
            [1083, 600, 150, 54, 24, 6]
        );
        let boxes: Vec<DefaultBox> = heads.concat();
        assert_eq!(boxes.len(), 1917);
        // First cell of the finest head: centre 1/38, shapes (.1, 1), (.2, 2), (.2, .5).
        let centre = 1.0 / 38.0;
        assert_close(boxes[0], [centre, centre, 0.1, 0.1]);
        assert_close(boxes[1], [centre, centre, 0.282_842_7, 0.141_421_36]);
        assert_close(boxes[2], [centre, centre, 0.141_421_36, 0.282_842_7]);
        // Row by row: the second cell is one to the right.
        assert_close(boxes[3], [3.0 / 38.0, centre, 0.1, 0.1]);
        // 1436 = 1083 + (5·10 + 8)·6 + 5: the interpolated box of row 5, column 8 of the second head.
        assert_close(boxes[1436], [0.85, 0.55, 0.418_33, 0.418_33]);
        // The last head's 3:1 box reaches over the picture and is not clipped.
        assert_close(boxes[1914], [0.5, 0.5, 1.645_448_3, 0.548_482_8]);
    }

    #[test]
    fn boxes_are_square_in_pixels_on_an_oblong_input() {
        let layout = HeadLayout {
            heads: vec![HeadGrid {
                rows: 2,
                cols: 4,
                shapes: 3,
            }],
        };
        let boxes = generate(
            &DefaultBoxes::TensorFlow(spec()),
            &layout,
            Size::new(400, 200),
        )
        .unwrap()
        .concat();
        assert_close(boxes[0], [0.125, 0.25, 0.05, 0.1]);
        assert_close(boxes[23], [0.875, 0.75, 0.070_710_68, 0.282_842_7]);
    }

    #[test]
    fn the_interpolated_box_can_be_left_out() {
        let spec = TensorFlowBoxes {
            interpolated_scale_aspect_ratio: 0.0,
            ..spec()
        };
        let counts: Vec<usize> = tensorflow_shapes(&spec, 3).iter().map(Vec::len).collect();
        assert_eq!(counts, [3, 5, 5]);
    }

    #[test]
    fn a_manifest_that_does_not_fit_the_network_is_an_error() {
        let spec = TensorFlowBoxes {
            reduce_boxes_in_lowest_layer: false,
            ..spec()
        };
        let error = generate(
            &DefaultBoxes::TensorFlow(spec),
            &layout(),
            Size::new(300, 300),
        );
        let error = format!("{:#}", error.unwrap_err());
        assert!(
            error.contains("6 boxes per cell of head 0 (19x19 cells)"),
            "{error}"
        );
        assert!(error.contains("outputs for 3"), "{error}");
    }
}
