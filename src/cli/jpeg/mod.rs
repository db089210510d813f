//! Whether a JPEG is whole: bytes in; an error where its data ends before its picture does. Decoders fill what is missing with grey, and the network would look at that.
//!
//! The entropy-coded data is walked through, symbol by symbol (ITU-T T.81, annexes F and G), and nothing is made of it. Refinements of a progressive JPEG are stepped over: how long
//! they are hangs on all that came before, and where one is cut off, only the finest shades are missing.

use anyhow::{Result, bail, ensure};
use ssdcrp::limits::MOST_PIXELS_A_BYTE;

/// More scans than any encoder writes.
const MOST_SCANS: usize = 100;
/// Bits that no code is longer than.
const LONGEST_CODE: usize = 16;

/// Fails where the JPEG ends before its `pixels` do: no end marker follows the first scan, there are fewer bytes than so many pixels can be written with, or a scan has fewer
/// blocks than its picture.
pub fn check_whole(jpeg: &[u8], pixels: u64) -> Result<()> {
    ensure!(ends(jpeg), "it is cut off: the JPEG's end is missing");
    ensure!(
        pixels <= (jpeg.len() as u64).saturating_mul(MOST_PIXELS_A_BYTE),
        "it is cut off: {} bytes cannot hold {pixels} pixels",
        jpeg.len()
    );
    match Walk::default().all(jpeg) {
        Err(Stop::Ended) => bail!("it is cut off: its data ends before its picture does"),
        // What is of another kind, or damaged otherwise, the decoder judges.
        Err(Stop::Unknown) | Ok(()) => Ok(()),
    }
}

/// Whether an end marker follows the JPEG's first scan. Segments before it are stepped over, for a thumbnail in them has an end of its own.
fn ends(jpeg: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut rest = jpeg.get(2..).unwrap_or_default();
    while let [0xff, marker, after @ ..] = rest {
        rest = match (*marker, after) {
            (START_OF_SCAN, _) => return after.windows(2).any(|pair| pair == END),
            // A marker may be preceded by any number of these.
            (0xff, _) => &rest[1..],
            (_, [high, low, ..]) => {
                let length = u16::from_be_bytes([*high, *low]);
                after.get(length.into()..).unwrap_or_default()
            }
            _ => return false,
        };
    }
    false
}

/// Why a walk ends before the end.
enum Stop {
    /// A marker, or the end of the file, stands where data should be.
    Ended,
    /// What is there is not understood.
    Unknown,
}

/// By the next sixteen bits: how many of them the code has, 0 where there is none, and its symbol.
type CodeTable = Box<[(u8, u8)]>;

/// One colour or brightness: its number, and its blocks across and down a unit of the picture.
struct Plane {
    id: u8,
    across: usize,
    down: usize,
}

/// What the segments so far have said.
#[derive(Default)]
struct Walk {
    size: [usize; 2],
    planes: Vec<Plane>,
    is_progressive: bool,
    restarts: usize,
    /// Of first coefficients, and of all others.
    codes: [[Option<CodeTable>; 4]; 2],
}

/// Data of one scan, read bit by bit up to the next marker.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    count: usize,
}

impl Walk {
    /// Steps from marker to marker.
    fn all(mut self, jpeg: &[u8]) -> Result<(), Stop> {
        let mut at = 2;
        let mut scans = 0;
        loop {
            let &[first, marker] = jpeg.get(at..at + 2).ok_or(Stop::Unknown)? else {
                return Err(Stop::Unknown);
            };
            match (first, marker) {
                (0xff, 0xff) => {
                    at += 1;
                    continue;
                }
                (0xff, 0xd9) => return Ok(()),
                (0xff, _) => {}
                _ => return Err(Stop::Unknown),
            }
            let length: [u8; 2] = *jpeg
                .get(at + 2..)
                .and_then(<[u8]>::first_chunk)
                .ok_or(Stop::Unknown)?;
            let end = at + 2 + usize::from(u16::from_be_bytes(length));
            let segment = jpeg.get(at + 4..end).ok_or(Stop::Unknown)?;
            at = end;
            match marker {
                0xc0..=0xc2 => self.frame(segment, marker == 0xc2)?,
                0xc4 => self.tables(segment)?,
                0xdd => self.restarts = two(segment, 0)?,
                0xda => {
                    scans += 1;
                    if scans > MOST_SCANS {
                        return Err(Stop::Unknown);
                    }
                    at = self.scan(segment, jpeg, end)?;
                }
                // Lossless and arithmetic ones.
                0xc3 | 0xc5..=0xcf => return Err(Stop::Unknown),
                _ => {}
            }
        }
    }

    fn frame(&mut self, segment: &[u8], is_progressive: bool) -> Result<(), Stop> {
        self.is_progressive = is_progressive;
        self.size = [two(segment, 3)?, two(segment, 1)?];
        let count = usize::from(*segment.get(5).ok_or(Stop::Unknown)?);
        let planes = segment.get(6..6 + 3 * count).ok_or(Stop::Unknown)?;
        self.planes = (planes.chunks_exact(3))
            .map(|plane| Plane {
                id: plane[0],
                across: usize::from(plane[1] >> 4),
                down: usize::from(plane[1] & 15),
            })
            .collect();
        let fits = |plane: &Plane| (1..=4).contains(&plane.across) && (1..=4).contains(&plane.down);
        match self.planes.iter().all(fits) && !self.size.contains(&0) {
            true => Ok(()),
            false => Err(Stop::Unknown),
        }
    }

    fn tables(&mut self, mut segment: &[u8]) -> Result<(), Stop> {
        while let [place, rest @ ..] = segment {
            let counts = rest.get(..LONGEST_CODE).ok_or(Stop::Unknown)?;
            let count = counts
                .iter()
                .map(|&count| usize::from(count))
                .sum::<usize>();
            let symbols = rest
                .get(LONGEST_CODE..LONGEST_CODE + count)
                .ok_or(Stop::Unknown)?;
            segment = &rest[LONGEST_CODE + count..];
            let table = code_table(counts, symbols).ok_or(Stop::Unknown)?;
            let of = self
                .codes
                .get_mut(usize::from(place >> 4))
                .ok_or(Stop::Unknown)?;
            *of.get_mut(usize::from(place & 15)).ok_or(Stop::Unknown)? = Some(table);
        }
        Ok(())
    }

    /// Walks through a scan; the place of the marker behind it.
    fn scan(&self, segment: &[u8], jpeg: &[u8], at: usize) -> Result<usize, Stop> {
        let [count, rest @ ..] = segment else {
            return Err(Stop::Unknown);
        };
        let count = usize::from(*count);
        let (named, rest) = rest.split_at_checked(2 * count).ok_or(Stop::Unknown)?;
        let &[first, last, precision] = rest else {
            return Err(Stop::Unknown);
        };
        let kind = ScanKind {
            is_progressive: self.is_progressive,
            first: usize::from(first),
            last: usize::from(last),
            is_refinement: precision >> 4 != 0,
        };
        let mut bits = Bits {
            data: jpeg,
            at,
            buffer: 0,
            count: 0,
        };
        if !(kind.is_progressive && kind.is_refinement && kind.first > 0) {
            let planes: Vec<ScanPlane> = (named.chunks_exact(2))
                .map(|named| self.plane(named, count == 1))
                .collect::<Result<_, _>>()?;
            let mut run = 0;
            for unit in 0..self.units(&planes, count == 1) {
                if self.restarts > 0 && unit > 0 && unit % self.restarts == 0 {
                    bits.restart()?;
                    run = 0;
                }
                for plane in &planes {
                    for _ in 0..plane.blocks {
                        bits.block(&kind, plane, &mut run)?;
                    }
                }
            }
        }
        bits.next_marker()
    }

    fn plane(&self, named: &[u8], is_alone: bool) -> Result<ScanPlane<'_>, Stop> {
        let plane = self
            .planes
            .iter()
            .find(|plane| plane.id == named[0])
            .ok_or(Stop::Unknown)?;
        let table = |of: usize, place: u8| self.codes[of].get(usize::from(place))?.as_ref();
        Ok(ScanPlane {
            plane,
            blocks: if is_alone {
                1
            } else {
                plane.across * plane.down
            },
            first: table(0, named[1] >> 4),
            others: table(1, named[1] & 15),
        })
    }

    /// How many units a scan has: blocks of a single plane, or as much of the picture as the coarsest plane has a block for.
    fn units(&self, planes: &[ScanPlane], is_alone: bool) -> usize {
        let most = |of: fn(&Plane) -> usize| self.planes.iter().map(of).max().unwrap_or(1);
        let [across, down] = [most(|plane| plane.across), most(|plane| plane.down)];
        let [width, height] = self.size;
        match planes {
            [one] if is_alone => {
                let blocks =
                    |size: usize, of: usize, most: usize| (size * of).div_ceil(most).div_ceil(8);
                blocks(width, one.plane.across, across) * blocks(height, one.plane.down, down)
            }
            _ => width.div_ceil(8 * across) * height.div_ceil(8 * down),
        }
    }
}

/// A plane in a scan: how many blocks a unit has of it, and its codes.
struct ScanPlane<'a> {
    plane: &'a Plane,
    blocks: usize,
    first: Option<&'a CodeTable>,
    others: Option<&'a CodeTable>,
}

/// Which coefficients a scan has, and of a progressive one whether it only makes them finer.
struct ScanKind {
    is_progressive: bool,
    first: usize,
    last: usize,
    is_refinement: bool,
}

impl Bits<'_> {
    /// Fills the buffer as far as there is data.
    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match self.data.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([0xff, ..]) | Some([]) | None => return,
                Some([byte, ..]) => {
                    self.at += 1;
                    *byte
                }
            };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn take(&mut self, count: usize) -> Result<u64, Stop> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(Stop::Ended)?;
        Ok(self.buffer >> self.count & ((1 << count) - 1))
    }

    fn symbol(&mut self, table: Option<&CodeTable>) -> Result<usize, Stop> {
        if self.count < LONGEST_CODE {
            self.fill();
        }
        let next = match self.count.checked_sub(LONGEST_CODE) {
            Some(behind) => self.buffer >> behind,
            None => self.buffer << (LONGEST_CODE - self.count),
        };
        let (length, symbol) = table.ok_or(Stop::Unknown)?[(next & 0xffff) as usize];
        match usize::from(length) {
            0 if self.count < LONGEST_CODE => Err(Stop::Ended),
            0 => Err(Stop::Unknown),
            length => {
                self.take(length)?;
                Ok(usize::from(symbol))
            }
        }
    }

    /// Steps over a block; `run` is how many blocks more have nothing in this scan.
    fn block(&mut self, kind: &ScanKind, plane: &ScanPlane, run: &mut u64) -> Result<(), Stop> {
        let mut place = kind.first;
        if kind.first == 0 {
            if kind.is_progressive && kind.is_refinement {
                self.take(1)?;
                return Ok(());
            }
            let size = self.symbol(plane.first)?;
            self.take(size.min(LONGEST_CODE))?;
            if kind.is_progressive {
                return Ok(());
            }
            place = 1;
        }
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        let last = if kind.is_progressive { kind.last } else { 63 };
        while place <= last {
            let symbol = self.symbol(plane.others)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            match (zeros, size) {
                (15, 0) => place += 16,
                (zeros, 0) => {
                    if kind.is_progressive {
                        *run = (1 << zeros) - 1 + self.take(zeros)?;
                    }
                    return Ok(());
                }
                _ => {
                    self.take(size)?;
                    place += zeros + 1;
                }
            }
        }
        Ok(())
    }

    /// Steps over a restart marker, which has to be next.
    fn restart(&mut self) -> Result<(), Stop> {
        self.fill();
        // Up to seven bits are left of the last byte.
        if self.count >= 8 {
            return Err(Stop::Unknown);
        }
        (self.buffer, self.count) = (0, 0);
        match self.data.get(self.at..) {
            Some([0xff, 0xd0..=0xd7, ..]) => {
                self.at += 2;
                Ok(())
            }
            Some([0xff, 0xff, ..]) => Err(Stop::Unknown),
            _ => Err(Stop::Ended),
        }
    }

    /// The place of the next marker that is none of a restart.
    fn next_marker(&self) -> Result<usize, Stop> {
        let mut at = self.at;
        loop {
            match self.data.get(at..) {
                Some([0xff, 0 | 0xd0..=0xd7, ..]) => at += 2,
                Some([0xff, _, ..]) => return Ok(at),
                Some([_, _, ..]) => at += 1,
                _ => return Err(Stop::Unknown),
            }
        }
    }
}

/// A table of codes, of their numbers by length and their symbols in order (annex C).
fn code_table(counts: &[u8], symbols: &[u8]) -> Option<CodeTable> {
    let mut table = vec![(0, 0); 1 << LONGEST_CODE].into_boxed_slice();
    let mut symbols = symbols.iter();
    let mut next = 0_usize;
    for (length, &count) in (1..).zip(counts) {
        for _ in 0..count {
            let width = 1 << (LONGEST_CODE - length);
            let entry = (length as u8, *symbols.next()?);
            table.get_mut(next..next + width)?.fill(entry);
            next += width;
        }
    }
    Some(table)
}

/// A number of two bytes.
fn two(segment: &[u8], at: usize) -> Result<usize, Stop> {
    let bytes = segment.get(at..).and_then(<[u8]>::first_chunk);
    let bytes: [u8; 2] = *bytes.ok_or(Stop::Unknown)?;
    Ok(u16::from_be_bytes(bytes).into())
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    /// Of noise, so that every row takes bytes.
    fn encoded(width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let channels = if colour == ExtendedColorType::L8 {
            1
        } else {
            3
        };
        let mut state = 1_u32;
        let pixels = (0..width * height * channels).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let pixels: Vec<u8> = pixels.collect();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .write_image(&pixels, width, height, colour)
            .unwrap();
        bytes
    }

    fn kept(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/picture/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn a_part_with_an_end_glued_on_is_refused() {
        let of = |colour| encoded(61, 93, colour);
        let mut wholes = vec![of(ExtendedColorType::Rgb8), of(ExtendedColorType::L8)];
        // With subsampled colours, restarts, four planes; those of a progressive one come scan by scan.
        wholes.extend(["subsampled.jpg", "restarts.jpg", "cmyk.jpg"].map(kept));
        for (index, whole) in wholes.iter().enumerate() {
            check_whole(whole, 61 * 93).unwrap();
            let data = whole
                .windows(2)
                .position(|pair| pair == [0xff, 0xda])
                .unwrap()
                + 20;
            for share in [0, 3, 5, 8, 9] {
                let part = &whole[..data + (whole.len() - data) * share / 10];
                let glued = [part, &[0xff, 0xd9]].concat();
                let error = check_whole(&glued, 61 * 93).unwrap_err().to_string();
                assert!(
                    error.contains("its data ends before"),
                    "{index} {share}: {error}"
                );
            }
        }
        let progressive = kept("progressive.jpg");
        check_whole(&progressive, 768).unwrap();
        let data = progressive
            .windows(2)
            .position(|pair| pair == [0xff, 0xda])
            .unwrap()
            + 20;
        let glued = [&progressive[..data], &[0xff, 0xd9]].concat();
        assert!(check_whole(&glued, 768).is_err());
    }

    #[test]
    fn what_follows_the_end_does_no_harm() {
        let whole = encoded(48, 32, ExtendedColorType::Rgb8);
        check_whole(&[&whole[..], b"a film"].concat(), 48 * 32).unwrap();
    }

    #[test]
    fn a_header_alone_holds_no_picture() {
        let whole = encoded(48, 32, ExtendedColorType::Rgb8);
        let error = check_whole(&whole, 1 << 40).unwrap_err().to_string();
        assert!(
            error.ends_with("cannot hold 1099511627776 pixels"),
            "{error}"
        );
    }

    #[test]
    fn ends_within_segments_are_none() {
        let whole = encoded(48, 32, ExtendedColorType::Rgb8);
        // A thumbnail, with an end of its own, in a segment before the picture.
        let mut with_thumbnail = whole[..2].to_vec();
        with_thumbnail.extend([0xff, 0xff, 0xef, 0, 6, 0xff, 0xda, 0xff, 0xd9]);
        with_thumbnail.extend(&whole[2..]);
        check_whole(&with_thumbnail, 48 * 32).unwrap();
        assert!(!ends(&with_thumbnail[..with_thumbnail.len() - 2]));
        assert!(!ends(&with_thumbnail[..9]) && !ends(b"") && !ends(&[0xff, 0xd8, 0xff]));
    }

    #[test]
    fn what_is_damaged_otherwise_is_left_to_the_decoder() {
        let whole = encoded(24, 16, ExtendedColorType::Rgb8);
        for at in 2..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            // No panic, whatever it says.
            let _ = check_whole(&damaged, 24 * 16);
        }
    }
}
