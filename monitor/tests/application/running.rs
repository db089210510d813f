//! The application as a process: what it prints, what its page answers, and its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use super::patience::{PATIENCE, until};

/// A monitor that runs until the test ends.
pub struct Monitor {
    child: Child,
    /// Of the page, once it is served.
    pub address: String,
    readers: Vec<JoinHandle<()>>,
    told: Arc<Mutex<String>>,
    said: Arc<Mutex<String>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// With names in small letters.
    pub head: String,
    pub body: Vec<u8>,
}

/// What a monitor printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub told: String,
    pub said: String,
}

/// Starts a monitor with this configuration, which is a file in the folder.
pub fn start_with(folder: &Path, configuration: &str) -> Monitor {
    let file = folder.join("monitor.toml");
    std::fs::write(&file, configuration).unwrap();
    Monitor::start(Monitor::command().arg("--config").arg(file))
}

fn collect(from: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::<Mutex<String>>::default();
    let kept = text.clone();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let mut text = kept.lock().unwrap();
            text.push_str(&line.unwrap());
            text.push('\n');
        }
    });
    (text, reader)
}

impl Monitor {
    /// Starts it, and waits until its page is served.
    pub fn start(command: &mut Command) -> Self {
        Self::run(command).served()
    }

    /// The same, where nobody takes what it prints.
    pub fn start_unread(command: &mut Command) -> Self {
        Self::spawn(command, false).served()
    }

    fn served(mut self) -> Self {
        let monitor = &mut self;
        monitor.address = until("the page", || {
            assert!(monitor.is_running(), "{}", monitor.said());
            let said = monitor.said();
            let address = said
                .lines()
                .find_map(|line| line.strip_prefix("monitor: http://"))?;
            Some(address.trim_end_matches('/').to_owned())
        });
        self
    }

    /// Starts it.
    pub fn run(command: &mut Command) -> Self {
        Self::spawn(command, true)
    }

    fn spawn(command: &mut Command, is_read: bool) -> Self {
        let command = command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, saying) = collect(child.stderr.take().unwrap());
        let (told, telling) = match is_read {
            true => {
                let (told, telling) = collect(child.stdout.take().unwrap());
                (told, Some(telling))
            }
            false => Default::default(),
        };
        Self {
            child,
            address: String::new(),
            readers: telling.into_iter().chain([saying]).collect(),
            told,
            said,
        }
    }

    pub fn command() -> Command {
        Command::new(env!("CARGO_BIN_EXE_ssdcrp-monitor"))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Lines of standard output so far.
    pub fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// Lines of standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let status = until("the end", || self.child.try_wait().unwrap());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Ended {
            status,
            told: self.told(),
            said: self.said(),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(path, &[("Host", "localhost")], |_| false)
    }

    /// The whole answer, or as much of it as is `enough`.
    pub fn ask(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        enough: impl Fn(&[u8]) -> bool,
    ) -> Answer {
        let mut request = format!("GET {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(format!("{request}\r\n").as_bytes(), enough)
    }

    /// Sends bytes and reads what comes back.
    pub fn send(&self, request: &[u8], enough: impl Fn(&[u8]) -> bool) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Who refuses a request may not read all of it.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while !enough(&answer) {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(read) => answer.extend_from_slice(&part[..read]),
            }
        }
        Answer::of(&answer)
    }

    /// What the page knows.
    pub fn events(&self) -> serde_json::Value {
        let answer = self.get("/events");
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The state of a camera.
    pub fn camera(&self, name: &str) -> serde_json::Value {
        let told = self.events();
        let cameras = told["cameras"].as_array().unwrap();
        let camera = cameras.iter().find(|camera| camera["name"] == name);
        camera.cloned().unwrap_or_default()
    }

    /// A number of `/metrics`, 0 where it is not there.
    pub fn number(&self, series: &str) -> f64 {
        let text = self.get("/metrics").text();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // Who has ended already cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.map_or(bytes.len(), |end| end + 4));
        let head = String::from_utf8_lossy(head).to_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head,
            body: body.to_vec(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
