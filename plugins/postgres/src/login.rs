//! Authentication towards a server that may not be the intended one.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use vitals_sdk::prelude::*;

use crate::Settings;
use crate::wire::Wire;

/// Logs in. Returns when the server accepts queries.
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
            _ => return Err(wire.protocol_error()),
        }
    }
}

fn authenticate(wire: &mut Wire, user: &str, password: Option<&str>) -> Result<()> {
    let wanted = || password.context("the server requires a password: set `password`");
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
            // An attacker in between could request cleartext, whatever the server itself requires.
            if !wire.is_trusted {
                return Err(Error::new(
                    "the server requests a cleartext password, which is sent only with \
                     `tls = \"verify-full\"` or `pins`",
                ));
            }
            wire.send(|buffer| frontend::password_message(password, buffer))?;
        }
        Message::AuthenticationGss
        | Message::AuthenticationSspi
        | Message::AuthenticationKerberosV5
        | Message::AuthenticationScmCredential => {
            return Err(Error::new(
                "the server requires Kerberos or a similar method, which this check does not support: set \
                 `scram-sha-256` for its user in `pg_hba.conf`",
            ));
        }
        _ => return Err(wire.protocol_error()),
    }
    match wire.receive()? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(wire.protocol_error()),
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

/// Runs the exchange, including the server's own proof that it knows the password.
fn scram(wire: &mut Wire, password: &str) -> Result<()> {
    // The host's TLS provides no channel binding.
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    wire.send(|buffer| frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), buffer))?;
    let Message::AuthenticationSaslContinue(body) = wire.receive()? else {
        return Err(wire.protocol_error());
    };
    scram
        .update(body.data())
        .map_err(|_| wire.protocol_error())?;
    wire.send(|buffer| frontend::sasl_response(scram.message(), buffer))?;
    let Message::AuthenticationSaslFinal(body) = wire.receive()? else {
        return Err(wire.protocol_error());
    };
    // The crate's error may repeat data from the server.
    scram
        .finish(body.data())
        .map_err(|_| Error::new("the server did not prove that it knows the password"))
}
