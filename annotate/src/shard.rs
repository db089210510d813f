//! A part of the inputs, for several computers that work on one archive.

use std::fmt;
use std::str::FromStr;

/// The `index`-th of `count` parts, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Default for Shard {
    /// All.
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl Shard {
    /// Takes every `count`-th of sorted inputs, so that neighbours in name, which are often alike in length, go to different computers.
    pub fn of<T>(self, inputs: Vec<T>) -> Vec<T> {
        let own = inputs.into_iter().skip(self.index - 1);
        own.step_by(self.count).collect()
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
    use super::*;

    #[test]
    fn the_parts_are_all_and_none_twice() {
        for count in 1..6 {
            let parts = (1..=count).map(|index| format!("{index}/{count}").parse::<Shard>());
            let mut all: Vec<u32> = parts
                .flat_map(|shard| shard.unwrap().of((0..17).collect()))
                .collect();
            assert!(count == 1 || !all.is_sorted());
            all.sort_unstable();
            assert!(all.iter().copied().eq(0..17), "{all:?}");
        }
    }

    #[test]
    fn more_parts_than_inputs_leave_some_empty() {
        assert!("3/8".parse::<Shard>().unwrap().of(vec![1, 2]).is_empty());
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "0/3", "4/3", "a/b", "-1/3", "1/0", "1/2/3"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains("1/8"), "{error}");
        }
    }
}
