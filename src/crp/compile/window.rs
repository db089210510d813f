//! Relevance that enters at one cell reaches, in each map, what that cell depends on: a window around it, and elsewhere it is 0. Small windows are propagated alone, each target's in a place of its own.
//!
//! Coefficients are windows `[N, C, rows, columns]` then ([`Compiler::windows`]); whatever of the picture they meet is cut to the same windows. Beyond the border of the map all is 0. Where a window is no
//! smaller than most of its map, or an operator knows nothing of windows, it is put back into the whole map.

use super::compiler::Compiler;
use super::kernel;
use super::linear::Linear;
use crate::crp::rules::WeightPart;
use crate::onnx::ops::{Arithmetic, Moving};
use crate::own_operators::{MapWindow, WindowAxis};

/// The input that holds row and column of each target's cell, `[N, 2]`.
pub(in crate::crp) const CELLS: &str = "cells";

/// A window of more than this share of the map's places is not worth its handling.
const MOST_OF_A_MAP: f64 = 0.7;

impl Compiler<'_> {
    /// The one cell of a head's map where relevance enters, as a window.
    pub(super) fn enter_at_cell(&mut self, seed: &str, map: [usize; 2]) {
        let cell = WindowAxis {
            stride: 1,
            first: 0,
            size: 1,
        };
        let window = MapWindow {
            rows: cell,
            columns: cell,
            map: map.map(|size| size as i64),
        };
        self.windows.insert(seed.to_owned(), window);
    }

    /// Emits a function of a coefficient that has one place for each of its own, such as its product with a number.
    pub(super) fn in_place(
        &mut self,
        operator: Arithmetic,
        coefficient: &str,
        other: &str,
    ) -> String {
        let output = self.emitter.op(operator, &[coefficient, other], &[]);
        if let Some(&window) = self.windows.get(coefficient) {
            self.windows.insert(output.clone(), window);
        }
        output
    }

    /// coefficient ⊙ factor, where the factor is a map of the picture.
    pub(super) fn meet(&mut self, coefficient: &str, factor: &str) -> String {
        let factor = self.seen_from(coefficient, factor);
        self.in_place(Arithmetic::Mul, coefficient, &factor)
    }

    /// A map of the picture, cut to the windows of a coefficient if it has some.
    pub(super) fn seen_from(&mut self, coefficient: &str, map: &str) -> String {
        match self.windows.get(coefficient) {
            Some(&window) => self.emitter.own_window(map, CELLS, window),
            None => map.to_owned(),
        }
    }

    /// The sum of two coefficients of one tensor.
    pub(super) fn plus(&mut self, a: &str, b: &str) -> String {
        let [one, other] = [a, b].map(|name| self.windows.get(name).copied());
        match (one, other) {
            (Some(one), Some(other)) => match one.union(other) {
                Some(both) => {
                    let a = self.widened(a, one, both);
                    let b = self.widened(b, other, both);
                    let sum = self.emitter.op(Arithmetic::Add, &[&a, &b], &[]);
                    self.windows.insert(sum.clone(), both);
                    sum
                }
                None => self.plus_whole(a, b),
            },
            _ => self.plus_whole(a, b),
        }
    }

    fn plus_whole(&mut self, a: &str, b: &str) -> String {
        let [a, b] = [a, b].map(|name| self.whole(name));
        self.emitter.op(Arithmetic::Add, &[&a, &b], &[])
    }

    /// A coefficient of a window in a wider one.
    fn widened(&mut self, coefficient: &str, from: MapWindow, to: MapWindow) -> String {
        if from == to {
            return coefficient.to_owned();
        }
        let before = [
            from.rows.first - to.rows.first,
            from.columns.first - to.columns.first,
        ];
        let after = [
            to.rows.size - from.rows.size - before[0],
            to.columns.size - from.columns.size - before[1],
        ];
        let pads = [0, 0, before[0], before[1], 0, 0, after[0], after[1]];
        let pads = self.emitter.int64s(&pads);
        self.emitter.op(Moving::Pad, &[coefficient, &pads], &[])
    }

    /// A coefficient on the whole map.
    pub(super) fn whole(&mut self, coefficient: &str) -> String {
        match self.windows.get(coefficient) {
            Some(&window) => self.emitter.own_place(coefficient, CELLS, window),
            None => coefficient.to_owned(),
        }
    }

    /// Σ_j s_j·ω(w_ij) for every input i of a layer.
    pub(super) fn back(&mut self, layer: &dyn Linear, s: &str, part: WeightPart) -> String {
        let (Some(&window), Some(strides)) = (self.windows.get(s), layer.windows()) else {
            let s = self.whole(s);
            return layer.backward(&mut self.emitter, &s, part);
        };
        let map = layer.input_size();
        let [rows, columns] = [0, 1].map(|axis| {
            let (stride, pad, extent) = strides[axis];
            let of = [window.rows, window.columns][axis];
            WindowAxis {
                stride: of.stride * stride as i64,
                first: of.first * stride as i64 - pad as i64,
                size: (of.size - 1) * stride as i64 + extent as i64,
            }
        });
        let found = MapWindow {
            rows,
            columns,
            map: map.map(|size| size as i64),
        };
        let mut back = layer.backward_in_window(&mut self.emitter, s, part);
        self.windows.insert(back.clone(), found);
        if strides.iter().any(|&(_, _, extent)| extent > 1) {
            // Padding is no input.
            let [height, width] = map;
            let inside = kernel::ones(&mut self.emitter, [1, 1, height, width]);
            back = self.meet(&back, &inside);
        }
        if found.share_of_map() > MOST_OF_A_MAP {
            back = self.whole(&back);
        }
        back
    }
}
