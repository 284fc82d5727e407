//! Name lookups of guests.

use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::sockets::SocketAddrUse;

use super::*;

/// All addresses that a look-up answers, waited for as a guest does.
async fn lookup(egress: &Egress, name: &str) -> Result<Vec<String>, ErrorCode> {
    let mut lookup = egress.lookup(name)?;
    lookup.ready().await;
    let mut found = Vec::new();
    while let Some(address) = lookup.next()? {
        found.push(address.to_string());
    }
    Ok(found)
}

async fn connects(egress: &Egress, address: &str) -> bool {
    egress.socket_check()(address.parse().unwrap(), SocketAddrUse::TcpConnect).await
}

#[tokio::test]
async fn a_granted_name_opens_its_addresses_at_its_port() {
    let builder = EgressBuilder::granted("tcp", "db.test:5432");
    let names = vec![("db.test", &["10.0.0.7", "127.0.0.1", "fd00::7"][..])];
    let egress = EgressBuilder { names, ..builder }.open();

    assert!(
        !connects(&egress, "10.0.0.7:5432").await,
        "nothing was looked up yet"
    );
    assert_eq!(
        lookup(&egress, "DB.test.").await,
        Ok(vec!["10.0.0.7".into(), "fd00::7".into()])
    );
    assert!(connects(&egress, "10.0.0.7:5432").await);
    assert!(connects(&egress, "[fd00::7]:5432").await);
    assert!(!connects(&egress, "127.0.0.1:5432").await);
    assert!(!connects(&egress, "10.0.0.7:22").await);
    let to_write =
        |what: &str| format!("denied: tcp {what} (add it to `allow.tcp` of check `orders-db`)");
    assert_eq!(
        egress.refused(),
        [
            to_write("10.0.0.7:5432"),
            to_write("127.0.0.1:5432"),
            to_write("db.test:22")
        ]
    );
}

#[tokio::test]
async fn a_name_that_leads_nowhere_open_is_refused_with_its_address() {
    let names = vec![("db.test", &["127.0.0.1"][..])];
    let egress = EgressBuilder {
        names,
        ..EgressBuilder::granted("tcp", "*.test:5432")
    }
    .open();
    assert_eq!(
        lookup(&egress, "db.test").await,
        Err(ErrorCode::AccessDenied)
    );
    assert_eq!(
        egress.refused(),
        [
            "denied: tcp 127.0.0.1:5432, where db.test leads: this machine itself, which only the \
             name `localhost` may reach (add it to `allow.tcp` of check `orders-db`, or write it \
             in place of \
             the name)"
        ]
    );
}

#[tokio::test]
async fn addresses_answer_themselves() {
    let egress = EgressBuilder::granted("http", "http://web.test").open();
    for (name, answer) in [
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("127.1", "127.0.0.1"),
    ] {
        assert_eq!(
            lookup(&egress, name).await,
            Ok(vec![answer.to_owned()]),
            "{name}"
        );
    }
    assert_eq!(
        lookup(&egress, "a b").await,
        Err(ErrorCode::InvalidArgument)
    );
    assert!(egress.denials(&Secrets::default()).is_empty());
}

#[tokio::test]
async fn a_granted_name_without_addresses_cannot_be_resolved() {
    let egress = EgressBuilder::granted("names", "nowhere.test").open();
    assert_eq!(
        lookup(&egress, "nowhere.test").await,
        Err(ErrorCode::NameUnresolvable)
    );
}

#[tokio::test]
async fn the_system_knows_localhost() {
    let network = Network::new(&[]).unwrap();
    let soon = Instant::now() + Duration::from_secs(5);
    let lookup_request = LookupRequest {
        name: "localhost".into(),
        is_absolute: false,
        check: "orders-db".parse().unwrap(),
    };
    let found = network.resolve(lookup_request, soon).await.unwrap();
    let is_local = |found: &ResolvedAddress| found.address.is_loopback() && found.is_local;
    assert!(found.iter().all(is_local), "{found:?}");
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_is_not_waited_for() {
    let names = vec![("slow.test", &[][..])];
    let builder = EgressBuilder::granted("names", "slow.test").and("http", "http://slow.test");
    let egress = EgressBuilder {
        names,
        time: Duration::from_millis(50),
        ..builder
    }
    .open();
    assert_eq!(
        lookup(&egress, "slow.test").await,
        Err(ErrorCode::TemporaryResolverFailure)
    );
    assert_eq!(
        error_of(get(&egress, "http://slow.test/").await),
        "DnsTimeout"
    );
}

#[tokio::test]
async fn search_domains_make_no_other_name_of_what_a_guest_made_up() {
    let builder = EgressBuilder::granted("tcp", "*.example.com:1")
        .and("names", "db")
        .and("tcp", "a.example.com:2")
        .and("tcp", "10.0.0.0/8:1");
    let egress = builder.open();
    for (name, is_absolute) in [
        ("db", false),
        ("a.example.com", false),
        ("b.example.com", true),
    ] {
        assert_eq!(
            egress.lookup_request(&name.into()).is_absolute,
            is_absolute,
            "{name}"
        );
    }
}
