//! DNS messages: a query, and the response that matches it.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use domain::base::iana::{Class, Rcode};
use domain::base::{
    Message, MessageBuilder, Name, ParseRecordData, ParsedName, ParsedRecord, Rtype,
    UnknownRecordData,
};
use domain::rdata::{A, Aaaa, Cname, Https, Mx, Naptr, Ns, Ptr, Soa, Srv, Svcb, Txt};
use domain::utils::base64;
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
    #[config(rename = "DNSKEY")]
    Dnskey,
    #[config(rename = "DS")]
    Ds,
    #[config(rename = "HTTPS")]
    Https,
    #[config(rename = "MX")]
    Mx,
    #[config(rename = "NAPTR")]
    Naptr,
    #[config(rename = "NS")]
    Ns,
    #[config(rename = "PTR")]
    Ptr,
    #[config(rename = "SOA")]
    Soa,
    #[config(rename = "SRV")]
    Srv,
    #[config(rename = "SVCB")]
    Svcb,
    #[config(rename = "TLSA")]
    Tlsa,
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
            Self::Dnskey => Rtype::DNSKEY,
            Self::Ds => Rtype::DS,
            Self::Https => Rtype::HTTPS,
            Self::Mx => Rtype::MX,
            Self::Naptr => Rtype::NAPTR,
            Self::Ns => Rtype::NS,
            Self::Ptr => Rtype::PTR,
            Self::Soa => Rtype::SOA,
            Self::Srv => Rtype::SRV,
            Self::Svcb => Rtype::SVCB,
            Self::Tlsa => Rtype::TLSA,
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
            // Zone files may break the last field into several words.
            Self::Dnskey => fields(text, str::to_owned),
            Self::Ds | Self::Tlsa => fields(text, str::to_ascii_lowercase),
            // Only the target is a name. Values may be quoted.
            Self::Https | Self::Svcb => {
                let mut words = text.split_whitespace();
                let priority = words.next().unwrap_or_default().to_owned();
                let target = words.next().map(name);
                let parameters = words.map(|word| word.replace('"', ""));
                let all: Vec<String> = [priority]
                    .into_iter()
                    .chain(target)
                    .chain(parameters)
                    .collect();
                all.join(" ")
            }
            // The last word is a name. Texts are quoted.
            Self::Naptr => match text.trim_end().rsplit_once(char::is_whitespace) {
                Some((texts, replacement)) => {
                    format!("{} {}", words(texts, str::to_owned), name(replacement))
                }
                None => text.to_owned(),
            },
            _ => words(text, name),
        }
    }
}

fn words(text: &str, change: impl Fn(&str) -> String) -> String {
    let words: Vec<String> = text.split_whitespace().map(change).collect();
    words.join(" ")
}

/// Normalizes a name, or another word in which case does not matter.
fn name(word: &str) -> String {
    let word = word.to_ascii_lowercase();
    match word.strip_suffix('.') {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => word,
    }
}

/// Normalizes a record of three numbers and a last field, which is changed.
fn fields(text: &str, change: impl Fn(&str) -> String) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.split_at_checked(3) {
        Some((numbers, rest)) => format!("{} {}", numbers.join(" "), change(&rest.concat())),
        None => words.join(" "),
    }
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
            Kind::Https => parse_record::<Https<&[u8], Named<'_>>>(record),
            Kind::Svcb => parse_record::<Svcb<&[u8], Named<'_>>>(record),
            Kind::Naptr => parse_record::<Naptr<&[u8], Named<'_>>>(record),
            Kind::Caa => caa(data(record)?).context(TRUNCATED),
            Kind::Dnskey => dnskey(data(record)?).context(TRUNCATED),
            Kind::Ds => ds(data(record)?).context(TRUNCATED),
            Kind::Tlsa => tlsa(data(record)?).context(TRUNCATED),
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

/// Returns the content of a record that the crate lacks, or whose numbers it shows as words.
fn data<'a>(record: &ParsedRecord<'a, &'a [u8]>) -> Result<&'a [u8]> {
    let record = record.to_record::<UnknownRecordData<&[u8]>>()?;
    Ok(record.map_or(&[][..], |record| record.data().data()))
}

/// Formats `0 issue ca.example.net` (RFC 8659, section 4.1).
fn caa(data: &[u8]) -> Option<String> {
    let (flags, rest) = data.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (tag, value) = rest.split_at_checked((*length).into())?;
    let (tag, value) = (String::from_utf8_lossy(tag), String::from_utf8_lossy(value));
    Some(format!("{flags} {tag} {value}"))
}

/// Formats `257 3 13 mdsswUyr…` (RFC 4034, section 2).
fn dnskey(data: &[u8]) -> Option<String> {
    let (&[high, low, protocol, algorithm], key) = data.split_first_chunk()?;
    let flags = u16::from_be_bytes([high, low]);
    let key = base64::encode_string(key);
    Some(format!("{flags} {protocol} {algorithm} {key}"))
}

/// Formats `2371 13 2 1f987cc6…` (RFC 4034, section 5).
fn ds(data: &[u8]) -> Option<String> {
    let (&[high, low, algorithm, kind], digest) = data.split_first_chunk()?;
    let tag = u16::from_be_bytes([high, low]);
    Some(format!("{tag} {algorithm} {kind} {}", hexadecimal(digest)))
}

/// Formats `3 1 1 8bd1da95…` (RFC 6698, section 2.1).
fn tlsa(data: &[u8]) -> Option<String> {
    let ([usage, selector, matching], data) = data.split_first_chunk()?;
    Some(format!(
        "{usage} {selector} {matching} {}",
        hexadecimal(data)
    ))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    digits.collect()
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

const TRUNCATED: &str = "a record is truncated";
/// The number of characters of a setting in a message.
const CHARS_SHOWN: usize = 64;
