//! SHA-256, by which a manifest knows a model and a name a path.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, Digest, SHA256, digest};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

/// In hexadecimal, 64 digits.
pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(digest(&SHA256, bytes))
}

/// The same of a file.
///
/// # Errors
/// It cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hexadecimal(context.finish())),
            read => context.update(&piece[..read]),
        }
    }
}

fn hexadecimal(digest: Digest) -> String {
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FIPS 180-4.
    #[test]
    fn it_is_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_bytes(b"abc"), known);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(of_file(&path).unwrap(), known);
        std::fs::write(&path, vec![7; 3 * PIECE + 5]).unwrap();
        assert_eq!(of_file(&path).unwrap(), of_bytes(&vec![7; 3 * PIECE + 5]));
    }
}
