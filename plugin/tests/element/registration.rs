//! Registering the plugin more than once.

use gst::prelude::*;

use super::support::init;

/// A second registration would replace the plugin, and the first element's factory would be freed memory.
#[test]
fn an_elements_factory_outlives_another_registration() {
    init();
    let element = gst::ElementFactory::make("ssdcrp").build().unwrap();
    gstssdcrp::register_static().unwrap();
    assert_eq!(element.factory(), gst::ElementFactory::find("ssdcrp"));
}
