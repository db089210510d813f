//! Events as webhooks: what a server gets, and what comes of its answers.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::cameras::stirring;
use super::certificates::make_certificates;
use super::running::{Monitor, start_with, until};
use super::schema::assert_valid;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server that runs until it is dropped.
struct Receiver {
    child: Child,
    port: u16,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// It answers with these statuses, one after the other.
    fn start(statuses: &str, tls: &[&Path]) -> Self {
        let here = env!("CARGO_MANIFEST_DIR");
        let mut child = Command::new("/usr/bin/python3")
            .arg("-B")
            .arg(format!("{here}/tests/application/webhook_server.py"))
            .args([SECRET, statuses])
            .args(tls)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let requests = Arc::<Mutex<Vec<Value>>>::default();
        let kept = requests.clone();
        std::thread::spawn(move || {
            for line in lines {
                let request = serde_json::from_str(&line.unwrap()).unwrap();
                kept.lock().unwrap().push(request);
            }
        });
        Self {
            child,
            port,
            requests,
        }
    }

    fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits for so many requests.
    fn wait(&self, count: usize) -> Vec<Value> {
        until("requests", || {
            let requests = self.requests();
            (requests.len() >= count).then_some(requests)
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A monitor of one camera in which something looks wrong again and again.
fn start(folder: &Path, webhook: &str) -> Monitor {
    std::fs::write(folder.join("secret"), SECRET).unwrap();
    let camera = stirring("yard");
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[queue]\nfolder = \"queue\"\n[webhook]\nsecret-file = \"secret\"\nretry-at-most = 1\n{webhook}\n{camera}"
    );
    start_with(folder, &text)
}

fn identifiers(requests: &[Value]) -> Vec<&str> {
    let of = requests.iter().map(|request| request["id"].as_str());
    of.map(Option::unwrap).collect()
}

#[test]
fn events_are_posted_in_order_and_signed_and_failures_are_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    // A failure, no answer at all, too many, and then all is well.
    let receiver = Receiver::start("500,0,429,200", &[]);
    let url = format!("url = \"http://127.0.0.1:{}/hook?of=yard\"", receiver.port);
    let monitor = start(folder.path(), &url);
    let requests = receiver.wait(7);
    let ids = identifiers(&requests);
    assert!(ids[..4].iter().all(|id| *id == ids[0]), "{ids:?}");
    let told = until("as many events", || {
        let told = monitor.told();
        (told.lines().count() >= requests.len() - 3).then_some(told)
    });
    for (request, event) in requests[3..].iter().zip(told.lines()) {
        assert_eq!(request["body"], event);
        assert_eq!(request["is_signed"], true);
        assert_eq!(request["path"], "/hook?of=yard");
        assert_eq!(request["host"], format!("127.0.0.1:{}", receiver.port));
        assert_eq!(request["type"], "application/json");
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(request["id"], event["id"]);
        assert!(request["timestamp"].as_u64().unwrap() > 1_700_000_000);
    }
    assert_valid("event", &told);
    assert_eq!(
        monitor.number("ssdcrp_outlet_failures_total{outlet=\"webhook\"}"),
        3.0
    );
    until("what was sent", || {
        let sent = monitor.number("ssdcrp_outlet_sent_total{outlet=\"webhook\"}");
        (sent >= 4.0).then_some(())
    });
    monitor.signal("TERM");
    let ended = monitor.wait();
    for words in ["status 500", "closed without an answer", "status 429"] {
        assert!(ended.said.contains(words), "{words}: {}", ended.said);
    }
    assert!(!(ended.said + &ended.told).contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
}

#[test]
fn what_a_server_does_not_want_is_told_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Receiver::start("200", &[]);
    let redirect = format!("302:http://127.0.0.1:{}/", elsewhere.port);
    let receiver = Receiver::start(&format!("400,{redirect},200"), &[]);
    let url = format!(
        "url = \"http://localhost:{}\"\nanswers = true",
        receiver.port
    );
    let monitor = start(folder.path(), &url);
    let requests = until("an answer", || {
        let requests = receiver.requests();
        let is_answer = |id: &str| id.ends_with("-answer");
        (identifiers(&requests).iter().any(|id| is_answer(id)) && requests.len() >= 3)
            .then_some(requests)
    });
    // Each was sent once.
    let ids = identifiers(&requests);
    let once: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "{ids:?}");
    let bodies = requests.iter().map(|request| request["body"].as_str());
    let bodies: String = bodies.map(|body| format!("{}\n", body.unwrap())).collect();
    assert_valid("event", &bodies);
    let refused = "ssdcrp_outlet_dropped_total{outlet=\"webhook\",reason=\"refused\"}";
    assert_eq!(monitor.number(refused), 2.0);
    let said = monitor.said();
    assert!(
        said.contains("status 400 Bad Request; the event is not sent again"),
        "{said}"
    );
    assert!(
        said.contains("takes events again; 2 were refused"),
        "{said}"
    );
    assert!(said.contains("which is not followed"), "{said}");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_server_that_refuses_all_is_on_the_page_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("401,401,401,401,401,401,401,401,401", &[]);
    let url = format!("url = \"http://localhost:{}\"", receiver.port);
    let monitor = start(folder.path(), &url);
    let refused = "ssdcrp_outlet_dropped_total{outlet=\"webhook\",reason=\"refused\"}";
    until("three refusals", || {
        (monitor.number(refused) >= 3.0).then_some(())
    });
    let outlets = monitor.events()["outlets"].clone();
    let fault = &outlets[0];
    assert_eq!(fault["name"], "webhook");
    let reason = fault["reason"].as_str().unwrap();
    assert!(reason.contains("401"), "{reason}");
    assert!(fault["lost"].as_f64().unwrap() >= 3.0, "{fault}");
    let said = monitor.said();
    assert_eq!(said.matches("status 401").count(), 1, "{said}");
}

#[test]
fn events_wait_for_a_server_that_is_away_and_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let tls = ["localhost.pem", "localhost.key"].map(|name| folder.path().join(name));
    let receiver = Receiver::start("200", &[&tls[0], &tls[1]]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let at = |port: u16| format!("url = \"https://localhost:{port}/\"\nca-file = \"ca.pem\"");
    let monitor = start(folder.path(), &at(port));
    until("events", || {
        (monitor.told().lines().count() >= 3).then_some(())
    });
    until("the failure", || {
        monitor.said().contains("failure 1").then_some(())
    });
    monitor.signal("KILL");
    let told = monitor.wait().told;
    let _monitor = start(folder.path(), &at(receiver.port));
    let told: Vec<&str> = told.lines().collect();
    let requests = receiver.wait(told.len());
    for (request, event) in requests.iter().zip(told) {
        assert_eq!(request["body"], event);
        assert_eq!(request["is_signed"], true);
    }
}

#[test]
fn a_server_with_the_certificate_of_an_authority_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let authority = ["ca.pem", "ca.key"].map(|name| folder.path().join(name));
    let receiver = Receiver::start("200", &[&authority[0], &authority[1]]);
    let url = format!(
        "url = \"https://localhost:{}/\"\nca-file = \"ca.pem\"",
        receiver.port
    );
    let monitor = start(folder.path(), &url);
    let words = "localhost: the server shows the certificate of an authority as its own";
    until("the reason", || {
        monitor.said().contains(words).then_some(())
    });
    // The page tells it too.
    let fault = monitor.events()["outlets"][0].clone();
    assert_eq!(fault["name"], "webhook");
    assert!(
        fault["reason"].as_str().unwrap().starts_with(words),
        "{fault}"
    );
    assert!(fault["queued"].as_u64() >= Some(1), "{fault}");
}
