"""What is not run of the pages' commands, and why; what is put in the place of cameras and brokers; what runs until it is ended; what the pages leave to the reader's hand.

Each entry begins with a pattern of regular expressions, and has to match a command of a page: an entry that matches none any more is an error.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotRun:
    """Commands that are left out; the patterns begin where a command does."""

    patterns: tuple
    why: str
    instead: str


NOT_RUN = [
    # Targets of make and builds.
    NotRun((r"make demo\b",), "builds for release, takes minutes", "make demo; its pipeline and questions: tests/pipelines.sh, docs/photos.md"),
    NotRun((r"make deb\b", r"sudo apt install \./target/"), "builds for release, needs root", "make test-deb"),
    NotRun((r"make install\b",), "builds for release", "make test-deb, which installs into a home"),
    NotRun((r"make wheel\b", r"explain/bin/"), "a build, and hundreds of megabytes of Jupyter's packages", "make test-python; packaging/first-steps.sh"),
    NotRun((r"cargo build --release -p ssdcrp-monitor\b", r"cargo install\b"), "builds for release", "make demo and make install build these packages"),
    NotRun((r"cargo run --release --example explain_photo\b",), "builds for release", "tests/examples.rs; packaging/first-steps.sh"),
    NotRun((r"cargo build .* --features v1_26\b",), "needs GStreamer 1.26", "make test-debian13"),
    NotRun((r"podman build\b",), "needs podman and a registry of containers", "nothing"),
    # What changes the computer.
    NotRun((r"sudoedit ", r"sudo ssdcrp-monitor\b", r"sudo systemctl\b"), "a service, needs root", "make test-deb: the package's files and --check"),
    NotRun((r"sudo apt install mosquitto\b", r"printf .* \| sudo tee\b"), "needs root", "monitor/tests: a broker that the monitor speaks to"),
    NotRun((r"setup/system-packages\.sh\b",), "installs packages", "make test"),
    # What needs other computers, or gigabytes.
    NotRun((r"parallel -j ",), "its rows are compared with those of one process there", "make test-archives"),
    NotRun((r"parallel --sshloginfile\b",), "needs other computers", "make test-archives: GNU parallel on one"),
    NotRun((r"exec ssdcrp annotate .*SLURM_",), "needs Slurm", "make test-archives"),
    NotRun((r"python3 -m venv ray\b", r"ray/bin/"), "861 MB, and a cluster", "make test-archives: what scale/ray_archive.py and scale/plots.py do"),
    NotRun((r"ORT_DYLIB_PATH=.* tests/recorded_run/",), "half an hour", "nothing; each failure alone: monitor/tests"),
    NotRun((r"python models/export_\w+\.py\b",), "PyTorch or TensorFlow, gigabytes", "make own-models"),
    NotRun((r"git clone\b", r"python yolov5/", r"python yolov7/"), "other projects, which need PyTorch", "make own-models: the same networks, by models/export_*.py"),
    NotRun((r"python tools/export_onnx\.py\b",), "another project, which needs PyTorch", "nothing; files of that form: tests/joined_heads.rs, make own-models"),
    NotRun((r"pip install ultralytics\b", r"python -c \"from ultralytics\b"), "PyTorch, gigabytes", "make own-models: models/export_ultralytics.py"),
    NotRun((r"python -m tf2onnx.convert --saved-model\b",), "TensorFlow, a gigabyte", "make own-models: models/export_object_detection.py"),
    NotRun((r"pip install tensorflow-cpu\b", r"python -m tf2onnx.convert --opset 17 --tflite\b"), "TensorFlow, a gigabyte", "nothing"),
]


# What is written into a command in the place of something, by str.format with what surroundings.py has started.
REPLACED = [
    (r"/usr/share/ssdcrp/pipelines/", "pipelines/"),
    (r"/usr/share/ssdcrp/setup/", "setup/"),
    (r"(?<![\w.])/tmp\b", "{tmp}"),
    (r"(?<=live\.sh )/dev/video0", "test"),
    (r"webcam-click\.sh", "webcam-click.sh test"),
    (r"v4l2src( device=\S+)?", "videotestsrc is-live=true"),
    (r"rtsp://gate/(stream)?", "rtsp://127.0.0.1:{gate}/camera"),
    (r"rtsp://yard/(stream)?", "rtsp://127.0.0.1:{yard}/camera"),
    (r"rtsp://camera/(stream)?", "rtsp://127.0.0.1:{camera}/camera"),
    # Ports that are free, instead of those that everybody has.
    (r"--serve\b", "--serve 127.0.0.1:{page}"),
    (r"mosquitto_sub -h broker\.example -p 8883 --capath /etc/ssl/certs", "mosquitto_sub -h localhost -p {safe_broker} --capath {certificates}"),
    (r"mosquitto_sub (-h broker\.example )?(?=-v -t)", "mosquitto_sub -p {broker} "),
    # One of seven photos, where each detection takes long; 4 of 795 frames.
    (r"(?<=ssdcrp report )\$photos(?= )", "$photos/person.jpg"),
    (r"(?<=ssdcrp evaluate )\$photos(?= )", "$photos/eagle.jpg"),
    (r"record\.sh (?=~/)", "record.sh --frames 4 "),
    # There is neither a face nor a hand in other photos.
    (r"(?<=--model face\.onnx explain )photo\.jpg", "face.png"),
    (r"(?<=--model hand\.onnx explain )photo\.jpg", "hands.jpg"),
    # The two that are not random lie elsewhere than in the block's first lines.
    (r"import_darknet\.py yolov3-tiny\.cfg", "import_darknet.py $data/cfg/yolov3-tiny.cfg"),
    (r"--names coco\.names", "--names $data/data/coco.names"),
]


# Commands that run until somebody ends them, and what is waited for before that is done with Ctrl-C: see waiting.py.
ENDLESS = [
    (r"gst-launch-1\.0 .*autovideosink", "window"),
    (r"pipelines/(live|webcam-click)\.sh", "window"),
    (r"pipelines/rtsp-monitor\.sh", "file folder/picture-*.jpg"),
    (r"gst-launch-1\.0 .*splitmuxsink", "file clip-*.mp4"),
    (r"gst-launch-1\.0 .*fakesink", "text ssdcrp, "),
    (r"\S*ssdcrp-monitor .*--serve", "page"),
    (r"ssdcrp-monitor --config square\.toml", "text http://"),
    (r"mosquitto_sub", "message"),
]


# What a page asks the reader to do by hand behind a command, as comments say there.
BY_HAND = [
    (r"ssdcrp inspect (yolov5n|yolov8n|nanodet|FastestDet)\.onnx --write-manifest", "sed -i 's/\"class 3\"/\"dog\"/' *.toml"),
    (r"ssdcrp inspect common_det\.onnx --write-manifest .*then labels", "sed -i 's/class 0/character/' common_det.toml"),
]
