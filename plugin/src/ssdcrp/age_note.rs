//! How old what is shown is, in words on the frame.
//!
//! In: the times that have passed since the detections' frame and the explanations' frame. Out: a note, an overlay like that of the
//! results. It changes ten times a second at most, and is drawn anew only then, because that is done on the streaming thread.

use std::time::Duration;

use anyhow::Result;

use ::ssdcrp::overlay::{Canvas, Scene, render};

use super::delivery::Overlay;
use super::negotiation::Surface;

/// The note that was shown last.
#[derive(Debug, Default)]
pub struct AgeNote {
    drawn: Option<(String, Overlay)>,
}

impl AgeNote {
    /// The ages of detections and explanations, for frames like `surface`; of what has no age there is nothing to tell.
    ///
    /// # Errors
    /// As [`Overlay::new`].
    pub fn of(
        &mut self,
        [seen, explained]: [Option<Duration>; 2],
        surface: &Surface,
    ) -> Result<Option<&Overlay>> {
        let parts = [("seen", seen), ("explained", explained)];
        let parts = parts.into_iter().filter_map(|(what, age)| {
            let tenths = age?.as_millis() / 100;
            Some(format!("{what} {}.{} s ago", tenths / 10, tenths % 10))
        });
        let text = parts.collect::<Vec<_>>().join(", ");
        self.drawn
            .take_if(|(drawn, note)| *drawn != text || !note.fits(surface));
        if self.drawn.is_none() && !text.is_empty() {
            let note = Overlay::new(&note(&text, surface), surface)?;
            self.drawn = note.map(|note| (text, note));
        }
        Ok(self.drawn.as_ref().map(|(_, note)| note))
    }
}

fn note(text: &str, surface: &Surface) -> Canvas {
    render(&Scene {
        corner_text: Some(text),
        ..Scene::empty(surface.size(), surface.pixel_aspect())
    })
}
