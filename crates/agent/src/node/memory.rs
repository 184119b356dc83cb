//! The newest schema that fitted, in a file of the data directory: with it an agent can say in what another one differs, even
//! after a restart. Nothing is decided by it, so a file that is lost, old or unreadable does no harm.

use lockstep_core::Schema;
use lockstep_executor::SchemaMemory;
use std::path::{Path, PathBuf};

const FILE: &str = "fitting-schema.json";

/// See the module.
pub(super) struct Memory {
    file: PathBuf,
}

impl Memory {
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self { file: directory.join(FILE) }
    }

    fn write(&self, schema: &Schema) -> std::io::Result<()> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(schema)?)?;
        std::fs::rename(new, &self.file)
    }
}

impl SchemaMemory for Memory {
    fn recall(&self) -> Option<Schema> {
        serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()
    }

    fn keep(&self, schema: &Schema) {
        if let Err(error) = self.write(schema) {
            tracing::warn!(file = %self.file.display(), %error, "the schema is not kept; differences may go unnamed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_recalled_and_a_bad_file_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::in_directory(directory.path());
        assert_eq!(memory.recall(), None);
        let schema = Schema { tables: [("users".to_owned(), Default::default())].into(), ..Schema::default() };
        memory.keep(&schema);
        assert_eq!(Memory::in_directory(directory.path()).recall(), Some(schema));
        std::fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(memory.recall(), None);
    }
}
