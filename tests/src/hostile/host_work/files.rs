//! The plugins directory as a stranger's input: too many files, and files that block whoever opens
//! them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::guests;
use crate::hostile::case::{Body, HostileCase, case};
use crate::hostile::world;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        case("files-many", "comes after 5,000 files, of which some are plugins and most are none",
            Body::Beside(many)).healthy().message("hello"),
        case("files-fifos", "comes after files that are FIFOs whenever somebody opens them",
            Body::Beside(fifos)).healthy().message("hello"),
    ]
}

/// Files of all kinds that are small, each with a content of its own.
fn many(dir: &Path) {
    for number in 0..5000_u32 {
        let bytes = match number % 100 {
            0 if number < 1000 => guests::tiny(&format!("plugin {number}")),
            1..40 => format!("no plugin {number}").into_bytes(),
            // The head of a component, and nothing that could follow.
            _ => [b"\0asm\x0d\0\x01\0".as_slice(), &number.to_le_bytes()].concat(),
        };
        let name = if number % 50 == 3 {
            format!("No Name {number}")
        } else {
            format!("a{number:04}")
        };
        fs::write(dir.join(format!("{name}.wasm")), bytes).expect("the directory takes it");
    }
}

/// Links to what is a file and a FIFO by turns, on ways so long that it changes between any two
/// looks. More of them than are read at once.
fn fifos(dir: &Path) {
    fs::create_dir(dir.join("on")).expect("the directory takes it");
    let pair = |number: usize| {
        let (file, fifo) = (format!(".file-{number}"), format!(".fifo-{number}"));
        let way = format!("{}{file}", "on/../".repeat(500));
        symlink(way, dir.join(format!("fifo-{number}.wasm"))).expect("the directory takes it");
        fs::write(dir.join(&file), "a file, for now").expect("the directory takes it");
        world::fifo(&dir.join(&fifo));
        (dir.join(file), dir.join(fifo))
    };
    let pairs: Vec<_> = (0..16).map(pair).collect();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        for (file, fifo) in &pairs {
            renameat_with(CWD, file, CWD, fifo, RenameFlags::EXCHANGE).expect("both are there");
        }
    }
}
