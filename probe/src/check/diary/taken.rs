//! Whether somebody's time is taken, as their free/busy times show it.

use std::ops::Range;
use std::time::SystemTime;

use super::DAY;
use crate::catalogue::{Reason, Step};
use crate::outcome::Fault;
use crate::protocol::{Busy, Status};

/// What has to show of somebody's time.
pub(crate) struct Taken<'a> {
    pub of: &'a str,
    pub span: Range<SystemTime>,
    pub busy: bool,
}

impl Taken<'_> {
    /// What is asked for.
    pub(crate) fn around(&self) -> Range<SystemTime> {
        self.span.start - DAY..self.span.end + DAY
    }

    /// What is wrong; `None`: it shows as it has to.
    ///
    /// # Errors
    /// Times that are none.
    pub(crate) fn judge(&self, times: &[Busy]) -> Result<Option<Fault>, Fault> {
        sensible(times)?;
        let wrong = |words: &str| Some(Fault::new(Reason::FreeBusyWrong, words));
        Ok(match self.busy {
            true if !covers(times, &self.span) => wrong("an entry that takes the time does not show as busy"),
            false if overlaps(times, &self.span) => {
                wrong("the time is shown as taken after its entry is gone")
            }
            _ => None,
        })
    }
}

/// # Errors
/// A time that ends before it begins.
pub(crate) fn sensible(times: &[Busy]) -> Result<(), Fault> {
    if times.iter().any(|busy| busy.span.end < busy.span.start) {
        let words = "a time that ends before it begins";
        return Err(Fault::new(Reason::FreeBusyWrong, words).at(Step::FreeBusy));
    }
    Ok(())
}

pub(crate) fn overlaps(times: &[Busy], span: &Range<SystemTime>) -> bool {
    let taken = times.iter().filter(|busy| busy.status != Status::Free);
    taken.into_iter().any(|busy| busy.span.start < span.end && busy.span.end > span.start)
}

/// Whether all of it is busy; several times may be told as one, or one as several.
fn covers(times: &[Busy], span: &Range<SystemTime>) -> bool {
    let mut busy: Vec<_> = times.iter().filter(|busy| busy.status == Status::Busy).collect();
    busy.sort_by_key(|busy| busy.span.start);
    let mut until = span.start;
    for busy in busy {
        if busy.span.start <= until {
            until = until.max(busy.span.end);
        }
    }
    until >= span.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_taken_where_all_of_it_is_busy_and_free_where_none_of_it_is() {
        let at = |minutes: u64| SystemTime::UNIX_EPOCH + DAY * 9 + Duration::from_secs(minutes * 60);
        let time = |from, to, status| Busy { span: at(from)..at(to), status };
        let (busy, free, maybe) = (Status::Busy, Status::Free, Status::Tentative);
        for (times, is_busy, is_free) in [
            (vec![], false, true),
            (vec![time(0, 30, busy)], true, false),
            (vec![time(0, 30, free)], false, true),
            (vec![time(0, 30, maybe)], false, false),
            (vec![time(15, 45, busy), time(0, 15, busy)], true, false),
            (vec![time(0, 10, busy), time(20, 30, busy)], false, false),
            (vec![time(30, 60, busy)], false, true),
            (vec![time(60, 90, busy)], false, true),
        ] {
            let taken = |busy| Taken { of: "bob@example.com", span: at(0)..at(30), busy };
            assert_eq!(taken(true).judge(&times).unwrap().is_none(), is_busy, "{times:?}");
            assert_eq!(taken(false).judge(&times).unwrap().is_none(), is_free, "{times:?}");
        }
        let wrong = [time(30, 0, busy)];
        assert!(Taken { of: "", span: at(0)..at(30), busy: false }.judge(&wrong).is_err());
    }
}
