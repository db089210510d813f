"""What pages call `photo.jpg`, `clip.mp4`, `own.onnx` and the like, made of the cache's photos and footage and of the project's models: short and small, so that it is quick."""

import array
import json
import re
import shutil
import struct
import subprocess

from places import CACHE, ROOT

GOLDEN = ROOT / "tests" / "golden"
PHOTOS = CACHE / "photos"
DEFAULT_MODEL = ROOT / "models" / "ssdlite_mobilenet_v2_coco.onnx"
# The footage has ten pictures a second. Frames to record are each explained.
RECORDED, WATCHED = 4, 300
# Numbers in yolov3-tiny.weights, for 80 classes.
YOLOV3_TINY = 8_858_734


def copy(source):
    return lambda path: shutil.copy(source, path)


def with_manifest(path):
    shutil.copy(DEFAULT_MODEL, path)
    shutil.copy(DEFAULT_MODEL.with_suffix(".toml"), path.with_suffix(".toml"))


def film(frames):
    def make(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        muxer = "matroskamux" if path.suffix == ".mkv" else "mp4mux"
        # As pipelines/element.sh ends a stream: a decoder may hand over more behind the end.
        end = ["queue", "!", *2 * ["identity", f"eos-after={frames + 1}", "!"]]
        subprocess.run(
            ["gst-launch-1.0", "-q", "filesrc", f"location={CACHE / 'footage' / 'vtest.avi'}", "!", "decodebin", "!", *end, "videoconvert", "!",
             "video/x-raw,format=I420", "!", "x264enc", "speed-preset=ultrafast", "!", muxer, "!", "filesink", f"location={path}"], check=True)
    return make


def frame(path):
    subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={CACHE / 'footage' / 'vtest.avi'}", "!", "decodebin", "!", "identity", "eos-after=2", "!",
         "videoconvert", "!", "pngenc", "snapshot=true", "!", "filesink", f"location={path}"], check=True)


def face(path):
    """That of The Scream, large."""
    subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={PHOTOS / 'scream.jpg'}", "!", "jpegdec", "!", "videocrop", "left=120", "right=102", "top=190", "bottom=118", "!",
         "videoscale", "!", "video/x-raw,width=520,height=560", "!", "videoconvert", "!", "pngenc", "!", "filesink", f"location={path}"], check=True)


def square(path):
    """As docs/start/camera.md shows it, with the folder of whoever runs this."""
    path.write_text(f'[page]\n\n[[camera]]\nname = "square"\nsource = "{CACHE}/footage/vtest.avi"\nrepeat = true\n')


def photos(path):
    path.mkdir()
    for name in ("dog.jpg", "person.jpg"):
        shutil.copy(PHOTOS / name, path)


def videos(*names):
    def make(path):
        for name in names:
            film(RECORDED)(path / name)
    return make


def cameras(path):
    """Both videos and pictures of days of November, by camera."""
    for name in ("gate", "yard"):
        film(RECORDED)(path / name / "2026-11-01.mp4")
        frame(path / name / "2026-11-02.png")


def annotations(path):
    """What is to be seen in the folder `photos`, in COCO's format."""
    boxes = [(1, 18, [128, 224, 188, 316]), (1, 2, [124, 134, 444, 288]), (2, 1, [190, 96, 86, 284]), (2, 19, [398, 138, 204, 206])]
    content = {
        "images": [{"id": 1, "file_name": "dog.jpg", "width": 768, "height": 576}, {"id": 2, "file_name": "person.jpg", "width": 640, "height": 424}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "bicycle"}, {"id": 18, "name": "dog"}, {"id": 19, "name": "horse"}],
        "annotations": [
            {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for number, (image, category, box) in enumerate(boxes, 1)],
    }
    path.write_text(json.dumps(content))


def darknet_weights(path):
    """darknet's header, then one small number for all."""
    path.write_bytes(struct.pack("<3iq", 0, 2, 0, 0) + array.array("f", [0.01]).tobytes() * YOLOV3_TINY)


# By the name that a page uses; a name that ends in a slash is a folder's.
STAND_INS = {
    "photo.jpg": copy(PHOTOS / "dog.jpg"),
    "photos/": photos,
    "annotations.json": annotations,
    "face.png": face,
    "hands.jpg": copy(PHOTOS / "scream.jpg"),
    "000028-frame.png": frame,
    "clip.mp4": film(20),
    "in.mp4": film(RECORDED),
    "street.mp4": film(RECORDED),
    "film.mp4": film(WATCHED),
    "cameras/": cameras,
    "gate/": videos("morning.mp4"),
    "yard/": videos("morning.mkv"),
    "recordings/": videos("morning.mp4", "evening/late.mkv"),
    "folder": lambda path: path.mkdir(),
    # Detectors and a classifier that have no manifest yet. Networks with random weights are those of the golden vectors.
    "NAME.onnx": copy(DEFAULT_MODEL),
    "square.toml": square,
    "own.onnx": copy(DEFAULT_MODEL),
    "mb1-ssd.onnx": copy(DEFAULT_MODEL),
    "model.onnx": copy(DEFAULT_MODEL),
    "detector.onnx": copy(DEFAULT_MODEL),
    "ssd300.onnx": copy(GOLDEN / "ssd300" / "ssd300_vgg16.onnx"),
    "ssd_300_vgg.onnx": copy(GOLDEN / "ssd300" / "ssd300_vgg16.onnx"),
    "yolov5n.onnx": copy(GOLDEN / "yolov5" / "yolov5.onnx"),
    "yolov8n.onnx": copy(GOLDEN / "anchor_free" / "distances.onnx"),
    "nanodet.onnx": copy(GOLDEN / "joined" / "joined.onnx"),
    "FastestDet.onnx": copy(GOLDEN / "joined" / "bounded.onnx"),
    "resnet18.onnx": copy(CACHE / "classifiers" / "light_resnet50.onnx"),
    "yolov3-tiny.weights": darknet_weights,
    # Two detectors to compare.
    "old.onnx": with_manifest,
    "new.onnx": with_manifest,
}


def mentions(text, name):
    """Whether a command has a name as a path of its own, not as the end or the middle of another."""
    return re.search(rf"(?<![\w/$.-]){re.escape(name)}(?![\w.-])" if not name.endswith("/") else rf"(?<![\w/$.-]){re.escape(name)}", text) is not None


def put(folder, text):
    """Makes what the commands of a page mention, and copies the parts of the checkout that they do."""
    for name, make in STAND_INS.items():
        if mentions(text, name):
            make(folder / name.rstrip("/"))
    for part in ROOT.iterdir():
        if part.is_dir() and part.name != "target" and mentions(text, f"{part.name}/"):
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("__pycache__"))
