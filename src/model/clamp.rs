//! The clamp: visible units that chains hold at given values.

use crate::engine::BitMatrix;

/// A clamp: visible units held at given values, one row for each chain.
///
/// A Gibbs step draws h from p(h | v) and the free units of v from p(v | h), and puts the held ones back. It leaves
/// p(free units, h | held units) unchanged, since the units of a layer are independent given the other layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clamp {
    /// The units that are held (chains × visible).
    held: BitMatrix,
    /// The values of held units (chains × visible); zero where a unit is free.
    values: BitMatrix,
}

impl Clamp {
    /// Returns a clamp that holds no unit of any chain.
    pub fn free(chains: usize, visible: usize) -> Self {
        Self { held: BitMatrix::zeros(chains, visible), values: BitMatrix::zeros(chains, visible) }
    }

    /// Returns the number of chains.
    pub fn chains(&self) -> usize {
        self.held.rows()
    }

    /// Returns the number of visible units.
    pub fn visible(&self) -> usize {
        self.held.columns()
    }

    /// Holds a unit of a chain at a value.
    pub fn hold(&mut self, chain: usize, unit: usize, on: bool) {
        self.held.set(chain, unit, true);
        self.values.set(chain, unit, on);
    }

    /// Returns true if a unit of a chain is held.
    pub fn holds(&self, chain: usize, unit: usize) -> bool {
        self.held.get(chain, unit)
    }

    /// Puts the held units of visible states (chains × visible) at their values.
    pub fn apply(&self, visible: &mut BitMatrix) {
        let shape = |matrix: &BitMatrix| (matrix.rows(), matrix.columns());
        assert_eq!(shape(visible), shape(&self.held), "visible states and the clamp's chains × units");
        for (word, (held, value)) in
            visible.words_mut().iter_mut().zip(self.held.words().iter().zip(self.values.words()))
        {
            *word = *word & !held | value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::random_bits;

    #[test]
    fn held_units_take_their_values_and_free_ones_keep_theirs() {
        let mut clamp = Clamp::free(2, 70);
        clamp.hold(0, 3, true);
        clamp.hold(0, 69, false);
        clamp.hold(1, 69, true);
        // The last value of a unit counts.
        clamp.hold(1, 5, true);
        clamp.hold(1, 5, false);
        let before = random_bits(1, 2, 70, 0.5);
        let mut after = before.clone();
        clamp.apply(&mut after);
        for chain in 0..2 {
            for unit in 0..70 {
                let expected = match (chain, unit) {
                    (0, 3) | (1, 69) => true,
                    (0, 69) | (1, 5) => false,
                    _ => before.get(chain, unit),
                };
                assert_eq!(after.get(chain, unit), expected, "chain {chain}, unit {unit}");
                assert_eq!(clamp.holds(chain, unit), [(0, 3), (0, 69), (1, 69), (1, 5)].contains(&(chain, unit)));
            }
        }
    }

    #[test]
    #[should_panic(expected = "visible states and the clamp's")]
    fn a_clamp_of_another_shape_is_refused() {
        Clamp::free(2, 70).apply(&mut BitMatrix::zeros(2, 69));
    }
}
