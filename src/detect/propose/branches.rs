//! The last convolutions of a detector without anchors, grid by grid, and what is made of each behind it.

/// What is made of a head's numbers behind it.
#[derive(Clone, Default, Debug)]
pub(super) struct Use {
    pub sigmoid: bool,
    /// Numbers that a softmax makes a distribution of.
    pub softmax: Option<usize>,
    pub exponential: bool,
    /// Added to, subtracted from or multiplied with something.
    pub linear: bool,
    /// Anything else, as a Split in which boxes are decoded.
    pub otherwise: bool,
    /// Its place where a Concat joins it with others.
    pub place: Option<usize>,
}

impl Use {
    /// Whether nothing is made of its numbers.
    pub(super) fn is_none(&self) -> bool {
        let is_computed_with = self.sigmoid || self.exponential || self.linear || self.otherwise;
        !is_computed_with && self.softmax.is_none()
    }
}

/// One of a grid's convolutions.
pub(super) struct Branch<'a> {
    pub tensor: &'a str,
    pub channels: usize,
    pub used: Use,
}

impl Branch<'_> {
    /// Whether what it says becomes scores: a sigmoid is taken of it, and nothing else made of it, or a softmax of all its channels.
    pub(super) fn is_score(&self) -> bool {
        let is_of_all = self.used.softmax == Some(self.channels);
        is_of_all || self.used.sigmoid && !self.used.linear
    }

    /// Whether it is the logits of four distances' bins.
    pub(super) fn is_binned(&self) -> bool {
        let bins = self.used.softmax.unwrap_or_default();
        4 * bins == self.channels && !self.used.sigmoid
    }

    /// Whether it says four numbers of a box.
    pub(super) fn is_plain(&self) -> bool {
        self.channels == 4 && !self.used.sigmoid && self.used.softmax.is_none()
    }

    /// Whether it may say boxes.
    pub(super) fn is_box(&self) -> bool {
        self.is_binned() || self.is_plain()
    }
}

/// Rows and columns, and the convolutions there.
pub(super) type GridBranches<'a> = ([usize; 2], Vec<Branch<'a>>);
