//! Tests of time in both readings: resolutions, formats, metres, ends of notes.

use super::{END, options, parse, report, seed, smf, spans};
use crate::music::midi::MidiFile;
use crate::music::{CorpusOptions, FileStatus, MAX_STEPS, Plane, ReadingError, Rounding, read_midi};

/// Returns a track of events, each (delta, bytes), with End-of-Track `rest` ticks after the last.
fn track(events: &[(u32, &[u8])], rest: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end: &[u8] = &[0xff, 0x2f, 0];
    for &(delta, event) in events.iter().chain([&(rest, end)]) {
        for shift in [21, 14, 7] {
            if delta >> shift > 0 {
                bytes.push(0x80 | (delta >> shift) as u8);
            }
        }
        bytes.push((delta & 0x7f) as u8);
        bytes.extend(event);
    }
    bytes
}

const ON: &[u8] = &[0x90, 60, 64];
const OFF: &[u8] = &[0x80, 60, 64];
const WALTZ: &[u8] = &[0xff, 0x58, 4, 3, 2, 24, 8];

fn careful(bytes: &[u8], options: &CorpusOptions) -> (usize, Vec<(u8, usize, usize)>) {
    let roll = read_midi(&parse(bytes), options).unwrap().roll;
    (roll.steps(), spans(&roll))
}

#[test]
fn a_note_lasts_a_step_at_least_and_rounds_at_both_ends() {
    let bytes = smf(0, 8, &[&track(&[(3, ON), (0, OFF), (4, ON), (6, OFF)], 0)]);
    assert_eq!(careful(&bytes, &options()), (7, vec![(60, 2, 3), (60, 4, 7)]));
    let down = CorpusOptions { rounding: Rounding::Down, ..options() };
    assert_eq!(careful(&bytes, &down), (6, vec![(60, 1, 2), (60, 3, 6)]));
}

#[test]
fn a_pitch_struck_again_is_two_notes_and_let_go_once() {
    let bytes = smf(0, 4, &[&track(&[(0, ON), (4, ON), (2, OFF), (2, OFF)], 8)]);
    assert_eq!(careful(&bytes, &options()), (16, vec![(60, 0, 4), (60, 4, 6)]));
}

#[test]
fn notes_of_several_tracks_unite() {
    let (long, short) = (track(&[(0, ON), (8, OFF)], 0), track(&[(2, ON), (2, OFF)], 0));
    let bytes = smf(1, 4, &[&long, &short]);
    let roll = read_midi(&parse(&bytes), &options()).unwrap().roll;
    assert_eq!((roll.ones_in(Plane::Hold), roll.ones_in(Plane::Onset)), (8, 2));
    // In the original's reading the shorter note ends the pitch.
    let roll = read_midi(&parse(&bytes), &seed()).unwrap().roll;
    assert_eq!(spans(&roll)[1], (60, 3, 5));
}

#[test]
fn a_note_never_let_go_sounds_to_the_end() {
    let bytes = smf(1, 4, &[&track(&[(4, ON)], 0), &track(&[], 10)]);
    let (report, roll) = report(&bytes, &options());
    assert_eq!(spans(&roll.unwrap()), [(60, 4, 10)]);
    assert_eq!(report.status, FileStatus::Used);
    assert_eq!(report.reason.as_deref(), Some("1 note without note-off"));
}

#[test]
fn drums_and_pitches_left_out_are_counted() {
    let drum: &[u8] = &[0x99, 60, 64];
    let low: &[u8] = &[0x90, 23, 64];
    let bytes = smf(0, 4, &[&track(&[(0, drum), (0, low), (4, ON), (4, OFF)], 0)]);
    let (first, _) = report(&bytes, &options());
    assert_eq!((first.note_ons, first.onset_ones), (3, 1));
    let left_out = "1 note left out on the drum channel; 1 note left out outside the range of pitches";
    assert_eq!(first.reason.as_deref(), Some(left_out));
    let (second, _) = report(&bytes, &seed());
    assert_eq!((second.note_ons, second.onset_ones), (3, 2));
}

#[test]
fn a_metre_stops_the_song_and_keeps_what_is_before() {
    let first = track(&[(0, ON), (4, OFF), (2, ON), (2, WALTZ), (4, OFF), (0, ON)], 8);
    let second = track(&[(7, &[0x90, 64, 64]), (1, &[0x90, 67, 64])], 20);
    let bytes = smf(1, 4, &[&first, &second]);
    let waltz = CorpusOptions { metres: vec![2, 4], ..options() };
    assert_eq!(careful(&bytes, &waltz), (8, vec![(60, 0, 4), (60, 6, 8), (64, 7, 8)]));
    let (report, _) = report(&bytes, &waltz);
    assert_eq!(report.reason.as_deref(), Some("stops at step 8, where the metre is 3 (2 notes after that left out)"));
    assert_eq!(careful(&bytes, &options()).0, 28);

    // The original keeps the row at which it stops: the first track's note is already struck, the second's is not.
    let roll = read_midi(&parse(&bytes), &seed()).unwrap().roll;
    assert_eq!(roll.steps(), 10);
    assert_eq!(spans(&roll), [(60, 1, 5), (60, 7, 10), (64, 8, 10)]);
}

#[test]
fn sequences_of_format_2_follow_one_another() {
    let (first, second) = (track(&[(0, ON), (4, OFF)], 2), track(&[(1, ON), (1, OFF)], 0));
    let bytes = smf(2, 4, &[&first, &second]);
    assert_eq!(careful(&bytes, &options()), (8, vec![(60, 0, 4), (60, 7, 8)]));
    // The original plays them at once.
    let roll = read_midi(&parse(&bytes), &seed()).unwrap().roll;
    assert_eq!(spans(&roll), [(60, 1, 2), (60, 2, 3)]);

    let waltz = track(&[(1, ON), (1, OFF), (0, WALTZ), (0, ON), (1, OFF)], 0);
    let only = CorpusOptions { metres: vec![4], ..options() };
    let read = read_midi(&parse(&smf(2, 4, &[&first, &waltz, &second])), &only).unwrap();
    assert_eq!((read.roll.steps(), read.omissions.stop, read.omissions.after_stop), (8, Some((8, 3)), 2));
}

#[test]
fn frames_of_film_are_read_at_120_beats_a_minute() {
    // 25 frames of 40 parts: a millisecond a tick, so a quarter is 500 ticks.
    let division = u16::from_be_bytes([(-25i8) as u8, 40]);
    let bytes = smf(0, division, &[&track(&[(500, ON), (250, OFF)], 250)]);
    assert_eq!(careful(&bytes, &options()), (8, vec![(60, 4, 6)]));
    assert_eq!(read_midi(&parse(&bytes), &seed()).unwrap().roll.steps(), 9);
    // 29.97 frames of 80 parts: 1198.8 ticks a quarter, 299.7 a step; 1000 steps in 299 700.3 ticks.
    let division = u16::from_be_bytes([(-29i8) as u8, 80]);
    let down = CorpusOptions { rounding: Rounding::Down, ..options() };
    let steps = |tick| careful(&smf(0, division, &[&track(&[(0, ON), (tick, OFF)], 0)]), &down).0;
    assert_eq!((steps(299_700), steps(299_701)), (999, 1000));
}

#[test]
fn resolutions_without_ticks_and_too_coarse_ones_are_refused_with_a_reason() {
    let read = |division, options: &CorpusOptions| {
        read_midi(&parse(&smf(0, division, &[&track(&[(0, ON), (3, OFF)], 0)])), options)
    };
    for division in [0, u16::from_be_bytes([(-25i8) as u8, 0])] {
        assert_eq!(read(division, &options()), Err(ReadingError::NoTicks));
        assert_eq!(read(division, &seed()), Err(ReadingError::NoTicks));
    }
    for ticks in 1..4 {
        assert_eq!(read(ticks, &seed()), Err(ReadingError::TooCoarse { ticks: ticks.into() }));
        let roll = read(ticks, &options()).unwrap().roll;
        assert_eq!(roll.steps() as u64, 12 / u64::from(ticks));
    }
    let (report, _) = report(&smf(0, 0, &[&END]), &options());
    assert_eq!((report.status, report.rows, report.sha256), (FileStatus::Failed, 0, None));
    // A frame rate that does not exist.
    assert!(MidiFile::parse(&smf(0, u16::from_be_bytes([(-26i8) as u8, 40]), &[])).is_err());
}

#[test]
fn files_without_tracks_are_skipped() {
    let bytes = smf(1, 96, &[]);
    let (first, _) = report(&bytes, &options());
    assert_eq!((first.status, first.rows), (FileStatus::Skipped, 0));
    assert_eq!(first.reason.as_deref(), Some("0 steps, fewer than corpus.min_steps = 1, and no note"));
    let (second, roll) = report(&bytes, &seed());
    // The original has a row before it reads any track.
    assert_eq!((second.status, roll.unwrap().steps()), (FileStatus::Used, 1));
}

#[test]
fn a_distant_tick_costs_nothing() {
    const FAR: u32 = (1 << 28) - 1;
    // Notes a day apart are refused.
    let many: Vec<(u32, &[u8])> = (0..1000).flat_map(|_| [(FAR, ON), (FAR, OFF)]).collect();
    let bytes = smf(0, 1, &[&track(&many, 0)]);
    let steps = 2000 * u64::from(FAR) * 4;
    assert_eq!(read_midi(&parse(&bytes), &options()), Err(ReadingError::TooLong { steps }));
    // Silence at the end is left out and reported.
    let bytes = smf(0, 4, &[&track(&[(0, ON), (16, OFF)], FAR)]);
    let (first, _) = report(&bytes, &options());
    assert_eq!((first.status, first.rows), (FileStatus::Used, 16));
    assert_eq!(first.reason.unwrap(), format!("{FAR} steps of silence at the end left out"));
    // In the original's reading it counts.
    assert!(matches!(read_midi(&parse(&bytes), &seed()), Err(ReadingError::TooLong { .. })));
    // Within the bound, everything is read.
    let bytes = smf(0, 0x7fff, &[&track(&[(FAR, ON), (FAR, OFF)], FAR)]);
    let (report, _) = report(&bytes, &seed());
    let row = u64::from(0x7fff_u16 / 4);
    let last = (3 * u64::from(FAR) - u64::from(0x7fff_u16 / 8)) / row + 1;
    assert!(last < MAX_STEPS);
    assert_eq!((report.status, report.rows), (FileStatus::Used, last + 1));
}

const PEDAL_DOWN: &[u8] = &[0xb0, 64, 127];
const PEDAL_UP: &[u8] = &[0xb0, 64, 0];

#[test]
fn a_pedal_lengthens_notes_if_the_options_say_so() {
    let sustain = CorpusOptions { sustain: true, ..options() };
    let read = |bytes: &[u8]| [options(), sustain.clone()].map(|options| careful(bytes, &options).1);
    let one = track(&[(0, PEDAL_DOWN), (0, ON), (4, OFF), (8, PEDAL_UP), (4, ON), (2, OFF)], 2);
    assert_eq!(read(&smf(0, 4, &[&one])), [vec![(60, 0, 4), (60, 16, 18)], vec![(60, 0, 12), (60, 16, 18)]]);
    // Until the pitch is struck again, or the song ends.
    let again = track(&[(0, PEDAL_DOWN), (0, ON), (4, OFF), (4, ON), (2, OFF)], 6);
    assert_eq!(read(&smf(0, 4, &[&again])), [vec![(60, 0, 4), (60, 8, 10)], vec![(60, 0, 8), (60, 8, 16)]]);
    // The pedal of another track on the channel counts, that of another channel does not.
    let (notes, pedal) = (track(&[(1, ON), (3, OFF)], 8), track(&[(0, PEDAL_DOWN), (8, PEDAL_UP)], 0));
    assert_eq!(read(&smf(1, 4, &[&notes, &pedal]))[1], [(60, 1, 8)]);
    let other = track(&[(0, &[0xb1, 64, 127]), (8, &[0xb1, 64, 0])], 0);
    assert_eq!(read(&smf(1, 4, &[&notes, &other]))[1], [(60, 1, 4)]);
    // The article's program does not know it.
    let rolls =
        [false, true].map(|sustain| read_midi(&parse(&smf(0, 4, &[&one])), &CorpusOptions { sustain, ..seed() }));
    assert_eq!(rolls[0].as_ref().unwrap().roll, rolls[1].as_ref().unwrap().roll);
}

#[test]
fn notes_end_by_controllers_and_by_other_tracks() {
    for controller in [120, 123] {
        let all_off: &[u8] = &[0xb0, controller, 0];
        let bytes = smf(0, 4, &[&track(&[(0, ON), (4, all_off), (4, ON), (2, OFF)], 6)]);
        assert_eq!(careful(&bytes, &options()), (16, vec![(60, 0, 4), (60, 8, 10)]));
        let other: &[u8] = &[0xb1, controller, 0];
        let bytes = smf(0, 4, &[&track(&[(0, ON), (4, other), (4, OFF)], 0)]);
        assert_eq!(careful(&bytes, &options()).1, [(60, 0, 8)], "another channel");
    }
    let (report, roll) = report(&smf(0, 4, &[&track(&[(0, ON), (4, &[0xb0, 123, 0])], 8)]), &options());
    assert_eq!((report.reason, spans(&roll.unwrap())), (None, vec![(60, 0, 4)]));
    // A note-off of its channel in another track ends a note that its own track does not end.
    let (on, off) = (track(&[(0, ON), (8, ON)], 8), track(&[(4, OFF), (6, OFF)], 0));
    assert_eq!(careful(&smf(1, 4, &[&on, &off]), &options()).1, [(60, 0, 4), (60, 8, 10)]);
    let whole = track(&[(0, ON), (8, OFF)], 0);
    assert_eq!(careful(&smf(1, 4, &[&whole, &off]), &options()).1, [(60, 0, 8)], "its own note-off counts first");
    let elsewhere = track(&[(4, &[0x81, 60, 64])], 0);
    assert_eq!(careful(&smf(1, 4, &[&track(&[(0, ON)], 8), &elsewhere]), &options()).1, [(60, 0, 8)]);
}

#[test]
fn drums_are_where_a_message_says_so() {
    let gs = |block: u8, map: u8| vec![0xf0, 10, 0x41, 0x10, 0x42, 0x12, 0x40, 0x10 | block, 0x15, map, 0, 0xf7];
    let xg = |channel: u8, mode: u8| vec![0xf0, 8, 0x43, 0x10, 0x4c, 0x08, channel, 0x07, mode, 0xf7];
    let note = |channel: u8| (vec![0x90 | channel, 60, 64], vec![0x80 | channel, 60, 64]);
    let kept = |message: &[u8], channel: u8| {
        let (on, off) = note(channel);
        let bytes = smf(1, 4, &[&track(&[(0, message)], 0), &track(&[(4, &on), (4, &off)], 0)]);
        let read = read_midi(&parse(&bytes), &options()).unwrap();
        assert_eq!(read.omissions.drums, u64::from(spans(&read.roll).is_empty()));
        !spans(&read.roll).is_empty()
    };
    // Block 1 is channel 1, block 0 is channel 10, block 10 is channel 11.
    assert!(!kept(&gs(1, 1), 0) && kept(&gs(1, 0), 0) && kept(&gs(2, 1), 0));
    assert!(kept(&gs(0, 0), 9) && !kept(&gs(0, 2), 9) && !kept(&gs(10, 1), 10) && !kept(&gs(10, 1), 9));
    assert!(!kept(&xg(3, 2), 3) && kept(&xg(9, 0), 9) && kept(&xg(3, 0), 3));
}
