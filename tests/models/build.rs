//! Makes the host modules that are included here use loom's primitives.

fn main() {
    println!("cargo::rustc-cfg=loom");
}
