//! The bits of a scan up to the next marker, and the codes in them (ITU-T T.81, annexes C and F).

/// Bits that no code is longer than.
pub const LONGEST_CODE: usize = 16;

/// Why a walk ends before the end.
pub enum Stop {
    /// A marker, or the end of the file, stands where data should be.
    Ended,
    /// What is there is not understood.
    Unknown,
}

/// By the next sixteen bits: how many of them the code has, 0 where there is none, and its symbol.
pub type CodeTable = Box<[(u8, u8)]>;

/// A table of codes, of their numbers by length and their symbols in order (annex C).
pub fn code_table(counts: &[u8], symbols: &[u8]) -> Option<CodeTable> {
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

/// Data of one scan, read bit by bit up to the next marker.
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    count: usize,
}

impl<'a> Bits<'a> {
    /// Those from byte `at` on.
    pub fn of(data: &'a [u8], at: usize) -> Self {
        Self {
            data,
            at,
            buffer: 0,
            count: 0,
        }
    }

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

    /// The next `count` bits, no more than sixteen.
    pub fn take(&mut self, count: usize) -> Result<u64, Stop> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(Stop::Ended)?;
        Ok(self.buffer >> self.count & ((1 << count) - 1))
    }

    /// The symbol of the next code.
    pub fn symbol(&mut self, table: Option<&CodeTable>) -> Result<usize, Stop> {
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

    /// Steps over a restart marker, which has to be next.
    pub fn restart(&mut self) -> Result<(), Stop> {
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
    pub fn next_marker(&self) -> Result<usize, Stop> {
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
