//! Judges workers and queues, and words the message.

use std::collections::BTreeMap;

use vitals_sdk::prelude::*;

use crate::flower::Queue;
use crate::{SHOWN, Settings};

pub(crate) fn judge(
    settings: &Settings,
    workers: &BTreeMap<String, bool>,
    queues: &[Queue],
) -> Outcome {
    let (mut parts, online) = judge_workers(settings, workers);
    let (about_queues, longest) = judge_queues(settings, queues);
    parts.extend(about_queues);
    // The worst part comes first.
    parts.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
    let status = parts.first().map_or(Status::Healthy, |(status, _)| *status);
    let texts: Vec<_> = parts.into_iter().map(|(_, text)| text).collect();
    let known = |queue: &Queue| (shortened(&queue.name, SHOWN), json!(queue.messages));
    let outcome = Outcome::new(status, texts.join(", "))
        .detail(
            "workers",
            first(
                workers
                    .iter()
                    .map(|(name, online)| (shortened(name, SHOWN), json!(online))),
            ),
        )
        .detail("queues", first(queues.iter().map(known)))
        .measure(online);
    match longest {
        Some(longest) => outcome.measure(longest),
        None => outcome,
    }
}

/// A part of the message, with its status.
type Part = (Status, String);

/// Judges which workers are online.
fn judge_workers(
    settings: &Settings,
    workers: &BTreeMap<String, bool>,
) -> (Vec<Part>, Measurement) {
    let is_online = |name: &str| workers.get(name).copied().unwrap_or_default();
    let required = settings.workers.iter().map(String::as_str);
    let unknown = required.clone().filter(|name| !workers.contains_key(*name));
    let others = workers.keys().map(String::as_str);
    let others = others.filter(|name| !settings.workers.iter().any(|required| required == name));
    let all = workers.len() + unknown.count();
    // Required workers come first.
    let offline: Vec<_> = required
        .clone()
        .chain(others)
        .filter(|name| !is_online(name))
        .collect();
    let online = all - offline.len();
    let measured = count("workers_online", online)
        .degraded(Bound::below(settings.degraded_below_workers))
        .unhealthy_below(settings.min_workers);
    let remark = measured.remark();
    let are = |count: usize| if count == 1 { "is" } else { "are" };
    let text = match (all, online) {
        (0, _) => "Flower knows no workers".to_owned(),
        (1, 0) => format!("worker {} is not online", named(&offline)),
        (_, 0) => format!("none of {all} workers is online"),
        _ if offline.is_empty() => format!("{} {} online{remark}", plural(all, "worker"), are(all)),
        _ => format!(
            "{online} of {all} workers {} online{remark}, {} {} not",
            are(online),
            named(&offline),
            are(offline.len())
        ),
    };
    let status = if required.into_iter().all(is_online) {
        measured.status()
    } else {
        Status::Unhealthy
    };
    (vec![(status, text)], measured)
}

/// Judges the queue lengths, and measures the longest queue.
fn judge_queues(settings: &Settings, queues: &[Queue]) -> (Vec<Part>, Option<Measurement>) {
    let mut parts = Vec::new();
    let missing = settings.missing(queues);
    if !missing.is_empty() {
        let known: Vec<_> = queues.iter().map(|queue| queue.name.as_str()).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            named(&known)
        };
        let queue = if missing.len() == 1 {
            "queue"
        } else {
            "queues"
        };
        let text = format!(
            "no worker consumes the {queue} {} (known: {known})",
            named(&missing)
        );
        parts.push((Status::Unhealthy, text));
    }
    let is_checked =
        |queue: &&Queue| settings.queues.is_empty() || settings.queues.contains(&queue.name);
    let measure = |messages: u64| {
        count("longest_queue", messages)
            .degraded(Bound::above(settings.degraded_above))
            .unhealthy(Bound::above(settings.unhealthy_above))
    };
    let lengths: Vec<_> = queues
        .iter()
        .filter(is_checked)
        .filter_map(|queue| Some((&queue.name, measure(queue.messages?))))
        .collect();
    let longest = lengths
        .iter()
        .max_by(|(_, one), (_, other)| one.value().total_cmp(&other.value()));
    let Some((name, measured)) = longest else {
        let is_bounded = settings
            .degraded_above
            .or(settings.unhealthy_above)
            .is_some();
        if is_bounded && missing.is_empty() {
            // RabbitMQ without its management plugin is one case.
            let text = "Flower reports no queue lengths".to_owned();
            parts.push((Status::Unhealthy, text));
        }
        return (parts, None);
    };
    let beyond = lengths
        .iter()
        .filter(|(_, one)| one.status() != Status::Healthy)
        .count();
    let name = shortened(name, SHOWN);
    let messages = match measured.value_text().as_str() {
        "0" => "no messages".to_owned(),
        "1" => "1 message".to_owned(),
        text => format!("{text} messages"),
    };
    let text = match (beyond, lengths.len()) {
        (0, 2..) if measured.value() == 0.0 => {
            format!("{} have no messages", plural(lengths.len(), "queue"))
        }
        (0, all @ 2..) => format!("queue {name} has {messages}, the longest of {all}"),
        (0 | 1, _) => format!("queue {name} has {messages}{}", measured.remark()),
        (beyond, _) => format!(
            "queue {name} has {messages}{}, the longest of {beyond} that exceed the bound",
            measured.remark()
        ),
    };
    parts.push((measured.status(), text));
    (parts, Some(measured.clone()))
}

/// Joins names for a message: `a, b and 3 more`.
fn named(names: &[&str]) -> String {
    let (shown, rest) = names.split_at(names.len().min(NAMED));
    let mut texts: Vec<_> = shown.iter().map(|name| shortened(name, SHOWN)).collect();
    if !rest.is_empty() {
        texts.push(format!("{} more", rest.len()));
    }
    match texts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn plural(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// Takes as many entries as fit into the details.
fn first(all: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(all.take(DETAILED).collect())
}

const NAMED: usize = 5;
const DETAILED: usize = 50;
