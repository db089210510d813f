//! Single frames of videos, as the command's verbs for photos ask for them.

use std::path::Path;
use std::process::{Command, Output};

use crate::cache::cached;
use crate::footage::{make, sound};
use crate::said;

/// A picture: its time in milliseconds, its size, its pixels.
type Frame = (u64, [usize; 2], Vec<u8>);

fn ask(video: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssdcrp-annotate"));
    command.arg("--frames-of").arg(video).args(more);
    command.output().unwrap()
}

fn frames(video: &Path, more: &[&str]) -> Vec<Frame> {
    let output = ask(video, more);
    assert!(output.status.success(), "{}", said(&output));
    let mut rest = &output.stdout[..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let mut line = || {
            let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
            let line = std::str::from_utf8(&rest[..end]).unwrap().to_owned();
            rest = &rest[end + 1..];
            line
        };
        let mut magic = line();
        while magic == "# goes on" {
            magic = line();
        }
        assert_eq!(magic, "P6");
        let time: f64 = line().strip_prefix("# time ").unwrap().parse().unwrap();
        assert!(line().starts_with("# every "));
        let size: Vec<usize> = line()
            .split(' ')
            .map(|side| side.parse().unwrap())
            .collect();
        assert_eq!(line(), "255");
        let (pixels, behind) = rest.split_at(3 * size[0] * size[1]);
        rest = behind;
        let time = (time * 1e3).round() as u64;
        frames.push((time, [size[0], size[1]], pixels.to_vec()));
    }
    frames
}

fn times(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|(time, ..)| *time).collect()
}

#[test]
fn frames_that_are_sought_are_those_that_come_when_all_is_decoded() {
    let footage = cached("footage/vtest.avi");
    let all = frames(&footage, &["--every", "2.5"]);
    assert_eq!(times(&all)[..4], [0, 2500, 5000, 7500]);
    assert_eq!(all.len(), 32);
    // So far apart that they are sought.
    let few = frames(&footage, &["--every", "20"]);
    assert_eq!(times(&few), [0, 20_000, 40_000, 60_000]);
    for (index, few) in few.iter().enumerate() {
        assert!(*few == all[8 * index], "{}", few.0);
    }
    let most = frames(&footage, &["--every", "1", "--most", "5"]);
    assert_eq!(times(&most), [0, 15_900, 31_800, 47_700, 63_600]);
    assert_eq!(
        frames(&footage, &["--every", "0", "--most", "795"]).len(),
        795
    );
}

#[test]
fn frames_are_spread_over_a_video_that_does_not_say_how_long_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // What an encoder gives, in no container.
    let video = folder.path().join("gate.h264");
    let source =
        "videotestsrc num-buffers=230 pattern=ball ! video/x-raw,width=64,height=48,framerate=10/1";
    let stream = "x264enc ! video/x-h264,stream-format=byte-stream";
    make(&video, &format!("{source} ! {stream}"));
    let few = frames(&video, &["--every", "0", "--most", "4"]);
    assert_eq!(times(&few), [0, 5800, 11_500, 17_200]);
    let bounded = frames(&video, &["--every", "1", "--most", "100"]);
    assert_eq!(bounded.len(), 23);
    let all = frames(&video, &["--every", "0"]);
    assert_eq!(all.len(), 230);
    for few in &few {
        assert!(all.contains(few), "{}", few.0);
    }
    // It is told so while the end is looked for, and not where that is not needed.
    let says = |more: &[&str]| {
        let output = ask(&video, more).stdout;
        output.windows(10).filter(|it| it == b"# goes on\n").count()
    };
    assert_eq!(says(&["--every", "1", "--most", "100"]), 2);
    assert_eq!(says(&["--every", "1"]), 0);
}

/// How bright a part of a frame is, by shares of its width and height.
fn brightness((_, [width, height], pixels): &Frame, x: f64, y: f64) -> u8 {
    let at = |share: f64, side: usize| (share * side as f64) as usize;
    pixels[3 * (at(y, *height) * width + at(x, *width))]
}

/// Writes into an MP4 that its picture is to be turned clockwise by 90 degrees, as phones do: in the matrix of the track's header (ISO/IEC 14496-12, 8.3.2).
fn turn_clockwise(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let header = bytes.windows(4).position(|name| name == b"tkhd").unwrap();
    // Behind the name, version, times, number, length, layer, group and volume.
    let matrix = header + 4 + 40;
    let turned: [i32; 9] = [0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30];
    let turned: Vec<u8> = turned
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    assert_eq!(bytes[matrix..matrix + 4], (1_i32 << 16).to_be_bytes());
    bytes[matrix..matrix + 36].copy_from_slice(&turned);
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn frames_are_upright_and_their_pixels_square() {
    let folder = tempfile::tempdir().unwrap();
    // Black above white.
    let halves = "videotestsrc num-buffers=3 pattern=gradient ! video/x-raw,width=64,height=32,framerate=1/1";
    let held = folder.path().join("held.mp4");
    make(&held, &format!("{halves} ! x264enc ! mp4mux"));
    turn_clockwise(&held);
    let upright = &frames(&held, &["--every", "0"])[0];
    assert_eq!(upright.1, [32, 64]);
    // Turned clockwise, what was above lies to the right.
    let (right, left) = (brightness(upright, 0.9, 0.5), brightness(upright, 0.1, 0.5));
    assert!(right < 80 && left > 170, "{right} {left}");

    let wide = folder.path().join("wide.mkv");
    let pixels = format!("{halves},pixel-aspect-ratio=2/1 ! jpegenc ! matroskamux");
    make(&wide, &pixels);
    let square = &frames(&wide, &["--every", "0"])[0];
    let [width, height] = square.1;
    assert_eq!(width, 4 * height);
    assert!(brightness(square, 0.5, 0.1) < 80 && brightness(square, 0.5, 0.9) > 170);
}

#[test]
fn what_has_no_frames_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    sound(&path("c.wav"));
    std::fs::write(path("a.mp4"), "no video at all").unwrap();
    for (name, words) in [
        ("c.wav", "there is no video in it"),
        ("a.mp4", "there is no video in it"),
        ("gone.mp4", "it cannot be opened"),
    ] {
        let output = ask(&path(name), &["--every", "1"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(
            output.stdout.is_empty() && said.contains(words),
            "{name}: {said}"
        );
    }
}
