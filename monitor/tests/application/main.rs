//! The application as its users have it: a process, its configuration, its output, its page.

mod attacks;
mod broker;
mod browser;
#[path = "../../../tests/cache/mod.rs"]
mod cache;
mod cameras;
mod certificates;
#[path = "../../../tests/digits/mod.rs"]
mod digits;
mod faults;
mod frigate;
#[path = "../../../tests/manual/mod.rs"]
mod manual;
mod measures;
mod mjpeg;
mod mqtt;
mod page;
mod running;
mod schemas;
mod service;
mod streams;
mod wall;
mod webhooks;
mod zones;
