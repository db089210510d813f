//! Messages against the schemas that their readers rely on.

use std::path::Path;
use std::process::Command;

/// Lines of JSON, as `docs/schema/NAME.json` says.
pub fn assert_valid(name: &str, lines: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    std::fs::write(&file, lines).unwrap();
    // The tests of the workspace's members lie one folder deeper.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = folders.find(|folder| folder.join("docs/schema").is_dir());
    let root = root.expect("the schemas");
    // Debian's Python has what Debian's packages bring.
    let checked = Command::new("/usr/bin/python3")
        .arg("-B")
        .arg(root.join("tests/schema/validate.py"))
        .arg(root.join(format!("docs/schema/{name}.json")))
        .arg(&file)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{name}: {words}\n{lines}");
    let checked = String::from_utf8_lossy(&checked.stdout);
    let checked: usize = checked.trim().parse().unwrap();
    assert_eq!(checked, lines.lines().count());
}
