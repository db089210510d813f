//! `ssdcrp report` on folders of events, as the element and the monitor write them.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use ssdcrp::stream::evidence::{EventRecord, Limits, Mark, Marks, Pictures, Store};

use crate::report::{self, between};
use crate::{photo, succeed};

const ROOMY: Limits = Limits {
    bytes: 1 << 30,
    per_minute: 10,
};

/// Keeps an event whose frame is a photo.
fn keep(store: &mut Store, line: Value, frame: &str, recorded: &str) {
    let event: EventRecord = serde_json::from_value(line).unwrap();
    let frame = std::fs::read(photo(frame)).unwrap();
    let pictures = Pictures {
        annotated: frame.clone(),
        frame,
        heatmap: None,
        fed: None,
    };
    let time = Duration::ZERO;
    (store.keep(time, recorded.to_owned(), event, &pictures)).unwrap();
}

#[test]
fn a_folder_of_events_is_reported_with_what_they_asked() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    let mut store = Store::open(&events, ROOMY).unwrap();
    let sheep = json!({"kind": "ambiguous-class", "words": "sheep, or horse?", "severity": 0.25, "class": 20,
        "default-box": 1436, "target": "class:20", "contrast": "class:19", "running-time": 1_500_000_000_u64});
    let flicker = json!({"kind": "class-flicker", "words": "sheep, a moment ago horse", "severity": 1.0, "class": 20,
        "default-box": 1436, "target": "class:20", "contrast": "class:19", "running-time": 1_500_000_000_u64});
    let wide = json!({"kind": "merge", "words": "one box of horse over two objects", "severity": 0.9, "class": 19,
        "default-box": 1406, "target": "offset:w+", "running-time": 3_000_000_000_u64,
        "explanation": {"effect": 0.1, "effect-of-chance": 0.3, "checked": false}});
    let foreign = json!({"kind": "merge", "words": "another model", "severity": 0.1, "class": 19,
        "default-box": 99_999, "target": "offset:w+"});
    // Numbers that this model has, too.
    let stranger = json!({"kind": "merge", "words": "a stranger's", "severity": 0.1, "class": 19,
        "default-box": 1406, "target": "offset:w+", "label": "elephant"});
    for (line, name) in [
        (sheep, "person.jpg"),
        (flicker, "person.jpg"),
        (wide, "horses.jpg"),
        (foreign, "dog.jpg"),
        (stranger, "horses.jpg"),
    ] {
        keep(&mut store, line, name, "today");
    }
    for (id, mark) in [(1, Mark::Worth), (3, Mark::Not)] {
        Marks::say(&events, (id, "today"), Some(mark), String::new()).unwrap();
    }
    let lines = events.join("events.jsonl");
    let text = std::fs::read_to_string(&lines).unwrap();
    std::fs::write(&lines, text + "{\"id\": 9, \"kind\": \"of tomorrow\"}\n").unwrap();
    let events = events.to_str().unwrap();
    let page = report::page_despite(
        folder.path(),
        &[events],
        3,
        "2 of 4 pictures could not be used, and 1 folder could not be read whole",
    );
    let cards = between(&page, "<article", "</article>");
    assert_eq!(
        cards.len(),
        2,
        "the two events of one frame are of one object"
    );
    // What looks worse comes first.
    for (card, kinds, question) in [
        (
            cards[0],
            "ambiguous-class class-flicker",
            "sheep rather than horse",
        ),
        (cards[1], "merge", "box wider"),
    ] {
        assert!(card.contains(&format!("data-kinds=\"{kinds}\"")), "{kinds}");
        let tiles = between(card, "<figcaption>", "</figcaption>");
        let asks = |tile: &&str| tile.contains("class=\"ask\"") && tile.contains(question);
        assert!(tiles.iter().any(asks), "{question}");
    }
    let said = between(&page, "<b class=\"mark\">", "</b>");
    assert_eq!(said, ["worth a look", "not worth a look"]);
    for (card, mark) in cards.iter().zip(["worth", "not"]) {
        assert!(card.contains(&format!("data-mark=\"{mark}\"")), "{mark}");
    }
    assert!(page.contains("<option value=\"worth\">worth a look (1)</option>"));
    assert!(cards[0].contains("000001-frame.png at 1.5 s"));
    assert!(cards[1].contains("over two objects (explained then, no better than chance)"));
    assert!(!cards[0].contains("explained then"));
    let left_out = between(&page, "left out: ", "</li>").concat();
    for reason in [
        "99999",
        "one line that is no event in ",
        "whose class 19 is &#39;elephant&#39; and not &#39;horse&#39;",
    ] {
        assert!(left_out.contains(reason), "{left_out}");
    }
}

#[test]
fn events_beyond_the_most_are_said_and_where_no_line_can_be_read_nothing_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    let mut store = Store::open(&events, ROOMY).unwrap();
    for (line, name) in [
        (sheep(), "person.jpg"),
        (wide(), "horses.jpg"),
        (sheep(), "person.jpg"),
    ] {
        keep(&mut store, line, name, "today");
    }
    drop(store);
    let named = events.to_str().unwrap();
    let json = folder.path().join("report.json");
    let most = ["--most", "1", "--json", json.to_str().unwrap()];
    let worst = report::page_without(folder.path(), &[named], &most, 1);
    assert_eq!(between(&worst, "<article", "</article>").len(), 1);
    let record: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let left_out = "2 of 3 events, those of the least severity: --most is 1";
    assert_eq!(record["left_out"], json!([left_out]));
    std::fs::write(events.join("events.jsonl"), "garbage\n").unwrap();
    let page = folder.path().join("none.html");
    let error = crate::fail(&["report", named, "-o", page.to_str().unwrap()]);
    assert!(
        error.starts_with("one line that is no event in "),
        "{error}"
    );
    assert!(!page.exists());
}

#[test]
fn photos_beside_events_are_reported_and_events_once_however_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let gate = folder.path().join("results/evidence/gate");
    keep(
        &mut Store::open(&gate, ROOMY).unwrap(),
        sheep(),
        "person.jpg",
        "today",
    );
    std::fs::copy(photo("eagle.jpg"), folder.path().join("eagle.jpg")).unwrap();
    // What the folder above is known by as one of ssdcrp annotate.
    let manifest = json!({"model": {"manifest_sha256": "00"}}).to_string();
    std::fs::write(path("results/manifest.json"), manifest).unwrap();
    let list = path("list");
    std::fs::write(&list, format!("{0}\n{0}/gate\n", path("results/evidence"))).unwrap();
    let json = path("report.json");
    let more = ["--json", &json, "--explain", "0"];
    let whole = folder.path().to_str().unwrap().to_owned();
    let (pattern, list) = (path("results/e*"), format!("@{list}"));
    let [gate, evidence] = ["results/evidence/gate", "results/evidence"].map(path);
    let [whole, gate, evidence, pattern, list] =
        [&whole, &gate, &evidence, &pattern, &list].map(String::as_str);
    let frame = "000001-frame.png at 1.5 s";
    for (inputs, photos) in [
        (&[whole][..], &[frame, "eagle.jpg"][..]),
        (&[evidence, gate, evidence], &[frame]),
        (&[pattern], &[frame]),
        (&[list], &[frame]),
    ] {
        report::page(folder.path(), inputs, &more);
        let record: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        let items = record["items"].as_array().unwrap().iter();
        let found: Vec<&str> = items.map(|item| item["photo"].as_str().unwrap()).collect();
        assert_eq!(found, photos, "{inputs:?}");
    }
}

#[test]
fn events_are_reported_however_deep_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    for (stream, time) in [("live", "today"), ("2026/11/30/gate", "yesterday")] {
        let mut store = Store::open(&evidence.join(stream), ROOMY).unwrap();
        keep(&mut store, sheep(), "person.jpg", time);
    }
    let page = report::page(
        folder.path(),
        &[evidence.to_str().unwrap()],
        &["--explain", "0"],
    );
    for stream in ["live", "gate"] {
        let filter = format!("<option value=\"{stream}\">{stream} (1)</option>");
        assert!(page.contains(&filter), "{stream}");
    }
}

#[test]
fn a_link_brings_no_file_from_elsewhere_into_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    std::fs::create_dir(&events).unwrap();
    let line = |id: u64| {
        json!({"id": id, "recorded": "today", "frame": "", "annotated": "", "heatmap": null, "kind": "merge",
        "words": "one box of horse over two objects", "severity": 0.9, "class": 19, "default-box": 1406, "target": "offset:w+"})
    };
    let lines = format!("{}\n{}\n", line(1), line(2));
    std::fs::write(events.join("events.jsonl"), lines).unwrap();
    std::os::unix::fs::symlink(photo("person.jpg"), events.join("000001-frame.png")).unwrap();
    std::fs::copy(photo("horses.jpg"), events.join("000002-frame.png")).unwrap();
    let named = events.to_str().unwrap();
    let page = report::page_despite(
        folder.path(),
        &[named],
        1,
        "1 of 2 pictures could not be used",
    );
    assert_eq!(between(&page, "<article", "</article>").len(), 1);
    let left_out = between(&page, "left out: ", "</li>").concat();
    assert!(
        left_out.contains("000001-frame.png: it is a link out of the folder"),
        "{left_out}"
    );
}

fn sheep() -> Value {
    json!({"kind": "ambiguous-class", "words": "sheep, or horse?", "severity": 0.25, "class": 20,
        "default-box": 1436, "target": "class:20", "contrast": "class:19", "running-time": 1_500_000_000_u64})
}

fn wide() -> Value {
    json!({"kind": "merge", "words": "one box of horse over two objects", "severity": 0.9, "class": 19,
        "default-box": 1406, "target": "offset:w+", "running-time": 1_500_000_000_u64})
}

#[test]
fn a_folder_of_several_streams_is_taken_whole_with_stream_and_time_on_each_card() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    let open = |stream: &str| Store::open(&evidence.join(stream), ROOMY).unwrap();
    // The two frames have the same number and the same time of the stream.
    keep(
        &mut open("gate"),
        sheep(),
        "person.jpg",
        "2026-11-30T04:38:51Z",
    );
    keep(
        &mut open("yard"),
        wide(),
        "horses.jpg",
        "2026-11-30T05:00:00Z",
    );
    drop(open("quiet"));
    let json = folder.path().join("report.json");
    let more = ["--json", json.to_str().unwrap()];
    let page = report::page(folder.path(), &[evidence.to_str().unwrap()], &more);
    let cards = between(&page, "<article", "</article>");
    assert_eq!(cards.len(), 2);
    for (card, words) in [
        (
            cards[0],
            "yard, 2026-11-30T05:00:00Z, 000001-frame.png at 1.5 s",
        ),
        (
            cards[1],
            "gate, 2026-11-30T04:38:51Z, 000001-frame.png at 1.5 s",
        ),
    ] {
        assert!(card.contains(words), "{words}");
    }
    assert!(page.contains("<option value=\"gate\">gate (1)</option>"));
    let text = std::fs::read_to_string(json).unwrap();
    crate::schema::assert_valid("report", &text);
    let report: Value = serde_json::from_str(&text).unwrap();
    let streams: Vec<&str> = (report["items"].as_array().unwrap().iter())
        .map(|item| item["stream"].as_str().unwrap())
        .collect();
    assert_eq!(streams, ["yard", "gate"]);
    assert_eq!(report["items"][0]["recorded"], "2026-11-30T05:00:00Z");
    // Of all streams together the worst.
    let worst = report::page_without(
        folder.path(),
        &[evidence.to_str().unwrap()],
        &["--most", "1"],
        1,
    );
    assert_eq!(between(&worst, "<article", "</article>").len(), 1);
    assert!(worst.contains("yard, "));
}

#[test]
fn where_no_event_was_kept_nothing_looked_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    for stream in ["gate", "yard"] {
        drop(Store::open(&evidence.join(stream), ROOMY).unwrap());
    }
    let page = folder.path().join("report.html");
    let [json, csv] = ["report.json", "report.csv"].map(|name| folder.path().join(name));
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let (page, json, csv) = (name(&page), name(&json), name(&csv));
    for folder in [evidence.clone(), evidence.join("gate")] {
        let folder = name(&folder);
        let said = succeed(&[
            "report", &folder, "-o", &page, "--json", &json, "--csv", &csv,
        ]);
        assert!(
            said.starts_with("nothing looked wrong: no event was kept; written: "),
            "{said}"
        );
        let page = std::fs::read_to_string(&page).unwrap();
        assert!(page.contains("Nothing looked wrong: no event was kept."));
        crate::schema::assert_valid("report", &std::fs::read_to_string(&json).unwrap());
        let rows = std::fs::read_to_string(&csv).unwrap();
        assert_eq!(rows.lines().count(), 1, "the names of the columns: {rows}");
    }
}
