//! What every command is given: how to reach the cluster, as whom, and where output goes.

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Output;
use lockstep_client::{Client, Options, PageRequest, view};
use lockstep_core::{RequestId, Timestamp};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Items that are asked for at once.
const PAGE_SIZE: u32 = 1_000;

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    global: Global,
    /// Where output goes.
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let output = Output::new(global.output, global.quiet);
        Self { global, output }
    }

    /// How long a command that waits may wait; `None`: for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.global.timeout
    }

    /// True when the command line names the request id of the one mutating call.
    pub(crate) fn has_request_id(&self) -> bool {
        self.global.request_id.is_some()
    }

    /// How to reach the cluster, and as whom.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        let mut options = Options::new(self.global.endpoints.clone(), self.actor());
        options.operator_token = self.operator_token()?;
        if let Some(timeout) = self.global.timeout {
            options.retry_timeout = timeout;
            options.call_timeout = options.call_timeout.min(timeout);
        }
        Ok(options)
    }

    /// A client. Its next mutating call has the request id of the command line, if there is one.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        self.connect(self.options()?).await
    }

    /// A client for watching: `--timeout` is how long to wait, not how long to look for an agent.
    pub(crate) async fn watching_client(&self) -> Result<Client, Failure> {
        let defaults = Options::new(Vec::<String>::new(), "");
        let options = self.options()?;
        self.connect(Options {
            retry_timeout: defaults.retry_timeout,
            call_timeout: defaults.call_timeout,
            ..options
        })
        .await
    }

    async fn connect(&self, options: Options) -> Result<Client, Failure> {
        let client = Client::connect(options).await?;
        Ok(match &self.global.request_id {
            Some(id) => client.with_request_id(RequestId(id.clone())),
            None => client,
        })
    }

    fn actor(&self) -> String {
        let user = || ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        self.global.actor.clone().or_else(user).unwrap_or_else(|| "operator".to_owned())
    }

    /// Flags before environment; within each, the token or the file that holds it.
    fn operator_token(&self) -> Result<Option<String>, Failure> {
        let Global { operator_token, operator_token_file, .. } = &self.global;
        match (operator_token, operator_token_file) {
            (Some(token), _) => Ok(Some(token.clone())),
            (None, Some(file)) => read_token(file).map(Some),
            (None, None) => token_of_environment(
                std::env::var("LOCKSTEP_OPERATOR_TOKEN").ok(),
                std::env::var("LOCKSTEP_OPERATOR_TOKEN_FILE").ok(),
            ),
        }
    }
}

fn token_of_environment(token: Option<String>, file: Option<String>) -> Result<Option<String>, Failure> {
    match (token, file) {
        (Some(_), Some(_)) => Err(Failure::usage(
            "LOCKSTEP_OPERATOR_TOKEN and LOCKSTEP_OPERATOR_TOKEN_FILE are both set; keep one of them",
        )),
        (Some(token), None) => Ok(Some(token)),
        (None, Some(file)) => read_token(Path::new(&file)).map(Some),
        (None, None) => Ok(None),
    }
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("cannot read the operator token from {}: {error}", file.display()))
    })?;
    Ok(text.trim().to_owned())
}

/// Now, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Collects pages until there are `limit` items, or no more.
pub(crate) async fn collect<T, F>(limit: usize, page: impl Fn(PageRequest) -> F) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<view::Page<T>, lockstep_client::Error>>,
{
    let mut items = Vec::new();
    let mut token = None;
    while items.len() < limit {
        let wanted = u32::try_from(limit - items.len()).unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
        let page = page(PageRequest { size: wanted, token }).await?;
        items.extend(page.items);
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    items.truncate(limit);
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::{collect, token_of_environment};
    use lockstep_client::{PageRequest, view::Page};

    #[tokio::test]
    async fn pages_are_collected_up_to_the_limit() {
        for (limit, expected) in [(0, 0), (1, 1), (3, 3), (4, 4), (100, 7)] {
            let page = |request: PageRequest| async move {
                let first = request.token.map_or(0, |token| token.parse::<u32>().unwrap());
                let next = (first + 2).min(7);
                let next_page_token = (next < 7).then(|| next.to_string());
                Ok(Page { items: (first..next).collect(), next_page_token })
            };
            assert_eq!(collect(limit, page).await.unwrap(), (0..expected).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn a_token_has_one_source() {
        let set = |text: &str| Some(text.to_owned());
        assert_eq!(token_of_environment(None, None).unwrap(), None);
        assert_eq!(token_of_environment(set("t"), None).unwrap(), set("t"));
        assert!(token_of_environment(set("t"), set("f")).is_err());
        assert!(token_of_environment(None, set("/nowhere/token")).unwrap_err().message.contains("/nowhere/token"));
    }
}
