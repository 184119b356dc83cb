//! Refuses what cannot work before anything is opened.

use super::Config;
use super::error::Error;
use super::sources::Values;
use tracing_subscriber::EnvFilter;

const NAME_BYTES_MAX: usize = 63;

pub(super) fn check(config: &Config, values: &Values) -> Result<(), Error> {
    name(config, values)?;
    addresses(config, values)?;
    membership(config)?;
    token(config, values)?;
    timings(config, values)?;
    locks(config, values)?;
    if let Err(error) = EnvFilter::try_new(&config.log.level) {
        return Err(values.invalid("log.level", &format!("cannot be read: {error}; e.g. \"info\"")));
    }
    Ok(())
}

fn name(config: &Config, values: &Values) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if config.name.len() > NAME_BYTES_MAX || !config.name.bytes().all(is_plain) {
        let problem =
            format!("is \"{}\"; a name has 1 to {NAME_BYTES_MAX} letters, digits, `_`, `-` or `.`", config.name);
        return Err(values.invalid("name", &problem));
    }
    Ok(())
}

fn addresses(config: &Config, values: &Values) -> Result<(), Error> {
    for (path, told) in
        [("advertise.client", &config.advertise.client), ("advertise.peer", &config.advertise.peer)]
    {
        let is_whole = |text: &String| {
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if let Some(text) = told.as_ref().filter(|text| !is_whole(text)) {
            return Err(values.invalid(path, &format!("is \"{text}\"; it must be host:port")));
        }
    }
    let same = config.listen.client == config.listen.peer && config.listen.client.port() != 0;
    if same {
        return Err(Error::Contradiction {
            problem: format!(
                "`listen.client` and `listen.peer` are both {}; clients and agents need a port each",
                config.listen.client
            ),
        });
    }
    config.advertised(config.listen.client, config.listen.peer).map(|_| ())
}

fn membership(config: &Config) -> Result<(), Error> {
    let cluster = &config.cluster;
    let problem = if cluster.bootstrap && !cluster.join.is_empty() {
        "`cluster.bootstrap` and `cluster.join` are both set; the first agent of a new cluster bootstraps, all others join"
    } else if !cluster.join.is_empty() && cluster.join_token.is_none() && cluster.node_id.is_none() {
        "`cluster.join` is set without `cluster.join_token`; get one with `lockstep cluster join-token` at a member"
    } else if cluster.replace && cluster.join.is_empty() {
        "`cluster.replace` is set without `cluster.join`; an agent replaces a lost node by joining in its place"
    } else {
        return Ok(());
    };
    Err(Error::Contradiction { problem: problem.to_owned() })
}

fn token(config: &Config, values: &Values) -> Result<(), Error> {
    const CHARACTERS_MIN: usize = 16;
    let is_short = |secret: &super::Secret| {
        let text = secret.reveal();
        text.len() < CHARACTERS_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if config.security.operator_token.as_ref().is_some_and(is_short) {
        let problem = format!("must be at least {CHARACTERS_MIN} printable ASCII characters without spaces");
        return Err(values.invalid("security.operator_token", &problem));
    }
    Ok(())
}

/// Zero means without end to a database, and everybody would wait behind a step.
fn locks(config: &Config, values: &Values) -> Result<(), Error> {
    let locks = &config.locks;
    let times = [
        ("locks.lock_timeout", locks.lock_timeout),
        ("locks.batch_target", locks.batch_target),
        ("locks.batch_target_crowded", locks.batch_target_crowded),
    ];
    for (path, value) in times {
        if value.as_millis() == 0 {
            return Err(values.invalid(path, "must be at least 1ms"));
        }
    }
    if locks.backfill_sessions_max == 0 {
        return Err(values.invalid("locks.backfill_sessions_max", "must be at least 1"));
    }
    Ok(())
}

fn timings(config: &Config, values: &Values) -> Result<(), Error> {
    let raft = &config.raft;
    if raft.voters_target.is_multiple_of(2) {
        let problem =
            format!("is {}; it must be odd: one voter more tolerates no more failures", raft.voters_target);
        return Err(values.invalid("raft.voters_target", &problem));
    }
    if raft.heartbeat_interval.is_zero() || raft.election_timeout_min < raft.heartbeat_interval * 3 {
        let problem = "must be at least three heartbeat intervals: one lost heartbeat would unseat the leader";
        return Err(values.invalid("raft.election_timeout_min", problem));
    }
    if raft.election_timeout_max <= raft.election_timeout_min {
        let problem = "must be larger than raft.election_timeout_min, or voters stand for election all at once";
        return Err(values.invalid("raft.election_timeout_max", problem));
    }
    Ok(())
}
