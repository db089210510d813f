//! Resizing: maps of other heights and widths, by the nearest number or by a mixture of the nearest ones.

use super::family::{Refused, RefusedPart, Signature, family};
use super::known::{KnownTensors, MAX_STEP, axes_of};
use crate::onnx::attributes::{NodeExt, set, string};
use crate::onnx::proto::NodeProto;

family! {
    /// Operators that change the size of maps.
    Resizing {
        /// To sizes, or by scales.
        Resize => Signature::new(&["X", "roi?", "scales?", "sizes?"], &["Y"])
            .used(&["antialias", "axes", "coordinate_transformation_mode", "mode", "nearest_mode"])
            .unneeded(&[
                ("roi", "of tf_crop_and_resize alone, which no relevance passes"),
                ("extrapolation_value", "of tf_crop_and_resize alone, which no relevance passes"),
                ("cubic_coeff_a", "of cubic alone, which no relevance passes"),
            ])
            .refused(&[
                Refused {
                    name: "keep_aspect_ratio_policy",
                    part: RefusedPart::Text("stretch"),
                    because: "it finds its size from the aspect ratio (keep_aspect_ratio_policy): export with the policy 'stretch' and the sizes themselves",
                },
                Refused {
                    name: "exclude_outside",
                    part: RefusedPart::Integer(0),
                    because: "it weighs nothing that lies beyond the border (exclude_outside): export with exclude_outside = 0",
                },
            ])
            .older(resize),
        /// What Resize was called before operator set 10.
        Upsample => Signature::new(&["X", "scales"], &["Y"]).used(&["mode"]).older(resize),
    }
}

impl Resizing {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        match self {
            Self::Resize => Some(vec![resized(node, known.shape(node, 0)?, known)?]),
            // Every file's is rewritten.
            Self::Upsample => None,
        }
    }
}

fn resized(node: &NodeProto, input: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let along = match node.ints("axes") {
        Some(given) => axes_of(given, input.len())?,
        None => (0..input.len()).collect(),
    };
    let mut shape = input.to_vec();
    match (known.int64s(node, 3), known.floats(node, 2)) {
        (Some(sizes), _) if sizes.len() == along.len() => {
            for (&axis, &size) in along.iter().zip(&sizes) {
                shape[axis] = usize::try_from(size).ok()?;
            }
        }
        (_, Some(scales)) if scales.len() == along.len() => {
            for (&axis, &scale) in along.iter().zip(&scales) {
                let size = (input[axis] as f32 * scale).floor();
                if !(0.0..=MAX_STEP as f32).contains(&size) {
                    return None;
                }
                shape[axis] = size as usize;
            }
        }
        _ => return None,
    }
    Some(shape)
}

/// Of operator set 9 to 12 as 13 has it.
fn resize(node: &mut NodeProto, operator_set: i64) -> Result<(), String> {
    if operator_set < 11 {
        let shrinks = node.op_type() == Resizing::Resize.name();
        node.op_type = Some(Resizing::Resize.name().to_owned());
        // The scales were the second input, and are the third.
        node.input.insert(1.min(node.input.len()), String::new());
        set(node, string("coordinate_transformation_mode", "asymmetric"));
        if node.string("mode").unwrap_or("nearest") == "nearest" {
            set(node, string("nearest_mode", "floor"));
            if shrinks {
                return Err("it resizes to the nearest by scales that are computed at run time, or that enlarge one axis and shrink another".to_owned());
            }
        }
    } else if node.string("coordinate_transformation_mode") == Some("tf_half_pixel_for_nn")
        && node.string("nearest_mode") == Some("floor")
    {
        // (x + ½)/scale rounded down is (x + ½)/scale − ½ rounded to the nearest, halves up.
        set(node, string("coordinate_transformation_mode", "half_pixel"));
        set(node, string("nearest_mode", "round_prefer_ceil"));
    }
    Ok(())
}
