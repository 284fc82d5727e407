//! Who the check is, and how it proves that to a server that may not be the one that was meant.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use vitals_sdk::prelude::*;

use crate::Settings;
use crate::wire::Wire;

/// Logs in. Ends when the server takes queries.
pub(crate) fn log_in(wire: &mut Wire, settings: &Settings) -> Result<()> {
    let user = settings.user.as_str();
    let database = settings.database.as_deref().unwrap_or(user);
    wire.send(|buffer| {
        let parameters = [
            ("user", user),
            ("database", database),
            ("application_name", "vitals"),
            ("client_encoding", "UTF8"),
        ];
        frontend::startup_message(parameters, buffer)
    })?;
    authenticate(wire, user, settings.password.as_deref())?;
    loop {
        match wire.receive()? {
            Message::ReadyForQuery(_) => return Ok(()),
            Message::BackendKeyData(_) => {}
            _ => return Err(wire.garbage()),
        }
    }
}

fn authenticate(wire: &mut Wire, user: &str, password: Option<&str>) -> Result<()> {
    let wanted = || password.context("the server wants a password: set `password`");
    match wire.receive()? {
        Message::AuthenticationOk => return Ok(()),
        Message::AuthenticationSasl(body) => {
            offers_scram(&body)?;
            scram(wire, wanted()?)?;
        }
        Message::AuthenticationMd5Password(body) => {
            let hash = md5_hash(user.as_bytes(), wanted()?.as_bytes(), body.salt());
            wire.send(|buffer| frontend::password_message(hash.as_bytes(), buffer))?;
        }
        Message::AuthenticationCleartextPassword => {
            let password = wanted()?.as_bytes();
            // Whoever is in between could ask for it like this, whatever the server itself wants.
            if !wire.is_trusted {
                return Err(Error::new(
                    "the server wants the password in the clear, which it gets with `tls = \"verify-full\"` alone",
                ));
            }
            wire.send(|buffer| frontend::password_message(password, buffer))?;
        }
        Message::AuthenticationGss
        | Message::AuthenticationSspi
        | Message::AuthenticationKerberosV5
        | Message::AuthenticationScmCredential => {
            return Err(Error::new(
                "the server wants Kerberos or the like, which this check does not speak: let its user log in by \
                 `scram-sha-256` in `pg_hba.conf`",
            ));
        }
        _ => return Err(wire.garbage()),
    }
    match wire.receive()? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(wire.garbage()),
    }
}

fn offers_scram(body: &AuthenticationSaslBody) -> Result<()> {
    let mut mechanisms = body.mechanisms();
    while let Ok(Some(mechanism)) = mechanisms.next() {
        if mechanism == SCRAM_SHA_256 {
            return Ok(());
        }
    }
    Err(Error::new(
        "the server does not offer SCRAM-SHA-256, the only SASL mechanism of this check",
    ))
}

/// The exchange, up to the server's own proof that it knows the password.
fn scram(wire: &mut Wire, password: &str) -> Result<()> {
    // The host's TLS tells nothing to bind to.
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    wire.send(|buffer| frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), buffer))?;
    let Message::AuthenticationSaslContinue(body) = wire.receive()? else {
        return Err(wire.garbage());
    };
    scram.update(body.data()).map_err(|_| wire.garbage())?;
    wire.send(|buffer| frontend::sasl_response(scram.message(), buffer))?;
    let Message::AuthenticationSaslFinal(body) = wire.receive()? else {
        return Err(wire.garbage());
    };
    // Its own error may repeat what the other side said.
    scram
        .finish(body.data())
        .map_err(|_| Error::new("the server does not prove that it knows the password"))
}
