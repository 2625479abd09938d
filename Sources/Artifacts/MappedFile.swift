import CPlatform
import Glibc
import Synchronization

/// Maps of files that are watched: a read beyond the end of a file that was cut short meanwhile ends the process with
/// one line that names the file, and exit code 1.
///
/// Never inlined: the C functions' table is one for each source file that calls them.
enum WatchedMaps {
    private static let table = Mutex(())

    /// - Returns: a handle for `forget`, −1 when there is no room for more.
    @inline(never)
    static func watch(_ address: UnsafeMutableRawPointer, _ byteCount: Int, _ path: String) -> Int32 {
        let program = CommandLine.arguments[0].split(separator: "/").last ?? "pinsage"
        let line =
            "\(program): artifacts: \(path): cut short while in use: expected \(byteCount) bytes, found fewer. "
            + "Write the file again, and replace files in use instead of rewriting them.\n"
        return table.withLock { _ in unsafe platform_watch_map(address, byteCount, line) }
    }

    @inline(never)
    static func forget(_ handle: Int32) { table.withLock { _ in platform_forget_map(handle) } }

    /// Gives the memory of all of them back; what is read again comes back from the page cache or the disk.
    @inline(never)
    static func release() { table.withLock { _ in platform_release_maps() } }
}

/// A file in memory without being read: pages come in when touched and are shared by every process that maps it.
///
/// The bytes are read-only and live as long as this object. Should the file be cut shorter meanwhile, whoever reads
/// beyond its end ends the process with one line that names the file, and exit code 1.
@safe public final class MappedFile: Sendable {
    /// How the file will be read, so that the kernel can plan ahead.
    public enum Advice: Sendable {
        case normal
        /// Scattered reads: no read-ahead.
        case random
        /// One pass from the start: read well ahead.
        case sequential
        /// Scattered reads of a large resident table: 2 MB pages where the kernel has them for files.
        case hugePages
    }

    public let path: String
    public let byteCount: Int
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer?
    private let watch: Int32

    /// Maps the whole of a regular file; an empty one has no bytes.
    ///
    /// - Throws: `ArtifactError.system` when it cannot be opened or mapped, `.malformed` when it is not a regular file.
    public init(path: String, advice: Advice = .normal) throws(ArtifactError) {
        let descriptor = try SystemCall.open(path, O_RDONLY)
        defer { close(descriptor) }
        let byteCount = try SystemCall.regularFileSize(descriptor, path)
        self.path = path
        self.byteCount = byteCount
        guard byteCount > 0 else {
            unsafe base = nil
            watch = -1
            return
        }
        let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw .system(path: path, operation: "map", code: errno)
        }
        unsafe base = address
        watch = unsafe WatchedMaps.watch(address, byteCount, path)
        // Advice may be refused without harm: the bytes are the same.
        switch advice {
        case .normal: break
        case .random: _ = unsafe madvise(address, byteCount, MADV_RANDOM)
        case .sequential: _ = unsafe madvise(address, byteCount, MADV_SEQUENTIAL)
        case .hugePages: _ = unsafe madvise(address, byteCount, MADV_HUGEPAGE)
        }
    }

    deinit {
        WatchedMaps.forget(watch)
        if let base = unsafe base { unsafe munmap(base, byteCount) }
    }

    /// Asks the kernel to forget a file that was synced, so that whoever maps it next reads it anew, in pages as large
    /// as the kernel then gives; pages that someone has mapped stay. Advice only.
    public static func forgetCached(path: String) {
        guard let descriptor = try? SystemCall.open(path, O_RDONLY) else { return }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        close(descriptor)
    }

    /// All bytes of the file, valid while this object lives.
    public var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: byteCount) }
}
