//! Tells the plugin its version and the commit it was built from, for `gst-inspect-1.0`.

fn main() {
    gst_plugin_version_helper::info();
}
