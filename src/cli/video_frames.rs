//! Single frames of a video: a file and which frames are wanted in; pictures with their times out, as the program that decodes gives them.
//!
//! `ssdcrp-annotate --frames-of` writes PPM pictures, whose heads have the time and the step in comments, onto its standard output, and what goes wrong onto its standard error.

use std::io::{self, BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use image::RgbImage;
use ssdcrp::limits::MOST_PIXEL_BYTES;
use ssdcrp::lock::lock;

use super::{decoder, output};

/// Frames of a video where the user does not say how many.
const MOST: u64 = 100;
/// Seconds between frames where the user does not say that.
const EVERY: f64 = 1.0;
/// Bytes of a line of a picture's head.
const LONGEST_LINE: u64 = 100;
/// Bytes of what goes wrong that are kept.
const LONGEST_COMPLAINT: usize = 1 << 16;
/// How long nothing may come of the decoder, which gives up by itself after ten minutes.
const PATIENCE: Duration = Duration::from_secs(660);
/// How often it is looked whether the decoder has ended.
const LOOK: Duration = Duration::from_millis(10);
/// What stands behind the last words of a decoder that has ended.
const END: &[u8] = b"\0the decoder has ended\0";
/// A line that comes while the decoder looks for the end of a video.
const GOES_ON: &str = "# goes on";
/// The largest value of a colour, as these pictures have it.
const DEPTH: &str = "255";

/// Where `--help` lists the options of this file. Named for each of them: a heading of the whole would go on to the options that follow.
const VIDEOS: &str = "Videos";

/// Which frames of videos are taken.
#[derive(Clone, Copy, Debug, Args)]
pub struct FrameArgs {
    /// Of a video, take a frame every so many seconds; 0 takes every frame [default: 1; more for long videos, so that there are at most 100 frames]
    #[arg(long, help_heading = VIDEOS, value_name = "SECONDS", value_parser = seconds)]
    every: Option<f64>,
    /// Of a video, take so many frames, spread evenly over it
    #[arg(long, help_heading = VIDEOS, value_name = "N", conflicts_with = "every", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    frames: Option<u64>,
}

impl FrameArgs {
    /// The options of the program that decodes: the least step in seconds, and how many frames at most.
    fn bounds(&self) -> (f64, Option<u64>) {
        match (self.every, self.frames) {
            (Some(every), _) => (every, None),
            (None, Some(frames)) => (0.0, Some(frames)),
            (None, None) => (EVERY, Some(MOST)),
        }
    }

    fn is_default(&self) -> bool {
        self.every.is_none() && self.frames.is_none()
    }
}

fn seconds(text: &str) -> Result<f64> {
    let seconds = text.parse().ok().filter(|s| (0.0..=1e6).contains(s));
    seconds.context("a number of seconds from 0 on is expected, as in 2 or 0.5")
}

/// A frame of a video.
pub struct VideoFrame {
    /// Since the beginning of the video.
    pub second: f64,
    /// Upright.
    pub image: RgbImage,
}

/// What comes of the decoder.
enum DecoderOutput {
    /// With the step between pictures in seconds.
    Picture(VideoFrame, f64),
    /// It looks for the end of the video, of which nobody knows the length.
    GoesOn,
    End,
}

/// The frames of a video, one after another, while they are decoded.
pub struct VideoFrames {
    path: PathBuf,
    wanted: FrameArgs,
    child: Child,
    pictures: Receiver<Result<DecoderOutput>>,
    complaint: Complaint,
    /// How long nothing may come.
    patience: Duration,
    /// Whether a frame has come.
    begun: bool,
    /// Whether nothing more comes.
    ended: bool,
    /// Whether nothing came for too long: who is stuck in the system does not even end when it is killed.
    is_stuck: bool,
}

impl VideoFrames {
    /// Begins to decode a video of that kind.
    ///
    /// # Errors
    /// The program that decodes is not there, or does not start.
    pub fn start(path: &Path, kind: &str, wanted: FrameArgs) -> Result<Self> {
        let (every, most) = wanted.bounds();
        let mut command = Command::new(decoder::program());
        command.arg("--frames-of").arg(path);
        command.arg(format!("--every={every}"));
        command.args(most.map(|most| format!("--most={most}")));
        let started = Self::started(command, path, wanted, PATIENCE);
        started.map_err(|error| {
            let error = decoder::cannot_start("it", error);
            let name = path.display();
            error.context(format!("cannot use {name}: it is a video ({kind})"))
        })
    }

    fn started(
        mut command: Command,
        path: &Path,
        wanted: FrameArgs,
        patience: Duration,
    ) -> io::Result<Self> {
        let (complaint, says) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(says.try_clone()?);
        let mut child = command.spawn()?;
        let pictures = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        Ok(Self {
            path: path.to_owned(),
            wanted,
            child,
            pictures: read_all(pictures),
            complaint: Complaint::read(complaint, says),
            patience,
            begun: false,
            ended: false,
            is_stuck: false,
        })
    }

    fn read(&mut self) -> Result<Option<VideoFrame>> {
        let decoded = loop {
            match self.pictures.recv_timeout(self.patience) {
                Ok(Ok(DecoderOutput::GoesOn)) => {}
                Ok(decoded) => break decoded?,
                Err(RecvTimeoutError::Disconnected) => break DecoderOutput::End,
                Err(RecvTimeoutError::Timeout) => {
                    self.is_stuck = true;
                    bail!("nothing came of decoding it for {:?}", self.patience);
                }
            }
        };
        if let DecoderOutput::Picture(frame, step) = decoded {
            if !self.begun && self.wanted.is_default() && step > EVERY {
                output::note(&format!(
                    "{}: a frame every {step:.0} seconds, so that it is about {MOST}: --every or --frames takes others",
                    self.path.display()
                ));
            }
            self.begun = true;
            return Ok(Some(frame));
        }
        let status = self.end()?;
        ensure!(
            status.success(),
            "{}",
            last_line(&self.complaint.text())
                .unwrap_or_else(|| format!("decoding it ended with {status}"))
        );
        Ok(None)
    }

    /// The end of the program, which has given all.
    fn end(&mut self) -> Result<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < self.patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
        self.is_stuck = true;
        bail!("decoding it did not end within {:?}", self.patience);
    }
}

impl Iterator for VideoFrames {
    type Item = Result<VideoFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read();
        self.ended = !matches!(read, Ok(Some(_)));
        let path = self.path.display();
        let read = read.with_context(|| format!("cannot use {path}"));
        read.transpose()
    }
}

impl Drop for VideoFrames {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        if !self.is_stuck {
            let _ = self.child.wait();
        }
    }
}

/// Reads all pictures of a program, each when it is asked for. Whatever becomes of the program, nobody but the reading thread waits for it.
fn read_all(pictures: ChildStdout) -> Receiver<Result<DecoderOutput>> {
    let (send, read) = mpsc::sync_channel(0);
    std::thread::spawn(move || {
        let mut from = BufReader::new(pictures);
        loop {
            let decoded = read_picture(&mut from);
            let is_last = matches!(decoded, Ok(DecoderOutput::End) | Err(_));
            if send.send(decoded).is_err() || is_last {
                return;
            }
        }
    });
    read
}

/// What a program says goes wrong. Who writes more than a pipe takes would wait for a reader.
struct Complaint {
    said: Arc<Mutex<Vec<u8>>>,
    /// Says nothing but its end.
    end: Receiver<()>,
    /// The end of the pipe that the program has, too.
    says: PipeWriter,
}

impl Complaint {
    /// Reads all of it, and keeps the end.
    fn read(mut complaint: PipeReader, says: PipeWriter) -> Self {
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let (ended, end) = mpsc::channel();
        let kept = said.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = complaint.read(&mut piece) {
                let mut kept = lock(&kept);
                kept.extend_from_slice(&piece[..read]);
                // A part of it may have come before.
                let new = kept.len().saturating_sub(read + END.len());
                let end = kept[new..].windows(END.len()).position(|it| it == END);
                if let Some(end) = end {
                    kept.truncate(new + end);
                    break;
                }
                let beyond = kept.len().saturating_sub(LONGEST_COMPLAINT);
                kept.drain(..beyond);
            }
            drop(ended);
        });
        Self { said, end, says }
    }

    /// What was said by a program that has ended. Others that it started may still have its pipe, and may write into it: what it has said itself stands before the mark that is put there now.
    fn text(&mut self) -> Vec<u8> {
        if self.says.write_all(END).is_ok() {
            let _ = self.end.recv();
        }
        lock(&self.said).clone()
    }
}

/// What a program said last, without its name before it.
fn last_line(complaint: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.strip_prefix("ssdcrp: ").unwrap_or(line).to_owned())
}

/// What comes next.
fn read_picture(from: &mut impl BufRead) -> Result<DecoderOutput> {
    let mut next = || -> Result<String> {
        let mut line = String::new();
        from.by_ref().take(LONGEST_LINE).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    match next()?.as_str() {
        "" => return Ok(DecoderOutput::End),
        GOES_ON => return Ok(DecoderOutput::GoesOn),
        "P6" => {}
        other => bail!("a picture is expected where there is '{other}'"),
    }
    let number = |line: String, name: &str| {
        let number = line.strip_prefix(name).and_then(|text| text.parse().ok());
        number.with_context(|| format!("a picture's head has no {name}: '{line}'"))
    };
    let second: f64 = number(next()?, "# time ")?;
    let step: f64 = number(next()?, "# every ")?;
    let size = next()?;
    let size = size
        .split_once(' ')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let (width, height): (u32, u32) = size.context("a picture's head has no size")?;
    ensure!(next()? == DEPTH, "a picture's head has no depth");
    let bytes = 3 * u64::from(width) * u64::from(height);
    ensure!(
        (1..=MOST_PIXEL_BYTES).contains(&bytes),
        "its frames are {width}x{height}, {} MiB of pixels are the limit",
        MOST_PIXEL_BYTES >> 20
    );
    let mut pixels = vec![0; usize::try_from(bytes)?];
    from.read_exact(&mut pixels).context("a frame is cut off")?;
    let image = RgbImage::from_raw(width, height, pixels);
    let image = image.context("a frame of another size")?;
    Ok(DecoderOutput::Picture(VideoFrame { second, image }, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_follow_each_other() {
        let mut bytes =
            b"# goes on\nP6\n# time 0.5\n# every 1.0\n2 1\n255\n\x01\x02\x03\x0a\x0b\x0c".to_vec();
        bytes.extend(b"P6\n# time 1.5\n# every 1.0\n1 1\n255\n\n\n\n");
        let mut from = &bytes[..];
        let mut next = || read_picture(&mut from).unwrap();
        assert!(matches!(next(), DecoderOutput::GoesOn));
        let DecoderOutput::Picture(first, step) = next() else {
            panic!()
        };
        assert_eq!((first.second, step), (0.5, 1.0));
        assert_eq!(first.image.get_pixel(1, 0).0, [10, 11, 12]);
        let DecoderOutput::Picture(second, _) = next() else {
            panic!()
        };
        assert_eq!(second.image.as_raw(), &[10, 10, 10]);
        assert!(matches!(next(), DecoderOutput::End));
    }

    #[test]
    fn what_is_no_picture_is_told() {
        for (bytes, words) in [
            (&b"hello\n"[..], "a picture is expected"),
            (b"P6\n1 1\n255\n", "has no # time"),
            (b"P6\n# time 0\n# every 1\n11\n255\n", "no size"),
            (b"P6\n# time 0\n# every 1\n1 1\n9\n", "no depth"),
            (
                b"P6\n# time 0\n# every 1\n99999 99999\n255\n",
                "256 MiB of pixels are the limit",
            ),
            (b"P6\n# time 0\n# every 1\n0 9\n255\n", "0x9"),
            (b"P6\n# time 0\n# every 1\n2 2\n255\nabc", "cut off"),
        ] {
            let error = read_picture(&mut &bytes[..]).err().unwrap();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }

    /// What a shell's script gives in place of the decoder: how many frames, and the error behind them.
    fn decoded(script: &str, patience: Duration) -> (usize, Option<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let wanted = FrameArgs {
            every: None,
            frames: None,
        };
        let frames = VideoFrames::started(command, Path::new("a.mp4"), wanted, patience).unwrap();
        let (mut count, mut error) = (0, None);
        for frame in frames {
            match frame {
                Ok(_) => count += 1,
                Err(failed) => error = Some(format!("{failed:#}")),
            }
        }
        (count, error)
    }

    const PICTURE: &str = "printf 'P6\\n# time 0\\n# every 1\\n1 1\\n255\\nabc'";

    #[test]
    fn a_decoder_that_hangs_is_not_waited_for() {
        let error = |script: &str| decoded(script, Duration::from_millis(300)).1.unwrap();
        assert_eq!(
            error("exec sleep 600"),
            "cannot use a.mp4: nothing came of decoding it for 300ms"
        );
        // One that gives nothing more, and does not end either. It may not even come so far.
        let words = error("exec sleep 600 >&-");
        assert!(words.ends_with(" 300ms"), "{words}");
    }

    #[test]
    fn what_a_decoder_leaves_behind_is_not_waited_for() {
        let patience = Duration::from_secs(600);
        let folder = tempfile::tempdir().unwrap();
        let [go, late] = ["go", "late"].map(|name| folder.path().join(name));
        // A program that still has its standard error, until the test is over or ten minutes are.
        let leaves = format!(
            "echo 'ssdcrp: it is broken' >&2
            (for second in $(seq 600); do [ -e '{0}' ] && exit; sleep 1; done; touch '{1}') >&- &
            exit 3",
            go.display(),
            late.display()
        );
        let words = "cannot use a.mp4: it is broken";
        assert_eq!(decoded(&leaves, patience), (0, Some(words.to_owned())));
        assert!(!late.exists(), "it was waited for");
        std::fs::write(&go, "").unwrap();
        // It goes on writing behind its end.
        let goes_on = format!("{PICTURE}; echo; exec yes");
        let (count, error) = decoded(&goes_on, patience);
        assert!(count == 1 && error.unwrap().contains("signal"), "{count}");
        assert_eq!(decoded(PICTURE, patience), (1, None));
        let seeks = format!("echo '# goes on'; echo '# goes on'; {PICTURE}");
        assert_eq!(decoded(&seeks, patience), (1, None));
    }

    #[test]
    fn the_last_words_are_those_of_the_decoder() {
        let (pipe, says) = io::pipe().unwrap();
        let mut program = says.try_clone().unwrap();
        let mut complaint = Complaint::read(pipe, says);
        let long = vec![b'a'; 3 * LONGEST_COMPLAINT];
        program.write_all(&long).unwrap();
        program.write_all(b"\nit is broken\n").unwrap();
        // What another one that still has the pipe says later does not count.
        let text = complaint.text();
        assert!(text.len() >= LONGEST_COMPLAINT && text.len() <= LONGEST_COMPLAINT + 4096);
        assert_eq!(last_line(&text).as_deref(), Some("it is broken"));
        drop(program.write_all(b"later"));
        assert_eq!(complaint.text(), text);
    }

    #[test]
    fn a_program_is_quoted_by_its_last_line() {
        let said = b"warning\nssdcrp: there is no picture in it\n\n";
        assert_eq!(
            last_line(said).as_deref(),
            Some("there is no picture in it")
        );
        assert_eq!(last_line(b"\n"), None);
    }

    #[test]
    fn frames_are_bounded_unless_the_user_says_otherwise() {
        let wanted = |every, frames| FrameArgs { every, frames }.bounds();
        assert_eq!(wanted(None, None), (1.0, Some(100)));
        assert_eq!(wanted(Some(0.5), None), (0.5, None));
        assert_eq!(wanted(None, Some(7)), (0.0, Some(7)));
        assert!(seconds("-1").is_err() && seconds("nan").is_err() && seconds("0").is_ok());
    }
}
