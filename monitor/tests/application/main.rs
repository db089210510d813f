//! The application as its users have it: a process, its configuration, its output, its page.

mod attacks;
mod broker;
#[path = "../../../tests/browser/mod.rs"]
#[expect(
    dead_code,
    reason = "pages of the command are written as pictures, too"
)]
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
#[path = "../../../tests/patience/mod.rs"]
mod patience;
mod running;
#[path = "../../../tests/schema/mod.rs"]
mod schema;
mod service;
mod streams;
mod wall;
mod webhooks;
mod zones;
