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
            "artifacts: \(path): cannot \(operation): \(unsafe String(cString: strerror(code)).lowercased())."
        case .wrongLength(let path, let expected, let found):
            "artifacts: \(path): wrong length: expected \(expected) bytes, found \(found). Write the file again."
        case .malformed(let path, let problem, let expected, let found, let action):
            "artifacts: \(path): \(problem): expected \(expected), found \(found). \(action)."
        case .checksumMismatch(let path, let expected, let found):
            "artifacts: \(path): checksum mismatch: expected \(expected), found \(found). Write the file again."
        }
    }
}
