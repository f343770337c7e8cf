//! What Windows tells and takes about an open file, where std has no function for it: its identity, another
//! name, its removal, its access list, a second handle.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::{offset_of, size_of, size_of_val};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::Path;
use std::ptr;
use windows_sys::Win32::Foundation::{
    ERROR_CALL_NOT_IMPLEMENTED, ERROR_INVALID_FUNCTION, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED,
    GENERIC_READ, HANDLE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Security::{
    GetKernelObjectSecurity, GetSecurityDescriptorControl, SetKernelObjectSecurity,
    SetSecurityDescriptorControl, DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION,
    SE_DACL_AUTO_INHERITED, SE_DACL_AUTO_INHERIT_REQ, SE_DACL_PROTECTED,
    UNPROTECTED_DACL_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    FileDispositionInfo, FileIdInfo, FileRenameInfo, FileRenameInfoEx, GetFileInformationByHandle,
    GetFileInformationByHandleEx, GetFileType, GetVolumeInformationByHandleW, ReOpenFile,
    SetFileInformationByHandle, BY_HANDLE_FILE_INFORMATION, FILE_DISPOSITION_INFO, FILE_ID_INFO,
    FILE_RENAME_INFO, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_TYPE_DISK,
};
use windows_sys::Win32::System::Ioctl::FSCTL_SET_SPARSE;
use windows_sys::Win32::System::SystemServices::FILE_NAMED_STREAMS;
use windows_sys::Win32::System::IO::DeviceIoControl;

fn raw(file: &File) -> HANDLE {
    file.as_raw_handle()
}

/// What a function of Windows that returns a BOOL has to say.
fn done(result: i32) -> io::Result<()> {
    if result == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Whether it is a file or a folder of a file system, or a whole disk: no pipe, console or other device.
pub(crate) fn is_on_disk(file: &File) -> bool {
    // SAFETY: the handle is open.
    unsafe { GetFileType(raw(file)) == FILE_TYPE_DISK }
}

/// What no other file has: a volume, and a number in there. ReFS needs 128 bits for the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u128);

/// Which file it is.
pub(crate) fn id(file: &File) -> io::Result<FileId> {
    let mut id = FILE_ID_INFO::default();
    let (place, size) = ((&raw mut id).cast::<c_void>(), size_of_val(&id) as u32);
    // SAFETY: the place is valid for writing its own size.
    if unsafe { GetFileInformationByHandleEx(raw(file), FileIdInfo, place, size) } != 0 {
        return Ok(FileId(id.VolumeSerialNumber, u128::from_le_bytes(id.FileId.Identifier)));
    }
    // File systems that do not know it have numbers of 64 bits.
    let mut info = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the place is valid for writing.
    done(unsafe { GetFileInformationByHandle(raw(file), &mut info) })?;
    let number = u64::from(info.nFileIndexHigh) << 32 | u64::from(info.nFileIndexLow);
    Ok(FileId(info.dwVolumeSerialNumber.into(), number.into()))
}

/// What the file system of a file can do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Abilities {
    /// A removal is taken back while the file is open.
    pub(crate) takes_removals_back: bool,
    /// A file has streams with names of their own.
    pub(crate) has_streams: bool,
}

/// Nothing, where the file system does not tell.
pub(crate) fn abilities(file: &File) -> Abilities {
    let (mut name, mut flags, none) = ([0u16; 16], 0, ptr::null_mut::<u32>());
    let (place, len) = (name.as_mut_ptr(), name.len() as u32);
    // SAFETY: `name` is valid for writing its own length, and `flags` for itself; nothing else is asked for.
    let known = unsafe {
        GetVolumeInformationByHandleW(raw(file), none.cast(), 0, none, none, &mut flags, place, len)
    };
    if known == 0 {
        return Abilities::default();
    }
    let name = String::from_utf16_lossy(&name);
    Abilities {
        // Others, of networks above all, may remove the name at once.
        takes_removals_back: ["NTFS", "ReFS"].contains(&name.trim_end_matches('\0')),
        has_streams: flags & FILE_NAMED_STREAMS != 0,
    }
}

/// Has the file removed when its last handle is closed, also by the end of the process; or not any more.
pub(crate) fn remove_at_end(file: &File, remove: bool) -> io::Result<()> {
    let info = FILE_DISPOSITION_INFO { DeleteFile: remove };
    let (place, size) = ((&raw const info).cast::<c_void>(), size_of_val(&info) as u32);
    // SAFETY: the place is valid for reading its own size.
    done(unsafe { SetFileInformationByHandle(raw(file), FileDispositionInfo, place, size) })
}

/// How a file that has the name already is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// It is not: that is an error.
    Never,
    /// Unless it is read-only, or open.
    Plain,
    /// Read-only or not, and also while programs have it open that allow it to be removed.
    Posix,
}

/// FILE_RENAME_REPLACE_IF_EXISTS, _POSIX_SEMANTICS and _IGNORE_READONLY_ATTRIBUTE.
const POSIX: u32 = 0x1 | 0x2 | 0x40;

/// Gives an open file another name: an absolute path with the prefix `\\?\`.
pub(crate) fn rename(file: &File, to: &Path, replace: Replace) -> io::Result<()> {
    let name: Vec<u16> = to.as_os_str().encode_wide().collect();
    let size =
        size_of::<FILE_RENAME_INFO>().max(offset_of!(FILE_RENAME_INFO, FileName) + 2 * (name.len() + 1));
    let mut buffer = vec![0u64; size.div_ceil(size_of::<u64>())];
    let info = buffer.as_mut_ptr().cast::<FILE_RENAME_INFO>();
    let class = if replace == Replace::Posix { FileRenameInfoEx } else { FileRenameInfo };
    // SAFETY: the buffer is zeroed, aligned, and holds the struct with a name of this length; its fields are
    // plain numbers, and `RootDirectory` stays null.
    unsafe {
        match replace {
            Replace::Never => {}
            Replace::Plain => (*info).Anonymous.ReplaceIfExists = true,
            Replace::Posix => (*info).Anonymous.Flags = POSIX,
        }
        (*info).FileNameLength = 2 * name.len() as u32;
        ptr::copy_nonoverlapping(name.as_ptr(), (&raw mut (*info).FileName).cast(), name.len());
        done(SetFileInformationByHandle(raw(file), class, info.cast(), size as u32))
    }
}

/// Whether the system, or the file system, does not know what it was asked for.
pub(crate) fn is_unknown(error: &io::Error) -> bool {
    let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
    let unknown =
        [ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED, ERROR_INVALID_PARAMETER, ERROR_CALL_NOT_IMPLEMENTED];
    code.is_some_and(|code| unknown.contains(&code))
}

/// Lets the file have holes; nothing happens where the file system has none.
pub(crate) fn allow_holes(file: &File) {
    let mut written = 0;
    let none = ptr::null();
    // SAFETY: nothing is read or written but `written`.
    unsafe {
        let (nowhere, not_later) = (ptr::null_mut(), ptr::null_mut());
        DeviceIoControl(raw(file), FSCTL_SET_SPARSE, none, 0, nowhere, 0, &mut written, not_later);
    }
}

/// Opens the same file once more, to read: with a position of its own, and a queue of its own in the system.
pub(crate) fn reopen(file: &File) -> io::Result<File> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: the handle is open; the new one belongs to nobody else.
    unsafe {
        match ReOpenFile(raw(file), GENERIC_READ, share, 0) {
            INVALID_HANDLE_VALUE => Err(io::Error::last_os_error()),
            handle => Ok(File::from_raw_handle(handle)),
        }
    }
}

/// Who may do what with a file: its DACL, in the system's form. The vector's type aligns it.
pub(crate) struct AccessList(Vec<u64>);

impl AccessList {
    /// That of a file which was opened with READ_CONTROL.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let mut list = vec![0; 64];
        loop {
            let (size, mut needed) = (size_of_val(&list[..]) as u32, 0);
            let place = list.as_mut_ptr().cast();
            // SAFETY: the place is valid for writing `size` bytes.
            let result = unsafe {
                GetKernelObjectSecurity(raw(file), DACL_SECURITY_INFORMATION, place, size, &mut needed)
            };
            match done(result) {
                Err(_) if needed > size => list.resize((needed as usize).div_ceil(size_of::<u64>()), 0),
                result => return result.map(|()| Self(list)),
            }
        }
    }

    /// Gives it to a file that was opened with WRITE_DAC. What the list has from a folder stays marked as
    /// that.
    pub(crate) fn give(&mut self, file: &File) -> io::Result<()> {
        let list = self.0.as_mut_ptr().cast();
        let (mut control, mut revision) = (0, 0);
        // SAFETY: `list` was filled by the system, and is valid for reading and writing; so are the others.
        unsafe {
            done(GetSecurityDescriptorControl(list, &mut control, &mut revision))?;
            let inherited = SE_DACL_AUTO_INHERIT_REQ * u16::from(control & SE_DACL_AUTO_INHERITED != 0);
            done(SetSecurityDescriptorControl(list, SE_DACL_AUTO_INHERIT_REQ, inherited))?;
            let protection = match control & SE_DACL_PROTECTED {
                0 => UNPROTECTED_DACL_SECURITY_INFORMATION,
                _ => PROTECTED_DACL_SECURITY_INFORMATION,
            };
            done(SetKernelObjectSecurity(raw(file), DACL_SECURITY_INFORMATION | protection, list))
        }
    }
}
