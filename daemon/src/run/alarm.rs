//! A time of the wall clock that the control thread waits for.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use jiff::Timestamp;
use rustix::{
    io::{Errno, read},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

/// Wakes when the wall clock reaches a time, also when it was set past it, or ran past it while the
/// machine slept (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`).
#[derive(Debug)]
pub(super) struct Alarm(OwnedFd);

impl Alarm {
    /// An alarm for no time.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(timerfd_create(TimerfdClockId::Realtime, flags)?))
    }

    /// From now on it is for this time, or for none.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn set(&self, time: Option<Timestamp>) -> io::Result<()> {
        // One that is not armed would be told of no clock that was set since it last rang.
        match self.arm(time.unwrap_or(Timestamp::MAX)) {
            // The clock was set since then: it rings at once.
            Err(Errno::CANCELED) => Ok(self.arm(Timestamp::UNIX_EPOCH)?),
            armed => Ok(armed?),
        }
    }

    fn arm(&self, time: Timestamp) -> Result<(), Errno> {
        let at = Timespec {
            tv_sec: time.as_second().max(0),
            // Zero would disarm it.
            tv_nsec: i64::from(time.subsec_nanosecond()).max(1),
        };
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&self.0, flags, &Itimerspec { it_interval: once, it_value: at }).map(drop)
    }

    /// Whether the time has come, or the clock was set, since the last call. It has to be
    /// [set](Self::set) again then.
    pub(super) fn rang(&self) -> bool {
        let mut count = [0; 8];
        matches!(read(&self.0, &mut count), Ok(_) | Err(Errno::CANCELED))
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_rings_at_its_time_and_once() {
        let alarm = Alarm::new().expect("a timer");
        assert!(!alarm.rang(), "it is for no time");
        alarm.set(Some(Timestamp::now() - Duration::from_secs(3600))).expect("it is set");
        assert!(alarm.rang() && !alarm.rang(), "a time in the past comes at once");
        alarm.set(Some(Timestamp::now() + Duration::from_millis(50))).expect("it is set");
        assert!(!alarm.rang());
        std::thread::sleep(Duration::from_millis(80));
        assert!(alarm.rang());
        alarm.set(Some(Timestamp::now() + Duration::from_millis(10))).expect("it is set");
        alarm.set(None).expect("it is set");
        std::thread::sleep(Duration::from_millis(30));
        assert!(!alarm.rang(), "it was called off");
    }
}
