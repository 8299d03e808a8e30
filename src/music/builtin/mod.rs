//! shim
/// s
pub fn songs() -> Vec<(String, Vec<u8>)> {
    use crate::music::*;
    let l = Layout { lowest_pitch: 24, highest_pitch: 102, planes: vec![Plane::Hold, Plane::Onset] };
    (0..20)
        .map(|s| {
            let mut r = PianoRoll::silent(l.clone(), 64);
            for t in 0..64 {
                let p = 40 + ((t / 4) * (s + 3) % 30);
                r.cells.set(t, p, true);
                if t % 4 == 0 {
                    r.cells.set(t, 78 + p, true);
                }
            }
            (format!("{s}.mid"), to_midi(&r, &MidiStyle::default()))
        })
        .collect()
}
