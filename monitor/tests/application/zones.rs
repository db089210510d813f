//! Where in the picture something counts: zones and masks of real cameras.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use super::cache::cached;
use super::mjpeg::jpeg_camera;
use super::running::{Monitor, PATIENCE, until};

const LOWER_HALF: &str = "[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]";
const END_OF_JPEG: &[u8] = &[0xff, 0xd9];
const ALL: &str = "[[0, 0], [1, 0], [1, 1], [0, 1]]";

#[test]
fn zones_and_masks_decide_what_counts_and_what_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let footage = cached("footage/vtest.avi").display().to_string();
    let file = folder.path().join("monitor.toml");
    let camera = |name: &str, more: &str| {
        format!("[[camera]]\nname = \"{name}\"\nsource = \"{footage}\"\nrepeat = true\n{more}\n")
    };
    let zones = |kind: &str, corners: &str| {
        format!("zones = [{{ kind = \"{kind}\", corners = {corners} }}]")
    };
    let text = [
        "[page]\naddress = \"127.0.0.1:0\"\n".to_owned(),
        camera("all", ""),
        camera("ignored", &zones("ignore", ALL)),
        camera("lower", &zones("alarm", LOWER_HALF)),
        camera("masked", &format!("masks = [{ALL}]")),
    ];
    std::fs::write(&file, text.concat()).unwrap();
    let mut command = Monitor::command();
    let monitor = Monitor::start(command.arg("--config").arg(&file));

    // The van of the first frames stands in the upper half.
    let events = until("events of both halves", || {
        let told = monitor.told();
        let events: Vec<serde_json::Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of = |camera: &str| {
            events
                .iter()
                .filter(|event| event["camera"] == camera)
                .count()
        };
        (of("all") > 1 && of("lower") > 0).then_some(events)
    });
    let feet = |event: &serde_json::Value| event["box"][3].as_f64().unwrap();
    let is_above = |event: &&serde_json::Value| feet(event) < 0.5;
    let of = |camera: &'static str| events.iter().filter(move |event| event["camera"] == camera);
    assert!(of("all").any(|event| is_above(&event)), "{events:?}");
    assert_eq!(of("lower").filter(is_above).count(), 0, "{events:?}");

    for name in ["ignored", "masked"] {
        let looked_at = format!("ssdcrp_frames_detected_total{{camera=\"{name}\"}}");
        until(name, || (monitor.number(&looked_at) > 3.0).then_some(()));
        let detections = format!("ssdcrp_detections_total{{camera=\"{name}\"");
        assert!(
            !monitor.get("/metrics").text().contains(&detections),
            "{name}"
        );
        assert_eq!(of(name).count(), 0);
    }
    assert!(
        is_grey(&first_picture(&monitor, "masked")),
        "something is seen"
    );
}

/// The first picture that a viewer of a camera sees.
fn first_picture(monitor: &Monitor, camera: &str) -> image::RgbImage {
    let path = format!("/stream/{camera}");
    let is_whole = |answer: &[u8]| has(answer, END_OF_JPEG);
    let film = monitor.ask(&path, &[("Host", "localhost")], is_whole).body;
    picture_in(&film)
}

/// The first picture of a film.
fn picture_in(film: &[u8]) -> image::RgbImage {
    let start = film.windows(2).position(|pair| pair == [0xff, 0xd8]);
    image::load_from_memory(&film[start.unwrap()..])
        .unwrap()
        .into_rgb8()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Reads more of a film until there is enough of it.
fn read_until(stream: &mut TcpStream, film: &mut Vec<u8>, enough: impl Fn(&[u8]) -> bool) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut part = [0; 4096];
    while !enough(film) {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the film has ended");
        film.extend_from_slice(&part[..read]);
    }
}

fn is_grey(picture: &image::RgbImage) -> bool {
    let is_grey = |pixel: &image::Rgb<u8>| pixel.0.iter().all(|&share| share.abs_diff(128) < 3);
    picture.pixels().all(is_grey)
}

#[test]
fn a_new_mask_covers_the_picture_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    let camera = jpeg_camera(usize::MAX);
    let write = |masks: &str| {
        let text = format!(
            "[page]\naddress = \"127.0.0.1:0\"\n[[camera]]\nname = \"gate\"\nsource = \"{}\"\nframe-timeout = 600\n{masks}\n",
            camera.source
        );
        std::fs::write(&file, text).unwrap();
    };
    write("");
    let monitor = Monitor::start(Monitor::command().arg("--config").arg(&file));
    // While somebody looks, the newest picture is kept for who comes next.
    let mut viewer = TcpStream::connect(&monitor.address).unwrap();
    viewer
        .write_all(b"GET /stream/gate HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(!is_grey(&first_picture(&monitor, "gate")));
    camera.is_silent.store(true, Ordering::Relaxed);
    write(&format!("masks = [{ALL}]"));
    monitor.signal("HUP");
    until("the new file", || {
        monitor.said().contains("read again").then_some(())
    });
    // Who is answered was shown what there is already.
    let mut next = TcpStream::connect(&monitor.address).unwrap();
    next.write_all(b"GET /stream/gate HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut film = Vec::new();
    read_until(&mut next, &mut film, |film| has(film, b"\r\n\r\n"));
    camera.is_silent.store(false, Ordering::Relaxed);
    read_until(&mut next, &mut film, |film| has(film, END_OF_JPEG));
    let seen = picture_in(&film);
    assert!(is_grey(&seen), "what is covered now is seen");
}
