//! The claim and the ledger's identity.

use super::{Stand, execute, forward, owner};
use lockstep_core::NodeId;
use lockstep_core::step::Action;
use lockstep_database::{Error, Owner};

pub(crate) async fn a_second_agent_is_refused_by_name(stand: Stand) {
    let _plain = stand.users(1).await;
    let first = stand.claimed().await;
    let second = stand.database();
    let error = second.claim(&owner("beta")).await.unwrap_err();
    assert!(matches!(&error, Error::Claimed { holder, .. } if holder == "alpha"), "{error}");
    assert!(matches!(execute(&second, &forward(1, Action::Nothing)).await, Err(Error::NotClaimed { .. })));
    // The first one's claim has not suffered, and goes with it.
    execute(&first, &forward(1, Action::Nothing)).await.unwrap();
    drop(first);
    assert_eq!(second.claim(&owner("beta")).await.unwrap().owner.node_name, "beta");
}

pub(crate) async fn the_ledger_of_another_cluster_is_refused(stand: Stand) {
    let _plain = stand.users(1).await;
    drop(stand.claimed().await);
    let stranger = Owner { cluster_id: "cluster-two".to_owned(), ..owner("alpha") };
    let database = stand.database();
    let text = database.claim(&stranger).await.unwrap_err().to_string();
    assert!(text.contains("cluster-one") && text.contains("cluster-two") && text.contains("DROP"), "{text}");
    // The refused one does not keep the lock.
    stand.claimed().await;
}

pub(crate) async fn a_newer_ledger_is_refused(stand: Stand) {
    let plain = stand.users(1).await;
    drop(stand.claimed().await);
    plain.execute(&format!("UPDATE {} SET format = 99", stand.meta), &[]).await.unwrap();
    let error = stand.database().claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::NewerLedger { stored: 99, .. }), "{error}");
}

pub(crate) async fn nothing_is_executed_without_a_claim(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.database();
    assert!(matches!(database.ledger().await, Err(Error::NoLedger { .. })));
    assert!(matches!(execute(&database, &forward(1, Action::Nothing)).await, Err(Error::NotClaimed { .. })));
}

pub(crate) async fn the_ledger_keeps_its_identity(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.database();
    let first = database.claim(&owner("alpha")).await.unwrap();
    assert_eq!(first.owner.node_id, None);
    // Joined meanwhile: the same value claims again, with its id.
    let joined = Owner { node_id: Some(NodeId(7)), ..owner("alpha") };
    assert_eq!(database.claim(&joined).await.unwrap().owner, joined);
    drop(database);
    let again = stand.claimed().await.ledger().await.unwrap();
    assert_eq!(again.database_id, first.database_id);
    assert!(!again.database_id.is_empty());
}
