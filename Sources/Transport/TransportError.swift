/// What can go wrong on the way between processes; each is one line with what to do.
public enum TransportError: Error, Equatable, CustomStringConvertible {
    case badEndpoint(endpoint: String)
    case pathTooLong(endpoint: String, byteCount: Int, byteCountMax: Int)
    case missingDirectory(endpoint: String, directory: String)
    case notASocket(endpoint: String, path: String)
    case addressInUse(endpoint: String)
    case addressNotOfThisHost(endpoint: String)
    case permissionDenied(endpoint: String)
    /// A message of more frames, or more bytes, than the receiver takes. It was dropped whole.
    case messageTooLarge(endpoint: String, what: String, count: Int, countMax: Int)
    /// A file that should hold a CURVE key does not.
    case badKey(path: String, found: String)
    /// A secret that others than its owner can read.
    case keyOpenToOthers(path: String, mode: String)
    case keyExists(path: String)
    case cannotKeepKey(path: String, reason: String)
    /// Anything else that the system refuses, in its own words.
    case refused(endpoint: String, call: String, reason: String)

    public var description: String {
        switch self {
        case .badEndpoint(let endpoint):
            return "transport: \(endpoint): bad endpoint: expected ipc://PATH or tcp://HOST:PORT, found \(endpoint). "
                + "Correct samplers.endpoint."
        case .pathTooLong(let endpoint, let count, let max):
            return "transport: \(endpoint): path too long: expected at most \(max) bytes, found \(count). "
                + "Set samplers.endpoint to a shorter ipc://PATH, for example in /tmp."
        case .missingDirectory(let endpoint, let directory):
            return "transport: \(endpoint): no such directory: expected \(directory), found nothing. Create it."
        case .notASocket(let endpoint, let path):
            return "transport: \(endpoint): not a socket: expected a free path, found the file \(path). "
                + "Move it, or choose another samplers.endpoint."
        case .addressInUse(let endpoint):
            return "transport: \(endpoint): address in use: expected a free endpoint, found a process that listens. "
                + "Stop it, or choose another samplers.endpoint."
        case .addressNotOfThisHost(let endpoint):
            return "transport: \(endpoint): not an address of this host: expected one to listen at, found another. "
                + "Set samplers.endpoint to tcp://*:PORT."
        case .permissionDenied(let endpoint):
            return "transport: \(endpoint): permission denied: expected a place that this user may listen at, "
                + "found one of others. Choose another samplers.endpoint."
        case .messageTooLarge(let endpoint, let what, let count, let max):
            return "transport: \(endpoint): message dropped: expected at most \(max) \(what), found \(count). "
                + "Run the same version on both ends."
        case .badKey(let path, let found):
            return "transport: \(path): bad key: expected 40 characters of Z85, found \(found). "
                + "Make keys with `pinsage keys --out FOLDER`."
        case .keyOpenToOthers(let path, let mode):
            return "transport: \(path): open to others: expected mode 600, found \(mode). Run chmod 600 on it."
        case .keyExists(let path):
            return "transport: \(path): key exists: expected no such file, found one. "
                + "Choose another --name, or remove the old key first."
        case .cannotKeepKey(let path, let reason):
            return "transport: \(path): key: expected a usable file, found: \(reason.lowercased()). "
                + "Make keys with `pinsage keys --out FOLDER`."
        case .refused(let endpoint, let call, let reason):
            return "transport: \(endpoint): \(call): expected success, found: \(reason). Check samplers.endpoint."
        }
    }
}
