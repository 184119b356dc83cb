//! Two releases of an application, as processes of their own, that read and write all the time and check every answer.
//!
//! They are the demo's: the old release knows `mail` only; the new one asks its guard which phase the change is in. Each process has a
//! row of its own on every shard, so that it knows what must be there.

use crate::agent::program;
use lockstep_core::SessionId;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A lease that outlasts elections on a busy machine.
const TTL: Duration = Duration::from_secs(15);

/// A lease short enough that a test of its end does not take long.
pub const SHORT_TTL: Duration = Duration::from_secs(3);

/// What a release knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// `mail` only.
    Old,
    /// Both forms, as its guard says.
    New,
}

/// One process of the application. Killed when dropped.
#[derive(Debug)]
pub struct Traffic {
    /// Its lease.
    pub session: SessionId,
    instance: String,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a process counted.
#[derive(Debug, serde::Deserialize)]
pub struct Report {
    /// Requests that were served and found right.
    pub served: u64,
    /// Requests that failed or found a wrong answer.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<String>,
    /// Why it stopped by itself; `None` when it was told to.
    pub over: Option<String>,
}

impl Traffic {
    /// Starts a process that works on the shards with these arguments; returns when it holds a session.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or its session is refused.
    #[must_use]
    pub fn start(instance: &str, release: Release, row: i64, arguments: &[String]) -> Self {
        Self::start_with(instance, release, row, TTL, arguments)
    }

    /// As [`Traffic::start`], with a lease of this length.
    ///
    /// # Panics
    ///
    /// As [`Traffic::start`].
    #[must_use]
    pub fn start_with(instance: &str, release: Release, row: i64, ttl: Duration, arguments: &[String]) -> Self {
        let release = if release == Release::Old { "old" } else { "new" };
        let ttl = format!("{}ms", ttl.as_millis());
        let mut process = Command::new(program().expect("the program was built"))
            .args(["demo-app", "--instance", instance, "--release", release, "--ttl", &ttl])
            .args(["--row", &row.to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its output is text");
        let session = line.trim().strip_prefix("session ").and_then(|id| id.parse().ok());
        let session = SessionId(session.unwrap_or_else(|| panic!("{instance} did not get a session")));
        Self { session, instance: instance.to_owned(), process, input, output }
    }

    /// Sends it a signal, e.g. `STOP` or `CONT`.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.process.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "{} cannot be signalled", self.instance);
    }

    /// Ends it in order.
    ///
    /// # Panics
    ///
    /// When any request failed or found a wrong answer, none was served, or it had stopped by itself.
    pub fn finish(mut self) {
        drop(self.input.take());
        let report = self.report();
        assert_eq!(report.over, None, "it stopped by itself");
    }

    /// Waits until it stops by itself; returns what it counted.
    ///
    /// # Panics
    ///
    /// As [`Traffic::finish`], but that it has stopped by itself is right.
    #[must_use]
    pub fn own_end(mut self) -> Report {
        self.report()
    }

    fn report(&mut self) -> Report {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output is text");
        let report: Report =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{} gave no report", self.instance));
        assert_eq!(
            (report.failed, &report.failures[..]),
            (0, &[][..]),
            "{} of its requests failed",
            report.failed
        );
        assert!(report.served > 0, "no request was served");
        report
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        // Either may fail only because it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
