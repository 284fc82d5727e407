//! Ways for the fuzz targets to what this room keeps to itself: decisions of grants, and schemas.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::grants::{self, Channel, Grant, GrantError, Grants, Host, Peer, Resolved};
use super::schema::{Binding, BindingError, Schema};

/// Whether `grants` lets a check reach `host` at `port` where it leads to `address`: both halves of
/// the decision, as a connection asks for them.
pub fn reaches(grants: &Grants, channel: Channel, host: &Host, port: u16, address: IpAddr) -> bool {
    let host = host.clone();
    let peer = Peer {
        channel,
        host,
        port,
    };
    grants.permit(&peer).is_ok()
        && grants
            .permit_address(&peer, Resolved::elsewhere(address))
            .is_ok()
}

/// What a check's `config` grants whose one value is `text`, marked with `mark` by the schema.
pub fn written(mark: &str, text: &str) -> Result<Vec<Grant>, GrantError> {
    let schema = json!({"properties": {"value": {"x-vitals-grant": mark}}});
    grants::marks(&schema, &json!({"value": text}))
}

/// Reads a plugin's schema, and binds a configuration to it.
pub fn bind(schema: &str, config: &Map<String, Value>) -> Result<Binding, BindingError> {
    let schema = Schema::parse(schema)?;
    // As a load does, which looks for what the schema wants granted; too complex is an answer.
    drop(grants::wanted(schema.document()));
    drop(grants::marks(
        schema.document(),
        &Value::Object(config.clone()),
    ));
    schema.bind(config)
}
