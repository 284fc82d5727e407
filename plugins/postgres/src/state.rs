//! The state of a server: role, replication lag and connections.

use vitals_sdk::prelude::*;

use crate::session::{Row, Session};

/// The state of a server. Every fact is visible to any user.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// `None` for a primary.
    pub(crate) standby: Option<Standby>,
    /// Connections to databases, including this one.
    pub(crate) connections: f64,
    pub(crate) max_connections: f64,
}

/// The state of a standby.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standby {
    /// The lag in seconds; `None` if the standby has replayed no transaction since it started and
    /// does not follow its primary.
    pub(crate) lag: Option<f64>,
    /// Whether it is connected to its primary. A standby fed from an archive never is.
    pub(crate) is_streaming: bool,
}

impl State {
    /// Queries the state; a second time if a standby seems to lag by more than `limit`.
    ///
    /// The lag is the age of the last replayed transaction, if something waits to be replayed. On a
    /// quiet primary that transaction is old, so between the arrival of new data and its replay the
    /// lag looks as long.
    pub(crate) fn query(session: &mut Session, limit: Option<Duration>) -> Result<Self> {
        let state = Self::query_once(session)?;
        if !limit.is_some_and(|limit| state.is_behind(limit)) {
            return Ok(state);
        }
        clock::sleep(REPLAY_GRACE.min(Deadline::of_run().remaining() / 2));
        Self::query_once(session)
    }

    fn query_once(session: &mut Session) -> Result<Self> {
        let row = session.query(STATE_QUERY);
        let row = row.context("the query for the server's state failed")?;
        Self::read(&row.unwrap_or_default())
            .context("the server's state lacks the columns of PostgreSQL")
    }

    fn read(row: &Row) -> Option<Self> {
        let columns: Vec<Option<&String>> = row.iter().map(Option::as_ref).collect();
        let [is_standby, lag, is_streaming, connections, max_connections] = columns[..] else {
            return None;
        };
        let standby = boolean(is_standby)?.then_some(Standby {
            // Clocks differ, but no standby is ahead of its primary.
            lag: number(lag).map(|lag| lag.max(0.0)),
            is_streaming: boolean(is_streaming)?,
        });
        Some(Self {
            standby,
            connections: number(connections)?,
            max_connections: number(max_connections).filter(|most| *most > 0.0)?,
        })
    }

    fn is_behind(&self, limit: Duration) -> bool {
        let lag = self.standby.as_ref().and_then(|standby| standby.lag);
        lag.is_some_and(|lag| lag > limit.as_secs_f64())
    }
}

fn boolean(column: Option<&String>) -> Option<bool> {
    match column?.as_str() {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    }
}

fn number(column: Option<&String>) -> Option<f64> {
    column?
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// Returns one row. Unknown values are NULL, which `greatest` would hide.
const STATE_QUERY: &str = "\
SELECT pg_is_in_recovery(), \
CASE WHEN NOT pg_is_in_recovery() THEN NULL \
WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) AND pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0 \
ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, \
EXISTS (SELECT FROM pg_stat_wal_receiver), \
(SELECT sum(numbackends) FROM pg_stat_database), \
current_setting('max_connections')";
/// The time that newly received data may wait for its replay.
const REPLAY_GRACE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(columns: [&str; 5]) -> Option<State> {
        let column = |text: &str| (text != "NULL").then(|| text.to_owned());
        State::read(&columns.map(column).to_vec())
    }

    #[test]
    fn a_primary_has_no_lag() {
        let state = read(["f", "NULL", "f", "12", "100"]).unwrap();
        assert_eq!(state.standby, None);
        assert_eq!((state.connections, state.max_connections), (12.0, 100.0));
    }

    #[test]
    fn a_standby_may_not_know_its_lag() {
        let standby = |lag| read(["t", lag, "t", "1", "100"]).unwrap().standby.unwrap();
        assert_eq!(standby("34.5").lag, Some(34.5));
        assert_eq!(standby("NULL").lag, None);
        assert_eq!(standby("NaN").lag, None);
        assert_eq!(standby("-0.2").lag, Some(0.0));
        assert!(standby("0").is_streaming);
    }

    #[test]
    fn an_unexpected_row_is_no_state() {
        for columns in [
            ["yes", "NULL", "f", "12", "100"],
            ["f", "NULL", "NULL", "12", "0"],
            ["f", "NULL", "f", "NULL", "100"],
            ["t", "1", "maybe", "12", "100"],
        ] {
            assert_eq!(read(columns), None, "{columns:?}");
        }
        assert_eq!(State::read(&Vec::new()), None);
    }
}
