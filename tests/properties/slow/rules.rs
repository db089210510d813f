//! The rules as shares: what each input of one output receives of its relevance. Formulas: docs/method.md.

use ssdcrp::crp::{Epsilon, Rule};

use super::number::{Number, magnitude, negative, number, positive, stabilised, sum};

/// What each input of one output receives of its relevance, from the pairs (x_i, w_ij).
pub fn shares<T: Number>(rule: Rule, taps: &[(T, T)], z_j: T, deviation: T, tiny: T) -> Vec<T> {
    let z: Vec<T> = taps.iter().map(|&(x, w)| x * w).collect();
    let over = |parts: Vec<T>, denominator: T| -> Vec<T> {
        parts.into_iter().map(|part| part / denominator).collect()
    };
    let over_sum = |parts: Vec<T>| {
        let denominator = stabilised(sum(parts.iter().copied()), tiny);
        over(parts, denominator)
    };
    match rule {
        Rule::Simple => over(z, stabilised(z_j, tiny)),
        Rule::Epsilon(Epsilon::Fixed(epsilon)) => over(z, stabilised(z_j, number(epsilon))),
        Rule::Epsilon(Epsilon::Deviations(factor)) => {
            let epsilon = deviation * number(factor);
            let epsilon = if epsilon < tiny { tiny } else { epsilon };
            over(z, stabilised(z_j, epsilon))
        }
        Rule::AlphaBeta { alpha, beta } => {
            let for_it = over_sum(z.iter().map(|&z| positive(z)).collect());
            let against = over_sum(z.iter().map(|&z| negative(z)).collect());
            let pairs = for_it.into_iter().zip(against);
            pairs
                .map(|(p, n)| number::<T>(alpha) * p - number::<T>(beta) * n)
                .collect()
        }
        Rule::ZPlus => over_sum(z.into_iter().map(positive).collect()),
        Rule::Abs => over_sum(z.into_iter().map(magnitude).collect()),
        Rule::Gamma(gamma) => {
            let favoured = |z: T| {
                if z_j >= number(0.0) {
                    positive(z)
                } else {
                    negative(z)
                }
            };
            over_sum(
                z.into_iter()
                    .map(|z| z + number::<T>(gamma) * favoured(z))
                    .collect(),
            )
        }
        Rule::WSquare => over_sum(taps.iter().map(|&(_, w)| w * w).collect()),
        Rule::Flat => vec![number::<T>(1.0) / number(taps.len() as f32); taps.len()],
        Rule::ZBox { low, high } => {
            let (low, high): (T, T) = (number(low), number(high));
            over_sum(
                taps.iter()
                    .map(|&(x, w)| x * w - low * positive(w) - high * negative(w))
                    .collect(),
            )
        }
        Rule::Rescale(_) => panic!("rescale has no shares: see `rescaled`"),
        Rule::Spread => panic!("spread passes no layer"),
    }
}
