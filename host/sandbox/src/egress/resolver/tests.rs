//! The limits of the resolver.

use std::time::Instant;

use super::*;

fn request(name: &str, check: &str) -> LookupRequest {
    LookupRequest {
        name: name.into(),
        is_absolute: false,
        check: check.parse().unwrap(),
    }
}

fn resolver(silent: &'static [&'static str]) -> Resolver {
    let mut list: Vec<_> = silent.iter().map(|name| (*name, Vec::new())).collect();
    list.push(("known", vec!["10.0.0.1".parse().unwrap()]));
    Resolver::new(Source::List(list))
}

/// Asks and gives up while nothing was answered.
async fn left_behind(resolver: &Resolver, name: &str, check: &str) {
    let pending = resolver.resolve(request(name, check));
    let waited = tokio::time::timeout(Duration::from_millis(50), pending).await;
    assert!(waited.is_err(), "{name} was answered");
}

async fn answer(resolver: &Resolver, name: &str, check: &str) -> Option<LookupResult> {
    let pending = resolver.resolve(request(name, check));
    tokio::time::timeout(Duration::from_secs(2), pending)
        .await
        .ok()
}

#[tokio::test]
async fn unanswered_queries_block_only_their_own_check() {
    let silent = &["a", "b", "c", "d", "e"];
    let resolver = resolver(silent);
    for name in silent {
        left_behind(&resolver, name, "tarpit").await;
    }
    assert_eq!(
        resolver.0.state().threads,
        MAX_PER_CHECK,
        "the fifth question has no thread"
    );
    assert_eq!(answer(&resolver, "known", "tarpit").await, None);
    let known = Ok(vec!["10.0.0.1".parse().unwrap()]);
    assert_eq!(answer(&resolver, "known", "neighbour").await, Some(known));
}

#[tokio::test]
async fn a_name_is_queried_once_at_a_time() {
    let resolver = resolver(&["slow"]);
    for check in 0..20 {
        left_behind(&resolver, "slow", &format!("check-{check}")).await;
    }
    let state = resolver.0.state();
    assert_eq!((state.threads, state.pending.len()), (1, 1));
}

#[tokio::test]
async fn the_number_of_threads_is_limited() {
    let names: Vec<&'static str> = (0..MAX_THREADS + 10)
        .map(|number| &*Box::leak(format!("silent-{number}").into_boxed_str()))
        .collect();
    let resolver = resolver(Vec::leak(names.clone()));
    let pending: Vec<_> = names
        .iter()
        .map(|name| {
            let resolver = resolver.clone();
            let (name, check) = ((*name).to_owned(), format!("of-{name}"));
            tokio::spawn(async move { resolver.resolve(request(&name, &check)).await })
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    while resolver.0.state().queue.len() != 10 {
        assert!(
            Instant::now() < deadline,
            "{}",
            resolver.0.state().queue.len()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(resolver.0.state().threads, MAX_THREADS);
    for task in pending {
        task.abort();
    }
}
