//! Tests of damaged files: nothing panics, every loss is reported, sound parts are kept.

use super::{END, options, parse, report, seed, smf};
use crate::music::midi::{EventKind, Fault, MidiFile};
use crate::music::{Damaged, FileStatus, read_midi};
use proptest::prelude::*;

/// Returns the number of note-ons in a file that keeps the standard to the letter, `None` if it does not. This reader
/// shares no code with the one under test.
fn strict_note_ons(bytes: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let header = long(4).filter(|&length| length >= 6 && 8 + length <= bytes.len())?;
    let [high, _] = word(12)?.to_be_bytes();
    let sound = bytes.starts_with(b"MThd") && word(8)? <= 2;
    if !sound || (high >= 0x80 && ![-24, -25, -29, -30].contains(&i32::from(high as i8))) {
        return None;
    }
    let (mut at, mut tracks, mut note_ons) = (8 + header, 0, 0);
    while at < bytes.len() {
        let (id, length) = (&bytes[at..at + 4.min(bytes.len() - at)], long(at + 4)?);
        let data = bytes.get(at + 8..at + 8 + length)?;
        if id == b"MTrk" {
            tracks += 1;
            note_ons += strict_track(data)?;
        } else if id == b"MThd" || !id.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        at += 8 + length;
    }
    (tracks == word(10)? && (tracks <= 1 || word(8)? > 0)).then_some(note_ons)
}

fn strict_track(data: &[u8]) -> Option<u64> {
    let (mut at, mut running, mut note_ons) = (0, None, 0);
    let number = |at: &mut usize| {
        let mut value = 0usize;
        for _ in 0..4 {
            let byte = *data.get(*at)?;
            *at += 1;
            value = value * 128 + usize::from(byte % 128);
            if byte < 128 {
                return Some(value);
            }
        }
        None
    };
    loop {
        number(&mut at)?;
        let mut status = *data.get(at)?;
        if status >= 0x80 {
            at += 1;
        } else {
            status = running?;
        }
        match status {
            0x80..=0xef => {
                running = Some(status);
                let length = if (0xc0..0xe0).contains(&status) { 1 } else { 2 };
                let values = data.get(at..at + length)?;
                if values.iter().any(|&value| value > 127) {
                    return None;
                }
                at += length;
                note_ons += u64::from(status >> 4 == 9 && values[1] > 0);
            }
            0xf0 | 0xf7 => {
                running = None;
                at += number(&mut at)?;
            }
            0xff => {
                running = None;
                let kind = *data.get(at)?;
                at += 1;
                let length = number(&mut at)?;
                let payload = data.get(at..at + length)?;
                at += length;
                match kind {
                    0x2f => return (length == 0 && at == data.len()).then_some(note_ons),
                    0x58 if length < 4 => return None,
                    0x59 if length < 2 => return None,
                    0x54 if length >= 5 => {
                        let frames = [24, 25, 29, 30][usize::from(payload[0] >> 5 & 3)];
                        let most = [23, 59, 59, frames - 1, 99];
                        let fields = [payload[0] & 31, payload[1], payload[2], payload[3], payload[4]];
                        if fields.iter().zip(most).any(|(&field, most)| field > most) {
                            return None;
                        }
                    }
                    _ => {}
                }
            }
            _ => return None,
        }
    }
}

/// Returns a sound file with all that notes depend on.
fn sound() -> Vec<u8> {
    let mut first = b"\0\xff\x03\x04song\0\xff\x51\x03\x07\xa1\x20\0\xff\x58\x04\x04\x02\x18\x08".to_vec();
    first.extend(b"\0\xff\x54\x05\x61\x10\x10\x10\x10\0\xff\x59\x02\x01\0");
    first.extend(END);
    let mut second = b"\0\xc0\x13\0\x90\x3c\x40\0\x40\x40\x60\x3c\0\0\x40\0\x81\0\xe0\0\x40".to_vec();
    second.extend(b"\0\xf0\x05\x7e\x7f\x09\x01\xf7\0\x90\x43\x50\x30\x80\x43\x40\0\xf7\x02\xf3\x01");
    second.extend(b"\x83\x60\x99\x24\x7f\x10\x24\0\0\xb0\x7b\0");
    second.extend(END);
    let mut third = b"\x60\x91\x30\x40\x82\x40\x30\0".to_vec();
    third.extend(END);
    smf(1, 96, &[&first, &second, &third])
}

/// Asserts that a file is found sound if and only if the strict reader finds it sound, and that then no note is lost.
fn check(bytes: &[u8]) {
    let strict = strict_note_ons(bytes);
    let Ok(file) = MidiFile::parse(bytes) else {
        assert_eq!(strict, None, "{bytes:02x?} is sound and was refused");
        return;
    };
    match strict {
        Some(note_ons) => {
            assert_eq!(file.damage, [], "{bytes:02x?}");
            assert_eq!(file.note_ons(), note_ons, "{bytes:02x?}");
        }
        None => assert_ne!(file.damage, [], "{bytes:02x?}"),
    }
    for options in [options(), seed()] {
        // Neither panics. A time changed to a day is refused, not allocated.
        let _ = read_midi(&file, &options);
    }
}

#[test]
fn the_sound_file_is_sound() {
    assert_eq!(strict_note_ons(&sound()), Some(5));
    check(&sound());
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = sound();
    for length in 0..bytes.len() {
        check(&bytes[..length]);
        if let Ok(file) = MidiFile::parse(&bytes[..length]) {
            assert_ne!(file.damage, [], "{length} bytes of {}", bytes.len());
        }
    }
}

#[test]
fn every_changed_byte_is_noticed_or_harmless() {
    let bytes = sound();
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[at] = value;
            check(&changed);
        }
    }
}

#[test]
fn every_byte_too_many_or_too_few_is_noticed_or_harmless() {
    let bytes = sound();
    for at in 0..=bytes.len() {
        for value in [0x00, 0x01, 0x40, 0x7f, 0x80, 0x90, 0xf0, 0xf4, 0xf7, 0xff] {
            let mut changed = bytes.clone();
            changed.insert(at, value);
            check(&changed);
        }
        let mut changed = bytes.clone();
        if at < bytes.len() {
            changed.remove(at);
            check(&changed);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_after_a_header_are_accounted_for(
        track in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(vec![0x00, 0x10, 0x3c, 0x80, 0x90, 0xff, 0x2f, 0x58, 0xf0, 0xf7, 0xf8])],
            0..60,
        ),
        end: bool,
    ) {
        let mut track = track;
        if end {
            track.extend(END);
        }
        check(&smf(0, 96, &[&track]));
    }

    #[test]
    fn any_bytes_at_all_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }
}

#[test]
fn headers_that_cannot_be_read_say_why() {
    let error = |at: usize, value: u8| {
        let mut bytes = sound();
        bytes[at] = value;
        MidiFile::parse(&bytes).unwrap_err().to_string()
    };
    let ends = |error: String, end: &str| assert!(error.ends_with(end), "{error}");
    ends(error(0, b'm'), "not begin with MThd");
    ends(error(7, 5), "its length is 5; 6 is the minimum");
    ends(error(9, 3), "format 3 is not 0, 1 or 2");
    ends(error(12, 0x80), "128 frames a second is not 24, 25, 29 or 30");
    ends(error(12, 0xe6), "26 frames a second is not 24, 25, 29 or 30");
    let short = MidiFile::parse(&sound()[..13]).unwrap_err().to_string();
    ends(short, "the file has 13 bytes; a header has 14");
    assert_eq!(MidiFile::parse(&[]).unwrap_err().to_string(), "the file is empty");
}

/// Returns the faults of a file as (fault, times, bytes lost).
fn faults(file: &MidiFile) -> Vec<(Fault, usize, usize)> {
    file.damage.iter().map(|damage| (damage.fault, damage.times, damage.lost)).collect()
}

#[test]
fn running_status_after_a_meta_event_goes_on() {
    let track = b"\0\x90\x3c\x40\x10\xff\x01\x01x\x10\x3c\0\0\x3e\x40\0\xff\x01\0\x20\x3e\0\0\xff\x2f\0";
    let file = parse(&smf(0, 96, &[track]));
    assert_eq!(faults(&file), [(Fault::RunningStatus, 2, 0)]);
    let ticks: Vec<u64> = file.tracks[0].events.iter().map(|event| event.tick).collect();
    assert_eq!(ticks, [0, 32, 32, 64]);
    assert_eq!(file.note_ons(), 2);
}

#[test]
fn system_messages_keep_the_time() {
    let track = b"\0\x90\x3c\x40\x20\xf2\x10\x10\x20\xf8\x20\x80\x3c\0\0\xff\x2f\0";
    let file = parse(&smf(0, 96, &[track]));
    assert_eq!(faults(&file), [(Fault::SystemMessage, 2, 6)]);
    assert_eq!(file.tracks[0].events[1].tick, 96);
}

#[test]
fn malformed_metas_lose_nothing_else() {
    let track = b"\0\xff\x59\0\0\xff\x58\x01\x03\0\x90\x3c\x40\x60\x80\x3c\0\0\xff\x2f\0";
    let file = parse(&smf(0, 96, &[track]));
    assert_eq!(faults(&file), [(Fault::MalformedMeta, 2, 4)]);
    assert_eq!(file.tracks[0].events[0].kind, EventKind::Metre { numerator: 3 });
    assert_eq!(file.note_ons(), 1);
}

#[test]
fn what_is_no_event_ends_the_track_and_is_counted() {
    let track = b"\0\x90\x3c\x40\x60\x80\x3c\xc0\xff\xff\xff\xff\xff\xff\x2f\0";
    let file = parse(&smf(0, 96, &[track]));
    assert_eq!(faults(&file), [(Fault::NoEvent, 1, 12)]);
    let (report, _) = report(&smf(0, 96, &[track]), &options());
    assert_eq!(report.status, FileStatus::Damaged);
    assert_eq!(
        report.reason.unwrap(),
        "track 1, byte 26: not a MIDI event, the rest of the track is lost (12 bytes lost); 1 note without note-off"
    );
}

#[test]
fn a_payload_past_the_end_swallows_no_notes_silently() {
    // A text of 100 bytes with only 11 left: midly takes the notes for text.
    let track = b"\0\xff\x01\x64\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0";
    let file = parse(&smf(0, 96, &[track]));
    assert_eq!(faults(&file), [(Fault::CutEvent, 1, 15)]);
}

#[test]
fn whole_events_after_the_end_are_read_and_other_bytes_are_not() {
    let mut track = END.to_vec();
    track.extend(b"\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0");
    let file = parse(&smf(0, 96, &[&track]));
    assert_eq!(faults(&file), [(Fault::EventsAfterEnd, 1, 0)]);
    assert_eq!((file.note_ons(), file.tracks[0].end), (1, 96));

    track.extend(b"\x10\x90\x3c\x40\xff");
    let file = parse(&smf(0, 96, &[&track]));
    assert_eq!(faults(&file), [(Fault::BytesAfterEnd, 1, 16)]);
    assert_eq!((file.note_ons(), file.tracks[0].end), (0, 0));
}

#[test]
fn an_end_with_a_payload_is_no_end() {
    // The second End-of-Track is the payload of the first.
    let file = parse(&smf(0, 96, &[b"\0\xff\x2f\x04\0\xff\x2f\0"]));
    assert_eq!(faults(&file), [(Fault::MalformedMeta, 1, 8), (Fault::NoEnd, 1, 0)]);
}

#[test]
fn a_length_too_great_does_not_swallow_the_next_track() {
    let track = b"\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0";
    let mut bytes = smf(1, 96, &[track, track]);
    // Bytes of the first track's length: the lowest, then higher ones, which put its end past that of the file.
    for (at, value) in [(21, 30), (20, 1), (18, 0x7f)] {
        let sound = std::mem::replace(&mut bytes[at], value);
        let file = parse(&bytes);
        assert_eq!((file.tracks.len(), file.note_ons()), (2, 2), "{:?}", file.damage);
        assert_ne!(file.damage, []);
        bytes[at] = sound;
    }
}

#[test]
fn a_file_after_the_file_is_left_out() {
    let one = smf(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0"]);
    let two = [one.clone(), one.clone()].concat();
    let file = parse(&two);
    assert_eq!(faults(&file), [(Fault::SecondHeader, 1, one.len())]);
    assert_eq!(file.note_ons(), 1);
}

#[test]
fn chunks_that_are_no_tracks_are_passed_over() {
    let mut bytes = smf(0, 96, &[&END]);
    let track = bytes.split_off(14);
    bytes.extend(b"XFIH\0\0\0\x03abc");
    bytes.extend(track);
    let file = parse(&bytes);
    assert_eq!((file.alien_chunks, file.tracks.len(), file.damage.len()), (1, 1, 0));
}

/// Files made to be slow, with a track or a fault every few bytes, are read in time that grows with their length.
#[test]
fn many_faults_take_no_more_time_than_bytes() {
    let part: [&[u8]; 6] = [
        b"MTrk\0\xff\xff\xff\0\xff\x2f\0",
        b"MTrk\0\0\0\x04\0\xff\x2f\0x",
        b"MTrk\0\0\0\0",
        b"\0\xf8",
        b"\0\x90\x3c\x40\0\xff\x01\0\0\x3c\0",
        b"\0\xff\x2f\0",
    ];
    for part in part {
        let many = part.repeat((1 << 20) / part.len());
        let bytes = if part.starts_with(b"MTrk") { [smf(1, 96, &[]), many].concat() } else { smf(1, 96, &[&many]) };
        let file = parse(&bytes);
        assert_ne!(file.damage, []);
        let _ = read_midi(&file, &options());
        let _ = read_midi(&file, &seed());
    }
}

/// A data byte of 0x80 or more costs its message, or not even that, if what follows is a track.
#[test]
fn wrong_data_bytes_cost_one_message_at_most() {
    let read = |events: &[u8]| {
        let file = parse(&smf(0, 96, &[&[events, &END].concat()]));
        (faults(&file).into_iter().map(|(fault, times, _)| (fault, times)).collect::<Vec<_>>(), file.note_ons())
    };
    let note = b"\0\x90\x3c\x40\x60\x3c\0";
    let around = |wrong: &[u8]| [note, wrong, note].concat();
    assert_eq!(read(&around(b"\0\xb0\x07\xff")), (vec![(Fault::DataByte, 1)], 2));
    assert_eq!(read(&around(b"\0\x90\xfd\x40")), (vec![(Fault::DataByte, 1)], 2), "no pitch");
    assert_eq!(read(&around(b"\0\xc0\xff")), (vec![(Fault::DataByte, 1)], 2), "one data byte");
    // The velocity alone is wrong: the note is there, and it ends.
    assert_eq!(read(&around(b"\0\x90\x40\xff\x10\x80\x40\xff")), (vec![(Fault::DataByte, 2)], 3));
    // On all channels one after the other, and by running status.
    let volumes: Vec<u8> = (0..16).flat_map(|channel| [0, 0xb0 | channel, 7, 0xff]).collect();
    assert_eq!(read(&around(&volumes)), (vec![(Fault::DataByte, 16)], 2));
    assert_eq!(read(&around(b"\0\xb0\x07\x64\0\x07\xff\0\x07\xff")), (vec![(Fault::DataByte, 2)], 2));
    let lost = parse(&smf(0, 96, &[&[&around(b"\0\xb0\x07\xff")[..], &END].concat()]));
    assert_eq!(lost.damage[0].lost, 4);
    // What follows is no track: the rest is lost, as before.
    assert_eq!(read(b"\0\x90\x3c\xff\0\xf5\xf5\xf5\xff\xff").0[0].0, Fault::NoEvent);
}

#[test]
fn numbers_padded_with_zeros_are_taken_at_their_value() {
    for zeros in [4, 5, 20] {
        let padding = vec![0x80; zeros];
        let delta = [&padding[..], &[0x60]].concat();
        let events = [b"\0\x90\x3c\x40", &delta[..], b"\x3c\0", &END].concat();
        let file = parse(&smf(0, 96, &[&events]));
        assert_eq!(faults(&file).iter().map(|fault| fault.0).collect::<Vec<_>>(), [Fault::PaddedNumber], "{zeros}");
        assert_eq!((file.note_ons(), file.tracks[0].end, file.damage[0].lost), (1, 0x60, 0));
        // The length of a text, of a system exclusive message, and of a metre.
        for (head, content, metre) in [
            (&b"\0\xff\x01"[..], &b"abc"[..], false),
            (b"\0\xf0", b"\x41\x10\xf7", false),
            (b"\0\xff\x58", b"\x03\x02\x18\x08", true),
        ] {
            let length = [&padding[..], &[content.len() as u8]].concat();
            let events = [head, &length[..], content, b"\0\x90\x3c\x40\x60\x3c\0", &END].concat();
            let file = parse(&smf(0, 96, &[&events]));
            assert_eq!(faults(&file)[0].0, Fault::PaddedNumber, "{:?}", file.damage);
            assert_eq!(
                (file.note_ons(), file.tracks[0].end, file.tracks[0].events.len()),
                (1, 0x60, 2 + usize::from(metre))
            );
        }
    }
}

#[test]
fn a_macbinary_header_is_stepped_over() {
    let midi = smf(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0"]);
    let mut bytes = vec![0; 128];
    bytes[1..6].copy_from_slice(b"\x04song");
    bytes[65..69].copy_from_slice(b"Midi");
    bytes[83..87].copy_from_slice(&(midi.len() as u32).to_be_bytes());
    bytes.extend(&midi);
    bytes.resize(bytes.len().next_multiple_of(128), 0);
    let file = parse(&bytes);
    assert_eq!((file.note_ons(), file.damage), (1, vec![]));
    bytes[83..87].fill(0);
    assert_eq!(parse(&bytes).note_ons(), 1, "without a length");
    bytes[128] = b'X';
    assert!(MidiFile::parse(&bytes).is_err());
}

#[test]
fn a_file_in_riff_is_unwrapped() {
    let midi = smf(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0"]);
    let mut bytes = b"RIFF\0\0\0\0RMIDdata".to_vec();
    let length = midi.len() as u32;
    bytes.extend(length.to_le_bytes());
    bytes.extend(&midi);
    bytes[4..8].copy_from_slice(&(length + 12).to_le_bytes());
    let file = parse(&bytes);
    assert_eq!((file.note_ons(), file.damage.len()), (1, 0));
    bytes.truncate(bytes.len() - 6);
    let file = parse(&bytes);
    assert_eq!(file.damage[0].fault, Fault::CutTrack);
    assert_eq!(file.damage[0].offset, 20 + 14);
}

#[test]
fn the_options_decide_what_becomes_of_damage() {
    let bytes = smf(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0"]);
    let with = |damaged, min_steps| {
        let options = crate::music::CorpusOptions { min_steps, damaged, ..options() };
        let (report, roll) = report(&bytes, &options);
        assert_eq!(report.status, FileStatus::Damaged);
        assert_eq!((report.rows, report.hold_ones, report.onset_ones), (4, 4, 1));
        assert!(report.sha256.is_some());
        (report.kept, roll.is_some())
    };
    assert_eq!(with(Damaged::Use, 0), (true, true));
    assert_eq!(with(Damaged::Use, 5), (false, false));
    assert_eq!(with(Damaged::Skip, 0), (false, false));
    assert_eq!(with(Damaged::Fail, 0), (false, false));
}
