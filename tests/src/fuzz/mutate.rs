//! New inputs out of good ones: bits flipped, bytes moved, words of a dictionary put in.

use fastrand::Rng;

use super::Target;

/// Makes inputs; each depends on the seed and its number alone.
#[derive(Debug)]
pub(super) struct Mutator<'s> {
    seeds: &'s [Vec<u8>],
    dictionary: &'static [&'static [u8]],
    longest: usize,
}

impl<'s> Mutator<'s> {
    pub(super) fn new(target: &Target, seeds: &'s [Vec<u8>]) -> Self {
        Self {
            seeds,
            dictionary: target.dictionary,
            longest: target.longest,
        }
    }

    /// The input of a number.
    pub(super) fn make(&self, seed: u64, index: u64) -> Vec<u8> {
        // Neighbouring seeds make unlike beginnings only after some rounds; the factor spreads them.
        let spread = (seed ^ index.wrapping_mul(SPREAD)).wrapping_mul(SPREAD);
        let mut random = Rng::with_seed(spread);
        let mut input = match self.seeds {
            [] => noise(&mut random, 2048),
            _ if random.u8(..) < 8 => noise(&mut random, 2048),
            seeds => seeds[random.usize(..seeds.len())].clone(),
        };
        for _ in 0..1 << random.u32(0..5) {
            self.mutate(&mut random, &mut input);
        }
        input.truncate(self.longest);
        input
    }

    fn mutate(&self, random: &mut Rng, input: &mut Vec<u8>) {
        if input.is_empty() {
            *input = noise(random, 64);
            return;
        }
        let at = random.usize(..input.len());
        match random.u8(..13) {
            0 => input[at] ^= 1 << random.u8(..8),
            1 => input[at] = random.u8(..),
            2 => input[at] = TELLING[random.usize(..TELLING.len())],
            3 => input[at] = input[at].wrapping_add(random.u8(..9)).wrapping_sub(4),
            4 => {
                let range = range(random, input);
                input.drain(range);
            }
            5 => {
                let copy = input[range(random, input)].to_vec();
                insert(input, at, &copy);
            }
            6 => insert(input, at, &noise(random, 16)),
            7 if random.u8(..4) == 0 => input.truncate(at),
            7 | 8 => self.splice(random, input, at),
            9 | 10 => {
                if let Some(word) = self.word(random) {
                    insert(input, at, word);
                }
            }
            11 => {
                if let Some(word) = self.word(random) {
                    let end = (at + word.len()).min(input.len());
                    input.splice(at..end, word.iter().copied());
                }
            }
            _ => {
                let number = NUMBERS[random.usize(..NUMBERS.len())].to_le_bytes();
                let end = (at + number.len()).min(input.len());
                input[at..end].copy_from_slice(&number[..end - at]);
            }
        }
    }

    /// Puts a piece of another good input in the place of what stands here.
    fn splice(&self, random: &mut Rng, input: &mut Vec<u8>, at: usize) {
        let Some(other) = random.choice(self.seeds).filter(|other| !other.is_empty()) else {
            return;
        };
        let piece = &other[range(random, other)];
        if random.bool() {
            insert(input, at, piece);
        } else {
            let end = (at + piece.len()).min(input.len());
            input.splice(at..end, piece.iter().copied());
        }
    }

    fn word(&self, random: &mut Rng) -> Option<&'static [u8]> {
        random.choice(self.dictionary).copied()
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

/// Somewhere in a text that is not empty; mostly short.
fn range(random: &mut Rng, text: &[u8]) -> std::ops::Range<usize> {
    let start = random.usize(..text.len());
    let most = if random.u8(..8) == 0 { text.len() } else { 16 };
    let length = random.usize(1..=most);
    start..(start + length).min(text.len())
}

fn noise(random: &mut Rng, most: usize) -> Vec<u8> {
    let length = random.usize(..most);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

/// The fractional part of the golden ratio, as in Fibonacci hashing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bytes at which something begins or ends.
const TELLING: &[u8] = b"\0\x01\x7f\x80\xff\n\r\t \"'\\/.:@[]{}%-+0129=,#$*";
/// Numbers at which something begins or ends.
const NUMBERS: &[u32] = &[
    0,
    1,
    64,
    0xffff,
    0x1_0000,
    0x1_0010,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
];
