import Glibc

/// Tables of float32 rows in several `.npy` files, mapped one after another as one table.
///
/// The files must have been written with their data at a multiple of `alignment`, and every file that another with
/// rows follows must fill whole pages. The memory is read-only and lives as long as this object; like a `MappedFile` it
/// is none of the heap's.
@safe public final class JoinedRows: Sendable {
    /// Where the data starts in files that can be joined: a page.
    public static let alignment = 4096

    /// Rows of all files.
    public let rows: Int
    public let columns: Int
    /// Row r begins at `base + r · columns`. Valid while this object lives.
    public nonisolated(unsafe) let base: UnsafeMutablePointer<Float>
    private nonisolated(unsafe) let address: UnsafeMutableRawPointer
    private let byteCount: Int
    private let watch: Int32

    /// - Parameters:
    ///   - files: in order; each of shape (rows × columns).
    ///   - folder: named when a file is cut short while it is in use.
    /// - Throws: `ArtifactError` for files of another type or shape, or when memory cannot be mapped.
    /// - Complexity: O(files); nothing is read.
    public init(files: [(path: String, rows: Int)], columns: Int, folder: String) throws(ArtifactError) {
        rows = files.reduce(0) { $0 + $1.rows }
        self.columns = columns
        let rowBytes = columns * MemoryLayout<Float>.size
        byteCount = max(1, rows * rowBytes)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        // Only reserved: no memory, and nothing that another map could take. On larger pages the rows are copied.
        let access = page <= Self.alignment ? PROT_NONE : PROT_READ | PROT_WRITE
        let reserved = unsafe mmap(nil, byteCount, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let reserved = unsafe reserved, unsafe reserved != MAP_FAILED else {
            throw .system(path: folder, operation: "map", code: errno)
        }
        do {
            var start = 0
            for file in files where file.rows > 0 {
                try unsafe Self.place(
                    file.path, shape: [file.rows, columns], at: reserved + start * rowBytes, page: page)
                start += file.rows
            }
        } catch {
            unsafe munmap(reserved, byteCount)
            throw error
        }
        unsafe address = reserved
        unsafe base = reserved.assumingMemoryBound(to: Float.self)
        watch = unsafe WatchedMaps.watch(reserved, byteCount, folder)
    }

    deinit {
        WatchedMaps.forget(watch)
        unsafe munmap(address, byteCount)
    }

    /// Asks for all pages at once, in order, where the kernel can: better than one by one as they are touched.
    public func readAhead() { _ = unsafe madvise(address, byteCount, MADV_WILLNEED) }

    private static func place(
        _ path: String, shape: [Int], at target: UnsafeMutableRawPointer, page: Int
    ) throws(ArtifactError) {
        let file = try NumpyFile(path: path, elements: [.float32], rank: 2)
        let header = file.header
        guard header.shape == shape, header.dataOffset % alignment == 0 else {
            throw .malformed(
                path: path, problem: "wrong table",
                expected: "shape \(NumpyHeader.text(shape)) from a multiple of \(alignment)",
                found: "\(NumpyHeader.text(header.shape)) from byte \(header.dataOffset)",
                action: "Write the file again")
        }
        guard page <= alignment else {
            withExtendedLifetime(file) {
                unsafe UnsafeMutableRawBufferPointer(start: target, count: header.dataBytes)
                    .copyMemory(from: file.dataBytes)
            }
            return
        }
        precondition(Int(bitPattern: target) % page == 0, "JoinedRows: rows before \(path) do not fill whole pages")
        let descriptor = try SystemCall.open(path, O_RDONLY)
        defer { close(descriptor) }
        let mapped = unsafe mmap(
            target, header.dataBytes, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, header.dataOffset)
        guard unsafe mapped != MAP_FAILED else { throw .system(path: path, operation: "map", code: errno) }
    }
}
