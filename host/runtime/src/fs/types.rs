//! `wasi:filesystem/types`: each method is one call of the session's descriptor layer.

use vfs::{Descriptor, DirCursor, Kind, READ_BYTES_MAX};
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::streams::{FileInput, FileOutput};
use super::{FsError, errors, flags};
use crate::bindings::filesystem::wasi::filesystem::types::{
    self as wasi, Host, HostDescriptor, HostDirectoryEntryStream,
};
use crate::host::View;

type FsResult<T> = Result<T, FsError>;

impl Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<wasi::ErrorCode> {
        match error {
            FsError::Session(error) => {
                self.run.events.record(&error);
                Ok(errors::code(&error))
            }
            FsError::Code(code) => Ok(code),
            FsError::Trap(error) => Err(error),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<wasi::ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref().map(errors::code))
    }
}

impl View<'_> {
    fn file(&self, file: &Resource<Descriptor>) -> FsResult<&Descriptor> {
        let file = self.table.get(file)?;
        if file.kind() == Kind::Directory {
            return Err(wasi::ErrorCode::BadDescriptor.into());
        }
        Ok(file)
    }

    fn writable(&self, file: &Resource<Descriptor>) -> FsResult<Descriptor> {
        let file = self.file(file)?;
        if !file.flags().write {
            return Err(wasi::ErrorCode::BadDescriptor.into());
        }
        Ok(file.clone())
    }

    fn push_output(&mut self, output: FileOutput) -> FsResult<Resource<DynOutputStream>> {
        let output: DynOutputStream = Box::new(output);
        Ok(self.push(output)?)
    }
}

impl HostDescriptor for View<'_> {
    fn read_via_stream(
        &mut self,
        file: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        let file = self.table.get(&file)?.clone();
        if file.kind() == Kind::Directory {
            return Err(wasi::ErrorCode::IsDirectory.into());
        }
        if !file.flags().read {
            return Err(wasi::ErrorCode::BadDescriptor.into());
        }
        let events = self.run.events.clone();
        let input: DynInputStream = Box::new(FileInput {
            file,
            position: offset,
            events,
        });
        Ok(self.push(input)?)
    }

    fn write_via_stream(
        &mut self,
        file: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = self.writable(&file)?;
        self.push_output(FileOutput::at(file, offset, self.run.events.clone()))
    }

    fn append_via_stream(
        &mut self,
        file: Resource<Descriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = self.writable(&file)?;
        self.push_output(FileOutput::append(file, self.run.events.clone()))
    }

    fn advise(
        &mut self,
        file: Resource<Descriptor>,
        _offset: u64,
        _length: u64,
        _advice: wasi::Advice,
    ) -> FsResult<()> {
        self.file(&file).map(drop)
    }

    fn sync_data(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        Ok(self.table.get(&file)?.sync()?)
    }

    fn get_flags(&mut self, file: Resource<Descriptor>) -> FsResult<wasi::DescriptorFlags> {
        Ok(flags::descriptor_flags_out(self.table.get(&file)?.flags()))
    }

    fn get_type(&mut self, file: Resource<Descriptor>) -> FsResult<wasi::DescriptorType> {
        Ok(flags::kind_out(self.table.get(&file)?.kind()))
    }

    fn set_size(&mut self, file: Resource<Descriptor>, size: u64) -> FsResult<()> {
        Ok(self.table.get(&file)?.set_size(size)?)
    }

    fn set_times(
        &mut self,
        file: Resource<Descriptor>,
        accessed: wasi::NewTimestamp,
        modified: wasi::NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (flags::new_time(accessed)?, flags::new_time(modified)?);
        Ok(self.table.get(&file)?.set_times(accessed, modified)?)
    }

    fn read(
        &mut self,
        file: Resource<Descriptor>,
        length: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(READ_BYTES_MAX);
        let bytes = self.table.get(&file)?.read_at(offset, length)?;
        let at_end = bytes.is_empty() && length > 0;
        Ok((bytes.into(), at_end))
    }

    fn write(&mut self, file: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.table.get(&file)?.write_at(offset, &bytes)?;
        Ok(bytes.len() as u64)
    }

    fn read_directory(&mut self, directory: Resource<Descriptor>) -> FsResult<Resource<DirCursor>> {
        let cursor = self.table.get(&directory)?.read_dir()?;
        Ok(self.push(cursor)?)
    }

    fn sync(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        Ok(self.table.get(&file)?.sync()?)
    }

    fn create_directory_at(
        &mut self,
        directory: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        Ok(self.table.get(&directory)?.create_directory_at(&path)?)
    }

    fn stat(&mut self, file: Resource<Descriptor>) -> FsResult<wasi::DescriptorStat> {
        Ok(flags::stat_out(&self.table.get(&file)?.stat()?))
    }

    fn stat_at(
        &mut self,
        directory: Resource<Descriptor>,
        path_flags: wasi::PathFlags,
        path: String,
    ) -> FsResult<wasi::DescriptorStat> {
        let stat = self
            .table
            .get(&directory)?
            .stat_at(&path, flags::follows(path_flags))?;
        Ok(flags::stat_out(&stat))
    }

    fn set_times_at(
        &mut self,
        directory: Resource<Descriptor>,
        path_flags: wasi::PathFlags,
        path: String,
        accessed: wasi::NewTimestamp,
        modified: wasi::NewTimestamp,
    ) -> FsResult<()> {
        let directory = self.table.get(&directory)?;
        if directory.kind() != Kind::Directory {
            return Err(wasi::ErrorCode::NotDirectory.into());
        }
        let (accessed, modified) = (flags::new_time(accessed)?, flags::new_time(modified)?);
        Ok(directory.set_times_at(&path, flags::follows(path_flags), accessed, modified)?)
    }

    fn link_at(
        &mut self,
        directory: Resource<Descriptor>,
        old_path_flags: wasi::PathFlags,
        old_path: String,
        new_directory: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let new_directory = self.table.get(&new_directory)?;
        let directory = self.table.get(&directory)?;
        Ok(directory.link_at(
            flags::follows(old_path_flags),
            &old_path,
            new_directory,
            &new_path,
        )?)
    }

    fn open_at(
        &mut self,
        directory: Resource<Descriptor>,
        path_flags: wasi::PathFlags,
        path: String,
        open_flags: wasi::OpenFlags,
        descriptor_flags: wasi::DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let opened = self.table.get(&directory)?.open_at(
            &path,
            flags::follows(path_flags),
            flags::open_flags(open_flags),
            flags::descriptor_flags(descriptor_flags),
        )?;
        Ok(self.push(opened)?)
    }

    fn readlink_at(&mut self, directory: Resource<Descriptor>, path: String) -> FsResult<String> {
        Ok(self.table.get(&directory)?.read_link_at(&path)?)
    }

    fn remove_directory_at(
        &mut self,
        directory: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        Ok(self.table.get(&directory)?.remove_directory_at(&path)?)
    }

    fn rename_at(
        &mut self,
        directory: Resource<Descriptor>,
        old_path: String,
        new_directory: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let new_directory = self.table.get(&new_directory)?;
        Ok(self
            .table
            .get(&directory)?
            .rename_at(&old_path, new_directory, &new_path)?)
    }

    fn symlink_at(
        &mut self,
        directory: Resource<Descriptor>,
        target: String,
        path: String,
    ) -> FsResult<()> {
        Ok(self.table.get(&directory)?.symlink_at(&target, &path)?)
    }

    fn unlink_file_at(&mut self, directory: Resource<Descriptor>, path: String) -> FsResult<()> {
        Ok(self.table.get(&directory)?.unlink_file_at(&path)?)
    }

    fn is_same_object(
        &mut self,
        file: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        Ok(self
            .table
            .get(&file)?
            .is_same_object(self.table.get(&other)?))
    }

    fn metadata_hash(&mut self, file: Resource<Descriptor>) -> FsResult<wasi::MetadataHashValue> {
        Ok(flags::hash_out(self.table.get(&file)?.metadata_hash()))
    }

    fn metadata_hash_at(
        &mut self,
        directory: Resource<Descriptor>,
        path_flags: wasi::PathFlags,
        path: String,
    ) -> FsResult<wasi::MetadataHashValue> {
        let directory = self.table.get(&directory)?;
        Ok(flags::hash_out(
            directory.metadata_hash_at(&path, flags::follows(path_flags))?,
        ))
    }

    fn drop(&mut self, file: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(file)?;
        Ok(())
    }
}

impl HostDirectoryEntryStream for View<'_> {
    fn read_directory_entry(
        &mut self,
        cursor: Resource<DirCursor>,
    ) -> FsResult<Option<wasi::DirectoryEntry>> {
        let entry = self.table.get_mut(&cursor)?.next();
        Ok(entry.map(|entry| wasi::DirectoryEntry {
            type_: flags::kind_out(entry.kind),
            name: entry.name.to_string(),
        }))
    }

    fn drop(&mut self, cursor: Resource<DirCursor>) -> wasmtime::Result<()> {
        self.table.delete(cursor)?;
        Ok(())
    }
}
