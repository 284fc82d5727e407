//! The pool: hanging calls, replacement threads, the bounds of its queue.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// Makes a call of `name` that hangs until the returned sender is dropped, and gives it up.
async fn hang(pool: &BlockingPool, name: &str) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, begins) = oneshot::channel();
    let call = pool.run(name, move || {
        begun.send(()).unwrap();
        let _ = held.recv();
    });
    tokio::select! {
        ended = call => panic!("it does not hang: {ended:?}"),
        begins = begins => begins.unwrap(),
    }
    release
}

#[tokio::test]
async fn results_return_and_threads_start_on_demand() {
    let pool = BlockingPool::new(Work::Files);
    assert_eq!(pool.inner.queue().threads, 0);
    for number in 0..50 {
        assert_eq!(pool.run("a", move || number).await.unwrap(), number);
    }
    // A result may arrive before its thread is idle again, so that the next call starts another
    // one.
    let threads = pool.inner.queue().threads;
    assert!((1..=MAX_ACTIVE_THREADS).contains(&threads), "{pool:?}");
}

#[tokio::test]
async fn a_caller_with_a_hanging_call_gets_no_other_thread() {
    let pool = BlockingPool::new(Work::Files);
    let release = hang(&pool, "stuck").await;
    let again = pool.run("stuck", || ()).await.unwrap_err();
    assert!(matches!(again, PoolError::Stuck(_)), "{again}");
    assert_eq!(pool.run("other", || 7).await.unwrap(), 7);

    drop(release);
    let back = async {
        while pool.run("stuck", || ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let back = timeout(Duration::from_secs(20), back).await;
    back.expect("it gets one again once the call is back");
}

#[tokio::test]
async fn an_abandoned_thread_is_replaced_until_it_returns() {
    let pool = BlockingPool::new(Work::Files);
    let mut hung = Vec::new();
    for number in 0..3 * MAX_ACTIVE_THREADS {
        hung.push(hang(&pool, &format!("stuck-{number}")).await);
    }
    let answer = timeout(Duration::from_secs(20), pool.run("other", || 7)).await;
    assert_eq!(answer.expect("it is not kept waiting").unwrap(), 7);
    assert!(
        pool.inner.queue().threads > 3 * MAX_ACTIVE_THREADS,
        "{pool:?}"
    );

    drop(hung);
    let back = async {
        while pool.inner.queue().threads > MAX_ACTIVE_THREADS {
            tokio::task::yield_now().await;
        }
    };
    let back = timeout(Duration::from_secs(20), back).await;
    back.expect("those that nobody needs any more end");
    assert_eq!(pool.run("other", || 8).await.unwrap(), 8);
}

#[tokio::test]
async fn a_queued_call_gets_the_thread_that_replaces_an_abandoned_one() {
    let pool = BlockingPool::new(Work::Files);
    let names: Vec<_> = (0..MAX_ACTIVE_THREADS)
        .map(|number| format!("stuck-{number}"))
        .collect();
    let (releases, held): (Vec<_>, Vec<_>) = names.iter().map(|_| mpsc::channel::<()>()).unzip();
    let calls = names.iter().zip(held);
    let mut calls: Vec<_> = calls
        .map(|(name, held)| Box::pin(pool.run(name, move || held.recv().is_ok())))
        .collect();
    for call in &mut calls {
        assert!(futures_lite::future::poll_once(call).await.is_none());
    }
    while pool.inner.queue().running.len() < MAX_ACTIVE_THREADS {
        tokio::task::yield_now().await;
    }
    let name = "other";
    let mut other = Box::pin(pool.run(name, || 7));
    assert!(futures_lite::future::poll_once(&mut other).await.is_none());
    drop(calls);
    let answer = timeout(Duration::from_secs(20), other).await;
    assert_eq!(answer.expect("a thread was started for it").unwrap(), 7);
    drop(releases);
}

#[tokio::test]
async fn with_every_thread_abandoned_calls_wait_and_can_be_given_up() {
    let pool = BlockingPool::new(Work::Files);
    let mut hung = Vec::new();
    for number in 0..MAX_THREADS {
        hung.push(hang(&pool, &format!("stuck-{number}")).await);
    }
    assert_eq!(pool.inner.queue().threads, MAX_THREADS);

    let made = Arc::new(AtomicUsize::new(0));
    for _ in 0..MAX_QUEUED + 10 {
        let made = Arc::clone(&made);
        let name = "waits";
        let call = pool.run(name, move || made.fetch_add(1, Ordering::Relaxed));
        let waited = timeout(Duration::from_micros(1), call).await;
        assert!(
            waited.is_err(),
            "those who gave up leave no trace: {waited:?}"
        );
    }
    let name = "late";
    let late = pool.run(name, || "made");
    tokio::pin!(late);
    assert!(timeout(Duration::from_millis(1), &mut late).await.is_err());

    hung.pop();
    let late = timeout(Duration::from_secs(20), late).await;
    assert_eq!(late.expect("a thread is back").unwrap(), "made");
    assert_eq!(made.load(Ordering::Relaxed), 0, "nobody wanted these");
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let pool = BlockingPool::new(Work::Files);
    let mut hung = Vec::new();
    for number in 0..MAX_THREADS {
        hung.push(hang(&pool, &format!("stuck-{number}")).await);
    }
    let name = "waits";
    let mut queued: Vec<_> = (0..MAX_QUEUED)
        .map(|_| Box::pin(pool.run(name, || ())))
        .collect();
    for call in &mut queued {
        assert!(futures_lite::future::poll_once(call).await.is_none());
    }
    let error = pool.run("last", || ()).await.unwrap_err();
    assert!(matches!(error, PoolError::Full(_)), "{error}");
}

#[tokio::test]
async fn a_panic_resumes_in_the_caller_and_keeps_the_thread() {
    let pool = Arc::new(BlockingPool::new(Work::Files));
    let here = Arc::clone(&pool);
    let call = tokio::spawn(async move { here.run("a", || panic!("at the disco")).await });
    let panic = call.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"at the disco"));
    assert_eq!(pool.run("a", || 1).await.unwrap(), 1);
}

#[tokio::test]
async fn queued_calls_end_with_the_pool() {
    let pool = BlockingPool::new(Work::Files);
    let mut hung = Vec::new();
    for number in 0..MAX_THREADS {
        hung.push(hang(&pool, &format!("stuck-{number}")).await);
    }
    let (sender, answer) = oneshot::channel::<()>();
    let job = Job {
        call: CallState {
            name: "a".into(),
            abandoned: Arc::default(),
        },
        work: Box::new(move || sender.send(()).unwrap()),
    };
    pool.submit(job).unwrap();
    drop(pool);
    assert!(answer.await.is_err(), "the call is never made");
}
