//! The macro that compiles the kernels for one instruction set.

/// The functions of one instruction set that are the plain loops, compiled with the given attributes.
///
/// The place of use brings its `PIECE`, the number of lanes to sum at a time.
macro_rules! compile {
    ($simd:ty, $(#[$attribute:meta])*) => {
        $(#[$attribute])*
        pub(super) fn sum_tile_lists(
            simd: $simd,
            tile: &[[Lanes; TILE]],
            lists: &Lists,
            first: usize,
            start: &[Lanes; TILE],
            out: &mut [[Lanes; TILE]],
        ) {
            const AT_ONCE: usize = if PIECE < TILE { PIECE } else { TILE };
            kernels::sum_lists::<_, TILE, AT_ONCE>(simd, tile, lists, first, Some(start), out);
        }

        $(#[$attribute])*
        pub(super) fn sum_parts(
            simd: $simd,
            tile: &[[Lanes; TILE]],
            lists: (&Lists, &Parts),
            part: (usize, usize),
            out: &mut [[Lanes; TILE]],
        ) {
            kernels::sum_parts(simd, tile, lists, part, out);
        }

        $(#[$attribute])*
        pub(super) fn sum_block_lists(
            simd: $simd,
            block: &[[Lanes; BLOCK]],
            lists: &Lists,
            first: usize,
            start: &[Lanes; BLOCK],
            out: &mut [[Lanes; BLOCK]],
        ) {
            kernels::sum_lists::<_, BLOCK, PIECE>(simd, block, lists, first, Some(start), out);
        }

        $(#[$attribute])*
        pub(super) fn add_block_lists(
            simd: $simd,
            block: &[[Lanes; BLOCK]],
            lists: &Lists,
            first: usize,
            out: &mut [[Lanes; BLOCK]],
        ) {
            kernels::sum_lists::<_, BLOCK, PIECE>(simd, block, lists, first, None, out);
        }

        $(#[$attribute])*
        pub(super) fn sum_tables(
            simd: $simd,
            chunk: &[[Lanes; STRIP]; TABLED],
            tables: &mut [Table],
            bits: &[u32],
            sums: &mut [[Lanes; STRIP]],
        ) {
            kernels::sum_tables(simd, chunk, tables, bits, sums);
        }

        $(#[$attribute])*
        pub(super) fn build_tables(simd: $simd, chunk: &[[Lanes; STRIP]; TABLED], tables: &mut [Table]) {
            kernels::build_tables(simd, chunk, tables);
        }

        $(#[$attribute])*
        pub(super) fn add_tables_to_block(
            simd: $simd,
            tables: &[Table],
            bits: &[u32],
            first: usize,
            sums: &mut [[Lanes; BLOCK]],
        ) {
            kernels::add_tables(simd, tables, bits, first, sums);
        }

        $(#[$attribute])*
        pub(super) fn add_product(simd: $simd, a: Strided, b: &[f32], c: &mut [f32], shape: (usize, usize)) {
            kernels::add_product(simd, a, b, c, shape);
        }

        $(#[$attribute])*
        pub(super) fn add_sparse_product(simd: $simd, a: (&SparseRows, usize), b: &[f32], c: &mut [f32], columns: usize) {
            kernels::add_sparse_product(simd, a, b, c, columns);
        }

        $(#[$attribute])*
        pub(super) fn add_sparse_outer_products(
            simd: $simd,
            a: &SparseRows,
            b: &[f32],
            c: (&mut [f32], usize),
            columns: usize,
        ) {
            kernels::add_sparse_outer_products(simd, a, b, c, columns);
        }

        $(#[$attribute])*
        pub(super) fn transpose_block(simd: $simd, rows: &[[Lanes; TILE]], block: &mut [[Lanes; BLOCK]]) {
            kernels::transpose(simd, rows, 0, block);
        }

        $(#[$attribute])*
        pub(super) fn transpose_strip(simd: $simd, rows: &[[Lanes; TILE]], first: usize, chunk: &mut [[Lanes; STRIP]; TABLED]) {
            kernels::transpose(simd, rows, first, chunk);
        }

        $(#[$attribute])*
        pub(super) fn add_offsets_to_tile(
            simd: $simd,
            offsets: RowOffsets,
            first: (usize, usize),
            inputs: &mut [[Lanes; TILE]],
        ) {
            kernels::add_offsets(simd, offsets, first, inputs);
        }

        $(#[$attribute])*
        pub(super) fn add_offsets_to_block(
            simd: $simd,
            offsets: RowOffsets,
            first: (usize, usize),
            inputs: &mut [[Lanes; BLOCK]],
        ) {
            kernels::add_offsets(simd, offsets, first, inputs);
        }

        $(#[$attribute])*
        pub(super) fn add_offsets_to_strip(
            simd: $simd,
            offsets: RowOffsets,
            first: (usize, usize),
            inputs: &mut [[Lanes; STRIP]],
        ) {
            kernels::add_offsets(simd, offsets, first, inputs);
        }

        $(#[$attribute])*
        pub(super) fn seed(_: $simd, streams: RowStreams, first: usize, states: &mut [StreamState]) {
            kernels::seed(streams, first, states);
        }

        $(#[$attribute])*
        pub(super) fn skip(simd: $simd, states: &mut [StreamState], draws: usize) {
            kernels::skip(simd, states, draws);
        }

        $(#[$attribute])*
        pub(super) fn sample_tile(
            simd: $simd,
            inputs: &[[Lanes; TILE]],
            lanes: usize,
            inverse_temperature: f32,
            states: &mut [StreamState],
            bits: &mut [u64],
        ) {
            kernels::sample(simd, inputs, lanes, inverse_temperature, states, bits);
        }

        $(#[$attribute])*
        pub(super) fn sample_block(
            simd: $simd,
            inputs: &[[Lanes; BLOCK]],
            lanes: usize,
            inverse_temperature: f32,
            states: &mut [StreamState],
            bits: &mut [u64],
        ) {
            kernels::sample(simd, inputs, lanes, inverse_temperature, states, bits);
        }

        $(#[$attribute])*
        pub(super) fn sample_strip(
            simd: $simd,
            inputs: &[[Lanes; STRIP]],
            lanes: usize,
            inverse_temperature: f32,
            states: &mut [StreamState],
            bits: &mut [u64],
        ) {
            kernels::sample(simd, inputs, lanes, inverse_temperature, states, bits);
        }

        $(#[$attribute])*
        pub(super) fn sigmoids(simd: $simd, values: &mut [f32]) {
            kernels::sigmoids(simd, values);
        }

        $(#[$attribute])*
        pub(super) fn softplus_changes(
            _: $simd,
            inputs: &[f32],
            units: usize,
            temperatures: (f64, f64),
            changes: &mut [f64],
        ) {
            kernels::softplus_changes(inputs, units, temperatures, changes);
        }

        $(#[$attribute])*
        pub(super) fn update_counts(
            simd: $simd,
            weights: &mut [[Lanes; TILE]],
            touched: &[u32],
            visible: &[u32],
            hidden: &[[Words; TILE]],
            update: CountUpdate,
        ) {
            kernels::update_counts(simd, weights, touched, visible, hidden, update);
        }

        $(#[$attribute])*
        pub(super) fn update_counts_block(
            simd: $simd,
            block: &mut [[Lanes; BLOCK]],
            touched: [bool; BLOCK],
            visible: &[[Words; BLOCK]],
            hidden: &[u32],
            update: CountUpdate,
        ) {
            kernels::update_counts_block(simd, block, touched, visible, hidden, update);
        }

        $(#[$attribute])*
        pub(super) fn update_sums(
            simd: $simd,
            weights: &mut [[Lanes; TILE]],
            velocity: &mut [[Lanes; TILE]],
            units: Range<usize>,
            data: Side,
            model: Side,
            update: Update,
        ) {
            kernels::update_sums(simd, weights, velocity, units, data, model, update);
        }

        $(#[$attribute])*
        pub(super) fn apply_rule(
            simd: $simd,
            weights: &mut [[Lanes; TILE]],
            velocity: &mut [[Lanes; TILE]],
            changes: &mut [[Lanes; TILE]],
            rule: &RuleTile,
        ) {
            kernels::apply_rule(simd, weights, velocity, changes, rule);
        }

        $(#[$attribute])*
        pub(super) fn shift_biases(
            simd: $simd,
            changes: &[[Lanes; TILE]],
            offsets: (&[f32], &[Lanes; TILE]),
            visible_shift: &mut [f32],
            hidden_shift: &mut [Lanes; TILE],
        ) {
            kernels::shift_biases(simd, changes, offsets, visible_shift, hidden_shift);
        }

        $(#[$attribute])*
        pub(super) fn probe_additions(simd: $simd, rounds: usize, lanes: &mut [Lanes; BLOCK]) {
            kernels::probe_additions::<_, PIECE>(simd, rounds, lanes);
        }

        $(#[$attribute])*
        pub(super) fn probe_multiplications(simd: $simd, rounds: usize, lanes: &mut [Lanes; BLOCK]) {
            kernels::probe_multiplications::<_, PIECE>(simd, rounds, lanes);
        }

        $(#[$attribute])*
        pub(super) fn probe_integers(simd: $simd, rounds: usize, words: &mut [Words; 4]) {
            kernels::probe_integers(simd, rounds, words);
        }

        $(#[$attribute])*
        pub(super) fn probe_mixed(
            simd: $simd,
            rounds: usize,
            lanes: &mut [Lanes; BLOCK],
            words: &mut [Words; 4],
        ) {
            kernels::probe_mixed(simd, rounds, lanes, words);
        }

        $(#[$attribute])*
        pub(super) fn probe_stores(simd: $simd, rounds: usize, value: &Lanes, matrix: &mut [[Lanes; BLOCK]]) {
            kernels::probe_stores(simd, rounds, value, matrix);
        }

        $(#[$attribute])*
        pub(super) fn probe_loads(
            simd: $simd,
            rounds: usize,
            matrix: &[[Lanes; BLOCK]],
            total: &mut [Lanes; BLOCK],
        ) {
            kernels::probe_loads(simd, rounds, matrix, total);
        }

        $(#[$attribute])*
        pub(super) fn probe_numbers(
            simd: $simd,
            rounds: usize,
            states: &mut [StreamState; 2],
            total: &mut Words,
        ) {
            kernels::probe_numbers(simd, rounds, states, total);
        }
    };
}
pub(in super::super) use compile;
