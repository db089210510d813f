//! A kind of video that goes into the element.

use anyhow::{Context, Result};

/// Pixels and pace.
#[derive(Clone, Copy, Debug)]
pub struct Video {
    /// Of GStreamer's names.
    pub format: &'static str,
    pub width: u32,
    pub height: u32,
    /// Frames a second at which it is shown, whatever the footage's own are.
    pub rate: u32,
}

impl Video {
    /// What benches take where nothing else is said: the footage's own size.
    pub const USUAL: Self = Self {
        format: "I420",
        width: 768,
        height: 576,
        rate: 25,
    };

    /// Its caps.
    pub fn caps(self) -> Result<gst::Caps> {
        let rate = self.rate;
        Ok(format!("{},framerate={rate}/1", self.picture()).parse()?)
    }

    /// Its caps without the pace, as a launch line has them.
    pub fn picture(self) -> String {
        let Self {
            format,
            width,
            height,
            ..
        } = self;
        format!("video/x-raw,format={format},width={width},height={height},pixel-aspect-ratio=1/1")
    }

    /// Time from one frame to the next.
    pub fn interval(self) -> gst::ClockTime {
        gst::ClockTime::SECOND / u64::from(self.rate)
    }

    /// Gives a new frame its time, as the number `index` of a stream.
    pub fn stamp(self, frame: &mut gst::Buffer, index: u64) -> Result<()> {
        let frame = frame.get_mut().context("a new buffer is writable")?;
        frame.set_pts(index * self.interval());
        frame.set_duration(self.interval());
        Ok(())
    }
}
