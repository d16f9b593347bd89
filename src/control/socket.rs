//! A Unix socket for its owner, and for the group of a folder that is open to one.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// A socket that is bound; its file goes when this is dropped.
#[derive(Debug)]
pub struct PrivateSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl PrivateSocket {
    /// Binds it for this user alone; where the folder is open to a group, the socket is too. What a dead process left
    /// is removed, but only if nobody answers on it.
    ///
    /// # Errors
    /// `AddrInUse` if somebody answers, or the disk's.
    pub async fn bind(path: &Path) -> io::Result<Self> {
        match UnixStream::connect(path).await {
            Ok(_) => return Err(ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // A socket is born with the permissions of the moment: so it is born where nobody else can reach it.
        let cradle = path.with_extension("new");
        let _ = fs::remove_dir_all(&cradle);
        fs::DirBuilder::new().mode(0o700).create(&cradle)?;
        let born = cradle.join("s");
        let listener = UnixListener::bind(&born)?;
        let mode = path
            .parent()
            .and_then(|folder| fs::metadata(folder).ok())
            .map_or(0o600, |folder| mode(folder.mode()));
        fs::set_permissions(&born, fs::Permissions::from_mode(mode))?;
        fs::rename(&born, path)?;
        let _ = fs::remove_dir(&cradle);
        let path = path.to_owned();
        Ok(Self { listener, path })
    }

    /// The next who connects.
    ///
    /// # Errors
    /// The operating system's; it may pass, as a want of file descriptors does.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept().await?;
        Ok(stream)
    }
}

/// To connect is to write: the owner always may, the group where it may do everything in the folder.
fn mode(folder: u32) -> u32 {
    if folder & 0o070 == 0o070 { 0o660 } else { 0o600 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_open_to_whom_the_folder_is() {
        assert_eq!(mode(0o40_700), 0o600);
        assert_eq!(mode(0o40_755), 0o600);
        assert_eq!(mode(0o42_770), 0o660);
        assert_eq!(mode(0o40_777), 0o660);
    }
}
