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

    /// Bytes of memory that this process has now, and those of them that are of mapped files.
    private static func residentBytes() -> (all: Int, mapped: Int) {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return (0, 0) }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = unsafe read(descriptor, &text, text.count)
        // size resident shared …, in pages.
        let fields = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        func bytes(_ field: Int) -> Int { field < fields.count ? (Int(fields[field]) ?? 0) * pageBytes : 0 }
        return (bytes(1), bytes(2))
    }

    private final class Watch {
        private let limit: ResidentLimit

        init(limit: ResidentLimit) { self.limit = limit }

        func run() {
            var rule = ReleaseRule(byteCount: limit.byteCount)
            while !limit.isEnding.load(ordering: .relaxed) {
                usleep(1000)
                let (all, mapped) = ResidentLimit.residentBytes()
                guard rule.isDue(all: all, mapped: mapped) else { continue }
                WatchedMaps.release()
                rule.kept = ResidentLimit.residentBytes().mapped
            }
        }
    }
}

/// When pages of mapped files are to be given back.
package struct ReleaseRule {
    private let byteCount: Int
    /// What mapped files kept the last time: the program itself is one, and what is touched at once. Where the heap alone
    /// takes most of the limit, waiting for less would only give pages back for ever.
    package var kept = 0

    package init(byteCount: Int) { self.byteCount = byteCount }

    /// Whether this process is near the limit, and a sixteenth of the limit has been mapped since.
    package mutating func isDue(all: Int, mapped: Int) -> Bool {
        kept = min(kept, mapped)
        return all > byteCount / 8 * 5 && mapped > kept + byteCount / 16
    }
}
