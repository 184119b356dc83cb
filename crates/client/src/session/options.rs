//! What an application asks of a session.

use crate::{Error, view};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lockstep_core::Version;
use lockstep_core::session::{Compatibility, TTL_MAX_MS, TTL_MIN_MS};
use std::sync::Arc;
use std::time::Duration;

/// An error of an application's own callback.
pub type CallbackError = Box<dyn std::error::Error + Send + Sync>;

type Callback = Arc<dyn Fn(view::Announcement) -> BoxFuture<'static, Result<(), CallbackError>> + Send + Sync>;

/// What an application asks of a session.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The application, e.g. `shop`.
    pub app: String,
    /// The process, e.g. a host name with a process id.
    pub instance: String,
    /// What this release can run on.
    pub compatibility: Compatibility,
    /// How long the lease lasts after a renewal. Long: survives longer interruptions. Short: a crashed process holds up a change
    /// less long (up to twice this).
    pub ttl: Duration,
    /// How announced versions are adopted.
    pub acknowledge: Acknowledge,
}

/// How announced versions are adopted.
#[derive(Clone, Default)]
pub enum Acknowledge {
    /// As soon as no guard on another version is out. Right for applications that ask their guard for version and phases in each
    /// unit of work.
    #[default]
    Automatic,
    /// First the callback, then as `Automatic`. See [`Acknowledge::callback`].
    Callback(Callback),
}

impl SessionOptions {
    /// Options with a lease of 15 seconds and automatic acknowledgement.
    pub fn new(app: impl Into<String>, instance: impl Into<String>, compatibility: Compatibility) -> Self {
        Self {
            app: app.into(),
            instance: instance.into(),
            compatibility,
            ttl: Duration::from_secs(15),
            acknowledge: Acknowledge::Automatic,
        }
    }

    pub(crate) fn ttl_ms(&self) -> u64 {
        u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::local("open session", crate::Kind::Invalid, problem));
        if self.app.is_empty() || self.instance.is_empty() {
            return refuse("app and instance must have a name".to_owned());
        }
        if !(TTL_MIN_MS..=TTL_MAX_MS).contains(&self.ttl_ms()) {
            return refuse(format!(
                "a lease of {} ms is not within {TTL_MIN_MS} ms and {TTL_MAX_MS} ms",
                self.ttl_ms()
            ));
        }
        Ok(())
    }

    /// Why this release cannot run at `version`, as far as it can tell by itself.
    pub(super) fn incompatibility(&self, version: Version) -> Option<String> {
        let Compatibility { version_min, version_max, .. } = &self.compatibility;
        if version < *version_min {
            return Some(format!("version {version} is announced, and this release needs {version_min} or newer"));
        }
        version_max.filter(|version_max| version > *version_max).map(|version_max| {
            format!("version {version} is announced, and this release runs up to {version_max} only")
        })
    }
}

impl Acknowledge {
    /// Calls `callback` for each version that the session has to adopt, in order, one at a time, never cut short. The version is
    /// used by new guards, and acknowledged, only after it has returned `Ok`; after an error it is called again a little later.
    /// It is not called for the version at which the session opens: that is in the first guard.
    pub fn callback<F, C>(callback: C) -> Self
    where
        C: Fn(view::Announcement) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), CallbackError>> + Send + 'static,
    {
        Self::Callback(Arc::new(move |announcement| callback(announcement).boxed()))
    }

    pub(super) async fn run(&self, announcement: view::Announcement) -> Result<(), CallbackError> {
        match self {
            Self::Automatic => Ok(()),
            Self::Callback(callback) => callback(announcement).await,
        }
    }
}

impl std::fmt::Debug for Acknowledge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Automatic => "Automatic",
            Self::Callback(_) => "Callback",
        })
    }
}
