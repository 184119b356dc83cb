//! What depends on the version of MySQL.

use lockstep_core::Engine;
use lockstep_planner::{Catalog, Plan, Target, plan, replay};

fn planned(version: u32, change: &str) -> Plan {
    let target = Target { engine: Engine::Mysql, version };
    let mut catalog = Catalog::of(Default::default(), Default::default());
    let before = "CREATE TABLE users (id int PRIMARY KEY, name varchar(20), age int) DEFAULT CHARSET=utf8mb4;";
    replay(target, "before.sql", before, &mut catalog).unwrap();
    plan(target, "change.sql", "change", change, &mut catalog).unwrap()
}

/// Steps that ask the server for room.
fn asking(plan: &Plan) -> Vec<&str> {
    let asks = |step: &&lockstep_core::Step| {
        step.preconditions.iter().any(|assertion| assertion.violations_query.contains("TOTAL_ROW_VERSIONS"))
    };
    plan.change.steps.iter().filter(asks).map(|step| step.name.as_str()).collect()
}

#[test]
fn columns_come_and_go_at_once_only_where_there_is_room() {
    for (change, expected) in [
        ("ALTER TABLE users ADD COLUMN email varchar(50);", "add users.email"),
        ("ALTER TABLE users DROP COLUMN age;", "drop users.age"),
        ("ALTER TABLE users RENAME COLUMN age TO years;", "add users.years"),
    ] {
        assert_eq!(asking(&planned(804, change)), [expected], "{change}");
        let old = planned(800, change);
        assert!(asking(&old).is_empty(), "{change}: the server cannot be asked");
    }
    let hazards = planned(800, "ALTER TABLE users ADD COLUMN email varchar(50);").statements.remove(0).hazards;
    assert!(hazards.iter().any(|hazard| hazard.contains("FORCE")), "{hazards:?}");
}
