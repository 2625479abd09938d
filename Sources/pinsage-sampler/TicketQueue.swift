import Basics
import Minibatches

/// Batches to be made, between the worker's two threads.
final class TicketQueue: @unchecked Sendable {
    private let lock = SteadyCondition()
    private var batches: [UInt64] = []
    /// The batch that is being made or sent.
    private var current: UInt64?
    private var state = SamplerCounters()
    private var closed = false
    private var done = false
    private var error: (any Error)?

    /// Adds batches; one that waits already, because its lease ran out and was renewed, is made once.
    func add(_ more: [UInt64]) {
        lock.withLock {
            batches += more.filter { $0 != current && !batches.contains($0) }
            lock.broadcast()
        }
    }

    /// Forgets what has not been begun.
    func clear() { lock.withLock { batches = [] } }

    /// Waits for the next batch to make; nil when the queue is closed.
    func next() -> UInt64? {
        lock.lock()
        defer { lock.unlock() }
        current = nil
        while batches.isEmpty, !closed { lock.wait() }
        current = closed ? nil : batches.removeFirst()
        return current
    }

    func countBatch(busySeconds: Double) {
        lock.withLock {
            state.batches += 1
            state.busySeconds += busySeconds
        }
    }

    var counters: SamplerCounters {
        lock.withLock {
            var counters = state
            counters.held = Array(((current.map { [$0] } ?? []) + batches).prefix(ControlMessage.heldMax))
            return counters
        }
    }
    var failure: (any Error)? { lock.withLock { error } }
    var isClosed: Bool { lock.withLock { closed } }
    func fail(_ error: any Error) { lock.withLock { self.error = error } }

    func close() {
        lock.withLock {
            closed = true
            lock.broadcast()
        }
    }

    func finish() {
        lock.withLock {
            done = true
            lock.broadcast()
        }
    }

    /// Waits for the thread that makes batches.
    /// - Returns: whether it has ended.
    func waitUntilDone(seconds: Double) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        let deadline = steadySeconds() + seconds
        while !done {
            if !lock.wait(until: deadline) { return done }
        }
        return true
    }
}
