//! What the user points at: an object, or a place where one is missing.
//!
//! In: what the video shows at the moment, and presses. Out: the object, by its number, which stays picked while it moves; or the place, which stays where it is.

use std::sync::Arc;

use crate::geometry::{Rect, Size, smallest_under};

/// An object in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Its number.
    pub object: u64,
    /// Its box.
    pub rect: Rect,
}

/// What can be picked and what is.
#[derive(Debug, Default)]
pub struct Picking {
    shown: Arc<[Placed]>,
    /// The frame's.
    size: Size,
    picked: Option<u64>,
    /// In shares of the frame; never together with an object.
    missing: Option<[f32; 2]>,
}

impl Picking {
    /// The video, with frames of `size`, now shows these.
    pub fn show(&mut self, objects: Arc<[Placed]>, size: Size) {
        (self.shown, self.size) = (objects, size);
    }

    /// A press at a place in pixels of the frame: picks the smallest object there; if that is picked already, none is.
    /// Returns whether anything was there.
    pub fn press(&mut self, [x, y]: [f32; 2]) -> bool {
        let place = [x / self.size.width as f32, y / self.size.height as f32];
        let rects = self.shown.iter().map(|placed| placed.rect);
        let Some(pressed) =
            smallest_under(rects, place).and_then(|index| self.shown.get(index).copied())
        else {
            return false;
        };
        self.toggle(pressed.object);
        true
    }

    /// Picks the object with this number as a press on it would, also where others lie over it. Returns whether it is shown.
    pub fn pick(&mut self, object: u64) -> bool {
        let is_shown = self.shown.iter().any(|placed| placed.object == object);
        if is_shown {
            self.toggle(object);
        }
        is_shown
    }

    fn toggle(&mut self, object: u64) {
        self.picked = Some(object).filter(|_| self.picked != Some(object));
        self.missing = None;
    }

    /// A press at a place in pixels of the frame that asks why nothing is found there. Returns whether the place is in the frame.
    pub fn press_missing(&mut self, [x, y]: [f32; 2]) -> bool {
        let place = [x / self.size.width as f32, y / self.size.height as f32];
        let is_inside = place.iter().all(|share| (0.0..=1.0).contains(share));
        if is_inside {
            (self.picked, self.missing) = (None, Some(place));
        }
        is_inside
    }

    /// Nothing is pointed at any more. Returns whether something was.
    pub fn release(&mut self) -> bool {
        let missing = self.missing.take().is_some();
        self.picked.take().is_some() || missing
    }

    /// The place where something is missing, in shares of the frame.
    pub fn missing(&self) -> Option<[f32; 2]> {
        self.missing
    }

    /// The object that is picked.
    pub fn picked(&self) -> Option<u64> {
        self.picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_picks_and_a_second_one_releases() {
        let size = Size::new(200, 100);
        let mut picking = Picking::default();
        assert!(!picking.press([100.0, 50.0]), "nothing is shown yet");
        let large = Rect::new(0.0, 0.0, 0.9, 0.9);
        let small = Rect::new(0.4, 0.4, 0.6, 0.6);
        let placed = |object, rect| Placed { object, rect };
        picking.show(Arc::new([placed(7, large), placed(9, small)]), size);
        assert!(picking.press([100.0, 50.0]));
        assert_eq!(picking.picked(), Some(9));
        assert!(!picking.press([195.0, 95.0]));
        assert_eq!(
            picking.picked(),
            Some(9),
            "a press beside everything changes nothing"
        );
        assert!(picking.press([20.0, 10.0]));
        assert_eq!(picking.picked(), Some(7));

        // By their numbers those are picked too that lie below.
        assert!(picking.pick(7) && picking.picked().is_none());
        assert!(picking.pick(7) && !picking.pick(8));
        assert_eq!(picking.picked(), Some(7));

        // The object has moved on, and is still the same.
        picking.show(Arc::new([placed(9, large), placed(7, small)]), size);
        assert!(picking.press([100.0, 50.0]));
        assert_eq!(picking.picked(), None);
        picking.press([100.0, 50.0]);
        assert!(picking.release() && !picking.release());
        assert_eq!(picking.picked(), None);

        // What is missing takes the place of what is picked, and the other way round.
        picking.press([100.0, 50.0]);
        assert!(picking.press_missing([50.0, 75.0]) && !picking.press_missing([300.0, 75.0]));
        assert_eq!(
            (picking.picked(), picking.missing()),
            (None, Some([0.25, 0.75]))
        );
        picking.press([100.0, 50.0]);
        assert_eq!((picking.picked(), picking.missing()), (Some(7), None));
        picking.press_missing([50.0, 75.0]);
        assert!(picking.release() && picking.missing().is_none());
    }
}
