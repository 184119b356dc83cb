//! How a caller should take each refusal, and what it says. That each is given where it should be, the tables show.

use lockstep_core::refusal::Class;
use lockstep_core::{Engine, Refusal, RequestId, SessionId, Version};

/// One of each.
fn all() -> Vec<(Class, Refusal)> {
    let text = |text: &str| text.to_owned();
    let (session, version, announced) = (SessionId(7), Version(2), Version(1));
    vec![
        (Class::NotNow, Refusal::NotBootstrapped),
        (Class::Conflict, Refusal::AlreadyBootstrapped { cluster_id: text("c1") }),
        (Class::NotFound, Refusal::UnknownChange { name: text("users") }),
        (Class::NotFound, Refusal::UnknownNode { name: text("shard-1") }),
        (Class::NotFound, Refusal::UnknownSession { session }),
        (Class::Conflict, Refusal::NameTaken { what: text("change"), name: text("users") }),
        (
            Class::Conflict,
            Refusal::SourceDiffers {
                name: text("users"),
                file: text("users.sql"),
                sha256: text("ab"),
                known_file: text("old/users.sql"),
                known_sha256: text("cd"),
            },
        ),
        (
            Class::Invalid,
            Refusal::WrongEngine { subject: text("users"), found: Engine::Postgres, expected: Engine::Sqlite },
        ),
        (Class::Invalid, Refusal::InvalidChange { name: text("users"), problem: text("it has no steps") }),
        (Class::Conflict, Refusal::RequestReused { request: RequestId(text("r1")) }),
        (
            Class::NotNow,
            Refusal::ClientIncompatible { client: text("shop/a"), version, reason: text("it is too old") },
        ),
        (Class::Invalid, Refusal::InvalidSession { client: text("shop/a"), problem: text("no app") }),
        (
            Class::NotNow,
            Refusal::JoinRefused {
                node: text("shard-1"),
                reason: text("no token"),
                remedy: text("get one"),
                compare_with: None,
            },
        ),
        (Class::Denied, Refusal::Denied { actor: text("bot"), action: text("cancel change users") }),
        (Class::Invalid, Refusal::ReasonMissing { action: text("cancel change users") }),
        (
            Class::NotNow,
            Refusal::NeedsForce { action: text("remove node shard-1"), holdouts: vec![text("a"), text("b")] },
        ),
        (Class::NotNow, Refusal::RollbackRefused { change: text("users"), reason: text("nothing settled") }),
        (
            Class::NotNow,
            Refusal::WrongState {
                action: text("cancel change"),
                subject: text("users"),
                state: text("it is done"),
            },
        ),
        (Class::NotNow, Refusal::StaleReport { node: text("shard-1"), version, state: text("it is settled") }),
        (Class::NotNow, Refusal::StaleAcknowledgement { session, version, announced }),
        (Class::NotNow, Refusal::ExpiryVoid { session }),
        // Not given by the state itself: the lease keeper answers a renewal with it.
        (Class::NotNow, Refusal::SessionEvicting { session, by: text("operator"), reason: text("too old") }),
    ]
}

#[test]
fn each_refusal_has_a_class_names_what_it_is_about_and_is_stored() {
    for (class, refusal) in all() {
        assert_eq!(refusal.class(), class, "{refusal}");
        let stored = serde_json::to_value(&refusal).expect("a refusal serialises");
        let names = stored.as_object().expect("an object").iter().filter(|(field, _)| *field != "kind");
        for (field, name) in names.filter_map(|(field, value)| Some((field, value.as_str()?))) {
            assert!(refusal.to_string().contains(name), "{refusal} does not name its {field}");
        }
        let read: Refusal = serde_json::from_value(stored).expect("a refusal deserialises");
        assert_eq!(read, refusal);
    }
}
