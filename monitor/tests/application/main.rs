//! The application as its users have it: a process, its configuration, its output, its page.

mod attacks;
mod browser;
#[path = "../../../tests/cache/mod.rs"]
mod cache;
mod cameras;
#[path = "../../../tests/digits/mod.rs"]
mod digits;
mod measures;
mod page;
mod running;
mod service;
mod streams;
mod zones;
