//! The identities and proxies of a configuration, as the sandbox takes them.

use vitals_config::Config;
use vitals_sandbox::{ClientOptions, IdentityFiles, Proxy};

/// Returns the identities and proxies that a configuration defines.
pub(crate) fn client_options(config: &Config) -> ClientOptions {
    let identities = config.tls.identities.iter().map(|(name, identity)| {
        let files = IdentityFiles {
            certificate: identity.certificate.clone(),
            key: identity.key.clone(),
        };
        (name.clone(), files)
    });
    let proxies = config.proxies.iter().filter_map(|(name, proxy)| {
        let credentials = proxy.user.as_ref().zip(proxy.password.as_ref());
        let credentials = credentials.map(|both| {
            [both.0, both.1]
                .map(|secret| secret.expose().to_owned())
                .into()
        });
        let url = proxy.url.clone()?;
        Some((name.clone(), Proxy { url, credentials }))
    });
    ClientOptions {
        identities: identities.collect(),
        proxies: proxies.collect(),
    }
}
