//! Names of functions, as the stack of a guest that trapped shows them: any bytes in the place of a
//! symbol.

use vitals_host::config::Secrets;
use vitals_host::fuzzing::symbols;

use super::laws::{self, SECRETS};

pub(super) fn run(input: &[u8]) {
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

pub(super) fn seeds() -> Vec<Vec<u8>> {
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
