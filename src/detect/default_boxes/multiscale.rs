//! The default boxes of feature pyramids, as the TensorFlow Object Detection API's `multiscale_anchor_generator` has them
//! (`multiscale_grid_anchor_generator.py`; RetinaNet's anchors, Lin et al. 2017, §4).

use super::cells::{DefaultBox, in_cells};
use crate::detect::layout::HeadLayout;
use crate::detect::manifest::MultiscaleAnchorBoxes;
use crate::error::Result;
use crate::geometry::Size;

/// The boxes of each head, finest first. Head i is level l = `min_level` + i, whose cells are 2^l pixels apart whatever the size of the grid. A cell has, for
/// each aspect ratio r and each k below `scales_per_octave`, a box of √r by 1/√r times `anchor_scale` · 2^l · 2^(k / `scales_per_octave`).
///
/// Along an axis that 2^l does not divide, the API centres the boxes of a level on the corners of its cells.
///
/// # Errors
/// As [`super::generate`].
pub(super) fn boxes(
    spec: &MultiscaleAnchorBoxes,
    layout: &HeadLayout,
    Size { width, height }: Size,
) -> Result<Vec<Vec<DefaultBox>>> {
    let input = [f64::from(width), f64::from(height)];
    let octave = spec.scales_per_octave as f64;
    let heads = layout.heads.iter().enumerate();
    heads
        .map(|(head, grid)| {
            let stride = ((spec.min_level + head) as f64).exp2();
            let first = input.map(|side| if side % stride == 0.0 { 0.5 } else { 0.0 });
            let side =
                |k: usize| f64::from(spec.anchor_scale) * stride * (k as f64 / octave).exp2();
            let sizes: Vec<[f64; 2]> = spec
                .aspect_ratios
                .iter()
                .flat_map(|&ratio| {
                    let root = f64::from(ratio).sqrt();
                    (0..spec.scales_per_octave)
                        .map(move |k| [side(k) * root / input[0], side(k) / root / input[1]])
                })
                .collect();
            let centre =
                |axis: usize, cell: usize| (cell as f64 + first[axis]) * stride / input[axis];
            let check = "aspect_ratios and scales_per_octave";
            in_cells((head, grid), &sizes, centre, check)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::default_boxes::tests::assert_close;
    use crate::detect::layout::HeadGrid;

    fn layout(grids: &[[usize; 2]]) -> HeadLayout {
        HeadLayout {
            heads: grids
                .iter()
                .map(|&[rows, cols]| HeadGrid {
                    rows,
                    cols,
                    shapes: 6,
                })
                .collect(),
        }
    }

    // The numbers of both tests are what the API's MultiscaleGridAnchorGenerator(min_level, max_level, anchor_scale, aspect_ratios, scales_per_octave) of package
    // tf-models-research-object-detection 2.8.0.post1 gives for generate(grids, im_height, im_width), with corners turned into centre and size.

    #[test]
    fn the_12804_boxes_of_a_320x320_pyramid_are_tensorflow_s() {
        let spec = MultiscaleAnchorBoxes {
            min_level: 3,
            anchor_scale: 4.0,
            aspect_ratios: vec![1.0, 2.0, 0.5],
            scales_per_octave: 2,
        };
        let grids = [40, 20, 10, 5, 3].map(|side| [side; 2]);
        let found = boxes(&spec, &layout(&grids), Size::new(320, 320))
            .unwrap()
            .concat();
        assert_eq!(found.len(), 12804);
        for (index, expected) in [
            (0, [0.0125, 0.0125, 0.1, 0.1]),
            (1, [0.0125, 0.0125, 0.141_421, 0.141_421]),
            (2, [0.0125, 0.0125, 0.141_421, 0.070_711]),
            (3, [0.0125, 0.0125, 0.2, 0.1]),
            (4, [0.0125, 0.0125, 0.070_711, 0.141_421]),
            (5, [0.0125, 0.0125, 0.1, 0.2]),
            (6, [0.0375, 0.0125, 0.1, 0.1]),
            (246, [0.0375, 0.0375, 0.1, 0.1]),
            (9599, [0.9875, 0.9875, 0.1, 0.2]),
            (9601, [0.025, 0.025, 0.282_843, 0.282_843]),
            (12000, [0.05, 0.05, 0.4, 0.4]),
            (12600, [0.1, 0.1, 0.8, 0.8]),
            // 128 does not divide 320: the coarsest level's boxes stand on corners.
            (12750, [0.0, 0.0, 1.6, 1.6]),
            (12755, [0.0, 0.0, 1.6, 3.2]),
            (12756, [0.4, 0.0, 1.6, 1.6]),
            (12803, [0.8, 0.8, 1.6, 3.2]),
        ] {
            assert_close(found[index], expected);
        }
    }

    #[test]
    fn an_oblong_input_with_other_parameters_has_tensorflow_s_boxes() {
        let spec = MultiscaleAnchorBoxes {
            min_level: 4,
            anchor_scale: 3.0,
            aspect_ratios: vec![1.0, 2.0],
            scales_per_octave: 3,
        };
        let grids = [[13, 25], [7, 13]];
        let found = boxes(&spec, &layout(&grids), Size::new(400, 200))
            .unwrap()
            .concat();
        assert_eq!(found.len(), 2496);
        for (index, expected) in [
            (0, [0.02, 0.0, 0.12, 0.24]),
            (1, [0.02, 0.0, 0.151_191, 0.302_381]),
            (2, [0.02, 0.0, 0.190_488, 0.380_976]),
            (3, [0.02, 0.0, 0.169_706, 0.169_706]),
            (5, [0.02, 0.0, 0.269_391, 0.269_391]),
            (6, [0.06, 0.0, 0.12, 0.24]),
            (150, [0.02, 0.08, 0.12, 0.24]),
            (1949, [0.98, 0.96, 0.269_391, 0.269_391]),
            (1950, [0.0, 0.0, 0.24, 0.48]),
            (2495, [0.96, 0.96, 0.538_782, 0.538_782]),
        ] {
            assert_close(found[index], expected);
        }
    }

    #[test]
    fn another_number_of_boxes_than_the_network_has_is_an_error() {
        let spec = MultiscaleAnchorBoxes {
            min_level: 3,
            anchor_scale: 4.0,
            aspect_ratios: vec![1.0, 2.0, 0.5],
            scales_per_octave: 3,
        };
        let error = boxes(&spec, &layout(&[[40, 40]]), Size::new(320, 320)).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "[default_boxes]: it makes 9 boxes per cell of head 0 (40x40 cells), but the network has outputs for 6: check aspect_ratios and scales_per_octave"
        );
    }
}
