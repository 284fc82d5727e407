//! Demangles the names of a guest's functions within a limit.
//!
//! The names are untrusted. A name of a kilobyte can demangle to a gigabyte, and one that demangles
//! to nothing can take seconds: back-references double a path at every step, and a path can consist
//! of a hundred empty names. So the demangler writes to a writer that fails at its limit. Each
//! chunk costs as many steps as the name has bytes, because finding the next chunk takes at most a
//! few steps per byte.

use std::fmt::{self, Write as _};

use vitals_model::{Secrets, Text};

/// Demangles the names of one stack, which share a budget.
pub(super) struct Symbols<'s> {
    secrets: &'s Secrets,
    steps: usize,
}

impl<'s> Symbols<'s> {
    /// Redacts `secrets` in names.
    pub(super) fn new(secrets: &'s Secrets) -> Self {
        Self {
            secrets,
            steps: MAX_STEPS,
        }
    }

    /// Returns a name to show, of at most 256 bytes. A name that is too long, malformed or over
    /// budget is not demangled, only cut.
    pub(super) fn show(&mut self, name: &str) -> Text {
        let demangled = self.demangle(name);
        let end = name.floor_char_boundary(MAX_NAME_BYTES);
        let name = demangled.as_deref().unwrap_or(&name[..end]);
        self.secrets.line(name, MAX_SHOWN_BYTES)
    }

    fn demangle(&mut self, name: &str) -> Option<String> {
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        let symbol = rustc_demangle::try_demangle(name).ok()?;
        let mut writer = BudgetedWriter {
            text: String::new(),
            cost: name.len(),
            steps: &mut self.steps,
        };
        // The alternate form leaves out the hash.
        write!(writer, "{symbol:#}").ok()?;
        Some(writer.text)
    }
}

struct BudgetedWriter<'s> {
    text: String,
    cost: usize,
    steps: &'s mut usize,
}

impl fmt::Write for BudgetedWriter<'_> {
    fn write_str(&mut self, chunk: &str) -> fmt::Result {
        *self.steps = self.steps.checked_sub(self.cost).ok_or(fmt::Error)?;
        // The demangler follows a back-reference to itself for 500 levels each time.
        if self.text.len() + chunk.len() > MAX_NAME_BYTES || chunk == "{recursion limit reached}" {
            return Err(fmt::Error);
        }
        self.text.push_str(chunk);
        Ok(())
    }
}

/// Longer names are not demangled.
const MAX_NAME_BYTES: usize = 1 << 10;
const MAX_SHOWN_BYTES: usize = 256;
/// The budget of one stack: about twenty names of usual length, and less than 0.5 ms.
const MAX_STEPS: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Roughly `<alloc::vec::Vec<u8> as core::clone::Clone>::clone`.
    const USUAL: &str = "_RNvXNtCs1_5alloc3vecINtB2_3VechENtNtCs2_4core5clone5Clone5clone";

    fn shown(names: &[&str]) -> Vec<String> {
        let secrets = Secrets::default();
        let mut symbols = Symbols::new(&secrets);
        names.iter().map(|name| symbols.show(name).into()).collect()
    }

    /// A path of `empty` empty names, and as many back-references as fit into a name of 1 KiB, each
    /// of which doubles the length.
    fn doubling(empty: usize) -> String {
        let mut symbol = format!("_RIC0{}C0{}", "Nt".repeat(empty), "0".repeat(empty));
        let mut last = "IC0".len();
        while symbol.len() < MAX_NAME_BYTES - 12 {
            let next = symbol.len() - "_R".len();
            let reference = format!("B{}_", base_62(last - 1));
            symbol.extend(["T", &reference, &reference, "E"]);
            last = next;
        }
        symbol + "E"
    }

    fn base_62(number: usize) -> String {
        let digit = |digit: usize| match u8::try_from(digit).unwrap() {
            digit @ 0..10 => char::from(b'0' + digit),
            digit @ 10..36 => char::from(b'a' + digit - 10),
            digit => char::from(b'A' + digit - 36),
        };
        let first = (number >= 62).then(|| digit(number / 62));
        first.into_iter().chain([digit(number % 62)]).collect()
    }

    #[test]
    fn names_are_demangled_without_their_hashes() {
        assert_eq!(
            shown(&[USUAL, "_ZN5alloc3vec4push17h0123456789abcdefE", "plain", ""]),
            [
                "<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
                "alloc::vec::push",
                "plain",
                ""
            ]
        );
        let usual = [USUAL; 20];
        assert!(shown(&usual).iter().all(|name| name.starts_with('<')));
    }

    #[test]
    fn names_that_expand_exhaust_the_budget_and_are_not_demangled() {
        for empty in [0, 3, 30, 100, 200] {
            let hostile = doubling(empty);
            assert!(rustc_demangle::try_demangle(&hostile).is_ok(), "{hostile}");
            let mut names = vec![hostile.as_str(); 19];
            names.push(USUAL);
            let shown = shown(&names);
            assert!(shown.iter().all(|name| name.starts_with("_R")), "{shown:?}");
        }
    }

    #[test]
    fn a_name_that_refers_to_itself_is_not_demangled() {
        assert_eq!(shown(&["_RNtB_0", USUAL])[0], "_RNtB_0");
    }

    #[test]
    fn long_names_are_cut_and_not_demangled() {
        let name = |length: usize| format!("_RC{length}{}", "x".repeat(length));
        let (fits, long) = (name(MAX_NAME_BYTES - 7), name(MAX_NAME_BYTES - 6));
        assert_eq!(
            (fits.len(), long.len()),
            (MAX_NAME_BYTES, MAX_NAME_BYTES + 1)
        );
        let shown_fits = &shown(&[&fits])[0];
        assert!(shown_fits.starts_with("xxx") && shown_fits.len() <= MAX_SHOWN_BYTES);
        let shown_long = &shown(&[&long])[0];
        assert!(shown_long.starts_with("_RC") && shown_long.len() <= MAX_SHOWN_BYTES);
        // It would have 1,800 bytes.
        let twice = format!("_RIC900{}B_E", "x".repeat(900));
        assert!(shown(&[&twice])[0].starts_with("_RI"));
    }
}
