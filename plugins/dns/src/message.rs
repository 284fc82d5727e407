//! The messages of DNS: a question, and the answer to it and to no other.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use domain::base::iana::{Class, Rcode};
use domain::base::{
    Message, MessageBuilder, Name, ParseRecordData, ParsedName, ParsedRecord, Rtype,
};
use domain::rdata::{A, Aaaa, Cname, Mx, Ns, Ptr, Soa, Srv, Txt};
use vitals_sdk::prelude::*;

/// A type of records.
#[derive(Config, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    #[config(rename = "A")]
    A,
    #[config(rename = "AAAA")]
    Aaaa,
    #[config(rename = "CAA")]
    Caa,
    #[config(rename = "CNAME")]
    Cname,
    #[config(rename = "MX")]
    Mx,
    #[config(rename = "NS")]
    Ns,
    #[config(rename = "PTR")]
    Ptr,
    #[config(rename = "SOA")]
    Soa,
    #[config(rename = "SRV")]
    Srv,
    #[config(rename = "TXT")]
    Txt,
}

impl Kind {
    fn number(self) -> Rtype {
        match self {
            Self::A => Rtype::A,
            Self::Aaaa => Rtype::AAAA,
            Self::Caa => Rtype::CAA,
            Self::Cname => Rtype::CNAME,
            Self::Mx => Rtype::MX,
            Self::Ns => Rtype::NS,
            Self::Ptr => Rtype::PTR,
            Self::Soa => Rtype::SOA,
            Self::Srv => Rtype::SRV,
            Self::Txt => Rtype::TXT,
        }
    }

    /// A record as it is compared: as zone files have it, without final dots and quotes, names in lower case.
    pub(crate) fn normal(self, text: &str) -> String {
        match self {
            Self::Txt => text.to_owned(),
            Self::Caa => words(text, |word| word.trim_matches('"').to_owned()),
            Self::A | Self::Aaaa => match text.parse::<std::net::IpAddr>() {
                Ok(address) => address.to_string(),
                Err(_) => text.to_owned(),
            },
            _ => words(text, |word| {
                let word = word.to_ascii_lowercase();
                match word.strip_suffix('.') {
                    Some(name) if !name.is_empty() => name.to_owned(),
                    _ => word,
                }
            }),
        }
    }
}

fn words(text: &str, change: impl Fn(&str) -> String) -> String {
    let words: Vec<String> = text.split_whitespace().map(change).collect();
    words.join(" ")
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// A question, as it is sent.
pub(crate) struct Question {
    kind: Kind,
    message: Message<Vec<u8>>,
    shown: String,
}

/// What a server answered.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answered {
    /// How the answer ends, as everybody calls it: `NOERROR`, `NXDOMAIN`.
    pub(crate) rcode: String,
    /// The records of the type that was asked for, in order.
    pub(crate) records: Vec<String>,
    /// The least of their times to live, in seconds.
    pub(crate) ttl: Option<u32>,
    /// The serial number, where the question was for one.
    pub(crate) serial: Option<u32>,
    pub(crate) is_authoritative: bool,
    pub(crate) is_validated: bool,
    /// There was more than a datagram holds.
    pub(crate) is_truncated: bool,
}

impl Question {
    pub(crate) fn new(name: &str, kind: Kind) -> Result<Self> {
        let shown = format!("{name} ({kind})");
        let name: Name<Vec<u8>> = Name::vec_from_str(name)
            .with_context(|| format!("`{}` is no name", shortened(name, SHOWN)))?;
        let mut message = MessageBuilder::new_vec();
        let header = message.header_mut();
        header.set_id(random());
        header.set_rd(true);
        // Asks to be told whether the answer was validated (RFC 6840, section 5.7).
        header.set_ad(true);
        let mut message = message.question();
        message
            .push((&name, kind.number()))
            .context("the question is too long")?;
        Ok(Self {
            kind,
            message: message.into_message(),
            shown,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.message.as_slice()
    }

    /// Reads what came. Nothing where it is no answer to this question; an error where it is one that can't
    /// be read.
    pub(crate) fn answer(&self, bytes: &[u8]) -> Result<Option<Answered>> {
        let Ok(reply) = Message::from_octets(bytes) else {
            return Ok(None);
        };
        let header = reply.header();
        // Some do not repeat a question that they refuse.
        let is_bare_refusal = header.qr()
            && header.id() == self.message.header().id()
            && header.rcode() != Rcode::NOERROR
            && reply.header_counts().qdcount() == 0;
        if !reply.is_answer(&self.message) && !is_bare_refusal {
            return Ok(None);
        }
        let mut answered = Answered {
            rcode: name_of(header.rcode()),
            is_authoritative: header.aa(),
            is_validated: header.ad(),
            is_truncated: header.tc(),
            ..Answered::default()
        };
        if !answered.is_truncated {
            self.read(&reply, &mut answered)
                .with_context(|| format!("the answer for {self} cannot be read"))?;
        }
        Ok(Some(answered))
    }

    fn read(&self, reply: &Message<&[u8]>, answered: &mut Answered) -> Result<()> {
        for record in reply.answer()? {
            let record = record?;
            if record.class() != Class::IN || record.rtype() != self.kind.number() {
                continue;
            }
            if self.kind == Kind::Soa
                && let Some(soa) = record.to_record::<Soa<ParsedName<_>>>()?
            {
                answered.serial = Some(soa.data().serial().into_int());
            }
            let text = self.text(&record)?;
            answered.records.push(self.kind.normal(&text));
            let ttl = record.ttl().as_secs();
            answered.ttl = Some(answered.ttl.map_or(ttl, |least| least.min(ttl)));
        }
        // Servers turn them round.
        answered.records.sort();
        answered.records.dedup();
        Ok(())
    }

    fn text(&self, record: &ParsedRecord<'_, &[u8]>) -> Result<String> {
        type Named<'a> = ParsedName<&'a [u8]>;
        match self.kind {
            Kind::A => shown::<A>(record),
            Kind::Aaaa => shown::<Aaaa>(record),
            Kind::Cname => shown::<Cname<Named<'_>>>(record),
            Kind::Mx => shown::<Mx<Named<'_>>>(record),
            Kind::Ns => shown::<Ns<Named<'_>>>(record),
            Kind::Ptr => shown::<Ptr<Named<'_>>>(record),
            Kind::Soa => shown::<Soa<Named<'_>>>(record),
            Kind::Srv => shown::<Srv<Named<'_>>>(record),
            Kind::Txt => {
                let record = record.to_record::<Txt<&[u8]>>()?;
                let text = record.map(|record| record.data().text::<Vec<u8>>());
                Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned())
            }
            Kind::Caa => caa(record).context("a record is cut off"),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn shown<'a, D>(record: &ParsedRecord<'a, &'a [u8]>) -> Result<String>
where
    D: ParseRecordData<'a, &'a [u8]> + fmt::Display,
{
    let record = record.to_record::<D>()?;
    Ok(record
        .map(|record| record.data().to_string())
        .unwrap_or_default())
}

/// `0 issue ca.example.net`. (RFC 8659, section 4.1; the crate has no such record.)
fn caa(record: &ParsedRecord<'_, &[u8]>) -> Option<String> {
    use domain::base::UnknownRecordData;
    let record = record.to_record::<UnknownRecordData<&[u8]>>().ok()??;
    let (flags, rest) = record.data().data().split_first()?;
    let (length, rest) = rest.split_first()?;
    let (tag, value) = rest.split_at_checked((*length).into())?;
    let (tag, value) = (String::from_utf8_lossy(tag), String::from_utf8_lossy(value));
    Some(format!("{flags} {tag} {value}"))
}

fn name_of(rcode: Rcode) -> String {
    match rcode.to_mnemonic() {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => format!("RCODE {}", rcode.to_int()),
    }
}

/// A number that nobody can guess, for a stranger not to answer in the place of the server. `std` takes the
/// keys of its hash maps from the machine's source of randomness.
fn random() -> u16 {
    let bytes = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// How many characters of a setting are in a message.
const SHOWN: usize = 64;
