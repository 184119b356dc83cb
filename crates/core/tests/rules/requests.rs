//! Request ids, stamps, and commands before there is a cluster.

use crate::make;
use crate::table::{World, check};
use lockstep_core::command::{Command, Role, Stamped};
use lockstep_core::{LogIndex, RequestId, State, Timestamp};

#[test]
fn a_request_takes_effect_once_and_its_first_answer_is_repeated() {
    check(
        r#"
        cluster 1                   | shard-1 v0
        id r1: submit users expand  | ok; v1 -> preparing
        id r1: submit users expand  | ok
        submit users expand         | no: the name `users` is taken by another change; choose another one
        id r1: submit orders expand | no: request id `r1` was used for another request; a new request needs a new id
        id r2: ready shard-1 v9     | no: the report of node `shard-1` on version 9 is out of date: version 1 is in flight
        id r2: ready shard-1 v9     | no: the report of node `shard-1` on version 9 is out of date: version 1 is in flight
        id r3: cancel users         | ok; v1 -> reverting; v1 -> reverted
        id r3: cancel users         | ok
        status users                | reverted: expand reverted v1
        "#,
    );
}

#[test]
fn answers_are_kept_for_a_day() {
    check(
        r#"
        cluster 1          | shard-1 v0
        id r1: open shop/a | ok
        wait 86300         | 
        id r2: open shop/b | ok
        id r1: open shop/a | ok
        running            | announced v0; spread 0; shop/a v0, shop/b v0
        wait 200           | 
        id r3: open shop/c | ok
        id r1: open shop/a | ok
        running            | announced v0; spread 0; shop/a v0, shop/b v0, shop/c v0, shop/a v0
        "#,
    );
}

#[test]
fn time_never_goes_back() {
    check(
        r#"
        cluster 1                | shard-1 v0
        submit users expand      | ok; v1 -> preparing
        pause users stamp 100000 | ok
        ages                     | preparing 2 s: users 0 s; shard-1 2 s
        ready shard-1 v1 stamp 5 | ok
        wait 300                 | 
        ages                     | preparing 305 s: users 209 s
        "#,
    );
}

fn open(index: u64, request: Option<&str>) -> (LogIndex, Stamped) {
    let command = Command::OpenSession {
        app: "shop".to_owned(),
        instance: index.to_string(),
        compatibility: Default::default(),
        ttl_ms: 10_000,
    };
    let request = request.map(|id| RequestId(id.to_owned()));
    (LogIndex(index), Stamped { at: Timestamp(index), actor: make::actor(Role::Client), request, command })
}

#[test]
fn answers_are_bounded() {
    use lockstep_core::request::RECORDS_MAX;
    let ids: Vec<String> = (0..RECORDS_MAX).map(|number| format!("r{number}")).collect();
    let answer = serde_json::json!({ "content_hash": "", "at": 0, "result": { "Ok": { "kind": "done" } } });
    let mut stored = serde_json::to_value(State::default()).expect("a state serialises");
    stored["requests"] =
        ids.iter().map(|id| (id.clone(), answer.clone())).collect::<serde_json::Map<_, _>>().into();
    stored["request_order"] = ids.into();
    let mut state: State = serde_json::from_value(stored).expect("a state deserialises");
    let (index, stamped) = open(1, Some("new"));
    assert!(state.apply(index, &stamped).result.is_err());
    let stored = serde_json::to_value(&state).expect("a state serialises");
    assert_eq!(stored["requests"].as_object().map(serde_json::Map::len), Some(RECORDS_MAX));
    assert_eq!(stored["request_order"].as_array().map(Vec::len), Some(RECORDS_MAX));
    assert_eq!([&stored["request_order"][0], &stored["request_order"][RECORDS_MAX - 1]], ["r1", "new"]);
}

#[test]
fn the_audit_trail_is_bounded() {
    use lockstep_core::audit::RECORDS_MAX;
    let mut world = World::default();
    world.run("cluster 1\nsubmit users expand\npause users\nresume users");
    let orders: Vec<_> = world.commands.iter().rev().take(2).rev().map(|(_, order)| order.clone()).collect();
    for number in 0..RECORDS_MAX {
        world.apply(&orders[number % 2]);
    }
    assert_eq!(world.state.audit().len(), RECORDS_MAX);
    assert_eq!(world.state.audit().back().map(|record| record.index), Some(world.state.applied()));
}

#[test]
fn a_log_replayed_out_of_order_stops_the_agent() {
    let mut state = State::default();
    let (index, stamped) = open(7, None);
    let _ = state.apply(index, &stamped);
    let again = std::panic::catch_unwind(move || state.apply(index, &stamped).result);
    let message = again.expect_err("it must not go on");
    assert_eq!(message.downcast_ref::<String>().map(String::as_str), Some("log index 7 applied after 7"));
}
