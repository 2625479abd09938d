import Glibc

/// What can be wrong with a file at rest. Each case reads as one line with path, expected, found and what to do.
public enum ArtifactError: Error, Equatable, CustomStringConvertible {
    /// The operating system refused; `code` is its `errno`.
    case system(path: String, operation: String, code: Int32)
    /// The file is shorter or longer than its header says.
    case wrongLength(path: String, expectedBytes: Int, foundBytes: Int)
    /// A header or field does not say what it must.
    case malformed(path: String, problem: String, expected: String, found: String, action: String)
    /// The bytes are not those that were written.
    case checksumMismatch(path: String, expected: String, found: String)

    public var description: String {
        switch self {
        case .system(let path, let operation, let code):
            "artifacts: \(path): cannot \(operation): \(Self.refusal(operation, code))."
        case .wrongLength(let path, let expected, let found):
            "artifacts: \(path): wrong length: expected \(expected) bytes, found \(found). Write the file again."
        case .malformed(let path, let problem, let expected, let found, let action):
            "artifacts: \(path): \(problem): expected \(expected), found \(found). \(action)."
        case .checksumMismatch(let path, let expected, let found):
            "artifacts: \(path): checksum mismatch: expected \(expected), found \(found). Write the file again."
        }
    }

    /// What a system call would have needed, what it met, and what to do.
    private static func refusal(_ operation: String, _ code: Int32) -> String {
        switch code {
        case ENOENT where operation == "open": "expected a file, found none. Check the path"
        case ENOTDIR: "expected a folder, found a file in its place or above it. Name another path"
        case EISDIR: "expected a file, found a folder. Name a file"
        case EACCES, EPERM, EROFS: "expected the right to, found none. Change the permissions or name another path"
        case ENOSPC, EDQUOT: "expected free space, found none. Free some or name another disk"
        default:
            "expected the system to do it, found: \(unsafe String(cString: strerror(code)).lowercased()). "
                + "Check the path"
        }
    }
}
