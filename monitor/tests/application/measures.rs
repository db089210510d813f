//! What Prometheus reads, and what it is to do with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::cache::cached;
use super::cameras::steady;
use super::running::{Monitor, start_with, until};

fn packaged(name: &str) -> PathBuf {
    let monitor = Path::new(env!("CARGO_MANIFEST_DIR"));
    monitor.join("../packaging/monitor").join(name)
}

/// Prometheus' own tool, of Debian's package `prometheus`.
fn promtool(arguments: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, input).unwrap();
    Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::from(std::fs::File::open(file).unwrap()))
        .output()
        .expect("promtool: setup/system-packages.sh prometheus")
}

#[test]
fn prometheus_takes_the_numbers_and_they_tell_of_explanations() {
    let footage = cached("footage/vtest.avi").display().to_string();
    let mut command = Monitor::command();
    let monitor = Monitor::start(command.args([&footage, "--serve", "127.0.0.1:0"]));
    let shares = "ssdcrp_relevance_in_box_share_count{camera=\"1\",class=\"person\"}";
    until("explanations of persons", || {
        let is_counted = monitor.number(shares) >= 3.0;
        (is_counted && monitor.told().contains("\"kind\"")).then_some(())
    });
    let answer = monitor.get("/metrics");
    assert!(
        answer.head.contains("text/plain; version=0.0.4"),
        "{}",
        answer.head
    );
    let checked = promtool(&["check", "metrics"], &answer.text());
    let words = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        checked.status.success() && words.is_empty(),
        "{words}\n{}",
        answer.text()
    );

    let sum = monitor.number("ssdcrp_relevance_positive_share_sum{camera=\"1\",class=\"person\"}");
    let count =
        monitor.number("ssdcrp_relevance_positive_share_count{camera=\"1\",class=\"person\"}");
    assert!(sum > 0.0 && sum < count, "{sum} of {count}");
    let frames = monitor.number("ssdcrp_frames_total{camera=\"1\"}");
    let detected = monitor.number("ssdcrp_frames_detected_total{camera=\"1\"}");
    assert!(frames >= detected && detected > 0.0, "{frames} {detected}");
    assert!(monitor.number("ssdcrp_explanation_seconds_sum{camera=\"1\"}") > 0.0);
}

/// The names of metrics that a text speaks of.
fn named(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_name(c));
    let mut names: Vec<String> = words
        .filter(|word| word.starts_with("ssdcrp_"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn rules_and_dashboard_ask_for_numbers_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("secret"),
        "0123456789abcdef0123456789abcdef",
    )
    .unwrap();
    // Nobody is there.
    let outlets = "[mqtt]\naddress = \"mqtt://127.0.0.1:1\"\n[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret-file = \"secret\"\n";
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[evidence]\nfolder = \"evidence\"\n[queue]\nfolder = \"queue\"\n{outlets}{}",
        steady("1")
    );
    let monitor = start_with(folder.path(), &text);
    let rules = packaged("alerts.yml");
    let checked = promtool(&["check", "rules", rules.to_str().unwrap()], "");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );

    let dashboard = std::fs::read_to_string(packaged("dashboard.json")).unwrap();
    let read: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = read["panels"].as_array().unwrap();
    assert!(
        panels
            .iter()
            .all(|panel| panel["targets"][0]["expr"].is_string())
    );
    let asked = named(&(dashboard + &std::fs::read_to_string(rules).unwrap()));
    assert!(asked.len() >= 8, "{asked:?}");
    for name in asked {
        until(&name, || {
            monitor.get("/metrics").text().contains(&name).then_some(())
        });
    }
}

/// Tests of the packaged rules, in promtool's words.
fn assert_rules(interval: &str, tests: &str) {
    let rules = packaged("alerts.yml").canonicalize().unwrap();
    let test = format!(
        "rule_files: [\"{}\"]\nevaluation_interval: {interval}\ntests:\n  - interval: {interval}\n{tests}",
        rules.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yml");
    std::fs::write(&file, test).unwrap();
    let tested = promtool(&["test", "rules", file.to_str().unwrap()], "");
    let words = [tested.stdout, tested.stderr].concat();
    assert!(
        tested.status.success(),
        "{}",
        String::from_utf8_lossy(&words)
    );
}

#[test]
fn an_alarm_goes_off_when_evidence_is_lost_and_not_when_a_disk_is_slow_for_a_moment() {
    let expected = |camera: &str, outcome: &str| {
        format!(
            "          - exp_labels: {{ camera: {camera}, outcome: {outcome}, severity: warning }}\n            exp_annotations:\n              \
             summary: \"Evidence of events at {camera} is not written ({outcome})\"\n              \
             description: \"The disk is full, away, too slow or hangs; the page and the monitor's log say why.\"\n"
        )
    };
    let series = |camera: &str, outcome: &str, values: &str| {
        format!(
            "      - series: 'ssdcrp_evidence_total{{camera=\"{camera}\",outcome=\"{outcome}\"}}'\n        values: '{values}'\n"
        )
    };
    let all = [
        series("full", "failed", "0 0+1x20"),
        series("hangs", "behind", "0 0+1x20"),
        series("hangs", "kept", "7x20"),
        series("slow", "behind", "0 0 1x20"),
        series("slow", "kept", "0+1x20"),
    ];
    let tests = format!(
        "    input_series:\n{}    alert_rule_test:\n      - eval_time: 9m\n        alertname: EvidenceLost\n        exp_alerts:\n{}{}",
        all.concat(),
        expected("full", "failed"),
        expected("hangs", "behind")
    );
    assert_rules("1m", &tests);
}

#[test]
fn an_alarm_goes_off_when_a_camera_plays_for_a_moment_again_and_again() {
    // A failure each 75 seconds: it plays for 15, and waits for 60.
    assert_rules(
        "15s",
        r#"
    input_series:
      - series: 'ssdcrp_camera_failures_total{camera="gate"}'
        values: '0x4 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x4 9x4 10x4 11x4 12x4 13x4'
      - series: 'ssdcrp_camera_state{camera="gate",state="playing"}'
        values: '1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x9'
      - series: 'ssdcrp_camera_failures_total{camera="yard"}'
        values: '0x40 1x40'
      - series: 'ssdcrp_camera_state{camera="yard",state="playing"}'
        values: '1x80'
      # One that is away is lost.
      - series: 'ssdcrp_camera_failures_total{camera="road"}'
        values: '0x4 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x4 9x4 10x4 11x4 12x4 13x4'
      - series: 'ssdcrp_camera_state{camera="road",state="playing"}'
        values: '0x80'
    alert_rule_test:
      - eval_time: 16m
        alertname: CameraFails
        exp_alerts:
          - exp_labels: { camera: gate, severity: warning }
            exp_annotations:
              summary: "gate fails again and again"
              description: "12 failures in a quarter of an hour; the page and the monitor's log say why."
"#,
    );
}

#[test]
fn an_alarm_goes_off_when_events_wait_or_are_lost() {
    // A broker is away for a quarter of an hour; a server refuses two events later.
    assert_rules(
        "1m",
        r#"
    input_series:
      - series: 'ssdcrp_outlet_oldest_queued_seconds{outlet="mqtt"}'
        values: '0 0 0+60x15 0x120'
      - series: 'ssdcrp_outlet_dropped_total{outlet="webhook",reason="refused"}'
        values: '0x30 2x120'
    alert_rule_test:
      - eval_time: 5m
        alertname: OutletBehind
      - eval_time: 12m
        alertname: OutletBehind
        exp_alerts:
          - exp_labels: { outlet: mqtt, severity: warning }
            exp_annotations:
              summary: "Events have waited for mqtt for 10m 0s"
              description: "The broker or server is away or refuses; the monitor's log says why. Events are kept until the queue is full."
      - eval_time: 20m
        alertname: OutletBehind
      - eval_time: 25m
        alertname: OutletLosesEvents
      - eval_time: 35m
        alertname: OutletLosesEvents
        exp_alerts:
          - exp_labels: { outlet: webhook, reason: refused, severity: critical }
            exp_annotations:
              summary: "webhook has lost events (refused)"
"#,
    );
}

#[test]
fn an_alarm_goes_off_when_the_monitor_is_away() {
    assert_rules(
        "1m",
        r#"
    input_series:
      - series: 'ssdcrp_camera_state{camera="gate",state="playing"}'
        values: '1x10 _x20'
    alert_rule_test:
      - eval_time: 10m
        alertname: MonitorAway
      - eval_time: 20m
        alertname: MonitorAway
        exp_alerts:
          - exp_labels: { severity: critical }
            exp_annotations: { summary: "No monitor gives numbers: it is down, hangs, or its token is another one" }
"#,
    );
}

#[test]
fn a_camera_that_is_tried_again_and_again_is_lost() {
    // Every 15 seconds: a minute between two tries, each of which lasts 15 seconds. The yard is back after a minute, as it was before.
    assert_rules(
        "15s",
        r#"
    input_series:
      - series: 'ssdcrp_camera_state{camera="gate",state="playing"}'
        values: '1x4 0x40'
      - series: 'ssdcrp_camera_state{camera="gate",state="starting"}'
        values: '0x4 1 0x3 1 0x3 1 0x3 1 0x3 1 0x3 1 0x20'
      - series: 'ssdcrp_camera_state{camera="gate",state="waiting"}'
        values: '0x4 0 1x3 0 1x3 0 1x3 0 1x3 0 1x3 0 1x20'
      - series: 'ssdcrp_camera_state{camera="yard",state="playing"}'
        values: '1x4 0x3 1x40'
      - series: 'ssdcrp_camera_state{camera="yard",state="waiting"}'
        values: '0x4 1x3 0x40'
    alert_rule_test:
      - eval_time: 2m
        alertname: CameraLost
      - eval_time: 4m
        alertname: CameraLost
        exp_alerts:
          - exp_labels: { camera: gate, severity: critical }
            exp_annotations: { summary: "gate gives no pictures" }
"#,
    );
}

#[test]
fn a_camera_that_plays_without_being_looked_at_is_told() {
    // The gate's network fails after ten minutes, the yard's never runs.
    assert_rules(
        "1m",
        r#"
    input_series:
      - series: 'ssdcrp_frames_total{camera="gate"}'
        values: '0+600x60'
      - series: 'ssdcrp_frames_detected_total{camera="gate"}'
        values: '0+120x10 1200x50'
      - series: 'ssdcrp_frames_total{camera="yard"}'
        values: '0+600x60'
      - series: 'ssdcrp_frames_total{camera="roof"}'
        values: '0+600x60'
      - series: 'ssdcrp_frames_detected_total{camera="roof"}'
        values: '0+1x60'
    alert_rule_test:
      - eval_time: 9m
        alertname: NothingDetected
      - eval_time: 40m
        alertname: NothingDetected
        exp_alerts:
          - exp_labels: { camera: gate, severity: critical }
            exp_annotations: { summary: "gate plays, but its frames are not looked at" }
          - exp_labels: { camera: yard, severity: critical }
            exp_annotations: { summary: "yard plays, but its frames are not looked at" }
"#,
    );
}

#[test]
fn an_alarm_goes_off_when_relevance_leaves_the_boxes_and_not_before() {
    // For ten days 0.8 of the relevance of 60 explanations an hour lies in the boxes; at one camera 0.4 on the last day.
    assert_rules(
        "10m",
        r#"
    input_series:
      - series: 'ssdcrp_relevance_in_box_share_count{camera="gate",class="person"}'
        values: '0+10x1500'
      - series: 'ssdcrp_relevance_in_box_share_sum{camera="gate",class="person"}'
        values: '0+8x1300 10404+4x200'
      - series: 'ssdcrp_relevance_in_box_share_count{camera="yard",class="person"}'
        values: '0+10x1500'
      - series: 'ssdcrp_relevance_in_box_share_sum{camera="yard",class="person"}'
        values: '0+8x1500'
    alert_rule_test:
      - eval_time: 12900m
        alertname: ExplanationDrift
      - eval_time: 13200m
        alertname: ExplanationDrift
        exp_alerts:
          - exp_labels: { camera: gate, class: person, severity: warning }
            exp_annotations:
              summary: "The model looks beside person at gate"
              description: "40% of the relevance of person lies in its box, a quarter less than in the week before. Look at the camera's picture and at what surrounds the objects."
"#,
    );
}
