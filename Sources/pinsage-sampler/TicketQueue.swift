import Foundation
import Minibatches

/// Batches to be made, between the worker's two threads.
final class TicketQueue: @unchecked Sendable {
    private let lock = NSCondition()
    private var batches: [UInt64] = []
    private var state = SamplerCounters()
    private var closed = false
    private var done = false
    private var error: (any Error)?

    func add(_ more: [UInt64]) {
        lock.withLock {
            batches += more
            lock.broadcast()
        }
    }

    /// Forgets what has not been begun.
    func clear() { lock.withLock { batches = [] } }

    /// Waits for the next batch to make; nil when the queue is closed.
    func next() -> UInt64? {
        lock.lock()
        defer { lock.unlock() }
        while batches.isEmpty, !closed { lock.wait() }
        return closed ? nil : batches.removeFirst()
    }

    func countBatch(busySeconds: Double) {
        lock.withLock {
            state.batches += 1
            state.busySeconds += busySeconds
        }
    }

    var counters: SamplerCounters { lock.withLock { state } }
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
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !done {
            if !lock.wait(until: deadline) { return done }
        }
        return true
    }
}
