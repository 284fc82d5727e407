//! What a contained panic said. Knows nothing of who panicked.

use std::any::Any;

/// The text of a panic's payload.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
