//! The decode of a YOLO's file: which boxes it makes of what the heads say, tried number by number.

use super::probe::{Number, Probe, Said, TRIED};
use crate::detect::manifest::SizeDecode;
use crate::detect::yolo::BEFORE_CLASSES;
use crate::onnx::Graph;

/// How far what is read may be from what a family makes, relative to it: files have their constants in float32.
const TOLERANCE: f64 = 1e-3;

/// How boxes are made of what the heads say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decode {
    /// Width and height in pixels of each head's anchors.
    pub anchors: Vec<Vec<[f32; 2]>>,
    /// How many times the cell's side centres range over, head by head.
    pub scales: Vec<f32>,
    pub sizes: SizeDecode,
}

/// What one row of the file's own output says.
struct Row {
    scale: f64,
    size: [f64; 2],
    sizes: SizeDecode,
    /// Whether scores are sigmoids of what the head says.
    is_sigmoid: bool,
}

/// A grid, and what its convolution has of channels.
struct Grid {
    cells: [usize; 2],
    anchors: usize,
    /// Numbers that an anchor has.
    each: usize,
}

/// What is read of a file: the number of classes, the decode, and whether scores are sigmoids.
type ReadDecode = (usize, Decode, bool);

/// The decode; `None` where the file has no decode of a YOLO. `Err` says what it is that is not read.
///
/// `heads` are outputs of last convolutions, finest first; `size` is the picture's, [height, width].
pub(super) fn read(
    graph: &Graph,
    heads: &[(&str, [usize; 4])],
    size: [usize; 2],
) -> Result<Option<ReadDecode>, String> {
    let joined = of_rows(graph, heads, size)?;
    if joined.is_some() || heads.len() == 1 {
        return Ok(joined);
    }
    // Files that do not join their heads decode each for itself.
    let mut whole: Option<ReadDecode> = None;
    for head in heads {
        let Some(found) = of_rows(graph, &[*head], size)? else {
            return Ok(None);
        };
        let Some((class_count, decode, is_sigmoid)) = &mut whole else {
            whole = Some(found);
            continue;
        };
        if (*class_count, decode.sizes) != (found.0, found.1.sizes) {
            return Ok(None);
        }
        decode.anchors.extend(found.1.anchors);
        decode.scales.extend(found.1.scales);
        *is_sigmoid &= found.2;
    }
    Ok(whole)
}

/// The decode of the rows of all `heads` in one tensor.
fn of_rows(
    graph: &Graph,
    heads: &[(&str, [usize; 4])],
    size: [usize; 2],
) -> Result<Option<ReadDecode>, String> {
    let mut probe = Probe::new(graph, heads.iter().map(|(head, _)| *head).collect());
    let mut tensors = graph.nodes().iter().rev();
    let found = tensors.find_map(|node| {
        let tensor = node.output.first()?;
        let shape = graph.shape(tensor).ok()?;
        let (&each, outer) = shape.split_last()?;
        let fits = |(_, shape): &(&str, [usize; 4])| shape[1].is_multiple_of(each);
        if outer.len() < 2 || each <= BEFORE_CLASSES || !heads.iter().all(fits) {
            return None;
        }
        let rows: usize = outer.iter().product();
        let all = heads
            .iter()
            .map(|(_, [_, channels, rows, cols])| channels / each * rows * cols);
        if rows != all.sum::<usize>() {
            return None;
        }
        let grids: Vec<Grid> = (heads.iter())
            .map(|(_, [_, channels, rows, cols])| Grid {
                cells: [*rows, *cols],
                anchors: channels / each,
                each,
            })
            .collect();
        whole(&mut probe, tensor, rows, &grids, size).map(|found| (each, found))
    });
    let Some((each, found)) = found else {
        return Ok(None);
    };
    let (decode, is_sigmoid) = found?;
    Ok(Some((each - BEFORE_CLASSES, decode, is_sigmoid)))
}

/// The decode that a tensor of all rows has, if it is one.
fn whole(
    probe: &mut Probe,
    tensor: &str,
    rows: usize,
    grids: &[Grid],
    size: [usize; 2],
) -> Option<Result<(Decode, bool), String>> {
    let each = grids.first()?.each;
    let mut known: Vec<Vec<Option<Row>>> = Vec::new();
    for grid in grids {
        known.push((0..grid.anchors).map(|_| None).collect());
    }
    for row in 0..rows {
        let first = probe.number(tensor, row * each)?.of?;
        let grid = &grids[first.head];
        let cells = grid.cells[0] * grid.cells[1];
        let (anchor, cell) = (first.index / cells / each, first.index % cells);
        // The first and the last cell speak for all.
        if cell != 0 && cell + 1 != cells {
            continue;
        }
        let row = match one(probe, tensor, row * each, (first, anchor, cell), grid, size)? {
            Ok(row) => row,
            Err(refusal) => return Some(Err(refusal)),
        };
        let before = known[first.head].get_mut(anchor)?;
        if before.as_ref().is_some_and(|before| !is_same(before, &row)) {
            return None;
        }
        *before = Some(row);
    }
    let known: Option<Vec<Vec<Row>>> = known
        .into_iter()
        .map(|head| head.into_iter().collect())
        .collect();
    let known = known?;
    let all = || known.iter().flatten();
    let first = all().next()?;
    let sizes = first.sizes;
    if all().any(|row| row.sizes != sizes) || known.iter().any(|head| !is_one_scale(head)) {
        return None;
    }
    let decode = Decode {
        anchors: (known.iter())
            .map(|head| {
                head.iter()
                    .map(|row| row.size.map(|side| side as f32))
                    .collect()
            })
            .collect(),
        scales: (known.iter())
            .filter_map(|head| Some(head.first()?.scale as f32))
            .collect(),
        sizes,
    };
    Some(Ok((decode, all().all(|row| row.is_sigmoid))))
}

fn is_same(a: &Row, b: &Row) -> bool {
    let pairs = [
        (a.scale, b.scale),
        (a.size[0], b.size[0]),
        (a.size[1], b.size[1]),
    ];
    a.sizes == b.sizes && pairs.iter().all(|&(a, b)| is_near(a, b))
}

fn is_one_scale(head: &[Row]) -> bool {
    head.windows(2)
        .all(|pair| is_near(pair[0].scale, pair[1].scale))
}

/// One row, which begins at `start`: centre and size, objectness, classes.
fn one(
    probe: &mut Probe,
    tensor: &str,
    start: usize,
    (first, anchor, cell): (Said, usize, usize),
    grid: &Grid,
    size: [usize; 2],
) -> Option<Result<Row, String>> {
    let cells = grid.cells[0] * grid.cells[1];
    let mut column = |column: usize| -> Option<[f64; 4]> {
        let Number { values, of } = probe.number(tensor, start + column)?;
        let expected = Said {
            head: first.head,
            index: (anchor * grid.each + column) * cells + cell,
        };
        (of? == expected).then_some(values)
    };
    let [x, y, w, h] = [column(0)?, column(1)?, column(2)?, column(3)?];
    let place = [cell % grid.cols(), cell / grid.cols()];
    let (scale_x, unit_x) = centre(x, place[0], grid.cols(), size[1])?;
    let (scale_y, unit_y) = centre(y, place[1], grid.cells[0], size[0])?;
    if !is_near(scale_x, scale_y) {
        return None;
    }
    let Some(sizes) = size_decode(w).filter(|sizes| size_decode(h) == Some(*sizes)) else {
        return Some(Err(format!(
            "its heads are those of a YOLO with anchors, but it makes sizes neither as exp(t) nor as (2·σ(t))² times an anchor: {:.3} and {:.3} times for σ(t) = ¾ and ¼",
            w[1] / w[0],
            w[2] / w[0]
        )));
    };
    let sigmoid = TRIED.map(|t| 1.0 / (1.0 + (-t).exp()));
    let is_sigmoid = |values: [f64; 4]| values.iter().zip(sigmoid).all(|(a, b)| is_near(*a, b));
    let scores = [column(BEFORE_CLASSES - 1), column(BEFORE_CLASSES)];
    // What follows the classes is no score.
    if column(grid.each - 1).is_some_and(|values| values == TRIED)
        && scores[1].is_some_and(is_sigmoid)
    {
        return Some(Err(
            "its heads have masks' coefficients behind the classes: YOLOv5's segmentation is not read, its detectors are"
                .to_owned(),
        ));
    }
    Some(Ok(Row {
        scale: scale_x,
        size: [w[0] * unit_x, h[0] * unit_y],
        sizes,
        is_sigmoid: scores
            .into_iter()
            .all(|score| score.is_some_and(is_sigmoid)),
    }))
}

impl Grid {
    fn cols(&self) -> usize {
        self.cells[1]
    }
}

/// Of a centre's coordinate s·(σ(t) − ½)·cell + the cell's middle: s, and pixels in one of its units, which are pixels or shares of the picture.
fn centre(values: [f64; 4], place: usize, count: usize, pixels: usize) -> Option<(f64, f64)> {
    let middle = (place as f64 + 0.5) / count as f64;
    let extent = values[0] / middle;
    let unit = if is_near(extent, pixels as f64) {
        1.0
    } else if is_near(extent, 1.0) {
        pixels as f64
    } else {
        return None;
    };
    let cell = extent / count as f64;
    let moved = values.map(|value| (value - values[0]) / cell);
    let scale = 4.0 * moved[1];
    let follows = is_near(moved[2], -scale / 4.0) && is_near(moved[3], scale / 2.0);
    (follows && scale > 0.0).then(|| ((scale * 1e3).round() / 1e3, unit))
}

/// How a size is made, if it is in one of the families' ways.
fn size_decode(values: [f64; 4]) -> Option<SizeDecode> {
    let times = values.map(|value| value / values[0]);
    let is = |expected: [f64; 2]| is_near(times[1], expected[0]) && is_near(times[2], expected[1]);
    if is([2.25, 0.25]) && is_near(times[3], 4.0) {
        Some(SizeDecode::SquaredSigmoid)
    } else if is([3.0, 1.0 / 3.0]) {
        Some(SizeDecode::Exponential)
    } else {
        None
    }
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs()
}
