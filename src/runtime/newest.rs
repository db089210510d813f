//! The newest operator set that the loaded library takes. It has no function that says so, and is asked with networks of one node.
//!
//! In: a network that was refused. Out: the two numbers, where the network's operator set is why.

use ort::environment::Environment;
use ort::session::Session;

use crate::onnx::{OLDEST_KEPT, identity, operator_set};

/// A network's operator set, and the newest one that the library takes.
#[derive(Debug, PartialEq)]
pub(super) struct TooNew {
    pub network: i64,
    pub library: i64,
}

impl TooNew {
    /// Of a network that was refused; nothing where its operator set is not why.
    pub fn of(model: &[u8], environment: &Environment) -> Option<Self> {
        let takes = |set: i64| {
            Session::builder(environment)
                .is_ok_and(|mut builder| builder.commit_from_memory(&identity(set)).is_ok())
        };
        let network = operator_set(model)?;
        let library = newest(OLDEST_KEPT, network, takes)?;
        Some(Self { network, library })
    }
}

/// The newest operator set that is taken, from `oldest` to before `wanted`; nothing where that one is taken too, or not even the oldest.
fn newest(oldest: i64, wanted: i64, takes: impl Fn(i64) -> bool) -> Option<i64> {
    if wanted <= oldest || takes(wanted) || !takes(oldest) {
        return None;
    }
    let (mut taken, mut refused) = (oldest, wanted);
    while taken + 1 < refused {
        let middle = taken + (refused - taken) / 2;
        match takes(middle) {
            true => taken = middle,
            false => refused = middle,
        }
    }
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_found_between_one_that_is_taken_and_one_that_is_not() {
        for (wanted, expected) in [
            (13, None),
            (26, None),
            (27, Some(26)),
            (99, Some(26)),
            (i64::MAX, Some(26)),
        ] {
            assert_eq!(newest(13, wanted, |set| set <= 26), expected, "{wanted}");
        }
        assert_eq!(newest(13, 14, |set| set <= 13), Some(13));
        assert_eq!(newest(13, 14, |_| false), None);
    }
}
