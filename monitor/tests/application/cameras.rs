//! Cameras that come and go: one that is killed and comes back, a configuration that changes meanwhile, and passwords that nobody is told.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::cache::cached;
use super::running::{Answer, Monitor, until};

const PASSWORD: &str = "hunter2-of-the-gate";

/// An RTSP server that is killed when it is dropped.
pub struct NetworkCamera {
    child: Child,
    port: u16,
}

impl NetworkCamera {
    pub fn start(port: u16) -> Self {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/application/rtsp_camera.py"
        );
        // Debian's Python has what Debian's packages bring.
        let mut child = Command::new("/usr/bin/python3")
            .args(["-B", script, &port.to_string(), "viewer", PASSWORD])
            .arg(cached("photos/dog.jpg"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.expect(
            "the camera needs python3-gi and gir1.2-gst-rtsp-server-1.0: setup/system-packages.sh",
        );
        Self { child, port }
    }

    /// Its address, with the password.
    pub fn source(&self) -> String {
        format!("rtsp://viewer:{PASSWORD}@127.0.0.1:{}/camera", self.port)
    }
}

impl Drop for NetworkCamera {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A camera whose picture is seen anew again and again, and something looks wrong in it each time.
pub fn stirring(name: &str) -> String {
    let photo = cached("photos/dog.jpg").display().to_string();
    format!(
        "[[camera]]\nname = \"{name}\"\nsource = \"{photo}\"\nrepeat = true\n\
         events = {{ kinds = [\"low-confidence\"], low-confidence = 1, confirm = 0, cooldown = 0 }}\n"
    )
}

/// A camera whose picture comes and comes.
pub fn steady(name: &str) -> String {
    let film = cached("footage/vtest.avi").display().to_string();
    format!("[[camera]]\nname = \"{name}\"\nsource = \"{film}\"\nrepeat = true\n")
}

fn write(file: &Path, cameras: &str) {
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[defaults]\nretry-at-most = 2\nframe-timeout = 5\n[evidence]\nfolder = \"evidence\"\n{cameras}"
    );
    std::fs::write(file, text).unwrap();
}

fn frames(monitor: &Monitor, camera: &str) -> f64 {
    monitor.number(&format!("ssdcrp_frames_total{{camera=\"{camera}\"}}"))
}

#[test]
fn a_camera_that_fails_is_tried_again_while_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let footage = cached("footage/vtest.avi").display().to_string();
    let mut gate = NetworkCamera::start(0);
    let port = gate.port;
    let file = folder.path().join("monitor.toml");
    let camera = |name: &str, source: &str, more: &str| {
        format!("[[camera]]\nname = \"{name}\"\nsource = \"{source}\"\n{more}\n")
    };
    // This one has not failed, however slow the computer is.
    let film = camera("film", &footage, "repeat = true\nframe-timeout = 600");
    let network = camera(
        "gate",
        &format!("rtsp://viewer:${{GATE_PASSWORD}}@127.0.0.1:{port}/camera"),
        "",
    );
    let wrong = camera(
        "wrong",
        &format!("rtsp://viewer:swordfish@127.0.0.1:{port}/camera"),
        "",
    );
    write(&file, &format!("{film}{network}{wrong}"));

    let mut command = Monitor::command();
    command.args(["--config", file.to_str().unwrap()]);
    let monitor = Monitor::start(command.env("GATE_PASSWORD", PASSWORD));
    let is = |name: &str, state: &str| (monitor.camera(name)["state"] == state).then_some(());
    until("the gate", || is("gate", "playing"));
    until("the film", || is("film", "playing"));
    until("the refusal", || is("wrong", "waiting"));
    let reason = monitor.camera("wrong")["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(reason.contains("Unauthorized"), "{reason}");
    assert_eq!(
        monitor.camera("gate")["title"],
        format!("rtsp://127.0.0.1:{port}/camera")
    );
    until("what is seen at the gate", || {
        let dog = "ssdcrp_detections_total{camera=\"gate\",class=\"dog\"}";
        (monitor.number(dog) > 0.0).then_some(())
    });

    // Twice it is killed, and comes back.
    for _ in 0..2 {
        drop(gate);
        until("the failure", || is("gate", "waiting"));
        let before = frames(&monitor, "film");
        until("more of the film", || {
            (frames(&monitor, "film") > before).then_some(())
        });
        gate = NetworkCamera::start(port);
        until("the gate again", || is("gate", "playing"));
        let before = frames(&monitor, "gate");
        until("more of the gate", || {
            (frames(&monitor, "gate") > before).then_some(())
        });
    }
    assert!(monitor.number("ssdcrp_camera_failures_total{camera=\"gate\"}") >= 2.0);
    assert_eq!(
        monitor.number("ssdcrp_camera_failures_total{camera=\"film\"}"),
        0.0
    );

    nothing_tells_secrets(monitor, folder.path());
}

/// Neither page nor output nor evidence, up to the end.
fn nothing_tells_secrets(monitor: Monitor, folder: &Path) {
    let page = [
        monitor.get("/events"),
        monitor.get("/metrics"),
        monitor.get("/"),
    ];
    let page: String = page.iter().map(Answer::text).collect();
    monitor.signal("TERM");
    let ended = monitor.wait();
    assert!(ended.status.success(), "{ended:?}");
    let kept = ["film", "gate"].map(|camera| {
        let lines = folder.join("evidence").join(camera).join("events.jsonl");
        std::fs::read_to_string(lines).unwrap_or_default()
    });
    let kept = kept.concat();
    assert!(!kept.is_empty(), "no evidence");
    for (place, text) in [
        ("page", page),
        ("output", ended.told),
        ("errors", ended.said),
        ("evidence", kept),
    ] {
        for secret in [PASSWORD, "swordfish", "viewer"] {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
}

#[test]
fn what_did_not_change_keeps_running_when_the_configuration_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let footage = cached("footage/vtest.avi").display().to_string();
    let file = folder.path().join("monitor.toml");
    let camera = |name: &str, more: &str| {
        format!("[[camera]]\nname = \"{name}\"\nsource = \"{footage}\"\nrepeat = true\n{more}\n")
    };
    write(&file, &(camera("one", "") + &camera("two", "")));
    let mut command = Monitor::command();
    let monitor = Monitor::start(command.args(["--config", file.to_str().unwrap()]));
    let is = |name: &str, state: &str| (monitor.camera(name)["state"] == state).then_some(());
    until("one", || is("one", "playing"));
    until("two", || is("two", "playing"));
    let since = monitor.camera("one")["since"].clone();
    let read_again = |times: usize| {
        let said = monitor.said();
        (said.matches("monitor.toml").count() >= times).then_some(said)
    };

    // One is looked at otherwise and has another place, two goes, three comes.
    write(
        &file,
        &(camera("three", "") + &camera("one", "expected-classes = [\"person\"]")),
    );
    monitor.signal("HUP");
    until("the new file", || read_again(1));
    until("three", || is("three", "playing"));
    assert_eq!(monitor.camera("one")["since"], since, "it was started anew");
    assert!(monitor.camera("two").is_null() && monitor.get("/stream/two").status == 404);
    until("what nobody expects", || {
        let cars = "ssdcrp_events_total{camera=\"one\",kind=\"unexpected-class\"}";
        (monitor.number(cars) > 0.0).then_some(())
    });
    until("an event of the second place", || {
        let told = monitor.told();
        let is_it = |line: &str| line.contains("\"camera\":\"one\",\"stream\":2");
        told.lines().any(is_it).then_some(())
    });

    // What is wrong changes nothing.
    write(&file, &camera("one", "expected-classes = [\"persn\"]"));
    monitor.signal("HUP");
    let said = until("the complaint", || read_again(2));
    assert!(said.contains("\"person\""), "{said}");
    assert!(is("one", "playing").is_some() && is("three", "playing").is_some());
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}

#[test]
fn a_file_is_checked_with_all_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = Monitor::command();
        Monitor::run(command.arg("--check").arg("--config").arg(&file)).wait()
    };
    let gate = "[[camera]]\nname = \"gate\"\nsource = \"rtsp://viewer:swordfish@gate/1\"\n";
    let fine = check(gate);
    assert!(
        fine.status.success() && fine.told.contains("gate: rtsp://gate/1, ssdlite"),
        "{fine:?}"
    );
    assert!(!fine.told.contains("swordfish") && fine.told.contains("as it should be"));
    let doubted = check(
        "[[camera]]\nname = \"gate\"\nsource = \"rtsp//gate/1\"\n[mqtt]\naddress = \"mqtt://broker\"\n[queue]\nfolder = \"queue\"\n\
         [frigate]\nurl = \"http://nvr\"\nlabels = [\"persn\", \"dog\"]\n",
    );
    assert!(doubted.status.success(), "{doubted:?}");
    for words in ["monitor.toml:1: camera 'gate': there is no ", "persn"] {
        assert!(doubted.said.contains(words), "{doubted:?}");
    }
    assert_eq!(doubted.said.lines().count(), 2, "{doubted:?}");
    for (more, reason) in [
        ("model = \"no.onnx\"", "monitor.toml:1: camera 'gate': "),
        (
            "expected-classes = [\"persn\"]",
            "monitor.toml:4: expected-classes",
        ),
        (
            "password-file = \"no\"\nuser = \"viewer\"",
            "cannot read the secret",
        ),
        ("zones = 5", "monitor.toml:4: "),
        (
            "[evidence]\nfolder = \"monitor.toml\"",
            "monitor.toml:1: camera 'gate': evidence cannot be kept",
        ),
        (
            "[queue]\nfolder = \"monitor.toml\"\n[mqtt]\naddress = \"mqtt://broker\"",
            "monitor.toml: events cannot wait for broker or server in",
        ),
    ] {
        let wrong = check(&format!("{gate}{more}\n"));
        let (code, lines) = (wrong.status.code(), wrong.said.lines().count());
        assert!(
            (code, lines) == (Some(1), 1) && wrong.said.contains(reason),
            "{wrong:?}"
        );
        assert!(!wrong.said.contains("swordfish"));
    }
}
