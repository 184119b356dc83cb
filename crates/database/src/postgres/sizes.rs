//! How large tables are, from what the server has counted already.

use super::connect::{Server, meaning};
use super::introspect;
use crate::error::Error;
use crate::sizes::Sizes;
use lockstep_core::schema::Size;
use tokio_postgres::Row;

/// Rows as the server's own planner estimates them: those a page had when it was last analysed, times the pages of today. Where
/// it never was, what the statistics collector has seen. A table with pages has at least one row, because 0 means empty. What is
/// partitioned or inherited from counts with its parts; with a foreign part, nobody knows.
fn sql() -> String {
    format!(
        "WITH RECURSIVE tree AS (
            SELECT c.oid AS root, c.oid AS part FROM {}
            UNION SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.part
        ), parts AS (
            SELECT tree.root, c.relkind, pg_relation_size(c.oid) AS bytes,
                pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages,
                c.relpages, c.reltuples, pg_stat_get_live_tuples(c.oid) AS live
            FROM tree JOIN pg_class c ON c.oid = tree.part
        )
        SELECT root::regclass::text, sum(CASE
                WHEN pages = 0 THEN 0
                WHEN reltuples >= 0 AND relpages > 0 THEN greatest(ceil(reltuples / relpages * pages)::bigint, 1)
                ELSE greatest(live, 1) END)::bigint,
            sum(bytes)::bigint, current_setting('server_version_num')::integer / 10000
        FROM parts GROUP BY root HAVING bool_and(relkind <> 'f' AND bytes IS NOT NULL)",
        introspect::classes("")
    )
}

pub(super) async fn read(server: &Server) -> Result<Sizes, Error> {
    let client = server.connect().await?;
    let sql = sql();
    let failed = |error: tokio_postgres::Error| meaning(&server.place, "sizes", &error);
    let text = "SELECT current_setting('server_version_num')::integer / 10000";
    let version: i32 = client.query_one(text, &[]).await.map_err(failed)?.get(0);
    client.batch_execute(introspect::SESSION_SETTINGS).await.map_err(failed)?;
    let rows = client.query(&sql, &[]).await.map_err(failed)?;
    let engine_version = u32::try_from(version).unwrap_or_default();
    Ok(Sizes { engine_version, tables: rows.iter().map(size).collect() })
}

fn size(row: &Row) -> (String, Size) {
    let number = |column: usize| u64::try_from(row.get::<_, i64>(column)).unwrap_or_default();
    (row.get(0), Size { rows: number(1), bytes: Some(number(2)) })
}
