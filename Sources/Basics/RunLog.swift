import Glibc
import Logging
import Synchronization

/// The log of a process: one line per record, written at once.
///
/// `2026-11-23T10:11:12.123Z info trainer: checkpoint written batch=1200 path=runs/demo/checkpoints/…`
public enum RunLog {
    /// Opens the log.
    ///
    /// - Parameters:
    ///   - label: who speaks, for example `trainer` or `sampler.2`.
    ///   - path: the file that lines are appended to; nil for none.
    ///   - alsoStandardError: whether people see the lines too.
    ///   - level: records below it are dropped.
    /// - Throws: `RunLogError` when the file cannot be opened.
    public static func bootstrap(
        label: String, path: String?, alsoStandardError: Bool, level: Logger.Level = .info
    ) throws -> Logger {
        let file = try path.map(LogFile.init(path:))
        return Logger(label: label) { label in
            LineLogHandler(label: label, file: file, alsoStandardError: alsoStandardError, logLevel: level)
        }
    }
}

/// A log file that cannot be opened.
public struct RunLogError: Error, Equatable, CustomStringConvertible {
    public let path: String
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String {
        "log: \(path): cannot open: expected a file to append to, found: \(reason). Check its folder."
    }
}

/// An open log file. Appending lines of several processes does not mix them.
private final class LogFile: Sendable {
    let descriptor: Int32

    init(path: String) throws {
        unsafe descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw RunLogError(path: path, reason: unsafe String(cString: strerror(errno)))
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

private struct LineLogHandler: LogHandler {
    let label: String
    let file: LogFile?
    let alsoStandardError: Bool
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata
        if let more = event.metadata { fields.merge(more) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        let pairs = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\(quotedIfNeeded($0.value.description))" }
        let message = event.message.description.replacing("\n", with: "\\n")
        let line = oneLine("\(timestamp()) \(event.level) \(label): \(message)\(pairs.joined())")
        let written = file.map { writeFully($0.descriptor, line + "\n") } ?? true
        if alsoStandardError || !written { writeToStandardError(line) }
    }

    /// Metadata stays one word per value, so that a line can be split at spaces.
    private func quotedIfNeeded(_ value: String) -> String {
        guard value.isEmpty || value.contains(where: { $0.isWhitespace || $0 == "\"" || $0 == "=" }) else {
            return value
        }
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return "\"\(escaped)\""
    }
}

/// Now, in UTC, as `2026-11-23T10:11:12.123Z`.
private func timestamp() -> String {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    var parts = unsafe tm()
    unsafe gmtime_r(&now.tv_sec, &parts)
    let date = unsafe [
        zeroPadded(parts.tm_year + 1900, 4), zeroPadded(parts.tm_mon + 1, 2), zeroPadded(parts.tm_mday, 2),
    ]
    let time = unsafe [zeroPadded(parts.tm_hour, 2), zeroPadded(parts.tm_min, 2), zeroPadded(parts.tm_sec, 2)]
    let milliseconds = zeroPadded(now.tv_nsec / 1_000_000, 3)
    return "\(date.joined(separator: "-"))T\(time.joined(separator: ":")).\(milliseconds)Z"
}
