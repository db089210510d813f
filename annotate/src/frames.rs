//! `ssdcrp-annotate --frames-of VIDEO`, which the command's verbs for photos start: a video in; single frames, upright, as PPM pictures on standard output, out.
//!
//! Each picture is one of the PPM format (`P6`), uncompressed, with two comments in its head: `# time` is its place in the video and `# every` the step between frames, both in seconds. A video over which so many frames
//! are spread is read to its end first if it does not say how long it is; meanwhile lines come that say so.

use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use gst_video::prelude::*;

use crate::decoding::{self, Decoding};

/// Elements that frames need besides.
const NEEDED: [&str; 2] = ["videoscale", "appsink"];

/// How long is waited for a frame at a time.
const LOOK: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// Bytes that are written at a time.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// Frames that are so far apart are looked for by seeking. For nearer ones all between is decoded, which takes no longer: videos have key frames some seconds apart.
const SEEKS_FROM: u64 = 10_000_000_000;

/// What is written while the end of a video is looked for.
const GOES_ON: &[u8] = b"# goes on\n";

/// Frames after each of which that is written.
const GOES_ON_AFTER: u64 = 100;

/// Which frames are wanted.
#[derive(Debug, Parser)]
#[command(name = "ssdcrp-annotate --frames-of")]
pub struct FrameOptions {
    /// The video
    #[arg(long, value_name = "VIDEO", allow_hyphen_values = true)]
    frames_of: PathBuf,
    /// Seconds from frame to frame, or more where that would be more frames than --most; 0 takes every frame
    #[arg(long, value_name = "SECONDS")]
    every: f64,
    /// Frames at most, spread over the whole video
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    most: Option<u64>,
}

/// When frames are due, nanoseconds.
struct Schedule {
    step: u64,
    most: u64,
    due: u64,
    taken: u64,
}

impl Schedule {
    /// For a video of this length, if it is known.
    fn new(options: &FrameOptions, length: Option<u64>) -> Self {
        // Longer than any video, and far from the largest number.
        let every = (options.every.clamp(0.0, 1e9) * 1e9).round() as u64;
        let most = options.most.unwrap_or(u64::MAX);
        let spread = length.map_or(0, |length| length.div_ceil(most));
        Self {
            step: every.max(spread),
            most,
            due: 0,
            taken: 0,
        }
    }

    /// Whether a frame is taken, which is the first at or after the time that is due.
    fn takes(&mut self, time: u64) -> bool {
        if time < self.due {
            return false;
        }
        self.taken += 1;
        // The next multiple of the step behind it.
        self.due = match time.checked_div(self.step) {
            Some(steps) => (steps + 1).saturating_mul(self.step),
            None => 0,
        };
        true
    }

    fn is_done(&self) -> bool {
        self.taken >= self.most
    }
}

/// Writes the frames that are wanted.
///
/// # Errors
/// The file cannot be decoded or has no video; standard output cannot be written.
pub fn write(options: &FrameOptions) -> Result<()> {
    gst::init()?;
    decoding::check_installed(&NEEDED)?;
    let path = std::path::absolute(&options.frames_of)?;
    std::fs::File::open(&path).context("it cannot be opened")?;
    let mut out = BufWriter::with_capacity(WRITTEN_AT_ONCE, stdout().lock());
    match write_all(&path, options, &mut out) {
        // Who does not read on wants no more.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        written => written,
    }
}

fn write_all(path: &Path, options: &FrameOptions, out: &mut impl Write) -> Result<()> {
    let mut reader = FrameReader::open(path)?;
    let first = reader.next_frame()?;
    let first = first.context("there is no picture in it")?;
    let length = reader.length();
    if length.is_some() || options.most.is_none() {
        return reader.write_all(&mut Schedule::new(options, length), Some(first), out);
    }
    drop(first);
    let length = reader.read_to_end(out)?;
    drop(reader);
    let mut schedule = Schedule::new(options, length);
    FrameReader::open(path)?.write_all(&mut schedule, None, out)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// How long a frame counts that has no time, as those of JPEGs one after the other in a file: 25 a second, which ffmpeg takes for such files, too.
const UNTIMED: u64 = 40_000_000;

/// A frame, with its place in the video in nanoseconds.
type TimedFrame = (gst::Sample, u64);

struct FrameReader {
    decoding: Decoding,
    end: gst_app::AppSink,
    /// Whether the file can be sought in, as far as is known.
    seeks: bool,
    /// Frames that came, of which the first may have a time where no other has.
    frames: u64,
}

impl FrameReader {
    fn open(path: &Path) -> Result<Self> {
        let scale = gst::ElementFactory::make("videoscale").build()?;
        // As it is looked at: pixels that are not square are made so.
        let caps = gst_video::VideoCapsBuilder::new()
            .format(gst_video::VideoFormat::Rgb)
            .pixel_aspect_ratio(gst::Fraction::new(1, 1))
            .build();
        let end = gst_app::AppSink::builder()
            .caps(&caps)
            .sync(false)
            .max_buffers(2)
            .build();
        let decoding = Decoding::new(path, &[&scale, end.upcast_ref()])?;
        decoding.running.start(gst::State::Playing)?;
        Ok(Self {
            decoding,
            end,
            seeks: true,
            frames: 0,
        })
    }

    /// Writes the frames that are due: `first`, which was read before, and those behind it.
    fn write_all(
        &mut self,
        schedule: &mut Schedule,
        mut first: Option<TimedFrame>,
        out: &mut impl Write,
    ) -> Result<()> {
        let mut last = 0;
        loop {
            let next = match first.take() {
                None => self.next_frame()?,
                first => first,
            };
            let Some((sample, time)) = next else {
                break;
            };
            // A seek that leads back leads nowhere.
            self.seeks &= time >= last;
            if !schedule.takes(time) {
                continue;
            }
            last = time;
            write_picture(&sample, time, schedule.step, out)?;
            if schedule.is_done() {
                break;
            }
            if self.seeks && schedule.step >= SEEKS_FROM {
                self.seek(schedule.due);
            }
        }
        Ok(out.flush()?)
    }

    /// The length of a video that does not say it, in nanoseconds: up to its last frame, or to that before which it is damaged. Nothing where there is one frame.
    fn read_to_end(&mut self, out: &mut impl Write) -> Result<Option<u64>> {
        let (mut last, mut frames) = (0, 0);
        while let Ok(Some((_, time))) = self.next_frame() {
            last = last.max(time);
            frames += 1;
            if frames % GOES_ON_AFTER == 0 {
                out.write_all(GOES_ON)?;
                out.flush()?;
            }
        }
        // The last frame is shown, too.
        Ok((last > 0).then_some(last + 1))
    }

    /// The next frame, with its place in the video in nanoseconds.
    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        loop {
            self.decoding
                .follow(gst::ClockTime::ZERO, &mut |_| Ok(()))?;
            let Some(sample) = self.end.try_pull_sample(LOOK) else {
                if self.end.is_eos() {
                    return Ok(None);
                }
                self.decoding.silent_for(LOOK)?;
                continue;
            };
            self.decoding.heard();
            let time = sample.buffer().and_then(|buffer| buffer.pts());
            let segment = sample.segment();
            let segment = segment.and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
            let time = segment.and_then(|segment| segment.to_stream_time(time));
            let untimed = self.frames * UNTIMED;
            let time = time.map_or(untimed, gst::ClockTime::nseconds);
            self.frames += 1;
            return Ok(Some((sample, time)));
        }
    }

    fn length(&self) -> Option<u64> {
        let length = self.decoding.running.pipeline.query_duration();
        length.map(gst::ClockTime::nseconds)
    }

    /// Goes to the last key frame before a time; where that is not possible, all between is decoded.
    fn seek(&mut self, time: u64) {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT | gst::SeekFlags::SNAP_BEFORE;
        let time = gst::ClockTime::from_nseconds(time);
        let pipeline = &self.decoding.running.pipeline;
        self.seeks = pipeline.seek_simple(flags, time).is_ok();
    }
}

/// Writes a frame as PPM, rows without what lies between them in memory.
fn write_picture(sample: &gst::Sample, time: u64, step: u64, out: &mut impl Write) -> Result<()> {
    let caps = sample.caps().context("a frame without caps")?;
    let info = gst_video::VideoInfo::from_caps(caps)?;
    let buffer = sample.buffer().context("a frame without pixels")?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
    let (width, height) = (frame.width(), frame.height());
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    write!(
        out,
        "P6\n# time {:.9}\n# every {:.9}\n{width} {height}\n255\n",
        seconds(time),
        seconds(step)
    )?;
    let stride = usize::try_from(frame.plane_stride()[0])?;
    let row = 3 * width as usize;
    for line in frame.plane_data(0)?.chunks(stride).take(height as usize) {
        out.write_all(&line[..row])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of frames that are taken of a video with ten in a second.
    fn taken(arguments: &[&str], seconds: u64) -> (u64, Vec<u64>) {
        let all = [&["", "--frames-of", "a"], arguments].concat();
        let options = FrameOptions::try_parse_from(all).unwrap();
        let mut schedule = Schedule::new(&options, Some(seconds * 1_000_000_000));
        let mut times = Vec::new();
        for frame in 0..10 * seconds {
            if schedule.is_done() {
                break;
            }
            if schedule.takes(frame * 100_000_000) {
                times.push(frame);
            }
        }
        (schedule.step / 1_000_000, times)
    }

    #[test]
    fn frames_are_those_at_every_step_and_spread_over_the_video() {
        let (step, times) = taken(&["--every", "1"], 4);
        assert_eq!((step, times), (1000, vec![0, 10, 20, 30]));
        let (step, times) = taken(&["--every", "0.25"], 1);
        assert_eq!((step, times), (250, vec![0, 3, 5, 8]));
        assert_eq!(taken(&["--every", "0"], 2).1.len(), 20);
        assert_eq!(
            taken(&["--every", "0", "--most", "4"], 8).1,
            [0, 20, 40, 60]
        );
        assert_eq!(taken(&["--every", "1", "--most", "100"], 4).0, 1000);
        assert_eq!(taken(&["--every", "1", "--most", "2"], 4).0, 2000);
    }

    #[test]
    fn a_step_alone_needs_no_length() {
        let options = ["", "--frames-of", "-a", "--every", "2"];
        let options = FrameOptions::try_parse_from(options).unwrap();
        let schedule = Schedule::new(&options, None);
        assert_eq!((schedule.step, schedule.most), (2_000_000_000, u64::MAX));
    }
}
