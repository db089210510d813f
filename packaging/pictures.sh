#!/usr/bin/env bash
# Makes the pictures of README and of docs/start anew, with the commands that the pages show: packaging/pictures.sh PROGRAMS
# In: PROGRAMS, the folder of the built programs (target/release) with the example explain_photo; photos and footage of the cache; pip, unzip, chromium; GStreamer's
# "bad" plugins for WebP. Out: docs/images/start-*.jpg and street.webp. Look at them.
set -euo pipefail
(($# == 1)) || { echo 'usage: packaging/pictures.sh PROGRAMS' >&2; exit 2; }
programs=$(realpath "$1")
cd "$(dirname "$(realpath "$0")")/.."
export PATH=$programs:$PATH GST_PLUGIN_PATH=$programs ORT_DYLIB_PATH
ORT_DYLIB_PATH=$(setup/onnxruntime.sh --where)
cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")
photos=$cache/photos footage=$cache/footage/vtest.avi
images=$PWD/docs/images

setup/system-packages.sh gstreamer1.0-plugins-bad chromium python3-pip unzip
work=$(mktemp -d)
page=''
trap '[[ -z $page ]] || kill "$page"; rm -rf -- "$work"' EXIT

# jpeg FROM NAME: a picture as a JPEG of at most 800 pixels in width.
jpeg() {
  gst-launch-1.0 --quiet filesrc location="$1" ! pngdec ! videoconvert ! videoscale ! 'video/x-raw,width=[1,800],pixel-aspect-ratio=1/1' ! \
    jpegenc quality=82 ! filesink location="$images/$2"
}

ssdcrp explain "$photos/dog.jpg" --target class:dog -o "$work/photo.png"
jpeg "$work/photo.png" start-photo.jpg

"$programs/examples/explain_photo" "$photos/horses.jpg" "$work/code.png"
jpeg "$work/code.png" start-code.jpg

# The frame after six seconds.
pipelines/record.sh --frames 60 "$footage" "$work/explained.mp4" class:person
gst-launch-1.0 --quiet filesrc location="$work/explained.mp4" ! decodebin ! videoconvert ! jpegenc quality=82 ! \
  multifilesink location="$work/frame-%03d.jpg"
cp "$work/frame-059.jpg" "$images/start-video.jpg"

# Eight seconds, every other frame (pipelines/element.sh says why two elements end the stream); the element sees the size that is shown, so that its letters are as large as it draws them.
gst-launch-1.0 --quiet filesrc location="$footage" ! decodebin ! queue ! identity eos-after=81 ! identity eos-after=81 ! videorate ! video/x-raw,framerate=5/1 ! \
  videoconvert ! videoscale ! video/x-raw,width=640,height=480 ! \
  ssdcrp mode=every-frame select=all target=class:person ! videoconvert ! video/x-raw,format=I420 ! \
  webpenc quality=60 speed=6 ! multifilesink location="$work/street-%03d.webp"
python3 -B packaging/animation.py 200 "$images/street.webp" "$work"/street-*.webp

python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" ddddocr==1.6.1
unzip -q -j "$work"/ddddocr-*.whl '*common_det.onnx' -d "$work"
ssdcrp inspect "$work/common_det.onnx" --write-manifest
sed -i 's/class 0/character/' "$work/common_det.toml"
gst-launch-1.0 --quiet videotestsrc pattern=white num-buffers=1 ! video/x-raw,width=480,height=200 ! \
  textoverlay text='why is it?' valignment=center halignment=center font-desc='Serif 40' color=0xff203040 draw-shadow=false draw-outline=false ! \
  videoconvert ! pngenc ! filesink location="$work/letters.png"
ssdcrp --model "$work/common_det.onnx" explain "$work/letters.png" -o "$work/own-model.png"
jpeg "$work/own-model.png" start-own-model.jpg

ssdcrp-monitor "$footage" --serve=127.0.0.1:8089 >/dev/null &
page=$!
sleep 10
python3 -B packaging/page_picture.py 15 1000 800 http://127.0.0.1:8089/ "$work/page.png"
jpeg "$work/page.png" start-camera.jpg
