//! A line of a queue's file: a text with its number and time in, a line with a checksum out, and back again. What was cut off in the middle of writing is no line.

/// The number that orders texts, when it was queued, and the text.
#[derive(Debug, PartialEq)]
pub struct QueueLine<'a> {
    pub sequence: u64,
    /// Milliseconds since 1970.
    pub queued: u64,
    pub text: &'a str,
}

impl<'a> QueueLine<'a> {
    /// As it stands in the file: the checksum (CRC-32 of what follows it, in base 16), the number, the time, the text.
    pub fn written(&self) -> String {
        let rest = format!("{} {} {}", self.sequence, self.queued, self.text);
        format!("{:08x} {rest}\n", crc32fast::hash(rest.as_bytes()))
    }

    /// Reads a line with its end; `None` where it is not as it was written.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let (sum, rest) = line.split_once(' ')?;
        let sum = u32::from_str_radix(sum, 16).ok()?;
        if sum != crc32fast::hash(rest.as_bytes()) {
            return None;
        }
        let (sequence, rest) = rest.split_once(' ')?;
        let (queued, text) = rest.split_once(' ')?;
        Some(Self {
            sequence: sequence.parse().ok()?,
            queued: queued.parse().ok()?,
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_or_not_at_all() {
        let entry = QueueLine {
            sequence: 7,
            queued: 1_700_000_000_123,
            text: r#"{"words":"sheep, or horse? ä"}"#,
        };
        let line = entry.written();
        assert_eq!(QueueLine::read(line.as_bytes()), Some(entry));
        for cut in 0..line.len() {
            assert_eq!(QueueLine::read(&line.as_bytes()[..cut]), None);
        }
        for place in 0..line.len() {
            let mut changed = line.clone().into_bytes();
            changed[place] ^= 1;
            assert_eq!(QueueLine::read(&changed), None, "{place}");
        }
        assert_eq!(QueueLine::read(b"\n"), None);
        assert_eq!(QueueLine::read(b"00000000 \n"), None);
    }
}
