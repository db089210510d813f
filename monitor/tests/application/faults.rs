//! What fails beside cameras: networks in mid-run, folders of evidence and of queues.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::broker::Broker;
use super::cache::cached;
use super::cameras::stirring;
use super::running::{Monitor, until};

/// A library made of a C source of this repository; `source` is its path from the monitor's folder.
fn compiled(source: &str, folder: &Path) -> PathBuf {
    let library = folder.join("faulty.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .arg("-ldl")
        .status();
    assert!(compiled.unwrap().success(), "no C compiler");
    library
}

#[test]
fn networks_that_fail_are_told_each_time_while_the_camera_plays() {
    let folder = tempfile::tempdir().unwrap();
    let library = compiled("../plugin/tests/element/faulty_runtime.c", folder.path());
    let real = std::env::var("ORT_DYLIB_PATH")
        .expect("ORT_DYLIB_PATH names ONNX Runtime, as make test sets it");
    let fault = folder.path().join("fault");
    let file = folder.path().join("monitor.toml");
    let footage = cached("footage/vtest.avi").display().to_string();
    let broker = Broker::start(folder.path(), "allow_anonymous true");
    let listener = broker.listen("listener");
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[queue]\nfolder = \"queue\"\n[mqtt]\naddress = \"mqtt://127.0.0.1:{}\"\n\
         [[camera]]\nname = \"film\"\nsource = \"{footage}\"\nrepeat = true\n",
        broker.port
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Monitor::command();
    command.arg("--config").arg(&file);
    command
        .env("ORT_DYLIB_PATH", &library)
        .env("REAL_RUNTIME", real);
    let monitor = Monitor::start(command.env("FAULT", &fault));

    let looked_at = "ssdcrp_frames_detected_total{camera=\"film\"}";
    let more = || {
        let before = monitor.number(looked_at);
        until("more frames", || {
            (monitor.number(looked_at) > before + 2.0).then_some(())
        });
    };
    more();
    let said = || monitor.said().matches("the device is lost").count();
    // What the broker keeps of the camera.
    let kept = |what: &str, is_it: fn(&serde_json::Value) -> bool| {
        until(what, || {
            let states = listener.heard("/camera/film/state");
            is_it(&states.last()?.json()).then_some(())
        });
    };
    for _ in 0..2 {
        let before = said();
        std::fs::write(&fault, "").unwrap();
        let camera = until("the reason", || {
            let camera = monitor.camera("film");
            camera["reason"].is_string().then_some(camera)
        });
        assert_eq!(camera["state"], "playing");
        let reason = camera["reason"].as_str().unwrap();
        assert!(reason.contains("the device is lost"), "{reason}");
        assert!(said() > before, "it is not said again");
        kept("the reason at the broker", |state| {
            let reason = state["reason"].as_str().unwrap_or_default();
            state["availability"] == "online" && reason.contains("the device is lost")
        });
        std::fs::remove_file(&fault).unwrap();
        more();
        until("an end of it", || {
            monitor.camera("film")["reason"].is_null().then_some(())
        });
        kept("its end at the broker", |state| state["reason"].is_null());
    }
}

#[test]
fn a_camera_whose_file_never_opens_holds_up_neither_a_reload_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let library = compiled("tests/application/hanging_open.c", folder.path());
    let file = folder.path().join("monitor.toml");
    let footage = cached("footage/vtest.avi");
    std::fs::copy(&footage, folder.path().join("never-answers.avi")).unwrap();
    let write = |hanging: &[&str]| {
        let camera = |name: &str, source: &str| {
            format!("[[camera]]\nname = \"{name}\"\nsource = \"{source}\"\nrepeat = true\n")
        };
        let others = hanging.iter().map(|name| camera(name, "never-answers.avi"));
        let text = format!(
            "[page]\naddress = \"127.0.0.1:0\"\n{}{}",
            camera("good", footage.to_str().unwrap()),
            others.collect::<String>()
        );
        std::fs::write(&file, text).unwrap();
    };
    write(&["one", "two"]);
    let mut command = Monitor::command();
    command.arg("--config").arg(&file);
    let monitor = Monitor::start(command.env("LD_PRELOAD", &library));
    let looked_at = "ssdcrp_frames_detected_total{camera=\"good\"}";
    let more = || {
        let before = monitor.number(looked_at);
        until("more frames", || {
            (monitor.number(looked_at) > before + 2.0).then_some(())
        });
    };
    more();
    assert_eq!(monitor.camera("one")["state"], "starting");
    write(&["two"]);
    monitor.signal("HUP");
    until("the new file", || {
        monitor.said().contains("read again").then_some(())
    });
    assert!(
        monitor
            .said()
            .contains("one: the camera's thread has not ended"),
        "{}",
        monitor.said()
    );
    more();
    monitor.signal("TERM");
    let ended = monitor.wait();
    assert!(ended.status.success(), "{}", ended.said);
    assert!(
        ended
            .said
            .contains("two: the camera's thread has not ended"),
        "{}",
        ended.said
    );
}

/// Two cameras whose evidence is kept in a folder.
fn write(file: &Path, evidence: &str, more: &str) {
    let footage = cached("footage/vtest.avi").display().to_string();
    let camera = |name: &str, more: &str| {
        format!("[[camera]]\nname = \"{name}\"\nsource = \"{footage}\"\nrepeat = true\n{more}\n")
    };
    let cameras = camera("one", "") + &camera("two", more);
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[evidence]\nfolder = \"{evidence}\"\n{cameras}"
    );
    std::fs::write(file, text).unwrap();
}

#[test]
fn a_folder_of_evidence_that_cannot_be_used_costs_no_other_camera() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    // In the place of a folder.
    let obstacle = folder.path().join("evidence/two");
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    std::fs::write(&obstacle, "").unwrap();
    write(&file, "evidence", "");
    let monitor = Monitor::start(Monitor::command().arg("--config").arg(&file));
    let is = |name: &str, state: &str| (monitor.camera(name)["state"] == state).then_some(());
    let read_again = || {
        let before = monitor.said().matches("read again").count();
        monitor.signal("HUP");
        until("the new file", || {
            (monitor.said().matches("read again").count() > before).then_some(())
        });
    };
    until("one", || is("one", "playing"));
    until("two", || is("two", "failed"));
    let reason = monitor.camera("two")["reason"].to_string();
    assert!(
        reason.contains("monitor.toml:10: camera 'two': cannot make"),
        "{reason}"
    );
    let failed = "ssdcrp_camera_state{camera=\"two\",state=\"failed\"}";
    assert_eq!(monitor.number(failed), 1.0);

    let since = |name: &str| monitor.camera(name)["since"].clone();
    let one = since("one");
    std::fs::remove_file(&obstacle).unwrap();
    read_again();
    until("two", || is("two", "playing"));
    let two = since("two");

    // A mistake changes nothing.
    write(&file, "monitor.toml", "");
    monitor.signal("HUP");
    until("the mistake", || {
        let said = monitor.said();
        let mut lines = said.lines();
        lines
            .any(|line| line.contains("monitor.toml:5: camera 'one': "))
            .then_some(())
    });
    assert_eq!([since("one"), since("two")], [one.clone(), two]);

    // A camera that is connected anew takes its folder over.
    write(&file, "evidence", "frame-timeout = 20");
    read_again();
    until("two again", || is("two", "playing"));
    let kept = folder.path().join("evidence/two/events.jsonl");
    until("evidence", || {
        let kept = std::fs::read_to_string(&kept).unwrap_or_default();
        (!kept.is_empty()).then_some(())
    });
    assert_eq!(since("one"), one);

    // Another folder is another place for all.
    write(&file, "elsewhere", "");
    read_again();
    for name in ["one", "two"] {
        until(name, || is(name, "playing"));
        assert!(folder.path().join("elsewhere").join(name).is_dir());
    }
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
}

#[test]
fn evidence_that_cannot_be_written_is_on_the_page_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    write(&file, "evidence", "");
    let monitor = Monitor::start(Monitor::command().arg("--config").arg(&file));
    let series = |outcome: &str| {
        monitor.number(&format!(
            "ssdcrp_evidence_total{{camera=\"two\",outcome=\"{outcome}\"}}"
        ))
    };
    until("evidence", || (series("kept") > 0.0).then_some(()));
    assert_eq!(series("failed"), 0.0);
    assert!(monitor.camera("two")["evidence"].is_null());

    // As a disk that is gone: nothing can be written where a file is in the place of the folder.
    let kept = folder.path().join("evidence/two");
    std::fs::rename(&kept, folder.path().join("away")).unwrap();
    std::fs::write(&kept, "").unwrap();
    let fault = until("the loss of two", || {
        let fault = monitor.camera("two")["evidence"].clone();
        (fault["lost"].as_u64()? >= 2).then_some(fault)
    });
    let reason = fault["reason"].as_str().unwrap();
    assert!(reason.contains("cannot keep an event"), "{reason}");
    assert!(monitor.camera("one")["evidence"].is_null());
    assert!(series("failed") >= 2.0);
    let said = || monitor.said().matches("two: events are missing").count();
    assert_eq!(said(), 1, "{}", monitor.said());
    let events = monitor.events()["events"].clone();
    let without = events.as_array().unwrap().iter().find_map(|event| {
        let why = event["no_evidence"].as_str()?;
        Some((event["id"].as_str()?.to_owned(), why.to_owned()))
    });
    let (id, why) = without.expect("an event says why it has no pictures");
    assert!(why.contains("cannot keep an event"), "{why}");
    let page = monitor.get(&format!("/event/{id}")).text();
    assert!(
        page.contains("No pictures are kept of it: events are missing"),
        "{page}"
    );

    std::fs::remove_file(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    until("an end of it", || {
        let said = monitor.said();
        let mut lines = said.lines();
        lines
            .any(|line| line.contains("two: evidence is kept again; that of"))
            .then_some(())
    });
    assert!(monitor.camera("two")["evidence"].is_null());
}

#[test]
fn a_page_whose_port_is_taken_costs_no_camera() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let text = format!("[page]\naddress = \"{address}\"\n{}", stirring("yard"));
    std::fs::write(&file, text).unwrap();
    let mut monitor = Monitor::run(Monitor::command().arg("--config").arg(&file));
    until("an event", || monitor.told().contains("yard").then_some(()));
    let said = monitor.said();
    assert!(said.contains("cannot serve the page at"), "{said}");
    drop(other);
    monitor.address = address;
    until("the page", || {
        monitor.said().contains("monitor: http://").then_some(())
    });
    assert_eq!(monitor.get("/events").status, 200);
    // Whoever asks for it on the command line is told at once.
    let footage = cached("footage/vtest.avi").display().to_string();
    let mut command = Monitor::command();
    command.args([&footage, "--serve", &monitor.address]);
    let ended = Monitor::run(&mut command).wait();
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn a_queue_that_cannot_be_used_costs_no_camera_and_at_a_reload_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    let secret = "0123456789abcdef0123456789abcdef";
    std::fs::write(folder.path().join("secret"), secret).unwrap();
    // Nobody takes the events: they wait.
    let write = |page: &str, queue: &str, more: &str| {
        let text = format!(
            "[page]\naddress = \"127.0.0.1:0\"\n{page}[queue]\nfolder = \"{queue}\"\n\
             [webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret-file = \"secret\"\n{more}{}",
            stirring("yard")
        );
        std::fs::write(&file, text).unwrap();
    };
    // In the place of a folder.
    write("", "secret", "");
    let monitor = Monitor::start(Monitor::command().arg("--config").arg(&file));
    let says = |words: &str, times: usize| {
        until(words, || {
            (monitor.said().matches(words).count() >= times).then_some(())
        });
    };
    let reaches = |series: &str, least: f64| {
        until(series, || (monitor.number(series) >= least).then_some(()));
    };
    until("the camera", || {
        (monitor.camera("yard")["state"] == "playing").then_some(())
    });
    says("webhook: cannot keep a queue in", 1);
    reaches("ssdcrp_outlet_failures_total{outlet=\"webhook\"}", 1.0);
    reaches(
        "ssdcrp_outlet_dropped_total{outlet=\"webhook\",reason=\"disk\"}",
        1.0,
    );

    write("", "queue", "");
    monitor.signal("HUP");
    let queued = "ssdcrp_outlet_queued{outlet=\"webhook\"}";
    reaches(queued, 2.0);

    // All of this is another way, and none of it counts.
    let broker = "[mqtt]\naddress = \"mqtt://127.0.0.1:1\"\n";
    write("token-file = \"secret\"\n", "secret", broker);
    monitor.signal("HUP");
    says("cannot keep a queue in", 2);
    assert_eq!(
        monitor.get("/events").status,
        200,
        "the page is another one"
    );
    assert!(!monitor.said().contains("mqtt: 127.0.0.1:1"));
    reaches(queued, monitor.number(queued) + 2.0);

    // What waits goes along.
    let before = monitor.number(queued);
    write("", "elsewhere", "");
    monitor.signal("HUP");
    says("monitor.toml: read again", 2);
    assert!(monitor.number(queued) >= before && folder.path().join("elsewhere/webhook").is_dir());
    assert_eq!(
        monitor.number("ssdcrp_outlet_dropped_total{outlet=\"webhook\",reason=\"full\"}"),
        0.0
    );
    assert!(!monitor.said().contains("no longer names"));
}
