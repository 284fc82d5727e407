//! The `smtp` check: an SMTP session that ends before a message is sent.
//!
//! This file runs the session step by step; `session` exchanges lines.

mod session;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use vitals_sdk::net::ConnectSettings;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::{TlsOptions, TlsSettings, Verification};

use session::{Reply, Session};

/// Connects to a mail server and checks greeting, TLS, login and recipient. It sends no mail.
#[derive(Config)]
struct Settings {
    /// The address of the server.
    #[config(grant = "tls")]
    address: Address,
    /// Whether TLS starts with STARTTLS, before SMTP, or not at all.
    #[config(default = "starttls")]
    tls: Tls,
    /// The name that the certificate must be valid for. The default is the host of the address.
    name: Option<String>,
    #[config(flatten)]
    certificate: TlsSettings,
    #[config(flatten)]
    connection: ConnectSettings,
    /// The name that the check sends in EHLO.
    #[config(default = "localhost")]
    hello: String,
    /// Capabilities that the server must offer: `PIPELINING`, `AUTH PLAIN`.
    #[config(default)]
    capabilities: Vec<String>,
    /// The user to log in as, only over TLS.
    user: Option<String>,
    /// The password of the user. It is never shown, and sent only over TLS to a server whose
    /// certificate is trusted for the name or pinned.
    #[config(secret)]
    password: Option<String>,
    /// The sender of the mail that is never sent. The default is the empty sender of bounces, which
    /// every server accepts.
    #[config(default = "")]
    sender: String,
    /// A recipient that the server must accept.
    recipient: Option<String>,
    /// The check is degraded if a certificate expires sooner.
    #[config(default = "21d")]
    degraded_below: Duration,
    /// The check is unhealthy if a certificate expires sooner.
    #[config(default = "7d")]
    unhealthy_below: Duration,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
    /// The timeout of each step: connecting, each reply, the handshake. The default is the timeout
    /// of the check.
    timeout: Option<Duration>,
}

/// How TLS starts.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Off,
    Starttls,
    Implicit,
}

/// The status and message of a rejection by the server; `None` if it rejected nothing.
type Rejection = Option<(Status, String)>;

#[health_check(code = "smtp")]
fn check(settings: Settings) -> Result<Outcome> {
    settings.validate()?;
    let options = settings.connection.options(settings.timeout);
    let started = clock::Instant::now();
    let mut session = Session::connect(&settings.address, &options)?;
    let session_result = run_session(&settings, &mut session);
    let elapsed = started.elapsed();
    session.quit();
    let rejection = session_result?;
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Ok(outcome(&settings, &session, rejection).timed(elapsed, thresholds))
}

impl Settings {
    fn server(&self) -> String {
        if self.address.port() == PORT {
            self.address.host().to_owned()
        } else {
            self.address.to_string()
        }
    }

    fn tls_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.address.host())
    }

    fn tls_options(&self) -> TlsOptions {
        self.certificate.options(self.tls_name())
    }

    /// Returns whether a server that TLS has started with is the intended one.
    fn is_server_verified(&self) -> bool {
        let verification = self.certificate.verification();
        self.tls != Tls::Off
            && matches!(
                verification,
                Verification::ChainAndName | Verification::Pins(_)
            )
    }

    /// Rejects invalid settings before anything is sent.
    fn validate(&self) -> Result<()> {
        let lines = [
            ("hello", Some(&self.hello)),
            ("sender", Some(&self.sender)),
            ("recipient", self.recipient.as_ref()),
        ];
        for (key, value) in lines {
            let is_forbidden = |character: char| {
                character.is_control() || character.is_whitespace() || "<>".contains(character)
            };
            if value.is_some_and(|text| text.contains(is_forbidden)) {
                return Err(Error::new(format_args!(
                    "`{key}` contains spaces, `<`, `>` or line breaks"
                )));
            }
        }
        let is_starttls = |capability: &String| capability.eq_ignore_ascii_case("STARTTLS");
        if self.tls != Tls::Off && self.capabilities.iter().any(is_starttls) {
            return Err(Error::new(
                "no server offers STARTTLS over TLS: remove it from `capabilities`; with \
                 `tls = \"starttls\"` the check requires it anyway",
            ));
        }
        match (&self.user, &self.password) {
            (Some(_), Some(_)) if !self.is_server_verified() => Err(Error::new(
                "a password is sent only over TLS to a trusted server: leave out `user`, or `tls = \"off\"` \
                 and `verify`",
            )),
            (Some(_), Some(_)) | (None, None) => Ok(()),
            _ => Err(Error::new("`user` and `password` must be set together")),
        }
    }
}

/// Runs the session up to, but without, QUIT. The first problem ends it.
fn run_session(settings: &Settings, session: &mut Session) -> Result<Rejection> {
    let server = settings.server();
    let unhealthy = |text: String| Ok(Some((Status::Unhealthy, text)));
    if settings.tls == Tls::Implicit {
        session.start_tls(&settings.tls_options())?;
    }
    let greeting = session.greeting()?;
    if greeting.code != 220 {
        return unhealthy(format!("{server} accepts no connections: {greeting}"));
    }
    if let Some(refused) = session.hello(&settings.hello)? {
        return unhealthy(format!("{server} rejects EHLO: {refused}"));
    }
    if settings.tls == Tls::Starttls {
        if !session.offers("STARTTLS") {
            return unhealthy(format!("{server} does not offer STARTTLS"));
        }
        let reply = session.ask("STARTTLS", "STARTTLS")?;
        if reply.code != 220 {
            return unhealthy(format!("{server} does not start TLS: {reply}"));
        }
        session.start_tls(&settings.tls_options())?;
        if let Some(refused) = session.hello(&settings.hello)? {
            return unhealthy(format!("{server} rejects EHLO over TLS: {refused}"));
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
        return unhealthy(format!("{server} does not offer {}", missing.join(", ")));
    }
    if let (Some(user), Some(password)) = (&settings.user, &settings.password)
        && let Some(refused) = log_in(session, user, password)?
    {
        return unhealthy(format!("{server} rejects the login of `{user}`: {refused}"));
    }
    match &settings.recipient {
        None => Ok(None),
        Some(recipient) => check_recipient(settings, session, recipient),
    }
}

/// Logs in (RFC 4954). Returns the reason of a rejection, without any credentials.
fn log_in(session: &mut Session, user: &str, password: &str) -> Result<Option<String>> {
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

/// Sends the sender and the recipient, but no message.
fn check_recipient(
    settings: &Settings,
    session: &mut Session,
    recipient: &str,
) -> Result<Rejection> {
    let server = settings.server();
    let rejection_of = |what: &str, reply: &Reply| {
        let (status, refuses) = if reply.is_temporary() {
            (Status::Degraded, "temporarily rejects")
        } else {
            (Status::Unhealthy, "rejects")
        };
        Some((status, format!("{server} {refuses} {what}: {reply}")))
    };
    // RFC 6531, section 3.4
    let mut parameters = "";
    if !settings.sender.is_ascii() || !recipient.is_ascii() {
        if !session.offers("SMTPUTF8") {
            let text = format!(
                "{server} does not offer SMTPUTF8, which an address that is not ASCII requires"
            );
            return Ok(Some((Status::Unhealthy, text)));
        }
        parameters = " SMTPUTF8";
    }
    let mail = format!("MAIL FROM:<{}>{parameters}", settings.sender);
    let reply = session.ask(&mail, "MAIL")?;
    if !reply.is_good() {
        return Ok(rejection_of(
            &format!("the sender <{}>", settings.sender),
            &reply,
        ));
    }
    let reply = session.ask(&format!("RCPT TO:<{recipient}>"), "RCPT")?;
    if !reply.is_good() {
        return Ok(rejection_of(&format!("the recipient {recipient}"), &reply));
    }
    Ok(None)
}

fn outcome(settings: &Settings, session: &Session, rejection: Rejection) -> Outcome {
    let server = settings.server();
    let mut parts: Vec<(Status, String)> = rejection.into_iter().collect();
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
            let text = format!("certificate of {name} expired {ago} ago");
            parts.push((Status::Unhealthy, text));
        } else if expiry.status() > Status::Healthy {
            let (left, remark) = (expiry.value_text(), expiry.remark());
            let text = format!("certificate of {name} expires in {left}{remark}");
            parts.push((expiry.status(), text));
        }
    }
    if parts.is_empty() {
        let over = if leaf.is_some() { " over TLS" } else { "" };
        let user = settings.user.as_ref();
        let user = user.map(|user| format!("accepts the login of `{user}`"));
        let recipient = settings.recipient.as_ref();
        let recipient = recipient.map(|recipient| format!("accepts mail for {recipient}"));
        let text: Vec<String> = [Some(format!("{server} responds{over}")), user, recipient]
            .into_iter()
            .flatten()
            .collect();
        let text = text.join(", ");
        parts.push((Status::Healthy, text));
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

/// The default port of SMTP, which messages omit.
const PORT: u16 = 25;

#[cfg(test)]
mod tests;
