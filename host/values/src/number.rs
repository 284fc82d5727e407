//! Decimal numbers, as they precede a unit.
//!
//! This module does not know the units.

/// A decimal number. It is not negative.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    /// The digits before the point, at most `u64::MAX`.
    pub(crate) whole: u64,
    /// The first nine decimals. Further decimals are ignored.
    billionths: u64,
}

impl Number {
    /// Parses the number at the beginning of a text. Also returns the rest of the text.
    pub(crate) fn at_start(text: &[u8]) -> Option<(Self, &[u8])> {
        let (mut whole, mut billionths) = (0_u64, 0);
        // The value of the next decimal. `None` before the point.
        let mut place_value = None;
        let mut has_digits = false;
        let mut rest = text;
        while let [byte, after @ ..] = rest {
            let digit = match byte {
                b'0'..=b'9' => u64::from(byte - b'0'),
                b'.' if place_value.is_none() => {
                    place_value = Some(BILLION / 10);
                    rest = after;
                    continue;
                }
                _ => break,
            };
            if let Some(place_value) = &mut place_value {
                billionths += digit * *place_value;
                *place_value /= 10;
            } else {
                whole = whole.saturating_mul(10).saturating_add(digit);
            }
            has_digits = true;
            rest = after;
        }
        has_digits.then_some((Self { whole, billionths }, rest))
    }

    /// The decimals times `unit`, rounded down. The products fit into 64 bits, because `unit` is at most 2^60.
    pub(crate) fn fraction_of(self, unit: u64) -> u64 {
        let (billions, rest) = (unit / BILLION, unit % BILLION);
        self.billionths * billions + self.billionths * rest / BILLION
    }
}

pub(crate) const BILLION: u64 = 1_000_000_000;
