//! What the agent's role may not do, and must be able to. See docs/grants.md.
//!
//! Asked of the catalogues beforehand: a refusal in the middle of a step says the same, but too late, and some rights are missed
//! silently. Without `pg_read_all_stats` the server shows no transactions of others, and nothing seems to be in the way.

use super::connect::{Server, meaning};
use crate::error::Error;
use crate::preflight::lacking;
use lockstep_core::in_flight::Obstacle;
use tokio_postgres::Client;

/// Tables of the database, or those asked for, with what the role lacks there.
const TABLES: &str = "
SELECT c.oid::regclass::text, quote_ident(pg_get_userbyid(c.relowner)), pg_has_role(c.relowner, 'USAGE'),
    quote_ident(n.nspname), has_schema_privilege(n.oid, 'CREATE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lockstep')
    AND c.relpersistence <> 't' AND ($1::text[] IS NULL OR c.oid IN (SELECT to_regclass(target)::oid FROM unnest($1) target))
    AND NOT (pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1";

/// What is missing for changes of these tables; of all tables with `None`. One obstacle a grant.
pub(super) async fn missing(
    server: &Server,
    client: &Client,
    tables: Option<&[String]>,
) -> Result<Vec<Obstacle>, Error> {
    let failed = |error: tokio_postgres::Error| meaning(&server.place, "looking for rights", &error);
    let sql = "SELECT quote_ident(current_user), pg_has_role('pg_read_all_stats', 'USAGE')";
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    let (role, sees_others): (&str, bool) = (row.get(0), row.get(1));
    let mut obstacles = Vec::new();
    if !sees_others {
        let message =
            format!("role {role} does not see what other sessions do, so nothing would seem to be in the way");
        obstacles.push(lacking(message, &format!("GRANT pg_read_all_stats TO {role}")));
    }
    for row in client.query(TABLES, &[&tables]).await.map_err(failed)? {
        let (table, owner, owns): (&str, &str, bool) = (row.get(0), row.get(1), row.get(2));
        let (schema, may_create): (&str, bool) = (row.get(3), row.get(4));
        let owner_lacks = || {
            lacking(
                format!("table {table} belongs to {owner}, and role {role} is no member of it"),
                &format!("GRANT {owner} TO {role}"),
            )
        };
        let schema_lacks = || {
            lacking(
                format!("role {role} may not create in schema {schema}"),
                &format!("GRANT CREATE ON SCHEMA {schema} TO {role}"),
            )
        };
        for obstacle in (!owns).then(owner_lacks).into_iter().chain((!may_create).then(schema_lacks)) {
            if obstacles.iter().all(|known: &Obstacle| known.remedy != obstacle.remedy) {
                obstacles.push(obstacle);
            }
        }
    }
    Ok(obstacles)
}
