import Glibc

/// Writes one line for people to standard error, in one piece.
///
/// On a terminal a live progress line that may stand there is cleared first.
public func writeToStandardError(_ line: String) {
    let clear = isatty(STDERR_FILENO) == 1 ? ProgressLine.clearLine : ""
    _ = writeFully(STDERR_FILENO, clear + line + "\n")
}

/// Writes all of `text` with as few `write` calls as the kernel needs, retrying after signals.
///
/// - Returns: false when the descriptor takes no more; what is left is dropped.
func writeFully(_ descriptor: Int32, _ text: String) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let written = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        if written < 0 {
            if errno == EINTR { continue }
            return false
        }
        rest = rest.dropFirst(written)
    }
    return true
}
