//! Composites: which rule each layer type propagates with, how residual sums share, and what a target is contrasted with by default.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::layers::{Layer, LayerType};
use super::rules::{Epsilon, OPPOSING, Redistribution, Rule, unit_groups};
use super::target::{Contrast, Seed};
use crate::detect::{ManifestField, Model};
use crate::error::argument::{Context, bail, ensure};
use crate::error::{Error, Result};

/// The names of the presets, the default first.
pub const PRESETS: [&str; 8] = [
    "crp",
    "crp-features",
    "crp-epsilon",
    "lrp-simple",
    "lrp-epsilon",
    "lrp-alpha1beta0",
    "lrp-alpha2beta1",
    "lrp-epsilon-plus-flat",
];

/// What a video is explained by where nobody names a composite.
const FOR_VIDEO: &str = "crp-features";

/// How a residual sum y = a + b shares its relevance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddRule {
    /// R_a = a/(a+b)·R
    Proportional,
    /// R_a = |a|/(|a|+|b|)·R
    Magnitude,
    /// R_a = R/n of n summands
    Equal,
}

/// To which inputs of its window max pooling hands relevance below the high level; in that, the winner takes all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolRule {
    /// To the largest; inputs that tie share.
    Winner,
    /// To all alike.
    Uniform,
}

/// A mapping of layer types to rules, by preset name or in the grammar
/// `classification=R,localization=R,high=R,localization-high=R,low=R,pixels=R,dense=R,add=prop|abs|half,pool=winner|uniform`. What the grammar leaves out is as in `crp`, except
/// that `localization-high` follows a `high` that is named, and `pixels` a `low` that is `spread`.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// As the user wrote it.
    pub name: String,
    /// Rule of the classification layers.
    pub classification: Rule,
    /// Rule of the localization layers.
    pub localization: Rule,
    /// Rule of the high-level feature layers.
    pub high: Rule,
    /// The same for relevance of offsets and edges.
    pub localization_high: Rule,
    /// Rule of the low-level feature layers.
    pub low: Rule,
    /// Rule of the layer that reads the pixels.
    pub pixels: Rule,
    /// Rule of fully connected layers, whatever their type; `None` where it is that of the type. One of those with shares.
    pub dense: Option<Rule>,
    /// Residual sums.
    pub add: AddRule,
    /// Max pooling.
    pub pool: PoolRule,
    /// What a class target is contrasted with where the user names no contrast.
    pub contrast: Contrast,
    /// How much relevance a target's outputs start with.
    pub seed: Seed,
}

impl Composite {
    /// The composite to explain a model with where the user names none: that of its manifest, else the default.
    ///
    /// # Errors
    /// A text in the manifest that is not in the grammar.
    pub fn of(model: &Model) -> Result<Self> {
        let Some(text) = &model.manifest.composite else {
            return Ok(Self::default());
        };
        text.parse()
            .context(ManifestField::top("composite"))
            .map_err(|error| model.manifest.source.locate(error))
    }

    /// The same for a video: that of the manifest, else `crp-features`, by which every frame can be explained. No column of the protocol tells the two apart (docs/evaluation.md).
    ///
    /// # Errors
    /// As [`Composite::of`].
    pub fn for_video(model: &Model) -> Result<Self> {
        match model.manifest.composite {
            Some(_) => Self::of(model),
            None => FOR_VIDEO.parse(),
        }
    }

    /// The rule for a layer type, fully connected layers aside ([`Composite::rule_of`]).
    pub fn rule(&self, layer_type: LayerType) -> Rule {
        match layer_type {
            LayerType::Classification => self.classification,
            LayerType::Localization => self.localization,
            LayerType::High => self.high,
            LayerType::Low => self.low,
            LayerType::Pixels => self.pixels,
        }
    }

    /// The rule of a layer of this type, fully connected or not.
    pub fn rule_of(&self, layer_type: LayerType, is_dense: bool) -> Rule {
        // What opposes the class's own weights is CLRP2's, whatever the layer is made of.
        let opposes = layer_type == LayerType::Classification && self.classification == OPPOSING;
        let dense = self.dense.filter(|_| is_dense && !opposes);
        dense.unwrap_or_else(|| self.rule(layer_type))
    }

    /// The rule of a layer as people read it, with that for offsets where it is another one: "epsilon:0.25std; for offsets zplus".
    pub fn rule_in_words(&self, layer: &Layer) -> String {
        let [class, offset] = [LayerType::Classification, LayerType::Localization].map(|head| {
            let composite = self.entering_at(head);
            composite.rule_of(layer.layer_type, layer.is_dense)
        });
        match class == offset {
            true => class.to_string(),
            false => format!("{class}; for offsets {offset}"),
        }
    }

    /// How a layer of this type, fully connected or not, shares.
    pub(super) fn redistribution(&self, layer_type: LayerType, is_dense: bool) -> Redistribution {
        let rule = self.rule_of(layer_type, is_dense);
        match (layer_type, rule.redistribution()) {
            (LayerType::Classification | LayerType::Localization, Redistribution::Shares(_))
                if self.seed == Seed::Unit =>
            {
                Redistribution::Shares(unit_groups())
            }
            (_, law) => law,
        }
    }

    /// Whether a layer type has the rule `rescale`.
    pub(super) fn rescales(&self) -> bool {
        [
            self.classification,
            self.localization,
            self.high,
            self.low,
            self.pixels,
        ]
        .iter()
        .any(|rule| matches!(rule, Rule::Rescale(_)))
    }

    /// The composite for relevance that enters at a layer of this type: localization may have rules of its own for the layers below.
    pub fn entering_at(&self, head: LayerType) -> Self {
        Self {
            high: match head {
                LayerType::Localization => self.localization_high,
                _ => self.high,
            },
            ..self.clone()
        }
    }

    /// Relevance that is spread has arrived: nothing lies behind it.
    fn check_spread(&self) -> Result<()> {
        let above = [
            self.classification,
            self.localization,
            self.high,
            self.localization_high,
        ];
        ensure!(
            !above.contains(&Rule::Spread),
            "composite '{}': spread goes to the pixels, so that it is a rule for low and pixels alone",
            self.name
        );
        ensure!(
            !matches!(self.dense, Some(Rule::Spread | Rule::Rescale(_))),
            "composite '{}': dense takes a rule of its own that shares, neither rescale nor spread",
            self.name
        );
        ensure!(
            self.low != Rule::Spread || self.pixels == Rule::Spread,
            "composite '{}': low=spread goes to the pixels, so that pixels=spread is all that goes with it",
            self.name
        );
        Ok(())
    }

    fn preset(name: &str) -> Option<Self> {
        let plain = |rule, pixels, add| Self {
            name: name.to_owned(),
            classification: rule,
            localization: rule,
            high: rule,
            localization_high: rule,
            low: rule,
            pixels,
            dense: None,
            add,
            pool: PoolRule::Winner,
            contrast: Contrast::None,
            seed: Seed::One,
        };
        let epsilon = Rule::Epsilon(Epsilon::Fixed(1e-6));
        let alpha2beta1 = Rule::AlphaBeta {
            alpha: 2.0,
            beta: 1.0,
        };
        Some(match name {
            "crp" => Self::default(),
            "crp-features" => Self {
                name: name.to_owned(),
                low: Rule::Spread,
                pixels: Rule::Spread,
                ..Self::default()
            },
            "crp-epsilon" => {
                let high = Rule::Epsilon(Epsilon::Deviations(0.1));
                Self {
                    name: name.to_owned(),
                    high,
                    localization_high: high,
                    ..Self::default()
                }
            }
            "lrp-simple" => plain(Rule::Simple, Rule::Simple, AddRule::Proportional),
            "lrp-epsilon" => plain(epsilon, epsilon, AddRule::Proportional),
            "lrp-alpha1beta0" => plain(Rule::ZPlus, Rule::WSquare, AddRule::Magnitude),
            "lrp-alpha2beta1" => plain(alpha2beta1, Rule::WSquare, AddRule::Magnitude),
            // zennit's EpsilonPlusFlat, by which L-CRP explains detectors (Dreyer et al., *Revealing Hidden Context Bias in Segmentation and Object Detection through Concept-specific
            // Explanations*, CVPR workshops 2023).
            "lrp-epsilon-plus-flat" => Self {
                dense: Some(epsilon),
                ..plain(Rule::ZPlus, Rule::Flat, AddRule::Proportional)
            },
            _ => return None,
        })
    }
}

impl Default for Composite {
    /// The preset `crp`.
    fn default() -> Self {
        Self {
            name: PRESETS[0].to_owned(),
            classification: Rule::Simple,
            localization: Rule::Simple,
            high: Rule::Rescale(0.75),
            localization_high: Rule::Rescale(1.2),
            low: Rule::Abs,
            pixels: Rule::WSquare,
            dense: None,
            add: AddRule::Magnitude,
            pool: PoolRule::Winner,
            contrast: Contrast::Mean,
            seed: Seed::Score,
        }
    }
}

impl fmt::Display for Composite {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Composite {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(preset) = Self::preset(text) {
            return Ok(preset);
        }
        ensure!(
            text.contains('='),
            "there is no composite '{text}': {} exist, or a list such as 'high=epsilon:0.25std,low=abs'",
            PRESETS.join(", ")
        );
        let mut composite = Self {
            name: text.to_owned(),
            ..Self::default()
        };
        // A rule may hold a comma itself (alphabeta:2,1): an entry ends where the next 'name=' begins.
        let mut entries: Vec<String> = Vec::new();
        for part in text.split(',') {
            match entries.last_mut() {
                Some(entry) if !part.contains('=') => {
                    entry.push(',');
                    entry.push_str(part);
                }
                _ => entries.push(part.to_owned()),
            }
        }
        let mut named = HashSet::new();
        for entry in &entries {
            let (key, value) = entry.split_once('=').with_context(|| {
                format!("'{entry}' in composite '{text}' is not of the form layer=rule")
            })?;
            let rule = || {
                value
                    .parse::<Rule>()
                    .with_context(|| format!("composite '{text}'"))
            };
            let key = key.trim();
            named.insert(key);
            match key {
                "classification" => composite.classification = rule()?,
                "localization" => composite.localization = rule()?,
                "high" => composite.high = rule()?,
                "localization-high" => composite.localization_high = rule()?,
                "low" => composite.low = rule()?,
                "pixels" => composite.pixels = rule()?,
                "dense" => composite.dense = Some(rule()?),
                "add" => {
                    composite.add = match value {
                        "prop" => AddRule::Proportional,
                        "abs" => AddRule::Magnitude,
                        "half" => AddRule::Equal,
                        _ => bail!(
                            "composite '{text}': add is 'prop', 'abs' or 'half', found '{value}'"
                        ),
                    }
                }
                "pool" => {
                    composite.pool = match value {
                        "winner" => PoolRule::Winner,
                        "uniform" => PoolRule::Uniform,
                        _ => bail!(
                            "composite '{text}': pool is 'winner' or 'uniform', found '{value}'"
                        ),
                    }
                }
                other => bail!(
                    "composite '{text}': there is no layer type '{other}': classification, localization, high, localization-high, low, pixels, dense, add and pool exist"
                ),
            }
        }
        if named.contains("high") && !named.contains("localization-high") {
            composite.localization_high = composite.high;
        }
        if composite.low == Rule::Spread && !named.contains("pixels") {
            composite.pixels = Rule::Spread;
        }
        composite.check_spread()?;
        Ok(composite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fully_connected_layer_has_the_rule_dense_but_for_what_opposes_its_class() {
        let mut composite: Composite = "lrp-epsilon-plus-flat".parse().unwrap();
        let epsilon = Rule::Epsilon(Epsilon::Fixed(1e-6));
        for layer_type in [LayerType::Classification, LayerType::High, LayerType::Low] {
            assert_eq!(composite.rule_of(layer_type, true), epsilon);
            assert_eq!(composite.rule_of(layer_type, false), Rule::ZPlus);
        }
        composite.classification = OPPOSING;
        assert_eq!(composite.rule_of(LayerType::Classification, true), OPPOSING);
        assert_eq!(composite.rule_of(LayerType::High, true), epsilon);
    }

    #[test]
    fn all_presets_exist_under_their_names() {
        for name in PRESETS {
            assert_eq!(name.parse::<Composite>().unwrap().to_string(), name);
        }
        assert_eq!("crp".parse::<Composite>().unwrap(), Composite::default());
    }

    #[test]
    fn the_grammar_changes_what_it_names() {
        let composite: Composite = "high=alphabeta:2,1,low=zplus,add=prop".parse().unwrap();
        assert_eq!(
            composite.high,
            Rule::AlphaBeta {
                alpha: 2.0,
                beta: 1.0
            }
        );
        assert_eq!(composite.localization_high, composite.high);
        assert_eq!(composite.low, Rule::ZPlus);
        assert_eq!(composite.add, AddRule::Proportional);
        assert_eq!(composite.pixels, Rule::WSquare);
        assert_eq!(composite.dense, None);
        let composite: Composite = "high=zplus,dense=epsilon:1e-6".parse().unwrap();
        assert_eq!(composite.dense, Some(Rule::Epsilon(Epsilon::Fixed(1e-6))));
        let composite: Composite = "low=spread,add=half,pool=uniform".parse().unwrap();
        assert_eq!(composite.pixels, Rule::Spread);
        assert_eq!(composite.add, AddRule::Equal);
        assert_eq!(composite.pool, PoolRule::Uniform);
    }

    #[test]
    fn offsets_may_have_rules_of_their_own() {
        let composite: Composite = "localization-high=abs".parse().unwrap();
        let default = Composite::default();
        assert_eq!(composite.high, default.high);
        let offset = composite.entering_at(LayerType::Localization);
        assert_eq!(offset.rule(LayerType::High), Rule::Abs);
        let class = composite.entering_at(LayerType::Classification);
        assert_eq!(class.rule(LayerType::High), default.high);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("gradcam", "there is no composite 'gradcam'"),
            ("middle=abs", "no layer type 'middle'"),
            ("add=max", "'prop', 'abs' or 'half'"),
            ("pool=all", "'winner' or 'uniform'"),
            ("high=spread", "for low and pixels alone"),
            ("low=spread,pixels=w2", "pixels=spread"),
            ("dense=rescale:1", "neither rescale nor spread"),
            ("high=", "there is no rule ''"),
        ] {
            let error = format!("{:#}", text.parse::<Composite>().unwrap_err());
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
