import Glibc

/// A lock and a condition whose deadlines lie on the clock of `steadySeconds`: no jump of the time of day makes a wait
/// longer or shorter.
@safe public final class SteadyCondition: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    public init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let results = unsafe [pthread_mutex_init(mutex, nil), pthread_cond_init(condition, &attributes)]
        precondition(results == [0, 0], "SteadyCondition: \(results)")
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    public func lock() { unsafe pthread_mutex_lock(mutex) }
    public func unlock() { unsafe pthread_mutex_unlock(mutex) }

    public func withLock<R>(_ body: () throws -> R) rethrows -> R {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Wakes everyone who waits.
    public func broadcast() { unsafe pthread_cond_broadcast(condition) }

    /// Waits for a `broadcast`; the lock is held before and after.
    public func wait() { unsafe pthread_cond_wait(condition, mutex) }

    /// Waits for a `broadcast`, or until `steadySeconds()` is `deadline`.
    /// - Returns: false when the deadline has passed.
    public func wait(until deadline: Double) -> Bool {
        let whole = deadline.rounded(.down)
        var time = timespec(tv_sec: Int(whole), tv_nsec: Int((deadline - whole) * 1e9))
        return unsafe pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
    }
}
