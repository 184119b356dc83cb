//! Who holds the tables that a definition needs.

use super::connect::meaning;
use super::lock_mode::LockMode;
use crate::blocker::Blocker;
use crate::error::Error;
use crate::holders::{Holder, Lookout};
use std::collections::HashMap;
use tokio_postgres::{Client, Row};

/// An agent without `pg_read_all_stats` sees who holds what, and neither since when nor what others' statements are. Prepared
/// transactions belong to no session.
const SQL: &str = "
SELECT l.pid, l.virtualtransaction, coalesce(a.usename::text, p.owner::text, ''), coalesce(a.application_name, ''),
    coalesce(a.query, ''), p.gid,
    (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)) * 1000)::bigint,
    string_agg(DISTINCT l.relation::regclass::text, ', '), bool_and(l.mode = 'ShareUpdateExclusiveLock')
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::text
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.mode = ANY ($2)
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.relation IN (SELECT to_regclass(target)::oid FROM unnest($1::text[]) target)
GROUP BY l.pid, l.virtualtransaction, a.usename, p.owner, a.application_name, a.query, p.gid, a.xact_start, p.prepared
ORDER BY 7 DESC NULLS LAST, 1";

/// An automatic vacuum is asked to give way when it is still there at so many looks.
const LOOKS_BEFORE_ASKING: u32 = 3;

/// Looks who holds the targets in a mode that a definition cannot be had beside.
pub(super) struct TableHolders<'a> {
    place: &'a str,
    client: &'a Client,
    targets: &'a [String],
    mode: LockMode,
    /// How often each transaction was seen that does nothing but maintenance.
    maintenance: HashMap<String, u32>,
}

impl<'a> TableHolders<'a> {
    pub(super) fn new(place: &'a str, client: &'a Client, targets: &'a [String], mode: LockMode) -> Self {
        Self { place, client, targets, mode, maintenance: HashMap::new() }
    }

    async fn look(&self) -> Result<Vec<Row>, Error> {
        let rows = self.client.query(SQL, &[&self.targets, &self.mode.conflicts()]).await;
        rows.map_err(|error| meaning(self.place, "looking who holds the tables", &error))
    }

    /// True the moment at which those who are there, and do nothing but maintenance, are to be asked to give way.
    fn is_time_to_ask(&mut self, rows: &[Row]) -> bool {
        let transaction = |row: &Row| row.get::<_, String>(1);
        self.maintenance.retain(|known, _| rows.iter().any(|row| transaction(row) == *known));
        let mut is_time = false;
        for row in rows.iter().filter(|row| row.get(8)) {
            let looks = self.maintenance.entry(transaction(row)).or_default();
            *looks += 1;
            is_time |= *looks == LOOKS_BEFORE_ASKING;
        }
        is_time
    }

    /// The server ends an automatic vacuum for whoever has waited behind it for `deadlock_timeout`, unless it prevents a wraparound.
    /// No application waits behind the lock that is asked for here. It is a courtesy: without the right to it, nothing is lost.
    async fn ask_to_give_way(&self, rows: &[Row]) {
        let tables: Vec<&str> = rows.iter().filter(|row| row.get(8)).map(|row| row.get(7)).collect();
        let ask = format!(
            "BEGIN; SELECT set_config('lock_timeout', (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000
                 + 500)::bigint::text, true);
             LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE; COMMIT",
            tables.join(", ")
        );
        if let Err(error) = self.client.batch_execute(&ask).await {
            tracing::debug!(database = self.place, %error, "who does maintenance does not give way");
            let _ = self.client.batch_execute("ROLLBACK").await;
        }
    }
}

#[async_trait::async_trait]
impl Lookout for TableHolders<'_> {
    async fn holders(&mut self) -> Result<Vec<Holder>, Error> {
        let mut rows = self.look().await?;
        if self.is_time_to_ask(&rows) {
            self.ask_to_give_way(&rows).await;
            rows = self.look().await?;
        }
        Ok(rows.iter().map(holder).collect())
    }

    async fn end(&mut self, process: u64) -> Result<(), Error> {
        let sql = "SELECT pg_terminate_backend($1)";
        let Ok(process) = i32::try_from(process) else { return Ok(()) };
        let ended = self.client.execute(sql, &[&process]).await;
        ended.map(drop).map_err(|error| meaning(self.place, sql, &error))
    }
}

fn holder(row: &Row) -> Holder {
    let (process, prepared): (Option<i32>, Option<&str>) = (row.get(0), row.get(5));
    let application = match prepared {
        Some(name) => format!("prepared transaction `{name}`"),
        None => row.get(3),
    };
    let remedy = match process {
        Some(process) => format!("let it end, or end it: SELECT pg_terminate_backend({process})"),
        None => "end it: COMMIT PREPARED or ROLLBACK PREPARED".to_owned(),
    };
    let blocker = Blocker {
        process: process.and_then(|process| u64::try_from(process).ok()),
        user: row.get(2),
        application,
        age_ms: row.get::<_, Option<i64>>(6).and_then(|age_ms| u64::try_from(age_ms).ok()),
        holds: row.get(7),
        is_certain: true,
        remedy,
        ..Blocker::default()
    };
    Holder { blocker: blocker.with_query(row.get(4)), transaction: row.get(1) }
}
