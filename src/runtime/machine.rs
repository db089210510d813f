//! For which machine a shared library was built. The system's loader says of another one's only that there is no such file, or that it is invalid.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The name of a machine, as Rust has it, and its number in ELF (`e_machine`; System V ABI, chapter 4).
const MACHINES: [(&str, u16); 9] = [
    ("x86", 3),
    ("powerpc64", 21),
    ("s390x", 22),
    ("arm", 40),
    ("x86_64", 62),
    ("aarch64", 183),
    ("riscv64", 243),
    ("loongarch64", 258),
    ("mips64", 8),
];
/// As many bytes as the number ends at.
const HEADER: usize = 20;

/// Says so where a file is a library for another machine than this program's.
pub(super) fn is_for_another(library: &Path) -> Option<String> {
    // What is no file may have no end, and no beginning either.
    if !library.is_file() {
        return None;
    }
    let mut header = Vec::new();
    let file = File::open(library).ok()?;
    file.take(HEADER as u64).read_to_end(&mut header).ok()?;
    let found = machine(&header)?;
    let own = std::env::consts::ARCH;
    let number = |(name, number): &(&str, u16)| (*name == own).then_some(*number);
    let expected = MACHINES.iter().find_map(number)?;
    (found != expected).then(|| {
        let known = MACHINES.iter().find(|(_, number)| *number == found);
        let name = known.map_or(format!("machine {found}"), |(name, _)| (*name).to_owned());
        format!(
            "{} is a library for {name}, and this program is for {own}",
            library.display()
        )
    })
}

/// The number in an ELF header.
fn machine(header: &[u8]) -> Option<u16> {
    let number = *header.get(18..)?.first_chunk()?;
    match header.strip_prefix(b"\x7fELF")? {
        [_, 1, ..] => Some(u16::from_le_bytes(number)),
        [_, 2, ..] => Some(u16::from_be_bytes(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(order: u8, machine: [u8; 2]) -> Vec<u8> {
        let mut header = b"\x7fELF\x02".to_vec();
        header.push(order);
        header.resize(18, 0);
        header.extend(machine);
        header
    }

    #[test]
    fn another_machines_library_is_told_by_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            is_for_another(&path)
        };
        let own = std::env::consts::ARCH;
        for (name, number) in MACHINES {
            let words = said(&header(1, number.to_le_bytes()));
            let expected = format!("is a library for {name}, and this program is for {own}");
            match name == own {
                true => assert_eq!(words, None),
                false => assert!(
                    words.is_some_and(|words| words.ends_with(&expected)),
                    "{name}"
                ),
            }
        }
        let other = said(&header(2, [0x12, 0x34])).unwrap();
        assert!(other.contains("for machine 4660"), "{other}");
        for bytes in [&b"\x7fELF"[..], b"", b"a script, not a library at all"] {
            assert_eq!(said(bytes), None);
        }
        assert_eq!(is_for_another(folder.path()), None);
    }
}
