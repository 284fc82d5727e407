//! The `smtp` check: a conversation with a mail server that ends before there is a mail.
//!
//! This file says what is talked about; how lines go to and fro stands in `session`.

mod session;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use vitals_sdk::prelude::*;

use session::{Reply, Session};

/// Talks to a mail server: greeting, TLS, sign-in, and whether it takes mail for somebody. It sends no mail.
#[derive(Config)]
struct Settings {
    /// Where to connect to.
    #[config(grant = "tls")]
    address: Address,
    /// Whether TLS begins within SMTP, before it, or not at all.
    #[config(default = "starttls")]
    tls: Tls,
    /// The name that the certificate has to be for; without one, the host of the address.
    name: Option<String>,
    /// Whether the certificate has to be trusted, and for the name. A password is given to nobody else.
    #[config(default = true)]
    verify: bool,
    /// What the check calls itself.
    #[config(default = "localhost")]
    hello: String,
    /// What the server has to offer: `PIPELINING`, `AUTH PLAIN`.
    #[config(default)]
    capabilities: Vec<String>,
    /// Who signs in, over TLS alone.
    user: Option<String>,
    /// The password for it. It is never shown.
    #[config(secret)]
    password: Option<String>,
    /// The sender of a mail that is never sent; none is the one of bounces, which everybody takes.
    #[config(default = "")]
    sender: String,
    /// Whom the server has to take mail for.
    recipient: Option<String>,
    /// A certificate that expires sooner is degraded.
    #[config(default = "21d")]
    degraded_below: Duration,
    /// A certificate that expires sooner is unhealthy.
    #[config(default = "7d")]
    unhealthy_below: Duration,
    /// A longer time than this, for all of it, is degraded.
    degraded_above: Option<Duration>,
    /// A longer time than this, for all of it, is unhealthy.
    unhealthy_above: Option<Duration>,
    /// The time for each step: connecting, each answer, the handshake; without one, that of the check.
    timeout: Option<Duration>,
}

/// How TLS comes about.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Off,
    Starttls,
    Implicit,
}

/// What is wrong, in so far as the server said it.
type Verdict = Option<(Status, String)>;

#[health_check(code = "smtp")]
fn check(settings: Settings) -> Result<Outcome> {
    settings.hold_together()?;
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let started = clock::Instant::now();
    let mut session = Session::connect(&settings.address, timeout)?;
    let talked = talk(&settings, &mut session);
    let elapsed = started.elapsed();
    session.quit();
    let verdict = talked?;
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Ok(outcome(&settings, &session, verdict).timed(elapsed, thresholds))
}

impl Settings {
    fn who(&self) -> String {
        if self.address.port() == PORT {
            self.address.host().to_owned()
        } else {
            self.address.to_string()
        }
    }

    fn tls_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.address.host())
    }

    /// Refuses what can't be meant, before anything is said to anybody.
    fn hold_together(&self) -> Result<()> {
        let lines = [
            ("hello", Some(&self.hello)),
            ("sender", Some(&self.sender)),
            ("recipient", self.recipient.as_ref()),
        ];
        for (key, value) in lines {
            let is_odd = |odd: char| odd.is_control() || odd.is_whitespace() || "<>".contains(odd);
            if value.is_some_and(|text| text.contains(is_odd)) {
                return Err(Error::new(format_args!(
                    "`{key}` has blanks, `<`, `>` or line breaks in it"
                )));
            }
        }
        match (&self.user, &self.password) {
            (Some(_), Some(_)) if self.tls == Tls::Off || !self.verify => Err(Error::new(
                "a password is given to a server that is trusted over TLS alone: leave out `user`, or `tls = \"off\"` \
                 and `verify = false`",
            )),
            (Some(_), Some(_)) | (None, None) => Ok(()),
            _ => Err(Error::new("`user` and `password` go together")),
        }
    }
}

/// All that is said but the farewell. The first thing that is wrong ends it.
fn talk(settings: &Settings, session: &mut Session) -> Result<Verdict> {
    let who = settings.who();
    let bad = |words: String| Ok(Some((Status::Unhealthy, words)));
    if settings.tls == Tls::Implicit {
        session.start_tls(settings.tls_name(), settings.verify)?;
    }
    let greeting = session.reply("greeting")?;
    if greeting.code != 220 {
        return bad(format!("{who} takes nobody: {greeting}"));
    }
    if let Some(refused) = session.hello(&settings.hello)? {
        return bad(format!("{who} refuses the greeting: {refused}"));
    }
    if settings.tls == Tls::Starttls {
        if !session.offers("STARTTLS") {
            return bad(format!("{who} does not offer STARTTLS"));
        }
        let reply = session.ask("STARTTLS", "STARTTLS")?;
        if reply.code != 220 {
            return bad(format!("{who} does not start TLS: {reply}"));
        }
        session.start_tls(settings.tls_name(), settings.verify)?;
        if let Some(refused) = session.hello(&settings.hello)? {
            return bad(format!("{who} refuses the greeting over TLS: {refused}"));
        }
    }
    let missing = |wanted: &&String| !session.offers(wanted);
    let missing: Vec<&str> = settings
        .capabilities
        .iter()
        .filter(missing)
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return bad(format!("{who} does not offer {}", missing.join(", ")));
    }
    if let (Some(user), Some(password)) = (&settings.user, &settings.password)
        && let Some(refused) = sign_in(session, user, password)?
    {
        return bad(format!("{who} does not let `{user}` sign in: {refused}"));
    }
    match &settings.recipient {
        None => Ok(None),
        Some(recipient) => accepts(settings, session, recipient),
    }
}

/// Signs in (RFC 4954). Answers why not, in words that hold nothing of what was said.
fn sign_in(session: &mut Session, user: &str, password: &str) -> Result<Option<String>> {
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    let plain = encoded(&format!("\0{user}\0{password}"));
    let secrets = [password.to_owned(), plain.clone(), encoded(password)];
    let reply = if session.offers("AUTH PLAIN") {
        session.ask(&format!("AUTH PLAIN {plain}"), "AUTH")?
    } else if session.offers("AUTH LOGIN") {
        let mut reply = session.ask("AUTH LOGIN", "AUTH")?;
        for answer in [encoded(user), encoded(password)] {
            if reply.code == 334 {
                reply = session.ask(&answer, "AUTH")?;
            }
        }
        reply
    } else {
        return Ok(Some("it offers neither PLAIN nor LOGIN".to_owned()));
    };
    Ok((reply.code != 235).then(|| reply.without(&secrets)))
}

/// Names a sender and the recipient, and no mail.
fn accepts(settings: &Settings, session: &mut Session, recipient: &str) -> Result<Verdict> {
    let who = settings.who();
    let said = |what: &str, reply: &Reply| {
        let (status, refuses) = if reply.is_for_now() {
            (Status::Degraded, "refuses for now")
        } else {
            (Status::Unhealthy, "refuses")
        };
        Some((status, format!("{who} {refuses} {what}: {reply}")))
    };
    let reply = session.ask(&format!("MAIL FROM:<{}>", settings.sender), "MAIL")?;
    if !reply.is_good() {
        return Ok(said(&format!("the sender <{}>", settings.sender), &reply));
    }
    let reply = session.ask(&format!("RCPT TO:<{recipient}>"), "RCPT")?;
    if !reply.is_good() {
        return Ok(said(&format!("the recipient {recipient}"), &reply));
    }
    Ok(None)
}

fn outcome(settings: &Settings, session: &Session, verdict: Verdict) -> Outcome {
    let who = settings.who();
    let mut parts: Vec<(Status, String)> = verdict.into_iter().collect();
    let leaf = session.handshake().and_then(|handshake| handshake.leaf());
    let expiry = leaf.map(|leaf| {
        seconds("certificate_expires_in", leaf.seconds_left())
            .degraded_below(settings.degraded_below)
            .unhealthy_below(settings.unhealthy_below)
    });
    if let (Some(leaf), Some(expiry)) = (leaf, &expiry) {
        let name = settings.tls_name();
        if leaf.has_expired() {
            let ago = span_text(Duration::from_secs(leaf.seconds_left().unsigned_abs()));
            let words = format!("certificate of {name} expired {ago} ago");
            parts.push((Status::Unhealthy, words));
        } else if expiry.status() > Status::Healthy {
            let (left, remark) = (expiry.value_text(), expiry.remark());
            let words = format!("certificate of {name} expires in {left}{remark}");
            parts.push((expiry.status(), words));
        }
    }
    if parts.is_empty() {
        let over = if leaf.is_some() { " over TLS" } else { "" };
        let user = settings.user.as_ref();
        let user = user.map(|user| format!("lets `{user}` sign in"));
        let recipient = settings.recipient.as_ref();
        let recipient = recipient.map(|recipient| format!("takes mail for {recipient}"));
        let words: Vec<String> = [Some(format!("{who} answers{over}")), user, recipient]
            .into_iter()
            .flatten()
            .collect();
        let words = words.join(", ");
        parts.push((Status::Healthy, words));
    }
    let mut outcome = Outcome::worst(parts).detail("capabilities", json!(session.capabilities()));
    if let (Some(handshake), Some(leaf)) = (session.handshake(), leaf) {
        outcome = outcome
            .detail("protocol", handshake.protocol.as_str())
            .detail("trusted", handshake.is_trusted())
            .detail("issuer", leaf.issuer.as_str())
            .detail("not_after", clock::utc_text(leaf.not_after))
            .detail("days_left", leaf.days_left());
    }
    match expiry {
        None => outcome,
        Some(expiry) => outcome.measure(expiry),
    }
}

/// The port of SMTP between servers, which goes without saying.
const PORT: u16 = 25;

#[cfg(test)]
mod tests;
