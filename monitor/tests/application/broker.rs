//! A real broker, mosquitto, that is killed and comes back, and somebody who listens to it.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::running::until;

/// A mosquitto on a port of its own, until it is dropped.
pub struct Broker {
    child: Option<Child>,
    configuration: PathBuf,
    pub port: u16,
}

/// Somebody who listens to all topics, until dropped. Over a broker's end the broker keeps what it missed.
pub struct Listener {
    child: Child,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// A message, as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub topic: String,
    /// It was there before somebody listened.
    pub is_retained: bool,
    pub qos: u8,
    pub message: String,
}

impl Heard {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.message).unwrap()
    }
}

impl Broker {
    /// With its files in `folder`, and more lines of its configuration.
    pub fn start(folder: &Path, more: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let own = folder.join("broker");
        std::fs::create_dir_all(&own).unwrap();
        let configuration = own.join("mosquitto.conf");
        // Sessions are on the disk at once: who listens hears after a kill what came meanwhile.
        let text = format!(
            "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {}/\n\
             autosave_interval 1\nautosave_on_changes true\n{more}\n",
            own.display()
        );
        std::fs::write(&configuration, text).unwrap();
        let mut broker = Self {
            child: None,
            configuration,
            port,
        };
        broker.again();
        broker
    }

    /// It is there again.
    pub fn again(&mut self) {
        let mut child = Command::new("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(&self.configuration)
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto: setup/system-packages.sh mosquitto mosquitto-clients");
        until("the broker", || {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the broker does not start"
            );
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        self.child = Some(child);
    }

    /// It takes what is sent, and does nothing with it.
    pub fn freeze(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &id]).status();
        assert!(stopped.unwrap().success());
    }

    /// It is gone, without a word.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Tells whoever listens, now or later, of a topic.
    pub fn publish(&self, topic: &str) {
        let told = Command::new("mosquitto_pub")
            .args(["-h", "localhost", "-p", &self.port.to_string()])
            .args(["-r", "-t", topic, "-m", topic])
            .status();
        assert!(told.unwrap().success());
    }

    /// Says something of a topic to those who listen.
    pub fn say(&self, topic: &str, message: &str) {
        let told = Command::new("mosquitto_pub")
            .args(["-h", "localhost", "-p", &self.port.to_string()])
            .args(["-q", "1", "-t", topic, "-m", message])
            .status();
        assert!(told.unwrap().success());
    }

    /// Listens to everything from now on, and to what is retained.
    pub fn listen(&self, name: &str) -> Listener {
        self.listen_as(name, &[])
    }

    /// The same with a user or certificates.
    pub fn listen_as(&self, name: &str, more: &[&str]) -> Listener {
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", "localhost", "-p", &self.port.to_string()])
            .args(["-i", name, "-c", "-q", "1", "-t", "#", "-F", "%t %r %q %p"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub: setup/system-packages.sh mosquitto-clients");
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let (kept, lines) = (heard.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || collect(lines, &kept));
        Listener { child, heard }
    }
}

fn collect(lines: impl Read, kept: &Mutex<Vec<Heard>>) {
    for line in BufReader::new(lines).lines() {
        let line = line.unwrap();
        let [topic, retained, qos, message] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        kept.lock().unwrap().push(Heard {
            topic: topic.to_owned(),
            is_retained: retained == "1",
            qos: qos.parse().unwrap(),
            message: message.to_owned(),
        });
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Listener {
    /// All messages so far whose topics end so.
    pub fn heard(&self, ending: &str) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap();
        let of = heard.iter().filter(|heard| heard.topic.ends_with(ending));
        of.cloned().collect()
    }

    /// Waits for a message.
    pub fn wait(&self, ending: &str, is_it: impl Fn(&Heard) -> bool) -> Heard {
        until(ending, || self.heard(ending).into_iter().find(|h| is_it(h)))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
