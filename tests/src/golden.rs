//! Runs the planner's goldens on real databases: forward, back, forward again.
//!
//! A golden has the schema and rows that are there before, a line `-- change`, and the change. Where directives give the change
//! another meaning than its plain statements have, a line `-- plain` and the statements that mean the same follow. A line
//! `-- differs: TEXT` says that a difference between the two schemas that contains TEXT is known; the comment lines after it say
//! why. Lines `-- rows: TABLE NUMBER` say how many rows a table is believed to have. A line `-- since: VERSION` says that older servers
//! cannot do what it is about: there it is not run. So does `-- only: mariadb` of MySQL, which runs MariaDB's goldens beside its own.

use crate::golden_locks;
pub use crate::ground::Ground;
use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use lockstep_core::schema::Column;
use lockstep_core::step::Action;
use lockstep_core::{Engine, Fence, Schema, Version};
use lockstep_database::plain::{self, Connection, Value};
use lockstep_database::{Control, Database, Job, Kind, Limits, Owner, Patience, Progress};
use lockstep_planner::catalog::Size;
use lockstep_planner::{Catalog, Plan, Target, name, plan, replay, script};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// What `-- differs:` says when a rollback cannot bring back values: a directive says how they are made up.
pub(crate) const FORGETS: &str = "rows after going back";

const ONLY_MARIADB: &str = "-- only: mariadb";

/// Goldens that run at the same time.
const AT_ONCE_MAX: usize = 4;

/// Rows of every table, each as its columns' values in the order of their names.
pub(crate) type Rows = BTreeMap<String, BTreeSet<String>>;

/// Who may do what, beyond what an owner may, and settings of tables, indexes and columns: no part of a schema that is compared, but nothing that
/// a rollback may change.
const RIGHTS: &str = "
WITH known AS (
    SELECT relnamespace AS inside, oid::regclass::text AS what, relowner AS owner,
        coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r' END, relowner)) AS rights
    FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT relnamespace, format('%s.%I', attrelid::regclass, attname), relowner, attacl
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE NOT attisdropped
    UNION ALL SELECT pronamespace, oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
    UNION ALL SELECT typnamespace, oid::regtype::text, typowner, coalesce(typacl, acldefault('T', typowner))
    FROM pg_type WHERE typtype IN ('e', 'd')
    UNION ALL SELECT oid, 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
    UNION ALL SELECT coalesce(nullif(defaclnamespace, 0), 'public'::regnamespace),
        format('to come in %s: %s', defaclnamespace::regnamespace, defaclobjtype), defaclrole, defaclacl FROM pg_default_acl
)
SELECT what, privilege_type, is_grantable::text, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
FROM known JOIN pg_namespace ON pg_namespace.oid = inside, aclexplode(rights)
WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'lockstep') AND grantee <> owner
UNION ALL SELECT pg_class.oid::regclass::text, option, '', ''
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace LEFT JOIN pg_class AS toast ON toast.oid = pg_class.reltoastrelid,
    unnest(pg_class.reloptions || toast.reloptions) AS option WHERE nspname = 'public' AND pg_class.relkind IN ('r', 'p', 'i', 'I', 'm')
UNION ALL SELECT format('%s.%I', attrelid::regclass, attname), setting, '', ''
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_type ON pg_type.oid = atttypid, unnest(attoptions || ARRAY[
        CASE WHEN attstorage <> typstorage THEN 'storage ' || attstorage::text END, 'statistics ' || nullif(attstattarget, -1)::text,
        'compression ' || nullif(attcompression::text, '')
    ]) AS setting
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND setting IS NOT NULL";

/// One golden, read.
pub struct Golden {
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) change: String,
    pub(crate) plain: Option<String>,
    pub(crate) differs: Vec<String>,
    since: u32,
    /// MySQL cannot do what it is about.
    is_only_of_mariadb: bool,
    /// What the plan believes of the size of tables.
    pub(crate) sizes: BTreeMap<String, Size>,
}

impl Golden {
    /// All goldens of an engine, in order. MySQL has those of MariaDB, too, if it has none of the same name.
    ///
    /// # Errors
    ///
    /// Files that cannot be read or have no line `-- change`.
    pub fn all(engine: Engine) -> Result<Vec<Self>> {
        let mut goldens = Self::in_folder_of(engine)?;
        if engine == Engine::Mysql {
            let others = Self::in_folder_of(Engine::Mariadb)?.into_iter();
            let is_other =
                |other: &Self| !other.is_only_of_mariadb && goldens.iter().all(|own| own.name != other.name);
            let others: Vec<Self> = others.filter(is_other).collect();
            goldens.extend(others);
        }
        Ok(goldens)
    }

    fn in_folder_of(engine: Engine) -> Result<Vec<Self>> {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/planner/tests/goldens").join(engine.name());
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            files.push(entry?.path());
        }
        files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
        files.sort();
        ensure!(!files.is_empty(), "no goldens in {}", folder.display());
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// One that stands in no file. Its change means what its plain statements mean.
    #[must_use]
    pub fn of(name: &str, before: &str, change: &str) -> Self {
        Self {
            name: name.to_owned(),
            before: before.to_owned(),
            change: change.to_owned(),
            plain: None,
            differs: Vec::new(),
            since: 0,
            is_only_of_mariadb: false,
            sizes: BTreeMap::new(),
        }
    }

    fn read(file: &Path) -> Result<Self> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file)?;
        let (before, change) =
            text.split_once("\n-- change\n").with_context(|| format!("{name}: no line `-- change`"))?;
        let (change, plain) = match change.split_once("\n-- plain\n") {
            Some((change, plain)) => (change, Some(plain.to_owned())),
            None => (change, None),
        };
        let differs =
            text.lines().filter_map(|line| line.strip_prefix("-- differs: ")).map(str::to_owned).collect();
        let since = text.lines().find_map(|line| line.strip_prefix("-- since: "));
        let since = since.map_or(Ok(0), str::parse).with_context(|| format!("{name}: a version is a number"))?;
        Ok(Self {
            name,
            since,
            is_only_of_mariadb: text.lines().any(|line| line == ONLY_MARIADB),
            before: before.to_owned(),
            change: change.to_owned(),
            plain,
            differs,
            sizes: sizes(&text),
        })
    }

    /// One golden.
    ///
    /// # Errors
    ///
    /// As [`Golden::all`], or when there is none of this name.
    pub fn named(engine: Engine, name: &str) -> Result<Self> {
        Self::all(engine)?
            .into_iter()
            .find(|golden| golden.name == name)
            .with_context(|| format!("no golden {name}"))
    }

    /// A database as it is before the change, and the plan for it.
    ///
    /// # Errors
    ///
    /// When the part before the change does not run, or there is no plan.
    pub async fn stand(&self, ground: &Ground, database: &str) -> Result<(Stand, Plan)> {
        let stand = ground.stand(database).await?;
        run_script(&stand.connection, stand.engine, &self.before).await.context("the part before the change")?;
        stand.claim().await?;
        let mut catalog = Catalog::of(stand.look().await?.0, self.sizes.clone());
        let plan = self.plan(ground.target, &mut catalog)?;
        Ok((stand, plan))
    }

    /// True when the server can do what it is about.
    #[must_use]
    pub fn is_for(&self, target: Target) -> bool {
        self.since <= target.version
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn plan(
        &self,
        target: Target,
        catalog: &mut Catalog,
    ) -> Result<Plan, lockstep_planner::plan::Error> {
        plan(target, "change.sql", &self.name, &self.change, catalog)
    }

    /// Runs it. A refusal is checked to be one with the real catalog, too.
    ///
    /// # Errors
    ///
    /// What did not hold.
    pub async fn run(&self, ground: &Ground) -> Result<()> {
        let target = ground.target;
        let mut catalog = Catalog::of(Schema::default(), self.sizes.clone());
        replay(target, "before.sql", &self.before, &mut catalog)?;
        let by_text = self.plan(target, &mut catalog);

        let mut stand = ground.stand(&format!("{}_stepwise", self.name)).await?;
        run_script(&stand.connection, target.engine, &self.before).await.context("the part before the change")?;
        stand.claim().await?;
        let before = stand.look().await?;

        let by_look = self.plan(target, &mut Catalog::of(before.0.clone(), self.sizes.clone()));
        let plan = match (by_text, by_look) {
            (Ok(by_text), Ok(by_look)) => {
                same_steps(&by_text, &by_look)?;
                by_look
            }
            (Err(one), Err(other)) if one.to_string() == other.to_string() => return Ok(()),
            (one, other) => bail!("by text: {one:#?}\nby introspection: {other:#?}"),
        };

        let twin = ground.stand(&format!("{}_plain", self.name)).await?;
        run_script(&twin.connection, target.engine, &self.before).await?;
        run_script(&twin.connection, target.engine, self.plain.as_deref().unwrap_or(&self.change))
            .await
            .context("the plain change")?;
        let wanted = twin.look().await?;

        if target.engine == Engine::Postgres {
            let (_, connection) = ground.database(&format!("{}_locks", self.name)).await?;
            run_script(&connection, target.engine, &self.before).await?;
            connection.execute("CREATE SCHEMA lockstep", &[]).await?;
            golden_locks::check(&connection, &plan).await.context("locks")?;
        }

        let seen = stand.forward(&plan).await?;
        let after = seen.last().unwrap_or(&before).clone();
        self.compare(&after.0, &wanted.0)?;
        ensure!(after.1 == wanted.1, "rows after the change: {:#?}\nplain: {:#?}", after.1, wanted.1);
        if let Some(turn) = plan.change.steps.iter().position(|step| step.revert.is_none()) {
            return self.turn(ground, plan, turn).await.context("back before what nothing undoes");
        }
        stand.back(&plan, &before, &seen).await?;
        let back = stand.look().await?;
        ensure!(
            (back.1 == before.1) != self.forgets(),
            "rows after going back: {:#?}\nbefore: {:#?}",
            back.1,
            before.1
        );
        let again = stand.forward(&plan).await.context("forward again")?.pop().unwrap_or(back);
        ensure!(again.0.diff(&after.0).is_empty(), "forward again: {:#?}", again.0.diff(&after.0));
        ensure!(again.1 == after.1, "rows forward again: {:#?}\nfirst: {:#?}", again.1, after.1);
        Ok(())
    }

    /// Forward up to a step, and back: the schema is what it was after each.
    async fn turn(&self, ground: &Ground, mut plan: Plan, turn: usize) -> Result<()> {
        plan.change.steps.truncate(turn);
        let mut stand = ground.stand(&format!("{}_turn", self.name)).await?;
        run_script(&stand.connection, stand.engine, &self.before).await?;
        stand.claim().await?;
        let before = stand.look().await?;
        let seen = stand.forward(&plan).await?;
        stand.back(&plan, &before, &seen).await
    }

    /// Going back makes values up.
    pub(crate) fn forgets(&self) -> bool {
        self.differs.iter().any(|known| known == FORGETS)
    }

    pub(crate) fn compare(&self, after: &Schema, wanted: &Schema) -> Result<()> {
        let differences = after.diff(wanted);
        let is_known = |line: &&String| self.differs.iter().any(|known| line.contains(known.as_str()));
        let known: Vec<_> = self.differs.iter().filter(|known| *known != FORGETS).collect();
        let unknown: Vec<_> = differences.iter().filter(|line| !is_known(line)).collect();
        ensure!(unknown.is_empty(), "the schema differs from what the plain change gives: {unknown:#?}");
        let stale = known.into_iter().find(|known| !differences.iter().any(|line| line.contains(known.as_str())));
        ensure!(stale.is_none(), "this difference is not there: {stale:?}");
        Ok(())
    }
}

/// What the lines `-- rows: TABLE NUMBER` say.
fn sizes(text: &str) -> BTreeMap<String, Size> {
    let size = |line: &str| {
        let (table, rows) = line.strip_prefix("-- rows: ")?.rsplit_once(' ')?;
        Some((table.to_owned(), Size { rows: rows.parse().ok()?, bytes: None }))
    };
    text.lines().filter_map(size).collect()
}

/// Texts that the server prints in its own way may differ; what is done, and in which order, may not.
fn same_steps(one: &Plan, other: &Plan) -> Result<()> {
    let shape = |plan: &Plan| -> Vec<String> {
        let count = |action: &Action| match action {
            Action::Statements { statements, transactional } => format!("{} {transactional}", statements.len()),
            other => format!("{other:?}"),
        };
        let step = |step: &lockstep_core::Step| {
            format!(
                "{} {} | {} | {:?} | {:?} | {} | {:?}",
                step.phase,
                step.name,
                count(&step.forward),
                step.revert.as_ref().map(count),
                step.requires,
                step.needs_approval,
                step.preconditions.iter().map(|assertion| &assertion.name).collect::<Vec<_>>()
            )
        };
        plan.change.steps.iter().map(step).collect()
    };
    let (one, other) = (shape(one), shape(other));
    ensure!(one == other, "planned by text: {one:#?}\nplanned by introspection: {other:#?}");
    Ok(())
}

pub(crate) async fn run_script(connection: &Connection, engine: Engine, text: &str) -> Result<()> {
    for statement in script::parse(engine, text)?.statements {
        connection.execute(&statement.sql, &[]).await.with_context(|| statement.sql.clone())?;
    }
    Ok(())
}

/// A database on which steps are run.
pub struct Stand {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) connection: Connection,
    pub(crate) dsn: String,
    pub(crate) engine: Engine,
    pub(crate) version: u64,
}

impl Stand {
    /// Makes the ledger.
    pub(crate) async fn claim(&self) -> Result<()> {
        let owner = Owner { cluster_id: "goldens".to_owned(), node_id: None, node_name: "golden".to_owned() };
        self.database.claim(&owner).await?;
        Ok(())
    }

    fn quote(&self, name: &str) -> String {
        match self.engine {
            Engine::Sqlite | Engine::Postgres => name::quote(name),
            Engine::Mariadb | Engine::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }

    fn as_text(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        match self.engine {
            Engine::Sqlite | Engine::Postgres => format!("CAST({name} AS text)"),
            Engine::Mariadb | Engine::Mysql if column.data_type == "point" => format!("HEX(ST_AsBinary({name}))"),
            // Texts of bytes that are none would all look the same.
            Engine::Mariadb | Engine::Mysql => format!("HEX(CAST({name} AS char))"),
        }
    }

    pub(crate) async fn look(&self) -> Result<(Schema, Rows)> {
        let schema = self.database.schema().await?;
        let mut rows = Rows::new();
        // What a virtual table keeps is its module's affair.
        for (key, table) in schema.tables.iter().filter(|(_, table)| !table.columns.is_empty()) {
            let mut columns: Vec<&Column> = table.columns.iter().collect();
            columns.sort_unstable_by_key(|column| &column.name);
            let text: Vec<String> = columns.iter().map(|column| self.as_text(column)).collect();
            // PostgreSQL's keys are names as statements write them.
            let from = if self.engine == Engine::Postgres { key.clone() } else { self.quote(key) };
            let found = self.connection.query(&format!("SELECT {} FROM {from}", text.join(", ")), &[]).await?;
            let line = |row: Vec<Value>| {
                columns
                    .iter()
                    .zip(row)
                    .map(|(column, value)| format!("{}={value:?}", column.name))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            rows.insert(key.clone(), found.into_iter().map(line).collect());
        }
        if self.engine == Engine::Postgres {
            let found = self.connection.query(RIGHTS, &[]).await?;
            rows.insert("rights".to_owned(), found.into_iter().map(|row| format!("{row:?}")).collect());
        }
        Ok((schema, rows))
    }

    /// What was seen after each step.
    pub(crate) async fn forward(&mut self, plan: &Plan) -> Result<Vec<(Schema, Rows)>> {
        let mut seen = Vec::new();
        for step in &plan.change.steps {
            let obstacles = self.database.preflight(step, &Limits::default()).await;
            ensure!(obstacles.is_empty(), "before `{}`: {obstacles:?}", step.name);
            self.execute(&step.name, &step.forward).await.with_context(|| format!("`{}`", step.name))?;
            seen.push(self.look().await?);
        }
        Ok(seen)
    }

    /// Each revert leaves the schema that was there before its step.
    pub(crate) async fn back(
        &mut self,
        plan: &Plan,
        before: &(Schema, Rows),
        seen: &[(Schema, Rows)],
    ) -> Result<()> {
        for (index, step) in plan.change.steps.iter().enumerate().rev() {
            let revert = step.revert.clone().unwrap_or(Action::Nothing);
            self.execute(&step.name, &revert).await.with_context(|| format!("the revert of `{}`", step.name))?;
            let wanted = if index == 0 { before } else { &seen[index - 1] };
            let differences = self.database.schema().await?.diff(&wanted.0);
            ensure!(differences.is_empty(), "after the revert of `{}`: {differences:#?}", step.name);
        }
        Ok(())
    }

    /// A connection of a client.
    ///
    /// # Errors
    ///
    /// When there is none to be had.
    pub async fn client(&self, ground: &Ground, database: &str) -> Result<Connection> {
        Ok(plain::connect(self.engine, &ground.dsn(database)).await?)
    }

    /// Does what a step says, as the next version.
    ///
    /// # Errors
    ///
    /// As the database says.
    pub async fn execute(&mut self, step_name: &str, action: &Action) -> Result<()> {
        self.version += 1;
        let job = Job {
            version: Version(self.version),
            base: Version(self.version - 1),
            hash: format!("hash-{}", self.version),
            step_name: step_name.to_owned(),
            action: action.clone(),
            fence: Fence(self.version),
            kind: Kind::Forward,
            targets: vec![],
            patience: Patience::default(),
        };
        let (progress, _) = watch::channel(Progress::default());
        self.database.execute(&job, &progress, &Control::default()).await?;
        Ok(())
    }
}

/// Runs all goldens of an engine, planned for the version of the server that `start` starts; `LOCKSTEP_GOLDEN` picks those whose
/// name contains it.
///
/// # Panics
///
/// When one does not hold; all that do not are named.
pub async fn run_all(start: impl FnOnce() -> Ground + Send + 'static) {
    each(start, async |golden: &Golden, ground: &Ground| golden.run(ground).await).await;
}

/// Does something with each golden of an engine, several at a time.
pub(crate) async fn each<Run>(start: impl FnOnce() -> Ground + Send + 'static, run: Run)
where
    Run: AsyncFn(&Golden, &Ground) -> Result<()>,
{
    let ground = tokio::task::spawn_blocking(start).await.expect("the server starts");
    let ground = ground.of_own_version().await.expect("the server says its version");
    let target = ground.target;
    let wanted = std::env::var("LOCKSTEP_GOLDEN").unwrap_or_default();
    let mut goldens = Golden::all(target.engine).unwrap_or_else(|error| panic!("{error:#}"));
    goldens.retain(|golden| golden.name().contains(&wanted) && golden.is_for(target));
    let one = async |golden: Golden| {
        let ended = run(&golden, &ground).await;
        ended.err().map(|error| format!("{}: {error:#}", golden.name()))
    };
    let failures: Vec<String> = futures_util::stream::iter(goldens)
        .map(one)
        .buffer_unordered(AT_ONCE_MAX)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failures.is_empty(), "{} goldens do not hold:\n\n{}", failures.len(), failures.join("\n\n"));
}
