import Basics
import Minibatches
import Sampling

/// Batches to be made, between the worker's two threads.
final class TicketQueue: @unchecked Sendable {
    private let lock = SteadyCondition()
    private var batches: [UInt64] = []
    /// What the batches are made with; nil: no table.
    private var wanted: TableName?
    private var table: HardNegativeTable?
    /// The batch that is being made or sent.
    private var current: UInt64?
    private var state = SamplerCounters()
    private var closed = false
    private var done = false
    private var error: (any Error)?

    /// Adds batches; one that waits already, because its lease ran out and was renewed, is made once. Those that wait
    /// for another table are of an epoch that is over, and are dropped. A ticket of no batches, as heartbeats are
    /// answered with, says nothing of tables.
    func add(_ more: [UInt64], table name: TableName?) {
        if more.isEmpty { return }
        lock.withLock {
            if name != wanted {
                batches = []
                wanted = name
                if table?.name != name { table = nil }
            }
            batches += more.filter { $0 != current && !batches.contains($0) }
            lock.broadcast()
        }
    }

    /// Gives the batches the table that they wait for.
    func bring(_ table: HardNegativeTable) {
        lock.withLock {
            if table.name == wanted { self.table = table }
            lock.broadcast()
        }
    }

    /// The table that batches wait for; nil when they can be made.
    var missingTable: TableName? { lock.withLock { table?.name == wanted ? nil : wanted } }

    /// Forgets what has not been begun.
    func clear() { lock.withLock { batches = [] } }

    /// Waits for the next batch to make, and its table; nil when the queue is closed.
    func next() -> (batch: UInt64, table: HardNegativeTable?)? {
        lock.lock()
        defer { lock.unlock() }
        current = nil
        while batches.isEmpty || table?.name != wanted, !closed { lock.wait() }
        if closed { return nil }
        let batch = batches.removeFirst()
        current = batch
        return (batch, table)
    }

    /// - Parameters:
    ///   - walkSteps, reuse: since the start.
    func countBatch(busySeconds: Double, walkSteps: UInt64, reuse: NeighborhoodReuse) {
        lock.withLock {
            state.batches += 1
            state.busySeconds += busySeconds
            state.walkSteps = walkSteps
            (state.neighborhoods, state.reused) = (reuse.asked, reuse.found)
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
    /// Whether no batch waits to be made.
    var isIdle: Bool { lock.withLock { batches.isEmpty } }
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
