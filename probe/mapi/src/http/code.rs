//! X-ResponseCode (MS-OXCMAPIHTTP 2.2.3.3.3).
use std::fmt;

/// What the HTTP layer of the server made of a request. 0 only says that it reached what it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseCode(pub u32);

/// By number.
const NAMES: [&str; 19] = [
    "Success",
    "Unknown Failure",
    "Invalid Verb",
    "Invalid Path",
    "Invalid Header",
    "Invalid Request Type",
    "Invalid Context Cookie",
    "Missing Header",
    "Anonymous Not Allowed",
    "Too Large",
    "Context Not Found",
    "No Privilege",
    "Invalid Request Body",
    "Missing Cookie",
    "Reserved",
    "Invalid Sequence",
    "Endpoint Disabled",
    "Invalid Response",
    "Endpoint Shutting Down",
];

impl ResponseCode {
    /// 0.
    pub const SUCCESS: Self = Self(0);
    /// 6
    pub const INVALID_CONTEXT_COOKIE: Self = Self(6);
    /// 10
    pub const CONTEXT_NOT_FOUND: Self = Self(10);
    /// 13
    pub const MISSING_COOKIE: Self = Self(13);
    /// 15
    pub const INVALID_SEQUENCE: Self = Self(15);
    /// 16
    pub const ENDPOINT_DISABLED: Self = Self(16);
    /// 18
    pub const ENDPOINT_SHUTTING_DOWN: Self = Self(18);

    /// The value of a header; of several that were joined by commas the last counts.
    pub fn parse(header: &str) -> Option<Self> {
        header.rsplit(',').next()?.trim().parse().ok().map(Self)
    }

    /// Its name, by Microsoft's numbers. Other servers give some numbers other meanings.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::try_from(self.0).ok()?).copied()
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}
