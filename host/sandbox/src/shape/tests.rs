//! Components within and beyond the limits on their shape.

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
    instances(wasm).unwrap().count
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
fn the_nesting_of_components_is_limited() {
    let once = |levels| check_instances(&nested(&vec![1; levels]));
    // The innermost has a module in it, which is one level more.
    assert_eq!(once(99), Ok(()));
    let shape = LoadError::Shape {
        what: "levels of nested components",
        count: 101,
        limit: 100,
    };
    assert_eq!(once(100), Err(shape));
}

#[test]
fn components_that_cannot_be_counted_are_rejected() {
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    // A type of an empty component, an import of one, and an instance of that.
    component.extend([7, 3, 1, 0x41, 0]);
    component.extend([10, 6, 1, 0, 1, b'a', 4, 0]);
    component.extend([5, 4, 1, 0, 0, 0]);
    let refused = check_instances(&component);
    assert!(matches!(refused, Err(LoadError::Types(_))), "{refused:?}");
}

/// A component of one section, which has so many entries that are all the same.
fn component_of(section: u8, count: usize, entry: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    leb(&mut body, count);
    body.extend(entry.repeat(count));
    with_section(b"\0asm\x0d\0\x01\0", section, &body)
}

fn with_section(before: &[u8], id: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = before.to_vec();
    bytes.push(id);
    leb(&mut bytes, body.len());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn the_size_of_an_index_space_is_bounded() {
    let alias = |kind: u8| component_of(6, 1001, &[kind, 2, 0, 0]);
    let alias_of_core_module = component_of(6, 1001, &[0, 0x11, 2, 0, 0]);
    let export = component_of(11, 1001, &[0, 1, b'a', 4, 0, 0]);
    let export_of_core_module = component_of(11, 1001, &[0, 1, b'a', 0, 0x11, 0, 0]);
    for (what, wasm) in [
        ("components", alias(4)),
        ("core modules", alias_of_core_module),
        ("components", export),
        ("core modules", export_of_core_module),
        ("components", component_of(10, 1001, &[0, 1, b'a', 4, 0])),
        (
            "core modules",
            component_of(10, 1001, &[0, 1, b'a', 0, 0x11, 0]),
        ),
        ("core modules", b"\x01\x08\0asm\x01\0\0\0".repeat(1001)),
        ("components", b"\x04\x08\0asm\x0d\0\x01\0".repeat(1001)),
    ] {
        let wasm = match wasm.strip_prefix(b"\0asm") {
            Some(_) => wasm,
            None => [b"\0asm\x0d\0\x01\0", &wasm[..]].concat(),
        };
        let shape = LoadError::Shape {
            what,
            count: 1001,
            limit: 1000,
        };
        assert_eq!(
            check_instances(&wasm),
            Err(shape),
            "{what}: {:x?}",
            &wasm[..20]
        );
    }
}

#[test]
fn the_size_of_instances_is_bounded() {
    // A module of so many imported functions, and so many instances of it.
    let component = |imports: usize, instances: usize| {
        let mut list = Vec::new();
        leb(&mut list, imports);
        list.extend([0, 0, 0, 0].repeat(imports));
        let module = with_section(b"\0asm\x01\0\0\0", 1, &[1, 0x60, 0, 0]);
        let module = with_section(&module, 2, &list);
        let component = with_section(b"\0asm\x0d\0\x01\0", 1, &module);
        let mut list = Vec::new();
        leb(&mut list, instances);
        list.extend([0, 0, 0].repeat(instances));
        with_section(&component, 2, &list)
    };
    assert_eq!(check_instances(&component(100_000, 0)), Ok(()));
    assert_eq!(check_instances(&component(100_000, 1)), Ok(()));
    for (imports, instances) in [(200_000, 1), (100_000, 2), (3000, 64)] {
        let refused = check_instances(&component(imports, instances));
        assert!(
            matches!(
                refused,
                Err(LoadError::Shape {
                    limit: 0x40_0000,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn files_that_cannot_be_parsed_are_left_to_the_compiler() {
    assert_eq!(check_instances(b"\0asm\x0d\0\x01\0\xff"), Ok(()));
}
