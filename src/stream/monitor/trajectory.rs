//! Where a box should be, after where it was: a straight line through the last boxes, edge by edge, and how far off a box is.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{direction, offset};
use crate::crp::{Edge, TargetOutput};
use crate::detect::manifest::Offset;
use crate::geometry::Rect;

/// Boxes that a trajectory is drawn through at least, and at most.
const FEWEST: usize = 5;
const MOST: usize = 60;
/// Older ones say nothing about now. A walker takes two steps in that time, so that legs which swing the box's sides are usual.
pub(super) const OLDEST: Duration = Duration::from_secs(2);
/// Over a gap longer than so many times the usual one a trajectory leads nowhere.
const GAP: u32 = 3;
/// Two opposite edges move as one where the smaller of their shifts is at least this share of the larger.
const SAME_SHIFT: f32 = 0.5;
/// A deviation counts where it exceeds so many times the trajectory's own: a box that trembles all the time does not jump.
const USUAL: f32 = 4.0;

/// The last boxes of an object, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Trajectory {
    boxes: VecDeque<(Duration, Rect)>,
}

impl Trajectory {
    /// Goes on to `rect`.
    pub fn push(&mut self, time: Duration, rect: Rect) {
        if self.boxes.len() == MOST {
            self.boxes.pop_front();
        }
        self.boxes.push_back((time, rect));
        self.boxes
            .retain(|(then, _)| time.saturating_sub(*then) <= OLDEST);
    }

    /// Starts again: after a jump the old trajectory says nothing.
    pub fn restart(&mut self) {
        self.boxes.clear();
    }

    /// How far `rect` is off the trajectory at `time`, as a share of the expected box's size (the square root of its area), and which output of the network that is: the offset where two opposite edges
    /// move together, else the edge. `None` where the trajectory is too short or was interrupted, or its box has no size.
    pub fn deviation(&self, time: Duration, rect: Rect) -> Option<(f32, TargetOutput)> {
        let ((first, _), (last, _)) = (self.boxes.front()?, self.boxes.back()?);
        let spacing = last.saturating_sub(*first) / self.boxes.len() as u32;
        if self.boxes.len() < FEWEST || time.saturating_sub(*last) > GAP * spacing {
            return None;
        }
        let lines = [0, 1, 2, 3].map(|edge| self.line(time, edge));
        let expected = lines.map(|(expected, _)| expected);
        let [width, height] = [0, 1].map(|axis| expected[axis + 2] - expected[axis]);
        if width <= 0.0 || height <= 0.0 {
            return None;
        }
        // One size for both: a tenth of a standing person's height is a third of their width, and no more wrong for that.
        let size = (width * height).sqrt();
        let shift = [0, 1, 2, 3].map(|edge: usize| {
            let off = rect.edges()[edge] - expected[edge];
            let is_usual = off.abs() <= USUAL * lines[edge].1;
            if is_usual { 0.0 } else { off / size }
        });
        let axes = [
            (
                Edge::Left,
                Edge::Right,
                Offset::Cx,
                Offset::W,
                [shift[0], shift[2]],
            ),
            (
                Edge::Top,
                Edge::Bottom,
                Offset::Cy,
                Offset::H,
                [shift[1], shift[3]],
            ),
        ];
        let [x, y] = axes.map(|(low_edge, high_edge, centre, extent, [low, high])| {
            let (least, most) = (low.abs().min(high.abs()), low.abs().max(high.abs()));
            if least >= SAME_SHIFT * most && most > 0.0 {
                if low * high > 0.0 {
                    (most, offset(centre, low))
                } else {
                    (most, offset(extent, high - low))
                }
            } else if low.abs() > high.abs() {
                (most, TargetOutput::Edge(low_edge, Some(direction(low))))
            } else {
                (most, TargetOutput::Edge(high_edge, Some(direction(high))))
            }
        });
        Some(if y.0 > x.0 { y } else { x })
    }

    /// The least-squares line through one edge: its place at `time`, and how far the boxes were off it in the mean (root of the mean square).
    fn line(&self, time: Duration, edge: usize) -> (f32, f32) {
        let count = self.boxes.len() as f64;
        // Seconds before now, so that nothing is lost to large times.
        let points = self.boxes.iter().map(|(then, rect)| {
            let before = -time.saturating_sub(*then).as_secs_f64();
            (before, f64::from(rect.edges()[edge]))
        });
        let (t_sum, e_sum) = points
            .clone()
            .fold((0.0, 0.0), |(t, e), point| (t + point.0, e + point.1));
        let (t_mean, e_mean) = (t_sum / count, e_sum / count);
        let (covariance, variance) = points.clone().fold((0.0, 0.0), |(c, v), (t, e)| {
            let from_mean = t - t_mean;
            (c + from_mean * (e - e_mean), v + from_mean * from_mean)
        });
        let slope = if variance > 0.0 {
            covariance / variance
        } else {
            0.0
        };
        let squares: f64 = points
            .map(|(t, e)| (e - e_mean - slope * (t - t_mean)).powi(2))
            .sum();
        let expected = e_mean - slope * t_mean;
        (expected as f32, (squares / count).sqrt() as f32)
    }
}
