//! What a component imports and exports, compared with what the host offers.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::bindings::{ContractVersion, PACKAGE};
use super::load_error::LoadError;
use vitals_model::Text;

/// The sorted names of a component's imports.
pub(super) fn imports(component: &Component, engine: &Engine) -> Vec<String> {
    let mut names: Vec<_> = component
        .component_type()
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    names.sort();
    names
}

/// The version of the contract that a component exports. Fails if the host does not support a
/// version that the component names, or does not offer what it imports.
pub(super) fn contract(
    component: &Component,
    engine: &Engine,
    imports: &[String],
) -> Result<ContractVersion, LoadError> {
    let exports: Vec<_> = component
        .component_type()
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    if let Some(guest) = unknown_version(exports.iter().chain(imports)) {
        let host = ContractVersion::ALL.map(ContractVersion::as_str).join(OR);
        return Err(LoadError::Contract { guest, host });
    }
    let mut versions = ContractVersion::ALL.into_iter();
    let exported = versions.find(|version| exports.contains(&export(*version)));
    let version = exported.ok_or_else(|| LoadError::AnotherWorld {
        exports: listed(&exports),
        contract: ContractVersion::ALL
            .map(|version| format!("`{}`", export(version)))
            .join(OR),
    })?;
    let is_unknown = |name: &&String| !is_offered(name, version);
    let unknown: Vec<_> = imports.iter().filter(is_unknown).cloned().collect();
    if unknown.is_empty() {
        Ok(version)
    } else {
        let names = listed(&unknown);
        Err(LoadError::Imports { names })
    }
}

/// The interface that a component of a version exports.
fn export(version: ContractVersion) -> String {
    format!("{PACKAGE}/health-check@{}", version.as_str())
}

/// The first unsupported version of the contract among the names.
fn unknown_version<'a>(mut names: impl Iterator<Item = &'a String>) -> Option<String> {
    let is_known = |text| {
        ContractVersion::ALL
            .iter()
            .any(|known| known.as_str() == text)
    };
    let version = |name: &'a String| {
        let (interface, version) = name.split_once('@')?;
        let package = interface.split_once('/')?.0;
        (package == PACKAGE && !is_known(version)).then(|| Text::line(version, NAME_BYTES).into())
    };
    names.find_map(version)
}

fn is_offered(name: &str, contract: ContractVersion) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    // Only a number, because a suffix could be of any length.
    let patch = version.strip_prefix("0.2.");
    let is_known = patch.is_some_and(|patch| patch.parse::<u32>().is_ok());
    match interface.split_once('/') {
        Some((PACKAGE, interface)) => {
            version == contract.as_str() && contract.interfaces().contains(&interface)
        }
        _ => WASI.contains(&interface) && is_known,
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut list: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", Text::line(name, NAME_BYTES)))
        .collect();
    if names.len() > SHOWN {
        list.push(format!("{} more", names.len() - SHOWN));
    }
    list.join(", ")
}

/// Between alternatives.
const OR: &str = " or ";
/// How much of a name is shown.
const NAME_BYTES: usize = 128;

/// The interfaces of WASI 0.2 that the host links.
const WASI: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_and_unknown_interfaces_are_told_apart() {
        assert!(is_offered("wasi:http/types@0.2.9", ContractVersion::ALL[0]));
        assert!(is_offered(
            "vitals:health/net@0.1.0",
            ContractVersion::ALL[0]
        ));
        for foreign in [
            "vitals:health/tls@0.2.0",
            "wasi:http/types@0.3.0",
            "wasi:http/types@0.2.0+longer",
            "wasi:keyvalue/store@0.2.0",
            "acme:x/y@1.0.0",
            "log",
        ] {
            assert!(!is_offered(foreign, ContractVersion::ALL[0]), "{foreign}");
        }
    }

    #[test]
    fn an_unsupported_version_of_the_contract_is_found() {
        let names = [
            "wasi:io/poll@0.2.3".to_owned(),
            "vitals:health/types@0.2.0".to_owned(),
        ];
        assert_eq!(unknown_version(names.iter()).as_deref(), Some("0.2.0"));
        assert_eq!(unknown_version(names[..1].iter()), None);
    }

    #[test]
    fn shown_names_are_bounded() {
        let names = vec!["x".repeat(1 << 20); 13];
        let listed = listed(&names);
        assert!(listed.len() < 12 * (NAME_BYTES + 4) + 20, "{listed}");
        assert!(listed.ends_with("…`, 1 more"), "{listed}");
        let other = format!("vitals:health/types@{}", "1".repeat(1 << 20));
        assert_eq!(
            unknown_version([other].iter()).map(|version| version.len()),
            Some(NAME_BYTES)
        );
    }
}
