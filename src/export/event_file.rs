//! The event file of TensorBoard: records in the framing of TFRecord, each a message of protocol buffers.
//!
//! The numbers of fields are those of `event.proto`, `summary.proto` and `plugins/hparams/plugin_data.proto` of
//! TensorBoard 2.

/// An event file in memory.
pub(super) struct EventFile(Vec<u8>);

/// A message of protocol buffers, field by field.
#[derive(Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl EventFile {
    /// Makes a file with the event that every file begins with.
    pub(super) fn new() -> Self {
        let mut file = Self(Vec::new());
        file.push(&Message::default().double(1, 0.0).text(3, "brain.Event:2"));
        file
    }

    /// Adds an event: a value of a summary, at a wall time in seconds since 1970 and a step.
    pub(super) fn add(&mut self, wall_time: f64, step: u64, value: &Message) {
        let summary = Message::default().message(1, value);
        self.push(&Message::default().double(1, wall_time).varint(2, step).message(5, &summary));
    }

    /// Returns the bytes of the file.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds a record: its length, the checksum of the length, the message, its checksum.
    fn push(&mut self, event: &Message) {
        let length = (event.0.len() as u64).to_le_bytes();
        self.0.extend(length);
        self.0.extend(masked(crc32c(&length)).to_le_bytes());
        self.0.extend(&event.0);
        self.0.extend(masked(crc32c(&event.0)).to_le_bytes());
    }
}

impl Message {
    const VARINT: u64 = 0;
    const EIGHT_BYTES: u64 = 1;
    const LENGTH: u64 = 2;
    const FOUR_BYTES: u64 = 5;

    /// Adds an integer that is not negative, an enumeration or a flag.
    pub(super) fn varint(mut self, field: u64, value: u64) -> Self {
        self.push(field << 3 | Self::VARINT);
        self.push(value);
        self
    }

    /// Adds a float of 64 bits.
    pub(super) fn double(mut self, field: u64, value: f64) -> Self {
        self.push(field << 3 | Self::EIGHT_BYTES);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a float of 32 bits.
    pub(super) fn float(mut self, field: u64, value: f32) -> Self {
        self.push(field << 3 | Self::FOUR_BYTES);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a text.
    pub(super) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// Adds a message.
    pub(super) fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.push(field << 3 | Self::LENGTH);
        self.push(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// Writes an integer in groups of 7 bits, the lowest first; the high bit of a byte says that another follows.
    fn push(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The remainders of all bytes by the polynomial of Castagnoli, its bits reversed.
const REMAINDERS: [u32; 256] = {
    let mut remainders = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = remainder >> 1 ^ if remainder & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        remainders[byte] = remainder;
        byte += 1;
    }
    remainders
};

/// Returns the CRC-32C of some bytes (RFC 3720, section 12.1).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| crc >> 8 ^ REMAINDERS[usize::from(crc as u8 ^ byte)])
}

/// Returns a checksum as TFRecord stores it: a checksum over data that contain their own checksum is no safeguard.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32C, and the example of 32 zeros of RFC 3720, appendix B.4.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    /// The examples of the guide to the encoding of protocol buffers: 150, "testing", and a message in a message.
    #[test]
    fn messages_are_those_of_the_guide() {
        let number = Message::default().varint(1, 150);
        assert_eq!(number.0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").0, b"\x12\x07testing");
        assert_eq!(Message::default().message(3, &number).0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().double(1, 1.0).float(2, 1.0).0, b"\x09\0\0\0\0\0\0\xf0\x3f\x15\0\0\x80\x3f");
    }

    #[test]
    fn a_record_is_framed() {
        let file = EventFile::new().into_bytes();
        assert_eq!(file[..8], 24u64.to_le_bytes());
        assert_eq!(file.len(), 8 + 4 + 24 + 4);
        assert_eq!(&file[12 + 11..36], b"brain.Event:2");
    }
}
