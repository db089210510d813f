//! How old what is shown is, in words on the frame.
//!
//! In: the times that have passed since the detections' frame and the explanations' frame. Out: a note, an overlay like that of the
//! results. It changes ten times a second at most, and is drawn anew only then, because that is done on the streaming thread.

use anyhow::Result;
use gst::ClockTime;

use ::ssdcrp::geometry::Size;
use ::ssdcrp::heatmap::ColourMap;
use ::ssdcrp::overlay::{Canvas, Scene, Side, render};

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
        [seen, explained]: [Option<ClockTime>; 2],
        surface: &Surface,
    ) -> Result<Option<&Overlay>> {
        let parts = [("seen", seen), ("explained", explained)];
        let parts = parts.into_iter().filter_map(|(what, age)| {
            let tenths = age?.mseconds() / 100;
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
    let info = &surface.info;
    let scene = Scene {
        size: Size::new(info.width(), info.height()),
        pixel_aspect: f64::from(info.par().numer()) / f64::from(info.par().denom()),
        heatmap: None,
        tiles: &[],
        tiles_side: Side::default(),
        colours: ColourMap::default(),
        opacity: 0.0,
        boxes: &[],
        draw_boxes: false,
        draw_labels: false,
        caption: None,
        note: Some(text),
    };
    render(&scene)
}
