//! Limits of what a file may take, in memory and in time, decided before either is spent; and the one way in for files that somebody else made.
//!
//! In: a path and what is expected there. Out: bytes, no more than a file of that kind may have, of a regular file. The table of all limits stands in docs/robustness.md,
//! and a test holds it against the numbers here.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

const MIB: u64 = 1 << 20;

/// Bytes that the structures of a model may take in memory: nodes, attributes, names, lists; weights apart, which stay as they lie in the file.
pub(crate) const MOST_STRUCTURE: usize = 512 << 20;
/// Nodes of a graph, those of functions and branches in their places among them.
pub(crate) const MOST_NODES: usize = 1 << 16;
/// Nodes of a network that ONNX Runtime rewrites to be faster, which takes it a time that grows with the square of their number: half a minute for 40,000.
pub(crate) const MOST_REWRITTEN: usize = 1 << 14;
/// Threads of one network: ONNX Runtime starts as many as it is told.
pub const MOST_THREADS: usize = 256;
/// Tensors that one node reads and writes.
pub(crate) const MOST_OPERANDS: usize = 1 << 10;
/// Numbers of all constants that a file does not hold as they are: a number repeated to a shape, a sparse tensor, what is computed of constants alone. A gigabyte of float32.
pub(crate) const MOST_MADE: usize = 1 << 28;
/// Numbers of one tensor, half a gigabyte of float32.
pub(crate) const MOST_NUMBERS: usize = 1 << 27;
/// Numbers of all tensors that one run of a network makes, four gigabytes of float32; most are gone again before the last is made.
pub(crate) const MOST_COMPUTED: usize = 1 << 30;
/// Bytes of a class's name.
pub const LONGEST_LABEL: usize = 1000;
/// Detections of one picture.
pub(crate) const MOST_DETECTIONS: usize = 4096;
/// Bytes of a line of an events file.
pub(crate) const LONGEST_LINE: usize = 1 << 20;
/// Objects on a page of a comparison; also on that of a report, unless another number is named.
#[cfg(any(test, feature = "report"))]
pub const MOST_OBJECTS: usize = 500;
/// Objects that a report explains, unless another number is named.
#[cfg(any(test, feature = "report"))]
pub const MOST_EXPLAINED: usize = 100;
/// Bytes of the forward passes that a report keeps; those that there is no room for are made again.
#[cfg(any(test, feature = "report"))]
pub(crate) const MOST_FORWARD_BYTES: usize = 256 << 20;
/// Bytes of a picture's pixels, decoded and as RGB.
pub const MOST_PIXEL_BYTES: u64 = 256 * MIB;
/// Pixels that a byte of a JPEG can stand for: a block of 64 takes a bit at least, and colours may be of a sixteenth of the pixels.
pub const MOST_PIXELS_A_BYTE: u64 = 2048;

/// What a file is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// An ONNX file. Protobuf's own limit for one message.
    Model,
    /// Weights that an ONNX file keeps beside it; of all files together.
    Weights,
    /// A manifest.
    Manifest,
    /// Annotations. COCO's largest file has 448 MiB.
    Annotations,
    /// The lines of a folder of events.
    Events,
    /// A line of what an evaluation or report that was interrupted has found: the file may have any number of them.
    Scores,
    /// What a folder of explanations holds of a picture: with the logits of all classes of all detections it can be long.
    Record,
    /// A list of inputs, a name a line.
    List,
    /// A JPEG or PNG.
    Picture,
}

impl FileKind {
    /// How many bytes a file may have.
    pub const fn most_bytes(self) -> u64 {
        match self {
            Self::Model | Self::Weights => 2048 * MIB,
            Self::Manifest => 4 * MIB,
            Self::Annotations | Self::Record => 512 * MIB,
            Self::Events | Self::List => 64 * MIB,
            Self::Scores => 16 * MIB,
            Self::Picture => 256 * MIB,
        }
    }

    const fn error(self) -> ErrorKind {
        match self {
            Self::Model | Self::Weights => ErrorKind::Model,
            Self::Manifest => ErrorKind::Manifest,
            Self::Annotations => ErrorKind::Annotations,
            Self::Events => ErrorKind::Evidence,
            Self::Scores | Self::Record | Self::List => ErrorKind::Argument,
            Self::Picture => ErrorKind::Picture,
        }
    }

    fn refused(self, words: String) -> Error {
        Error::said(self.error(), words)
    }
}

/// All bytes of a file.
///
/// # Errors
/// It is not there or cannot be read; it is no regular file, for a pipe could keep whoever reads it for ever; it has more bytes than its kind may have.
pub fn read(path: &Path, kind: FileKind) -> Result<Vec<u8>> {
    let (file, length) = open(path, kind)?;
    let most = kind.most_bytes();
    if length > most {
        return Err(kind.refused(format!(
            "it has {length} bytes, {most} is the limit ({} MiB)",
            most / MIB
        )));
    }
    // A file may grow while it is read.
    read_all(file, kind, usize::try_from(length).unwrap_or(0))
}

/// All bytes of what is no file, such as standard input; whoever gives them may take their time.
///
/// # Errors
/// It cannot be read; it has more bytes than its kind may have.
pub fn read_from(source: impl Read, kind: FileKind) -> Result<Vec<u8>> {
    read_all(source, kind, 0)
}

fn read_all(source: impl Read, kind: FileKind, expected: usize) -> Result<Vec<u8>> {
    let most = kind.most_bytes();
    let mut bytes = Vec::with_capacity(expected);
    source.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(kind.refused(format!("it grows beyond {most} bytes, which is the limit")));
    }
    Ok(bytes)
}

/// The same of text.
///
/// # Errors
/// As [`read`]; it is not UTF-8.
pub fn read_text(path: &Path, kind: FileKind) -> Result<String> {
    text(read(path, kind)?, kind)
}

/// The same of text that is no file.
///
/// # Errors
/// As [`read_from`]; it is not UTF-8.
pub fn read_text_from(source: impl Read, kind: FileKind) -> Result<String> {
    text(read_from(source, kind)?, kind)
}

fn text(bytes: Vec<u8>, kind: FileKind) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let whole = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..whole];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        kind.refused(format!("line {line} is not UTF-8: save the file as UTF-8"))
    })
}

/// A file that is read line by line, so that it may have any number of them: the limit of its kind is that of a line.
pub struct Lines {
    reader: BufReader<File>,
    kind: FileKind,
}

impl Lines {
    /// Opens the file.
    ///
    /// # Errors
    /// It is not there or cannot be read; it is no regular file.
    pub fn open(path: &Path, kind: FileKind) -> Result<Self> {
        let (file, _) = open(path, kind)?;
        let reader = BufReader::new(file);
        Ok(Self { reader, kind })
    }
}

impl Iterator for Lines {
    /// A line with its end, which the last one may lack.
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let most = self.kind.most_bytes();
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(most + 1)
            .read_until(b'\n', &mut line);
        match read {
            Err(error) => Some(Err(error.into())),
            Ok(0) => None,
            Ok(bytes) if bytes as u64 > most => Some(Err(self.kind.refused(format!(
                "a line has more than {most} bytes, which is the limit"
            )))),
            Ok(_) => Some(text(line, self.kind)),
        }
    }
}

/// `length` bytes of a file from `offset` on, or all from there; nothing else of it is read.
///
/// # Errors
/// As [`read`]; the file ends before.
pub(crate) fn read_part(
    path: &Path,
    kind: FileKind,
    offset: u64,
    length: Option<u64>,
) -> Result<Vec<u8>> {
    let (mut file, whole) = open(path, kind)?;
    let length = length.or_else(|| whole.checked_sub(offset));
    let end = length.and_then(|length| offset.checked_add(length));
    let Some(length) = length.filter(|_| end.is_some_and(|end| end <= whole)) else {
        return Err(kind.refused(format!(
            "the part from byte {offset} on ends beyond its {whole} bytes: the file is cut off"
        )));
    };
    if length > kind.most_bytes() {
        return Err(kind.refused(format!(
            "a part of {length} bytes is asked for, {} is the limit",
            kind.most_bytes()
        )));
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file `name` of a folder, or of one below it; a link only where what it leads to lies there too.
///
/// # Errors
/// It is not there; it lies elsewhere.
pub fn inside(folder: &Path, name: &Path, kind: FileKind) -> Result<PathBuf> {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let real = folder.join(name).canonicalize()?;
    if !real.starts_with(folder.canonicalize()?) {
        return Err(
            kind.refused("it is a link out of the folder, which is not followed".to_owned())
        );
    }
    Ok(real)
}

/// A regular file that is open, and how many bytes it has.
fn open(path: &Path, kind: FileKind) -> Result<(File, u64)> {
    let refused = || kind.refused("it is not a file".to_owned());
    // Before it is opened, for opening a pipe may take for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(refused());
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((file, metadata.len())),
        false => Err(refused()),
    }
}

/// Refuses to write where something lies that is no regular file: who opens a pipe waits for whoever reads it.
///
/// # Errors
/// The path names a folder, a pipe or a device.
pub fn ensure_writable_place(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no file: remove it", path.display()),
        )),
        _ => Ok(()),
    }
}

/// Whether a path names nothing.
pub fn is_missing(error: &Error) -> bool {
    error
        .io()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_far_as_its_kind_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"0123456789").unwrap();
        assert_eq!(read(&path, FileKind::Manifest).unwrap(), b"0123456789");
        // It takes no place on the disk.
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(9 << 30)
            .unwrap();
        let error = read(&path, FileKind::Manifest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Manifest);
        assert_eq!(
            error.to_string(),
            "it has 9663676416 bytes, 4194304 is the limit (4 MiB)"
        );
        let part = read_part(&path, FileKind::Weights, 8, Some(4)).unwrap();
        assert_eq!(part, b"89\0\0");
        for (offset, length) in [(u64::MAX, Some(1)), (9 << 30, Some(1)), (10 << 30, None)] {
            let error = read_part(&path, FileKind::Weights, offset, length).unwrap_err();
            assert!(error.to_string().contains("cut off"), "{error}");
        }
        let error = read_part(&path, FileKind::Weights, 0, None).unwrap_err();
        assert!(
            error.to_string().contains("2147483648 is the limit"),
            "{error}"
        );
    }

    #[test]
    fn what_has_no_end_is_read_up_to_its_limit() {
        assert_eq!(read_from(&b"012"[..], FileKind::Manifest).unwrap(), b"012");
        let error = read_from(io::repeat(b' '), FileKind::Manifest).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it grows beyond 4194304 bytes, which is the limit"
        );
    }

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/zero")] {
            let error = read(path, FileKind::Picture).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::Picture, "it is not a file")
            );
        }
        let error = read(&folder.path().join("none"), FileKind::Picture).unwrap_err();
        assert!(is_missing(&error) && error.kind() == ErrorKind::Io);
    }

    #[test]
    fn a_link_is_followed_within_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, outer) = (folder.path().join("inner"), folder.path().join("outer"));
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(&outer, b"").unwrap();
        std::fs::write(inner.join("a"), b"").unwrap();
        std::os::unix::fs::symlink("a", inner.join("b")).unwrap();
        std::os::unix::fs::symlink("../outer", inner.join("c")).unwrap();
        std::os::unix::fs::symlink("..", inner.join("d")).unwrap();
        let found = |name: &str| inside(&inner, Path::new(name), FileKind::Weights);
        assert_eq!(found("b").unwrap(), inner.join("a").canonicalize().unwrap());
        for name in ["c", "d/outer", "../outer"] {
            let error = found(name).unwrap_err();
            assert!(error.to_string().contains("not followed"), "{error}");
        }
        assert!(is_missing(&found("e").unwrap_err()));
    }

    #[test]
    fn a_file_of_lines_may_be_longer_than_one_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let most = FileKind::Manifest.most_bytes() as usize;
        let line = |letter: &str, length: usize| letter.repeat(length) + "\n";
        let text = line("a", most - 1) + &line("b", most - 1) + "no end";
        std::fs::write(&path, text).unwrap();
        let lines = Lines::open(&path, FileKind::Manifest).unwrap();
        let lines: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 2 * most + 6);
        assert!(lines[1].starts_with('b') && lines[1].ends_with('\n'));
        assert_eq!(lines[2], "no end");
        std::fs::write(&path, line("a", most)).unwrap();
        let error = Lines::open(&path, FileKind::Manifest).unwrap().next();
        let error = error.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Manifest);
        assert_eq!(
            error.to_string(),
            "a line has more than 4194304 bytes, which is the limit"
        );
        std::fs::write(&path, b"\xff\n").unwrap();
        let error = Lines::open(&path, FileKind::Manifest).unwrap().next();
        assert!(error.unwrap().is_err());
    }

    #[test]
    fn the_table_is_that_of_the_docs() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/robustness.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let mib = |bytes: u64| format!("{} MiB", bytes / MIB);
        let of = |kind: FileKind| mib(kind.most_bytes());
        let rows = [
            ("an ONNX file", of(FileKind::Model)),
            (
                "all weights in files beside it (only the named parts are read)",
                of(FileKind::Weights),
            ),
            ("a manifest", of(FileKind::Manifest)),
            ("a file of annotations", of(FileKind::Annotations)),
            ("the lines of a folder of events", of(FileKind::Events)),
            (
                "a line of `NAME.partial`, in which an unfinished evaluation or report keeps its results (any number of lines)",
                of(FileKind::Scores),
            ),
            (
                "the record of a picture in a folder of explanations",
                of(FileKind::Record),
            ),
            ("a list of inputs", of(FileKind::List)),
            ("a JPEG or PNG", of(FileKind::Picture)),
            ("its pixels, decoded and as RGB", mib(MOST_PIXEL_BYTES)),
            (
                "pixels of a JPEG, per byte of its file",
                MOST_PIXELS_A_BYTE.to_string(),
            ),
            (
                "what a model's nodes, attributes and names take in memory",
                mib(MOST_STRUCTURE as u64),
            ),
            (
                "nodes of a graph with its functions expanded, and nodes of an explanation's graph",
                MOST_NODES.to_string(),
            ),
            (
                "nodes of a network that is rewritten to be faster",
                MOST_REWRITTEN.to_string(),
            ),
            ("threads of a network", MOST_THREADS.to_string()),
            (
                "tensors that one node reads and writes",
                MOST_OPERANDS.to_string(),
            ),
            ("numbers of one tensor", MOST_NUMBERS.to_string()),
            (
                "numbers of all constants that are computed or expanded, not stored",
                MOST_MADE.to_string(),
            ),
            (
                "numbers of all tensors of one run",
                MOST_COMPUTED.to_string(),
            ),
            ("bytes of a class's name", LONGEST_LABEL.to_string()),
            ("detections of a picture", MOST_DETECTIONS.to_string()),
            ("bytes of a line of events", LONGEST_LINE.to_string()),
            (
                "objects on a page of a comparison, and on a page of a report (`--most` changes it; as many missed objects come in addition)",
                MOST_OBJECTS.to_string(),
            ),
            (
                "objects that a report explains (`--explain` changes it; as many missed objects come in addition)",
                MOST_EXPLAINED.to_string(),
            ),
            (
                "forward passes that a report keeps",
                mib(MOST_FORWARD_BYTES as u64),
            ),
        ];
        for (what, most) in rows {
            let row = format!("| {what} | {most} |");
            assert!(docs.contains(&row), "{row}");
        }
    }

    #[test]
    fn text_that_is_none_is_told_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"one\ntwo \xff").unwrap();
        let error = read_text(&path, FileKind::Manifest).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 is not UTF-8: save the file as UTF-8"
        );
    }
}
