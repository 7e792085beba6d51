//! Quantiles of any number of durations within 2 %, counted in buckets whose width grows with the duration.

use crate::scenario::Micros;

/// The number of buckets for each doubling of the duration.
const STEPS: usize = 32;

/// A distribution of durations.
#[derive(Clone, Debug, Default)]
pub struct Quantiles {
    buckets: Vec<u64>,
    count: u64,
    most: Micros,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "logarithms and shares of counts"
)]
impl Quantiles {
    /// Adds a duration to the distribution.
    pub fn add(&mut self, duration: Micros) {
        let bucket = ((duration.max(1) as f64).log2() * STEPS as f64) as usize;
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.most = self.most.max(duration);
    }

    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest duration so far.
    pub fn most(&self) -> Micros {
        self.most
    }

    /// The duration below which this share of the durations is.
    pub fn at(&self, share: f64) -> Micros {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return (2_f64.powf((bucket + 1) as f64 / STEPS as f64) as Micros).min(self.most);
            }
        }
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_their_bucket() {
        let mut quantiles = Quantiles::default();
        (1..=100_000).for_each(|duration| quantiles.add(duration));
        for (share, expected) in [(0.5, 50_000), (0.99, 99_000), (0.999, 99_900)] {
            let found = quantiles.at(share);
            assert!((expected..=expected * 103 / 100).contains(&found), "{share}: {found}");
        }
        assert_eq!((quantiles.most(), quantiles.at(1.0), quantiles.count()), (100_000, 100_000, 100_000));
    }
}
