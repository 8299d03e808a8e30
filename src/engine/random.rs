//! Random streams keyed by their purpose, never by the thread that draws from them.
//!
//! A stream belongs to (seed, purpose, epoch, batch, step, row). Whatever thread, vector lane or machine draws from it,
//! unit `i` of the row gets the same number. A row's stream is [`LANES`] generators side by side, all xoshiro128++
//! (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021): unit `i` takes draw `i / LANES` of
//! lane `i % LANES`, so that a vector of lanes yields the numbers of as many neighbouring units at once.

use rand_core::{Rng as _, SeedableRng as _};
use rand_xoshiro::{SplitMix64, Xoshiro128PlusPlus, Xoshiro256PlusPlus};

/// Generators side by side in the stream of one row.
pub const LANES: usize = 16;

/// The increment of SplitMix64: 2^64 divided by the golden ratio.
pub(super) const GOLDEN_GAMMA: u64 = 0x9e3779b97f4a7c15;

/// The purpose of a stream; two purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// The seed of a replicate.
    Replicate = 1,
    /// Initial weights, one row of W a stream.
    InitialWeights = 2,
    /// The split of songs into training and validation.
    Split = 3,
    /// The order of training windows in an epoch.
    Shuffle = 4,
    /// Hidden units of the Gibbs chain in training.
    ChainHidden = 5,
    /// Visible units of the Gibbs chain in training.
    ChainVisible = 6,
    /// Hidden units of the positive statistics, where drawn apart from the chain's.
    PositiveHidden = 7,
    /// Hidden units of the negative statistics.
    NegativeHidden = 8,
    /// First states of persistent chains.
    ChainStart = 9,
    /// Hidden units when evaluating reconstructions.
    EvaluateHidden = 10,
    /// Visible units when evaluating reconstructions.
    EvaluateVisible = 11,
    /// Choice of a subset of windows to evaluate on.
    EvaluateSubset = 12,
    /// First states of sampling chains.
    SampleStart = 13,
    /// Hidden units of sampling chains.
    SampleHidden = 14,
    /// Visible units of sampling chains.
    SampleVisible = 15,
    /// Draws of the baselines that samples are compared with.
    Baseline = 16,
    /// Points of a random sweep.
    RandomSearch = 17,
    /// Choice of runs to verify.
    VerifyChoice = 24,
    /// First states of annealed chains.
    AnnealingStart = 40,
    /// Hidden units of annealed chains.
    AnnealingHidden = 41,
    /// Visible units of annealed chains.
    AnnealingVisible = 42,
    /// Exchanges of states between temperatures in training.
    Swap = 30,
    /// Initial weights of a recurrent network, one matrix a batch and one row of it a stream.
    RecurrentWeights = 50,
    /// Visible units that dropout hides from a recurrent network.
    DropoutVisible = 51,
    /// Recurrent units that dropout hides from the biases that they set.
    DropoutRecurrent = 52,
    /// First states of a frame's chain, drawn from independent units.
    FrameStart = 53,
    /// The seeds of the layers of a deep network.
    Layer = 60,
    /// Units of a lower layer that the layer above is trained on.
    Propagation = 61,
    /// Hidden units drawn given windows, for the likelihood of a deep network.
    Posterior = 62,
    /// Units of lower layers in the fantasies of up-down training.
    Dream = 63,
    /// Acceptance of proposed hidden states in chains with held units.
    Acceptance = 64,
}

/// The streams of a batch of rows: everything of a key but the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowStreams {
    hash: u64,
}

impl RowStreams {
    /// Returns the streams of one (seed, purpose, epoch, batch, step). `step` is the Gibbs step where there is one.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, batch: u64, step: u64) -> Self {
        let hash = [purpose as u64, epoch, batch, step].into_iter().fold(mix(seed), absorb);
        Self { hash }
    }

    /// Returns the seed of one row's stream.
    pub fn row_seed(self, row: usize) -> u64 {
        absorb(self.hash, row as u64)
    }

    /// Returns the stream of one row, unit by unit.
    pub fn row(self, row: usize) -> UnitStream {
        UnitStream::new(self.row_seed(row))
    }

    /// Returns one plain generator for a row, where numbers are not drawn unit by unit.
    pub fn generator(self, row: usize) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.row_seed(row))
    }
}

/// The stream of one row: [`LANES`] generators that take turns.
#[derive(Clone, Debug)]
pub struct UnitStream {
    lanes: [Xoshiro128PlusPlus; LANES],
    next_lane: usize,
}

impl UnitStream {
    /// Returns the stream with this seed: lane `l` is xoshiro128++ seeded by SplitMix64 outputs 2l and 2l + 1 of that
    /// seed.
    pub fn new(seed: u64) -> Self {
        let lanes = std::array::from_fn(|lane| {
            Xoshiro128PlusPlus::seed_from_u64(seed.wrapping_add(GOLDEN_GAMMA.wrapping_mul(2 * lane as u64)))
        });
        Self { lanes, next_lane: 0 }
    }

    /// Returns the raw number of the next unit.
    pub fn next_u32(&mut self) -> u32 {
        let number = self.lanes[self.next_lane].next_u32();
        self.next_lane = (self.next_lane + 1) % LANES;
        number
    }
}

/// Returns a seed for a derived purpose, such as one replicate of a sweep.
pub fn derive_seed(seed: u64, purpose: Purpose, index: u64) -> u64 {
    RowStreams::new(seed, purpose, 0, 0, 0).row_seed(index as usize)
}

/// Returns a number in 0..bound, unbiased (Lemire, "Fast random integer generation in an interval", 2019).
pub fn uniform_below(generator: &mut Xoshiro256PlusPlus, bound: u64) -> u64 {
    assert!(bound > 0, "a number below zero was asked for");
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(generator.next_u64()) * u128::from(bound);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

/// Returns a random order of 0..length (Fisher and Yates).
pub fn permutation(generator: &mut Xoshiro256PlusPlus, length: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last, uniform_below(generator, last as u64 + 1) as usize);
    }
    order
}

/// Returns a uniform number in (0, 1): the middle of one of 2^53 equal cells.
pub fn open_unit(generator: &mut Xoshiro256PlusPlus) -> f64 {
    ((generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Fills `values` with draws from N(0, 1) (Box and Muller, 1958), in f64 by portable elementary functions.
pub fn standard_normals(generator: &mut Xoshiro256PlusPlus, values: &mut [f64]) {
    for pair in values.chunks_mut(2) {
        let radius = (-2.0 * libm::log(open_unit(generator))).sqrt();
        let angle = 2.0 * std::f64::consts::PI * open_unit(generator);
        let variates = [radius * libm::cos(angle), radius * libm::sin(angle)];
        pair.copy_from_slice(&variates[..pair.len()]);
    }
}

/// Returns the output of SplitMix64 for a state of its counter: the finaliser.
#[inline]
pub(super) const fn split_mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d049bb133111eb);
    mixed ^ (mixed >> 31)
}

/// Returns the output of SplitMix64 after one step of its counter.
fn mix(state: u64) -> u64 {
    SplitMix64::seed_from_u64(state).next_u64()
}

/// Takes one more word into a key's hash. The odd factor keeps (a, b) and (b, a) apart.
fn absorb(hash: u64, word: u64) -> u64 {
    mix(hash.rotate_left(23).wrapping_mul(0xd1342543de82ef95) ^ mix(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lanes of a stream are rand_xoshiro's own generator, and take turns.
    #[test]
    fn lanes_are_rand_xoshiro() {
        let seed = 0x0123456789abcdef;
        let mut words = SplitMix64::from_seed(seed_bytes(seed));
        let mut lanes: Vec<Xoshiro128PlusPlus> = (0..LANES)
            .map(|_| {
                let mut state = [0u8; 16];
                state[..8].copy_from_slice(&words.next_u64().to_le_bytes());
                state[8..].copy_from_slice(&words.next_u64().to_le_bytes());
                Xoshiro128PlusPlus::from_seed(state)
            })
            .collect();
        let mut stream = UnitStream::new(seed);
        for unit in 0..200 {
            assert_eq!(stream.next_u32(), lanes[unit % LANES].next_u32(), "unit {unit}");
        }
    }

    fn seed_bytes(seed: u64) -> [u8; 8] {
        seed.to_le_bytes()
    }

    /// First outputs of xoshiro128plusplus.c by Blackman and Vigna (public domain) from the state {1, 2, 3, 4}.
    #[test]
    fn xoshiro128plusplus_known_answers() {
        let mut state = [0u8; 16];
        for (index, bytes) in state.chunks_mut(4).enumerate() {
            bytes.copy_from_slice(&(index as u32 + 1).to_le_bytes());
        }
        let mut generator = Xoshiro128PlusPlus::from_seed(state);
        let expected = [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768];
        assert_eq!(std::array::from_fn(|_| generator.next_u32()), expected);
    }

    /// First outputs of splitmix64.c by Vigna (public domain) from the state 1234567.
    #[test]
    fn splitmix64_known_answers() {
        let mut generator = SplitMix64::from_seed(seed_bytes(1234567));
        let expected = [6457827717110365317, 3203168211198807973, 9817491932198370423];
        assert_eq!(std::array::from_fn(|_| generator.next_u64()), expected);
    }

    #[test]
    fn keys_differ_in_every_part() {
        let base = RowStreams::new(1, Purpose::ChainHidden, 2, 3, 4).row_seed(5);
        let others = [
            RowStreams::new(9, Purpose::ChainHidden, 2, 3, 4).row_seed(5),
            RowStreams::new(1, Purpose::ChainVisible, 2, 3, 4).row_seed(5),
            RowStreams::new(1, Purpose::ChainHidden, 3, 2, 4).row_seed(5),
            RowStreams::new(1, Purpose::ChainHidden, 2, 4, 3).row_seed(5),
            RowStreams::new(1, Purpose::ChainHidden, 2, 3, 5).row_seed(4),
            RowStreams::new(1, Purpose::ChainHidden, 2, 3, 4).row_seed(6),
        ];
        for other in others {
            assert_ne!(base, other);
        }
    }

    /// Seed 7; the false-alarm rate of each bound (five standard errors) is below 1e-6.
    #[test]
    fn normals_have_the_moments_of_the_normal() {
        let mut generator = RowStreams::new(7, Purpose::InitialWeights, 0, 0, 0).generator(0);
        let mut values = vec![0.0; 200_001];
        standard_normals(&mut generator, &mut values);
        let count = values.len() as f64;
        let moment = |power: i32| values.iter().map(|x| x.powi(power)).sum::<f64>() / count;
        assert!(moment(1).abs() < 5.0 / count.sqrt());
        assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / count).sqrt());
        assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / count).sqrt());
    }

    #[test]
    fn permutations_are_permutations() {
        let mut generator = RowStreams::new(7, Purpose::Shuffle, 0, 0, 0).generator(0);
        let mut order = permutation(&mut generator, 1000);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(index, &value)| index == value));
    }
}
