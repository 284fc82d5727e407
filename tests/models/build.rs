//! Has the modules of the host that are included here use the primitives of loom.

fn main() {
    println!("cargo::rustc-cfg=loom");
}
