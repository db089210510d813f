//! How old what is shown is, in words on the frame.
//!
//! In: the times that have passed since the detections' frame and the explanations' frame. Out: a line of text, an overlay like that of the
//! results. It changes ten times a second at most, and is drawn anew only then, because that is done on the streaming thread.

use std::time::Duration;

use anyhow::Result;

use ::ssdcrp::overlay::{Canvas, Scene, render};

use super::frame_overlay::FrameOverlay;
use super::negotiation::Surface;

/// The text that was shown last.
#[derive(Debug, Default)]
pub struct AgeOverlay {
    drawn: Option<(String, FrameOverlay)>,
}

impl AgeOverlay {
    /// The ages of detections and explanations, for frames like `surface`; of what has no age there is nothing to tell.
    ///
    /// # Errors
    /// As [`FrameOverlay::new`].
    pub fn of(
        &mut self,
        [seen, explained]: [Option<Duration>; 2],
        surface: &Surface,
    ) -> Result<Option<&FrameOverlay>> {
        let parts = [("seen", seen), ("explained", explained)];
        let parts = parts.into_iter().filter_map(|(what, age)| {
            let tenths = age?.as_millis() / 100;
            Some(format!("{what} {}.{} s ago", tenths / 10, tenths % 10))
        });
        let text = parts.collect::<Vec<_>>().join(", ");
        self.drawn
            .take_if(|(drawn, overlay)| *drawn != text || !overlay.fits(surface));
        if self.drawn.is_none() && !text.is_empty() {
            let overlay = FrameOverlay::new(&text_canvas(&text, surface), surface)?;
            self.drawn = overlay.map(|overlay| (text, overlay));
        }
        Ok(self.drawn.as_ref().map(|(_, overlay)| overlay))
    }
}

fn text_canvas(text: &str, surface: &Surface) -> Canvas {
    render(&Scene {
        corner_text: Some(text),
        ..Scene::empty(surface.size(), surface.pixel_aspect())
    })
}
