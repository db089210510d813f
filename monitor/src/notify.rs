//! What systemd is told of a service, by the protocol of `sd_notify(3)`: words in, a datagram to the socket that `NOTIFY_SOCKET` names out. Elsewhere nothing happens.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Who started this program, if it wants to know.
pub struct Systemd(Option<(UnixDatagram, SocketAddr)>);

impl Systemd {
    /// As the environment says.
    pub fn from_environment() -> Self {
        let name = std::env::var_os("NOTIFY_SOCKET");
        let address = name.as_ref().and_then(|name| match name.as_bytes() {
            // The name is no file.
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
            _ => SocketAddr::from_pathname(name).ok(),
        });
        let socket = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        Self(socket)
    }

    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    pub fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// All is well: without a word for some time the program is started anew.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// It is at work, and may be for so long before it says something again: neither start nor reload are given up meanwhile.
    pub fn busy(&self, time: Duration) {
        let microseconds = time.as_micros();
        self.tell(&format!("EXTEND_TIMEOUT_USEC={microseconds}\nWATCHDOG=1"));
    }

    fn tell(&self, words: &str) {
        if let Some((socket, address)) = &self.0 {
            // Who does not listen is not waited for.
            let _ = socket.send_to_addr(words.as_bytes(), address);
        }
    }
}
