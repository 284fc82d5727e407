//! Names of functions, as the stack of a guest that trapped shows them: any bytes in the place of a
//! symbol.

use std::time::Duration;

use vitals_host::config::Secrets;
use vitals_host::fuzzing::symbols;

use super::Target;
use super::laws::{self, SECRETS};

pub(super) const TARGET: Target = Target {
    name: "symbols",
    about: "names of functions on a stack, mangled or not",
    run,
    seeds,
    dictionary: &[
        b"_R",
        b"_ZN",
        b"Nt",
        b"Nv",
        b"NCC",
        b"C0",
        b"C1a",
        b"Cs1_",
        b"0",
        b"6hunter",
        b"hunt\xe2\x80\x8ber",
        b"I",
        b"E",
        b"T",
        b"B_",
        b"B0_",
        b"B1_",
        b"B4_",
        b"TB0_B0_E",
        b"MC0",
        b"XC0",
        b"Y",
        b"FG0_EuE",
        b"DG0_",
        b"L_",
        b"Kj1_",
        b"KRe6869_",
        b"u5_abcd",
        b"$LT$",
        b"$u202e$",
        b"..",
        b".llvm.0123",
        b"17h0123456789abcdefE",
    ],
    longest: 2 << 10,
    patience: Duration::from_secs(5),
    cases: 10_000,
};

fn run(input: &[u8]) {
    let name = String::from_utf8_lossy(input);
    let secrets = Secrets::new(SECRETS);
    let frames = symbols([&*name; 20], &secrets);
    assert_eq!(frames.len(), 20);
    for frame in frames {
        laws::clean("a frame", frame.as_str());
        laws::keeps_secrets("a frame", frame.as_str());
        let length = frame.as_str().len();
        assert!(length <= 256, "a frame of {length} bytes");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let chain = format!("{}C0{}", "Nt".repeat(100), "0".repeat(100));
    [
        "_RNvXNtCs1_5alloc3vecINtB2_3VechENtNtCs2_4core5clone5Clone5clone".to_owned(),
        "_ZN4core3ops8function6FnOnce40call_once$u7b$$u7b$vtable.shim$u7d$$u7d$17h0123456789abcdefE"
            .to_owned(),
        format!("_RIC0{chain}TB2_B2_ETB4P_B4P_EE"),
        "_RNtB_0".to_owned(),
        "run".to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}
