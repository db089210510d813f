//! Connections to brokers that take what they are sent and do not confirm it as they should, and which address is asked.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::send;
use super::*;
use crate::delivery::Deliveries;
use crate::outbox::Outbox;
use crate::queue::QueueLimits;
use patience::until;

#[path = "../../../../tests/patience/mod.rs"]
mod patience;

/// More than may be on their way.
const EVENTS: usize = WINDOW + 8;

/// What a broker says of each message that it gets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Confirms {
    Nothing,
    AllButTheFirst,
    /// A message that it was not sent.
    Another(u16),
    /// As if it were of QoS 2.
    Half,
}

/// A packet: its kind, and its bytes behind the length.
fn packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let byte = |stream: &mut TcpStream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).map(|()| byte[0])
    };
    let kind = byte(stream)? >> 4;
    let (mut length, mut shift) = (0, 0);
    loop {
        let part = byte(stream)?;
        length |= usize::from(part & 0x7f) << shift;
        shift += 7;
        if part < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

/// One connection, until it is closed: messages with QoS 1 are told, and each is confirmed, or as `confirms` says.
fn serve(
    stream: &mut TcpStream,
    confirms: Option<Confirms>,
    told: impl Fn(String),
) -> std::io::Result<()> {
    let mut is_first = true;
    loop {
        let (kind, body) = packet(stream)?;
        match kind {
            1 => stream.write_all(&[0x20, 2, 0, 0])?,
            3 => {
                let topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                let number = [body[topic], body[topic + 1]];
                told(String::from_utf8(body[topic + 2..].to_vec()).unwrap());
                let was_first = std::mem::take(&mut is_first);
                let (answer, [high, low]) = match confirms {
                    Some(Confirms::Nothing) => continue,
                    Some(Confirms::AllButTheFirst) if was_first => continue,
                    Some(Confirms::Another(number)) => (0x40, number.to_be_bytes()),
                    Some(Confirms::Half) => (0x50, number),
                    Some(Confirms::AllButTheFirst) | None => (0x40, number),
                };
                stream.write_all(&[answer, 2, high, low])?;
            }
            12 => stream.write_all(&[0xd0, 0])?,
            _ => {}
        }
    }
}

/// A broker whose first connection confirms so. Those after it, once there may be others, confirm as they should, and tell of events.
fn broker(confirms: Confirms, told: Sender<String>, may_go_on: Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = serve(&mut stream, Some(confirms), |_| {});
        drop(stream);
        let _ = may_go_on.recv();
        for stream in listener.incoming() {
            let tell = |message: String| {
                if message.contains("\"id\"") {
                    let _ = told.send(message);
                }
            };
            let _ = serve(&mut stream.unwrap(), None, tell);
        }
    });
    port
}

fn plan(port: u16) -> MqttPlan {
    MqttPlan {
        host: "127.0.0.1".to_owned(),
        port,
        tls: None,
        login: None,
        client_id: "test".to_owned(),
        topic: "ssdcrp".to_owned(),
        detections_interval: None,
        retry_at_most: Duration::from_millis(10),
        home_assistant: None,
    }
}

/// What the page is told.
fn fault(deliveries: &Deliveries) -> Option<Value> {
    let faults = json!(deliveries.faults());
    faults.get(0).cloned()
}

#[test]
fn a_broker_that_does_not_confirm_is_left_and_gets_all_of_it_later() {
    for (confirms, words) in [
        (Confirms::Nothing, "for 1 s the broker has not confirmed"),
        (Confirms::AllButTheFirst, "for 1 s the broker has not"),
        (Confirms::Half, "for 1 s the broker has not confirmed"),
        (Confirms::Another(60), "which it was not sent"),
        (Confirms::Another(0), "which it was not sent"),
        (Confirms::Another(u16::MAX), "which it was not sent"),
    ] {
        let (tell, told) = channel();
        let (go_on, may_go_on) = channel();
        let plan = plan(broker(confirms, tell, may_go_on));
        let folder = TempDir::new().unwrap();
        let limits = QueueLimits {
            texts: 2 * EVENTS,
            bytes: 1 << 20,
        };
        let deliveries = Deliveries::default();
        let outbox = Outbox::open("mqtt", folder.path(), limits, &deliveries);
        let outbox = Arc::new(outbox.unwrap());
        deliveries.watch("mqtt", &outbox.queue);
        let events: Vec<String> = (0..EVENTS)
            .map(|number| json!({ "camera": "gate", "id": format!("{number:02}") }).to_string())
            .collect();
        for event in &events {
            outbox.put(event);
        }
        let mail = Mail::new("ssdcrp", outbox.clone());
        let (stop, stopped) = watch::channel(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                // What is confirmed wrongly is told at once, however slow this computer is.
                let patience = match confirms {
                    Confirms::Another(_) => patience::PATIENCE,
                    _ => Duration::from_secs(1),
                };
                runtime.block_on(send(&plan, &mail, patience, stopped));
            });
            let fault = || fault(&deliveries);
            let found = until("that the page tells of it", fault);
            assert_eq!(found["name"], "mqtt");
            let reason = found["reason"].as_str().unwrap();
            assert!(reason.contains(words), "{confirms:?}: {reason}");
            assert_eq!(found["queued"], EVENTS, "{confirms:?}");
            go_on.send(()).unwrap();
            until("that all is confirmed", || outbox.is_empty().then_some(()));
            until("that nothing is wrong", || fault().is_none().then_some(()));
            stop.send_replace(true);
        });
        // Where the computer is slow some come more than once.
        let mut seen = BTreeSet::new();
        let came = told.try_iter().filter(|event| seen.insert(event.clone()));
        assert_eq!(came.collect::<Vec<_>>(), events, "{confirms:?}");
    }
}

#[test]
fn each_try_asks_another_address() {
    let addresses = ["[::1]:1883", "127.0.0.1:1883"].map(|text| text.parse().unwrap());
    let asked: Vec<String> = (0..3)
        .filter_map(|turn| address_of(&addresses, turn))
        .collect();
    assert_eq!(asked, ["[::1]", "127.0.0.1", "[::1]"]);
    assert_eq!(address_of(&[], 1), None);
}
