//! Where the colour components of a raw video frame lie in memory.
//!
//! In: a `gst_video::VideoInfo`. Out: the [`Layout`] that both the reading of frames (`frame_pixels`) and the painting
//! into them (`blend`) walk. It is GStreamer's own description of the format (`GstVideoFormatInfo`), so no other place
//! in the element has to know what NV12 or UYVY looks like.

use anyhow::{Result, bail};
use gst_video::VideoFormat;

/// The raw formats that the element takes, in its order of preference: those that need the least memory traffic first.
///
/// All have components of eight bits; the subsampled ones halve the chroma horizontally (4:2:2) or in both directions
/// (4:2:0).
pub const FORMATS: &[VideoFormat] = &[
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Nv12,
    VideoFormat::Nv21,
    VideoFormat::Yuy2,
    VideoFormat::Uyvy,
    VideoFormat::Bgrx,
    VideoFormat::Rgbx,
    VideoFormat::Xrgb,
    VideoFormat::Xbgr,
    VideoFormat::Bgra,
    VideoFormat::Rgba,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Gray8,
];

/// One colour component of a format: R, G, B, A or Y, U, V or Y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The plane that holds the component.
    pub plane: usize,
    /// Bytes from the start of a row of the plane to the component's first sample.
    pub offset: usize,
    /// Bytes from one sample to the next.
    pub step: usize,
    /// Each sample covers 2^`across` x 2^`down` pixels; both are 0 or 1.
    pub across: u32,
    pub down: u32,
}

impl Component {
    /// Samples in a row of a frame `width` pixels wide.
    pub fn columns(&self, width: usize) -> usize {
        width.div_ceil(1 << self.across)
    }

    /// Rows of samples in a frame `height` pixels high.
    pub fn rows(&self, height: usize) -> usize {
        height.div_ceil(1 << self.down)
    }

    /// Bytes from the start of a row of the plane to the end of this component's last sample.
    fn row_bytes(&self, width: usize) -> usize {
        match self.columns(width) {
            0 => 0,
            columns => self.offset + (columns - 1) * self.step + 1,
        }
    }

    /// The two pixel rows that share the samples of `row`, in a frame `height` pixels high; twice the same where there
    /// is only one.
    ///
    /// The fields of an interlaced 4:2:0 frame are subsampled each for itself, so a row of chroma belongs to two pixel
    /// rows of the same field, which are two apart.
    pub fn pixel_rows(&self, row: usize, height: usize, interlaced: bool) -> [usize; 2] {
        let last = height.saturating_sub(1);
        let (first, second) = match (self.down, interlaced) {
            (0, _) => (row, row),
            (_, false) => (2 * row, 2 * row + 1),
            (_, true) => (2 * row - (row & 1), 2 * row - (row & 1) + 2),
        };
        [first.min(last), second.min(last)]
    }

    /// The row of samples that covers row `y` of the pixels: the inverse of [`pixel_rows`](Self::pixel_rows).
    pub fn row_of(&self, y: usize, height: usize, interlaced: bool) -> usize {
        if self.down == 1 && interlaced {
            (((y >> 2) << 1) | (y & 1)).min(self.rows(height).saturating_sub(1))
        } else {
            y >> self.down
        }
    }

    /// Where in a row of the plane the sample is that covers column `x` of the pixels.
    pub fn byte_of(&self, x: usize) -> usize {
        self.offset + (x >> self.across) * self.step
    }
}

/// The memory layout of one raw format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// R, G, B and, where the format has it, A; or Y, U, V; or Y alone.
    pub components: Vec<Component>,
    pub planes: usize,
}

impl Layout {
    /// # Errors
    /// The format is not one of [`FORMATS`].
    pub fn of(info: &gst_video::VideoInfo) -> Result<Self> {
        if !FORMATS.contains(&info.format()) {
            bail!(
                "cannot read or paint {} video: put a videoconvert before the element",
                info.format()
            );
        }
        let format = info.format_info();
        let components = (format.plane().iter())
            .zip(format.poffset())
            .zip(format.pixel_stride())
            .zip(format.w_sub().iter().zip(format.h_sub()))
            .map(|(((&plane, &offset), &step), (&across, &down))| {
                Ok(Component {
                    plane: plane as usize,
                    offset: offset as usize,
                    step: usize::try_from(step)?,
                    across,
                    down,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            components,
            planes: format.n_planes() as usize,
        })
    }

    /// Bytes of a row of `plane` that hold pixels of a frame `width` pixels wide, padding not counted.
    pub fn row_bytes(&self, plane: usize, width: usize) -> usize {
        (self.components.iter())
            .filter(|component| component.plane == plane)
            .map(|component| component.row_bytes(width))
            .max()
            .unwrap_or(0)
    }

    /// Rows of `plane` in a frame `height` pixels high.
    pub fn rows(&self, plane: usize, height: usize) -> usize {
        (self.components.iter())
            .find(|component| component.plane == plane)
            .map_or(0, |component| component.rows(height))
    }
}

/// The strides of a mapped frame's planes in bytes.
///
/// # Errors
/// A stride is negative (a picture stored bottom up) or too short for a row, which the raw formats of GStreamer never
/// have but a broken upstream could claim in its `GstVideoMeta`.
pub fn strides(info: &gst_video::VideoInfo, layout: &Layout) -> Result<Vec<usize>> {
    let width = info.width() as usize;
    let claimed = info.stride();
    (0..layout.planes)
        .map(|plane| {
            let needed = layout.row_bytes(plane, width);
            match claimed.get(plane).map(|&stride| usize::try_from(stride)) {
                Some(Ok(stride)) if stride >= needed => Ok(stride),
                _ => bail!(
                    "plane {plane} of the {} frame has the stride {:?} where a row needs {needed} bytes: \
                     the buffer's video meta is wrong, or stores the picture bottom up; put a videoconvert before the element",
                    info.format(),
                    claimed.get(plane),
                ),
            }
        })
        .collect()
}
