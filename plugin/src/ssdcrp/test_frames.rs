//! Frames for the tests of the pixel code: buffers with and without padding, and GStreamer's own converter as the
//! independent reader and writer that everything is compared with.

use gst_video::{VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameRef, VideoInfo};

use ::ssdcrp::detect::Pixels;
use ::ssdcrp::geometry::Size;

use super::frame_pixels::FramePixels;

/// One pixel, odd, odd and wider than a vector register, and an ordinary size.
pub const SIZES: [(u32, u32); 4] = [(1, 1), (5, 3), (17, 9), (320, 240)];

/// What padding and the gaps between planes hold.
const FILLER: u8 = 0xa5;

pub fn info(format: VideoFormat, (width, height): (u32, u32)) -> VideoInfo {
    gst::init().unwrap();
    VideoInfo::builder(format, width, height).build().unwrap()
}

pub fn info_with(
    format: VideoFormat,
    (width, height): (u32, u32),
    matrix: VideoColorMatrix,
    range: VideoColorRange,
) -> VideoInfo {
    gst::init().unwrap();
    let colorimetry = gst_video::VideoColorimetry::new(
        range,
        matrix,
        gst_video::VideoTransferFunction::Bt709,
        gst_video::VideoColorPrimaries::Bt709,
    );
    VideoInfo::builder(format, width, height)
        .colorimetry(&colorimetry)
        .build()
        .unwrap()
}

/// A buffer for `info`; if `padded`, with a gap before each plane and rows longer than needed, as a video meta tells.
pub fn buffer(info: &VideoInfo, padded: bool) -> gst::Buffer {
    if !padded {
        return gst::Buffer::from_mut_slice(vec![FILLER; info.size()]);
    }
    let planes = info.n_planes() as usize;
    let (mut offsets, mut strides, mut size) = (Vec::new(), Vec::new(), 0);
    for (plane, &stride) in info.stride()[..planes].iter().enumerate() {
        // Multiples of four: GStreamer's own code expects words to be aligned.
        size += 36 + 4 * plane;
        let stride = stride + 4 + 4 * plane as i32;
        offsets.push(size);
        strides.push(stride);
        size += stride as usize * (info.height() as usize + 1);
    }
    let mut buffer = gst::Buffer::from_mut_slice(vec![FILLER; size]);
    gst_video::VideoMeta::add_full(
        buffer.get_mut().unwrap(),
        gst_video::VideoFrameFlags::empty(),
        info.format(),
        info.width(),
        info.height(),
        &offsets,
        &strides,
    )
    .unwrap();
    buffer
}

pub fn bytes(buffer: &gst::Buffer) -> Vec<u8> {
    buffer.map_readable().unwrap().to_vec()
}

/// Overwrites everything, padding included, with reproducible noise.
pub fn fill_with_noise(buffer: &mut gst::Buffer) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for byte in buffer.get_mut().unwrap().map_writable().unwrap().iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (state >> 32) as u8;
    }
}

/// Converts with GStreamer, chroma replicated and averaged over whole blocks rather than filtered.
pub fn convert(from: (&VideoInfo, &gst::Buffer), to: (&VideoInfo, &mut gst::Buffer)) {
    let mut config = gst_video::VideoConverterConfig::new();
    config.set_chroma_mode(gst_video::VideoChromaMode::None);
    config.set_dither_method(gst_video::VideoDitherMethod::None);
    let converter = gst_video::VideoConverter::new(from.0, to.0, Some(config)).unwrap();
    let source = VideoFrameRef::from_buffer_ref_readable(from.1, from.0).unwrap();
    let mut target =
        VideoFrameRef::from_buffer_ref_writable(to.1.get_mut().unwrap(), to.0).unwrap();
    converter.frame_ref(&source, &mut target);
}

/// A frame of `info` that shows `picture`, converted by GStreamer.
pub fn frame(info: &VideoInfo, padded: bool, picture: impl Fn(u32, u32) -> [u8; 3]) -> gst::Buffer {
    let rgb = self::info(VideoFormat::Rgb, (info.width(), info.height()));
    let stride = rgb.stride()[0] as usize;
    let mut pixels = vec![0; rgb.size()];
    for y in 0..info.height() {
        for x in 0..info.width() {
            let at = y as usize * stride + x as usize * 3;
            pixels[at..at + 3].copy_from_slice(&picture(x, y));
        }
    }
    let mut target = buffer(info, padded);
    convert(
        (&rgb, &gst::Buffer::from_mut_slice(pixels)),
        (info, &mut target),
    );
    target
}

/// All pixels of a frame as GStreamer reads them: by way of 16 bits, because its fast conversions to 8 bits are coarse (off
/// by up to 5 for strong colours).
pub fn read_by_gstreamer(info: &VideoInfo, frame: &gst::Buffer) -> Vec<[u8; 3]> {
    let wide = VideoInfo::builder(VideoFormat::Argb64, info.width(), info.height())
        .interlace_mode(info.interlace_mode())
        .build()
        .unwrap();
    let mut target = buffer(&wide, false);
    convert((info, frame), (&wide, &mut target));
    let words = bytes(&target);
    (words.as_chunks::<8>().0.iter())
        .map(|pixel| [2, 4, 6].map(|at| u16::from_ne_bytes([pixel[at], pixel[at + 1]])))
        .map(|rgb| rgb.map(|word| ((u32::from(word) + 128) / 257) as u8))
        .collect()
}

/// All pixels of a frame as the element reads them.
pub fn read(info: &VideoInfo, frame: &gst::Buffer) -> Vec<[u8; 3]> {
    let frame = VideoFrameRef::from_buffer_ref_readable(frame, info).unwrap();
    let pixels = FramePixels::new(&frame).unwrap();
    let Size { width, height } = pixels.size();
    assert_eq!((width, height), (info.width(), info.height()));
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| pixels.rgb(x, y))
        .collect()
}

/// Panics unless all channels of all pixels differ by at most `tolerance`.
pub fn assert_close(context: &str, found: &[[u8; 3]], expected: &[[u8; 3]], tolerance: u8) {
    assert_eq!(found.len(), expected.len(), "{context}: number of pixels");
    for (pixel, (found, expected)) in found.iter().zip(expected).enumerate() {
        let worst = (0..3)
            .map(|c| found[c].abs_diff(expected[c]))
            .max()
            .unwrap();
        assert!(
            worst <= tolerance,
            "{context}: pixel {pixel} is {found:?} instead of {expected:?}"
        );
    }
}
