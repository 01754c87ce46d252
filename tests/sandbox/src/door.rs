//! Listening ports that can be shut and opened again.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::{net::TcpListener, sync::Notify};

use crate::{Ports, fault::Protocol};

/// One of the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listener {
    /// SMTP submission with STARTTLS.
    Submission,
    /// SMTP submission over TLS.
    Submissions,
    /// IMAP with STARTTLS.
    Imap,
    /// IMAP over TLS.
    Imaps,
    /// POP3 with STLS.
    Pop3,
    /// POP3 over TLS.
    Pop3s,
    /// HTTP over TLS: EWS, Autodiscover, the web mail and CalDAV.
    Https,
    /// HTTP without TLS: the redirect of Autodiscover.
    Http,
}

impl Listener {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Submission,
        Self::Submissions,
        Self::Imap,
        Self::Imaps,
        Self::Pop3,
        Self::Pop3s,
        Self::Https,
        Self::Http,
    ];

    /// The name as text: `submission`, `submissions`, `imap`, `imaps`, `pop3`, `pop3s`, `https`, `http`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The protocol spoken there; over HTTP there are several, told apart by the path.
    #[must_use]
    pub const fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Submission | Self::Submissions => Some(Protocol::Smtp),
            Self::Imap | Self::Imaps => Some(Protocol::Imap),
            Self::Pop3 | Self::Pop3s => Some(Protocol::Pop3),
            Self::Https | Self::Http => None,
        }
    }

    /// Whether TLS comes before the first word.
    #[must_use]
    pub const fn is_implicit_tls(self) -> bool {
        matches!(self, Self::Submissions | Self::Imaps | Self::Pop3s | Self::Https)
    }

    pub(crate) const fn port(self, ports: &Ports) -> u16 {
        match self {
            Self::Submission => ports.submission,
            Self::Submissions => ports.submissions,
            Self::Imap => ports.imap,
            Self::Imaps => ports.imaps,
            Self::Pop3 => ports.pop3,
            Self::Pop3s => ports.pop3s,
            Self::Https => ports.https,
            Self::Http => ports.http,
        }
    }
}

enum State {
    Open(Arc<TcpListener>),
    /// Bound, so that nobody else takes the port, but not listening.
    Shut(Socket),
    Closed,
}

/// A listening port that can be shut and opened again, at once.
pub(crate) struct Door {
    pub(crate) listener: Listener,
    pub(crate) address: SocketAddr,
    pub(crate) changed: Notify,
    state: Mutex<State>,
}

impl Door {
    pub(crate) fn open(listener: Listener, address: SocketAddr) -> io::Result<Self> {
        let socket = bound(address)?;
        let open = listening(socket)?;
        let address = open.local_addr()?;
        Ok(Self { listener, address, state: Mutex::new(State::Open(Arc::new(open))), changed: Notify::new() })
    }

    /// From now on connecting is refused.
    pub(crate) fn shut(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(open) = &*state {
            hang_up(open);
            *state = State::Shut(bound(self.address)?);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// From now on connecting works again.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Shut(socket) = &*state {
            *state = State::Open(Arc::new(listening(socket.try_clone()?)?));
            self.changed.notify_one();
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(open) = &*state {
            hang_up(open);
        }
        *state = State::Closed;
        self.changed.notify_one();
    }

    /// The listener to accept from, if the door is open; an error if it never will be again.
    pub(crate) fn current(&self) -> Result<Option<Arc<TcpListener>>, ()> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open(open) => Ok(Some(Arc::clone(open))),
            State::Shut(_) => Ok(None),
            State::Closed => Err(()),
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listening(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(128)?;
    TcpListener::from_std(socket.into())
}

/// Stops listening although the accepting task still holds the socket.
fn hang_up(open: &TcpListener) {
    // Where a listening socket cannot be shut down, the task closes it a moment later.
    SockRef::from(open).shutdown(std::net::Shutdown::Both).ok();
}
