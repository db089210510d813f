//! The application: two streams, their events, its page, and a clean end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

#[path = "../../tests/cache/mod.rs"]
mod cache;
#[path = "../../tests/digits/mod.rs"]
mod digits;

use cache::cached;

fn footage() -> String {
    let path = cached("footage/vtest.avi");
    path.to_str().unwrap().to_owned()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Who has ended already cannot be killed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The answer's head and as much of its body as `enough` wants.
fn get(address: &str, path: &str, host: &str, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !enough(&answer) {
        match stream.read(&mut part).unwrap() {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    answer
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

#[test]
fn it_tells_of_both_streams_shows_them_and_ends_when_it_is_told() {
    let evidence = tempfile::tempdir().unwrap();
    let footage = footage();
    let child = Command::new(env!("CARGO_BIN_EXE_ssdcrp-monitor"))
        .args([&footage, &footage, "--serve", "127.0.0.1:0", "--evidence"])
        .arg(evidence.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Running(child);
    let mut complaints = BufReader::new(child.0.stderr.take().unwrap());
    let mut line = String::new();
    complaints.read_line(&mut line).unwrap();
    let address = line.trim().trim_start_matches("monitor: http://");
    let address = address.trim_end_matches('/').to_owned();

    // The van is a car, or a truck, from the first frames on.
    let mut told = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut streams = std::collections::BTreeSet::new();
    while streams.len() < 2 {
        let line = told.next().expect("an event").unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            event["words"].is_string() && event["kind"].is_string(),
            "{line}"
        );
        streams.insert(event["stream"].as_u64().unwrap());
    }
    assert_eq!(Vec::from_iter(streams), [1, 2]);

    let whole = |_: &[u8]| false;
    let page = text(&get(&address, "/", "localhost", whole));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("What looks wrong"));
    let events = text(&get(&address, "/events", &address, whole));
    assert!(
        events.contains("vtest.avi") && events.contains("ambiguous-class"),
        "{events}"
    );
    let missing = text(&get(&address, "/stream/3", "localhost", whole));
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
    let foreign = text(&get(&address, "/events", "cameras.example", whole));
    assert!(
        foreign.starts_with("HTTP/1.1 403") && !foreign.contains("vtest"),
        "{foreign}"
    );

    // Two pictures, of which the first is whole.
    let pictures = |answer: &[u8]| text(answer).matches("--picture").count() >= 2;
    let film = get(&address, "/stream/2", "localhost", pictures);
    let start = film
        .windows(2)
        .position(|pair| pair == [0xff, 0xd8])
        .unwrap();
    let end = film
        .windows(2)
        .position(|pair| pair == [0xff, 0xd9])
        .unwrap()
        + 2;
    let picture = image::load_from_memory(&film[start..end]).unwrap();
    assert_eq!((picture.width(), picture.height()), (768, 576));

    let kill = Command::new("kill")
        .args(["-TERM", &child.0.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let ended = child.0.wait().unwrap();
    let mut rest = String::new();
    complaints.read_to_string(&mut rest).unwrap();
    assert!(ended.success() && rest.is_empty(), "{ended}: {rest}");
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
    let model = digits::model(folder.path());
    let child = Command::new(env!("CARGO_BIN_EXE_ssdcrp-monitor"))
        .args([&footage(), "--serve", "127.0.0.1:0", "--model"])
        .arg(&model)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Running(child);
    let mut line = String::new();
    let mut complaints = BufReader::new(child.0.stderr.take().unwrap());
    complaints.read_line(&mut line).unwrap();
    let address = line.trim().trim_start_matches("monitor: http://");
    let address = address.trim_end_matches('/').to_owned();
    // The van is a car, or a truck: classes 3 and 8, whose labels are "2" and "7".
    let (words, answer) = loop {
        let told = text(&get(&address, "/events", "localhost", |_| false));
        let body = told.split("\r\n\r\n").nth(1).unwrap();
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        let events = told["events"].as_array().unwrap();
        let answered = events
            .iter()
            .find(|event| event["kind"] == "ambiguous-class" && event["answer"].is_string());
        if let Some(event) = answered {
            let is_there = |field: &str| event[field].is_null() == event["checked"].is_null();
            assert!(
                ["effect", "effect_of_chance"]
                    .iter()
                    .all(|field| is_there(field))
            );
            let text = |field: &str| event[field].as_str().unwrap().to_owned();
            break (text("words"), text("answer"));
        }
        assert!(child.0.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    let labels = words.trim_end_matches('?').split_once(", or ");
    let (label, rival) = labels.unwrap_or_else(|| panic!("{words}"));
    assert!(label.parse::<usize>().is_ok(), "{words}");
    assert_eq!(answer, format!("{label} rather than {rival}"));
}
