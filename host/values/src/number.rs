//! Decimal numbers before a unit.

/// A decimal number that is not negative.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    /// What is before the point, at most `u64::MAX`.
    pub(crate) whole: u64,
    /// The first nine decimals; more do not count.
    billionths: u64,
}

impl Number {
    /// The number at the beginning of a text, and what follows it.
    pub(crate) fn at_start(text: &[u8]) -> Option<(Self, &[u8])> {
        let (mut whole, mut billionths) = (0_u64, 0);
        // What the next decimal is worth; nothing before the point.
        let mut worth = None;
        let mut has_digits = false;
        let mut rest = text;
        while let [byte, after @ ..] = rest {
            let digit = match byte {
                b'0'..=b'9' => u64::from(byte - b'0'),
                b'.' if worth.is_none() => {
                    worth = Some(BILLION / 10);
                    rest = after;
                    continue;
                }
                _ => break,
            };
            if let Some(worth) = &mut worth {
                billionths += digit * *worth;
                *worth /= 10;
            } else {
                whole = whole.saturating_mul(10).saturating_add(digit);
            }
            has_digits = true;
            rest = after;
        }
        has_digits.then_some((Self { whole, billionths }, rest))
    }

    /// The decimals times `unit`, rounded down. No product leaves 64 bits: `unit` is at most 2^60.
    pub(crate) fn fraction_of(self, unit: u64) -> u64 {
        let (billions, rest) = (unit / BILLION, unit % BILLION);
        self.billionths * billions + self.billionths * rest / BILLION
    }
}

pub(crate) const BILLION: u64 = 1_000_000_000;
