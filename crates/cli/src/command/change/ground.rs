//! What changes are planned against: nothing, a file with the schema, or the cluster.

use super::files;
use crate::context::collect;
use crate::engine_version;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::{Basis, ClusterCheck, Plan};
use lockstep_client::{Client, Kind};
use lockstep_core::Engine;
use lockstep_planner::source::{Change, Language};
use lockstep_planner::{Catalog, Target};
use lockstep_proto::view;
use std::path::Path;

/// Changes that are looked at for those that are not at their end.
const CHANGES_LOOKED_AT_MAX: usize = 1_000;

/// What changes are planned against.
#[derive(Debug)]
pub(super) struct Ground {
    /// `None`: only plan files with their own engine can be planned.
    target: Option<Target>,
    catalog: Catalog,
    basis: Basis,
    cluster: Option<ClusterCheck>,
}

/// The version for which every rule works that this program has.
fn oldest(engine: Engine) -> u32 {
    match engine {
        Engine::Postgres => 13,
        Engine::Sqlite => 3,
        Engine::Mariadb => 1005,
        Engine::Mysql => 800,
    }
}

impl Ground {
    /// Without a cluster. Nothing is known of the database but what `schema` says.
    pub(super) fn offline(
        engine: Option<Engine>,
        version: Option<&str>,
        schema: Option<&Path>,
    ) -> Result<Self, Failure> {
        let version = |engine| version.map_or(Ok(oldest(engine)), |text| engine_version::read(engine, text));
        let target = match engine {
            Some(engine) => Some(Target { engine, version: version(engine)? }),
            None => None,
        };
        let (mut catalog, mut basis) = (Catalog::unknown(), Basis::Nothing);
        if let (Some(target), Some(file)) = (target, schema) {
            let shown = file.display().to_string();
            catalog = Catalog::of(Default::default(), Default::default());
            lockstep_planner::replay(target, &shown, &files::text(file)?, &mut catalog)
                .map_err(|error| Failure::usage(format!("--schema {error}")))?;
            basis = Basis::SchemaFile { file: shown };
        }
        Ok(Self { target, catalog, basis, cluster: None })
    }

    /// Against a cluster: its schema, unless only plan files are to be read.
    pub(super) async fn of_cluster(client: &Client, needs_schema: bool) -> Result<Self, Failure> {
        let status = client.status().await?;
        let changes =
            collect(CHANGES_LOOKED_AT_MAX, |page| async move { client.list_changes(&page).await }).await?;
        let unfinished = changes.iter().rev().filter(|change| !change.status.is_final());
        let queued_behind: Vec<String> = unfinished.map(|change| change.name.clone()).collect();
        let found = if needs_schema { Some(schema(client).await?) } else { None };
        let cluster = ClusterCheck {
            cluster_id: status.cluster_id,
            engine: status.engine,
            is_engine_right: true,
            is_name_free: true,
            queued_behind,
        };
        Ok(Self::of(found, cluster))
    }

    fn of(found: Option<view::Catalog>, cluster: ClusterCheck) -> Self {
        let Some(found) = found else {
            return Self {
                target: None,
                catalog: Catalog::unknown(),
                basis: Basis::Nothing,
                cluster: Some(cluster),
            };
        };
        let mut catalog = Catalog::of(found.schema, found.sizes);
        // What changes on their way will make, this schema does not have yet.
        catalog.is_complete = cluster.queued_behind.is_empty();
        let target = Target { engine: found.engine, version: found.engine_version };
        let basis =
            Basis::Database { node: found.node_name, version: found.version, is_complete: catalog.is_complete };
        Self { target: Some(target), catalog, basis, cluster: Some(cluster) }
    }

    /// Plans changes, one after the other.
    pub(super) fn plan(mut self, changes: &[Change]) -> Result<Vec<Plan>, Failure> {
        changes.iter().map(|change| self.plan_one(change)).collect()
    }

    fn plan_one(&mut self, change: &Change) -> Result<Plan, Failure> {
        let target = match (self.target, change.language) {
            (Some(target), _) => target,
            // A plan file says its engine itself.
            (None, Language::Toml) => Target { engine: Engine::Sqlite, version: oldest(Engine::Sqlite) },
            (None, Language::Sql) => {
                let problem = format!(
                    "{}: for which engine? Say --engine postgres, mariadb, mysql or sqlite",
                    change.file.shown
                );
                return Err(Failure::usage(problem));
            }
        };
        let planned = lockstep_planner::plan_change(target, change, &mut self.catalog)
            .map_err(|error| self.refused(&error))?;
        if let Some(expected) = self.target.filter(|target| target.engine != planned.change.engine) {
            let (found, expected) = (planned.change.engine, expected.engine);
            return Err(Failure::usage(format!("{}: it is for {found}, not for {expected}", change.file.shown)));
        }
        let by_hand = change.language == Language::Toml;
        let basis = if by_hand { Basis::ByHand } else { self.basis.clone() };
        let engine_version = (!by_hand).then_some(target.version);
        let cluster = self.cluster.as_mut().map(|cluster| {
            let name = &planned.change.name;
            let is_engine_right = cluster.engine == planned.change.engine;
            let is_name_free = !cluster.queued_behind.contains(name);
            let check = ClusterCheck { is_engine_right, is_name_free, ..cluster.clone() };
            cluster.queued_behind.push(name.clone());
            check
        });
        Ok(Plan { basis, engine_version, cluster, ..Plan::of(change.file.shown.clone(), planned) })
    }
}

impl Ground {
    fn refused(&self, error: &lockstep_planner::plan::Error) -> Failure {
        let failure = Failure::usage(error.to_string());
        let is_in_the_dark = self.basis == Basis::Nothing && self.cluster.is_none();
        if is_in_the_dark && matches!(error, lockstep_planner::plan::Error::Refused { .. }) {
            return failure
                .hint("--schema FILE plans against the schema in an SQL file, such as a dump without its data");
        }
        failure
    }
}

async fn schema(client: &Client) -> Result<view::Catalog, Failure> {
    client.catalog().await.map_err(|error| {
        let is_of_older_release = error.kind() == Kind::Unsupported;
        let failure = Failure::from(error);
        if is_of_older_release || failure.exit == Exit::Failed {
            return failure.hint("--engine ENGINE --schema FILE plans against a file with the schema");
        }
        failure
    })
}

#[cfg(test)]
mod tests {
    use super::Ground;
    use crate::exit::Exit;
    use crate::view::{Basis, ClusterCheck};
    use lockstep_core::schema::{Schema, Size, Table};
    use lockstep_core::{Engine, Version};
    use lockstep_planner::source::{self, Change, File};
    use lockstep_proto::view;

    const OPAQUE: &str = "-- lockstep: opaque\n-- lockstep: revert SELECT 2\nSELECT 1";

    fn change(path: &str, text: &str) -> Change {
        source::file(File { path: path.to_owned(), shown: path.to_owned(), text: text.to_owned() }, None).unwrap()
    }

    fn cluster(queued_behind: &[&str]) -> ClusterCheck {
        ClusterCheck {
            cluster_id: "c-1".to_owned(),
            engine: Engine::Sqlite,
            is_engine_right: true,
            is_name_free: true,
            queued_behind: queued_behind.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn found() -> view::Catalog {
        let tables = ["users", "empty"].map(|name| (name.to_owned(), Table::default()));
        let size = |rows| Size { rows, bytes: None };
        view::Catalog {
            node_name: "shard-a".to_owned(),
            engine: Engine::Sqlite,
            engine_version: 3,
            version: Version(7),
            schema: Schema { tables: tables.into(), objects: [].into() },
            sizes: [("users".to_owned(), size(5)), ("empty".to_owned(), size(0))].into(),
        }
    }

    #[test]
    fn what_the_database_tells_of_sizes_is_known() {
        let ground = Ground::of(Some(found()), cluster(&[]));
        assert_eq!(ground.catalog.rows("users"), Some(5));
        assert_eq!(ground.catalog.rows("empty"), Some(0));
        assert!(ground.catalog.is_complete);
    }

    #[test]
    fn what_changes_on_their_way_will_make_is_not_known() {
        assert!(!Ground::of(Some(found()), cluster(&["0001_a"])).catalog.is_complete);
    }

    #[test]
    fn sql_needs_an_engine_and_a_plan_file_has_one() {
        let offline = |engine| Ground::offline(engine, None, None).unwrap();
        let failure = offline(None).plan(&[change("a.sql", OPAQUE)]).unwrap_err();
        assert_eq!((failure.exit, failure.message.contains("Say --engine")), (Exit::Usage, true), "{failure}");
        let by_hand = "engine = 'sqlite'\n[[step]]\nname = 'a'\nphase = 'expand'\n";
        let plans = offline(None).plan(&[change("a.toml", by_hand)]).unwrap();
        assert_eq!((plans[0].basis.clone(), plans[0].engine_version), (Basis::ByHand, None));
        let failure = offline(Some(Engine::Postgres)).plan(&[change("a.toml", by_hand)]).unwrap_err();
        assert_eq!(failure.message, "a.toml: it is for sqlite, not for postgres");
    }

    #[test]
    fn what_the_planner_refuses_is_usage_and_names_the_file() {
        let ground = Ground::offline(Some(Engine::Postgres), None, None).unwrap();
        let failure = ground.plan(&[change("0001_a.sql", "VACUUM FULL users")]).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.starts_with("0001_a.sql: line 1: "), "{failure}");
    }

    #[test]
    fn changes_of_one_name_are_noticed() {
        let ground = Ground::of(None, cluster(&["a"]));
        let by_hand = change("a.toml", "engine = 'sqlite'\n[[step]]\nname = 'a'\nphase = 'expand'\n");
        let plans = ground.plan(&[by_hand]).unwrap();
        assert!(!plans[0].cluster.as_ref().unwrap().is_name_free);
    }
}
