//! The application as its users have it: a process, its configuration, its output, its page.

mod attacks;
#[path = "../../../tests/cache/mod.rs"]
mod cache;
mod cameras;
#[path = "../../../tests/digits/mod.rs"]
mod digits;
mod faults;
mod measures;
mod mjpeg;
mod running;
mod service;
mod streams;
mod zones;
