//! Tells the plugin its version, the commit it was built from and where it comes from, for `gst-inspect-1.0`.

fn main() {
    gst_plugin_version_helper::info();
    let address = std::env::var("CARGO_PKG_REPOSITORY").unwrap_or_default();
    let origin = match address.as_str() {
        // What GStreamer itself says where no home page is known.
        "" => "Unknown package origin",
        known => known,
    };
    println!("cargo:rustc-env=ORIGIN={origin}");
}
