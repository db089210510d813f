//! Frigate's events, explained: a stand-in that speaks its messages, at a real broker.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::broker::{Broker, Heard, Listener};
use super::cache::cached;
use super::cameras::steady;
use super::running::{Monitor, start_with, until};
use super::schema::assert_valid;

const OPEN: &str = "allow_anonymous true";
/// Of the dog in the photo of 768x576 pixels, and a square around it.
const DOG: [f64; 4] = [130.0, 220.0, 310.0, 545.0];
const AROUND_DOG: [f64; 4] = [40.0, 176.0, 440.0, 576.0];
/// The truck behind it.
const TRUCK: [f64; 4] = [465.0, 75.0, 690.0, 172.0];

/// The stand-in, until it is dropped.
struct Frigate {
    child: Child,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Frigate {
    fn start(folder: &Path, model_hash: &str) -> Self {
        let photo = image::open(cached("photos/dog.jpg")).unwrap();
        assert_eq!((photo.width(), photo.height()), (768, 576));
        let [png, webp, small] =
            ["photo.png", "photo.webp", "small.jpg"].map(|name| folder.join(name));
        photo.save(&png).unwrap();
        photo.save(&webp).unwrap();
        photo.crop_imm(0, 0, 300, 300).save(&small).unwrap();
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/application/frigate_server.py"
        );
        let mut child = Command::new("/usr/bin/python3")
            .args(["-B", script])
            .arg(cached("photos/dog.jpg"))
            .args([&png, &webp, &small])
            .arg(model_hash)
            .arg(folder.join("release"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = asked.clone();
        std::thread::spawn(move || {
            for line in lines {
                kept.lock().unwrap().push(line.unwrap());
            }
        });
        Self { child, port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Frigate {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A message of `frigate/events` for a camera and the width of its pictures; boxes in pixels of 768x576, and the snapshot's time.
fn camera_message(
    (camera, width): (&str, f64),
    (phase, id, label): (&str, &str, &str),
    (rect, region): ([f64; 4], Option<[f64; 4]>),
    frame_time: f64,
) -> Value {
    let scaled = |rect: [f64; 4]| rect.map(|edge| edge * width / 768.0);
    let state = json!({
        "id": id, "camera": camera, "frame_time": 1_607_123_962.5, "label": label, "sub_label": null,
        "snapshot": {"frame_time": frame_time, "box": scaled(rect), "area": 12728, "region": region.map(scaled),
            "score": 0.78, "attributes": []},
        "top_score": 0.96, "false_positive": false, "start_time": 1_607_123_955.5, "end_time": null, "score": 0.79,
        "box": [1, 2, 30, 40], "area": 23744, "ratio": 2.1, "region": [0, 0, 320, 320], "stationary": false,
        "current_zones": ["driveway"], "entered_zones": ["yard"], "thumbnail": null, "has_snapshot": true,
        "has_clip": false, "active": true, "path_data": [[[0.5, 0.5], 1_607_123_961.5]],
    });
    json!({"type": phase, "before": state, "after": state})
}

/// The same of the front door, as the documentation has it.
fn message(phase: &str, id: &str, label: &str, rect: [f64; 4], region: Option<[f64; 4]>) -> Value {
    let (camera, told, place) = (("front_door", 1280.0), (phase, id, label), (rect, region));
    camera_message(camera, told, place, 1_607_123_961.5)
}

fn configuration(broker: &Broker, frigate: &Frigate, more: &str) -> String {
    format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[queue]\nfolder = \"queue\"\n\
         [mqtt]\naddress = \"mqtt://127.0.0.1:{}\"\nretry-at-most = 1\n\
         [frigate]\nurl = \"http://127.0.0.1:{}/base\"\ninterval = 0\nevent-interval = 0\n{more}\n",
        broker.port, frigate.port
    )
}

/// Waits until the monitor listens for the nth time.
fn listens(monitor: &Monitor, times: usize) {
    until("that it listens", || {
        let said = monitor.said();
        (said.matches("frigate: listens to").count() >= times).then_some(())
    });
}

/// Waits for the answer to an event.
fn answer(listener: &Listener, id: &str) -> Value {
    camera_answer(listener, "front_door", id)
}

fn camera_answer(listener: &Listener, camera: &str, id: &str) -> Value {
    let heard = listener.wait(&format!("ssdcrp/frigate/{camera}/{id}"), |_| true);
    assert!(heard.qos == 1 && !heard.is_retained, "{heard:?}");
    heard.json()
}

/// The answer to the dog, with its region.
fn names_what_explained(told: &Value) {
    let explanation = &told["explanation"];
    assert!(explanation["overlap"].as_f64() >= Some(0.5), "{told}");
    assert_eq!(
        (&explanation["label"], &told["phase"]),
        (&json!("dog"), &json!("new"))
    );
    assert!(explanation["effect"].is_number(), "it is checked: {told}");
    assert!(told["words"].as_str().unwrap().starts_with("dog"), "{told}");
    let snapshot = &told["snapshot"];
    assert_eq!(
        (&snapshot["width"], &snapshot["is_clean"]),
        (&json!(768), &json!(true))
    );
    let left = snapshot["box"][0].as_f64().unwrap();
    assert!((left - 130.0 / 768.0).abs() < 1e-3, "{told}");
    // Nobody knows whether Frigate's file is of the same network.
    let expected = json!({"name": "ssdlite_mobilenet_v2_coco", "raised_the_event": "not known"});
    assert_eq!(told["network"], expected);
    assert_eq!(
        told["frigate"]["model"],
        "/openvino-model/ssdlite_mobilenet_v2.xml"
    );
    assert_eq!(told["frigate"]["detectors"], json!(["openvino"]));
    assert_eq!(told["frigate"]["model_hash"], "1111");
}

/// The picture is the part that the network was fed, and the answer lies beside it.
fn shows_what_was_fed(told: &Value, pictures: &Path) {
    let picture = told["picture"].as_str().unwrap();
    assert_eq!(picture, "front_door-now-1-new-1607123961.500.png");
    let picture = image::open(pictures.join(picture)).unwrap();
    assert_eq!((picture.width(), picture.height()), (400, 400));
    let kept = std::fs::read(pictures.join("front_door-now-1-new-1607123961.500.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), *told);
}

#[test]
fn alarms_are_explained_beside_them_and_what_cannot_be_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path(), OPEN);
    let frigate = Frigate::start(folder.path(), "1111");
    let listener = broker.listen("listener");
    std::fs::write(folder.path().join("token"), "a token of this test\n").unwrap();
    let more = "folder = \"pictures\"\ntoken-file = \"token\"";
    // With a camera of its own, whose networks it shares.
    let text = configuration(&broker, &frigate, more) + &steady("gate");
    let monitor = start_with(folder.path(), &text);
    listens(&monitor, 1);
    let tell = |phase: &str, id: &str, label: &str, rect, region| {
        let message = message(phase, id, label, rect, region).to_string();
        broker.say("frigate/events", &message);
        answer(&listener, id)
    };

    let told = tell("new", "now-1", "dog", DOG, Some(AROUND_DOG));
    names_what_explained(&told);
    shows_what_was_fed(&told, &folder.path().join("pictures"));

    // Without a region the whole picture is looked at.
    let told = tell("new", "now-2", "dog", DOG, None);
    assert_eq!(told["snapshot"]["region"], json!([0.0, 0.0, 1.0, 1.0]));
    assert_eq!(told["explanation"]["label"], "dog");
    let told = tell("new", "now-3", "truck", TRUCK, None);
    assert_eq!(told["explanation"]["label"], "truck");

    let why = |told: &Value| told["unexplained"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        why(&tell("new", "now-4", "unicorn", DOG, None)),
        "no such class"
    );
    let told = tell("new", "now-5", "person", [600.0, 400.0, 700.0, 560.0], None);
    assert_eq!(why(&told), "not seen");
    assert_eq!(
        why(&tell("new", "now-6", "dog", [3.0; 4], None)),
        "no place"
    );

    // What is saved of an object that is gone.
    for (id, is_clean) in [("over-1", false), ("clean-1", true), ("newer-1", true)] {
        let told = tell("end", id, "dog", DOG, Some(AROUND_DOG));
        assert_eq!(told["snapshot"]["is_clean"], is_clean, "{told}");
        assert_eq!(told["explanation"]["label"], "dog");
    }
    assert_eq!(
        tell("new", "late-1", "dog", DOG, None)["explanation"]["label"],
        "dog"
    );

    for (answer, times) in [("explained", 7.0), ("not seen", 1.0), ("no place", 1.0)] {
        let series =
            format!("ssdcrp_frigate_answers_total{{camera=\"front_door\",answer=\"{answer}\"}}");
        assert_eq!(monitor.number(&series), times, "{series}");
    }
    let asked = frigate.asked();
    assert!(
        asked
            .iter()
            .all(|line| line.ends_with(" Bearer a token of this test"))
    );
    assert!(
        asked.iter().all(|line| line.starts_with("/base/api/")),
        "{asked:?}"
    );
    let said = monitor.said();
    assert!(!said.contains("a token of this test"), "{said}");
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
    let answers = listener.heard("").into_iter();
    let answers = answers.filter(|heard: &Heard| heard.topic.starts_with("ssdcrp/frigate/"));
    let lines: String = answers.map(|heard| heard.message + "\n").collect();
    assert_eq!(lines.lines().count(), 10);
    assert_valid("frigate", &lines);
}

#[test]
fn a_server_that_misbehaves_and_strange_messages_keep_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path(), OPEN);
    let frigate = Frigate::start(folder.path(), "");
    let listener = broker.listen("listener");
    let text = configuration(&broker, &frigate, "timeout = 1");
    // Nothing but Frigate's events is to be watched.
    let monitor = start_with(folder.path(), &text);
    listens(&monitor, 1);
    let tell = |id: &str| {
        let message = message("new", id, "dog", DOG, None).to_string();
        broker.say("frigate/events", &message);
    };
    for strange in ["", "no JSON", "[1]", "{\"type\": \"new\"}"] {
        broker.say("frigate/events", strange);
    }
    tell("../../../etc/passwd");
    for (id, reason, words) in [
        ("moved-1", "no snapshot", "redirects are not followed"),
        ("gone-1", "no snapshot", "status 404"),
        ("silent-1", "no snapshot", "no answer for 1 s"),
        ("endless-1", "no snapshot", ""),
        ("cropped-1", "no place", "crops"),
        ("text-1", "no snapshot", "neither JPEG nor PNG"),
        ("cut-1", "no snapshot", "cut off"),
    ] {
        tell(id);
        let told = answer(&listener, id);
        assert_eq!(told["unexplained"], reason, "{id}: {told}");
        assert!(
            told["words"].as_str().unwrap().contains(words),
            "{id}: {told}"
        );
    }
    tell("now-1");
    assert_eq!(answer(&listener, "now-1")["explanation"]["label"], "dog");
    let message = camera_message(("attic", 768.0), ("new", "now-2", "dog"), (DOG, None), 1.5);
    broker.say("frigate/events", &message.to_string());
    let told = camera_answer(&listener, "attic", "now-2");
    assert_eq!(told["unexplained"], "no configuration", "{told}");
    // Whoever may publish names any camera, and a metric stays.
    let unknown = "ssdcrp_frigate_answers_total{camera=\"unknown\",answer=\"no configuration\"}";
    assert_eq!(monitor.number(unknown), 1.0);
    let metrics = monitor.get("/metrics").text();
    assert!(!metrics.contains("attic"), "{metrics}");
    let said = monitor.said();
    assert_eq!(said.matches("told once an hour").count(), 1, "{said}");
    assert!(!frigate.asked().iter().any(|asked| asked.contains("passwd")));
    assert!(listener.heard("passwd").is_empty());
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}

#[test]
fn it_goes_on_after_the_broker_was_away_and_explains_what_is_asked_for_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(folder.path(), OPEN);
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/ssdlite_mobilenet_v2_coco.onnx");
    let hash = Command::new("md5sum").arg(&model).output().unwrap().stdout;
    let hash = String::from_utf8(hash).unwrap()[..32].to_owned();
    let frigate = Frigate::start(folder.path(), &hash);
    let listener = broker.listen("listener");
    let more = format!("model = \"{}\"\ntopic = \"nvr/a\"", model.display());
    let monitor = start_with(folder.path(), &configuration(&broker, &frigate, &more));
    listens(&monitor, 1);
    let tell = |broker: &Broker, id: &str, label: &str| {
        let message = message("new", id, label, DOG, None).to_string();
        broker.say("nvr/a/events", &message);
    };
    broker.kill();
    until("that it is missed", || {
        monitor.said().contains("frigate: 127.0.0.1:").then_some(())
    });
    broker.again();
    listens(&monitor, 2);
    tell(&broker, "now-1", "dog");
    let told = answer(&listener, "now-1");
    // Frigate says that it has the very same file.
    assert_eq!(told["network"]["raised_the_event"], "yes", "{told}");
    assert!(told["picture"].is_null() && told["explanation"].is_object());

    // Once it is read again, dogs are no matter.
    let fewer = configuration(&broker, &frigate, &format!("{more}\nlabels = [\"person\"]"));
    std::fs::write(folder.path().join("monitor.toml"), fewer).unwrap();
    monitor.signal("HUP");
    listens(&monitor, 3);
    tell(&broker, "now-2", "dog");
    tell(&broker, "now-3", "person");
    assert_eq!(answer(&listener, "now-3")["unexplained"], "not seen");
    assert!(listener.heard("now-2").is_empty());
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}

#[test]
fn events_of_frigate_that_wait_are_answered_by_another_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path(), OPEN);
    let frigate = Frigate::start(folder.path(), "");
    let listener = broker.listen("listener");
    let write = |interval: u32, more: &str| {
        let interval = format!("\ninterval = {interval}\n");
        let text = configuration(&broker, &frigate, more).replace("\ninterval = 0\n", &interval);
        std::fs::write(folder.path().join("monitor.toml"), &text).unwrap();
        text
    };
    // After the first answer the others wait.
    let monitor = start_with(folder.path(), &write(3600, ""));
    listens(&monitor, 1);
    for (id, label, place) in [
        ("now-1", "dog", DOG),
        ("now-2", "dog", DOG),
        ("now-3", "truck", TRUCK),
        ("now-4", "dog", DOG),
    ] {
        let message = message("new", id, label, place, None).to_string();
        broker.say("frigate/events", &message);
    }
    answer(&listener, "now-1");
    // All have come once the broker has told another listener of the last one.
    listener.wait("frigate/events", |heard| {
        heard.json()["after"]["id"] == "now-4"
    });
    write(0, "labels = [\"dog\"]");
    monitor.signal("HUP");
    for id in ["now-2", "now-4"] {
        assert!(answer(&listener, id)["explanation"].is_object());
    }
    let said = monitor.said();
    assert!(
        said.contains("1 of its events that wait are left out"),
        "{said}"
    );
    assert!(listener.heard("now-3").is_empty());
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}

#[test]
fn the_box_belongs_to_the_picture_that_it_is_drawn_on() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path(), OPEN);
    let frigate = Frigate::start(folder.path(), "");
    let listener = broker.listen("listener");
    let text =
        configuration(&broker, &frigate, "").replace("event-interval = 0", "event-interval = 60");
    let monitor = start_with(folder.path(), &text);
    listens(&monitor, 1);
    let tell = |message: &Value| broker.say("frigate/events", &message.to_string());

    // The size of a camera's pictures is set anew.
    for (width, id) in [(640.0, "now-1"), (768.0, "now-2")] {
        let told = (("side", width), ("new", id, "dog"));
        tell(&camera_message(told.0, told.1, (DOG, None), 1.5));
        let told = camera_answer(&listener, "side", id);
        assert_eq!(told["explanation"]["label"], "dog", "{told}");
        let left = told["snapshot"]["box"][0].as_f64().unwrap();
        assert!((left - 130.0 / 768.0).abs() < 1e-3, "{told}");
    }

    // A better snapshot is found while one is asked for: its box is taken.
    let (camera, elsewhere) = (("front_door", 1280.0), [600.0, 400.0, 700.0, 560.0]);
    let held = |phase, rect, time| {
        tell(&camera_message(
            camera,
            (phase, "held-1", "dog"),
            (rect, None),
            time,
        ));
    };
    held("new", elsewhere, 1.5);
    until("that its snapshot is asked for", || {
        let asked = frigate.asked();
        let is_it = |line: &String| line.contains("held-1/snapshot");
        asked.iter().any(is_it).then_some(())
    });
    held("update", DOG, 2.5);
    // Messages come in order: when this was read, so was the one before it.
    broker.say("frigate/events", "no JSON");
    until("that all is read", || {
        monitor.said().contains("left out").then_some(())
    });
    std::fs::write(folder.path().join("release"), "").unwrap();
    let told = answer(&listener, "held-1");
    assert_eq!(
        (&told["phase"], &told["frame_time"]),
        (&json!("update"), &json!(2.5))
    );
    assert_eq!(told["explanation"]["label"], "dog", "{told}");
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}
