//! The propagation rules of a linear layer: their names in the grammar, and each as data that one piece of code turns into nodes.
//!
//! With z_ij = x_i·w_ij and z_j = Σ_i z_ij + b_j, every rule hands R_ij = share · R_j from unit j to its input i. Every share here is a sum
//! of groups, gain · Σ_terms φ(x_i)·ω(w_ij) / D_j, where D_j is either z_j (the bias keeps its share) or the sum of the same terms over i.
//! Padding is no input: it receives nothing and counts in no denominator. The exceptions are [`Rule::Rescale`], which has slopes instead of shares, and [`Rule::Spread`].

use std::fmt;
use std::str::FromStr;

use crate::error::argument::{Context, bail, ensure};
use crate::error::{Error, Result};

/// Beyond, weights that are multiplied by it leave float32.
const LARGEST_GAMMA: f32 = 1e6;

/// Added to a denominator, with the denominator's sign, unless the rule gives its own ε.
pub(super) const STABILISER: f32 = 1e-9;

/// What speaks for an output minus what speaks against it, z_ij⁺/Σ z_ij⁺ − z_ij⁻/Σ z_ij⁻: the way of CLRP2's rivals back, which nobody can write, for α − β is 0.
pub(super) const OPPOSING: Rule = Rule::AlphaBeta {
    alpha: 1.0,
    beta: 1.0,
};

/// A rule for one linear layer. Sources: Bach et al. 2015 (simple, ε, αβ), Montavon et al. 2017 and 2019 (z⁺, w², z^B, γ), Lapuschkin et al. 2019 (flat);
/// `abs` is this project's, and so is `rescale`, after the rule Rescale of Shrikumar et al. 2017, whose reference is another picture and
/// whose tolerance is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// z_ij / z_j, the basic rule (LRP-0).
    Simple,
    /// z_ij / (z_j + ε·sign(z_j)), sign(0) = 1.
    Epsilon(Epsilon),
    /// α·z_ij⁺/Σ z_ij⁺ − β·z_ij⁻/Σ z_ij⁻ with α − β = 1; the sign is that of the product.
    AlphaBeta {
        /// Weight of the positive parts.
        alpha: f32,
        /// Weight of the negative parts.
        beta: f32,
    },
    /// αβ with α = 1, β = 0.
    ZPlus,
    /// |z_ij| / Σ |z_ij|: keeps the sign of R_j and amplifies nothing.
    Abs,
    /// z_ij + γ·z_ij⁺ in place of z_ij where z_j ≥ 0, z_ij + γ·z_ij⁻ where z_j < 0.
    Gamma(f32),
    /// w_ij² / Σ w_ij².
    WSquare,
    /// 1 / (number of inputs of j).
    Flat,
    /// (x_i·w_ij − l·w_ij⁺ − h·w_ij⁻) / Σ(…), for inputs in l..h.
    ZBox {
        /// The lowest value that an input can have.
        low: f32,
        /// The highest value that an input can have.
        high: f32,
    },
    /// Contributions measured against the mean of their feature map, with F standard deviations of tolerance, greater than 0. With Δx = x − x̄ (x̄: the mean
    /// of x's channel over the map) relevance is R_i = Δx_i·m_i, m_i = Σ_j w_ij·m_j, and an activation y = act(z) hands on m_z = s·m_y with the slope
    ///
    /// s = (act(b) − act(a)) / (b − a), a = min(z, z̄) − F·σ, b = max(z, z̄) + F·σ,
    ///
    /// σ being the standard deviation (population) of all elements of the layer's z for the picture.
    Rescale(f32),
    /// The layers are not passed one by one: relevance is summed over the channels of the first tensor behind which all layers have this rule, and spread over the pixels
    /// by a cubic B-spline around the centre of each cell's receptive field, as wide as these centres are apart. For the layers below the high level alone.
    Spread,
}

/// How a rule is carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Redistribution {
    /// As a sum of shares.
    Shares(Vec<Group>),
    /// By slopes, the tolerance given.
    Slopes(f32),
    /// All layers that have it as one.
    AsOne,
}

/// The ε of the ε-rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Epsilon {
    /// The same in every layer and picture.
    Fixed(f32),
    /// This times the standard deviation (population, over all elements) of the layer's z for the picture.
    Deviations(f32),
}

/// φ(x), the part of an input that a term multiplies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum InputPart {
    /// x
    Whole,
    /// max(x, 0)
    Positive,
    /// min(x, 0)
    Negative,
    /// |x|
    Magnitude,
    /// 1
    One,
}

/// ω(w), the part of a weight that a term multiplies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum WeightPart {
    /// positive·max(w, 0) + negative·min(w, 0)
    Mixed {
        /// Factor of the positive weights.
        positive: f32,
        /// Factor of the negative weights.
        negative: f32,
    },
    /// w²
    Square,
    /// 1
    One,
}

impl WeightPart {
    pub(super) const WHOLE: Self = Self::mixed(1.0, 1.0);
    const POSITIVE: Self = Self::mixed(1.0, 0.0);
    const NEGATIVE: Self = Self::mixed(0.0, 1.0);
    pub(super) const MAGNITUDE: Self = Self::mixed(1.0, -1.0);

    const fn mixed(positive: f32, negative: f32) -> Self {
        Self::Mixed { positive, negative }
    }

    pub(super) fn apply(self, weight: f32) -> f32 {
        match self {
            Self::Mixed { positive, negative } => {
                positive * weight.max(0.0) + negative * weight.min(0.0)
            }
            Self::Square => weight * weight,
            Self::One => 1.0,
        }
    }
}

/// For which outputs a group counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OutputCondition {
    Always,
    /// z_j ≥ 0
    NonNegative,
    /// z_j < 0
    Negative,
}

/// D_j of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Denominator {
    /// z_j, with the bias in it.
    Output(Epsilon),
    /// The sum of the group's terms, which cannot be negative.
    NonNegativeTerms,
    /// The sum of the group's terms.
    Terms,
    /// The sum of |z_ij|.
    Magnitudes,
}

/// gain · Σ_terms φ(x_i)·ω(w_ij) / D_j
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub gain: f32,
    pub gate: OutputCondition,
    pub terms: Vec<(InputPart, WeightPart)>,
    pub denominator: Denominator,
}

/// z_ij / Σ_i |z_ij|: what a head's last layer does with a [`Seed::Unit`](super::Seed::Unit).
pub(super) fn unit_groups() -> Vec<Group> {
    vec![Group {
        gain: 1.0,
        gate: OutputCondition::Always,
        terms: vec![(InputPart::Whole, WeightPart::WHOLE)],
        denominator: Denominator::Magnitudes,
    }]
}

impl Rule {
    pub(super) fn redistribution(self) -> Redistribution {
        match self {
            Self::Rescale(tolerance) => Redistribution::Slopes(tolerance),
            Self::Spread => Redistribution::AsOne,
            rule => Redistribution::Shares(rule.groups()),
        }
    }

    /// The shares of all rules that have some.
    pub(super) fn groups(self) -> Vec<Group> {
        use InputPart::{Magnitude, Negative, One, Positive, Whole};
        let group = |terms: &[(InputPart, WeightPart)], denominator| Group {
            gain: 1.0,
            gate: OutputCondition::Always,
            terms: terms.to_vec(),
            denominator,
        };
        let positive = [
            (Positive, WeightPart::POSITIVE),
            (Negative, WeightPart::NEGATIVE),
        ];
        let negative = [
            (Positive, WeightPart::NEGATIVE),
            (Negative, WeightPart::POSITIVE),
        ];
        match self {
            Self::Simple => Self::Epsilon(Epsilon::Fixed(STABILISER)).groups(),
            Self::Epsilon(epsilon) => {
                vec![group(
                    &[(Whole, WeightPart::WHOLE)],
                    Denominator::Output(epsilon),
                )]
            }
            Self::ZPlus => vec![group(&positive, Denominator::NonNegativeTerms)],
            Self::AlphaBeta { alpha, beta } => vec![
                Group {
                    gain: alpha,
                    ..group(&positive, Denominator::NonNegativeTerms)
                },
                Group {
                    gain: -beta,
                    ..group(&negative, Denominator::Terms)
                },
            ],
            Self::Abs => {
                vec![group(
                    &[(Magnitude, WeightPart::MAGNITUDE)],
                    Denominator::NonNegativeTerms,
                )]
            }
            Self::Gamma(gamma) => {
                let (more, same) = (1.0 + gamma, 1.0);
                let towards_positive = [
                    (Positive, WeightPart::mixed(more, same)),
                    (Negative, WeightPart::mixed(same, more)),
                ];
                let towards_negative = [
                    (Positive, WeightPart::mixed(same, more)),
                    (Negative, WeightPart::mixed(more, same)),
                ];
                vec![
                    Group {
                        gate: OutputCondition::NonNegative,
                        ..group(&towards_positive, Denominator::Terms)
                    },
                    Group {
                        gate: OutputCondition::Negative,
                        ..group(&towards_negative, Denominator::Terms)
                    },
                ]
            }
            Self::WSquare => vec![group(
                &[(One, WeightPart::Square)],
                Denominator::NonNegativeTerms,
            )],
            Self::Flat => vec![group(
                &[(One, WeightPart::One)],
                Denominator::NonNegativeTerms,
            )],
            Self::ZBox { low, high } => vec![group(
                &[
                    (Whole, WeightPart::WHOLE),
                    (One, WeightPart::mixed(-low, -high)),
                ],
                Denominator::Terms,
            )],
            Self::Rescale(_) | Self::Spread => vec![],
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Simple => f.write_str("simple"),
            Self::Epsilon(Epsilon::Fixed(value)) => write!(f, "epsilon:{value:e}"),
            Self::Epsilon(Epsilon::Deviations(factor)) => write!(f, "epsilon:{factor}std"),
            Self::AlphaBeta { alpha, beta } => write!(f, "alphabeta:{alpha},{beta}"),
            Self::ZPlus => f.write_str("zplus"),
            Self::Abs => f.write_str("abs"),
            Self::Gamma(gamma) => write!(f, "gamma:{gamma}"),
            Self::WSquare => f.write_str("w2"),
            Self::Flat => f.write_str("flat"),
            Self::ZBox { low, high } => write!(f, "zb:{low},{high}"),
            Self::Rescale(tolerance) => write!(f, "rescale:{tolerance}"),
            Self::Spread => f.write_str("spread"),
        }
    }
}

impl FromStr for Rule {
    type Err = Error;

    /// Reads `simple`, `epsilon:E`, `epsilon:Fstd`, `alphabeta:A,B`, `zplus`, `abs`, `gamma:G`, `w2`, `flat`, `zb:L,H`, `rescale:F` or `spread`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
        let one = || number(parameters).with_context(|| format!("rule '{text}'"));
        let two = || -> Result<(f32, f32)> {
            let (a, b) = parameters.split_once(',').with_context(|| {
                format!("rule '{text}' needs two numbers, as in 'alphabeta:2,1'")
            })?;
            Ok((number(a)?, number(b)?))
        };
        let rule = match name {
            "epsilon" => match parameters.strip_suffix("std") {
                Some(factor) => Self::Epsilon(Epsilon::Deviations(positive(factor, text)?)),
                None => Self::Epsilon(Epsilon::Fixed(positive(parameters, text)?)),
            },
            "alphabeta" => {
                let (alpha, beta) = two()?;
                ensure!(
                    (alpha - beta - 1.0).abs() < 1e-6 && beta >= 0.0,
                    "rule '{text}': alpha − beta must be 1 and beta not negative, as in 'alphabeta:2,1'"
                );
                Self::AlphaBeta { alpha, beta }
            }
            "gamma" => {
                let gamma = one()?;
                ensure!(
                    (0.0..=LARGEST_GAMMA).contains(&gamma),
                    "rule '{text}': gamma must not be negative, nor above {LARGEST_GAMMA}, from where on it is all but zplus"
                );
                Self::Gamma(gamma)
            }
            "zb" => {
                let (low, high) = two()?;
                ensure!(
                    low < high,
                    "rule '{text}': the lower bound must lie below the higher one"
                );
                Self::ZBox { low, high }
            }
            "rescale" => {
                let tolerance = one()?;
                ensure!(
                    tolerance > 0.0,
                    "rule '{text}': the tolerance must be greater than 0"
                );
                Self::Rescale(tolerance)
            }
            "simple" | "zplus" | "abs" | "w2" | "flat" | "spread" => {
                ensure!(
                    parameters.is_empty(),
                    "rule '{name}' takes no number, found '{parameters}'"
                );
                match name {
                    "simple" => Self::Simple,
                    "zplus" => Self::ZPlus,
                    "abs" => Self::Abs,
                    "w2" => Self::WSquare,
                    "spread" => Self::Spread,
                    _ => Self::Flat,
                }
            }
            _ => bail!(
                "there is no rule '{name}': simple, epsilon:E, epsilon:Fstd, alphabeta:A,B, zplus, abs, gamma:G, w2, flat, zb:L,H, rescale:F and spread exist"
            ),
        };
        Ok(rule)
    }
}

fn number(text: &str) -> Result<f32> {
    let value: f32 = text
        .parse()
        .with_context(|| format!("'{text}' is not a number"))?;
    ensure!(value.is_finite(), "'{text}' is not a finite number");
    Ok(value)
}

fn positive(text: &str, rule: &str) -> Result<f32> {
    let value = number(text).with_context(|| format!("rule '{rule}'"))?;
    ensure!(value > 0.0, "rule '{rule}': epsilon must be greater than 0");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_reads_back_what_it_prints() {
        for text in [
            "simple",
            "epsilon:1e-6",
            "epsilon:0.1std",
            "alphabeta:2,1",
            "zplus",
            "abs",
            "gamma:0.25",
            "w2",
            "flat",
            "zb:-1,1",
            "rescale:0.75",
            "spread",
        ] {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_reason() {
        for (text, reason) in [
            ("lrp", "there is no rule 'lrp'"),
            ("epsilon:0", "greater than 0"),
            ("epsilon:x", "'x' is not a number"),
            ("alphabeta:2", "two numbers"),
            ("alphabeta:3,1", "must be 1"),
            ("gamma:-1", "not be negative"),
            // Of which weights become infinite, and their shares 0.
            ("gamma:3e38", "nor above 1000000"),
            ("zb:1,-1", "below"),
            ("abs:2", "takes no number"),
            ("epsilon:infstd", "finite"),
            ("rescale", "'' is not a number"),
            ("rescale:0", "greater than 0"),
        ] {
            let error = format!("{:#}", text.parse::<Rule>().unwrap_err());
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn weight_parts_split_by_sign() {
        assert_eq!(WeightPart::MAGNITUDE.apply(-2.0), 2.0);
        assert_eq!(WeightPart::POSITIVE.apply(-2.0), 0.0);
        assert_eq!(WeightPart::NEGATIVE.apply(-2.0), -2.0);
        assert_eq!(WeightPart::WHOLE.apply(-2.0), -2.0);
        assert_eq!(WeightPart::Square.apply(-3.0), 9.0);
        assert_eq!(WeightPart::mixed(1.25, 1.0).apply(4.0), 5.0);
    }
}
