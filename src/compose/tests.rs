//! Tests of pieces made of windows: against enumeration, or with models whose music is known beforehand.

use super::*;
use crate::engine::{EngineKind, Parameters};
use crate::model::{ChainStart, Rbm};
use crate::music::{Layout, Note, Plane, Voice, notes};
use crate::testing::{random_parameters, rbm_model};

/// Returns a layout of one pitch that is held or not.
fn hold_only() -> Layout {
    Layout { lowest_pitch: 60, highest_pitch: 61, planes: vec![Plane::Hold], units: None }
}

fn roll_of(layout: &Layout, steps: &[&[usize]]) -> PianoRoll {
    let mut roll = PianoRoll::silent(layout.clone(), steps.len());
    for (step, columns) in steps.iter().enumerate() {
        for &column in *columns {
            roll.cells.set(step, column, true);
        }
    }
    roll
}

/// A model of three steps of one pitch makes pieces of four. The first window is a sample of p(v0 v1 v2), the last step
/// one of p(v2' | v0' v1') of the window a step later. Enumeration gives both, also with the first step given.
///
/// Seed 81, 20,000 chains of 30 steps; chi-square below 55 with 15 degrees of freedom and below 40 with 7, which chance
/// exceeds about twice in a million seeds each. If the overlap is not held, chi-square is in the hundreds.
#[test]
fn long_pieces_have_the_distribution_of_their_windows() {
    let parameters = random_parameters(81, 3, 3, 1.5);
    let rbm = Rbm::new(parameters.clone());
    let mass = |bits: usize| libm::exp(-rbm.free_energy(&BitMatrix::from_fn(1, 3, |_, unit| bits >> unit & 1 == 1), 0));
    let total: f64 = (0..8).map(mass).sum();
    let of_piece = |bits: usize| {
        let (first, second) = (bits & 7, bits >> 1);
        mass(first) / total * mass(second) / (mass(second & 3) + mass(second & 3 | 4))
    };
    let count = 20_000;
    let chains = Chains::plain(count, 30, ChainStart::Noise, 81);
    let mut model = rbm_model(EngineKind::Packed, parameters);
    let overlap = Overlap { timesteps: 3, hop: 1 };
    let mut statistic = |sketch: &Sketch, states: &[usize]| -> f64 {
        let pieces = fill_in(&mut model, sketch, overlap, &chains, None).unwrap();
        let state = |piece: &PianoRoll| (0..4).map(|step| usize::from(piece.cells.get(step, 0)) << step).sum::<usize>();
        let share: f64 = states.iter().map(|&state| of_piece(state)).sum();
        let found: Vec<usize> = pieces.iter().map(state).collect();
        assert!(found.iter().all(|state| states.contains(state)));
        let term = |&bits: &usize| {
            let expected = of_piece(bits) / share * count as f64;
            (found.iter().filter(|&&state| state == bits).count() as f64 - expected).powi(2) / expected
        };
        states.iter().map(term).sum()
    };
    let all: Vec<usize> = (0..16).collect();
    let open = statistic(&Sketch::open(hold_only(), 4), &all);
    assert!((1.0..55.0).contains(&open), "{open}");

    let given: Vec<usize> = all.into_iter().filter(|bits| bits & 1 == 1).collect();
    let begun = statistic(&Sketch::after(&roll_of(&hold_only(), &[&[0]]), 3), &given);
    assert!((0.1..40.0).contains(&begun), "{begun}");
}

/// Returns a model of four steps of one pitch that continues as it has begun: its one hidden unit is on if two steps or
/// more hold, and then all hold. Nothing is ever struck.
fn drone() -> Parameters {
    let mut parameters = Parameters::zeros(8, 1);
    parameters.hidden_bias[0] = -60.0;
    for step in 0..4 {
        (parameters.weights[2 * step], parameters.visible_bias[2 * step]) = (40.0, -20.0);
        parameters.visible_bias[2 * step + 1] = -40.0;
    }
    parameters
}

/// A note held across the end of the given steps and across every join stays one note, of the length asked for.
#[test]
fn notes_are_held_across_joins() {
    let layout = Layout { planes: vec![Plane::Hold, Plane::Onset], ..hold_only() };
    let begun = roll_of(&layout, &[&[], &[0, 1], &[0], &[0], &[0]]);
    let mut model = rbm_model(EngineKind::Packed, drone());
    let chains = Chains::plain(2, 5, ChainStart::Zeros, 1);
    for hop in [1, 2] {
        let pieces =
            fill_in(&mut model, &Sketch::after(&begun, 9), Overlap { timesteps: 4, hop }, &chains, None).unwrap();
        for piece in pieces {
            assert_eq!(notes(&piece), [Note { start: 1, pitch: 60, end: 14 }], "hop {hop}");
            (0..5).for_each(|step| assert_eq!(piece.cells.row(step), begun.cells.row(step)));
        }
    }
    // Silence continues as silence.
    let silent = Sketch::after(&PianoRoll::silent(layout, 5), 9);
    let pieces = fill_in(&mut model, &silent, Overlap { timesteps: 4, hop: 2 }, &chains, None).unwrap();
    assert!(pieces.iter().all(|piece| piece.steps() == 14 && notes(piece).is_empty()));
}

/// Given steps ahead count too: with its last two steps given, the drone sounds from the start.
#[test]
fn given_steps_ahead_are_heard() {
    let layout = Layout { planes: vec![Plane::Hold, Plane::Onset], ..hold_only() };
    let ahead = roll_of(&layout, &[&[], &[], &[0], &[0]]);
    let (sketch, kept) = Sketch::with_voice(&ahead, Voice::All);
    assert_eq!((kept.len(), sketch.first_open_step()), (1, Some(0)));
    let mut model = rbm_model(EngineKind::Packed, drone());
    let chains = Chains::plain(3, 9, ChainStart::Zeros, 2);
    let pieces = fill_in(&mut model, &sketch, Overlap { timesteps: 4, hop: 2 }, &chains, None).unwrap();
    assert!(pieces.iter().all(|piece| notes(piece) == [Note { start: 0, pitch: 60, end: 4 }]));
}

/// Windows of one step share nothing; their chains continue from the step before, also from the given one.
#[test]
fn windows_of_one_step_continue_from_the_step_before() {
    let mut parameters = Parameters::zeros(1, 1);
    (parameters.weights[0], parameters.visible_bias[0], parameters.hidden_bias[0]) = (80.0, -40.0, -40.0);
    let mut model = rbm_model(EngineKind::Packed, parameters);
    let chains = Chains::plain(2, 4, ChainStart::Zeros, 3);
    let overlap = Overlap::of_one_step(1);
    for (begun, expected) in [(&[0usize][..], 6), (&[], 0)] {
        let sketch = Sketch::after(&roll_of(&hold_only(), &[begun]), 5);
        let pieces = fill_in(&mut model, &sketch, overlap, &chains, None).unwrap();
        assert!(pieces.iter().all(|piece| piece.cells.count_ones() == expected));
    }
}

#[test]
fn pieces_shorter_than_a_window_are_cut() {
    let mut model = rbm_model(EngineKind::Packed, random_parameters(4, 6, 2, 1.0));
    let chains = Chains::plain(3, 2, ChainStart::Noise, 4);
    let overlap = Overlap { timesteps: 6, hop: 3 };
    let pieces = fill_in(&mut model, &Sketch::open(hold_only(), 2), overlap, &chains, None).unwrap();
    assert!(pieces.len() == 3 && pieces.iter().all(|piece| piece.steps() == 2));
    // Nothing is drawn if nothing is open; there are no pieces without data to start at.
    let whole = Sketch::after(&roll_of(&hold_only(), &[&[0]]), 0);
    assert_eq!(fill_in(&mut model, &whole, overlap, &chains, None).unwrap()[2].cells.count_ones(), 1);
    let from_data = Chains { start: ChainStart::Data, ..chains };
    assert_eq!(fill_in(&mut model, &Sketch::open(hold_only(), 2), overlap, &from_data, None), None);
}

/// A piece of one window is the state that plain chains of the same seed end at.
#[test]
fn one_open_window_is_a_plain_sample() {
    let mut model = rbm_model(EngineKind::Packed, random_parameters(5, 6, 4, 1.0));
    let chains = Chains::plain(20, 7, ChainStart::Noise, 5);
    let plain = chains.run(&mut model, None).unwrap();
    let overlap = Overlap { timesteps: 6, hop: 3 };
    let pieces = fill_in(&mut model, &Sketch::open(hold_only(), 6), overlap, &chains, None).unwrap();
    for (chain, piece) in pieces.iter().enumerate() {
        assert!((0..6).all(|step| piece.cells.get(step, 0) == plain.get(chain, step)));
    }
}

#[test]
fn windows_share_one_step_and_the_first_hears_more() {
    for (timesteps, hop, heard) in [(1, 1, 0), (2, 1, 1), (6, 5, 4), (8, 7, 6), (15, 14, 11), (32, 31, 24)] {
        let overlap = Overlap::of_one_step(timesteps);
        assert_eq!((overlap, overlap.heard()), (Overlap { timesteps, hop }, heard));
    }
    assert_eq!(Overlap { timesteps: 15, hop: 1 }.heard(), 14);
}

/// A file is heard beyond the steps that windows share: the drone continues only if its first window has two steps of it
/// or more.
#[test]
fn the_first_window_hears_most_of_a_window_of_the_file() {
    let layout = Layout { planes: vec![Plane::Hold, Plane::Onset], ..hold_only() };
    let begun = roll_of(&layout, &[&[], &[0, 1], &[0], &[0], &[0]]);
    let mut model = rbm_model(EngineKind::Packed, drone());
    let chains = Chains::plain(2, 5, ChainStart::Zeros, 1);
    let pieces = fill_in(&mut model, &Sketch::after(&begun, 1), Overlap::of_one_step(4), &chains, None).unwrap();
    assert!(pieces.iter().all(|piece| notes(piece) == [Note { start: 1, pitch: 60, end: 6 }]));
}
