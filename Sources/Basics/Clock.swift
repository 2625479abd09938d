import Glibc

/// Seconds on a clock that never goes back: for deadlines and rates.
public func steadySeconds() -> Double { seconds(CLOCK_MONOTONIC) }

/// Seconds since 1970: for time stamps in logs, never for decisions.
public func wallClockSeconds() -> Double { seconds(CLOCK_REALTIME) }

/// Seconds that this thread has been computing: what others on the machine take does not count.
public func processorSeconds() -> Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

private func seconds(_ clock: clockid_t) -> Double {
    var now = timespec()
    unsafe clock_gettime(clock, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
}
