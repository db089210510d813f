//! Messages against the schemas that their readers rely on.

use std::process::Command;

/// Lines of JSON, as `docs/schema/NAME.json` says.
pub fn assert_valid(name: &str, lines: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    std::fs::write(&file, lines).unwrap();
    let here = env!("CARGO_MANIFEST_DIR");
    // Debian's Python has what Debian's packages bring.
    let checked = Command::new("/usr/bin/python3")
        .args(["-B", &format!("{here}/tests/application/validate.py")])
        .arg(format!("{here}/../docs/schema/{name}.json"))
        .arg(&file)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{name}: {words}\n{lines}");
    let checked = String::from_utf8_lossy(&checked.stdout);
    let checked: usize = checked.trim().parse().unwrap();
    assert_eq!(checked, lines.lines().count());
}
