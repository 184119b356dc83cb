//! Connections of programs that are not agents.

use super::{Stand, one_integer};
use lockstep_database::plain::Value;

pub(crate) async fn values_go_in_and_come_out(stand: Stand) {
    let plain = stand.plain().await;
    plain.batch("CREATE TABLE v (i bigint, r double precision, t text)").await.unwrap();
    let rows = [
        vec![Value::Integer(i64::MIN), Value::Real(0.1), Value::Text("a '$1' \" ✓".to_owned())],
        vec![Value::Null, Value::Null, Value::Null],
    ];
    for row in &rows {
        assert_eq!(plain.execute("INSERT INTO v VALUES ($1, $2, $3)", row).await.unwrap(), 1);
    }
    let read = plain
        .query("SELECT i, r, t FROM v WHERE t IS NOT NULL OR i IS NULL ORDER BY r IS NULL", &[])
        .await
        .unwrap();
    assert_eq!(read, rows);
    let literal = plain.query("SELECT t FROM v WHERE t = 'a ''$1'' \" ✓' AND i < $1", &[0.into()]).await.unwrap();
    assert_eq!(literal.len(), 1);
}

pub(crate) async fn a_failed_transaction_takes_nothing_with_it(stand: Stand) {
    let plain = stand.users(2).await;
    let insert = |id: i64| ("INSERT INTO users (id, name) VALUES ($1, 'n')".to_owned(), vec![Value::Integer(id)]);
    plain.transaction(vec![insert(3), insert(1)]).await.unwrap_err();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users").await, 2);
    assert_eq!(plain.transaction(vec![insert(3), insert(4)]).await.unwrap(), [1, 1]);
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users").await, 4);
}

pub(crate) async fn statements_survive_changes_of_the_schema(stand: Stand) {
    let plain = stand.users(1).await;
    let all = "SELECT * FROM users";
    assert_eq!(plain.query(all, &[]).await.unwrap()[0].len(), 3);
    stand.plain().await.batch("ALTER TABLE users ADD COLUMN email text").await.unwrap();
    assert_eq!(plain.query(all, &[]).await.unwrap()[0].len(), 4);
}
