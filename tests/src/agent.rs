//! One agent in a process of its own.

use anyhow::{Context, Result, ensure};
use lockstep_database::local_server::free_port;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The `lockstep` program that the tests run.
///
/// # Errors
///
/// When it has not been built.
pub fn program() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let beside = test.ancestors().skip(1).take(3).map(|directory| directory.join("lockstep"));
    beside
        .into_iter()
        .find(|path| path.is_file())
        .context("no `lockstep` program was built: run the tests with `cargo xtask test`")
}

/// An address on loopback that nobody listened at a moment ago, and that nobody else is given.
///
/// # Errors
///
/// When no port is free.
pub fn free_address() -> Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, free_port()?).into())
}

/// Of its log, what a test that failed shows.
const LINES_ON_FAILURE: usize = 10;

/// An agent: its files, and its process while it runs.
#[derive(Debug)]
pub struct Agent {
    /// Its node's name.
    pub name: String,
    /// Everything it keeps: configuration, data, log.
    pub directory: PathBuf,
    /// Where clients reach it.
    pub client_address: SocketAddr,
    /// Where it listens for peers; others reach it through a proxy.
    pub peer_address: SocketAddr,
    process: Option<Child>,
}

impl Agent {
    /// Writes the configuration; starts nothing.
    ///
    /// # Errors
    ///
    /// When a file cannot be written or no port is free.
    pub fn prepare(name: &str, directory: &Path, peer_address: SocketAddr, settings: toml::Table) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let agent = Self {
            name: name.to_owned(),
            directory: directory.to_owned(),
            client_address: free_address()?,
            peer_address,
            process: None,
        };
        agent.configure(settings)?;
        Ok(agent)
    }

    /// Replaces the configuration file: `settings` plus what every agent here has.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn configure(&self, mut settings: toml::Table) -> Result<()> {
        settings.insert("name".into(), self.name.clone().into());
        settings.insert("data_dir".into(), self.data_directory().display().to_string().into());
        let listen = toml::Table::from_iter([
            ("client".to_owned(), self.client_address.to_string().into()),
            ("peer".to_owned(), self.peer_address.to_string().into()),
        ]);
        settings.insert("listen".into(), listen.into());
        // Stories do not wait for a day unless they say so.
        let change = toml::Table::from_iter([("retention".to_owned(), "0s".into())]);
        settings.entry("change").or_insert_with(|| change.into());
        std::fs::write(self.configuration(), toml::to_string(&settings)?).context("cannot write the configuration")
    }

    /// Its configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("agent.toml")
    }

    /// Its data directory.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// All that it has logged, over all starts.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Starts it, with these variables in its environment; returns its process id.
    ///
    /// # Errors
    ///
    /// When the program is not there or cannot be started.
    pub fn start(&mut self, environment: &[(&str, &str)]) -> Result<u32> {
        ensure!(self.process.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.directory.join("log"))?;
        let child = Command::new(program()?)
            .args(["agent", "--config"])
            .arg(self.configuration())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let process = child.id();
        self.process = Some(child);
        Ok(process)
    }

    /// Kills it as a power cut would: no handler runs.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.process.take().with_context(|| format!("{} does not run", self.name))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Its end, if it has ended by itself.
    ///
    /// # Errors
    ///
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.process else { return Ok(None) };
        let status = child.try_wait()?;
        if status.is_some() {
            self.process = None;
        }
        Ok(status)
    }

    /// True while its process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Sends it a signal, e.g. `STOP`, `CONT`, `TERM`.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let child = self.process.as_ref().with_context(|| format!("{} does not run", self.name))?;
        let status = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status()?;
        ensure!(status.success(), "kill -{signal} of {} ended with {status}", self.name);
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (end, log) = (self.ended(), self.log());
            let lines = log.lines().collect::<Vec<_>>();
            let newest = lines[lines.len().saturating_sub(LINES_ON_FAILURE)..].join("\n");
            eprintln!("{}: ended by itself: {end:?}; the newest of its log:\n{newest}\n", self.name);
        }
        if let Some(mut child) = self.process.take() {
            // Either may fail only because it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
