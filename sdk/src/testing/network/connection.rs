//! A connection to a peer: plays its script against what the check does, on the world's clock.
//!
//! What the peer says is put down with the moment from which on it is there; whoever reads moves the
//! clock there, or to its own deadline.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use super::step::Step;
use super::{Channel, Peer, World, lock};
use crate::Deadline;
use crate::tls::{Handshake, Problem};

/// A connection of a check to a peer of its world.
pub(crate) struct Connection {
    world: World,
    channel: Channel,
    /// The address, and which of its connections this is.
    place: (String, usize),
    play: Mutex<Play>,
}

/// How far the script is.
struct Play {
    steps: VecDeque<Step>,
    /// What came and was not heard yet.
    inbox: Vec<u8>,
    /// How much of it a function has looked at.
    looked_at: usize,
    /// Nothing more comes.
    is_at_end: bool,
    /// What was said, and from when on it is there.
    outbox: VecDeque<(Duration, Said)>,
    /// When the peer has done all that it did.
    at: Duration,
    speaks_tls: bool,
}

enum Said {
    Bytes(Vec<u8>),
    Flood(Vec<u8>),
    End,
    Reset,
}

impl Connection {
    pub(super) fn new(world: World, channel: Channel, place: (String, usize), peer: Peer) -> Self {
        let play = Mutex::new(Play {
            steps: peer.into_steps().into(),
            inbox: Vec::new(),
            looked_at: 0,
            is_at_end: false,
            outbox: VecDeque::new(),
            at: world.elapsed(),
            speaks_tls: false,
        });
        Self {
            world,
            channel,
            place,
            play,
        }
    }

    /// At most so many bytes, as soon as there are any; nothing at the end.
    pub(crate) fn read(&self, most: usize, deadline: Deadline) -> io::Result<Vec<u8>> {
        let mut play = lock(&self.play);
        self.go_on(&mut play);
        let there_at = play.outbox.front().map(|(at, _)| *at);
        let wait = there_at.map_or(Duration::MAX, |at| at.saturating_sub(self.world.elapsed()));
        if !self.world.pass(wait, deadline) {
            return Err(ErrorKind::TimedOut.into());
        }
        match play.outbox.front_mut() {
            Some((_, Said::Bytes(bytes))) => {
                let taken: Vec<u8> = bytes.drain(..most.min(bytes.len())).collect();
                if bytes.is_empty() {
                    play.outbox.pop_front();
                }
                Ok(taken)
            }
            Some((_, Said::Flood(bytes))) => {
                // So that who reads on for ever meets its deadline, before its memory is full.
                self.world.advance(FLOOD_EACH);
                Ok(bytes
                    .iter()
                    .copied()
                    .cycle()
                    .take(most.min(FLOOD_BYTES))
                    .collect())
            }
            Some((_, Said::Reset)) => Err(ErrorKind::ConnectionReset.into()),
            Some((_, Said::End)) | None => Ok(Vec::new()),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        if !self.world.pass(Duration::ZERO, deadline) {
            return Err(ErrorKind::TimedOut.into());
        }
        let mut play = lock(&self.play);
        self.go_on(&mut play);
        let now = self.world.elapsed();
        let is_broken = |(at, said): &(Duration, Said)| matches!(said, Said::Reset) && *at <= now;
        if play.outbox.iter().any(is_broken) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.world.hear(&self.place, bytes);
        play.inbox.extend_from_slice(bytes);
        self.go_on(&mut play);
        Ok(())
    }

    /// Nothing more is written.
    pub(crate) fn finish(&self) {
        let mut play = lock(&self.play);
        play.is_at_end = true;
        self.go_on(&mut play);
    }

    pub(crate) fn start_tls(
        &self,
        name: &str,
        verify: bool,
        deadline: Deadline,
    ) -> Result<Handshake, Problem> {
        let timeout = || Problem::Timeout(Duration::ZERO);
        let failed = |why: &str| Err(Problem::Failed(why.to_owned()));
        let mut play = lock(&self.play);
        if play.speaks_tls {
            return failed("the connection speaks TLS already");
        }
        self.go_on(&mut play);
        match play.outbox.front() {
            Some((_, Said::End | Said::Reset)) => return Err(Problem::Closed),
            Some(_) => {
                play.breaks();
                return failed("what came is not TLS");
            }
            None => {}
        }
        let wait = play.at.saturating_sub(self.world.elapsed());
        if !self.world.pass(wait, deadline) {
            return Err(timeout());
        }
        match play.steps.pop_front() {
            Some(Step::ShakesHands(handshake)) => {
                if verify && let Some(why) = &handshake.verification_error {
                    play.breaks();
                    return Err(Problem::Failed(format!(
                        "the certificate of {name} is not trusted: {why}"
                    )));
                }
                play.speaks_tls = true;
                Ok(handshake)
            }
            Some(Step::RefusesTls(why)) => {
                play.breaks();
                Err(Problem::Failed(why))
            }
            Some(other) => {
                self.went_beyond(&mut play, "was asked for TLS", &other.plan());
                Err(Problem::Closed)
            }
            None => {
                self.world.pass(Duration::MAX, deadline);
                Err(timeout())
            }
        }
    }

    /// Plays the script as far as it goes without hearing more.
    fn go_on(&self, play: &mut Play) {
        while let Some(step) = play.steps.pop_front() {
            let plan = step.plan();
            match self.play(play, step) {
                Heard::All => {}
                Heard::TooLittle(step) => {
                    play.steps.push_front(step);
                    return;
                }
                Heard::Otherwise => {
                    let heard = if play.inbox.is_empty() {
                        "heard the end".to_owned()
                    } else {
                        format!("heard `{}`", play.inbox.escape_ascii())
                    };
                    self.went_beyond(play, &heard, &plan);
                }
            }
        }
    }

    fn play(&self, play: &mut Play, step: Step) -> Heard {
        match step {
            Step::Says(bytes) => play.say(Said::Bytes(bytes)),
            Step::Waits(time) => play.at = play.at.saturating_add(time),
            Step::Floods(bytes) => play.end(Said::Flood(bytes)),
            Step::Closes => play.end(Said::End),
            Step::Resets => play.end(Said::Reset),
            Step::Hears(bytes) => {
                if play.inbox.starts_with(&bytes) {
                    play.heard(bytes.len(), self.world.elapsed());
                } else if bytes.starts_with(&play.inbox) && !play.is_at_end {
                    return Heard::TooLittle(Step::Hears(bytes));
                } else {
                    return Heard::Otherwise;
                }
            }
            Step::HearsWhere(matches) => {
                let is_it = play.has_news() && lock(&matches)(&play.inbox);
                if is_it {
                    play.heard(play.inbox.len(), self.world.elapsed());
                } else if play.is_at_end {
                    return Heard::Otherwise;
                } else {
                    return Heard::TooLittle(Step::HearsWhere(matches));
                }
            }
            Step::HearsEnd if !play.inbox.is_empty() => return Heard::Otherwise,
            Step::HearsEnd if play.is_at_end => play.heard(0, self.world.elapsed()),
            Step::Replies(reply) if play.has_news() => {
                let steps = lock(&reply)(&play.inbox).into_steps();
                if !steps.is_empty() {
                    play.heard(play.inbox.len(), self.world.elapsed());
                }
                play.steps.push_front(Step::Replies(reply));
                for step in steps.into_iter().rev() {
                    play.steps.push_front(step);
                }
            }
            Step::ShakesHands(_) | Step::RefusesTls(_) if !play.inbox.is_empty() => {
                return Heard::Otherwise;
            }
            step @ (Step::HearsEnd
            | Step::Replies(_)
            | Step::ShakesHands(_)
            | Step::RefusesTls(_)) => return Heard::TooLittle(step),
        }
        Heard::All
    }

    /// The check did what the script does not have.
    fn went_beyond(&self, play: &mut Play, what: &str, plan: &str) {
        let (channel, address) = (self.channel, &self.place.0);
        self.world.surprise(format!(
            "the peer at {channel} {address} {what}, and was to {plan}"
        ));
        play.breaks();
    }
}

enum Heard {
    /// What was to be heard, if anything.
    All,
    TooLittle(Step),
    Otherwise,
}

impl Play {
    fn say(&mut self, said: Said) {
        self.outbox.push_back((self.at, said));
    }

    /// Says the last thing.
    fn end(&mut self, said: Said) {
        self.say(said);
        self.steps.clear();
    }

    /// Breaks the connection at once.
    fn breaks(&mut self) {
        self.at = Duration::ZERO;
        self.outbox.clear();
        self.end(Said::Reset);
    }

    fn heard(&mut self, count: usize, now: Duration) {
        self.inbox.drain(..count);
        self.looked_at = 0;
        self.at = self.at.max(now);
    }

    /// Whether there is more than a function has looked at.
    fn has_news(&mut self) -> bool {
        let had = std::mem::replace(&mut self.looked_at, self.inbox.len());
        self.inbox.len() > had
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Connection(to a peer at {} {})",
            self.channel, self.place.0
        )
    }
}

/// What one read has of a stream without end, and how long that takes.
const FLOOD_BYTES: usize = 4096;
const FLOOD_EACH: Duration = Duration::from_millis(1);
