//! Serializes values as the file writes them, and describes them for the JSON Schema.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use vitals_values::duration_text;

use super::{Count, MAX_DURATION, MAX_INTEGER, MIN_DURATION, PageUrl, Period, Size};

macro_rules! convert {
    ($written:ty $([$($bounds:tt)*])?, $plain:ty, $into:expr, $from:expr) => {
        impl $(<$($bounds)*>)? From<$written> for $plain {
            fn from(written: $written) -> Self {
                $into(written.0)
            }
        }

        impl $(<$($bounds)*>)? From<$plain> for $written {
            fn from(plain: $plain) -> Self {
                Self($from(plain))
            }
        }
    };
}

convert!(Period, Duration, Duration::from, Duration::from);
convert!(Count<MIN, MAX> [const MIN: u64, const MAX: u64], u64, u64::from, u64::from);
convert!(Size<MIN, MAX> [const MIN: u64, const MAX: u64], u64, u64::from, u64::from);
convert!(
    Count<MIN, MAX> [const MIN: u64, const MAX: u64], u32,
    |number| u32::try_from(number).unwrap_or(u32::MAX), u64::from
);
convert!(
    Count<MIN, MAX> [const MIN: u64, const MAX: u64], NonZeroU32,
    |number| u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
    |number: NonZeroU32| u64::from(number.get())
);

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration_text(self.0))
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Count<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Size<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&vitals_values::Size::of_bytes(self.0))
    }
}

macro_rules! inline_schema {
    ($written:ty $([$($bounds:tt)*])?, $name:literal, $schema:expr) => {
        impl $(<$($bounds)*>)? JsonSchema for $written {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!(
    Period,
    "Period",
    json_schema!({
        "type": "string", "examples": ["30s", "1m 30s"], TYPE: duration_type(),
    })
);
// No `format`: an editor would reject `${NAME}`.
inline_schema!(
    PageUrl,
    "PageUrl",
    json_schema!({ "type": "string", TYPE: "URL" })
);
inline_schema!(Count<MIN, MAX> [const MIN: u64, const MAX: u64], "Count", match MAX {
    MAX_INTEGER => json_schema!({ "type": "integer", "minimum": MIN }),
    _ => json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX }),
});
inline_schema!(Size<MIN, MAX> [const MIN: u64, const MAX: u64], "Size", json_schema!({
    "type": ["string", "integer"], "minimum": MIN, "maximum": MAX, "examples": ["64MiB"],
    TYPE: size_type(MIN, MAX),
}));

/// The schema keyword for what the types of JSON Schema cannot say, in the words of the
/// documentation.
const TYPE: &str = "x-vitals-type";

fn duration_type() -> String {
    let (shortest, longest) = (duration_text(MIN_DURATION), duration_text(MAX_DURATION));
    format!("duration, {shortest} to {longest}")
}

fn size_type(min: u64, max: u64) -> String {
    let [min, max] = [min, max].map(vitals_values::Size::of_bytes);
    format!("size, {min} to {max}")
}
