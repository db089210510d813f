//! Cameras that send JPEGs by HTTP, whose pictures have no time, and streams that have no pictures.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cache::cached;
use super::running::{Monitor, until};

/// A camera that sends a photo, five times a second while it is to.
pub struct JpegCamera {
    pub source: String,
    /// Whether it sends nothing at the moment.
    pub is_silent: Arc<AtomicBool>,
}

/// Sends a photo so many times to whoever comes, and nothing more after that.
pub fn jpeg_camera(times: usize) -> JpegCamera {
    let is_silent = Arc::<AtomicBool>::default();
    let shared = is_silent.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let photo = std::fs::read(cached("photos/dog.jpg")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, photo, is_silent) = (stream.unwrap(), photo.clone(), shared.clone());
            // Who does not want any more has gone.
            std::thread::spawn(move || drop(send(&stream, &photo, times, &is_silent)));
        }
    });
    JpegCamera {
        source: format!("http://{address}/video.mjpg"),
        is_silent,
    }
}

fn send(
    mut stream: &TcpStream,
    photo: &[u8],
    times: usize,
    is_silent: &AtomicBool,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    if times > 0 {
        stream.write_all(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n\r\n",
        )?;
    }
    for _ in 0..times {
        let head = format!(
            "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            photo.len()
        );
        stream.write_all(&[head.as_bytes(), photo, b"\r\n"].concat())?;
        std::thread::sleep(Duration::from_millis(200));
        while is_silent.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // Until the other side has enough of the silence.
    lines.next();
    Ok(())
}

/// A monitor of cameras by name and source.
fn watch(folder: &Path, cameras: &[(&str, &str)], defaults: &str) -> Monitor {
    let file = folder.join("monitor.toml");
    let cameras = cameras
        .iter()
        .map(|(name, source)| format!("[[camera]]\nname = \"{name}\"\nsource = \"{source}\"\n"));
    let cameras: String = cameras.collect();
    let text = format!("[page]\naddress = \"127.0.0.1:0\"\n[defaults]\n{defaults}\n{cameras}");
    std::fs::write(&file, text).unwrap();
    Monitor::start(Monitor::command().arg("--config").arg(&file))
}

#[test]
fn pictures_without_a_time_are_looked_at_and_events_are_told_of_them() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing scores 1, and that has to last.
    let defaults = "frame-timeout = 600\ndetect-interval = 0.2\nevents = { kinds = [\"low-confidence\"], low-confidence = 1, confirm = 0.5 }";
    let camera = jpeg_camera(usize::MAX);
    let monitor = watch(folder.path(), &[("yard", &camera.source)], defaults);
    let event = until("an event", || {
        let event = monitor.told().lines().next()?.to_owned();
        Some(serde_json::from_str::<serde_json::Value>(&event).unwrap())
    });
    assert!(event["time"].as_f64().unwrap() >= 0.5, "{event}");
    until("more frames that are looked at", || {
        let looked_at = monitor.number("ssdcrp_frames_detected_total{camera=\"yard\"}");
        (looked_at > 5.0).then_some(())
    });
    assert_eq!(
        monitor.number("ssdcrp_camera_failures_total{camera=\"yard\"}"),
        0.0
    );
}

/// A sound in a file.
fn sound(folder: &Path) -> PathBuf {
    let file = folder.join("sound.wav");
    let made = Command::new("gst-launch-1.0")
        .args([
            "-q",
            "audiotestsrc",
            "num-buffers=10",
            "!",
            "wavenc",
            "!",
            "filesink",
        ])
        .arg(format!("location={}", file.display()))
        .status();
    assert!(made.unwrap().success());
    file
}

#[test]
fn streams_without_pictures_have_failed_after_the_time_that_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let sound = sound(folder.path()).display().to_string();
    let silent = jpeg_camera(0).source;
    let cameras = [("silent", silent.as_str()), ("sound", &sound)];
    let defaults = "frame-timeout = 2\nretry-at-most = 2\nrepeat = true";
    let monitor = watch(folder.path(), &cameras, defaults);
    for (name, reason) in [
        ("silent", "no frame has come for 2 s"),
        // GStreamer's words are of a decoder for sound that is missing.
        ("sound", "audio/x-raw"),
    ] {
        let told = until(name, || {
            let camera = monitor.camera(name);
            (camera["state"] == "waiting").then(|| camera["reason"].to_string())
        });
        assert!(told.contains(reason), "{name}: {told}");
    }
    for name in ["silent", "sound"] {
        let frames = format!("ssdcrp_frames_total{{camera=\"{name}\"}}");
        assert_eq!(monitor.number(&frames), 0.0, "{name}");
    }
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}
