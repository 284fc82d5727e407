//! DNS messages: a query, and the response that matches it.

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

    /// Normalizes a record for comparison: in zone file format, without trailing dots and quotes,
    /// with names in lower case.
    pub(crate) fn normalized(self, text: &str) -> String {
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

/// A query in wire format.
pub(crate) struct Question {
    kind: Kind,
    message: Message<Vec<u8>>,
    display: String,
}

/// The response of a server.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Response {
    /// The response code in its usual notation: `NOERROR`, `NXDOMAIN`.
    pub(crate) rcode: String,
    /// The records of the requested type, sorted.
    pub(crate) records: Vec<String>,
    /// The smallest time to live, in seconds.
    pub(crate) ttl: Option<u32>,
    /// The serial number, for a query of type SOA.
    pub(crate) serial: Option<u32>,
    pub(crate) is_authoritative: bool,
    pub(crate) is_validated: bool,
    /// Whether the response was truncated to fit a datagram.
    pub(crate) is_truncated: bool,
}

impl Question {
    pub(crate) fn new(name: &str, kind: Kind) -> Result<Self> {
        let display = format!("{name} ({kind})");
        let name: Name<Vec<u8>> = Name::vec_from_str(name)
            .with_context(|| format!("`{}` is not a domain name", shortened(name, CHARS_SHOWN)))?;
        let mut message = MessageBuilder::new_vec();
        let header = message.header_mut();
        header.set_id(random());
        header.set_rd(true);
        // Requests whether the response was validated (RFC 6840, section 5.7).
        header.set_ad(true);
        let mut message = message.question();
        message
            .push((&name, kind.number()))
            .context("the query is too long")?;
        Ok(Self {
            kind,
            message: message.into_message(),
            display,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.message.as_slice()
    }

    /// Parses a message. Returns `None` if it does not match this query, and an error if it matches
    /// but cannot be parsed.
    pub(crate) fn answer(&self, bytes: &[u8]) -> Result<Option<Response>> {
        let Ok(reply) = Message::from_octets(bytes) else {
            return Ok(None);
        };
        let header = reply.header();
        // Some servers do not repeat a question that they refuse.
        let is_refusal_without_question = header.qr()
            && header.id() == self.message.header().id()
            && header.rcode() != Rcode::NOERROR
            && reply.header_counts().qdcount() == 0;
        if !reply.is_answer(&self.message) && !is_refusal_without_question {
            return Ok(None);
        }
        let mut response = Response {
            rcode: name_of(header.rcode()),
            is_authoritative: header.aa(),
            is_validated: header.ad(),
            is_truncated: header.tc(),
            ..Response::default()
        };
        if !response.is_truncated {
            self.read(&reply, &mut response)
                .with_context(|| format!("cannot parse the response for {self}"))?;
        }
        Ok(Some(response))
    }

    fn read(&self, reply: &Message<&[u8]>, response: &mut Response) -> Result<()> {
        for record in reply.answer()? {
            let record = record?;
            if record.class() != Class::IN || record.rtype() != self.kind.number() {
                continue;
            }
            if self.kind == Kind::Soa
                && let Some(soa) = record.to_record::<Soa<ParsedName<_>>>()?
            {
                response.serial = Some(soa.data().serial().into_int());
            }
            let text = self.text(&record)?;
            response.records.push(self.kind.normalized(&text));
            let ttl = record.ttl().as_secs();
            response.ttl = Some(response.ttl.map_or(ttl, |least| least.min(ttl)));
        }
        // Servers rotate the order of records.
        response.records.sort();
        response.records.dedup();
        Ok(())
    }

    fn text(&self, record: &ParsedRecord<'_, &[u8]>) -> Result<String> {
        type Named<'a> = ParsedName<&'a [u8]>;
        match self.kind {
            Kind::A => parse_record::<A>(record),
            Kind::Aaaa => parse_record::<Aaaa>(record),
            Kind::Cname => parse_record::<Cname<Named<'_>>>(record),
            Kind::Mx => parse_record::<Mx<Named<'_>>>(record),
            Kind::Ns => parse_record::<Ns<Named<'_>>>(record),
            Kind::Ptr => parse_record::<Ptr<Named<'_>>>(record),
            Kind::Soa => parse_record::<Soa<Named<'_>>>(record),
            Kind::Srv => parse_record::<Srv<Named<'_>>>(record),
            Kind::Txt => {
                let record = record.to_record::<Txt<&[u8]>>()?;
                let text = record.map(|record| record.data().text::<Vec<u8>>());
                Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned())
            }
            Kind::Caa => caa(record).context("a record is truncated"),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

fn parse_record<'a, D>(record: &ParsedRecord<'a, &'a [u8]>) -> Result<String>
where
    D: ParseRecordData<'a, &'a [u8]> + fmt::Display,
{
    let record = record.to_record::<D>()?;
    Ok(record
        .map(|record| record.data().to_string())
        .unwrap_or_default())
}

/// Formats `0 issue ca.example.net`. (RFC 8659, section 4.1; the crate lacks this record.)
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

/// Returns an unpredictable number, so that an attacker cannot forge a response. `std` seeds its
/// hash maps from the machine's random source.
fn random() -> u16 {
    let bytes = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// The number of characters of a setting in a message.
const CHARS_SHOWN: usize = 64;
