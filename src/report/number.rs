//! The number in embedded data, rounded to six digits so that a page of many stays small.

use serde::{Serialize, Serializer};

/// A number with six significant digits; `null` where it is not finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rounded(pub(super) f64);

/// The digits kept after the first.
const DIGITS: usize = 5;

impl Serialize for Rounded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return serializer.serialize_none();
        }
        let digits = format!("{:.DIGITS$e}", self.0);
        let rounded: f64 = digits.parse().unwrap_or(self.0);
        // Whole numbers without the ".0" that tells floats apart: JSON knows one kind of number.
        if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
            serializer.serialize_i64(rounded as i64)
        } else {
            serializer.serialize_f64(rounded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_stay() {
        let json = |value| serde_json::to_string(&Rounded(value)).unwrap();
        assert_eq!(json(-2.136_543_21), "-2.13654");
        assert_eq!(json(1.234_567_8e-7), "1.23457e-7");
        assert_eq!(json(123_456_789.0), "123457000");
        assert_eq!(json(3.0), "3");
        assert_eq!(json(-0.0), "0");
        assert_eq!(json(9.876_543e20).parse(), Ok(9.87654e20));
        assert_eq!(json(f64::NAN), "null");
        assert_eq!(json(f64::NEG_INFINITY), "null");
    }
}
