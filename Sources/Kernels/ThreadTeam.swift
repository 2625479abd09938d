import Glibc
import Synchronization

/// A few threads that share the chunks of one loop at a time.
///
/// Threads claim chunks one by one, and the caller claims too, so a thread that the system keeps from
/// running delays nobody. What a chunk computes must not depend on who runs it: then a result has the
/// same bits with any number of threads.
public final class ThreadTeam: Sendable {
    /// Threads that work at once, the caller included.
    public let threadCount: Int
    private let floor: WorkFloor
    private let threads: Mutex<[pthread_t]>

    /// - Parameter threads: at least 1; 1 starts no thread.
    public init(threads: Int) {
        require(threads >= 1, "ThreadTeam: \(threads) threads")
        threadCount = threads
        let floor = WorkFloor()
        self.floor = floor
        self.threads = Mutex((1..<threads).map { _ in Self.startThread(on: floor) })
    }

    deinit {
        floor.close()
        threads.withLock { threads in
            for thread in threads {
                pthread_join(thread, nil)
            }
        }
    }

    /// Runs `body(0)` … `body(chunks − 1)`, each once, and returns when all are done.
    ///
    /// May be called from several threads and from inside a body: only one call at a time uses the
    /// team, the others run their chunks themselves.
    public func run(chunks: Int, _ body: (Int) -> Void) {
        require(chunks >= 0, "ThreadTeam: \(chunks) chunks")
        if threadCount == 1 || chunks <= 1 || !floor.run(chunks: chunks, body) {
            for chunk in 0..<chunks {
                body(chunk)
            }
        }
    }

    private static func startThread(on floor: WorkFloor) -> pthread_t {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(floor).toOpaque()
        let failure = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let floor = unsafe Unmanaged<WorkFloor>.fromOpaque(argument).takeRetainedValue()
                floor.work()
                return nil
            }, argument)
        require(failure == 0, "ThreadTeam: pthread_create: \(unsafe String(cString: strerror(failure)))")
        return thread
    }
}
