//! The data set read as a corpus: its sequences are the songs, with one report for the file.

use super::polyphonic::{self, PolyphonicError};
use super::report::{FileReport, FileStatus, counted};
use super::song::{Corpus, Split};
use crate::music::options::CorpusOptions;
use crate::music::piano_roll::{Layout, Plane};

/// Reads a data set. Its layout has only the hold plane, whatever the options say: a set of pitches at each step does
/// not distinguish a held note from one struck again.
pub(super) fn read(bytes: &[u8], name: String, options: &CorpusOptions) -> Result<Corpus, PolyphonicError> {
    let layout = Layout { planes: vec![Plane::Hold], ..options.layout() };
    let mut set = polyphonic::parse(bytes, &layout)?;
    let all = set.songs.len();
    set.songs.retain(|song| song.roll.steps() > 0 && song.roll.steps() as u64 >= u64::from(options.min_steps));
    let mut report = FileReport::used(name, set.songs.iter().map(|song| &song.roll));
    report.note_ons = set.pitches;
    let count = |split| set.songs.iter().filter(|song| song.split == Some(split)).count();
    let mut reasons = vec![format!(
        "{} sequences: {} train, {} valid, {} test",
        set.songs.len(),
        count(Split::Train),
        count(Split::Validation),
        count(Split::Test)
    )];
    if set.songs.len() < all {
        let bound = counted(options.min_steps.max(1) as usize, "step");
        reasons.push(format!("{} of fewer than {bound} left out", all - set.songs.len()));
    }
    if set.outside > 0 {
        reasons.push(format!(
            "{} of {} pitches outside {} to {} left out",
            set.outside,
            set.pitches,
            layout.lowest_pitch,
            layout.highest_pitch - 1
        ));
    }
    if set.songs.is_empty() {
        report.status = FileStatus::Skipped;
        report.kept = false;
    }
    report.reason = Some(reasons.join("; "));
    Ok(Corpus::new(layout, set.songs, vec![report]))
}
