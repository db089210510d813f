//! An application that has the element linked in, without an installed plugin: `cargo run -p gst-plugin-ssdcrp --example linked -- photo.jpg explained.png`

use std::error::Error;
use std::path::Path;

use gst::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [photo, explained] = &files[..] else {
        return Err("a photo (JPEG) and the picture to write (PNG) are expected".into());
    };
    run(photo.as_ref(), explained.as_ref())
}

/// Explains the best detection of a photo in a pipeline, and prints what it is.
pub fn run(photo: &Path, explained: &Path) -> Result<(), Box<dyn Error>> {
    gst::init()?;
    // From here on every pipeline of this process knows the element.
    gstssdcrp::register_static()?;
    let pipeline = gst::parse::launch(
        "filesrc name=photo ! jpegdec ! videoconvert ! ssdcrp mode=every-frame ! \
         videoconvert ! pngenc ! filesink name=explained",
    )?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "no pipeline")?;
    for (name, location) in [("photo", photo), ("explained", explained)] {
        let element = pipeline.by_name(name).ok_or("no such element")?;
        element.set_property("location", location.to_str().ok_or("not UTF-8")?);
    }
    pipeline.set_state(gst::State::Playing)?;
    let ended = follow(&pipeline.bus().ok_or("no bus")?);
    pipeline.set_state(gst::State::Null)?;
    ended
}

/// Prints results until the end.
fn follow(bus: &gst::Bus) -> Result<(), Box<dyn Error>> {
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Element(result) => {
                let explanations = (result.structure())
                    .and_then(|result| result.get::<gst::Array>("explanations").ok());
                for explanation in explanations.iter().flat_map(|array| array.iter()) {
                    let explanation = explanation.get::<gst::Structure>()?;
                    println!("{}", explanation.get::<String>("words")?);
                }
            }
            gst::MessageView::Error(error) => return Err(error.error().into()),
            gst::MessageView::Eos(_) => break,
            _ => {}
        }
    }
    Ok(())
}
