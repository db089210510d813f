//! The page: the newest picture of each stream and the last events, to whoever asks by HTTP.
//!
//! In: pictures and events, put on a [`Board`]. Out: `/` (the page), `/events` (JSON) and `/stream/N`, a picture after the other as multipart, which browsers show as
//! a film.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, RgbImage};
use serde_json::json;
use tiny_http::{Header, Request, Response, Server};

use super::line::{EventLine, Worth};

const PAGE: &str = include_str!("page.html");
const EVENTS: usize = 100;
/// Whoever takes nothing for so long may have gone without a word: a picture is sent again to find out.
const AGAIN: Duration = Duration::from_secs(5);
const BOUNDARY: &str = "picture";
const QUALITY: u8 = 80;

/// What can be looked at.
pub struct Board {
    screens: Vec<Screen>,
    events: Mutex<VecDeque<EventLine>>,
}

#[derive(Default)]
struct Screen {
    name: String,
    watchers: AtomicUsize,
    picture: Mutex<Picture>,
    changed: Condvar,
}

#[derive(Default)]
struct Picture {
    jpeg: Arc<[u8]>,
    number: u64,
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    pub fn new(names: &[String]) -> Self {
        let screens = names.iter().map(|name| Screen {
            name: name.clone(),
            ..Screen::default()
        });
        Self {
            screens: screens.collect(),
            events: Mutex::default(),
        }
    }

    /// Whether anybody looks at a stream: drawing is for them only.
    pub fn is_watched(&self, stream: usize) -> bool {
        let screen = self.screens.get(stream);
        screen.is_some_and(|screen| screen.watchers.load(Ordering::Relaxed) > 0)
    }

    pub fn show(&self, stream: usize, picture: &RgbImage) -> Result<()> {
        let screen = self
            .screens
            .get(stream)
            .context("there is no such stream")?;
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY).write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )?;
        let mut shown = lock(&screen.picture);
        shown.jpeg = jpeg.into();
        shown.number += 1;
        screen.changed.notify_all();
        Ok(())
    }

    pub fn tell(&self, event: EventLine) {
        let mut events = lock(&self.events);
        if events.len() == EVENTS {
            events.pop_back();
        }
        events.push_front(event);
    }

    /// The answer to the question of an event of the stream `index` is there.
    pub fn explain(&self, index: usize, number: u64, answer: String, worth: Option<Worth>) {
        let mut events = lock(&self.events);
        let is_it = |event: &&mut EventLine| (event.stream, event.number) == (index + 1, number);
        if let Some(event) = events.iter_mut().find(is_it) {
            event.answer = Some(answer);
            event.worth = worth;
        }
    }

    /// Nothing comes any more.
    pub fn close(&self) {
        for screen in &self.screens {
            lock(&screen.picture).closed = true;
            screen.changed.notify_all();
        }
    }
}

/// Serves the board, for as long as the process lives. Returns the address, with the port that was found where 0 was asked for.
pub fn start(address: SocketAddr, board: Arc<Board>) -> Result<SocketAddr> {
    let server = Server::http(address)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("cannot serve at {address}"))?;
    let served = server.server_addr().to_ip().context("no address")?;
    std::thread::Builder::new()
        .name("serve".to_owned())
        .spawn(move || {
            for request in server.incoming_requests() {
                let board = board.clone();
                // Streams last: each has a thread. Who cannot be answered has gone.
                let answering = std::thread::Builder::new()
                    .name("answer".to_owned())
                    .spawn(move || drop(answer(request, &board, served.ip())));
                drop(answering);
            }
        })?;
    Ok(served)
}

fn answer(request: Request, board: &Board, served: IpAddr) -> std::io::Result<()> {
    if served.is_loopback() && !is_for_loopback(&request) {
        return request.respond(Response::from_string("not here").with_status_code(403));
    }
    let url = request.url().to_owned();
    match url.as_str() {
        "/" => request.respond(of_type(PAGE.to_owned(), "text/html; charset=utf-8")),
        "/events" => {
            let streams: Vec<&str> = board.screens.iter().map(|s| s.name.as_str()).collect();
            let told = json!({"streams": streams, "events": *lock(&board.events)});
            request.respond(of_type(told.to_string(), "application/json"))
        }
        _ => {
            let number: Option<usize> = url.strip_prefix("/stream/").and_then(|n| n.parse().ok());
            let screen = number.and_then(|number| board.screens.get(number.checked_sub(1)?));
            match screen {
                Some(screen) => film(request, screen),
                None => {
                    request.respond(Response::from_string("no such page").with_status_code(404))
                }
            }
        }
    }
}

/// A page on the internet may have a name of its own that leads to this computer, and must not see the cameras by it.
fn is_for_loopback(request: &Request) -> bool {
    let host = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Host"));
    host.is_some_and(|host| {
        let host = host.value.as_str();
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) {
                name
            } else {
                host
            }
        });
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

fn of_type(text: String, kind: &str) -> Response<std::io::Cursor<Vec<u8>>> {
    let headers = [
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        (
            "Content-Security-Policy",
            "default-src 'self' 'unsafe-inline'",
        ),
    ];
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok());
    headers.fold(Response::from_string(text), Response::with_header)
}

/// Sends picture after picture, until nobody takes them.
fn film(request: Request, screen: &Screen) -> std::io::Result<()> {
    let mut out = request.into_writer();
    screen.watchers.fetch_add(1, Ordering::Relaxed);
    let sent = (|| {
        write!(
            out,
            "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )?;
        let mut last = 0;
        loop {
            let mut picture = lock(&screen.picture);
            if picture.number == last && !picture.closed {
                let waited = screen.changed.wait_timeout(picture, AGAIN);
                picture = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if picture.closed {
                return Ok(());
            }
            let (jpeg, number) = (picture.jpeg.clone(), picture.number);
            drop(picture);
            last = number;
            if !jpeg.is_empty() {
                write!(
                    out,
                    "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                    jpeg.len()
                )?;
                out.write_all(&jpeg)?;
                // Browsers show a picture when the next one begins.
                write!(out, "\r\n")?;
                out.flush()?;
            }
        }
    })();
    screen.watchers.fetch_sub(1, Ordering::Relaxed);
    sent
}
