//! Listening sockets that no event loop owns yet.

use std::fs::{Permissions, set_permissions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use napi_derive::napi;
use servable_codec::{Code, Error};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::{Result, throw};

/// A bound, listening socket.
#[napi(object, use_nullable = true)]
pub struct NativeListener {
    /// File descriptor, owned by the caller.
    pub fd: i32,
    /// The port in use.
    pub port: u32,
    /// The address bound.
    pub address: String,
}

/// Binds and listens.
#[napi(catch_unwind)]
pub fn bind_listener(
    host: String,
    port: u32,
    backlog: i32,
    ipv6_only: bool,
) -> Result<NativeListener> {
    let address: IpAddr = host.parse().map_err(|_| {
        throw(Error::invalid(format!(
            "host \"{host}\": expected an IP address"
        )))
    })?;
    let port = u16::try_from(port)
        .map_err(|_| throw(Error::invalid(format!("port {port}: expected 0 to 65535"))))?;
    let socket = bind(SocketAddr::new(address, port), backlog, ipv6_only)
        .map_err(|error| throw(explain(&error, address, port)))?;
    let bound = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket());
    let bound = bound.unwrap_or(SocketAddr::new(address, port));
    Ok(NativeListener {
        fd: OwnedFd::from(socket).into_raw_fd(),
        port: u32::from(bound.port()),
        address: bound.ip().to_string(),
    })
}

fn bind(address: SocketAddr, backlog: i32, ipv6_only: bool) -> io::Result<Socket> {
    // Closed on exec by socket2.
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(ipv6_only)?;
    }
    // As libuv does: a restart must not wait for old connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(backlog)?;
    Ok(socket)
}

fn explain(error: &io::Error, address: IpAddr, port: u16) -> Error {
    let (code, text) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Code::Unavailable,
            format!("port {port} on {address} in use; choose another or stop what listens there"),
        ),
        io::ErrorKind::PermissionDenied => (
            Code::PermissionDenied,
            format!("port {port} on {address}: not permitted; ports below 1024 need privileges"),
        ),
        io::ErrorKind::AddrNotAvailable => (
            Code::InvalidArgument,
            format!("address {address}: not one of this machine"),
        ),
        _ => (
            Code::Unavailable,
            format!("port {port} on {address}: {error}"),
        ),
    };
    Error::new(code, text)
}

/// Binds a Unix socket and listens on it. `mode`: its permissions, which hold before the first connection can be made; else
/// those that the umask leaves. Gives the descriptor, owned by the caller.
#[napi(catch_unwind)]
pub fn bind_unix_listener(path: String, backlog: i32, mode: Option<u32>) -> Result<i32> {
    let socket = bind_unix(Path::new(&path), backlog, mode)
        .map_err(|error| throw(explain_unix(&error, &path)))?;
    Ok(OwnedFd::from(socket).into_raw_fd())
}

fn bind_unix(path: &Path, backlog: i32, mode: Option<u32>) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    if let Some(mode) = mode {
        set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok(socket)
}

/// What `sun_path` of the system's `sockaddr_un` holds, less the ending NUL.
const MAX_UNIX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

fn explain_unix(error: &io::Error, path: &str) -> Error {
    let (code, text) = match error.kind() {
        io::ErrorKind::AddrInUse => (Code::Unavailable, "exists already".to_owned()),
        io::ErrorKind::PermissionDenied => (
            Code::PermissionDenied,
            "not permitted to make a socket there".to_owned(),
        ),
        io::ErrorKind::NotFound => (Code::NotFound, "its folder does not exist".to_owned()),
        io::ErrorKind::InvalidInput if path.len() > MAX_UNIX_PATH => (
            Code::InvalidArgument,
            format!(
                "got a path of {} bytes, wanted at most {MAX_UNIX_PATH}",
                path.len()
            ),
        ),
        _ => (Code::Unavailable, error.to_string()),
    };
    Error::new(code, format!("Unix socket {path}: {text}"))
}

/// A second descriptor of the same socket, closed on exec.
#[napi(catch_unwind)]
pub fn dup_fd(fd: i32) -> Result<i32> {
    if fd < 0 {
        return Err(throw(Error::invalid(format!(
            "descriptor {fd}: expected 0 or more"
        ))));
    }
    // SAFETY: borrowed for the call only; a descriptor that is not open makes it fail with EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let copy = borrowed.try_clone_to_owned().map_err(|error| {
        throw(Error::new(
            Code::ResourceExhausted,
            format!("descriptor {fd}: {error}"),
        ))
    })?;
    Ok(copy.into_raw_fd())
}

/// Closes a descriptor.
#[napi(catch_unwind)]
pub fn close_fd(fd: i32) -> Result<()> {
    if fd < 0 {
        return Err(throw(Error::invalid(format!(
            "descriptor {fd}: expected 0 or more"
        ))));
    }
    // SAFETY: the caller gives the descriptor away (see `ts/native/listener.ts`); it is closed once, here.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}
