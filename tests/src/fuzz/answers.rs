//! What a guest's `check` answers: any bytes where the result should lie, lifted by the engine and
//! made a report.

use std::sync::{Arc, LazyLock};

use vitals_host::plugin::Plugin;

use super::contract::{ExtraModule, IMAGE};
use super::{arena, contract};

/// A component that answers with what its configuration says, so that it is compiled once.
static MIRROR: LazyLock<Arc<Plugin>> = LazyLock::new(|| {
    let admitted = arena::admit(&contract::component("{}", ExtraModule::None));
    admitted.unwrap_or_else(|error| panic!("the component is rejected: {error}"))
});

pub(super) fn run(input: &[u8]) {
    arena::run(&MIRROR, contract::image_config(input));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut healthy = Image::new();
    healthy.text(8, "all is well with hunterhunted");
    healthy.list(16, 3, 24, &|image, at, index| {
        image.text(at, ["first", "second", "third"][index]);
        image.byte(at + 8, u8::try_from(index).expect("few"));
        match index {
            0 => image.text(at + 16, "a text"),
            _ => image.bytes(at + 16, &1.5_f64.to_le_bytes()),
        }
    });
    healthy.list(24, 2, 72, &|image, at, index| {
        image.text(at, ["lag", "free_bytes"][index]);
        image.bytes(at + 8, &0.25_f64.to_le_bytes());
        image.text(at + 16, "seconds");
        image.byte(at + 24, 1);
        image.bytes(at + 40, &2.0_f64.to_le_bytes());
    });
    let mut documents = Image::new();
    documents.byte(4, 2);
    documents.list(16, 40, 24, &|image, at, index| {
        image.text(at, &format!("key{index}"));
        image.byte(at + 8, 4);
        image.text(at + 16, r#"{"a": ["hunter\n", {"b": null}], "c": 1e300}"#);
    });
    let mut failed = Image::new();
    failed.byte(0, 1);
    failed.text(4, "the reply of geheimnisvoll\ncannot be \u{202e}parsed");
    // The same bytes over and over: what is lifted is more than what is there.
    let mut many = Image::new();
    many.pair(16, IMAGE + 64, 20_000);
    let mut long = Image::new();
    long.text(8, &"hunterä\u{200b}".repeat(2_000));
    [healthy, documents, failed, many, long]
        .map(|image| image.0)
        .into()
}

/// A result as it lies in the guest's memory, by the canonical ABI: case at 0, then for an outcome
/// the status at 4 and address and length of message, details and measurements.
struct Image(Vec<u8>);

impl Image {
    fn new() -> Self {
        Self(vec![0; 32])
    }

    fn byte(&mut self, at: usize, byte: u8) {
        self.bytes(at, &[byte]);
    }

    fn bytes(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn pair(&mut self, at: usize, address: u32, length: usize) {
        let length = u32::try_from(length).expect("an image is small");
        self.bytes(at, &address.to_le_bytes());
        self.bytes(at + 4, &length.to_le_bytes());
    }

    fn text(&mut self, at: usize, text: &str) {
        self.pair(at, self.end(), text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// `count` entries of `size` bytes, each filled in by `fill`.
    fn list(
        &mut self,
        at: usize,
        count: usize,
        size: usize,
        fill: &dyn Fn(&mut Self, usize, usize),
    ) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self.pair(at, self.end(), count);
        let first = self.0.len();
        self.0.resize(first + count * size, 0);
        for index in 0..count {
            fill(self, first + index * size, index);
        }
    }

    fn end(&self) -> u32 {
        IMAGE + u32::try_from(self.0.len()).expect("an image is small")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_inputs_are_answers_that_are_taken() {
        let [healthy, documents, failed, many, long]: [Vec<u8>; 5] =
            seeds().try_into().expect("five");
        let report = |image: &[u8]| arena::run(&MIRROR, contract::image_config(image));
        let healthy = report(&healthy);
        assert_eq!(healthy.error, None);
        assert_eq!(
            healthy.outcome.message().as_str(),
            "all is well with [redacted]"
        );
        assert_eq!(healthy.outcome.details()["third"], 1.5);
        assert_eq!(healthy.outcome.measurements().len(), 2);
        assert!(healthy.outcome.measurements()[0].degraded_at.is_some());
        assert_eq!(report(&documents).outcome.details().len(), 40);
        assert_eq!(report(&failed).outcome.status().as_str(), "unhealthy");
        assert_eq!(report(&many).result(), "output");
        assert_eq!(report(&long).outcome.truncated(), ["message"]);
    }
}
