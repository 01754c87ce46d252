//! What an answer consists of, also one that breaks off or never ends.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;

/// Why a connection ends without an answer, or in the middle of one.
#[derive(Debug)]
pub(crate) struct Gone(pub(crate) &'static str);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Gone {}

/// The body of an answer.
pub(crate) enum Body {
    Whole(Bytes),
    /// The first bytes of so many; then the connection breaks.
    Cut {
        first: Bytes,
        flushed: bool,
        total: u64,
    },
    /// What comes, for as long as it comes.
    Stream(mpsc::Receiver<Bytes>),
    /// The first bytes once, the others for ever.
    Endless {
        first: Bytes,
        again: Bytes,
    },
}

impl Body {
    /// The same, breaking off in the middle.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Whole(bytes) => {
                let first = bytes.slice(..bytes.len() / 2);
                Self::Cut { first, flushed: false, total: bytes.len().max(1) as u64 }
            }
            other => other,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let next = match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(std::mem::take(bytes)),
            Self::Cut { first, .. } if !first.is_empty() => Some(std::mem::take(first)),
            Self::Cut { flushed, .. } => {
                if !*flushed {
                    // What was said so far goes out before the end.
                    *flushed = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(Some(Err(Gone("cut in the middle of an answer"))));
            }
            Self::Stream(from) => match from.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => next,
            },
            Self::Endless { first, .. } if !first.is_empty() => Some(std::mem::take(first)),
            Self::Endless { again, .. } => Some(again.clone()),
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Cut { total, .. } => SizeHint::with_exact(*total),
            Self::Stream(_) | Self::Endless { .. } => SizeHint::default(),
        }
    }
}

/// The body of a request; an error of the kind `InvalidData` if it is bigger than that.
pub(crate) async fn read(mut body: Incoming, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            if bytes.len() + data.len() > most {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "request too big"));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}
