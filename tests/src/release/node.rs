//! A database with its releases.

use super::dialect::Dialect;
use super::form::{Form, Known};
use super::model::{Model, Random};
use super::work::Release;
use crate::golden::{Golden, Ground, Stand, run_script};
use anyhow::{Context as _, Result};
use lockstep_core::step::Action;
use lockstep_database::plain;

/// What is done at each point.
const STATEMENTS_AT_A_POINT: usize = 5;

const OLD: usize = 0;
const NEW: usize = 1;
const COMMON: usize = 2;

/// Which releases work.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AtWork {
    pub(super) old: bool,
    pub(super) new: bool,
}

impl AtWork {
    /// In the order of a node's releases. Who uses only what stays is always there.
    fn indices(self) -> Vec<usize> {
        [self.old.then_some(OLD), self.new.then_some(NEW), Some(COMMON)].into_iter().flatten().collect()
    }
}

pub(super) struct Node {
    pub(super) stand: Stand,
    name: &'static str,
    /// The old one, the new one, and one that uses only what both know.
    releases: [Release; 3],
    model: Model,
    random: Random,
    /// True: rows that the change finds are left as they are until the new release is there.
    is_quiet: bool,
}

impl Node {
    pub(super) async fn begin(
        golden: &Golden,
        ground: &Ground,
        name: &'static str,
        forms: &(Form, Form, Form),
        seed: u64,
    ) -> Result<Self> {
        let stand = ground.stand(&format!("{}_{name}_{seed}", golden.name)).await?;
        run_script(&stand.connection, stand.engine, &golden.before).await?;
        stand.claim().await?;
        let release = async |name, form: &Form| -> Result<Release> {
            let connection = plain::connect(stand.engine, &stand.dsn).await?;
            let dialect = Dialect(stand.engine);
            connection.execute(dialect.session(), &[]).await?;
            Ok(Release { name, connection, form: form.clone(), dialect, times: 0 })
        };
        let releases =
            [release("old", &forms.0).await?, release("new", &forms.1).await?, release("common", &forms.2).await?];
        let mut model = Model::default();
        model.learn(&releases[OLD]).await?;
        let letters = golden.name.bytes().chain(name.bytes());
        let start = letters.fold(seed, |number, letter| number.wrapping_mul(0x0100_0193) ^ u64::from(letter));
        Ok(Self { stand, name, releases, model, random: Random(start), is_quiet: seed % 3 == 1 })
    }

    /// Takes up what comes with the point at which it is.
    pub(super) async fn arrive(&mut self, at_work: AtWork, loses_values: bool) -> Result<()> {
        if at_work.new {
            self.model.learn(&self.releases[NEW]).await?;
        } else {
            self.releases[NEW].times += 1;
            // Going back loses values for which the old form has no place.
            self.model.forget_all_but(&self.releases[OLD].form);
        }
        if loses_values && at_work.new && !at_work.old {
            self.model.forget_all_but(&self.releases[NEW].form);
        }
        Ok(())
    }

    /// What an operator does before a rollback, as the plan says: rows of the new release get a value where the old form needs one.
    pub(super) async fn fill(&self) -> Result<()> {
        let [old, new, _] = &self.releases;
        for (meaning, table) in &old.form.tables {
            let is_missing = |column: &&Known| !column.is_optional && !new.form.knows(meaning, &column.meaning);
            let is_known = new.form.tables.contains_key(meaning);
            for column in table.columns.iter().filter(is_missing).filter(|_| is_known) {
                let (name, mut values) = (old.dialect.quote(&column.name), Vec::new());
                let value = column.kind.value(old.dialect.0, 0);
                let place = old.dialect.place(column, &value, None, &mut values);
                let relation = old.dialect.relation(&table.name);
                let sql = format!("UPDATE {relation} SET {name} = {place} WHERE {name} IS NULL");
                old.connection.execute(&sql, &values).await.with_context(|| sql.clone())?;
            }
        }
        Ok(())
    }

    /// Statements of all who work, in any order; then all read all that they know.
    pub(super) async fn work(&mut self, at_work: AtWork, whence: &str) -> Result<()> {
        self.write(at_work).await.with_context(|| format!("the {} node {whence}", self.name))?;
        for index in at_work.indices() {
            let release = &self.releases[index];
            let read = release.read_all(&mut self.model).await;
            read.with_context(|| {
                format!("the {} release reads all on the {} node {whence}", release.name, self.name)
            })?;
        }
        Ok(())
    }

    async fn write(&mut self, at_work: AtWork) -> Result<()> {
        write(&self.releases, at_work, &mut self.model, &mut self.random, self.is_quiet).await
    }

    /// A step as the agent runs it, and meanwhile the work of who is there before and after it.
    pub(super) async fn execute(&mut self, name: &str, action: &Action, meanwhile: AtWork) -> Result<()> {
        let Self { stand, releases, model, random, is_quiet, .. } = self;
        let work = write(releases, meanwhile, model, random, *is_quiet);
        let (executed, worked) = tokio::join!(stand.execute(name, action), work);
        executed.with_context(|| format!("`{name}` on the {} node", self.name))?;
        worked.with_context(|| format!("on the {} node while `{name}` ran", self.name))
    }
}

async fn write(
    releases: &[Release; 3],
    at_work: AtWork,
    model: &mut Model,
    random: &mut Random,
    is_quiet: bool,
) -> Result<()> {
    for _ in 0..STATEMENTS_AT_A_POINT {
        let Some(index) = random.pick(&at_work.indices()).copied() else { break };
        let release = &releases[index];
        let worked = release.work(model, random, is_quiet && !at_work.new).await;
        worked.with_context(|| format!("the {} release", release.name))?;
    }
    Ok(())
}
