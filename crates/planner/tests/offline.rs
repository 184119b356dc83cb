//! Plans for a database that nobody looked at: what needs no facts is planned the careful way, the rest is refused.

use lockstep_core::Engine;
use lockstep_planner::{Catalog, Target, plan};

/// What becomes of a file: the names of the steps, or the refusal.
fn check(text: &str, expected: &str) {
    check_on(Target { engine: Engine::Postgres, version: 13 }, text, expected);
}

fn check_on(target: Target, text: &str, expected: &str) {
    let shown = match plan(target, "change.sql", "change", text, &mut Catalog::unknown()) {
        Ok(plan) => plan.change.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join("; "),
        Err(error) => error.to_string(),
    };
    assert!(shown.contains(expected), "{text}\n got {shown}");
}

#[test]
fn what_needs_no_facts_is_planned() {
    check("ALTER TABLE users ADD COLUMN age int", "add public.users.age");
    check("ALTER TABLE users ADD age int NOT NULL DEFAULT 0", "add public.users.age");
    check("CREATE INDEX users_by_age ON users (age)", "index public.users_by_age");
    check("ALTER TABLE users ADD CONSTRAINT old CHECK (age > 0)", "check old for new rows; validate old");
    check("ALTER TABLE users ADD CONSTRAINT mail_once UNIQUE (mail)", "add mail_once of public.users");
    check("CREATE TABLE notes (id int PRIMARY KEY, text text)", "create public.notes");
    check("DROP TABLE users", "do without public.users; hide public.users; drop public.users");
}

#[test]
fn what_needs_facts_is_refused_with_what_to_give() {
    for text in [
        "ALTER TABLE users ALTER COLUMN age SET NOT NULL",
        "ALTER TABLE users RENAME COLUMN age TO years",
        "ALTER TABLE users DROP COLUMN age",
        "ALTER TABLE users ALTER COLUMN age TYPE bigint",
        "ALTER TABLE users ALTER COLUMN age SET DEFAULT 1",
        "CREATE INDEX ON users (age)",
    ] {
        check(text, "nothing is known of table public.users, and a safe plan depends on what it is like");
    }
    // What the first statement said of it does not make the table known.
    check(
        "ALTER TABLE users ADD COLUMN age int; ALTER TABLE users RENAME COLUMN age TO years",
        "nothing is known of table",
    );
    check("ALTER TABLE users ADD COLUMN age int DEFAULT random()", "no primary key");
}

#[test]
fn mysql_and_mariadb_plan_without_a_catalog_too() {
    for target in
        [Target { engine: Engine::Mariadb, version: 1005 }, Target { engine: Engine::Mysql, version: 800 }]
    {
        let check = |text, expected| check_on(target, text, expected);
        check(
            "ALTER TABLE `users` ADD COLUMN `age` int NULL, ADD INDEX `by_age` (`age`)",
            "add users.age; index by_age of users",
        );
        check(
            "ALTER TABLE users ADD score int NOT NULL",
            "add users.score; write users.score; no default for users.score",
        );
        check("CREATE UNIQUE INDEX mail_once ON users (mail(20))", "index mail_once of users");
        check("CREATE TABLE notes (id int PRIMARY KEY, text text) ENGINE=InnoDB", "create notes");
        check("DROP TABLE users", "do without users; hide users; drop users");
        check(
            "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END; INSERT INTO users VALUES (1)",
            "trigger t of users; insert into users",
        );
        for text in [
            "ALTER TABLE users MODIFY age bigint",
            "ALTER TABLE users RENAME COLUMN age TO years",
            "ALTER TABLE users DROP COLUMN age",
            "RENAME TABLE users TO people",
            "UPDATE users SET age = 1",
        ] {
            check(text, "nothing is known of table users, and a safe plan depends on what it is like");
        }
    }
}
