//! The plugin linked into an application: no file of it is looked for.

#![allow(dead_code, reason = "the example has a main of its own")]

#[path = "../../tests/cache/mod.rs"]
mod cache;
#[path = "../examples/linked.rs"]
mod linked;

use gst::prelude::*;

#[test]
fn an_application_that_links_the_plugin_needs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let explained = folder.path().join("explained.png");
    linked::run(&cache::cached("photos/dog.jpg"), &explained).unwrap();
    let photo = image::open(cache::cached("photos/dog.jpg"))
        .unwrap()
        .into_rgb8();
    let explained = image::open(explained).unwrap().into_rgb8();
    assert_eq!(explained.dimensions(), photo.dimensions());
    assert_ne!(explained, photo);
    let plugin = gst::Registry::get().find_plugin("ssdcrp").unwrap();
    assert_eq!(plugin.filename(), None);
    assert!(plugin.version().starts_with(env!("CARGO_PKG_VERSION")));
    for choice in ["GstSsdCrpMode", "GstSsdCrpDetections", "GstSsdCrpSelect"] {
        let choice = gst::glib::Type::from_name(choice).unwrap();
        assert!(
            choice.plugin_api_flags().is_some(),
            "{choice} is documented"
        );
    }
}
