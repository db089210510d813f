//! The service: what systemd is told, and what is installed for it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cache::cached;
use super::running::{Monitor, until};

#[test]
fn systemd_is_told_of_start_life_reload_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let footage = cached("footage/vtest.avi").display().to_string();
    let file = folder.path().join("monitor.toml");
    let camera = format!("[[camera]]\nname = \"film\"\nsource = \"{footage}\"\nrepeat = true\n");
    std::fs::write(
        &file,
        format!("[page]\naddress = \"127.0.0.1:0\"\n{camera}"),
    )
    .unwrap();
    let name = folder.path().join("notify");
    let socket = UnixDatagram::bind(&name).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut command = Monitor::command();
    let command = command.arg("--config").arg(&file);
    let monitor = Monitor::start(command.env("NOTIFY_SOCKET", &name));
    let comes = |word: &str| {
        until(word, || {
            let mut told = [0; 256];
            let length = socket.recv(&mut told).ok()?;
            let told = String::from_utf8_lossy(&told[..length]).into_owned();
            told.lines().any(|line| line == word).then_some(told)
        })
    };
    // Models take their time.
    let busy = comes("EXTEND_TIMEOUT_USEC=120000000");
    assert!(busy.contains("WATCHDOG=1"), "{busy}");
    let ready = comes("READY=1");
    assert!(ready.contains("STATUS=1 camera"), "{ready}");
    comes("WATCHDOG=1");
    comes("WATCHDOG=1");
    monitor.signal("HUP");
    comes("RELOADING=1");
    comes("READY=1");
    comes("WATCHDOG=1");
    monitor.signal("TERM");
    comes("STOPPING=1");
    assert!(monitor.wait().status.success());
}

#[test]
fn what_is_installed_can_be_used_and_leaves_a_configuration_alone() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/monitor/install.sh");
    let install = || {
        let mut command = Command::new(&script);
        let status = command.arg(folder.path()).args(["/usr", "/etc"]).status();
        assert!(status.unwrap().success());
    };
    install();
    let example = folder.path().join("etc/ssdcrp/monitor.toml");
    let checked = Monitor::run(
        Monitor::command()
            .arg("--check")
            .arg("--config")
            .arg(&example),
    );
    let checked = checked.wait();
    assert!(checked.status.success(), "{checked:?}");

    // What is commented out there is right as well.
    let text = std::fs::read_to_string(&example).unwrap();
    let told = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(line) if line.contains(" = ") || line.starts_with(['[', ' ', ']']) => line,
        _ => line,
    });
    let told: Vec<&str> = told.collect();
    let whole = told.join("\n").replace("address = \"0.0.0.0:8080\"\n", "");
    let all = folder.path().join("etc/ssdcrp/all.toml");
    let here = folder.path().display();
    let secrets = whole
        .replace("/etc/ssdcrp/", &format!("{here}/"))
        .replace("/var/lib/", &format!("{here}/"));
    for name in ["token", "gate.password", "mqtt.password", "webhook.secret"] {
        let secret = "0123456789abcdef0123456789abcdef";
        std::fs::write(folder.path().join(name), secret).unwrap();
    }
    std::fs::write(&all, secrets).unwrap();
    let checked = Monitor::run(Monitor::command().arg("--check").arg("--config").arg(&all)).wait();
    assert!(
        checked.status.success() && checked.told.contains("yard"),
        "{checked:?}"
    );

    std::fs::write(&example, "of the owner").unwrap();
    install();
    assert_eq!(std::fs::read_to_string(&example).unwrap(), "of the owner");
    let unit = folder
        .path()
        .join("usr/lib/systemd/system/ssdcrp-monitor.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let starts = "ExecStart=/usr/bin/ssdcrp-monitor --config /etc/ssdcrp/monitor.toml";
    assert!(
        unit.contains(starts) && !unit.contains("@PREFIX@"),
        "{unit}"
    );
}

#[test]
fn systemd_takes_the_unit_and_finds_it_well_guarded() {
    let folder = tempfile::tempdir().unwrap();
    let unit =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/monitor/ssdcrp-monitor.service");
    let text = std::fs::read_to_string(unit).unwrap();
    // What it starts has to be there.
    let program = env!("CARGO_BIN_EXE_ssdcrp-monitor");
    let text = text.replace("@PREFIX@/bin/ssdcrp-monitor", program);
    let unit = folder.path().join("ssdcrp-monitor.service");
    std::fs::write(&unit, text).unwrap();
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        let done = command.args(arguments).arg(&unit).output();
        let done = done.expect("systemd-analyze: setup/system-packages.sh systemd");
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{arguments:?}: {words}");
        words
    };
    let complaints = analyze(&["verify"]);
    assert!(!complaints.contains("ssdcrp-monitor"), "{complaints}");
    // Of 100, where 100 is no guard at all; it was 19 with systemd 252.
    analyze(&["security", "--offline=true", "--threshold=25"]);
}

#[test]
fn its_page_and_completions_name_every_option() {
    let program = env!("CARGO_BIN_EXE_ssdcrp-monitor");
    super::manual::check("ssdcrp-monitor", program, &[]);
}
