//! Who holds the tables that a definition needs.
//!
//! MySQL's performance schema and MariaDB's plugin `metadata_lock_info` tell. Without them every open transaction of the database may
//! hold them.

use super::connect::meaning;
use super::preflight::{UNREAD, holds, not_seen};
use super::transaction::Run;
use crate::blocker::Blocker;
use crate::error::Error;
use crate::holders::{Holder, Lookout};
use lockstep_core::Engine;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

/// Connection, user, host, age in milliseconds, statement.
type Found = (u64, String, String, i64, Option<String>);

/// Looks who holds the targets, on the connection of the job.
pub(super) struct TableHolders<'a> {
    pub(super) server: &'a super::Server,
    pub(super) connection: &'a mut Conn,
    pub(super) targets: &'a [String],
    holds: Option<String>,
}

impl<'a> TableHolders<'a> {
    pub(super) async fn new(server: &'a super::Server, connection: &'a mut Conn, targets: &'a [String]) -> Self {
        let holds = holds(server.engine, connection, targets).await;
        Self { server, connection, targets, holds }
    }

    /// A transaction's beginning is told in whole seconds, so it may be younger by one. MariaDB tells exactly for how long a session has been
    /// at its present statement, or idle; MySQL's performance schema how old a transaction is.
    fn sql(&self) -> String {
        let (age, more) = match (self.server.engine, &self.holds) {
            (Engine::Mariadb, _) => ("p.TIME_MS", ""),
            (_, Some(_)) => ("COALESCE(e.TIMER_WAIT DIV 1000000000, p.TIME * 1000)", TRANSACTIONS),
            (_, None) => ("p.TIME * 1000", ""),
        };
        format!(
            "SELECT p.ID, p.USER, p.HOST, CAST(GREATEST({age},
                TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) DIV 1000 - 1000) AS SIGNED) AS age_ms, p.INFO
             FROM information_schema.INNODB_TRX t
             JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id {more}
             WHERE p.ID <> CONNECTION_ID() AND p.DB = DATABASE() AND {} ORDER BY age_ms DESC",
            self.holds.as_deref().unwrap_or("TRUE")
        )
    }
}

/// Ages in picoseconds.
const TRANSACTIONS: &str = "LEFT JOIN performance_schema.threads h ON h.PROCESSLIST_ID = p.ID
    LEFT JOIN performance_schema.events_transactions_current e ON e.THREAD_ID = h.THREAD_ID AND e.STATE = 'ACTIVE'";

#[async_trait::async_trait]
impl Lookout for TableHolders<'_> {
    async fn holders(&mut self) -> Result<Vec<Holder>, Error> {
        tokio::time::sleep(UNREAD).await;
        let sql = self.sql();
        let rows: Vec<Found> = self.connection.query(&sql).await.map_err(|error| not_seen(self.server, &error))?;
        let (holds, is_certain) = (self.targets.join(", "), self.holds.is_some());
        Ok(rows.into_iter().map(|found| holder(found, &holds, is_certain)).collect())
    }

    async fn end(&mut self, process: u64) -> Result<(), Error> {
        let sql = format!("KILL {process}");
        match self.connection.query_drop(&sql).await {
            Err(error) if super::code(&error) != Some(GONE_ALREADY) => {
                Err(meaning(&self.server.place, &sql, &error))
            }
            _ => Ok(()),
        }
    }
}

/// The error of a KILL for a connection that is not there any more.
pub(super) const GONE_ALREADY: u16 = 1094;

fn holder((process, user, host, age_ms, query): Found, holds: &str, is_certain: bool) -> Holder {
    let blocker = Blocker {
        process: Some(process),
        user,
        application: host,
        age_ms: Some(u64::try_from(age_ms).unwrap_or(0)),
        holds: holds.to_owned(),
        is_certain,
        remedy: format!("let it end, or end it: KILL {process}"),
        ..Blocker::default()
    };
    Holder { blocker: blocker.with_query(query.as_deref().unwrap_or_default()), transaction: process.to_string() }
}

impl Run<'_> {
    /// Waits until nobody has been holding a target for long.
    pub(super) async fn wait_for_holders(&mut self) -> Result<(), Error> {
        if self.job.targets.is_empty() {
            return Ok(());
        }
        let (server, job) = (self.server, self.job);
        let mut lookout = TableHolders::new(server, &mut self.connection, &job.targets).await;
        let (place, what) = (server.place.as_str(), job.step_name.as_str());
        crate::holders::wait_out(&mut self.attempts, &job.patience, place, what, &mut lookout).await
    }
}
