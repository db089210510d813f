//! The application: two streams, their events, its page, and a clean end.

use std::collections::BTreeSet;

use super::cache::cached;
use super::running::{Monitor, until};
use super::schema::assert_valid;

fn footage() -> String {
    let path = cached("footage/vtest.avi");
    path.to_str().unwrap().to_owned()
}

#[test]
fn it_tells_of_both_streams_shows_them_and_ends_when_it_is_told() {
    let evidence = tempfile::tempdir().unwrap();
    let footage = footage();
    let mut command = Monitor::command();
    command.args([&footage, &footage, "--serve", "127.0.0.1:0", "--evidence"]);
    let monitor = Monitor::start(command.arg(evidence.path()));

    // The van is a car, or a truck, from the first frames on.
    let streams = until("an event of both streams", || {
        let told = monitor.told();
        let events = told.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let has_words = event["words"].is_string() && event["kind"].is_string();
            assert!(has_words, "{line}");
            event["stream"].as_u64().unwrap()
        });
        let streams: BTreeSet<u64> = events.collect();
        (streams.len() == 2).then_some(streams)
    });
    assert_eq!(Vec::from_iter(streams), [1, 2]);

    let page = monitor.get("/");
    assert!(page.status == 200 && page.text().contains("What looks wrong"));
    let events = monitor.get("/events").text();
    assert!(
        events.contains("vtest.avi") && events.contains("ambiguous-class"),
        "{events}"
    );
    // With their answers, as the page has them.
    let monitored: serde_json::Value = serde_json::from_str(&events).unwrap();
    let monitored = monitored["events"].as_array().unwrap().iter();
    let monitored: String = monitored.map(|event| format!("{event}\n")).collect();
    assert_eq!(monitor.get("/stream/3").status, 404);
    let foreign = monitor.ask("/events", &[("Host", "cameras.example")], |_| false);
    assert!(
        foreign.status == 403 && !foreign.text().contains("vtest"),
        "{foreign:?}"
    );

    // Two pictures, of which the first is whole.
    let pictures =
        |answer: &[u8]| String::from_utf8_lossy(answer).matches("--picture").count() >= 2;
    let film = monitor
        .ask("/stream/2", &[("Host", "localhost")], pictures)
        .body;
    let place = |mark: [u8; 2]| film.windows(2).position(|pair| pair == mark).unwrap();
    let picture = &film[place([0xff, 0xd8])..place([0xff, 0xd9]) + 2];
    let picture = image::load_from_memory(picture).unwrap();
    assert_eq!((picture.width(), picture.height()), (768, 576));

    monitor.signal("TERM");
    let ended = monitor.wait();
    let lines = ended.said.lines().count();
    assert!(ended.status.success() && lines == 1, "{ended:?}");
    assert_valid("event", &(ended.told + &monitored));
    for stream in ["stream-1", "stream-2"] {
        let kept = ssdcrp::stream::evidence::Records::read(&evidence.path().join(stream))
            .unwrap()
            .records;
        assert!(!kept.is_empty(), "{stream}");
    }
}

#[test]
fn with_labels_that_are_numbers_it_explains_what_was_detected() {
    let folder = tempfile::tempdir().unwrap();
    let model = super::digits::model(folder.path());
    let mut command = Monitor::command();
    command.args([&footage(), "--serve", "127.0.0.1:0", "--model"]);
    let mut monitor = Monitor::start(command.arg(&model));
    // The van is a car, or a truck: classes 3 and 8, whose labels are "2" and "7".
    let (words, answer) = until("an answer", || {
        assert!(monitor.is_running(), "it ended early");
        let told = monitor.events();
        let events = told["events"].as_array().unwrap();
        let event = events
            .iter()
            .find(|event| event["kind"] == "ambiguous-class" && event["answer"].is_string())?;
        let is_there = |field: &str| event[field].is_null() == event["checked"].is_null();
        assert!(
            ["effect", "effect_of_chance"]
                .iter()
                .all(|field| is_there(field))
        );
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        Some((text("words"), text("answer")))
    });
    let labels = words.trim_end_matches('?').split_once(", or ");
    let (label, rival) = labels.unwrap_or_else(|| panic!("{words}"));
    assert!(label.parse::<usize>().is_ok(), "{words}");
    assert_eq!(answer, format!("{label} rather than {rival}"));
}

#[test]
fn what_is_no_video_ends_it_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.mp4");
    std::fs::write(&text, "no video at all").unwrap();
    for (source, reason) in [
        (text.as_path(), "no source could be played"),
        ("/no/such/film.mp4".as_ref(), "cannot read"),
    ] {
        let ended = Monitor::run(Monitor::command().arg(source)).wait();
        assert!(
            ended.status.code() == Some(1) && ended.said.contains(reason),
            "{ended:?}"
        );
    }
}

#[test]
fn a_reader_that_goes_does_not_end_it() {
    let mut command = std::process::Command::new("bash");
    command.args(["-c", "exec \"$0\" \"$@\" > >(true)"]);
    command.arg(Monitor::command().get_program());
    let mut monitor = Monitor::start(command.args([&footage(), "--serve", "127.0.0.1:0"]));
    until("the complaint", || {
        let said = monitor.said();
        said.contains("events are no longer printed").then_some(())
    });
    let told = until("a further event", || {
        let told = monitor.events();
        (told["events"].as_array()?.len() > 1).then_some(told)
    });
    assert!(monitor.is_running(), "{told}");
    assert_eq!(monitor.said().matches("no longer printed").count(), 1);
}

#[test]
fn a_reader_that_stalls_stops_neither_detection_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    // An event of everything in every frame.
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[[camera]]\nname = \"film\"\nsource = \"{}\"\nrepeat = true\n\
         events = {{ kinds = [\"low-confidence\"], low-confidence = 1, confirm = 0, cooldown = 0 }}\n",
        footage()
    );
    std::fs::write(&file, text).unwrap();
    // A pipe of 4096 bytes (F_SETPIPE_SZ), which is full after some ten events.
    let full =
        "import fcntl, os, sys; fcntl.fcntl(1, 1031, 4096); os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = std::process::Command::new("/usr/bin/python3");
    command
        .args(["-c", full])
        .arg(Monitor::command().get_program());
    let monitor = Monitor::start_unread(command.arg("--config").arg(&file));
    let events = "ssdcrp_events_total{camera=\"film\",kind=\"low-confidence\"}";
    until("many events", || {
        (monitor.number(events) > 40.0).then_some(())
    });
    let looked_at = "ssdcrp_frames_detected_total{camera=\"film\"}";
    let before = monitor.number(looked_at);
    until("more frames", || {
        (monitor.number(looked_at) > before + 5.0).then_some(())
    });
    monitor.signal("TERM");
    let ended = monitor.wait();
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        ended.said.contains("the last events are not printed"),
        "{ended:?}"
    );
}
