//! `vitals:health/files@0.1.0`.

use super::generated::vitals::health::files::{self, FileError, Metadata};
use crate::state::State;

impl files::Host for State {
    async fn stat(&mut self, path: String) -> wasmtime::Result<Result<Metadata, FileError>> {
        let found = self.stat_file(&path).await;
        Ok(found.map(Metadata::from).map_err(FileError::from))
    }

    async fn read(
        &mut self,
        path: String,
        offset: u64,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, FileError>> {
        let read = self.read_file(&path, offset, max).await;
        Ok(read.map_err(FileError::from))
    }

    async fn entries(&mut self, path: String) -> wasmtime::Result<Result<Vec<String>, FileError>> {
        let names = self.list_directory(&path).await;
        Ok(names.map_err(FileError::from))
    }
}

convert_fields! {
    Metadata { is_directory, size_bytes, modified }
}

convert_cases! {
    FileError { Denied(why), NotFound, Failed(why) }
}
