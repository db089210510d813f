//! A real window, on a display of its own (Xvfb), and a real mouse and keyboard (xdotool).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use gst::prelude::*;

use super::support::*;

/// An X server without a screen; it ends with the value.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn open() -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1024x768x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb, which 'make test' installs");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut number)
            .unwrap();
        let name = format!(":{}", number.trim());
        Self { server, name }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

#[test]
fn a_click_in_the_window_changes_what_is_explained() {
    let display = Display::open();
    alone("window::alone_in_a_window", &[("DISPLAY", &display.name)]);
}

/// What `xdotool` prints.
fn xdotool(arguments: &str) -> String {
    let output = Command::new("xdotool")
        .args(arguments.split(' '))
        .output()
        .expect("xdotool, which 'make test' installs");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits, two minutes at most, until the element tells of an explanation of `target` of an object in the class `label`.
fn until_explained(bus: &gst::Bus, label: &str, target: &str) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let mut told = Vec::new();
    while std::time::Instant::now() < patience {
        let message = bus.timed_pop(100 * gst::ClockTime::MSECOND);
        let Some(structure) = message.as_ref().and_then(|message| message.structure()) else {
            continue;
        };
        if structure.name() != "ssdcrp" {
            continue;
        }
        let explanations = explanations(structure);
        let detections = structure.get::<gst::Array>("detections").unwrap();
        for explanation in &explanations {
            let object = explanation.get::<u64>("object").unwrap();
            let explained = detections.iter().any(|detection| {
                let detection = detection.get::<gst::Structure>().unwrap();
                detection.get::<u64>("object") == Ok(object)
                    && detection.get::<&str>("label") == Ok(label)
            });
            let asked = explanation.get::<String>("target").unwrap();
            if explained && asked.starts_with(target) {
                return;
            }
            told.push(asked);
        }
    }
    panic!("no explanation of {target} of a {label}, only of {told:?}");
}

/// Waits, two minutes at most, until the element tells why nothing is found where that was asked.
fn until_missing(bus: &gst::Bus) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while std::time::Instant::now() < patience {
        let message = bus.timed_pop(100 * gst::ClockTime::MSECOND);
        let structure = message.as_ref().and_then(|message| message.structure());
        if structure.is_some_and(|structure| structure.name() == "ssdcrp-missing") {
            return;
        }
    }
    panic!("nobody says why nothing is found");
}

#[test]
#[ignore = "run by a_click_in_the_window_changes_what_is_explained"]
fn alone_in_a_window() {
    init();
    let pipeline = format!(
        "filesrc location={} ! jpegdec ! imagefreeze is-live=true ! video/x-raw,framerate=10/1 ! videoconvert ! ssdcrp ! \
         videoconvert ! ximagesink",
        cached("photos/dog.jpg").display()
    );
    let pipeline = gst::parse::launch(&pipeline)
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    until_explained(&bus, "bicycle", "class:bicycle");

    let window = xdotool("search --sync --onlyvisible --name .");
    let window = window.lines().next().expect("a window");
    let click = |x: u32, y: u32| {
        xdotool(&format!(
            "mousemove --sync --window {window} {x} {y} click 1"
        ))
    };
    let key = |name: &str| xdotool(&format!("key --window {window} {name}"));
    click(580, 130);
    until_explained(&bus, "car", "class:car");
    key("t");
    until_explained(&bus, "car", "offset:cx");
    key("n");
    until_explained(&bus, "car", "offset:cy");
    key("Escape");
    until_explained(&bus, "bicycle", "offset:cy");
    click(200, 480);
    until_explained(&bus, "dog", "offset:cy");
    click(200, 480);
    until_explained(&bus, "bicycle", "offset:cy");
    // A sink tells which keys are held.
    xdotool("keydown shift");
    click(220, 380);
    xdotool("keyup shift");
    until_missing(&bus);
    key("Escape");
    until_explained(&bus, "bicycle", "offset:cy");
    pipeline.set_state(gst::State::Null).unwrap();
}
