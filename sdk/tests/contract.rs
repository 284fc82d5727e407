//! The SDK's copy of the contract is the contract.

#[test]
fn the_copy_is_the_same_as_the_original() {
    let (copy, original) = (
        include_str!("../wit/health.wit"),
        include_str!("../../wit/health.wit"),
    );
    assert!(
        copy == original,
        "sdk/wit/health.wit differs: run `cp wit/health.wit sdk/wit/`"
    );
}
