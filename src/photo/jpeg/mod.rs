//! Whether a JPEG is whole: bytes in; an error where its data ends before its picture does. Decoders fill what is missing with grey, and the network would look at that.
//!
//! The entropy-coded data is walked through, symbol by symbol (ITU-T T.81, annexes F and G), and nothing is made of it but, in a progressive JPEG, which coefficients are not 0: refinements
//! have a bit for each. A progressive JPEG that lacks whole scans behind the first cannot be told from one that was written so, with less detail.

mod bits;
mod blocks;

use crate::error::Result;
use crate::error::picture::{bail, ensure};
use crate::limits::MOST_PIXELS_A_BYTE;

use bits::{Bits, CodeTable, LONGEST_CODE, Stop, code_table};
use blocks::{Codes, Known, ScanKind};

/// More scans than any encoder writes.
const MOST_SCANS: usize = 100;
/// Coefficients of a block.
const COEFFICIENTS: usize = 64;

/// Fails where the JPEG ends before its `pixels` do: no end marker follows the first scan, there are fewer bytes than so many pixels can be written with, a scan has fewer
/// blocks than its picture, or a colour has none.
pub fn check_whole(jpeg: &[u8], pixels: u64) -> Result<()> {
    ensure!(ends(jpeg), "it is cut off: the JPEG's end is missing");
    ensure!(
        pixels <= (jpeg.len() as u64).saturating_mul(MOST_PIXELS_A_BYTE),
        "it is cut off: {} bytes cannot hold {pixels} pixels",
        jpeg.len()
    );
    match Walk::of(pixels).all(jpeg) {
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

/// One colour or brightness: its number, and its blocks across and down a unit of the picture.
struct Plane {
    id: u8,
    across: usize,
    down: usize,
    /// Whether a scan had its first coefficients.
    is_there: bool,
    /// Of each block of a progressive JPEG, as far as scans of this plane alone have said.
    known: Vec<Known>,
}

/// What the segments so far have said.
#[derive(Default)]
struct Walk {
    /// Those that the decoder will make; another frame's are not understood.
    pixels: u64,
    size: [usize; 2],
    planes: Vec<Plane>,
    is_progressive: bool,
    restarts: usize,
    /// Of first coefficients, and of all others.
    codes: [[Option<CodeTable>; 4]; 2],
}

impl Walk {
    fn of(pixels: u64) -> Self {
        Self {
            pixels,
            ..Self::default()
        }
    }

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
                (0xff, 0xd9) if self.planes.iter().all(|plane| plane.is_there) => return Ok(()),
                (0xff, 0xd9) => return Err(Stop::Ended),
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
                is_there: false,
                known: vec![],
            })
            .collect();
        let fits = |plane: &Plane| (1..=4).contains(&plane.across) && (1..=4).contains(&plane.down);
        let pixels = self.size.map(|side| side as u64).iter().product::<u64>();
        match self.planes.iter().all(fits) && (1..=4).contains(&count) && pixels == self.pixels {
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
    fn scan(&mut self, segment: &[u8], jpeg: &[u8], at: usize) -> Result<usize, Stop> {
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
            last: match self.is_progressive {
                true => usize::from(last),
                false => COEFFICIENTS - 1,
            },
            is_refinement: precision >> 4 != 0,
        };
        let is_alone = count == 1;
        let has_others = kind.is_progressive && kind.first > 0;
        if kind.last >= COEFFICIENTS || has_others && !is_alone {
            return Err(Stop::Unknown);
        }
        let planes: Vec<ScanPlane> = (named.chunks_exact(2))
            .map(|named| self.plane(named, is_alone))
            .collect::<Result<_, _>>()?;
        let units = self.units(&planes, is_alone);
        // Scans of other than first coefficients have one plane, in the order of its blocks.
        let mut known = match planes[..] {
            [ref one] if has_others => {
                let mut known = std::mem::take(&mut self.planes[one.index].known);
                known.resize(units, 0);
                known
            }
            _ => vec![],
        };
        let mut bits = Bits::of(jpeg, at);
        let (mut run, mut unknown) = (0, 0);
        for unit in 0..units {
            if self.restarts > 0 && unit > 0 && unit % self.restarts == 0 {
                bits.restart()?;
                run = 0;
            }
            for plane in &planes {
                let codes = self.codes(plane);
                for _ in 0..plane.blocks {
                    let known = known.get_mut(unit).unwrap_or(&mut unknown);
                    kind.block(&mut bits, codes, &mut run, known)?;
                }
            }
        }
        for plane in &planes {
            let plane = &mut self.planes[plane.index];
            match has_others {
                true => plane.known = std::mem::take(&mut known),
                false => plane.is_there = true,
            }
        }
        bits.next_marker()
    }

    fn plane(&self, named: &[u8], is_alone: bool) -> Result<ScanPlane, Stop> {
        let is_it = |plane: &Plane| plane.id == named[0];
        let index = self.planes.iter().position(is_it).ok_or(Stop::Unknown)?;
        let plane = &self.planes[index];
        Ok(ScanPlane {
            index,
            blocks: match is_alone {
                true => 1,
                false => plane.across * plane.down,
            },
            tables: [named[1] >> 4, named[1] & 15].map(usize::from),
        })
    }

    fn codes(&self, plane: &ScanPlane) -> Codes<'_> {
        let [first, others] = [0, 1].map(|of| self.codes[of].get(plane.tables[of])?.as_ref());
        Codes { first, others }
    }

    /// How many units a scan has: blocks of a single plane, or as much of the picture as the coarsest plane has a block for.
    fn units(&self, planes: &[ScanPlane], is_alone: bool) -> usize {
        let most = |of: fn(&Plane) -> usize| self.planes.iter().map(of).max().unwrap_or(1);
        let [across, down] = [most(|plane| plane.across), most(|plane| plane.down)];
        let [width, height] = self.size;
        match planes {
            [one] if is_alone => {
                let one = &self.planes[one.index];
                let blocks =
                    |size: usize, of: usize, most: usize| (size * of).div_ceil(most).div_ceil(8);
                blocks(width, one.across, across) * blocks(height, one.down, down)
            }
            _ => width.div_ceil(8 * across) * height.div_ceil(8 * down),
        }
    }
}

/// A plane in a scan: which one, how many blocks a unit has of it, and the places of its codes.
struct ScanPlane {
    index: usize,
    blocks: usize,
    tables: [usize; 2],
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

    /// Where the data of each scan begins and ends.
    fn scans(jpeg: &[u8]) -> Vec<[usize; 2]> {
        let starts = jpeg.windows(4).enumerate();
        let starts = starts.filter(|(_, bytes)| bytes[..2] == [0xff, 0xda]);
        let starts = starts.map(|(at, bytes)| at + 2 + usize::from(bytes[3]));
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7);
        let data = |at: usize| jpeg[at..].windows(2).position(is_marker).unwrap();
        starts.map(|at| [at, at + data(at)]).collect()
    }

    #[test]
    fn a_part_with_an_end_glued_on_is_refused() {
        let of = |colour| (encoded(61, 93, colour), 61 * 93);
        let mut wholes = vec![of(ExtendedColorType::Rgb8), of(ExtendedColorType::L8)];
        // With subsampled colours, restarts, four planes, ten scans of which four are refinements.
        let names = [
            "subsampled.jpg",
            "restarts.jpg",
            "cmyk.jpg",
            "progressive.jpg",
        ];
        wholes.extend(names.map(|name| (kept(name), 24 * 32)));
        let mut cuts = 0;
        for (index, (whole, pixels)) in wholes.iter().enumerate() {
            check_whole(whole, *pixels).unwrap();
            for [start, end] in scans(whole) {
                for share in [0, 3, 5, 8, 9] {
                    let part = &whole[..start + (end - start) * share / 10];
                    let glued = [part, &[0xff, 0xd9]].concat();
                    let error = check_whole(&glued, *pixels).unwrap_err().to_string();
                    assert!(
                        error.contains("its data ends before"),
                        "{index} {share}: {error}"
                    );
                    cuts += 1;
                }
            }
        }
        assert_eq!(cuts, 5 * (5 + 10));
    }

    #[test]
    fn a_colour_that_no_scan_has_is_missed() {
        let mut whole = kept("baseline.jpg");
        check_whole(&whole, 24 * 32).unwrap();
        // The frame's third plane gets a number of its own, as if its scan were to come.
        let frame = whole
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        let scan = whole
            .windows(2)
            .position(|pair| pair == [0xff, 0xda])
            .unwrap();
        assert_eq!((whole[frame + 16], whole[scan + 9]), (3, 3));
        whole[scan + 9] = 2;
        assert!(check_whole(&whole, 24 * 32).is_err());
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
