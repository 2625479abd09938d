import Glibc

/// System calls as this room needs them: interrupted ones are retried, failures throw with path and operation.
enum SystemCall {
    /// Repeats `call` while a signal interrupts it; any other failure throws.
    @discardableResult
    static func retrying<T: SignedInteger>(
        _ operation: String, _ path: String, _ call: () -> T
    ) throws(ArtifactError) -> T {
        while true {
            let result = call()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw .system(path: path, operation: operation, code: code) }
        }
    }

    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o666) throws(ArtifactError) -> Int32 {
        try retrying(flags & O_CREAT == 0 ? "open" : "create", path) {
            unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
        }
    }

    /// The size of an open regular file; anything else that has a path is refused.
    static func regularFileSize(_ descriptor: Int32, _ path: String) throws(ArtifactError) -> Int {
        var status = stat()
        try retrying("stat", path) { unsafe fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let found = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "something else"
            throw .malformed(
                path: path, problem: "not a file", expected: "a regular file", found: found, action: "Name a file")
        }
        return Int(status.st_size)
    }

    static func writeAll(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String
    ) throws(ArtifactError) {
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try retrying("write", path) { unsafe write(descriptor, rest.baseAddress, rest.count) }
        }
    }

    /// Makes a folder's entries durable.
    static func syncFolder(_ path: String) throws(ArtifactError) {
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        try retrying("sync", path) { fsync(descriptor) }
    }

    /// The folder that holds `path`.
    static func parent(of path: String) -> String {
        let trimmed = trimmingSlashes(path)
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    static func trimmingSlashes(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return String(path)
    }
}
