//! Receivers of notifications that are dear to the host: what it sends must hold up nothing else.

use super::case::{Group, HostileCase, built};
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "receivers",
    "Webhooks whose certificates and answers are expensive for the host. Deliveries have their own \
     threads: `/health/live` and the control check stay as fast as before while notifications are \
     delivered and retried.",
)
.host(
    "[notify]\ntimeout = '2s'\n\
     [notify.webhooks.long]\nurl = 'https://{chain-long}/'\n\
     [notify.webhooks.tangled]\nurl = 'https://{chain-tangled}/'\n\
     [notify.webhooks.hints]\nurl = 'http://{hints}/'\n\
     [notify.webhooks.hints-tls]\nurl = 'https://{hints-tls}/'\n",
);

pub(super) fn cases() -> Vec<HostileCase> {
    let does = "turns unhealthy, of which four webhooks are notified that answer as they must not";
    let case = built("webhooks", does, guests::STATUS).config("fail = 'panic'");
    vec![case.ends("trap").lingers(8)]
}
