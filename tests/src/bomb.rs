//! Small components whose compilation takes forever, or all memory.

/// Takes minutes: a few thousand nested loops over a hundred variables, which are live in all of them. It
/// has 28 KB, and its time grows with the square of `loops`.
pub fn endless(variables: usize, loops: usize) -> Vec<u8> {
    let mut body = vec![1];
    leb(&mut body, variables);
    body.push(0x7f);
    let index = |body: &mut Vec<u8>, operation: u8, number: usize| {
        body.push(operation);
        leb(body, number % variables);
    };
    for number in 0..loops {
        // loop; a[3 n] = a[n] + a[7 n + 1]
        body.extend([0x03, 0x40]);
        index(&mut body, 0x20, number);
        index(&mut body, 0x20, 7 * number + 1);
        body.push(0x6a);
        index(&mut body, 0x21, 3 * number);
    }
    for number in 0..loops {
        // br_if 0 (a[5 n]); end
        index(&mut body, 0x20, 5 * number);
        body.extend([0x0d, 0, 0x0b]);
    }
    body.push(0x0b);
    component(&body)
}

/// Takes gigabytes: branch tables with this number of targets, each of which is an edge in the compiler.
pub fn gigantic(tables: usize, targets: usize) -> Vec<u8> {
    let mut table = vec![0x02, 0x40, 0x20, 0, 0x0e];
    leb(&mut table, targets);
    table.resize(table.len() + targets + 1, 0);
    table.push(0x0b);
    let mut body = vec![0];
    body.extend(table.repeat(tables));
    body.push(0x0b);
    component(&body)
}

/// A component with a module with one function: `(param i32)` and this body.
fn component(body: &[u8]) -> Vec<u8> {
    let mut code = vec![1];
    leb(&mut code, body.len());
    code.extend_from_slice(body);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 1, 0x7f, 0]);
    section(&mut module, 3, &[1, 0]);
    section(&mut module, 10, &code);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(&mut component, 1, &module);
    component
}

fn section(to: &mut Vec<u8>, id: u8, body: &[u8]) {
    to.push(id);
    leb(to, body.len());
    to.extend_from_slice(body);
}

fn leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(low(value) | 0x80);
        value >>= 7;
    }
    bytes.push(low(value));
}

/// The lowest seven bits.
fn low(value: usize) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}
