//! Whoever reaches the page's port may send anything: others are served meanwhile, and neither threads nor memory grow.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use super::cache::cached;
use super::running::{Monitor, until};

const TOKEN: &str = "0123456789abcdef-of-this-test";
const NEVER: fn(&[u8]) -> bool = |_| false;

/// A film and its page, with or without a token.
fn start(folder: &Path, page: &str) -> Monitor {
    let footage = cached("footage/vtest.avi").display().to_string();
    let file = folder.join("monitor.toml");
    let text = format!(
        "[page]\n{page}\n[[camera]]\nname = \"film\"\nsource = \"{footage}\"\nrepeat = true\ndetect-interval = 1\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Monitor::command();
    let monitor = Monitor::start(command.arg("--config").arg(&file));
    until("the film", || {
        (monitor_state(&monitor) == 200).then_some(())
    });
    monitor
}

fn monitor_state(monitor: &Monitor) -> u16 {
    let token = format!("Bearer {TOKEN}");
    let answer = monitor.ask(
        "/events",
        &[("Host", "localhost"), ("Authorization", &token)],
        NEVER,
    );
    answer.status
}

/// Of the process: threads, and bytes resident.
fn used(monitor: &Monitor) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", monitor.id())).unwrap();
    let number = |name: &str| -> u64 {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("Threads:"), number("VmRSS:") << 10)
}

#[test]
fn neither_endless_headers_nor_half_requests_keep_others_away() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = start(folder.path(), "address = \"127.0.0.1:0\"");
    let film = |answer: &[u8]| answer.windows(2).any(|pair| pair == [0xff, 0xd9]);
    let watch = || monitor.ask("/stream/film", &[("Host", "localhost")], film);
    assert_eq!(watch().status, 200);
    let (threads, memory) = used(&monitor);

    // 300 MB of one header, of many, and of the request's line.
    let block = vec![b'a'; 1 << 20];
    let lines = b"x-y: 0123456789\r\n".repeat(60_000);
    for (start, block) in [
        (&b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "[..], &block),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", &lines),
        (b"GET /", &block),
    ] {
        let mut stream = TcpStream::connect(&monitor.address).unwrap();
        stream.write_all(start).unwrap();
        let sent = (0..300)
            .take_while(|_| stream.write_all(block).is_ok())
            .count();
        // Some megabytes lie in the system's buffers.
        assert!(sent < 16, "{sent} MB were taken");
        assert_eq!(monitor.get("/events").status, 200);
    }

    // A thousand who begin and do not go on, while others ask.
    let mut half = Vec::new();
    for number in 0..1000 {
        let mut stream = TcpStream::connect(&monitor.address).unwrap();
        // Those that had to go are gone.
        let _ = stream.write_all(b"GET /events HTTP/1.1\r\nHost: local");
        half.push(stream);
        if number % 100 == 99 {
            assert_eq!(monitor.get("/events").status, 200, "after {number}");
        }
    }
    assert_eq!(watch().status, 200);
    let (threads_then, memory_then) = used(&monitor);
    assert!(
        threads_then <= threads + 4,
        "{threads} threads, then {threads_then}"
    );
    let grown = memory_then.saturating_sub(memory);
    assert!(grown < 64 << 20, "{grown} bytes more");
    // Most are gone already, and the others do not stay.
    let mut last = half.pop().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let mut rest = Vec::new();
    let read = last.read_to_end(&mut rest);
    assert!(read.is_ok() || read.is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock));
}

#[test]
fn films_that_nobody_takes_leave_room_for_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = start(folder.path(), "address = \"127.0.0.1:0\"");
    // One too many is told so, in words.
    let mut films = Vec::new();
    let refused = until("a refusal", || {
        let mut stream = TcpStream::connect(&monitor.address).unwrap();
        let request = b"GET /stream/film HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut head = [0; 500];
        stream.read_exact(&mut head).unwrap();
        films.push(stream);
        let head = String::from_utf8_lossy(&head).to_lowercase();
        assert!(films.len() < 200, "all of them are shown films");
        head.starts_with("http/1.1 503").then_some(head)
    });
    assert!(refused.contains("content-security-policy"), "{refused}");
    assert_eq!(monitor.get("/events").status, 200);
    drop(films);
    until("room", || {
        let answer = monitor.ask("/stream/film", &[("Host", "localhost")], |a| a.len() > 500);
        (answer.status == 200).then_some(())
    });
}

#[test]
fn every_answer_has_the_headers_that_protect_who_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = start(
        folder.path(),
        "address = \"127.0.0.1:0\"\nhosts = [\"cameras.example\"]\ntoken = \"none\"",
    );
    let host = [("Host", "cameras.EXAMPLE")];
    for (path, status) in [
        ("/", 200),
        ("/page.js", 200),
        ("/wall.js", 200),
        ("/drift", 200),
        ("/event/1-film-1", 404),
        ("/event/1-film-1/frame.png", 404),
        ("/event/..%2f..%2fetc/passwd", 404),
        ("/page.css", 200),
        ("/events", 200),
        ("/metrics", 200),
        ("/stream/film", 200),
        ("/streams", 200),
        ("/stream/none", 404),
        ("/..%2f..%2fetc/passwd", 404),
        ("/login?token=", 404),
    ] {
        let answer = monitor.ask(path, &host, |a| a.len() > 2000);
        assert_eq!(answer.status, status, "{path}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(
                answer.head.contains(header),
                "{path}: {header}: {}",
                answer.head
            );
        }
        assert!(!answer.head.contains("unsafe"));
        if status == 404 {
            let is_page = answer
                .head
                .contains("content-type: text/html; charset=utf-8");
            let page = answer.text();
            assert!(
                is_page && page.contains("no such page") && page.contains("<a href=\"/\">"),
                "{path}: {answer:?}"
            );
        }
    }
}

#[test]
fn requests_that_nobody_should_send_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = start(folder.path(), "address = \"127.0.0.1:0\"");
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (
            "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
            403,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
            403,
        ),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
            405,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n",
            413,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            413,
        ),
        (
            "POST /stream/none/point HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"object\":1}",
            404,
        ),
        (
            "POST /stream/film/point HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"object\":}}",
            400,
        ),
        (
            "POST /stream/film/point HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n{\"object\":1}",
            403,
        ),
        (
            "POST /stream/film/point HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nOrigin: http://evil.example\r\nContent-Length: 12\r\n\r\n{\"object\":1}",
            403,
        ),
        (
            "POST /event/1-film-1/mark HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"mark\":null}",
            404,
        ),
        (
            "PUT /event/1-film-1/mark HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
            405,
        ),
        ("\x16\x03\x01 hello\r\n\r\n", 400),
    ] {
        assert_eq!(
            monitor.send(request.as_bytes(), NEVER).status,
            status,
            "{request}"
        );
    }
}

/// Watches the film until it ends, once it has begun.
fn watch(monitor: &Monitor) -> JoinHandle<()> {
    let mut stream = TcpStream::connect(&monitor.address).unwrap();
    let request = format!(
        "GET /stream/film HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut part = vec![0; 1 << 16];
    stream.read_exact(&mut part[..2000]).unwrap();
    std::thread::spawn(move || while stream.read(&mut part).is_ok_and(|read| read > 0) {})
}

#[test]
fn a_page_that_moves_or_goes_leaves_nobody_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), TOKEN).unwrap();
    let mut monitor = start(
        folder.path(),
        "address = \"127.0.0.1:0\"\ntoken-file = \"token\"",
    );
    let file = folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let local = monitor.address.clone();
    let port = local.rsplit_once(':').unwrap().1.to_owned();
    let read_again = |monitor: &Monitor, address: &str, word: &str| {
        let before = monitor.said().lines().count();
        std::fs::write(&file, text.replace("127.0.0.1:0", address)).unwrap();
        monitor.signal("HUP");
        until(word, || {
            let said = monitor.said();
            said.lines()
                .skip(before)
                .any(|line| line.contains(word))
                .then_some(())
        });
    };
    // Nobody's address: the page stays where it was.
    read_again(
        &monitor,
        &format!("192.0.2.1:{port}"),
        "cannot serve the page",
    );
    assert_eq!(monitor_state(&monitor), 200);
    // All of this computer's, at the same port.
    let film = watch(&monitor);
    read_again(&monitor, &format!("0.0.0.0:{port}"), "read again");
    assert!(monitor.said().contains(&format!("http://0.0.0.0:{port}/")));
    until("the film's end", || film.is_finished().then_some(()));
    monitor.address = format!("127.0.0.2:{port}");
    assert_eq!(monitor_state(&monitor), 200);
    // None at all.
    let film = watch(&monitor);
    let page = text.split_once("[[camera]]").unwrap().0;
    std::fs::write(&file, text.replace(page, "")).unwrap();
    monitor.signal("HUP");
    until("the film's end", || film.is_finished().then_some(()));
    until("no page", || {
        TcpStream::connect(&monitor.address).is_err().then_some(())
    });
    assert!(monitor.is_running());
}

#[test]
fn who_does_not_know_the_token_sees_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    // Other computers reach it, so there has to be one.
    let monitor = start(
        folder.path(),
        "address = \"0.0.0.0:0\"\ntoken-file = \"token\"",
    );
    for path in [
        "/events",
        "/stream/film",
        "/streams",
        "/metrics",
        "/page.js",
        "/drift",
        "/none",
    ] {
        let answer = monitor.get(path);
        assert!(
            answer.status == 401 && !answer.text().contains("film"),
            "{path}: {answer:?}"
        );
    }
    let wish = "POST /stream/film/point HTTP/1.1\r\nHost: 192.168.1.7\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"object\":1}";
    assert_eq!(monitor.send(wish.as_bytes(), NEVER).status, 401);
    let page = monitor.get("/");
    assert!(
        page.status == 401 && page.text().contains("name=\"token\""),
        "{page:?}"
    );

    let log_in = |body: &str| {
        let length = body.len();
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: 192.168.1.7\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        monitor.send(request.as_bytes(), NEVER)
    };
    let refused = log_in("token=0123456789abcdef-of-this-tesT&to=%2Fevent%2F5f-gate-1");
    let form = refused.text();
    assert!(
        refused.status == 403
            && form.contains("not the token")
            && form.contains("/event/5f-gate-1"),
        "{form}"
    );
    assert_eq!(log_in(&format!("token={}", "0".repeat(5000))).status, 403);
    let let_in = log_in(&format!("token={TOKEN}&to=%2Fevent%2F5f-gate-1"));
    assert_eq!(let_in.status, 303, "{let_in:?}");
    assert!(
        let_in.head.contains("location: /event/5f-gate-1\r\n"),
        "{}",
        let_in.head
    );
    assert!(
        let_in.head.contains("httponly; samesite=strict"),
        "{}",
        let_in.head
    );
    let port = monitor.address.rsplit(':').next().unwrap();
    let cookie = format!("ssdcrp-token-{port}={TOKEN}");
    let page = monitor.ask("/", &[("Host", "localhost"), ("Cookie", &cookie)], NEVER);
    assert!(page.status == 200 && page.text().contains("What looks wrong"));
    assert_eq!(monitor_state(&monitor), 200);

    // Nor does it stand in addresses, which are kept and logged.
    let query = monitor.get(&format!("/login?token={TOKEN}"));
    assert!(
        query.status == 401 && !query.head.contains("cookie"),
        "{query:?}"
    );

    // A new one takes the place of the old one, for films that run too.
    let film = watch(&monitor);
    std::fs::write(&token, "another-one-of-this-test").unwrap();
    monitor.signal("HUP");
    until("the new token", || {
        (monitor_state(&monitor) == 401).then_some(())
    });
    until("the film's end", || film.is_finished().then_some(()));
    assert_eq!(log_in("token=another-one-of-this-test").status, 303);
    monitor.signal("TERM");
    let ended = monitor.wait();
    assert!(!format!("{ended:?}").contains("another-one"), "{ended:?}");
    assert!(!format!("{ended:?}").contains(TOKEN), "{ended:?}");
}
