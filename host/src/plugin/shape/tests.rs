use super::*;

/// A component of nested ones: each makes `times` instances of the next, the innermost of a module.
fn nested(times: &[usize]) -> Vec<u8> {
    // Written in the binary format, because the host has no parser of the text.
    let (&first, rest) = times.split_first().unwrap();
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    let mut section = |id: u8, body: &[u8]| {
        component.push(id);
        leb(&mut component, body.len());
        component.extend_from_slice(body);
    };
    let mut instances = Vec::new();
    leb(&mut instances, first);
    // Instantiate, the first of its kind, without arguments.
    instances.extend([0, 0, 0].repeat(first));
    if rest.is_empty() {
        section(1, b"\0asm\x01\0\0\0");
        section(2, &instances);
    } else {
        section(4, &nested(rest));
        section(5, &instances);
    }
    component
}

fn leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

fn counted(wasm: &[u8]) -> u32 {
    core_instances(wasm).unwrap().unwrap().0
}

#[test]
fn core_instances_are_counted_through_nested_components() {
    assert_eq!(counted(&nested(&[3])), 3);
    assert_eq!(counted(&nested(&[2, 3, 4])), 24);
    assert_eq!(counted(&nested(&[200; 8])), u32::MAX);
    assert_eq!(check_instances(&nested(&[8, 8])), Ok(()));
    let refused = check_instances(&nested(&[5, 13]));
    let shape = LoadError::Shape {
        what: "core instances",
        count: 65,
        limit: 64,
    };
    assert_eq!(refused, Err(shape));
}

#[test]
fn components_lie_in_each_other_only_so_deep() {
    let once = |levels| check_instances(&nested(&vec![1; levels]));
    // The innermost has a module in it, which is one level more.
    assert_eq!(once(99), Ok(()));
    let shape = LoadError::Shape {
        what: "components in each other",
        count: 101,
        limit: 100,
    };
    assert_eq!(once(100), Err(shape));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    // A type of an empty component, an import of one, and an instance of that.
    component.extend([7, 3, 1, 0x41, 0]);
    component.extend([10, 6, 1, 0, 1, b'a', 4, 0]);
    component.extend([5, 4, 1, 0, 0, 0]);
    let refused = check_instances(&component);
    assert!(matches!(refused, Err(LoadError::Types(_))), "{refused:?}");
}

#[test]
fn what_cannot_be_parsed_is_left_to_the_compiler() {
    assert_eq!(check_instances(b"\0asm\x0d\0\x01\0\xff"), Ok(()));
}
