import CPlatform
import Glibc

/// Files and folders that appear whole or not at all.
public enum AtomicReplace {
    /// Writes `path` through a temporary file beside it: fsync, rename, fsync of the folder.
    ///
    /// Folders above `path` that are missing are made. When `body` or any step throws, the temporary file and the
    /// folders made are removed and `path` is as it was.
    ///
    /// - Parameter isDurable: whether it shall survive a power failure; without, nothing is synced.
    @discardableResult
    public static func write<R>(
        to path: String, isDurable: Bool = true, _ body: (FileWriter) throws -> R
    ) throws -> R {
        let above = try MadeFolders(upTo: SystemCall.parent(of: path))
        do {
            let writer = try FileWriter(replacing: path, isDurable: isDurable)
            defer { writer.discard() }
            let result = try body(writer)
            try writer.commit()
            return result
        } catch {
            above.remove()
            throw error
        }
    }

    /// Fills a temporary folder beside `path` and moves it into place when `body` has finished.
    ///
    /// `path` may be missing or an empty folder; with `replacing` it may be any folder, which is exchanged in one
    /// step and then removed. Folders above it that are missing are made. When anything throws, the temporary folder
    /// and the folders made are removed and `path` is as it was.
    ///
    /// - Parameters:
    ///   - owner: who writes, in the temporary folder's name. The process id does where no other host can write to the
    ///     same place.
    ///   - isDurable: whether the folder's name shall survive a power failure; without, nothing is synced.
    @discardableResult
    public static func writeFolder<R>(
        at path: String, replacing: Bool = false, owner: String = "\(getpid())", isDurable: Bool = true,
        _ body: (_ temporary: String) throws -> R
    ) throws -> R {
        let path = SystemCall.trimmingSlashes(path)
        let temporary = "\(path)\(temporaryMark)\(owner)"
        let above = try MadeFolders(upTo: SystemCall.parent(of: path))
        do {
            try removeTree(temporary)
            try SystemCall.retrying("create folder", path) { unsafe mkdir(temporary, 0o777) }
            let result = try body(temporary)
            if isDurable { try SystemCall.syncFolder(temporary) }
            if replacing, unsafe access(path, F_OK) == 0 {
                try SystemCall.retrying("replace", path) { unsafe platform_exchange(temporary, path) }
                try removeTree(temporary)
            } else {
                try SystemCall.retrying("replace", path) { unsafe rename(temporary, path) }
            }
            if isDurable { try SystemCall.syncFolder(SystemCall.parent(of: path)) }
            return result
        } catch {
            try? removeTree(temporary)
            above.remove()
            throw error
        }
    }

    /// Whether a name is that of what is being written, or was when its process was killed.
    public static func isTemporary(_ name: String) -> Bool { name.contains(temporaryMark) }

    fileprivate static let temporaryMark = ".tmp-"

    /// Removes what processes that were killed while they wrote have left in a folder. Only for who alone writes there,
    /// but for files and folders that are another's.
    ///
    /// - Parameter others: their names.
    public static func removeLeftovers(in folder: String, exceptOf others: [String] = []) {
        for name in (try? entries(ofFolder: folder)) ?? []
        where isTemporary(name) && !others.contains(where: { name.hasPrefix($0 + temporaryMark) }) {
            try? removeTree("\(folder)/\(name)")
        }
    }

    /// Removes what `writeFolder` has left beside `path` where its process was killed. Only where no other host writes.
    public static func removeLeftovers(of path: String) {
        let path = SystemCall.trimmingSlashes(path)
        let folder = SystemCall.parent(of: path)
        let prefix = (path.split(separator: "/").last ?? "") + temporaryMark
        for name in (try? entries(ofFolder: folder)) ?? [] where name.hasPrefix(prefix) {
            guard let owner = Int32(name.dropFirst(prefix.count)), kill(owner, 0) != 0, errno == ESRCH else { continue }
            try? removeTree("\(folder)/\(name)")
        }
    }

    /// The names in a folder, sorted; nil when there is nothing of that path.
    public static func entries(ofFolder path: String) throws(ArtifactError) -> [String]? {
        guard let folder = unsafe opendir(path) else {
            let code = errno
            if code == ENOENT { return nil }
            throw .system(path: path, operation: "list folder", code: code)
        }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a file or a folder with all that is in it; missing is fine.
    public static func removeTree(_ path: String) throws(ArtifactError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            try SystemCall.retrying("remove", path) { unsafe unlink(path) }
            return
        }
        for name in try entries(ofFolder: path) ?? [] { try removeTree("\(path)/\(name)") }
        try SystemCall.retrying("remove", path) { unsafe rmdir(path) }
    }
}

/// A buffered writer to a temporary file that takes its final name on `commit`.
@safe public final class FileWriter {
    /// The name the file will have.
    public let path: String
    /// Bytes written so far.
    public private(set) var byteCount = 0
    /// Of all bytes written so far; nil for a file that is to be durable.
    private(set) var hash: XXH64?
    private let isDurable: Bool
    private let temporaryPath: String
    private var descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    private var buffered = 0
    /// Bytes that the kernel has been asked to write to the disk.
    private var begun = 0

    private static let bufferBytes = 1 << 18
    /// So many at a time are begun, so that the sync at the end of a large file finds little left to do.
    private static let begunBytes = 1 << 25

    /// Opens `PATH.tmp-PID` for writing.
    ///
    /// - Parameter isDurable: whether the bytes shall survive a power failure once the file has its name. Without, their
    ///   checksum must tell, so they are hashed as they are written.
    init(replacing path: String, isDurable: Bool = true) throws(ArtifactError) {
        self.path = path
        self.isDurable = isDurable
        hash = isDurable ? nil : XXH64()
        temporaryPath = "\(path)\(AtomicReplace.temporaryMark)\(getpid())"
        unsafe buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
        descriptor = -1
        do {
            descriptor = try SystemCall.open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC)
        } catch .system(_, let operation, let code) {
            throw .system(path: path, operation: operation, code: code)
        }
    }

    deinit {
        discard()
        unsafe buffer.deallocate()
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
        precondition(descriptor >= 0, "FileWriter: \(path) is closed")
        byteCount += bytes.count
        unsafe hash?.update(bytes)
        if bytes.count > Self.bufferBytes - buffered { try flush() }
        if bytes.count >= Self.bufferBytes {
            try unsafe SystemCall.writeAll(bytes, to: descriptor, path)
        } else if bytes.count > 0 {
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[buffered...]).copyMemory(from: bytes)
            buffered += bytes.count
        }
        beginWriting()
    }

    /// Writes the elements' bytes as they lie in memory (little-endian on every supported machine).
    public func write<T: BitwiseCopyable>(_ elements: UnsafeBufferPointer<T>) throws(ArtifactError) {
        try unsafe write(UnsafeRawBufferPointer(elements))
    }

    /// Writes the text's UTF-8 bytes.
    public func write(_ text: String) throws(ArtifactError) {
        var text = text
        let result: Result<Void, ArtifactError> = text.withUTF8 { bytes in
            do throws(ArtifactError) {
                return .success(try unsafe write(UnsafeRawBufferPointer(bytes)))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func flush() throws(ArtifactError) {
        try unsafe SystemCall.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<buffered]), to: descriptor, path)
        buffered = 0
    }

    /// Nothing waits for a file that need not be durable; it may be gone before the kernel would write it.
    private func beginWriting() {
        guard isDurable, byteCount - buffered - begun >= Self.begunBytes else { return }
        platform_begin_writing(descriptor, Int64(begun), Int64(byteCount - buffered - begun))
        begun = byteCount - buffered
    }

    /// Puts other bytes in the place of some that have been written.
    func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(ArtifactError) {
        precondition(offset + bytes.count <= byteCount, "FileWriter: \(path) has only \(byteCount) bytes")
        precondition(hash == nil, "FileWriter: \(path) has been hashed")
        try flush()
        let written = try SystemCall.retrying("write", path) {
            unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, offset)
        }
        guard written == bytes.count else {
            throw .wrongLength(path: path, expectedBytes: bytes.count, foundBytes: written)
        }
    }

    /// Makes the bytes durable, unless they need not be, and gives the file its name.
    func commit() throws(ArtifactError) {
        try flush()
        if isDurable { try SystemCall.retrying("sync", path) { fsync(descriptor) } }
        close(descriptor)
        descriptor = -1
        let renamed = unsafe rename(temporaryPath, path)
        if renamed != 0 {
            let code = errno
            unsafe unlink(temporaryPath)
            throw .system(path: path, operation: "replace", code: code)
        }
        if isDurable { try SystemCall.syncFolder(SystemCall.parent(of: path)) }
    }

    /// Removes the temporary file; does nothing after `commit`.
    func discard() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unsafe unlink(temporaryPath)
    }
}
