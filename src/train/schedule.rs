//! The schedules of training: the learning rate, the momentum, the Gibbs steps by epoch.

use super::options::{LearningRateSchedule, TrainOptions};

impl TrainOptions {
    /// Returns ε of all updates of an epoch e of E, counted from zero. With t = e / (E − 1), the first rate ε₀ and the
    /// last ε₁:
    ///
    /// - constant: ε₀
    /// - linear: ε₀ + (ε₁ − ε₀) t
    /// - exponential: ε₀ (ε₁ / ε₀)^t
    /// - inverse: ε₀ / (1 + (ε₀ / ε₁ − 1) t), which falls as 1/e (Robbins and Monro 1951)
    pub fn learning_rate_at(&self, epoch: u64) -> f64 {
        let (first, last) = (self.learning_rate, self.learning_rate_final);
        let t = self.progress(epoch);
        match self.learning_rate_schedule {
            LearningRateSchedule::Constant => first,
            LearningRateSchedule::Linear => first + (last - first) * t,
            LearningRateSchedule::Exponential => first * libm::pow(last / first, t),
            LearningRateSchedule::Inverse => first / (1.0 + (first / last - 1.0) * t),
        }
    }

    /// Returns the momentum of all updates of an epoch, counted from zero.
    pub fn momentum_at(&self, epoch: u64) -> f64 {
        if epoch < self.momentum_switch_epoch as u64 { self.initial_momentum } else { self.momentum }
    }

    /// Returns the number of Gibbs steps of every update of an epoch, counted from zero: k + (k_final − k) t rounded,
    /// with t as in [`Self::learning_rate_at`]; k throughout if `k_final` is 0.
    pub fn gibbs_steps_at(&self, epoch: u64) -> u64 {
        let (first, last) = (self.k as f64, self.k_final as f64);
        if self.k_final == 0 { self.k as u64 } else { (first + (last - first) * self.progress(epoch)).round() as u64 }
    }

    /// Returns the progress t, from 0 in the first epoch to 1 in the last.
    fn progress(&self, epoch: u64) -> f64 {
        let last = self.epochs.saturating_sub(1);
        if last == 0 { 0.0 } else { epoch as f64 / last as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: LearningRateSchedule) -> [f64; 3] {
        let options = TrainOptions {
            learning_rate: 0.8,
            learning_rate_final: 0.2,
            learning_rate_schedule: schedule,
            epochs: 5,
            ..TrainOptions::default()
        };
        [0, 2, 4].map(|epoch| options.learning_rate_at(epoch))
    }

    /// The ends and the middle of each schedule, worked out by hand.
    #[test]
    fn learning_rates_follow_their_formulae() {
        let close = |found: [f64; 3], expected: [f64; 3]| {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} against {expected}");
            }
        };
        assert_eq!(rates(LearningRateSchedule::Constant), [0.8; 3]);
        close(rates(LearningRateSchedule::Linear), [0.8, 0.5, 0.2]);
        close(rates(LearningRateSchedule::Exponential), [0.8, 0.4, 0.2]);
        close(rates(LearningRateSchedule::Inverse), [0.8, 0.32, 0.2]);
    }

    #[test]
    fn one_epoch_has_the_first_rate_and_the_first_k() {
        let options = TrainOptions {
            learning_rate_schedule: LearningRateSchedule::Linear,
            k: 2,
            k_final: 9,
            epochs: 1,
            ..TrainOptions::default()
        };
        assert_eq!(options.learning_rate_at(0), options.learning_rate);
        assert_eq!(options.gibbs_steps_at(0), 2);
    }

    #[test]
    fn k_grows_to_its_last_value() {
        let options = TrainOptions { k: 1, k_final: 4, epochs: 7, ..TrainOptions::default() };
        let steps: Vec<u64> = (0..7).map(|epoch| options.gibbs_steps_at(epoch)).collect();
        assert_eq!(steps, [1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(TrainOptions { k_final: 0, ..options }.gibbs_steps_at(6), 1);
    }

    #[test]
    fn momentum_switches_at_its_epoch() {
        let options =
            TrainOptions { initial_momentum: 0.5, momentum: 0.9, momentum_switch_epoch: 3, ..TrainOptions::default() };
        assert_eq!([2, 3].map(|epoch| options.momentum_at(epoch)), [0.5, 0.9]);
    }
}
