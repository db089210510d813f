//! What a frame asks of the allocator once the element is at work. The thread that carries the video asks for nothing that grows with the picture or with a map. The engine's threads ask for a
//! bounded number of pieces, and of bytes for each pixel.
//!
//! A process of its own, because it counts with an allocator of its own. ONNX Runtime and GStreamer allocate in C and are not counted: what ONNX Runtime computes is in its arena or in places
//! that are used again, and frames are the pipeline's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use gst_check::Harness;

#[path = "element/support.rs"]
#[expect(dead_code, reason = "this test needs little of it")]
mod support;

use support::{cached, element, pull};

/// Less than a plane of the smallest picture here, or than a map of 128x128 numbers; more than whatever has words or boxes.
const LARGE: usize = 64 << 10;

/// Pieces of [`LARGE`] and more that were asked for, and their bytes.
struct Asked {
    pieces: AtomicUsize,
    bytes: AtomicUsize,
}

static ASKED: [Asked; 2] = [const {
    Asked {
        pieces: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
    }
}; 2];

thread_local! {
    /// Whether this thread carries the video.
    static CARRIES: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

fn count(size: usize) {
    if size >= LARGE {
        let asked = &ASKED[usize::from(CARRIES.get())];
        asked.pieces.fetch_add(1, Relaxed);
        asked.bytes.fetch_add(size, Relaxed);
    }
}

#[expect(unsafe_code, reason = "that is how an allocator is written")]
// SAFETY: it is the system's allocator; counting touches no memory but two numbers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Frames that the element sees before it is counted, and while it is.
const BEFORE: usize = 4;
const COUNTED: usize = 4;

/// Pieces and bytes a frame: of the threads of the engine, and of the thread that carries the video.
fn asked_for(width: u32, height: u32) -> [(usize, usize); 2] {
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale ! video/x-raw,format=I420,width={width},height={height} ! appsink name=sink sync=false max-buffers=1",
        cached("footage/vtest.avi").display()
    );
    let (caps, frames) = pull(&line, BEFORE + COUNTED);
    let (element, bus) = element(&[("mode", "every-frame")]);
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps(caps);
    for (index, frame) in frames.iter().enumerate() {
        if index == BEFORE {
            for asked in &ASKED {
                asked.pieces.store(0, Relaxed);
                asked.bytes.store(0, Relaxed);
            }
        }
        let frame = frame.copy_deep().unwrap();
        CARRIES.set(true);
        let passed = harness.push_and_pull(frame);
        CARRIES.set(false);
        passed.unwrap();
        while bus.pop().is_some() {}
    }
    bus.set_flushing(true);
    ASKED.each_ref().map(|asked| {
        let [pieces, bytes] = [&asked.pieces, &asked.bytes].map(|n| n.load(Relaxed) / COUNTED);
        (pieces, bytes)
    })
}

/// For each result: the network's input, a map of it and what is drawn of it; pieces that grow are counted anew each time. 18 to 22 pieces were measured.
const MOST_PIECES: usize = 32;
/// Of the canvas, of the overlay as frames take it, and of what both are made from, for each pixel of the frame; 25 were measured.
const MOST_BYTES_A_PIXEL: usize = 32;
/// Whatever the frame's size is; 1 MB of the network's input is the largest of it.
const MOST_BYTES: usize = 8 << 20;

#[test]
fn the_thread_that_carries_the_video_asks_for_nothing_large() {
    for (width, height) in [(768, 576), (1920, 1080)] {
        let [(pieces, bytes), carrying] = asked_for(width, height);
        println!("{width}x{height}: {pieces} pieces, {bytes} bytes");
        assert_eq!(carrying, (0, 0), "{width}x{height}");
        let most = MOST_BYTES + MOST_BYTES_A_PIXEL * (width * height) as usize;
        assert!(
            0 < pieces && pieces <= MOST_PIECES && bytes <= most,
            "{width}x{height}: {pieces} pieces, {bytes} bytes"
        );
    }
}
