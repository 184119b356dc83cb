//! Compiles every `proto/lockstep/v1/*.proto` with protox, so that the build needs no protoc.

use prost::Message as _;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true);
    for file in proto_files(&root.join("lockstep/v1"))? {
        compiler.open_file(file)?;
    }
    let descriptors = compiler.file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("lockstep.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Ordered maps: equal messages print and compare equal.
        .btree_map(".lockstep.v1")
        // Log entries and snapshot chunks are passed on without a copy.
        .bytes(".lockstep.v1")
        .compile_fds(descriptors)?;
    Ok(())
}

/// All of them, in order of name, so that the descriptor set is the same on every machine.
fn proto_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    Ok(files)
}
