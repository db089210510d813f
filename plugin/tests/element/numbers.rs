//! Numbers that no picture and no network should have, but some do: what comes out is finite, lies in the picture, and every frame passes.

use std::path::Path;

use gst::prelude::*;

use super::support::*;

/// The file of the small network.
fn small() -> Vec<u8> {
    std::fs::read(SMALL_MODEL).unwrap()
}

/// A network's file with other weights: `change` gets those of the initializer `name`.
fn with_weights(network: &[u8], name: &str, change: impl Fn(usize, f32) -> f32) -> Vec<u8> {
    // In the file: the name, the tag of the field raw_data, its length as a varint, its bytes.
    let places = network.windows(name.len() + 1);
    let place = places.into_iter().position(|place| {
        place
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest == [0x4a])
    });
    let mut start = place.expect("an initializer of this name") + name.len() + 1;
    let mut length = 0;
    for shift in (0..).step_by(7) {
        let byte = network[start];
        start += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    let mut changed = network.to_vec();
    let weights = changed[start..start + length].as_chunks_mut::<4>().0;
    for (index, weight) in weights.iter_mut().enumerate() {
        *weight = change(index, f32::from_le_bytes(*weight)).to_le_bytes();
    }
    changed
}

/// The biases of both heads changed; of nine outputs of an anchor the first four are the box's, then come objectness and classes.
fn with_heads(change: impl Fn(usize, f32) -> f32) -> Vec<u8> {
    let change = |index: usize, bias| change(index % 9, bias);
    let first = with_weights(&small(), "010_convolutional.bias", change);
    with_weights(&first, "017_convolutional.bias", change)
}

/// All numbers of a structure, with what it holds.
fn assert_finite(value: &gst::glib::Value, what: &str) {
    if let Ok(number) = value.get::<f64>() {
        assert!(number.is_finite(), "{what}: {number}");
    } else if let Ok(structure) = value.get::<&gst::StructureRef>() {
        for (name, value) in structure.iter() {
            assert_finite(value, &format!("{what}, {name}"));
        }
    } else if let Ok(array) = value.get::<gst::ArrayRef>() {
        array.iter().for_each(|value| assert_finite(value, what));
    }
}

/// Pushes the clip and looks at everything that comes out. Says how many detections were told of.
fn passes(settings: &[(&str, &str)], clip: &Clip, what: &str) -> usize {
    let mut found = 0;
    for output in ["overlay", "heatmap"] {
        let every = [
            ("mode", "every-frame"),
            ("output", output),
            ("select", "all"),
            ("events", "all"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path().join("results.jsonl");
        let results_location = [("results-location", results.to_str().unwrap())];
        let settings = [settings, &every, &results_location].concat();
        let mut bench = Bench::new(&settings, clip);
        for frame in &clip.frames {
            let out = bench.push(frame.clone());
            for region in regions(&out) {
                let (x, y, width, height) = region.rect;
                assert!(width > 0 && height > 0, "{what}: {region:?}");
                assert!(
                    x + width <= clip.info.width() && y + height <= clip.info.height(),
                    "{what}: {region:?}"
                );
                assert_finite(&region.detection.to_value(), what);
                found += 1;
            }
        }
        for message in bench.messages() {
            match message.view() {
                gst::MessageView::Error(error) => panic!("{what}: {error:?}"),
                gst::MessageView::Element(message) => {
                    assert_finite(&message.structure().unwrap().to_value(), what);
                }
                _ => {}
            }
        }
        let text = std::fs::read_to_string(&results).unwrap();
        assert!(!text.contains("null"), "{what}: {text}");
    }
    found
}

#[test]
fn pictures_of_nothing_and_of_noise() {
    let picture = |value: fn(usize) -> u8| {
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgba, 320, 240);
        let info = info.fps(10).build().unwrap();
        let bytes: Vec<u8> = (0..info.size()).map(value).collect();
        let mut frame = gst::Buffer::from_slice(bytes);
        stamp(frame.get_mut().unwrap(), 0);
        Clip {
            info,
            frames: vec![frame],
        }
    };
    init();
    let noise = |index: usize| {
        (index as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_le_bytes()[7]
    };
    for (clip, what) in [
        (picture(|_| 0), "black"),
        (picture(|_| 255), "white"),
        (picture(noise), "noise"),
    ] {
        // Whatever scores best, so that there is something to explain.
        passes(&[("score-threshold", "0.02")], &clip, what);
    }
}

#[test]
fn networks_that_saturate_overflow_and_make_boxes_of_any_size() {
    let clip = converted(
        &photo("dog"),
        &"video/x-raw,format=RGBA,width=192,height=128"
            .parse()
            .unwrap(),
    );
    let huge = f32::MAX / 4.0;
    let cases: [(&str, Vec<u8>, bool); 9] = [
        (
            "saturated",
            with_heads(|output, bias| if output > 3 { 1e30 } else { bias }),
            true,
        ),
        (
            "as large as a number gets",
            with_heads(|output, bias| if output > 3 { huge } else { bias }),
            true,
        ),
        (
            "boxes of no size",
            with_heads(|output, bias| {
                if output == 2 || output == 3 {
                    -1e4
                } else {
                    bias
                }
            }),
            false,
        ),
        (
            "boxes without an end",
            with_heads(|output, bias| {
                if output == 2 || output == 3 {
                    1e4
                } else {
                    bias
                }
            }),
            false,
        ),
        (
            "boxes far away",
            with_heads(|output, bias| if output < 2 { 1e30 } else { bias }),
            false,
        ),
        (
            "an infinite weight",
            with_weights(&small(), "000_convolutional.weight", |i, w| {
                if i == 7 { f32::INFINITY } else { w }
            }),
            false,
        ),
        (
            "no number among the weights",
            with_weights(&small(), "002_convolutional.weight", |i, w| {
                if i == 7 { f32::NAN } else { w }
            }),
            false,
        ),
        (
            "infinite scores",
            with_heads(|output, bias| if output > 3 { f32::INFINITY } else { bias }),
            false,
        ),
        (
            "scores that are no numbers",
            with_heads(|output, bias| if output > 3 { f32::NAN } else { bias }),
            false,
        ),
    ];
    for (what, network, finds) in cases {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        std::fs::write(&file, network).unwrap();
        let manifest = Path::new(SMALL_MODEL).with_extension("toml");
        std::fs::copy(manifest, folder.path().join("model.toml")).unwrap();
        let found = passes(&model(&file), &clip, what);
        assert!(!finds || found > 0, "{what}: nothing was found");
    }
}

fn model(file: &Path) -> [(&'static str, &str); 2] {
    [
        ("model-file", file.to_str().unwrap()),
        ("score-threshold", "0.05"),
    ]
}
