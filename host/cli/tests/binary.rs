//! The binary `vitals` starts. Since this test is beside it, cargo builds the binary wherever it builds
//! tests, and those of `tests/`, which start it too, never see an old one.

use std::process::Command;

#[test]
fn the_binary_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_vitals"))
        .arg("--version")
        .output()
        .expect("the binary can be started");
    let expected = concat!("vitals ", env!("CARGO_PKG_VERSION"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with(expected), "{said}");
}
