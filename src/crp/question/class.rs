//! Questions about a class: which other outputs of the default box are subtracted, and with what weight.

use super::{HeadSeed, ResolvedTarget, TargetBox, Wording};
use crate::crp::target::{Contrast, Seed, TargetOutput};
use crate::detect::ClassId;
use crate::detect::decode::Scorer;
use crate::error::Result;
use crate::error::argument::{Context, ensure};

/// What is subtracted, class by class; the contrast with its class decided; the question for people.
type Others = (Vec<(ClassId, f32)>, Contrast, Wording);

impl TargetBox<'_> {
    /// R = Σ_k a_k·R^(k) over class scores.
    pub(super) fn class(&self, class: ClassId, asked: &Contrast) -> Result<ResolvedTarget> {
        let label = self.model.manifest.label(class);
        let (others, contrast, wording) = match asked {
            Contrast::None => (vec![], Contrast::None, Wording::plain(label.clone())),
            Contrast::Mean | Contrast::Clrp1 | Contrast::Clrp2 => {
                // CLRP2 subtracts the class itself, with its weights turned round.
                let others = match asked {
                    Contrast::Clrp2 => vec![],
                    _ => self.equally(class)?,
                };
                (
                    others,
                    asked.clone(),
                    Wording::plain(label.clone()).rather_than("the other classes"),
                )
            }
            Contrast::Sglrp => (
                self.softmax_gradient(class)?,
                asked.clone(),
                Wording::plain(label.clone()).rather_than("its likeliest rivals"),
            ),
            Contrast::Softmax => {
                let others = self.probabilities(class)?;
                (
                    others,
                    Contrast::Softmax,
                    Wording::plain(label.clone()).rather_than("its likeliest rivals"),
                )
            }
            Contrast::RunnerUp => {
                let logits = self.forward.logits.row(self.default_box);
                let best = self
                    .classes_but(class, false)
                    .into_iter()
                    .max_by(|a, b| logits[a.0].total_cmp(&logits[b.0]))
                    .with_context(|| self.no_rival(class))?;
                self.against(class, best)?
            }
            Contrast::Class(other) => self.against(class, self.model.manifest.class(other)?)?,
        };
        self.check_start(asked)?;
        // SGLRP's weights are a gradient's: y·(1 − y) = y·Σ of the others' y.
        let own = match asked {
            Contrast::Sglrp => others.iter().map(|(_, share)| share).sum::<f32>(),
            _ => 1.0,
        };
        let logits = self.forward.logits.row(self.default_box);
        let head = &self.model.heads[self.location.head];
        let weights =
            std::iter::once((class, own)).chain(others.into_iter().map(|(k, share)| (k, -share)));
        let values = weights.map(|(k, weight)| {
            let start = if self.seed == Seed::Score {
                logits[k.0]
            } else {
                1.0
            };
            let channel = head.class_channel(self.location.shape, k);
            (channel, weight * start, weight)
        });
        let seed = HeadSeed {
            opposes: *asked == Contrast::Clrp2,
            ..self.head_seed(head.class_tensor.clone(), values)
        };
        let output = TargetOutput::Class(class.into());
        Ok(self.resolved(seed, output, contrast, wording))
    }

    /// All other classes with equal shares.
    fn equally(&self, class: ClassId) -> Result<Vec<(ClassId, f32)>> {
        let others = self.classes_but(class, true);
        ensure!(!others.is_empty(), "{}", self.no_rival(class));
        let share = 1.0 / others.len() as f32;
        Ok(others.into_iter().map(|k| (k, share)).collect())
    }

    /// The other classes with y_k·y, y being the softmax of all trained classes' logits, and the last factor that of `class`: minus the gradient of y by each logit.
    fn softmax_gradient(&self, class: ClassId) -> Result<Vec<(ClassId, f32)>> {
        let logits = self.forward.logits.row(self.default_box);
        let others: Vec<ClassId> = self.equally(class)?.into_iter().map(|(k, _)| k).collect();
        let all = || std::iter::once(&class).chain(&others);
        let largest = all().fold(f32::NEG_INFINITY, |most, k| most.max(logits[k.0]));
        let power = |k: &ClassId| (logits[k.0] - largest).exp();
        let sum: f32 = all().map(power).sum();
        let own = power(&class) / sum;
        Ok(others.iter().map(|k| (*k, own * power(k) / sum)).collect())
    }

    /// What can be asked of a model that has a single class.
    fn no_rival(&self, class: ClassId) -> String {
        let manifest = &self.model.manifest;
        let ways = match manifest.background() {
            Some(background) if background != class => {
                "'mean', which subtracts the background, or 'none'"
            }
            _ => "'none'",
        };
        let label = manifest.label(class);
        format!(
            "the model has no other class than '{label}' to contrast with: ask with the contrast {ways}"
        )
    }

    /// The contrasts of others say themselves what relevance starts with.
    fn check_start(&self, contrast: &Contrast) -> Result<()> {
        let goes = match contrast {
            Contrast::Clrp1 | Contrast::Sglrp => self.seed != Seed::Score,
            Contrast::Clrp2 => self.seed != Seed::Unit,
            _ => true,
        };
        ensure!(
            goes,
            "the contrast '{contrast}' starts with other relevance than this composite: take an lrp-* preset, such as lrp-alpha1beta0, as its paper does"
        );
        Ok(())
    }

    fn against(&self, class: ClassId, other: ClassId) -> Result<Others> {
        let label = self.model.manifest.label(class);
        let name = self.model.manifest.label(other);
        ensure!(
            other != class,
            "the class '{label}' cannot be contrasted with itself"
        );
        Ok((
            vec![(other, 1.0)],
            Contrast::Class(other.into()),
            Wording::plain(label).rather_than(name),
        ))
    }

    /// Trained classes other than `class`.
    pub(super) fn classes_but(&self, class: ClassId, background: bool) -> Vec<ClassId> {
        let manifest = &self.model.manifest;
        (manifest.labels.classes())
            .filter(|&k| {
                k != class
                    && manifest.trained(k)
                    && (background || Some(k) != manifest.background())
            })
            .collect()
    }

    /// The other classes with p_k / Σ p, the background left out.
    fn probabilities(&self, class: ClassId) -> Result<Vec<(ClassId, f32)>> {
        let logits = self.forward.logits.row(self.default_box);
        let scorer = Scorer::new(self.model.manifest.output.activation, &logits, None);
        let rivals = self.classes_but(class, false);
        ensure!(!rivals.is_empty(), "{}", self.no_rival(class));
        let scores: Vec<(ClassId, f32)> = rivals
            .into_iter()
            .map(|k| (k, scorer.score(logits[k.0])))
            .collect();
        let sum: f32 = scores.iter().map(|(_, p)| p).sum();
        ensure!(
            sum > 0.0,
            "no other class has any probability at default box {}",
            self.default_box
        );
        Ok(scores.into_iter().map(|(k, p)| (k, p / sum)).collect())
    }
}
