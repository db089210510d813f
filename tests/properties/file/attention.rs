//! Attention in an ONNX file: how Ultralytics' exporter writes YOLO11's, and YOLO12's within areas, which in its first release cut Q, K and V one by one.

use super::{File, int};
use crate::net::{Attention, Net};

impl File<'_> {
    /// Heads, the columns of their cells, a softmax over Qᵀ·K; areas take the place of the batch.
    pub(super) fn attention(&mut self, input: usize, attention: Attention, y: &str) {
        let [channels, height, width] = self.net.shape(input);
        let (areas, heads, cells) = (attention.areas, attention.heads, height * width);
        let each = cells / areas;
        let made = |what: &str| format!("{y}.{what}");
        let (turned, last) = ([0, 1, 3, 2], [0, 3, 1, 2]);
        let parts = made("parts");
        if areas == 1 {
            let sizes = [1, heads, attention.channels(), cells];
            self.reshape(&Net::name(input), &sizes, &parts);
            self.qkv(attention, &parts, y, "");
        } else {
            self.reshape(&Net::name(input), &[1, channels, cells], &made("flat"));
            self.transpose(&made("flat"), &[0, 2, 1], &made("cells"));
            if attention.apart {
                self.qkv(attention, &made("cells"), y, "cells.");
                for (part, channels) in [
                    ("q", attention.depth),
                    ("k", attention.depth),
                    ("v", attention.width),
                ] {
                    self.areas(
                        &made(&format!("cells.{part}")),
                        [areas, each, 1, channels],
                        &made(part),
                    );
                }
            } else {
                let sizes = [areas, each, heads, attention.channels()];
                self.areas(&made("cells"), sizes, &parts);
                self.qkv(attention, &parts, y, "");
            }
        }
        let scale = (attention.depth as f32).sqrt().recip();
        let scale = self.constant(y, "scale", &[], &[scale]);
        self.node("Mul", &[&made("q"), &scale], &made("scaled"), vec![]);
        self.transpose(&made("scaled"), &turned, &made("rows"));
        self.node(
            "MatMul",
            &[&made("rows"), &made("k")],
            &made("products"),
            vec![],
        );
        self.node(
            "Softmax",
            &[&made("products")],
            &made("weights"),
            vec![int("axis", 3)],
        );
        let attended = made("attended");
        if attention.from_left {
            self.transpose(&made("v"), &turned, &made("values"));
            self.node(
                "MatMul",
                &[&made("weights"), &made("values")],
                &made("means"),
                vec![],
            );
            self.transpose(&made("means"), &turned, &attended);
        } else {
            self.transpose(&made("weights"), &turned, &made("columns"));
            self.node("MatMul", &[&made("v"), &made("columns")], &attended, vec![]);
        }
        let values = heads * attention.width;
        if areas == 1 {
            self.reshape(&attended, &[1, values, height, width], y);
        } else {
            self.transpose(&attended, &last, &made("apart"));
            self.reshape(&made("apart"), &[1, cells, values], &made("joined"));
            self.reshape(&made("joined"), &[1, height, width, values], &made("whole"));
            self.transpose(&made("whole"), &last, y);
        }
    }
    /// Cells `[1, areas·n, heads·c]` as `[areas, heads, c, n]`.
    fn areas(&mut self, cells: &str, [areas, each, heads, channels]: [usize; 4], y: &str) {
        let made = |what: &str| format!("{y}.{what}");
        self.reshape(cells, &[areas, each, heads * channels], &made("areas"));
        self.reshape(
            &made("areas"),
            &[areas, each, heads, channels],
            &made("heads"),
        );
        self.transpose(&made("heads"), &[0, 2, 3, 1], y);
    }

    /// Q, K and V out of `x`, called so behind `y` and `before`.
    fn qkv(&mut self, attention: Attention, x: &str, y: &str, before: &str) {
        let sizes = [attention.depth, attention.depth, attention.width].map(|size| size as i64);
        let sizes = self.int64s(y, "sizes", &sizes);
        let [q, k, v] = ["q", "k", "v"].map(|part| format!("{y}.{before}{part}"));
        self.node("Split", &[x, &sizes], &q, vec![int("axis", 2)]);
        let split = self.graph.node.last_mut().expect("the Split");
        split.output.extend([k, v]);
    }
}
