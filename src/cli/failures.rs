//! What a verb could not use: errors in, each told when it comes; how many there were, and what the run ends with, out.

use std::fmt::{self, Display, Formatter};

use anyhow::{Error, Result, bail};
use ssdcrp::report::counted;

use super::output;

/// What is no picture and cannot be read: a folder in which there may be some, or lines in a folder of events.
#[derive(Debug)]
pub struct UnreadablePlace(pub String);

impl Display for UnreadablePlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnreadablePlace {}

/// How much could not be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts {
    pictures: usize,
    places: usize,
}

impl FailureCounts {
    /// Tells what could not be used beside so many pictures that could. What is alone is the run's own error.
    ///
    /// # Errors
    /// Nothing could be used.
    pub fn tell(mut failures: Vec<Error>, used: usize) -> Result<Self> {
        if used == 0
            && failures.len() == 1
            && let Some(error) = failures.pop()
        {
            return Err(error);
        }
        let mut counts = Self::default();
        for failure in &failures {
            counts.complain(failure);
        }
        if used == 0 {
            counts.check_none(used)?;
        }
        Ok(counts)
    }

    /// Tells and counts one.
    pub fn complain(&mut self, error: &Error) {
        match error.is::<UnreadablePlace>() {
            true => self.places += 1,
            false => self.pictures += 1,
        }
        output::complain(error);
    }

    /// All together.
    pub fn total(self) -> usize {
        self.pictures + self.places
    }

    /// Fails where there is any, beside so many pictures that were used.
    ///
    /// # Errors
    /// With how many there are of what.
    pub fn check_none(self, used: usize) -> Result<()> {
        if self.total() > 0 {
            bail!(self.words(used));
        }
        Ok(())
    }

    /// "1 of 4 pictures could not be used".
    pub fn words(self, used: usize) -> String {
        let pictures = format!(
            "{} of {} could not be used",
            self.pictures,
            counted(&(used + self.pictures), "picture")
        );
        let places = format!(
            "{} could not be read whole",
            counted(&self.places, "folder")
        );
        match (self.pictures, self.places) {
            (_, 0) => pictures,
            (0, _) => places,
            _ => format!("{pictures}, and {places}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_used_alone_is_the_error_itself() {
        let failures = |count: usize| (0..count).map(|one| Error::msg(one.to_string())).collect();
        let error = FailureCounts::tell(failures(1), 0).unwrap_err();
        assert_eq!(error.to_string(), "0");
        let error = FailureCounts::tell(failures(2), 0).unwrap_err();
        assert_eq!(error.to_string(), "2 of 2 pictures could not be used");
        assert_eq!(FailureCounts::tell(failures(2), 1).unwrap().total(), 2);
        assert_eq!(FailureCounts::tell(vec![], 0).unwrap().total(), 0);
    }

    #[test]
    fn folders_and_lines_do_not_count_as_pictures() {
        let words = |pictures: usize, places: usize| {
            let picture = || Error::msg("no picture").context("a.jpg");
            let place = || Error::new(UnreadablePlace("damaged".to_owned()));
            let pictures = std::iter::repeat_with(picture).take(pictures);
            let all = pictures.chain(std::iter::repeat_with(place).take(places));
            let counts = FailureCounts::tell(all.collect(), 3).unwrap();
            counts.check_none(3).unwrap_err().to_string()
        };
        assert_eq!(words(1, 0), "1 of 4 pictures could not be used");
        assert_eq!(words(0, 1), "1 folder could not be read whole");
        let both = "2 of 5 pictures could not be used, and 2 folders could not be read whole";
        assert_eq!(words(2, 2), both);
    }
}
