//! Events, states and detections at a real broker: one that is away, one that refuses, one that is encrypted; and the monitor that is killed meanwhile.

use std::path::Path;
use std::process::Command;

use super::broker::{Broker, Heard, Listener};
use super::cameras::{steady, stirring};
use super::certificates::make_certificates;
use super::running::{Monitor, start_with, until};
use super::schema::assert_valid;

const OPEN: &str = "allow_anonymous true";

/// Writes a configuration, and starts a monitor with it.
fn start(folder: &Path, mqtt: &str, cameras: &str) -> Monitor {
    start_with(folder, &configuration(mqtt, "", cameras))
}

fn write(folder: &Path, mqtt: &str, cameras: &str) {
    std::fs::write(
        folder.join("monitor.toml"),
        configuration(mqtt, "", cameras),
    )
    .unwrap();
}

fn configuration(mqtt: &str, queue: &str, cameras: &str) -> String {
    format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[queue]\nfolder = \"queue\"\n{queue}\n[mqtt]\nretry-at-most = 1\n{mqtt}\n{cameras}"
    )
}

fn address(broker: &Broker) -> String {
    format!("address = \"mqtt://127.0.0.1:{}\"", broker.port)
}

/// Identifiers of what was printed.
fn told(monitor: &Monitor) -> Vec<String> {
    let told = monitor.told();
    told.lines().map(identifier).collect()
}

fn identifier(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    event["id"].as_str().unwrap().to_owned()
}

/// Identifiers of the events that came, without those that came twice.
fn came(listener: &Listener) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let events = listener.heard("/event").into_iter();
    let all = events.map(|heard| identifier(&heard.message));
    all.filter(|id| seen.insert(id.clone())).collect()
}

fn says(heard: &Heard, field: &str, value: &str) -> bool {
    !heard.message.is_empty() && heard.json()[field] == value
}

#[test]
fn events_answers_states_and_detections_arrive_as_their_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path(), OPEN);
    let listener = broker.listen("first");
    let mqtt = format!("{}\ndetections-interval = 0.2", address(&broker));
    let monitor = start(folder.path(), &mqtt, &(steady("gate") + &stirring("yard")));
    let monitor_says = |listener: &Listener, state: &str| {
        listener.wait("ssdcrp/monitor", |heard| says(heard, "state", state))
    };
    assert_eq!(monitor_says(&listener, "online").qos, 1);
    listener.wait("/camera/gate/state", |heard| {
        says(heard, "availability", "online")
    });
    let event = listener.wait("/camera/yard/event", |_| true);
    assert!(event.qos == 1 && !event.is_retained, "{event:?}");
    let answer = listener.wait("/camera/yard/answer", |_| true);
    let detections = listener.wait("/camera/gate/detections", |heard| {
        !heard.json()["detections"].as_array().unwrap().is_empty()
    });
    assert!(detections.qos == 0 && !detections.is_retained);
    // The answer is that of an event.
    let id = answer.json()["id"].clone();
    listener.wait("/camera/yard/event", |heard| heard.json()["id"] == id);

    let retained = broker.listen("second");
    let state = retained.wait("/camera/gate/state", |_| true);
    assert!(state.is_retained && says(&state, "availability", "online"));
    assert!(monitor_says(&retained, "online").is_retained);
    until("what was sent", || {
        let sent = monitor.number("ssdcrp_outlet_sent_total{outlet=\"mqtt\"}");
        (sent >= 2.0).then_some(())
    });

    // Killed, it says nothing, and the broker speaks for it.
    monitor.signal("KILL");
    monitor_says(&retained, "offline");
    drop(monitor);
    let monitor = start(folder.path(), &mqtt, &steady("gate"));
    let after_kill = broker.listen("third");
    monitor_says(&after_kill, "online");
    // What a camera was that is no more is forgotten.
    retained.wait("/camera/yard/state", |heard| heard.message.is_empty());
    monitor.signal("TERM");
    monitor_says(&after_kill, "offline");
    let ended = monitor.wait();
    assert!(ended.status.success(), "{ended:?}");

    for (schema, ending) in [
        ("event", "/event"),
        ("event", "/answer"),
        ("camera", "/state"),
        ("detections", "/detections"),
        ("monitor", "ssdcrp/monitor"),
    ] {
        let lines = listener.heard(ending).into_iter();
        let lines = lines.filter(|heard| !heard.message.is_empty());
        let lines: String = lines.map(|heard| heard.message + "\n").collect();
        assert!(!lines.is_empty());
        assert_valid(schema, &lines);
    }
}

#[test]
fn no_event_is_lost_while_the_broker_is_away_and_the_monitor_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(folder.path(), OPEN);
    let listener = broker.listen("patient");
    let mqtt = address(&broker);
    let monitor = start(folder.path(), &mqtt, &stirring("yard"));
    let arrive = |told: &[String]| {
        until("all events in their order", || {
            let came = came(&listener);
            assert!(
                came.iter().zip(told).all(|(came, told)| came == told),
                "{came:?} of {told:?}"
            );
            (came.len() >= told.len()).then_some(())
        });
    };
    let more_than = |monitor: &Monitor, count: usize| {
        until("more events", || {
            let told = told(monitor);
            (told.len() > count).then_some(told)
        })
    };
    arrive(&more_than(&monitor, 2));

    // What it was sent and has not confirmed is sent again.
    broker.freeze();
    let before = told(&monitor).len();
    more_than(&monitor, before + 3);
    broker.kill();
    let before = told(&monitor).len();
    more_than(&monitor, before + 3);
    let queued = monitor.number("ssdcrp_outlet_queued{outlet=\"mqtt\"}");
    let waited = monitor.number("ssdcrp_outlet_oldest_queued_seconds{outlet=\"mqtt\"}");
    assert!(queued >= 6.0 && waited > 0.0, "{queued} {waited}");
    broker.again();
    arrive(&told(&monitor));
    let failures = monitor.number("ssdcrp_outlet_failures_total{outlet=\"mqtt\"}");
    assert!(failures >= 1.0, "{failures}");

    broker.kill();
    let before = told(&monitor).len();
    more_than(&monitor, before + 3);
    monitor.signal("KILL");
    let all: Vec<String> = monitor.wait().told.lines().map(identifier).collect();
    // The last ones may have been queued and not printed.
    let monitor = start(folder.path(), &mqtt, &steady("yard"));
    until("what waits", || {
        monitor
            .said()
            .contains("messages of before wait")
            .then_some(())
    });
    broker.again();
    until("the queue to be empty", || {
        (monitor.number("ssdcrp_outlet_queued{outlet=\"mqtt\"}") == 0.0).then_some(())
    });
    until("the last event", || {
        came(&listener).contains(all.last()?).then_some(())
    });
    let came = came(&listener);
    let run = |id: &String| id.split('-').next().unwrap().to_owned();
    let first = run(&all[0]);
    let of_first: Vec<_> = came.into_iter().filter(|id| run(id) == first).collect();
    assert!(of_first.starts_with(&all), "{of_first:?} {all:?}");
    for reason in ["full", "disk", "refused"] {
        let series = format!("ssdcrp_outlet_dropped_total{{outlet=\"mqtt\",reason=\"{reason}\"}}");
        assert_eq!(monitor.number(&series), 0.0);
    }
}

#[test]
fn of_a_queue_that_is_full_the_newest_events_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(folder.path(), OPEN);
    let listener = broker.listen("late");
    broker.publish("ready");
    listener.wait("ready", |_| true);
    broker.kill();
    let full = configuration(&address(&broker), "events = 3", &stirring("yard"));
    let monitor = start_with(folder.path(), &full);
    until("what is dropped", || {
        let dropped = "ssdcrp_outlet_dropped_total{outlet=\"mqtt\",reason=\"full\"}";
        (monitor.number(dropped) >= 2.0).then_some(())
    });
    assert!(monitor.said().contains("the queue is full"));
    assert_eq!(monitor.number("ssdcrp_outlet_queued{outlet=\"mqtt\"}"), 3.0);
    broker.again();
    until("that it is empty again", || {
        let said = monitor.said();
        (said.contains("the queue is empty again")).then_some(())
    });
    let first = listener.wait("/event", |_| true);
    assert_ne!(identifier(&first.message), told(&monitor)[0]);
}

#[test]
fn a_wrong_password_is_told_and_tried_again_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&users)
        .args(["monitor", "right-of-this-test"])
        .status();
    assert!(made.unwrap().success());
    let more = format!("allow_anonymous false\npassword_file {}", users.display());
    let broker = Broker::start(folder.path(), &more);
    let secret = folder.path().join("password");
    std::fs::write(&secret, "wrong-of-this-test\n").unwrap();
    let mqtt = format!(
        "{}\nuser = \"monitor\"\npassword-file = \"password\"",
        address(&broker)
    );
    let monitor = start(folder.path(), &mqtt, &steady("gate"));
    until("two refusals", || {
        let said = monitor.said();
        let refusals = said.matches("the broker refuses user and password").count();
        (refusals >= 2).then_some(())
    });
    let page = monitor.get("/events").text() + &monitor.get("/metrics").text();
    std::fs::write(&secret, "right-of-this-test\n").unwrap();
    monitor.signal("HUP");
    let login = ["-u", "monitor", "-P", "right-of-this-test"];
    let listener = broker.listen_as("listener", &login);
    listener.wait("ssdcrp/monitor", |heard| says(heard, "state", "online"));
    listener.wait("/camera/gate/state", |heard| {
        says(heard, "availability", "online")
    });
    monitor.signal("TERM");
    let ended = monitor.wait();
    assert!(ended.said.contains("mqtt: connected to"), "{ended:?}");
    for text in [page, ended.said, ended.told] {
        assert!(!text.contains("of-this-test"), "{text}");
    }
}

#[test]
fn an_encrypted_broker_is_trusted_by_its_authority_and_knows_the_monitor_by_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (authority, certificate, key) = (file("ca.pem"), file("monitor.pem"), file("monitor.key"));
    let more = format!(
        "allow_anonymous true\ncafile {authority}\ncertfile {}\nkeyfile {}\nrequire_certificate true",
        file("localhost.pem"),
        file("localhost.key")
    );
    let broker = Broker::start(folder.path(), &more);
    let at = |host: &str| format!("address = \"mqtts://{host}:{}\"\n", broker.port);
    let own = "certificate-file = \"monitor.pem\"\nkey-file = \"monitor.key\"\n";
    let trusting = "ca-file = \"ca.pem\"\n";
    let monitor = start(folder.path(), &(at("localhost") + own), &steady("gate"));
    let refused = |count: usize, words: &str| {
        until(words, || {
            (monitor.said().matches(words).count() >= count).then_some(())
        });
    };
    // The system does not know the authority.
    refused(1, "invalid peer certificate: UnknownIssuer");
    // Another broker has the certificate of the authority for its own.
    let more = format!(
        "allow_anonymous true\ncertfile {authority}\nkeyfile {}",
        file("ca.key")
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let wrong = Broker::start(elsewhere.path(), &more);
    let at_wrong = format!(
        "address = \"mqtts://localhost:{}\"\n{own}{trusting}",
        wrong.port
    );
    write(folder.path(), &at_wrong, &steady("gate"));
    monitor.signal("HUP");
    refused(1, "shows the certificate of an authority as its own");
    // It is another computer's certificate.
    write(
        folder.path(),
        &(at("127.0.0.1") + own + trusting),
        &steady("gate"),
    );
    monitor.signal("HUP");
    refused(1, "certificate not valid for name");
    write(
        folder.path(),
        &(at("localhost") + own + trusting),
        &steady("gate"),
    );
    monitor.signal("HUP");
    let tls = [
        "--cafile",
        &authority,
        "--cert",
        &certificate,
        "--key",
        &key,
    ];
    let listener = broker.listen_as("listener", &tls);
    listener.wait("/camera/gate/state", |heard| {
        says(heard, "availability", "online")
    });
    assert!(monitor.said().contains("mqtt: connected to localhost"));
}

#[test]
fn home_assistant_finds_the_cameras_and_forgets_those_that_go() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path(), OPEN);
    let mqtt = format!(
        "{}\ntopic = \"site/a\"\nhome-assistant = \"ha\"",
        address(&broker)
    );
    let monitor = start(folder.path(), &mqtt, &(steady("gate") + &steady("yard")));
    let listener = broker.listen("first");
    let config = |entity: &str| {
        let ending = format!("_{entity}/config");
        let heard = listener.wait(&ending, |heard| heard.topic.contains("gate"));
        (heard.topic.clone(), heard.json())
    };
    let (topic, online) = config("online");
    assert_eq!(topic, "ha/binary_sensor/site_sa_c_gate_online/config");
    let (topic, event) = config("event");
    assert_eq!(topic, "ha/event/site_sa_c_gate_event/config");
    let (topic, explanation) = config("explanation");
    assert_eq!(topic, "ha/sensor/site_sa_c_gate_explanation/config");
    for entity in [&online, &event, &explanation] {
        assert_eq!(entity["device"]["identifiers"][0], "site_sa_c_gate");
        assert_eq!(entity["device"]["name"], "gate");
        assert_eq!(entity["availability"][0]["topic"], "site/a/monitor");
        assert!(entity["origin"]["name"].is_string() && entity["unique_id"].is_string());
    }
    // What is named there is what is sent.
    let state = online["state_topic"].as_str().unwrap();
    listener.wait(state, |heard| says(heard, "availability", "online"));
    let topic = event["state_topic"].as_str().unwrap();
    let raised = listener.wait(topic, |_| true).json();
    let kinds = event["event_types"].as_array().unwrap();
    assert!(kinds.contains(&raised["kind"]), "{raised}");
    listener.wait(explanation["state_topic"].as_str().unwrap(), |_| true);

    write(folder.path(), &mqtt, &steady("gate"));
    monitor.signal("HUP");
    for ending in [
        "yard_online/config",
        "yard_event/config",
        "camera/yard/state",
    ] {
        listener.wait(ending, |heard| heard.message.is_empty());
    }
    let later = broker.listen("second");
    later.wait("gate_online/config", |heard| heard.is_retained);
    later.wait("site/a/monitor", |_| true);
    assert!(later.heard("yard_online/config").is_empty());
}
