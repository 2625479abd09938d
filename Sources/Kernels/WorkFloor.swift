import CPlatform
import Glibc
import Synchronization

/// Where a team's threads meet: the loop under way and its chunks that nobody has started.
@safe final class WorkFloor: @unchecked Sendable {
    private let isTaken = Atomic(false)
    private let isClosed = Atomic(false)
    /// Chunks that nobody has started. Claiming one means lowering this by one.
    private let unclaimed = Atomic(0)
    private let unfinished = Atomic(0)
    private let chunksWaiting = Doorbell()
    private let allDone = Doorbell()
    // Written by the caller before it publishes `unclaimed`; read only after a chunk was claimed,
    // when the caller is still waiting. So no thread ever sees an old loop's body.
    private var body: UnsafePointer<Body>?
    private var chunkCount = 0

    /// A pointer to the bare closure would take a new one from the heap at each loop.
    private struct Body {
        let run: (Int) -> Void
    }

    /// Runs the chunks with whoever is free. False, and nothing done, when another loop is under way.
    func run(chunks: Int, _ body: (Int) -> Void) -> Bool {
        guard isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        withoutActuallyEscaping(body) { body in
            unsafe withUnsafePointer(to: Body(run: body)) { pointer in
                unsafe self.body = pointer
                chunkCount = chunks
                unfinished.store(chunks, ordering: .relaxed)
                unclaimed.store(chunks, ordering: .sequentiallyConsistent)
                chunksWaiting.ring()
                runClaimedChunks()
                allDone.wait { unfinished.load(ordering: .sequentiallyConsistent) == 0 }
                unsafe self.body = nil
            }
        }
        isTaken.store(false, ordering: .releasing)
        return true
    }

    /// A thread's life: waits for chunks and runs them until the floor closes.
    func work() {
        while !isClosed.load(ordering: .sequentiallyConsistent) {
            runClaimedChunks()
            chunksWaiting.wait {
                unclaimed.load(ordering: .sequentiallyConsistent) > 0
                    || isClosed.load(ordering: .sequentiallyConsistent)
            }
        }
    }

    /// Sends the threads home.
    func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        chunksWaiting.ring()
    }

    private func runClaimedChunks() {
        while let chunk = claim() {
            call(chunk)
            if unfinished.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 {
                allDone.ring()
            }
        }
    }

    private func claim() -> Int? {
        var left = unclaimed.load(ordering: .acquiring)
        while left > 0 {
            let (exchanged, current) = unclaimed.weakCompareExchange(
                expected: left, desired: left - 1, ordering: .acquiringAndReleasing)
            if exchanged {
                return chunkCount - left
            }
            left = current
        }
        return nil
    }

    /// Its own function, so that no reference to the body outlives the chunk.
    @inline(never)
    private func call(_ chunk: Int) {
        guard let body = unsafe body else { preconditionFailure("ThreadTeam: chunk \(chunk) of no loop") }
        unsafe body.pointee.run(chunk)
    }
}

/// Waiting that spins for some 30 µs, because the next loop mostly comes that soon, and then sleeps,
/// because another process may need the core.
@safe private final class Doorbell: @unchecked Sendable {
    private static let spins = 1_000
    private let sleepers = Atomic(0)
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Returns when `isOver` is true; whoever makes it true then calls `ring`.
    func wait(until isOver: () -> Bool) {
        for _ in 0..<Self.spins {
            if isOver() { return }
            platform_pause()
        }
        unsafe pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while !isOver() {
            unsafe pthread_cond_wait(condition, mutex)
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        unsafe pthread_mutex_unlock(mutex)
    }

    func ring() {
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            unsafe pthread_mutex_lock(mutex)
            unsafe pthread_cond_broadcast(condition)
            unsafe pthread_mutex_unlock(mutex)
        }
    }
}
