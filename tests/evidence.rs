//! The folder of evidence when its writer is killed: nothing in it is broken, and the next writer goes on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use image::{Rgb, RgbImage};
use ssdcrp::geometry::Size;
use ssdcrp::overlay::Scene;
use ssdcrp::stream::evidence::{EventRecord, Limits, Pictures, Records, Store};

const FOLDER: &str = "SSDCRP_TEST_EVIDENCE";
const KILLS: u64 = 50;

fn event(number: u64) -> EventRecord {
    let line = format!(
        r#"{{"kind":"merge","words":"event {number}","severity":0.5,"class":1,"default-box":9,"target":"offset:w+","number":{number}}}"#
    );
    serde_json::from_str(&line).unwrap()
}

/// Of noise, which makes large files.
fn pictures(seed: u64) -> Pictures {
    let mut state = seed | 1;
    let frame = RgbImage::from_fn(160, 120, |_, _| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Rgb([
            (state >> 56) as u8,
            (state >> 48) as u8,
            (state >> 40) as u8,
        ])
    });
    let scene = Scene {
        caption: Some("killed"),
        ..Scene::empty(Size::new(160, 120), 1.0)
    };
    Pictures::new(frame, &scene, None).unwrap()
}

/// Not a test by itself: the process that is killed.
#[test]
#[ignore = "writes without an end, for the test below"]
fn writer() {
    let folder = std::env::var_os(FOLDER).expect("the test below sets it");
    let limits = Limits {
        bytes: 1_500_000,
        per_minute: usize::MAX,
    };
    let mut store = Store::open(Path::new(&folder), limits).unwrap();
    for number in 0.. {
        let time = Duration::from_secs(number);
        (store.keep(time, String::new(), event(number), &pictures(number))).unwrap();
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL. Who has ended already cannot be killed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn last_id(folder: &Path) -> u64 {
    let kept = Records::read(folder).unwrap_or_default();
    kept.records.last().map_or(0, |record| record.id)
}

#[test]
fn killed_at_any_moment_it_leaves_nothing_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut before = 0;
    for kill in 0..KILLS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "--ignored", "writer"])
            .env(FOLDER, path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut writer = Killed(command.spawn().unwrap());
        while last_id(path) <= before {
            assert!(writer.0.try_wait().unwrap().is_none(), "it cannot go on");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Somewhere within the next few events.
        std::thread::sleep(Duration::from_micros(kill * 7919 % 40_000));
        drop(writer);

        let records = Records::read(path).unwrap().records;
        let lines = fs::read_to_string(path.join("events.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), records.len(), "a line is broken");
        let ids: Vec<u64> = records.iter().map(|record| record.id).collect();
        assert!(ids.is_sorted() && ids.last() > Some(&before), "{ids:?}");
        before = last_id(path);
        for record in &records {
            for name in [&record.frame, &record.annotated] {
                image::open(path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
        for entry in fs::read_dir(path).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "png") {
                image::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            }
        }
    }
    // The next one takes away what was left over.
    let limits = Limits {
        bytes: u64::MAX,
        per_minute: 1,
    };
    let store = Store::open(path, limits).unwrap();
    let named: BTreeSet<String> = (Records::read(path).unwrap().records.into_iter())
        .flat_map(|record| [record.frame, record.annotated])
        .collect();
    assert_eq!(2 * store.len(), named.len());
    let there = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let there = there.map(|name| name.to_string_lossy().into_owned());
    let left: Vec<String> = there.filter(|name| !named.contains(name)).collect();
    assert_eq!(
        BTreeSet::from_iter(left),
        [".lock", "events.jsonl"].map(str::to_owned).into()
    );
}
