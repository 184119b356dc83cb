//! Small text files that people can read: content, then one line with its checksum.

use std::path::Path;

use crate::barrier;
use crate::error::Error;

/// Writes `content` (which ends in a newline) with its checksum, atomically and durably.
pub(crate) fn write(directory: &Path, name: &str, content: &str) -> Result<(), Error> {
    barrier::replace_file(directory, name, seal(content).as_bytes())
}

/// Reads a sealed file; `None` when there is none.
pub(crate) fn read(directory: &Path, name: &str) -> Result<Option<String>, Error> {
    let path = directory.join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    let content = std::str::from_utf8(&bytes).ok().and_then(unseal);
    let damaged = || Error::damage(format!("file {name} does not match its checksum"), path.display().to_string());
    content.map(Some).ok_or_else(damaged)
}

pub(crate) fn seal(content: &str) -> String {
    format!("{content}crc32 {:08x}\n", crc32fast::hash(content.as_bytes()))
}

fn unseal(text: &str) -> Option<String> {
    let (content, checksum) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let content = format!("{content}\n");
    (seal(&content) == format!("{content}{checksum}\n")).then_some(content)
}
