//! Error codes (MS-OXCDATA 2.4): StatusCode, ErrorCode and ReturnValue.
use std::fmt;

use crate::wire::{Reader, Result, Wire, Writer};

/// What a ROP, or a whole request, came to. A number without a name is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u32);

macro_rules! codes {
    ($($constant:ident = $value:literal $name:literal;)+) => {
        impl ErrorCode {
            $(#[doc = $name] pub const $constant: Self = Self($value);)+

            /// Its name in MS-OXCDATA, in words of MAPI where it has none there.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    SUCCESS = 0x0 "Success";
    PROFILE_NOT_CONFIGURED = 0x11C "ProfileNotConfigured";
    UNKNOWN_USER = 0x3EB "UnknownUser";
    EXITING = 0x3ED "Exiting";
    SERVER_MEMORY = 0x3F0 "ServerMemory";
    LOGIN_PERMISSION = 0x3F2 "LoginPerm";
    PARAMETER_OVERFLOW = 0x450 "ParameterOverflow";
    WRONG_SERVER = 0x478 "WrongServer";
    BUFFER_TOO_SMALL = 0x47D "BufferTooSmall";
    SERVER_PAUSED = 0x47F "ServerPaused";
    SERVER_BUSY = 0x480 "ServerBusy";
    NO_SUCH_LOGON = 0x481 "NoSuchLogon";
    RPC_FORMAT = 0x4B6 "RpcFormat";
    NULL_OBJECT = 0x4B9 "NullObject";
    RPC_AUTHENTICATION = 0x4BC "RpcAuthentication";
    MESSAGE_TOO_BIG = 0x4D4 "MessageTooBig";
    NOT_AUTHORIZED = 0x4D6 "NotAuthorized";
    QUOTA_EXCEEDED = 0x4D9 "QuotaExceeded";
    MAX_SUBMISSION_EXCEEDED = 0x4DA "MaxSubmissionExceeded";
    MAX_ATTACHMENT_EXCEEDED = 0x4DB "MaxAttachmentExceeded";
    SEND_AS_DENIED = 0x4DC "SendAsDenied";
    SHUTOFF_QUOTA_EXCEEDED = 0x4DD "ShutoffQuotaExceeded";
    TOO_MANY_OPEN_OBJECTS = 0x4DE "TooManyOpenObjects";
    CLIENT_VERSION_BLOCKED = 0x4DF "ClientVersionBlocked";
    RPC_HTTP_DISALLOWED = 0x4E0 "RpcHttpDisallowed";
    CACHED_MODE_REQUIRED = 0x4E1 "CachedModeRequired";
    NO_READ_RIGHT = 0x501 "NoReadRight";
    TOO_MANY_RECIPIENTS = 0x505 "TooManyRecips";
    MAILBOX_IN_TRANSIT = 0x50C "MailboxInTransit";
    DS_NO_SUCH_OBJECT = 0x57E "DSNoSuchObject";
    WRONG_MAILBOX = 0x648 "WrongMailbox";
    PASSWORD_CHANGE_REQUIRED = 0x64C "PasswordChangeRequired";
    PASSWORD_EXPIRED = 0x64D "PasswordExpired";
    INVALID_WORKSTATION = 0x64E "InvalidWorkstationAccount";
    INVALID_LOGON_HOURS = 0x64F "InvalidAccessTime";
    ACCOUNT_DISABLED = 0x650 "AccountDisabled";
    RPC_BAD_STUB = 0x6F7 "RpcBadStubData";
    PROTOCOL_DISABLED = 0x7D8 "ProtocolDisabled";
    UNKNOWN_MAILBOX = 0x89B "UnknownMailbox";
    MAILBOX_DISABLED = 0x96C "MailboxDisabled";
    AD_UNAVAILABLE = 0x96E "ADUnavailable";
    AD_ERROR = 0x96F "ADError";
    NOT_ENCRYPTED = 0x970 "NotEncrypted";
    RPC_SERVER_TOO_BUSY = 0x973 "RpcServerTooBusy";
    RPC_SERVER_UNAVAILABLE = 0x977 "RpcServerUnavailable";
    SUBSYSTEM_STOPPING = 0x97D "SubsystemStopping";
    INVALID_RPC_HANDLE = 0xA2E "InvalidRpcHandle";
    MAILBOX_QUARANTINED = 0xA33 "MailboxQuarantined";
    MOUNT_IN_PROGRESS = 0xA34 "MountInProgress";
    DISMOUNT_IN_PROGRESS = 0xA35 "DismountInProgress";
    CONNECTIONS_OVER_BUDGET = 0xA36 "MaxPoolExceeded";
    ERRORS_RETURNED = 0x0004_0380 "ErrorsReturned";
    CANCEL_MESSAGE = 0x0004_0580 "CancelMessage";
    PARTIAL_COMPLETION = 0x0004_0680 "PartialCompletion";
    GENERAL_FAILURE = 0x8000_4005 "GeneralFailure";
    NOT_SUPPORTED = 0x8004_0102 "NotSupported";
    INVALID_ENTRY_ID = 0x8004_0107 "InvalidEntryId";
    INVALID_OBJECT = 0x8004_0108 "InvalidObject";
    OBJECT_CHANGED = 0x8004_0109 "ObjectChanged";
    OBJECT_DELETED = 0x8004_010A "ObjectDeleted";
    BUSY = 0x8004_010B "Busy";
    NOT_FOUND = 0x8004_010F "NotFound";
    VERSION = 0x8004_0110 "Version";
    LOGON_FAILED = 0x8004_0111 "LogonFailed";
    SESSION_LIMIT = 0x8004_0112 "SessionLimit";
    NETWORK_ERROR = 0x8004_0115 "NetworkError";
    TOO_COMPLEX = 0x8004_0117 "TooComplex";
    INVALID_COLUMN = 0x8004_0118 "InvalidColumn";
    FAIL_ONE_PROVIDER = 0x8004_011D "FailOneProvider";
    UNKNOWN_CODE_PAGE = 0x8004_011E "UnknownCodePage";
    UNKNOWN_LOCALE = 0x8004_011F "UnknownLocale";
    END_OF_SESSION = 0x8004_0200 "EndOfSession";
    TIMEOUT = 0x8004_0401 "Timeout";
    CORRUPT_STORE = 0x8004_0600 "CorruptStore";
    NOT_IN_QUEUE = 0x8004_0601 "NotInQueue";
    NOT_INITIALIZED = 0x8004_0605 "NotInitialized";
    NO_RECIPIENTS = 0x8004_0607 "NoRecipients";
    ALREADY_SENT = 0x8004_0608 "AlreadySent";
    AMBIGUOUS_RECIPIENT = 0x8004_0700 "AmbiguousRecipient";
    ACCESS_DENIED = 0x8007_0005 "AccessDenied";
    NOT_ENOUGH_MEMORY = 0x8007_000E "NotEnoughMemory";
    INVALID_PARAMETER = 0x8007_0057 "InvalidParameter";
}

impl ErrorCode {
    /// 0.
    pub fn is_success(self) -> bool {
        self.0 == 0
    }

    /// A warning (MS-OXCDATA 2.4.3): it was done, though not all of it.
    pub fn is_warning(self) -> bool {
        self.0 >> 16 == 4
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:X} {name}", self.0),
            None => write!(f, "0x{:X}", self.0),
        }
    }
}

impl Wire for ErrorCode {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self(r.get()?))
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.0.write(w)
    }
}
