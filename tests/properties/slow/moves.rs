//! Operators that move numbers and change none: where each number of the output comes from.

use crate::net::{Net, Node, Resize};

/// A tensor and a place in it; or a constant.
#[derive(Clone, Copy)]
pub enum Origin {
    At(usize, usize),
    Constant(f32),
}

/// For every number of the tensor `made`.
pub fn origins(net: &Net, node: &Node, made: usize) -> Vec<Origin> {
    let [channels, height, width] = net.shape(made);
    let mut all = Vec::new();
    for channel in 0..channels {
        for row in 0..height {
            for col in 0..width {
                all.push(origin(net, node, made, [channel, row, col]));
            }
        }
    }
    all
}

fn origin(net: &Net, node: &Node, made: usize, mut at: [usize; 3]) -> Origin {
    let from = |tensor: usize, at: [usize; 3]| {
        let [_, height, width] = net.shape(tensor);
        Origin::At(tensor, (at[0] * height + at[1]) * width + at[2])
    };
    match node {
        Node::Concat(a, b, axis) => match at[*axis].checked_sub(net.shape(*a)[*axis]) {
            Some(behind) => {
                at[*axis] = behind;
                from(*b, at)
            }
            None => from(*a, at),
        },
        Node::Part {
            input,
            axis,
            sizes,
            is_second,
        } => {
            at[*axis] += if *is_second { sizes[0] } else { 0 };
            from(*input, at)
        }
        Node::Slice {
            input,
            axis,
            start,
            step,
            ..
        } => {
            at[*axis] = start + step * at[*axis];
            from(*input, at)
        }
        Node::Gather {
            input,
            axis,
            places,
        } => {
            at[*axis] = places[at[*axis]];
            from(*input, at)
        }
        Node::Pad {
            input,
            before,
            value,
            ..
        } => {
            let sizes = net.shape(*input);
            for axis in 0..3 {
                match at[axis].checked_sub(before[axis]) {
                    Some(inside) if inside < sizes[axis] => at[axis] = inside,
                    _ => return Origin::Constant(*value),
                }
            }
            from(*input, at)
        }
        Node::Resize(input, resize) => {
            let [channel, row, col] = at;
            let [_, height, width] = net.shape(*input);
            let row = resize.nearest(height, 0, row);
            from(*input, [channel, row, resize.nearest(width, 1, col)])
        }
        Node::Transpose(input) => from(*input, [at[2], at[0], at[1]]),
        Node::Shuffle(input, groups) => {
            let in_group = net.shape(*input)[0] / groups;
            let channel = at[0] % groups * in_group + at[0] / groups;
            from(*input, [channel, at[1], at[2]])
        }
        Node::Reshape(input, ..) => {
            let [_, height, width] = net.shape(made);
            Origin::At(*input, (at[0] * height + at[1]) * width + at[2])
        }
        other => unreachable!("{other:?} moves nothing"),
    }
}

impl Resize {
    fn nearest(&self, inputs: usize, axis: usize, output: usize) -> usize {
        let (p, q) = self.coordinate(inputs, axis, output);
        // ⌈a/b⌉ = −⌊−a/b⌋
        let nearest = match self.rounding {
            "round_prefer_floor" => -(q - 2 * p).div_euclid(2 * q),
            "round_prefer_ceil" => (2 * p + q).div_euclid(2 * q),
            "floor" => p.div_euclid(q),
            "ceil" => -(-p).div_euclid(q),
            other => unreachable!("no rounding is called {other}"),
        };
        nearest.clamp(0, inputs as i64 - 1) as usize
    }
}
