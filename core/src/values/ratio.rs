//! A ratio from 0 to 1.

use std::fmt;

/// A ratio from 0 to 1, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

const MILLION: u32 = 1_000_000;

impl Ratio {
    /// The ratio 1.
    pub const ONE: Self = Self(MILLION);

    /// A ratio in percent; more than 100 is 1.
    pub const fn percent(percent: u32) -> Self {
        if percent < 100 {
            Self(percent * (MILLION / 100))
        } else {
            Self::ONE
        }
    }

    /// The ratio `number`, or `None` if it is less than 0, greater than 1, or has more than six decimal places.
    pub fn new(number: f64) -> Option<Self> {
        let millionths = number * f64::from(MILLION);
        let rounded = millionths.round();
        let is_exact = (0.0..=f64::from(MILLION)).contains(&rounded) && (millionths - rounded).abs() < 1e-6;
        // In range, so that nothing is cut off.
        is_exact.then_some(Self(rounded as u32))
    }

    /// The part of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / u128::from(MILLION);
        // At most 1.
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    /// `true` if `percent` is greater.
    pub fn is_exceeded_by(self, percent: u64) -> bool {
        percent.saturating_mul(u64::from(MILLION / 100)) > u64::from(self.0)
    }

    /// The ratio as a number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::Ratio;

    #[test]
    fn a_ratio_is_exact_to_six_places() {
        for (number, displayed) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.07, "0.07"),
            (0.000_001, "1e-6"),
            (0.29, "0.29"),
        ] {
            assert_eq!(
                Ratio::new(number).map(|ratio| ratio.to_string()).as_deref(),
                Some(displayed)
            );
        }
        for number in [-0.1, 1.1, 0.000_000_1, f64::NAN, f64::INFINITY] {
            assert_eq!(Ratio::new(number), None, "{number}");
        }
    }

    #[test]
    fn percents_are_compared_exactly() {
        for percent in 0..=100 {
            let ratio = Ratio::percent(percent);
            assert_eq!(Ratio::new(f64::from(percent) / 100.0), Some(ratio));
            assert!(!ratio.is_exceeded_by(percent.into()) && ratio.is_exceeded_by(u64::from(percent) + 1));
        }
        assert_eq!(Ratio::percent(5).of(1_000), 50);
        assert_eq!(Ratio::ONE.of(u64::MAX), u64::MAX);
    }
}
