//! Name lookups of guests.

use super::*;

#[tokio::test]
async fn a_granted_name_opens_its_addresses_at_its_port() {
    let egress = EgressBuilder::granted("tcp", "db.test:5432")
        .resolves("db.test", &["10.0.0.7", "127.0.0.1", "fd00::7"])
        .open();
    let connects = |address| permitted(&egress, address, SocketAddrUse::TcpConnect);

    assert!(
        !connects("10.0.0.7:5432").await,
        "nothing was looked up yet"
    );
    let found = lookup(&egress, "DB.test.").await;
    assert_eq!(found, Ok(vec!["10.0.0.7".into(), "fd00::7".into()]));
    assert!(connects("10.0.0.7:5432").await);
    assert!(connects("[fd00::7]:5432").await);
    assert!(!connects("127.0.0.1:5432").await);
    assert!(!connects("10.0.0.7:22").await);
    let to_write = ["10.0.0.7:5432", "127.0.0.1:5432", "db.test:22"]
        .map(|what| format!("denied: tcp {what} (add it to `allow.tcp` of check `orders-db`)"));
    assert_eq!(egress.refused(), to_write);
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
        let found = lookup(&egress, name).await;
        assert_eq!(found, Ok(vec![answer.to_owned()]), "{name}");
    }
    assert!(egress.denials(&Secrets::default()).is_empty());
}

#[tokio::test]
async fn names_without_an_address_and_without_an_answer_are_told_apart() {
    let egress = EgressBuilder {
        time: Duration::from_millis(300),
        ..EgressBuilder::granted("names", "nowhere.test")
    }
    .and("http", "http://nowhere.test")
    .and("names", "slow.test")
    .resolves("slow.test", &[])
    .open();
    let found = lookup(&egress, "nowhere.test").await;
    assert_eq!(found, Err(ErrorCode::NameUnresolvable));
    assert_eq!(
        error_of(get(&egress, "http://nowhere.test/").await),
        "DnsError { rcode: Some(\"the name has no address\"), info_code: None }"
    );
    let found = lookup(&egress, "slow.test").await;
    assert_eq!(found, Err(ErrorCode::TemporaryResolverFailure));
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
