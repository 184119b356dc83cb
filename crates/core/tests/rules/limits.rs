//! Limits as people write them, and which of them count.

use lockstep_core::limits::{Kind, Limits, Side, Stop, read_setting};

/// Reads a setting; writes it exactly, and for people.
fn check(text: &str, expected: &str) {
    let shown = match read_setting(text) {
        Err(problem) => problem,
        Ok((kind, value)) => {
            let people = value.map_or_else(|| "-".to_owned(), |value| kind.show(value));
            format!("{}={} | {people}", kind.name(), kind.write(value))
        }
    };
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn values_are_written_with_their_unit() {
    check("replication_lag=5s", "replication_lag=5s | 5 s");
    check("replication_lag=1500ms", "replication_lag=1500ms | 1.5 s");
    check("replication_lag=90m", "replication_lag=90m | 5400 s");
    check("probe_p99=2500us", "probe_p99=2500us | 2.5 ms");
    check("probe_p99=0s", "probe_p99=0us | 0 us");
    check("sessions_running=100", "sessions_running=100 | 100");
    check("load=150%", "load=150% | 150 %");
    check("free_disk=1536MiB", "free_disk=1536MiB | 1.5 GiB");
    check("lock_waiters=off", "lock_waiters=off | -");
}

#[test]
fn what_cannot_be_meant_says_what_it_must_look_like() {
    let names = "replication_lag, sessions_running, lock_waiters, load, free_disk, probe_p99, execute_duration, cost, \
                 client_failures";
    check("lag=5s", &format!("there is no reading `lag`; there are {names}"));
    check("probe_p99", &format!("must be NAME=VALUE; names are {names}"));
    let problem = |name: &str, value: &str, example: &str| {
        format!("`{name}` is \"{value}\"; it must be a value such as {example}, or \"off\"")
    };
    check("probe_p99=200", &problem("probe_p99", "200", "500ms or 5s"));
    check("probe_p99=1.5s", &problem("probe_p99", "1.5s", "500ms or 5s"));
    check("lock_waiters=-1", &problem("lock_waiters", "-1", "100"));
    check("load=1", &problem("load", "1", "80%"));
    check("free_disk=99999999TiB", &problem("free_disk", "99999999TiB", "512MiB or 1GiB"));
}

#[test]
fn a_value_is_breached_on_the_bad_side_only() {
    assert!(Kind::LockWaiters.is_breached(21, 20) && !Kind::LockWaiters.is_breached(20, 20));
    assert!(Kind::FreeDisk.is_breached(19, 20) && !Kind::FreeDisk.is_breached(20, 20));
    assert_eq!((Kind::FreeDisk.worse(1, 2), Kind::ReplicationLag.worse(1, 2)), (1, 2));
}

#[test]
fn a_change_has_its_own_limits_and_for_the_rest_the_usual_ones() {
    let own = Limits {
        throttle: [(Kind::LockWaiters, None)].into(),
        thresholds: [(Kind::ProbeP99, Some(200_000))].into(),
    };
    let limits = own.over(&Limits::usual());
    assert_eq!(limits.throttle[&Kind::LockWaiters], None, "switched off");
    assert_eq!(limits.throttle[&Kind::ReplicationLag], Some(5_000_000), "as usual");
    assert_eq!(limits.thresholds[&Kind::ProbeP99], Some(200_000), "its own");
    assert_eq!(limits.thresholds[&Kind::LockWaiters], None, "as usual: no threshold");
}

#[test]
fn what_work_does_not_wait_for_cannot_throttle() {
    let limits = Limits { throttle: [(Kind::Cost, Some(300))].into(), ..Limits::default() };
    let problem = limits.problem().expect("a problem");
    assert_eq!(problem, "`cost` cannot throttle: work does not wait for it; make it a threshold");
    assert_eq!(Limits::usual().problem(), None);
}

#[test]
fn a_reason_to_wait_names_reading_value_and_limit() {
    let stop = Stop {
        reading: Kind::ReplicationLag,
        of: "standby walreceiver".to_owned(),
        value: Some(12_300_000),
        limit: 5_000_000,
        note: String::new(),
    };
    assert_eq!(stop.to_string(), "replication_lag of standby walreceiver is 12.3 s (limit 5 s)");
    let unread = Stop { value: None, of: String::new(), note: "no reading for 15 s".to_owned(), ..stop };
    assert_eq!(unread.to_string(), "replication_lag cannot be read (limit 5 s): no reading for 15 s");
}

/// The page that operators read has a row for each kind, with its defaults.
#[test]
fn the_documentation_has_every_reading_with_its_limit() {
    let page = include_str!("../../../../docs/throttle.md");
    for kind in Kind::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{kind}` |"))).expect("a row");
        let cell = |position: usize| row.split('|').nth(position).map(str::trim).unwrap_or_default();
        let side = if kind.side() == Side::Under { "under" } else { "over" };
        let shown =
            |limit: Option<u64>| limit.map_or("off".to_owned(), |limit| format!("{side} {}", kind.show(limit)));
        let throttle = if kind.throttles() { shown(kind.throttle_default()) } else { "-".to_owned() };
        assert_eq!((cell(3), cell(4)), (throttle.as_str(), shown(kind.threshold_default()).as_str()), "{kind}");
    }
}
