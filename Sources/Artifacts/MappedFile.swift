import CPlatform
import Glibc

/// A file in memory without being read: pages come in when touched and are shared by every process that maps it.
///
/// The bytes are read-only and live as long as this object.
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
            return
        }
        let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw .system(path: path, operation: "map", code: errno)
        }
        unsafe base = address
        // Advice may be refused without harm: the bytes are the same.
        switch advice {
        case .normal: break
        case .random: _ = unsafe madvise(address, byteCount, MADV_RANDOM)
        case .sequential: _ = unsafe madvise(address, byteCount, MADV_SEQUENTIAL)
        case .hugePages: _ = unsafe madvise(address, byteCount, MADV_HUGEPAGE)
        }
    }

    deinit {
        if let base = unsafe base { unsafe munmap(base, byteCount) }
    }

    /// All bytes of the file, valid while this object lives.
    public var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: byteCount) }
}
