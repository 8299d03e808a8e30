//! Tests that a piano roll written as MIDI is read back unchanged.

use super::{options, parse, report, rolls, seed, spans};
use crate::music::{CorpusOptions, Layout, MidiStyle, PianoRoll, Plane, read_midi, to_midi};
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use proptest::prelude::*;

/// Returns `base` with the layout of a roll.
fn options_of(roll: &PianoRoll, base: CorpusOptions) -> CorpusOptions {
    CorpusOptions {
        lowest_pitch: roll.layout.lowest_pitch,
        highest_pitch: roll.layout.highest_pitch,
        planes: roll.layout.planes.clone(),
        ..base
    }
}

proptest! {
    #[test]
    fn the_careful_reading_gives_back_the_roll(
        roll in rolls(),
        steps_per_beat in prop::sample::select(vec![1u32, 2, 3, 4, 5, 6, 12, 24, 96, 480]),
    ) {
        let style = MidiStyle { steps_per_beat, ..MidiStyle::default() };
        let file = parse(&to_midi(&roll, &style));
        prop_assert_eq!(&file.damage, &[]);
        let options = CorpusOptions { steps_per_beat, ..options_of(&roll, options()) };
        let read = read_midi(&file, &options).unwrap();
        prop_assert_eq!(&read.roll, &roll);
        prop_assert_eq!(read.omissions.phrases(), Vec::<String>::new());
    }

    /// The original's reading has one more row, a silent one, for the tick at which the track ends.
    #[test]
    fn the_seed_reading_gives_back_the_roll_with_a_silent_row(roll in rolls()) {
        let file = parse(&to_midi(&roll, &MidiStyle::default()));
        let read = read_midi(&file, &options_of(&roll, seed())).unwrap().roll;
        prop_assert_eq!(read.steps(), roll.steps() + 1);
        prop_assert_eq!(read.cells.words().strip_prefix(roll.cells.words()), Some(&vec![0; read.cells.words_per_row()][..]));
    }

    /// Any cells, written and read back, have the same notes, and a second round changes nothing.
    #[test]
    fn a_second_round_changes_nothing(cells in prop::collection::vec(any::<[u128; 2]>(), 1..40)) {
        let layout = Layout { lowest_pitch: 0, highest_pitch: 128, planes: vec![Plane::Hold, Plane::Onset], units: None };
        let mut roll = PianoRoll::silent(layout, cells.len());
        for (step, [hold, onset]) in cells.into_iter().enumerate() {
            roll.fill_step(step, hold, onset);
        }
        let options = options_of(&roll, options());
        let once = read_midi(&parse(&to_midi(&roll, &MidiStyle::default())), &options).unwrap().roll;
        prop_assert_eq!(spans(&once), spans(&roll));
        let twice = read_midi(&parse(&to_midi(&once, &MidiStyle::default())), &options).unwrap().roll;
        prop_assert_eq!(twice, once);
    }
}

#[test]
fn the_bytes_are_those_of_the_style() {
    let layout = Layout { lowest_pitch: 60, highest_pitch: 62, planes: vec![Plane::Hold, Plane::Onset], units: None };
    let mut roll = PianoRoll::silent(layout, 4);
    // 60 for two steps, struck again at the second; 61 at the last step.
    roll.fill_step(0, 1 << 60, 1 << 60);
    roll.fill_step(1, 1 << 60, 1 << 60);
    roll.fill_step(3, 1 << 61, 1 << 61);
    let style = MidiStyle { beats_per_minute: 90.0, velocity: 100, program: 19, steps_per_beat: 3 };
    let bytes = to_midi(&roll, &style);
    let smf = Smf::parse(&bytes).unwrap();
    assert_eq!(smf.header.timing, Timing::Metrical(165.into()));
    let events: Vec<(u32, String)> = smf.tracks[0]
        .iter()
        .map(|event| {
            let what = match event.kind {
                TrackEventKind::Midi { channel, message } => match message {
                    MidiMessage::NoteOn { key, vel } => format!("on {channel} {key} {vel}"),
                    MidiMessage::NoteOff { key, .. } => format!("off {channel} {key}"),
                    MidiMessage::ProgramChange { program } => format!("program {channel} {program}"),
                    other => format!("{other:?}"),
                },
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => format!("tempo {tempo}"),
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => "end".into(),
                other => format!("{other:?}"),
            };
            (event.delta.as_int(), what)
        })
        .collect();
    let expected = [
        (0, "tempo 666667"),
        (0, "program 0 19"),
        (0, "on 0 60 100"),
        (55, "off 0 60"),
        (0, "on 0 60 100"),
        (55, "off 0 60"),
        (55, "on 0 61 100"),
        (55, "off 0 61"),
        (0, "end"),
    ];
    assert_eq!(events, expected.map(|(delta, what)| (delta, what.to_owned())));
}

#[test]
fn a_silent_roll_keeps_its_length() {
    let layout = options().layout();
    let bytes = to_midi(&PianoRoll::silent(layout, 33), &MidiStyle::default());
    let (report, _) = report(&bytes, &options());
    assert_eq!((report.rows, report.reason.as_deref()), (33, Some("no note")));
}
