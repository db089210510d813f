//! `ssdcrp annotate`: which program it becomes, and with which arguments. What that does is tried in its own package.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A folder with the command alone in it.
fn installed() -> tempfile::TempDir {
    // Beside the build, so that no file is copied.
    let command = Path::new(env!("CARGO_BIN_EXE_ssdcrp"));
    let folder = tempfile::tempdir_in(command.parent().unwrap()).unwrap();
    fs::hard_link(command, folder.path().join("ssdcrp")).unwrap();
    folder
}

#[test]
fn it_becomes_the_program_beside_it_and_hands_on_all_arguments() {
    let folder = installed();
    let program = folder.path().join("ssdcrp-annotate");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for (given, handed) in [
        (
            &["annotate", "a.mp4", "-o", "out", "--set", "x=1"][..],
            "a.mp4\n-o\nout\n--set\nx=1\n",
        ),
        (
            &["--model", "m.onnx", "annotate", "a.mp4", "--threads", "2"],
            "--model\nm.onnx\na.mp4\n--threads\n2\n",
        ),
        (
            &["annotate", "--threads=3", "a.mp4"],
            "--threads=3\na.mp4\n",
        ),
        (&["annotate", "--help"], "--help\n"),
        (&["--quiet", "annotate", "a.mp4"], "--quiet\na.mp4\n"),
    ] {
        let output = Command::new(folder.path().join("ssdcrp"))
            .args(given)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), handed, "{given:?}");
        assert_eq!(output.status.code(), Some(7));
    }
}

#[test]
fn without_the_program_it_says_where_it_comes_from() {
    let folder = installed();
    let mut command = Command::new(folder.path().join("ssdcrp"));
    let output = command
        .args(["annotate", "a.mp4"])
        .env("PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("annotate needs ssdcrp-annotate") && error.contains("make install"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn verbs_for_photos_say_what_decodes_videos_where_it_is_missing() {
    let footage = super::cached("footage/vtest.avi");
    let footage = footage.to_str().unwrap();
    let folder = installed();
    for verb in ["detect", "explain", "diagnose", "evaluate"] {
        let mut command = Command::new(folder.path().join("ssdcrp"));
        command.args([verb, footage]).env("PATH", folder.path());
        let error = super::failure(&command.output().unwrap());
        assert!(
            error.contains("it is a video (AVI): it needs ssdcrp-annotate")
                && error.contains("make install"),
            "{verb}: {error}"
        );
    }
}
