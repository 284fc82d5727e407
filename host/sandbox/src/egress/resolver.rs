//! Look-ups by the system's resolver, on threads of their own.
//!
//! The resolver blocks and can't be interrupted: a question that nobody answers holds its thread
//! for as long as the system waits, long after the run that asked has ended. So there are only so
//! many threads, no check has more than its share of them, and each name is asked for once at a
//! time. Nothing here decides what may be looked up.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use vitals_model::CheckName;

/// A name to look up.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The name in canonical form.
    pub(super) name: Arc<str>,
    /// Whether it is this very name, to which the machine's search domains add nothing.
    pub(super) is_absolute: bool,
    /// The check that asks.
    pub(super) check: CheckName,
}

/// A name that has no addresses for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ResolveError {
    /// There was no answer in time.
    Timeout,
    /// The resolver's reason.
    Failed(String),
}

/// The addresses of a name, or why there are none.
pub(super) type Answer = Result<Vec<IpAddr>, ResolveError>;

/// The threads that ask. Cheap to clone; they end by themselves when there is nothing to ask.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Shared>);

struct Shared {
    source: Source,
    desk: Mutex<Desk>,
    /// Told when there is a question.
    news: Condvar,
    shares: Mutex<HashMap<CheckName, Weak<Semaphore>>>,
}

/// What is asked, and who does it.
#[derive(Default)]
struct Desk {
    queue: VecDeque<Question>,
    /// Those that wait for an answer, also to questions that a thread is busy with.
    asking: HashMap<Question, Asking>,
    threads: usize,
    idle: usize,
    #[cfg(test)]
    asked: usize,
}

/// What is asked of the system.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    name: Arc<str>,
    is_absolute: bool,
}

struct Asking {
    waiting: Vec<oneshot::Sender<Answer>>,
    /// The place in the share of the check that asked first.
    _place: OwnedSemaphorePermit,
}

/// Who knows addresses.
pub(super) enum Source {
    /// The system's resolver, with its hosts file.
    System,
    /// A list, for tests. A name without addresses in it is never answered.
    #[cfg(test)]
    List(Vec<(&'static str, Vec<IpAddr>)>),
}

impl Resolver {
    pub(super) fn new(source: Source) -> Self {
        Self(Arc::new(Shared {
            source,
            desk: Mutex::default(),
            news: Condvar::new(),
            shares: Mutex::default(),
        }))
    }

    /// Asks for the addresses of a name, as soon as there is a thread for it and the check has a
    /// place left. Whoever does not want to wait that long drops the future; the question goes on.
    pub(super) async fn ask(&self, asked: Asked) -> Answer {
        let share = self.share(&asked.check);
        let question = Question {
            name: asked.name,
            is_absolute: asked.is_absolute,
        };
        let joined = self.0.desk().join(&question);
        let answer = if let Some(answer) = joined {
            answer
        } else {
            let place = share.acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            self.put(question, place)
                .map_err(|error| ResolveError::Failed(format!("the host has no thread: {error}")))?
        };
        let gone = || Err(ResolveError::Failed("the look-up was lost".to_owned()));
        answer.await.unwrap_or_else(|_| gone())
    }

    /// Puts a question to the threads.
    fn put(
        &self,
        question: Question,
        place: OwnedSemaphorePermit,
    ) -> io::Result<oneshot::Receiver<Answer>> {
        let mut desk = self.0.desk();
        // It may have been asked while this one waited for its place.
        if let Some(answer) = desk.join(&question) {
            return Ok(answer);
        }
        let (tell, answer) = oneshot::channel();
        if desk.idle <= desk.queue.len() && desk.threads < THREADS {
            let shared = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("vitals-resolver".to_owned());
            match thread.spawn(move || shared.work()) {
                Ok(_) => desk.threads += 1,
                Err(error) if desk.threads == 0 => return Err(error),
                // Those that are there will come to it.
                Err(_) => {}
            }
        }
        let asking = Asking {
            waiting: vec![tell],
            _place: place,
        };
        desk.asking.insert(question.clone(), asking);
        #[cfg(test)]
        {
            desk.asked += 1;
        }
        desk.queue.push_back(question);
        self.0.news.notify_one();
        Ok(answer)
    }

    /// How many questions there were.
    #[cfg(test)]
    pub(super) fn asked(&self) -> usize {
        self.0.desk().asked
    }

    /// The places of a check, shared by all its runs.
    fn share(&self, check: &CheckName) -> Arc<Semaphore> {
        let mut shares = self.0.shares.lock();
        if let Some(share) = shares.get(check).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(SHARE));
        shares.insert(check.clone(), Arc::downgrade(&share));
        share
    }
}

impl Desk {
    /// Waits for the answer to a question that is being asked already.
    fn join(&mut self, question: &Question) -> Option<oneshot::Receiver<Answer>> {
        let asking = self.asking.get_mut(question)?;
        let (tell, answer) = oneshot::channel();
        // Those that have given up are not kept for as long as the system takes.
        asking.waiting.retain(|tell| !tell.is_closed());
        asking.waiting.push(tell);
        Some(answer)
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }

    /// The life of one thread.
    fn work(&self) {
        while let Some(question) = self.next() {
            let answer = catch_unwind(AssertUnwindSafe(|| self.source.ask(&question)));
            let answer = answer.unwrap_or_else(|_| {
                Err(ResolveError::Failed("the host's resolver panicked".into()))
            });
            let asking = self.desk().asking.remove(&question);
            for tell in asking.into_iter().flat_map(|asking| asking.waiting) {
                // Whoever has stopped waiting is not told.
                tell.send(answer.clone()).ok();
            }
        }
    }

    /// The next question that somebody still waits for. Nothing where the thread is to end.
    fn next(&self) -> Option<Question> {
        let mut desk = self.desk();
        loop {
            while let Some(question) = desk.queue.pop_front() {
                let is_wanted = desk
                    .asking
                    .get(&question)
                    .is_some_and(|asking| asking.waiting.iter().any(|tell| !tell.is_closed()));
                if is_wanted {
                    return Some(question);
                }
                desk.asking.remove(&question);
            }
            desk.idle += 1;
            let waited = self.news.wait_for(&mut desk, PATIENCE);
            desk.idle -= 1;
            if waited.timed_out() && desk.queue.is_empty() {
                desk.threads -= 1;
                return None;
            }
        }
    }
}

impl Source {
    fn ask(&self, question: &Question) -> Answer {
        match self {
            Self::System => {
                let name = if question.is_absolute {
                    format!("{}.", question.name)
                } else {
                    question.name.to_string()
                };
                match (name.as_str(), 0).to_socket_addrs() {
                    Ok(found) => Ok(found.map(|address| address.ip().to_canonical()).collect()),
                    Err(error) => {
                        let text = error.to_string();
                        let reason = text.strip_prefix("failed to lookup address information: ");
                        Err(ResolveError::Failed(reason.unwrap_or(&text).to_owned()))
                    }
                }
            }
            #[cfg(test)]
            Self::List(list) => match list.iter().find(|(known, _)| *known == &*question.name) {
                Some((_, addresses)) if addresses.is_empty() => loop {
                    thread::park();
                },
                Some((_, addresses)) => Ok(addresses.clone()),
                None => Ok(Vec::new()),
            },
        }
    }
}

/// Questions at a time.
const THREADS: usize = 64;
/// Questions of one check at a time, those that its ended runs left behind included. Sixteen checks
/// whose names nobody answers would have to come together to leave no thread for others.
const SHARE: usize = 4;
/// How long a thread waits for a question before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn asked(name: &str, check: &str) -> Asked {
        Asked {
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
        let asking = resolver.ask(asked(name, check));
        let waited = tokio::time::timeout(Duration::from_millis(50), asking).await;
        assert!(waited.is_err(), "{name} was answered");
    }

    async fn answer(resolver: &Resolver, name: &str, check: &str) -> Option<Answer> {
        let asking = resolver.ask(asked(name, check));
        tokio::time::timeout(Duration::from_secs(2), asking)
            .await
            .ok()
    }

    #[tokio::test]
    async fn questions_that_nobody_answers_hold_up_their_own_check_alone() {
        let silent = &["a", "b", "c", "d", "e"];
        let resolver = resolver(silent);
        for name in silent {
            left_behind(&resolver, name, "tarpit").await;
        }
        assert_eq!(
            resolver.0.desk().threads,
            SHARE,
            "the fifth question has no thread"
        );
        assert_eq!(answer(&resolver, "known", "tarpit").await, None);
        let known = Ok(vec!["10.0.0.1".parse().unwrap()]);
        assert_eq!(answer(&resolver, "known", "neighbour").await, Some(known));
    }

    #[tokio::test]
    async fn a_name_is_asked_for_once_at_a_time() {
        let resolver = resolver(&["slow"]);
        for check in 0..20 {
            left_behind(&resolver, "slow", &format!("check-{check}")).await;
        }
        let desk = resolver.0.desk();
        assert_eq!((desk.threads, desk.asking.len()), (1, 1));
    }

    #[tokio::test]
    async fn there_are_only_so_many_threads() {
        let names: Vec<&'static str> = (0..THREADS + 10)
            .map(|number| &*Box::leak(format!("silent-{number}").into_boxed_str()))
            .collect();
        let resolver = resolver(Vec::leak(names.clone()));
        let asking: Vec<_> = names
            .iter()
            .map(|name| {
                let resolver = resolver.clone();
                let (name, check) = ((*name).to_owned(), format!("of-{name}"));
                tokio::spawn(async move { resolver.ask(asked(&name, &check)).await })
            })
            .collect();
        let until = Instant::now() + Duration::from_secs(10);
        while resolver.0.desk().queue.len() != 10 {
            assert!(Instant::now() < until, "{}", resolver.0.desk().queue.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(resolver.0.desk().threads, THREADS);
        for task in asking {
            task.abort();
        }
    }
}
