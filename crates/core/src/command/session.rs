//! Sessions: open, acknowledge, close, expire, evict.

use super::Reply;
use crate::event::Event;
use crate::ids::{SessionId, Version};
use crate::in_flight::Stage;
use crate::refusal::Refusal;
use crate::session::{Compatibility, Eviction, Session, TTL_MAX_MS, TTL_MIN_MS};
use crate::state::{Context, State, require_reason};

pub(super) fn open(
    state: &mut State,
    context: &mut Context<'_>,
    app: &str,
    instance: &str,
    compatibility: &Compatibility,
    ttl_ms: u64,
) -> Result<Reply, Refusal> {
    let client = format!("{app}/{instance}");
    if let Some(problem) = problem_of(app, instance, ttl_ms) {
        return Err(Refusal::InvalidSession { client, problem });
    }
    for version in state.versions_in_use() {
        if let Some(reason) = state.incompatibility(compatibility, version) {
            return Err(Refusal::ClientIncompatible { client, version, reason });
        }
    }
    let (id, version) = (SessionId(context.index.0), state.announced());
    let session = Session {
        id,
        app: app.to_owned(),
        instance: instance.to_owned(),
        compatibility: compatibility.clone(),
        acknowledged: version,
        ttl_ms,
        opened_at: context.at,
        renew_counter: 0,
        eviction: None,
    };
    state.sessions.insert(id, session);
    note_readiness(state, id);
    context.events.push(Event::SessionOpened { session: id });
    Ok(Reply::Opened { session: id, version })
}

fn problem_of(app: &str, instance: &str, ttl_ms: u64) -> Option<String> {
    if app.is_empty() || instance.is_empty() {
        return Some("app and instance must have a name".to_owned());
    }
    if !(TTL_MIN_MS..=TTL_MAX_MS).contains(&ttl_ms) {
        return Some(format!("a lease of {ttl_ms} ms is not within {TTL_MIN_MS} ms and {TTL_MAX_MS} ms"));
    }
    None
}

pub(super) fn acknowledge(
    state: &mut State,
    context: &mut Context<'_>,
    id: SessionId,
    version: Version,
) -> Result<Reply, Refusal> {
    let announced = state.announced();
    let session = state.sessions.get_mut(&id).ok_or(Refusal::UnknownSession { session: id })?;
    if version != announced {
        return Err(Refusal::StaleAcknowledgement { session: id, version, announced });
    }
    session.acknowledged = version;
    session.renew_counter += 1;
    forget_debt(state, id);
    note_readiness(state, id);
    context.events.push(Event::SessionAcknowledged { session: id, version });
    Ok(Reply::Done)
}

pub(super) fn close(state: &mut State, context: &mut Context<'_>, id: SessionId) -> Result<Reply, Refusal> {
    let_go(state, context, id)
}

pub(super) fn expire(
    state: &mut State,
    context: &mut Context<'_>,
    id: SessionId,
    renew_counter: u64,
) -> Result<Reply, Refusal> {
    context.require_agent("expire a session")?;
    let session = state.sessions.get(&id).ok_or(Refusal::UnknownSession { session: id })?;
    if session.renew_counter != renew_counter {
        return Err(Refusal::ExpiryVoid { session: id });
    }
    let_go(state, context, id)
}

pub(super) fn evict(
    state: &mut State,
    context: &mut Context<'_>,
    id: SessionId,
    reason: &str,
    force: bool,
) -> Result<Reply, Refusal> {
    let action = format!("evict session {id}");
    context.require_operator(&action)?;
    require_reason(reason, &action)?;
    let session = state.sessions.get_mut(&id).ok_or(Refusal::UnknownSession { session: id })?;
    let title = session.title();
    if force {
        context.record(state, format!("{action} ({title}) by force"), reason, vec![title]);
        return let_go(state, context, id);
    }
    session.eviction =
        Some(Eviction { reason: reason.to_owned(), by: context.actor.name.clone(), at: context.at });
    context.record(state, format!("{action} ({title})"), reason, Vec::new());
    context.events.push(Event::SessionEvicting { session: id });
    Ok(Reply::Done)
}

fn let_go(state: &mut State, context: &mut Context<'_>, id: SessionId) -> Result<Reply, Refusal> {
    state.sessions.remove(&id).ok_or(Refusal::UnknownSession { session: id })?;
    forget_debt(state, id);
    state.unready_sessions.remove(&id);
    context.events.push(Event::SessionGone { session: id });
    Ok(Reply::Done)
}

/// Notes whether the step that is preparing has to wait for the session.
fn note_readiness(state: &mut State, id: SessionId) {
    let is_preparing =
        state.in_flight.as_ref().is_some_and(|flight| matches!(flight.stage, Stage::Preparing { .. }));
    let problem = state.sessions.get(&id).filter(|_| is_preparing).and_then(|s| state.session_problem(s));
    if problem.is_some() {
        state.unready_sessions.insert(id);
    } else {
        state.unready_sessions.remove(&id);
    }
}

fn forget_debt(state: &mut State, id: SessionId) {
    if let Some(Stage::Settling { owing, .. } | Stage::Reverting { owing, .. }) =
        state.in_flight.as_mut().map(|flight| &mut flight.stage)
    {
        owing.remove(&id);
    }
}
