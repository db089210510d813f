//! User and password of a camera: what GStreamer's source is told of them, and that no other server hears of them to which the camera sends its viewers.

use gst::glib::subclass::SignalId;
use gst::glib::value::ToValue;
use gst::prelude::*;

use crate::address::Login;
use crate::redact::say;

/// Tells a source, which is to play `uri`, who asks for its pictures.
pub fn tell(source: &gst::Element, uri: &str, login: &Login) {
    set(source, [&login.user, &login.password]);
    // The source for HTTP would give the password to whatever server an answer names.
    if source.has_property("automatic-redirect") {
        source.set_property("automatic-redirect", false);
    }
    // The one for RTSP cannot be told to stay: where it has gone is known before it says something there.
    if SignalId::lookup("before-send", source.type_()).is_some() {
        let home = server(uri);
        let shown = uri.to_owned();
        source.connect("before-send", false, move |values| {
            let source = values.first()?.get::<gst::Element>().ok()?;
            let place = source.property::<Option<String>>("location");
            let has_login = source.property::<Option<String>>("user-id").is_some();
            if has_login && place.is_none_or(|place| server(&place) != home) {
                set(&source, [None::<&str>, None]);
                say(format_args!(
                    "{shown} sends its viewers to another server, which is not told user and password: name that one in source if you trust it"
                ));
            }
            Some(true.to_value())
        });
    }
}

/// What a failure means that is a redirect which was not followed.
pub fn redirected(error: &gst::message::Error) -> Option<String> {
    let status: u32 = error.details()?.get("http-status-code").ok()?;
    (300..400).contains(&status).then(|| {
        format!(
            "the server sends its viewers to another address (status {status}), which could get user and password: name that one in source if you trust it"
        )
    })
}

fn set(source: &gst::Element, [user, password]: [impl ToValue; 2]) {
    for (property, value) in [("user-id", user), ("user-pw", password)] {
        if source.has_property(property) {
            source.set_property_from_value(property, &value.to_value());
        }
    }
}

/// Host and port of an address, and whether what is said there is encrypted.
fn server(uri: &str) -> (bool, String) {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    let is_encrypted = scheme.to_ascii_lowercase().starts_with("rtsps");
    let usual = if is_encrypted { ":322" } else { ":554" };
    let host = host.to_ascii_lowercase();
    (
        is_encrypted,
        host.strip_suffix(usual).unwrap_or(&host).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::address::Address;
    use crate::source::Source;

    /// A server that answers every request so, in which SEQ stands for the request's number; its address and the requests come back.
    fn server_that_says(answer: String) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                loop {
                    let head = lines.by_ref().map_while(Result::ok);
                    let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
                    if head.is_empty() {
                        break;
                    }
                    let number = head.iter().find_map(|line| line.strip_prefix("CSeq: "));
                    let answer = answer.replace("SEQ", number.unwrap_or("0"));
                    let _ = tell.send(head.join("\n"));
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        (address, heard)
    }

    /// Why an address that asks for a login cannot be played.
    fn failure(uri: &str) -> String {
        gst::init().unwrap();
        let login = Login {
            user: "viewer".to_owned(),
            password: "password of this test".to_owned(),
        };
        let source = Source::play(&Address::new(uri, Some(login)).unwrap()).unwrap();
        let begin = Instant::now();
        loop {
            if let Err(error) = source.next(gst::ClockTime::from_mseconds(100)) {
                return error.to_string();
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{uri}");
        }
    }

    #[test]
    fn a_redirect_gives_the_password_to_nobody() {
        let challenge = "WWW-Authenticate: Basic realm=\"there\"\r\nContent-Length: 0\r\n\r\n";
        let (there, heard) = server_that_says(format!("HTTP/1.1 401 Unauthorized\r\n{challenge}"));
        let (here, _) = server_that_says(format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{there}/video\r\nContent-Length: 0\r\n\r\n"
        ));
        let words = failure(&format!("http://{here}/video"));
        assert!(words.contains("another address (status 302)"), "{words}");
        assert!(heard.try_recv().is_err(), "it was asked");

        let (there, heard) = server_that_says(format!(
            "RTSP/1.0 401 Unauthorized\r\nCSeq: SEQ\r\n{challenge}"
        ));
        let (here, asked) = server_that_says(format!(
            "RTSP/1.0 302 Moved Temporarily\r\nCSeq: SEQ\r\nLocation: rtsp://{there}/video\r\n\r\n"
        ));
        let words = failure(&format!("rtspt://{here}/video"));
        assert!(words.contains("Unauthorized"), "{words}");
        assert!(asked.try_recv().is_ok());
        let heard: Vec<String> = heard.try_iter().collect();
        assert!(!heard.is_empty(), "the redirect was followed");
        for request in heard {
            assert!(!request.contains("Authorization"), "{request}");
        }
    }

    #[test]
    fn servers_are_told_apart() {
        let gate = server("rtsp://gate/1");
        assert_eq!(gate, server("rtspt://a:b@GATE:554?x"));
        for other in ["rtsp://gate:8554/1", "rtsps://gate/1", "rtsp://yard/1"] {
            assert_ne!(gate, server(other), "{other}");
        }
    }
}
