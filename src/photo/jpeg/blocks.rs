//! The blocks of a scan, stepped over coefficient by coefficient (ITU-T T.81, annexes F and G).

use super::bits::{Bits, CodeTable, LONGEST_CODE, Stop};

/// Of a progressive JPEG the coefficients of a block that are not 0 so far, a bit each: a refinement has a bit more for each of them.
pub type Known = u64;

/// Which coefficients a scan has, and of a progressive one whether it only makes them finer.
pub struct ScanKind {
    pub is_progressive: bool,
    pub first: usize,
    pub last: usize,
    pub is_refinement: bool,
}

/// Codes of first coefficients and of all others, where there are some.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
    pub first: Option<&'a CodeTable>,
    pub others: Option<&'a CodeTable>,
}

impl ScanKind {
    /// Steps over a block; `run` is how many blocks more have nothing new in this scan.
    pub fn block(
        &self,
        bits: &mut Bits,
        codes: Codes,
        run: &mut u64,
        known: &mut Known,
    ) -> Result<(), Stop> {
        match (self.is_progressive, self.first, self.is_refinement) {
            (true, 0, true) => bits.take(1).map(drop),
            (true, 0, false) => first_coefficient(bits, codes),
            (true, _, true) => self.refined(bits, codes.others, run, known),
            (true, _, false) => self.others(bits, codes.others, self.first, run, known),
            (false, ..) => {
                first_coefficient(bits, codes)?;
                self.others(bits, codes.others, 1, run, known)
            }
        }
    }

    /// Coefficients from `place` on that no scan had before.
    fn others(
        &self,
        bits: &mut Bits,
        codes: Option<&CodeTable>,
        mut place: usize,
        run: &mut u64,
        known: &mut Known,
    ) -> Result<(), Stop> {
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        while place <= self.last {
            let symbol = bits.symbol(codes)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => place += 16,
                (zeros, 0) => {
                    if self.is_progressive {
                        *run = (1 << zeros) - 1 + bits.take(zeros)?;
                    }
                    return Ok(());
                }
                (zeros, size) => {
                    bits.take(size)?;
                    place += zeros;
                    *known |= coefficient(place);
                    place += 1;
                }
            }
        }
        Ok(())
    }

    /// One bit more for each coefficient that is known, and those among the others that are not 0 any more (G.1.2.3).
    fn refined(
        &self,
        bits: &mut Bits,
        codes: Option<&CodeTable>,
        run: &mut u64,
        known: &mut Known,
    ) -> Result<(), Stop> {
        let mut place = self.first;
        while *run == 0 && place <= self.last {
            let symbol = bits.symbol(codes)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            match size {
                0 if zeros < 15 => *run = (1 << zeros) + bits.take(zeros)?,
                0 | 1 => {
                    bits.take(size)?;
                    while place <= self.last {
                        if *known & coefficient(place) != 0 {
                            bits.take(1)?;
                        } else if zeros == 0 {
                            break;
                        } else {
                            zeros -= 1;
                        }
                        place += 1;
                    }
                    if size == 1 && place <= self.last {
                        *known |= coefficient(place);
                    }
                    place += 1;
                }
                _ => return Err(Stop::Unknown),
            }
        }
        if *run > 0 {
            *run -= 1;
            for place in place..=self.last {
                if *known & coefficient(place) != 0 {
                    bits.take(1)?;
                }
            }
        }
        Ok(())
    }
}

fn first_coefficient(bits: &mut Bits, codes: Codes) -> Result<(), Stop> {
    let size = bits.symbol(codes.first)?;
    bits.take(size.min(LONGEST_CODE)).map(drop)
}

/// The bit of a coefficient; damaged data has some beyond the last.
fn coefficient(place: usize) -> Known {
    u32::try_from(place).map_or(0, |place| 1_u64.checked_shl(place).unwrap_or(0))
}
