import Glibc
import Synchronization

/// Keeps this process's resident memory under a limit, as far as mapped files make it up.
///
/// A thread looks each millisecond and, near the limit, gives the pages of all mapped files back. They stay in the page
/// cache, which the system takes from when it needs memory, and come back when they are touched. Memory on the heap is
/// not touched: whoever sets a limit keeps that small.
public final class ResidentLimit: Sendable {
    public let byteCount: Int
    private let isEnding = Atomic<Bool>(false)
    private let thread = Mutex<pthread_t?>(nil)

    /// - Parameter byteCount: the limit; pages are given back from five eighths of it on.
    public init(byteCount: Int) {
        precondition(byteCount > 0, "ResidentLimit: \(byteCount) bytes")
        self.byteCount = byteCount
        var started = pthread_t()
        let watch = unsafe Unmanaged.passRetained(Watch(limit: self)).toOpaque()
        let code = unsafe pthread_create(
            &started, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Watch>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, watch)
        precondition(code == 0, "ResidentLimit: pthread_create: \(unsafe String(cString: strerror(code)))")
        thread.withLock { $0 = started }
    }

    /// Ends the watch; does nothing the second time.
    public func end() {
        isEnding.store(true, ordering: .relaxed)
        thread.withLock { started in
            if let started { pthread_join(started, nil) }
            started = nil
        }
    }

    /// Bytes of memory that this process has now.
    public static func residentBytes() -> Int {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = unsafe read(descriptor, &text, text.count)
        // size resident shared …, in pages.
        let fields = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private final class Watch {
        private let limit: ResidentLimit

        init(limit: ResidentLimit) { self.limit = limit }

        func run() {
            var threshold = limit.byteCount / 8 * 5
            while !limit.isEnding.load(ordering: .relaxed) {
                usleep(1000)
                guard ResidentLimit.residentBytes() > threshold else { continue }
                WatchedMaps.release()
                // What is left is the heap's: waiting for less would only give pages back for ever.
                threshold = max(limit.byteCount / 8 * 5, ResidentLimit.residentBytes() + limit.byteCount / 16)
            }
        }
    }
}
