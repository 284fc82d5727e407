//! A connection to a peer: plays the peer's script against the check's calls, on the world's clock.
//!
//! The peer's output is queued with the time from which on it is available. A read advances the
//! clock to that time, or to its own deadline.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use super::step::Step;
use super::{Channel, Peer, World, lock};
use crate::Deadline;
use crate::net::Failure;
use crate::tls::{Handshake, TlsOptions, Verification};

/// A connection of a check to a peer of its world.
pub(crate) struct Connection {
    world: World,
    channel: Channel,
    /// The address, and the index of the connection at it.
    place: (String, usize),
    play: Mutex<Playback>,
}

/// The progress of the script.
struct Playback {
    steps: VecDeque<Step>,
    /// Received bytes that no step has consumed.
    inbox: Vec<u8>,
    /// The number of these bytes that a function has examined.
    examined: usize,
    /// Whether the check has closed its writing side.
    write_closed: bool,
    /// The output, and when it is available.
    outbox: VecDeque<(Duration, Output)>,
    /// When the peer has finished the steps played so far.
    at: Duration,
    speaks_tls: bool,
}

enum Output {
    Bytes(Vec<u8>),
    Flood(Vec<u8>),
    End,
    Reset,
}

impl Connection {
    pub(super) fn new(world: World, channel: Channel, place: (String, usize), peer: Peer) -> Self {
        let play = Mutex::new(Playback {
            steps: peer.into_steps().into(),
            inbox: Vec::new(),
            examined: 0,
            write_closed: false,
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

    /// Reads at most `most` bytes as soon as some are available; none at the end of the stream.
    pub(crate) fn read(&self, most: usize, deadline: Deadline) -> io::Result<Vec<u8>> {
        let mut play = lock(&self.play);
        self.advance_script(&mut play);
        let there_at = play.outbox.front().map(|(at, _)| *at);
        let wait = there_at.map_or(Duration::MAX, |at| at.saturating_sub(self.world.elapsed()));
        if !self.world.pass(wait, deadline) {
            return Err(ErrorKind::TimedOut.into());
        }
        match play.outbox.front_mut() {
            Some((_, Output::Bytes(bytes))) => {
                let taken: Vec<u8> = bytes.drain(..most.min(bytes.len())).collect();
                if bytes.is_empty() {
                    play.outbox.pop_front();
                }
                Ok(taken)
            }
            Some((_, Output::Flood(bytes))) => {
                // An endless read must meet its deadline before it exhausts memory.
                self.world.advance(FLOOD_EACH);
                Ok(bytes
                    .iter()
                    .copied()
                    .cycle()
                    .take(most.min(FLOOD_BYTES))
                    .collect())
            }
            Some((_, Output::Reset)) => Err(ErrorKind::ConnectionReset.into()),
            Some((_, Output::End)) | None => Ok(Vec::new()),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        if !self.world.pass(Duration::ZERO, deadline) {
            return Err(ErrorKind::TimedOut.into());
        }
        let mut play = lock(&self.play);
        self.advance_script(&mut play);
        let now = self.world.elapsed();
        let is_broken =
            |(at, output): &(Duration, Output)| matches!(output, Output::Reset) && *at <= now;
        if play.outbox.iter().any(is_broken) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.world.record_received(&self.place, bytes);
        play.inbox.extend_from_slice(bytes);
        self.advance_script(&mut play);
        Ok(())
    }

    /// Closes the writing side.
    pub(crate) fn finish(&self) {
        let mut play = lock(&self.play);
        play.write_closed = true;
        self.advance_script(&mut play);
    }

    pub(crate) fn start_tls(
        &self,
        options: &TlsOptions,
        deadline: Deadline,
    ) -> Result<Handshake, Failure> {
        let failed = |why: &str| Err(Failure::Failed(why.to_owned()));
        self.world.record_handshake(&self.place.0, options);
        let mut play = lock(&self.play);
        if play.speaks_tls {
            return failed("TLS has already started on the connection");
        }
        self.advance_script(&mut play);
        match play.outbox.front() {
            Some((_, Output::End | Output::Reset)) => return Err(Failure::Closed),
            Some(_) => {
                play.reset();
                return failed("the server's response is not TLS");
            }
            None => {}
        }
        let wait = play.at.saturating_sub(self.world.elapsed());
        if !self.world.pass(wait, deadline) {
            return Err(Failure::Timeout);
        }
        match play.steps.pop_front() {
            Some(Step::AcceptsTls(handshake)) => {
                if let Some(why) = not_as_required(&handshake, options) {
                    play.reset();
                    return failed(&why);
                }
                play.speaks_tls = true;
                let alpn = handshake.alpn.filter(|name| options.alpn.contains(name));
                Ok(Handshake { alpn, ..handshake })
            }
            Some(Step::RefusesTls(why)) => {
                play.reset();
                Err(Failure::Failed(why))
            }
            Some(other) => {
                self.fail_script(&mut play, "received a TLS handshake", &other.expected());
                Err(Failure::Closed)
            }
            None => {
                self.world.pass(Duration::MAX, deadline);
                Err(Failure::Timeout)
            }
        }
    }

    /// Plays the script as far as possible without more input.
    fn advance_script(&self, play: &mut Playback) {
        while let Some(step) = play.steps.pop_front() {
            let expected = step.expected();
            match self.run_step(play, step) {
                StepResult::Done => {}
                StepResult::NeedsInput(step) => {
                    play.steps.push_front(step);
                    return;
                }
                StepResult::Mismatch => {
                    let received = if play.inbox.is_empty() {
                        "received the end of the stream".to_owned()
                    } else {
                        format!("received `{}`", play.inbox.escape_ascii())
                    };
                    self.fail_script(play, &received, &expected);
                }
            }
        }
    }

    fn run_step(&self, play: &mut Playback, step: Step) -> StepResult {
        match step {
            Step::Sends(bytes) => play.send(Output::Bytes(bytes)),
            Step::Waits(time) => play.at = play.at.saturating_add(time),
            Step::Floods(bytes) => play.finish(Output::Flood(bytes)),
            Step::Closes => play.finish(Output::End),
            Step::Resets => play.finish(Output::Reset),
            Step::Expects(bytes) => {
                if play.inbox.starts_with(&bytes) {
                    play.consume(bytes.len(), self.world.elapsed());
                } else if bytes.starts_with(&play.inbox) && !play.write_closed {
                    return StepResult::NeedsInput(Step::Expects(bytes));
                } else {
                    return StepResult::Mismatch;
                }
            }
            Step::ExpectsWhere(matches) => {
                let is_match = play.has_new_input() && lock(&matches)(&play.inbox);
                if is_match {
                    play.consume(play.inbox.len(), self.world.elapsed());
                } else if play.write_closed {
                    return StepResult::Mismatch;
                } else {
                    return StepResult::NeedsInput(Step::ExpectsWhere(matches));
                }
            }
            Step::ExpectsEnd if !play.inbox.is_empty() => return StepResult::Mismatch,
            Step::ExpectsEnd if play.write_closed => play.consume(0, self.world.elapsed()),
            Step::Replies(reply) if play.has_new_input() => {
                let steps = lock(&reply)(&play.inbox).into_steps();
                if !steps.is_empty() {
                    play.consume(play.inbox.len(), self.world.elapsed());
                }
                play.steps.push_front(Step::Replies(reply));
                for step in steps.into_iter().rev() {
                    play.steps.push_front(step);
                }
            }
            Step::AcceptsTls(_) | Step::RefusesTls(_) if !play.inbox.is_empty() => {
                return StepResult::Mismatch;
            }
            step @ (Step::ExpectsEnd
            | Step::Replies(_)
            | Step::AcceptsTls(_)
            | Step::RefusesTls(_)) => return StepResult::NeedsInput(step),
        }
        StepResult::Done
    }

    /// Reports that the check deviated from the script, and breaks the connection.
    fn fail_script(&self, play: &mut Playback, what: &str, expected: &str) {
        let (channel, address) = (self.channel, &self.place.0);
        self.world.unexpected(format!(
            "the peer at {channel} {address} {what}, but expected {expected}"
        ));
        play.reset();
    }
}

/// Returns why the certificate is not as the check requires.
fn not_as_required(handshake: &Handshake, options: &TlsOptions) -> Option<String> {
    let name = &options.server_name;
    let leaf = handshake.leaf();
    match &options.verification {
        Verification::None => None,
        Verification::Pins(pins) => {
            let is_pinned = leaf.is_some_and(|leaf| leaf.is_pinned(pins));
            (!is_pinned)
                .then(|| format!("the certificate of {name} has none of the pinned digests"))
        }
        // Nothing but the name is wrong with a certificate for another name.
        Verification::Chain if leaf.is_some_and(|leaf| !leaf.is_for(name)) => None,
        Verification::Chain | Verification::ChainAndName => handshake
            .verification_error
            .as_ref()
            .map(|why| format!("the certificate of {name} is not trusted: {why}")),
    }
}

enum StepResult {
    /// The input that the step expected, if any.
    Done,
    NeedsInput(Step),
    Mismatch,
}

impl Playback {
    fn send(&mut self, output: Output) {
        self.outbox.push_back((self.at, output));
    }

    /// Queues the last output.
    fn finish(&mut self, output: Output) {
        self.send(output);
        self.steps.clear();
    }

    /// Breaks the connection at once.
    fn reset(&mut self) {
        self.at = Duration::ZERO;
        self.outbox.clear();
        self.finish(Output::Reset);
    }

    fn consume(&mut self, count: usize, now: Duration) {
        self.inbox.drain(..count);
        self.examined = 0;
        self.at = self.at.max(now);
    }

    /// Returns whether there is input that no function has examined.
    fn has_new_input(&mut self) -> bool {
        let had = std::mem::replace(&mut self.examined, self.inbox.len());
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

/// The bytes that one read returns of an endless stream, and the time it takes.
const FLOOD_BYTES: usize = 4096;
const FLOOD_EACH: Duration = Duration::from_millis(1);
