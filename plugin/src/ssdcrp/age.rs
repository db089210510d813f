//! How old what is shown is, in words on the frame.
//!
//! In: the times that have passed since the detections' frame and the explanations' frame. Out: a note, painted into frames. It
//! changes ten times a second at most, and is drawn anew only then, because that is done on the streaming thread.

use anyhow::Result;
use gst::ClockTime;
use gst_video::VideoInfo;
use gst_video::prelude::*;

use ::ssdcrp::heatmap::ColourMap;
use ::ssdcrp::overlay::{Scene, render};

use super::blend::PreparedOverlay;

/// The note that was painted last.
#[derive(Debug, Default)]
pub struct AgeNote {
    drawn: Option<(String, PreparedOverlay)>,
}

impl AgeNote {
    /// Paints the ages of detections and explanations; of what has no age there is nothing to tell.
    ///
    /// # Errors
    /// As [`PreparedOverlay::blend`].
    pub fn draw(
        &mut self,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
        [seen, explained]: [Option<ClockTime>; 2],
    ) -> Result<()> {
        let parts = [("seen", seen), ("explained", explained)];
        let parts = parts.into_iter().filter_map(|(what, age)| {
            let tenths = age?.mseconds() / 100;
            Some(format!("{what} {}.{} s ago", tenths / 10, tenths % 10))
        });
        let text = parts.collect::<Vec<_>>().join(", ");
        if text.is_empty() {
            return Ok(());
        }
        let info = frame.info().clone();
        self.drawn
            .take_if(|(drawn, note)| *drawn != text || !note.fits(&info));
        match &self.drawn {
            Some((_, note)) => note.blend(frame),
            None => {
                let note = note(&text, &info)?;
                note.blend(frame)?;
                self.drawn = Some((text, note));
                Ok(())
            }
        }
    }
        tiles: &[],
}

fn note(text: &str, info: &VideoInfo) -> Result<PreparedOverlay> {
    let scene = Scene {
        width: info.width(),
        height: info.height(),
        pixel_aspect: f64::from(info.par().numer()) / f64::from(info.par().denom()),
        heatmap: None,
        colours: ColourMap::default(),
        opacity: 0.0,
        boxes: &[],
        draw_boxes: false,
        draw_labels: false,
        caption: None,
        note: Some(text),
    };
    PreparedOverlay::new(&render(&scene), info)
}
