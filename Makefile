# Set-up, demo and tests; `make help` lists the targets. What exists is not made again: packages, runtime, media and
# the demo's files each have a rule, and cargo decides what to compile.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Everything that is fetched lies outside the checkout, so that clones share it.
CACHE := $(abspath $(or $(SSDCRP_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ssdcrp))
$(if $(word 2,$(CACHE)),$(error make cannot handle spaces in '$(CACHE)': set SSDCRP_CACHE to a folder without))
export SSDCRP_CACHE := $(CACHE)

RUNTIME := $(shell SSDCRP_CACHE=$(CACHE) setup/onnxruntime.sh --where)
FOOTAGE := $(CACHE)/footage/vtest.avi
CLASSIFIERS := $(CACHE)/classifiers/light_zfnet512.onnx
PHOTOS := $(addprefix $(CACHE)/photos/,dog.jpg person.jpg horses.jpg eagle.jpg giraffe.jpg kite.jpg scream.jpg)

BUILD := $(abspath $(or $(CARGO_TARGET_DIR),target))
COMMAND := $(BUILD)/release/ssdcrp
PLUGIN := $(BUILD)/release/libgstssdcrp.so
MONITOR := $(BUILD)/release/ssdcrp-monitor
ANNOTATE := $(BUILD)/release/ssdcrp-annotate
MODEL := $(wildcard models/*.onnx models/*.toml)

# A second detector, to try and to compare; nothing that is tested or shown by default needs it.
MODEL_B := $(CACHE)/models/ssd_mobilenet_v2_oidv4.onnx

# The paper's architecture with random weights, to measure.
SSD300 := $(CACHE)/models/ssd300_vgg16_voc.onnx

# The second implementation's Python, and the one that has PyTorch besides, for the comparison with zennit.
ORACLE := $(CACHE)/oracle
ZENNIT := $(CACHE)/zennit

# The Python that makes the table of own models, which is the oracle's with OpenCV 4 besides.
OWN_MODELS := $(CACHE)/own-models/python

# The Python of what runs archives on a cluster, and of the statements that archives are asked by.
ARCHIVES := $(CACHE)/archives

# The Python that builds the wheel, and the one that the wheel is tested in.
WHEEL := $(CACHE)/wheel
PYTHON := $(CACHE)/python

# The Python of what others explain with, for the comparison with ours, and what starts ours.
PEERS := $(CACHE)/peers
OURS := cargo bench --quiet --package ssdcrp --bench peers --locked -- serve

# What makes the site of README and docs.
MDBOOK_VERSION := 0.5.4
MDBOOK := $(CACHE)/mdbook/bin/mdbook

# What checks the licences and origins of all dependencies.
DENY_VERSION := 0.20.2
DENY := $(CACHE)/cargo-deny/bin/cargo-deny

# What benches measured, and the report that is committed.
BENCH := $(BUILD)/bench
BASELINE := benches/baseline
REPORT := cargo run --quiet --release --locked --package bench-report --

# The environment of what runs the network: $(call with,release) or $(call with,debug).
with = ORT_DYLIB_PATH=$(RUNTIME) GST_PLUGIN_PATH=$(BUILD)/$(1)$${GST_PLUGIN_PATH:+:$$GST_PLUGIN_PATH}

# A Python environment with what a file of requirements names: $(call python,FOLDER,REQUIREMENTS).
define python
	python3 -c 'import ensurepip, venv' 2>/dev/null || setup/system-packages.sh python3 python3-venv
	python3 -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: -r $(2)
	touch $(1)/ready
endef

# How much of the footage the demo explains: 10 frames are one second.
FRAMES ?= 250
VIDEO := demo/explained.mp4
PICTURES := $(addprefix demo/,dog.png sheep-rather-than-horse.png horse-rather-than-sheep.png box-wider.png)

# Where `make install` puts things, below DESTDIR. ONNX Runtime goes along where the system has none.
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
# A prefix of one's own needs no root for the configuration either.
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX:%/=%)),,$(PREFIX:%/=%))/etc
BUNDLED := $(filter $(CACHE)/%,$(shell env -u ORT_DYLIB_PATH SSDCRP_CACHE=$(CACHE) setup/onnxruntime.sh --where))
NOTICES := $(if $(BUNDLED),$(CACHE)/onnxruntime/ThirdPartyNotices.txt)
PIPELINES := $(wildcard pipelines/*.sh)
# What README and the pages in docs refer to lies where they look for it. The contents of the site have pages that only the site has.
DOCUMENTS := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md CITATION.cff models/README.md src/overlay/font/LICENSE \
	$(wildcard docs/*.md docs/start/*.md docs/images/* docs/schema/* examples/*.rs benches/*.md python/notebooks/*.ipynb)
VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
TREE := $(BUILD)/deb/ssdcrp
# Where GStreamer has analytics metas to build with (1.26, Debian 13), the plugin writes those, too. Asked when it is built, for `make deb` may install them.
ANALYTICS = $(shell pkg-config --exists 'gstreamer-analytics-1.0 >= 1.26' && echo --features gst-plugin-ssdcrp/v1_26)
# So that apt knows the two packages apart.
PACKAGE_VERSION = $(VERSION)$(if $(ANALYTICS),+gst1.26)

.PHONY: help demo test test-all test-deny test-shown test-importers test-archives test-python wheel test-debian13 test-deb site pictures fuzz bench bench-archives bench-baseline bench-compare bench-full bench-memory bench-peers
.PHONY: oracle oracle-zennit own-models own-models-times model-b model-ssd300 install deb deb-packages deb-debian13 clean distclean packages force

help: ## this list
	@awk -F ': .*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(VIDEO) $(PICTURES) ## build all, then explain real footage and photos into demo/
	@printf '%s\n' '' 'Made by the element ssdcrp ($(VIDEO)) and the command ssdcrp (the pictures):' $(^:%='  %') \
		'Red speaks for what the picture names, blue against it. Any player shows the video: gst-play-1.0 $(VIDEO)'

test: packages $(RUNTIME) $(FOOTAGE) $(PHOTOS) $(CLASSIFIERS) ## format, lints, all tests, and every pipeline in a real gst-launch-1.0
	@# A window of its own for the test that clicks in one.
	@{ command -v Xvfb && command -v xdotool; } >/dev/null || setup/system-packages.sh xvfb xdotool
	@# A network camera, a broker, and what reads the monitor's numbers and events.
	@setup/system-packages.sh python3-gi gir1.2-gst-rtsp-server-1.0 prometheus python3-jsonschema mosquitto \
		mosquitto-clients openssl chromium
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@# As others link it: without the command's parts, and without the model.
	cargo clippy --package ssdcrp --lib --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --package ssdcrp --no-deps --locked
	cargo build --workspace --locked
	$(call with,debug) cargo test --workspace --locked
	$(call with,debug) tests/pipelines.sh

test-all: test test-deny test-shown site test-importers test-archives test-python ## test, and what takes more: licences, the docs' commands, the site, importers, archives, the Python package, the docs' Python, golden values on OpenVINO (84 MB), 100,000 frames
	$(call with,debug) cargo test --package gst-plugin-ssdcrp --locked --test element -- --ignored --exact \
		endurance::a_hundred_thousand_frames_keep_no_memory
	$(call with,debug) cargo test --package ssdcrp --locked --test command -- --ignored --exact \
		compile::the_pages_script_gives_the_commands_map
	library=$$(setup/onnxruntime-openvino.sh); \
		ORT_DYLIB_PATH=$$library GOLDEN_PROVIDER=openvino cargo test --package ssdcrp --locked --test golden

test-deny: $(DENY) ## licences, duplicates and origins of all dependencies (builds cargo-deny once, some minutes)
	$(DENY) check licenses bans sources

test-shown: $(ORACLE)/ready $(RUNTIME) $(FOOTAGE) $(PHOTOS) $(CLASSIFIERS) ## every command line of README and docs is run, but for the list in tests/shown/tables.py (400 MB in the cache)
	@setup/system-packages.sh xvfb xdotool mosquitto mosquitto-clients openssl unzip
	@command -v npm >/dev/null || setup/system-packages.sh npm
	cargo build --package ssdcrp --features built-in-model --locked
	cargo build --package gst-plugin-ssdcrp --package ssdcrp-monitor --package ssdcrp-annotate --locked
	python3 -B -m unittest discover -s tests/shown
	ORT_DYLIB_PATH=$(RUNTIME) PROGRAMS=$(BUILD)/debug python3 -B tests/shown/main.py

test-importers: $(ORACLE)/ready ## the importers on small networks, and what makes the table of own models
	$(ORACLE)/bin/python -B -m unittest discover -s tests/importers
	$(ORACLE)/bin/python -B -m unittest discover -s tests/own_models

test-archives: $(ARCHIVES)/ready $(RUNTIME) $(FOOTAGE) ## the statements of docs/archives.md, and archives by GNU parallel, Slurm and Ray (Ray and others, 861 MB in the cache)
	@setup/system-packages.sh parallel slurmctld slurmd slurm-client
	cargo build --package ssdcrp --features built-in-model --locked
	cargo build --package ssdcrp-annotate --locked
	$(call with,debug) PROGRAMS=$(BUILD)/debug $(ARCHIVES)/bin/python -B -m unittest discover -s tests/archives

wheel: $(WHEEL)/ready packages ## the Python package, in target/wheels
	$(WHEEL)/bin/maturin build --release --locked --manifest-path python/Cargo.toml --out $(BUILD)/wheels

test-python: $(WHEEL)/ready $(PYTHON)/ready $(PHOTOS) $(CLASSIFIERS) ## the Python package: docstrings, tests, the page docs/python.md, the notebook
	cargo build --package ssdcrp --features built-in-model --locked
	rm -rf $(BUILD)/debug/wheels
	$(WHEEL)/bin/maturin build --locked --manifest-path python/Cargo.toml --out $(BUILD)/debug/wheels
	$(PYTHON)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(BUILD)/debug/wheels/*.whl
	@# The wheel finds the library of its environment by itself.
	env -u ORT_DYLIB_PATH SSDCRP_COMMAND=$(BUILD)/debug/ssdcrp $(PYTHON)/bin/python -B -m unittest discover -s python/tests

test-debian13: packages $(RUNTIME) $(FOOTAGE) $(PHOTOS) ## every pipeline in a Debian 13 with GStreamer 1.26, as root (1.5 GB in the cache)
	tests/debian13.sh

test-deb: deb $(FOOTAGE) $(PHOTOS) ## the package in a bare Debian 12 and 13, and an installation into a home, as root (300 MB in the cache)
	packaging/try-deb.sh $(BUILD)/ssdcrp_$(PACKAGE_VERSION)_$$(dpkg --print-architecture).deb
	packaging/try-home.sh $(CACHE)/photos/dog.jpg

site: $(MDBOOK) ## README and docs as a site in target/site/book, all links checked (builds mdBook once, some minutes)
	python3 -B -m unittest discover -s tests/site
	cargo build --workspace --locked
	python3 -B packaging/build_site.py $(MDBOOK) $(BUILD)/debug $(BUILD)/site $(DOCUMENTS)

pictures: $(COMMAND) $(PLUGIN) $(RUNTIME) $(FOOTAGE) $(PHOTOS) ## the pictures of README and docs/start made anew
	cargo build --release --package ssdcrp --features built-in-model --example explain_photo --locked
	packaging/pictures.sh $(BUILD)/release

fuzz: packages ## every reader fed with changed inputs, ten minutes in all
	@# libFuzzer is C++.
	@setup/system-packages.sh g++
	fuzz/run.sh 85

bench: $(PLUGIN) $(RUNTIME) $(FOOTAGE) $(PHOTOS) ## all benchmarks, at most 30 minutes, as one report in target/bench
	$(call with,release) benches/run.sh default $(BENCH)

bench-baseline: ## make the last report the one that others are compared with
	cp $(BENCH)/report.md $(BASELINE).md
	cp $(BENCH)/report.json $(BASELINE).json

bench-compare: ## the last report beside the committed one
	@$(REPORT) compare $(BASELINE).json $(BENCH)/report.json

bench-full: $(PLUGIN) $(RUNTIME) $(FOOTAGE) $(PHOTOS) ## the same with all presets, heads and numbers of targets (hours)
	$(call with,release) benches/run.sh full $(BENCH)/full

bench-memory: $(PLUGIN) $(RUNTIME) $(FOOTAGE) ## what the live element keeps in memory after 1, 5 and 20 minutes
	$(call with,release) benches/run.sh memory $(BENCH)/memory

bench-archives: $(ARCHIVES)/ready $(COMMAND) $(PLUGIN) $(RUNTIME) $(FOOTAGE) ## how fast an archive is annotated with 1, 2 and 4 workers of Ray on this computer
	mkdir -p $(BENCH)
	PYTHONPATH=tests/archives $(ARCHIVES)/bin/python -B -c 'import footage; footage.clip("$(BENCH)/archive.mkv", 795)'
	$(call with,release) $(ARCHIVES)/bin/python -B scale/throughput.py $(BENCH)/archive.mkv --command $(COMMAND)

bench-peers: $(PEERS)/ready $(PLUGIN) $(RUNTIME) $(FOOTAGE) ## ours beside zennit, LayerCAM, D-RISE (fetches PyTorch, some GB)
	@setup/system-packages.sh python3-gi gir1.2-gst-plugins-base-1.0
	cargo bench --package ssdcrp --bench peers --locked --no-run
	$(call with,release) $(PEERS)/bin/python -B benches/peers/main.py '$(OURS)' $(FOOTAGE) $(PEERS_OPTIONS)

oracle: $(ORACLE)/ready ## make the golden vectors anew (2 minutes) and check the oracle itself
	cd tests/oracle && for script in golden_small golden_ssdlite golden_ssd300 golden_yolo golden_yolov5 golden_anchor_free \
		golden_joined check; do \
		OPENBLAS_NUM_THREADS=1 $(ORACLE)/bin/python -B $$script.py; done
	@git status --short -- tests/golden

oracle-zennit: $(ZENNIT)/ready ## compare the oracle with zennit's own rules (fetches PyTorch, some GB)
	cd tests/oracle && OPENBLAS_NUM_THREADS=1 $(ZENNIT)/bin/python -B against_zennit.py

own-models: $(OWN_MODELS)/ready $(COMMAND) $(RUNTIME) $(PHOTOS) $(CLASSIFIERS) $(MODEL_B) ## docs/own-models.md's table made anew (fetches exporters, GB): ROWS=name
	$(call with,release) OPENBLAS_NUM_THREADS=2 $(OWN_MODELS)/bin/python -B tests/own_models/main.py $(COMMAND) --rows $(ROWS)

own-models-times: $(OWN_MODELS)/ready $(COMMAND) $(RUNTIME) ## its milliseconds alone, when nothing else runs
	$(call with,release) $(OWN_MODELS)/bin/python -B tests/own_models/main.py $(COMMAND) --times --rows $(ROWS)

model-b: $(MODEL_B) ## fetch and import the second detector (Open Images, 23 classes) into the cache
	@echo 'ssdcrp --model $(MODEL_B) detect photo.jpg'

model-ssd300: $(SSD300) ## build SSD300-VGG16 with random weights into the cache, to measure
	@echo 'ssdcrp --model $(SSD300) inspect'

install: $(COMMAND) $(PLUGIN) $(NOTICES) ## install commands, plugin, monitor, pipelines, man pages and ONNX Runtime: PREFIX=/usr/local
	install -D -s $(COMMAND) $(DESTDIR)$(PREFIX)/bin/ssdcrp
	install -D -s $(MONITOR) $(DESTDIR)$(PREFIX)/bin/ssdcrp-monitor
	install -D -s $(ANNOTATE) $(DESTDIR)$(PREFIX)/bin/ssdcrp-annotate
	umask 022; for program in $(COMMAND) $(MONITOR) $(ANNOTATE); do $$program --write-manual '$(DESTDIR)$(PREFIX)/share'; done
	@# What the programs do not know: where all the rest lies.
	printf '%s\n' '.SH FILES' .TP '$(PREFIX)/share/ssdcrp/pipelines' 'Ready pipelines with the element, for gst\-launch\-1.0; each has \-\-help.' \
		.TP '$(PREFIX)/share/ssdcrp/setup/media.sh' 'Fetches the photos and the video of the first pages.' \
		.TP '$(PREFIX)/share/doc/ssdcrp' 'The pages: docs/start first.' >>'$(DESTDIR)$(PREFIX)/share/man/man1/ssdcrp.1'
	packaging/monitor/install.sh '$(DESTDIR)' '$(PREFIX)' '$(SYSCONFDIR)'
	install -D -s -m 644 $(PLUGIN) $(DESTDIR)$(LIBDIR)/gstreamer-1.0/$(notdir $(PLUGIN))
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,ssdcrp/pipelines ssdcrp/setup ssdcrp/models doc/ssdcrp)
	install -m 755 $(PIPELINES) $(DESTDIR)$(PREFIX)/share/ssdcrp/pipelines/
	chmod 644 $(addprefix $(DESTDIR)$(PREFIX)/share/ssdcrp/pipelines/,element.sh recording.sh)
	install -m 755 setup/media.sh $(DESTDIR)$(PREFIX)/share/ssdcrp/setup/
	install -m 644 $(filter %.toml,$(MODEL)) $(DESTDIR)$(PREFIX)/share/ssdcrp/models/
	for file in $(filter-out docs/SUMMARY.md,$(DOCUMENTS)); do install -D -m 644 $$file $(DESTDIR)$(PREFIX)/share/doc/ssdcrp/$$file; done
	install -m 644 LICENSE-MIT LICENSE-APACHE packaging/copyright models/LICENSE-ssdlite_mobilenet_v2_coco \
		$(DESTDIR)$(PREFIX)/share/doc/ssdcrp/
	install -m 644 src/overlay/font/LICENSE $(DESTDIR)$(PREFIX)/share/doc/ssdcrp/LICENSE-DejaVu
ifdef BUNDLED
	install -D -m 644 $(BUNDLED) $(DESTDIR)$(PREFIX)/lib/ssdcrp/$(notdir $(BUNDLED))
	install -m 644 $(CACHE)/onnxruntime/LICENSE $(DESTDIR)$(PREFIX)/share/doc/ssdcrp/LICENSE-onnxruntime
	install -m 644 $(NOTICES) $(DESTDIR)$(PREFIX)/share/doc/ssdcrp/ThirdPartyNotices-onnxruntime
endif
	@pkg-config --variable=pluginsdir gstreamer-1.0 | grep -qxF '$(LIBDIR)/gstreamer-1.0' || \
		echo 'GStreamer does not look there by itself: export GST_PLUGIN_PATH=$(LIBDIR)/gstreamer-1.0'

# What the package's version depends on has to be there before make looks at the recipe of `deb`.
deb-packages: packages
	@setup/system-packages.sh dpkg-dev
	@! pkg-config --exists 'gstreamer-1.0 >= 1.26' || setup/system-packages.sh libgstreamer-plugins-bad1.0-dev

deb: deb-packages ## make a Debian package of the same, in target/
	rm -rf $(TREE)
	@$(MAKE) --no-print-directory install DESTDIR=$(TREE) PREFIX=/usr \
		LIBDIR=/usr/lib/$$(dpkg-architecture --query DEB_HOST_MULTIARCH)
	packaging/deb.sh $(TREE) $(PACKAGE_VERSION) $(BUILD)/ssdcrp_$(PACKAGE_VERSION)_$$(dpkg --print-architecture).deb

deb-debian13: packages $(RUNTIME) $(FOOTAGE) $(PHOTOS) ## the package of Debian 13, whose plugin writes GStreamer 1.26's analytics metas, built there and tried there, as root
	tests/debian13.sh --package $(BUILD)
	packaging/try-deb.sh $(BUILD)/ssdcrp_$(VERSION)+gst1.26_$$(dpkg --print-architecture).deb trixie

clean: ## remove what was built and demo/; the cache stays
	cargo clean
	rm -rf demo

distclean: clean ## clean, and remove runtime, footage, photos, models and all Pythons too
	rm -rf -- $(addprefix $(CACHE)/,onnxruntime footage photos classifiers models oracle zennit peers own-models archives shown wheel python mdbook cargo-deny bare debian13 debian13.log) $(CACHE)/onnxruntime-openvino-*

packages:
	@command -v cargo >/dev/null || \
		{ echo 'There is no cargo on the path: install Rust 1.92 or newer with rustup.' >&2; exit 1; }
	@setup/system-packages.sh

$(RUNTIME): | packages
	setup/onnxruntime.sh

ifdef NOTICES
$(NOTICES): | packages
	env -u ORT_DYLIB_PATH setup/onnxruntime.sh
endif

$(MDBOOK): | packages
	cargo install mdbook --version $(MDBOOK_VERSION) --locked --no-default-features --features search --root $(CACHE)/mdbook

$(DENY): | packages
	cargo install cargo-deny --version $(DENY_VERSION) --locked --root $(CACHE)/cargo-deny

$(FOOTAGE): | packages
	setup/media.sh footage

$(CLASSIFIERS): | packages
	setup/classifiers.sh

$(PHOTOS) &: | packages
	setup/media.sh photos

$(ORACLE)/ready: tests/oracle/requirements.txt | packages
	$(call python,$(ORACLE),$<)

$(ZENNIT)/ready: tests/oracle/requirements-zennit.txt tests/oracle/requirements.txt | packages
	$(call python,$(ZENNIT),$<)

$(WHEEL)/ready: python/requirements-wheel.txt | packages
	$(call python,$(WHEEL),$<)

$(PYTHON)/ready: python/requirements.txt | packages
	$(call python,$(PYTHON),$<)

$(PEERS)/ready: benches/peers/requirements.txt tests/oracle/requirements-zennit.txt tests/oracle/requirements.txt | packages
	$(call python,$(PEERS),$<)

$(OWN_MODELS)/ready: tests/own_models/requirements.txt tests/oracle/requirements.txt | packages
	$(call python,$(OWN_MODELS),$<)

$(ARCHIVES)/ready: tests/archives/requirements.txt scale/requirements.txt | packages
	$(call python,$(ARCHIVES),$<)

$(MODEL_B): models/ssd_mobilenet_v2_oidv4.toml | packages
	setup/model-b.sh

$(SSD300): models/build_ssd300_vgg16.py models/ssd300_vgg16_voc.toml $(ORACLE)/ready
	mkdir -p $(@D)
	cp models/ssd300_vgg16_voc.toml $(@D)/
	$(ORACLE)/bin/python -B $< $@

# Always asked, seldom anything to do: cargo leaves the files alone when nothing has changed. Each is built by itself, for in one build
# the plugin would link what only the command needs.
$(COMMAND): force | packages
	cargo build --release --package ssdcrp --features built-in-model --locked

$(PLUGIN): force | packages
	cargo build --release --package gst-plugin-ssdcrp --package ssdcrp-monitor --package ssdcrp-annotate --locked $(ANALYTICS)

demo/:
	mkdir -p $@

$(VIDEO): $(PLUGIN) $(MODEL) $(FOOTAGE) pipelines/record.sh | $(RUNTIME) demo/
	$(call with,release) pipelines/record.sh --force --frames $(FRAMES) $(FOOTAGE) $@

# One detection that is right, and the two kinds of error: a wrong class, a wrong box.
$(PICTURES): $(COMMAND) $(MODEL) | $(RUNTIME) $(PHOTOS) demo/
explain = $(call with,release) $(COMMAND) explain $(CACHE)/photos/$(1) $(2) -o $@

demo/dog.png:
	$(call explain,dog.jpg,--best)
demo/sheep-rather-than-horse.png:
	$(call explain,person.jpg,--box 1436 --target class:sheep --contrast class:horse)
demo/horse-rather-than-sheep.png:
	$(call explain,person.jpg,--box 1436 --target class:horse --contrast class:sheep)
demo/box-wider.png:
	$(call explain,horses.jpg,--box 1406 --target offset:w+)
