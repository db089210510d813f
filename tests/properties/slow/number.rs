//! Arithmetic in the type that the caller names: float64 for the truth, float32 to see how far rounding alone strays from it.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// float32 or float64.
pub trait Number:
    Copy
    + PartialOrd
    + From<f32>
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
}

impl Number for f32 {
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    fn exp(self) -> Self {
        f32::exp(self)
    }

    fn ln(self) -> Self {
        f32::ln(self)
    }
}

impl Number for f64 {
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn ln(self) -> Self {
        f64::ln(self)
    }
}

pub fn number<T: Number>(value: f32) -> T {
    T::from(value)
}

pub fn sum<T: Number>(values: impl IntoIterator<Item = T>) -> T {
    values.into_iter().fold(number(0.0), |sum, v| sum + v)
}

pub fn positive<T: Number>(value: T) -> T {
    if value > number(0.0) {
        value
    } else {
        number(0.0)
    }
}

pub fn negative<T: Number>(value: T) -> T {
    -positive(-value)
}

pub fn magnitude<T: Number>(value: T) -> T {
    positive(value) - negative(value)
}

/// Moved away from zero, to the side on which it lies.
pub fn stabilised<T: Number>(denominator: T, epsilon: T) -> T {
    if denominator >= number(0.0) {
        denominator + epsilon
    } else {
        denominator - epsilon
    }
}

pub fn clipped<T: Number>(value: T, low: T, high: T) -> T {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// Population standard deviation.
pub fn deviation<T: Number>(z: &[T]) -> T {
    let count = number(z.len() as f32);
    let mean = sum(z.iter().copied()) / count;
    (sum(z.iter().map(|&z| (z - mean) * (z - mean))) / count).sqrt()
}

/// Of the values at these places.
pub fn largest<T: Number>(values: &[T], candidates: &[usize]) -> T {
    let mut most = values[candidates[0]];
    for &i in candidates {
        if values[i] > most {
            most = values[i];
        }
    }
    most
}
