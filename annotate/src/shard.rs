//! A part of the inputs, for several computers that work on one archive.

use std::fmt;
use std::str::FromStr;

use crate::inputs::ArchiveInput;

/// The `index`-th of `count` parts, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Default for Shard {
    /// All.
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl Shard {
    /// Whether an input is in this part, which depends on its path alone: inputs that come or go while shards run, or before one runs again, move no other input to another part.
    pub fn has(self, input: &ArchiveInput) -> bool {
        input.number() % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| {
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count)
                .contains(&index)
                .then_some(Self { index, count })
        });
        numbers.ok_or_else(|| format!("'{text}' is not I/N with I from 1 to N, as 1/8 … 8/8"))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ssdcrp::inputs::InputFile;

    use super::*;

    fn inputs(numbers: impl Iterator<Item = u32>) -> Vec<ArchiveInput> {
        let input = |number| {
            let path = format!("/nowhere/camera/{number:03}.mp4");
            ArchiveInput::new(InputFile::new(Path::new(&path)).unwrap())
        };
        numbers.map(input).collect()
    }

    fn part(text: &str, inputs: &[ArchiveInput]) -> Vec<String> {
        let shard: Shard = text.parse().unwrap();
        let own = inputs.iter().filter(|input| shard.has(input));
        own.map(ArchiveInput::source).collect()
    }

    #[test]
    fn the_parts_are_all_and_none_twice() {
        let all = inputs(0..100);
        for count in 1..6 {
            let parts = (1..=count).map(|index| part(&format!("{index}/{count}"), &all));
            let parts: Vec<Vec<String>> = parts.collect();
            let least = parts.iter().map(Vec::len).min();
            assert!(least > Some(100 / count / 2), "{parts:?}");
            let mut together = parts.concat();
            together.sort();
            assert!(together.into_iter().eq(part("1/1", &all)));
        }
    }

    /// A shard may be started again hours later, when cameras have written files and others were deleted.
    #[test]
    fn other_inputs_move_none_to_another_part() {
        let (before, after) = (inputs(10..50), inputs(0..40));
        for shard in ["1/3", "2/3", "3/3"] {
            let mut then = part(shard, &before);
            let mut now = part(shard, &after);
            then.retain(|source| source.as_str() < "/nowhere/camera/040.mp4");
            now.retain(|source| source.as_str() >= "/nowhere/camera/010.mp4");
            assert_eq!(then, now);
        }
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "0/3", "4/3", "a/b", "-1/3", "1/0", "1/2/3"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains("1/8"), "{error}");
        }
    }
}
