//! Files of other formats than ONNX, told by how they begin or by their names: what each is, and what makes ONNX of it.

/// What a file that is no ONNX model is, if it is known, and what to do with it; `origin` is its name.
pub(super) fn recognised(bytes: &[u8], origin: &str) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    let ends = |ending: &str| {
        let name = origin.as_bytes();
        let rest = name.len().checked_sub(ending.len());
        rest.is_some_and(|rest| name[rest..].eq_ignore_ascii_case(ending.as_bytes()))
    };
    // FlatBuffers have their identifier behind the first offset.
    let found = if bytes.get(4..8) == Some(b"TFL3") {
        "a TensorFlow Lite model: convert it with 'python -m tf2onnx.convert --tflite FILE --output NAME.onnx'"
    } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        "a checkpoint of PyTorch or another archive: export the network with torch.onnx.export, or what its project has for that"
    } else if bytes.starts_with(b"\x89HDF\r\n") {
        "a Keras model in HDF5: convert it with 'python -m tf2onnx.convert --keras FILE --output NAME.onnx'"
    } else if text.starts_with(b"{") {
        "JSON: an SSD of TensorFlow.js is imported by models/import_tfjs.py"
    } else if text.starts_with(b"[net]") || text.starts_with(b"[network]") || ends(".weights") {
        "of darknet: models/import_darknet.py imports such networks"
    } else if ends(".toml") {
        "a manifest, as its name says: name the ONNX file, beside which the manifest is found"
    } else if ends(".caffemodel") || ends(".prototxt") {
        "of Caffe: models/import_caffe.py imports such networks"
    } else if text.starts_with(b"<?xml") || text.starts_with(b"<net") {
        "XML, as OpenVINO writes its networks: export the network that it was made of to ONNX"
    } else {
        return None;
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use crate::onnx::parse;

    #[test]
    fn a_file_of_another_format_is_named_with_what_to_do() {
        for (bytes, origin, expected) in [
            (
                &b"\x1c\0\0\0TFL3\x14\0"[..],
                "a.tflite",
                "a TensorFlow Lite model",
            ),
            (
                b"\x1c\0\0\0TFL3\x14\0",
                "a.onnx",
                "tf2onnx.convert --tflite",
            ),
            (b"PK\x03\x04\0\0", "yolov8n.pt", "torch.onnx.export"),
            (b"\x80\x02}q\0.", "old.pth", "torch.onnx.export"),
            (b"\x89HDF\r\n\x1a\n", "a.h5", "tf2onnx.convert --keras"),
            (b" \n{\"format\": 1}", "model.json", "models/import_tfjs.py"),
            (
                b"\n[net]\nwidth=416\n",
                "yolo.cfg",
                "models/import_darknet.py",
            ),
            (
                b"\0\0\0\0\x02\0\0\0",
                "yolo.WEIGHTS",
                "models/import_darknet.py",
            ),
            (b"\n\x04face", "res10.caffemodel", "models/import_caffe.py"),
            (
                b"name: \"face\"",
                "deploy.prototxt",
                "models/import_caffe.py",
            ),
            (
                b"kind = \"ssd\"\n[input]\n",
                "own.toml",
                "name the ONNX file",
            ),
            (b"<?xml version=\"1.0\"?>", "a.xml", "OpenVINO"),
        ] {
            let error = parse(bytes.into(), origin).unwrap_err();
            let error = format!("{error:#}");
            assert!(
                error.starts_with(&format!("{origin} is not an ONNX model, but ")),
                "{error}"
            );
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        let error = parse(b"GIF89a".as_slice().into(), "a.onnx").unwrap_err();
        assert!(
            format!("{error:#}").contains("or it is cut off"),
            "{error:#}"
        );
    }
}
