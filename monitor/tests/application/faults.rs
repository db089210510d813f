//! What fails beside cameras: folders of evidence.

use std::path::Path;

use super::cache::cached;
use super::running::{Monitor, until};

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
        (said
            .lines()
            .any(|line| line.contains("monitor.toml:5: camera 'one': "))
            .then_some(()))
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
