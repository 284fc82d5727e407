//! Never gets as far as to be asked: it loops while it is instantiated, before any export is called.

#![cfg(target_family = "wasm")]
#![expect(
    unsafe_code,
    reason = "a function that runs at instantiation is put there by hand"
)]

use vitals_test_guests::raw::{Guest, description, export, healthy, types};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        description("spin-start")
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        Ok(healthy("nobody can ask me this"))
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = spin;

extern "C" fn spin() {
    let mut rounds: u64 = 0;
    loop {
        rounds = std::hint::black_box(rounds.wrapping_add(1));
    }
}

export!(Component);
