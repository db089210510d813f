#!/usr/bin/env bash
# Makes a Debian package out of an installed tree: packaging/deb.sh TREE VERSION OUTPUT.deb
# In: TREE, what `make install DESTDIR=TREE PREFIX=/usr …` made. Out: OUTPUT.deb. The libraries that it depends on are read
# from what was built. Needs dpkg-dev.
set -euo pipefail
(($# == 3)) || { echo 'usage: packaging/deb.sh TREE VERSION OUTPUT.deb' >&2; exit 2; }
tree=$(realpath "$1") version=$2 output=$(realpath -m "$3")

# Debian's zsh looks for what packages bring in a folder of its own, and Debian's man pages are compressed.
mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
gzip -9n "$tree"/usr/share/man/man1/*.1

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/debian" "$tree/DEBIAN"
printf 'Source: ssdcrp\n\nPackage: ssdcrp\nArchitecture: any\n' >"$work/debian/control"
mapfile -t binaries < <(find "$tree/usr" -type f \( -name '*.so' -o -name '*.so.*' -o -path '*/bin/*' \))
depends=$(cd "$work" && dpkg-shlibdeps --warnings=0 -O "${binaries[@]}" | sed -n 's/^shlibs:Depends=//p')
[[ $depends == *libgstreamer1.0-0* ]] || { echo "no dependencies found: '$depends'" >&2; exit 1; }

cat >"$tree/DEBIAN/control" <<CONTROL
Package: ssdcrp
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The ssdcrp authors <ssdcrp@localhost>
Section: video
Priority: optional
Depends: $depends
Recommends: gstreamer1.0-tools, gstreamer1.0-plugins-base, gstreamer1.0-plugins-base-apps, gstreamer1.0-plugins-good, gstreamer1.0-plugins-ugly, gstreamer1.0-libav, ca-certificates
Installed-Size: $(du --summarize --block-size=1K "$tree/usr" | cut -f 1)
Description: explanations of object detections inside the video
 An object detector (SSD, YOLO or another) says what it sees; ssdcrp computes
 with Contrastive Relevance Propagation which pixels made it say so, and draws
 the answer over the picture. The package has
 .
  * the GStreamer element ssdcrp, for video: gst-launch-1.0 ... ! ssdcrp ! ...
  * the command ssdcrp, for photos: explanations, reports, comparisons
  * ssdcrp annotate, for archives of videos: tables and explained videos
  * ssdcrp-monitor, a service that watches cameras and reports detections
    that look wrong, with a web page
 .
 A detector for the 80 classes of COCO and ONNX Runtime are included.
CONTROL
printf '%s\n' /etc/ssdcrp/monitor.toml >"$tree/DEBIAN/conffiles"
dpkg-deb --root-owner-group --build "$tree" "$output" >/dev/null
printf '%s\n' "$output"
