//! Makes an input that fails smaller for as long as it fails.

use std::time::{Duration, Instant};

/// The smallest input that was found for which `fails` still says so: pieces are taken out, large
/// ones first, then single bytes are made plain.
pub(super) fn shrink(input: &[u8], mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let until = Instant::now() + PATIENCE;
    let mut small = input.to_vec();
    let mut piece = (small.len() / 2).max(1);
    loop {
        let before = small.len();
        let mut at = 0;
        while at < small.len() && Instant::now() < until {
            let mut less = small.clone();
            less.drain(at..(at + piece).min(small.len()));
            if fails(&less) {
                small = less;
            } else {
                at += piece;
            }
        }
        let smaller = small.len() < before;
        match piece {
            1 if !smaller => break,
            1 => {}
            _ => piece /= 2,
        }
        if Instant::now() >= until {
            break;
        }
    }
    for at in 0..small.len() {
        if small[at] == PLAIN || Instant::now() >= until {
            continue;
        }
        let before = std::mem::replace(&mut small[at], PLAIN);
        if !fails(&small) {
            small[at] = before;
        }
    }
    small
}

const PATIENCE: Duration = Duration::from_mins(1);
const PLAIN: u8 = b'a';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let fails = |input: &[u8]| {
            let first = input.iter().position(|&byte| byte == b'x');
            first.is_some_and(|first| input[first..].contains(&b'y'))
        };
        assert_eq!(shrink(b"some x and then y at last", fails), b"xy");
        let at_least_three = |input: &[u8]| input.len() >= 3;
        assert_eq!(shrink(b"abcdefgh", at_least_three), b"aaa");
    }
}
