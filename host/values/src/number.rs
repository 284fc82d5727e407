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
    pub(crate) fn at_start(text: &str) -> Option<(Self, &str)> {
        let (digits, rest) = split_digits(text);
        let (decimals, rest) = match rest.strip_prefix('.') {
            Some(rest) => split_digits(rest),
            None => ("", rest),
        };
        if digits.is_empty() && decimals.is_empty() {
            return None;
        }
        let whole = digits.bytes().fold(0_u64, |whole, digit| {
            whole
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        let mut billionths = 0;
        let mut worth = BILLION / 10;
        for digit in decimals.bytes() {
            billionths += u64::from(digit - b'0') * worth;
            worth /= 10;
        }
        Some((Self { whole, billionths }, rest))
    }

    /// The decimals times `unit`, rounded down. No product leaves 64 bits: `unit` is at most 2^60.
    pub(crate) fn fraction_of(self, unit: u64) -> u64 {
        let (billions, rest) = (unit / BILLION, unit % BILLION);
        self.billionths * billions + self.billionths * rest / BILLION
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}

pub(crate) const BILLION: u64 = 1_000_000_000;
