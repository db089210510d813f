//! How a photo is to be turned: its EXIF block in, the orientation out.
//!
//! The standard has the tag as SHORT; some phones and editors write it as LONG or BYTE, and everyone else's viewer turns those photos too.

use image::metadata::Orientation;

/// The tag of the orientation (EXIF 2.32, 4.6.4 A).
const ORIENTATION: u16 = 0x0112;
/// Bytes of an entry of a directory: tag, type, count, value.
const ENTRY: usize = 12;

/// The orientation that an EXIF block says, if it says one.
pub fn orientation(exif: &[u8]) -> Option<Orientation> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let is_big = match exif.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let bytes = Bytes { exif, is_big };
    let directory = usize::try_from(bytes.four(4)?).ok()?;
    let entries = usize::from(bytes.two(directory)?);
    let first = directory.checked_add(2)?;
    for index in 0..entries {
        let entry = first.checked_add(index * ENTRY)?;
        if bytes.two(entry)? != ORIENTATION {
            continue;
        }
        let value = entry + 8;
        let number = match bytes.two(entry + 2)? {
            // BYTE, SHORT, LONG, SLONG.
            1 => u32::from(*exif.get(value)?),
            3 => u32::from(bytes.two(value)?),
            4 | 9 => bytes.four(value)?,
            _ => return None,
        };
        return Orientation::from_exif(u8::try_from(number).ok()?);
    }
    None
}

/// A block, with the order of its numbers' bytes.
struct Bytes<'a> {
    exif: &'a [u8],
    is_big: bool,
}

impl Bytes<'_> {
    fn two(&self, at: usize) -> Option<u16> {
        let bytes = *self.exif.get(at..)?.first_chunk()?;
        Some(match self.is_big {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    }

    fn four(&self, at: usize) -> Option<u32> {
        let bytes = *self.exif.get(at..)?.first_chunk()?;
        Some(match self.is_big {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with one entry before the orientation's.
    fn block(is_big: bool, kind: u16, value: [u8; 4]) -> Vec<u8> {
        let two = |n: u16| {
            if is_big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let four = |n: u32| {
            if is_big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut exif = if is_big { b"MM\0*" } else { b"II*\0" }.to_vec();
        exif.extend(four(8));
        exif.extend(two(2));
        for (tag, kind, value) in [(0x0110, 2, [0; 4]), (ORIENTATION, kind, value)] {
            exif.extend(two(tag));
            exif.extend(two(kind));
            exif.extend(four(1));
            exif.extend(value);
        }
        exif
    }

    #[test]
    fn every_type_of_whole_number_is_read_in_both_orders() {
        for (is_big, kind, value) in [
            (true, 3, [0, 6, 0, 0]),
            (true, 4, [0, 0, 0, 6]),
            (true, 1, [6, 0, 0, 0]),
            (false, 3, [6, 0, 0, 0]),
            (false, 4, [6, 0, 0, 0]),
            (false, 9, [6, 0, 0, 0]),
        ] {
            let exif = block(is_big, kind, value);
            assert_eq!(
                orientation(&exif),
                Some(Orientation::Rotate90),
                "{is_big} {kind}"
            );
            let prefixed = [b"Exif\0\0", &exif[..]].concat();
            assert_eq!(orientation(&prefixed), Some(Orientation::Rotate90));
        }
    }

    #[test]
    fn what_says_nothing_turns_nothing() {
        for exif in [
            block(true, 3, [0, 9, 0, 0]),
            block(true, 5, [0, 6, 0, 0]),
            block(false, 4, [6, 1, 0, 0]),
            block(true, 3, [0, 6, 0, 0])[..30].to_vec(),
            b"MM\0*\xff\xff\xff\xff".to_vec(),
            vec![],
        ] {
            assert_eq!(orientation(&exif), None, "{exif:?}");
        }
    }
}
