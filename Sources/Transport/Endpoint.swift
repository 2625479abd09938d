import Glibc

/// Longest path of a socket file, without the closing zero.
private let socketPathBytesMax = 107

/// What every endpoint must be, before the library sees it.
func checkSyntax(_ endpoint: String) throws(TransportError) {
    if let path = socketPath(endpoint) {
        if path.isEmpty { throw .badEndpoint(endpoint: endpoint) }
        guard path.utf8.count <= socketPathBytesMax else {
            throw .pathTooLong(endpoint: endpoint, byteCount: path.utf8.count, byteCountMax: socketPathBytesMax)
        }
        return
    }
    guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":") else {
        throw .badEndpoint(endpoint: endpoint)
    }
    let host = endpoint[..<colon].dropFirst("tcp://".count)
    let port = endpoint[endpoint.index(after: colon)...]
    guard !host.isEmpty, port == "*" || UInt16(port).map({ $0 > 0 }) == true else {
        throw .badEndpoint(endpoint: endpoint)
    }
}

/// Makes sure that listening at `endpoint` takes nothing away from anyone: the library removes whatever file is in
/// its way, a socket that another process listens at included. Only a socket that a dead process left may go.
func checkToBind(_ endpoint: String) throws(TransportError) {
    try checkSyntax(endpoint)
    guard let path = socketPath(endpoint) else { return }
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    var status = stat()
    guard unsafe stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw errno == EACCES
            ? .permissionDenied(endpoint: endpoint) : .missingDirectory(endpoint: endpoint, directory: directory)
    }
    guard unsafe lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(endpoint: endpoint, path: path) }
    if isListening(path) { throw .addressInUse(endpoint: endpoint) }
}

func bindError(_ endpoint: String, _ code: Int32) -> TransportError {
    switch code {
    case EADDRINUSE: return .addressInUse(endpoint: endpoint)
    case EACCES, EPERM, EROFS: return .permissionDenied(endpoint: endpoint)
    case EADDRNOTAVAIL, ENODEV: return .addressNotOfThisHost(endpoint: endpoint)
    case EINVAL: return .badEndpoint(endpoint: endpoint)
    default: return .refused(endpoint: endpoint, call: "bind", reason: unsafe String(cString: strerror(code)))
    }
}

private func socketPath(_ endpoint: String) -> String? {
    endpoint.hasPrefix("ipc://") ? String(endpoint.dropFirst("ipc://".count)) : nil
}

/// Whether a living process accepts connections at the socket file.
private func isListening(_ path: String) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    // A full backlog has an owner too.
    return result == 0 || errno == EAGAIN || errno == EINPROGRESS
}
