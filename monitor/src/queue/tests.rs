//! The queue over the ends of its processes: what is cut off, damaged, too much, or used twice.

use std::fs;
use std::sync::Arc;

use super::state::{FILE_BYTES, Writer};
use super::*;

const LIMITS: QueueLimits = QueueLimits {
    texts: 1000,
    bytes: 64 << 20,
};

fn open(folder: &Path) -> DiskQueue {
    DiskQueue::open(folder, LIMITS).unwrap().0
}

/// All texts that wait.
fn texts(queue: &DiskQueue) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = 0;
    while let Some((sequence, text)) = queue.next(after) {
        found.push(text.unwrap());
        after = sequence;
    }
    found
}

/// Files with texts.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = super::files(folder).unwrap().into_iter();
    files.map(|first| path(folder, first)).collect()
}

#[test]
fn texts_wait_in_their_order_until_they_are_done_whatever_ends() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    assert!(queue.next(0).is_none());
    for text in ["one", "two", "three"] {
        assert_eq!(queue.push(text).unwrap(), 0);
    }
    let (first, text) = queue.next(0).unwrap();
    assert_eq!(text.unwrap(), "one");
    assert_eq!(texts(&queue), ["one", "two", "three"]);
    queue.done(first);
    // What is done once more changes nothing.
    queue.done(first);
    drop(queue);
    let queue = open(folder.path());
    assert_eq!(texts(&queue), ["two", "three"]);
    queue.push("four").unwrap();
    assert_eq!(queue.level().texts, 3);
    drop(queue);
    let queue = open(folder.path());
    assert_eq!(texts(&queue), ["two", "three", "four"]);
    queue.done(u64::MAX);
    assert_eq!(queue.level(), QueueLevel::default());
    drop(queue);
    // Numbers are not given again.
    let queue = open(folder.path());
    queue.push("five").unwrap();
    assert_eq!(queue.next(0).unwrap().0, 5);
}

#[test]
fn a_line_that_was_cut_off_or_damaged_is_skipped_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    for text in ["one", "two", "three"] {
        queue.push(text).unwrap();
    }
    drop(queue);
    let [file] = &files(folder.path())[..] else {
        panic!()
    };
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..whole.len() - 3]).unwrap();
    let (queue, damaged) = DiskQueue::open(folder.path(), LIMITS).unwrap();
    assert_eq!(
        (texts(&queue), damaged),
        (vec!["one".into(), "two".into()], 1)
    );
    // What comes is not written behind it.
    queue.push("four").unwrap();
    drop(queue);
    let mut cut = fs::read(file).unwrap();
    cut[12] ^= 1;
    fs::write(file, cut).unwrap();
    let (queue, damaged) = DiskQueue::open(folder.path(), LIMITS).unwrap();
    assert_eq!(
        (texts(&queue), damaged),
        (vec!["two".into(), "four".into()], 1),
        "what was cut off was told before"
    );
    // A file of nothing but rubbish, and a note that is none.
    drop(queue);
    fs::write(folder.path().join("00000000000000000009.queue"), [0; 99]).unwrap();
    fs::write(folder.path().join("done"), "x").unwrap();
    let (queue, damaged) = DiskQueue::open(folder.path(), LIMITS).unwrap();
    assert_eq!(damaged, 1);
    queue.push("nine").unwrap();
    drop(queue);
    let queue = open(folder.path());
    assert_eq!(texts(&queue), ["two", "four", "nine"]);
    // One that is damaged while the queue is open.
    let file = &files(folder.path())[0];
    fs::write(file, vec![b'x'; fs::read(file).unwrap().len()]).unwrap();
    let (sequence, text) = queue.next(0).unwrap();
    assert!(text.is_err());
    assert_eq!(queue.next(sequence).unwrap().1.unwrap(), "four");
    queue.skip(sequence);
    assert_eq!(texts(&queue), ["four", "nine"]);
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    for number in 0..10 {
        queue.push(&format!("text {number}")).unwrap();
    }
    queue.limit(QueueLimits { texts: 3, ..LIMITS });
    assert_eq!(queue.push("text 10").unwrap(), 8);
    assert_eq!(texts(&queue), ["text 8", "text 9", "text 10"]);
    let line = queue.level().bytes / 3;
    queue.limit(QueueLimits {
        bytes: 2 * line + 9,
        ..LIMITS
    });
    assert_eq!(queue.push("text 11").unwrap(), 2);
    assert_eq!(texts(&queue), ["text 10", "text 11"]);
    assert!(queue.push(&"x".repeat(200)).is_err() && queue.push("a\nb").is_err());
    drop(queue);
    assert_eq!(texts(&open(folder.path())), ["text 10", "text 11"]);
}

#[test]
fn what_is_on_its_way_is_dropped_last_and_arrives_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    queue.limit(QueueLimits { texts: 4, ..LIMITS });
    for text in ["one", "two", "three", "four"] {
        queue.push(text).unwrap();
    }
    queue.hold(2);
    assert_eq!(queue.push("five").unwrap(), 1);
    assert_eq!(texts(&queue), ["one", "two", "four", "five"]);
    assert_eq!((queue.done(1), queue.done(2), queue.done(2)), (1, 1, 0));
    // Where nothing else is left, the oldest goes all the same, and has not arrived.
    for text in ["six", "seven"] {
        queue.push(text).unwrap();
    }
    queue.hold(7);
    queue.push("eight").unwrap();
    assert_eq!(texts(&queue), ["five", "six", "seven", "eight"]);
    assert_eq!(queue.done(4), 0);
    queue.release();
    queue.push("nine").unwrap();
    assert_eq!(texts(&queue), ["six", "seven", "eight", "nine"]);
}

#[test]
fn what_there_is_can_be_asked_while_the_disk_is_slow() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    queue.push("one").unwrap();
    let state = queue.lock();
    // Who holds the lock waits for the disk; this would wait for ever.
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| queue.level());
        for _ in 0..600 {
            if asked.is_finished() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(asked.is_finished(), "the page's thread waits");
        drop(state);
        assert_eq!(asked.join().unwrap().texts, 1);
    });
}

#[test]
fn files_go_when_all_of_their_texts_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let text = "x".repeat(100_000);
    for _ in 0..40 {
        queue.push(&text).unwrap();
        queue.sync().unwrap();
    }
    let before = files(folder.path());
    assert!(before.len() == 4, "{before:?}");
    queue.done(30);
    let after = files(folder.path());
    assert_eq!(after, before[2..]);
    drop(queue);
    let queue = open(folder.path());
    assert_eq!(queue.level().texts, 10);
    queue.done(40);
    queue.push("last").unwrap();
    queue.done(41);
    assert_eq!(files(folder.path()).len(), 1);
}

/// A disk that is full, and fails where it is to keep something.
fn full_disk(length: u64) -> Option<Writer> {
    let file = fs::OpenOptions::new().write(true).open("/dev/full");
    Some(Writer {
        file: Arc::new(file.unwrap()),
        length,
        synced: 0,
    })
}

#[test]
fn a_file_that_somebody_removed_keeps_no_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let text = "x".repeat(100_000);
    for _ in 0..40 {
        queue.push(&text).unwrap();
    }
    let before = files(folder.path());
    fs::remove_file(&before[0]).unwrap();
    queue.done(30);
    assert_eq!(files(folder.path()), before[2..]);
}

#[test]
fn what_could_not_be_put_on_the_disk_is_tried_again_and_costs_no_new_text() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    queue.sync().unwrap();
    // A file that is full, on a disk that has failed: the next text has a file of its own.
    queue.lock().writer = full_disk(FILE_BYTES);
    queue.push("one").unwrap();
    for _ in 0..2 {
        assert!(queue.sync().is_err());
    }
    assert_eq!(texts(&queue), ["one"]);
    // One that cannot be written to any more has lines that are not on the disk.
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    queue.push("one").unwrap();
    queue.lock().writer = full_disk(9);
    queue.push("lost").unwrap_err();
    for _ in 0..2 {
        assert!(queue.sync().is_err());
    }
    queue.push("two").unwrap();
    assert_eq!(texts(&queue), ["one", "two"]);
}

#[test]
fn a_folder_is_used_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let refused = DiskQueue::open(folder.path(), LIMITS).map(drop);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("used by another monitor")
    );
    drop(queue);
    open(folder.path());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = DiskQueue::open(&file, LIMITS).map(drop).unwrap_err();
    assert!(format!("{refused:#}").starts_with("cannot keep a queue in"));
}

#[test]
fn what_fits_no_packet_of_a_broker_is_not_queued_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    queue.push("one").unwrap();
    let long = "x".repeat(LONGEST_LINE as usize);
    let error = queue.push(&long).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    drop(queue);
    // One of an earlier version, which took it.
    let line = QueueLine {
        sequence: 2,
        queued: 0,
        text: &long,
    };
    let file = path(folder.path(), 2);
    fs::write(file, line.written() + "\n").unwrap();
    let (queue, damaged) = DiskQueue::open(folder.path(), LIMITS).unwrap();
    assert!(damaged > 0, "it is counted");
    queue.push("three").unwrap();
    assert_eq!(texts(&queue), ["one", "three"]);
}

#[test]
fn what_is_no_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    queue.push("one").unwrap();
    drop(queue);
    fs::create_dir(path(folder.path(), 2)).unwrap();
    for place in [path(folder.path(), 3), folder.path().join("done")] {
        drop(fs::remove_file(&place));
        let made = std::process::Command::new("mkfifo").arg(place).status();
        assert!(made.unwrap().success());
    }
    let queue = open(folder.path());
    queue.push("two").unwrap();
    assert_eq!(texts(&queue), ["one", "two"]);
    drop(queue);
    assert_eq!(texts(&open(folder.path())), ["one", "two"]);
}
