import Glibc
import Synchronization

/// Progress for people, on standard error: one line that renews itself on a terminal, elsewhere a plain line every 10 s
/// of longer work.
public final class ProgressLine: Sendable {
    /// Back to the first column, and nothing from there to the end of the line.
    static let clearLine = "\r\u{1B}[K"

    private struct State {
        /// When a line was shown last; where none was, when the work began. Nil: the next one is due.
        var shownAt: ContinuousClock.Instant?
        var shown = ""
    }

    private let isTerminal: Bool
    private let columns: Int
    private let interval: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    private let write: @Sendable (String) -> Void
    private let state: Mutex<State>

    /// Shows at most 10 lines a second on a terminal; elsewhere one every 10 s, the first after 10 s.
    public convenience init() {
        self.init(isTerminal: isatty(STDERR_FILENO) == 1, columns: terminalColumns()) {
            _ = writeFully(STDERR_FILENO, $0)
        }
    }

    package init(
        isTerminal: Bool, columns: Int, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        write: @escaping @Sendable (String) -> Void
    ) {
        self.isTerminal = isTerminal
        self.columns = columns
        interval = isTerminal ? .milliseconds(100) : .seconds(10)
        self.now = now
        self.write = write
        state = Mutex(State(shownAt: isTerminal ? nil : now()))
    }

    /// Shows `text` if enough time has passed; else it is not even made. Costs one look at the clock.
    public func update(_ text: @autoclosure () -> String) {
        let time = now()
        state.withLock { state in
            if let shownAt = state.shownAt, time - shownAt < interval { return }
            state.shownAt = time
            show(text(), ended: !isTerminal, &state)
        }
    }

    /// Shows `text` as the last line, whatever was shown before and when, and ends the line.
    public func finish(_ text: String) {
        state.withLock { state in
            state.shownAt = isTerminal ? nil : now()
            if isTerminal || text != state.shown { show(text, ended: true, &state) }
            state.shown = ""
        }
    }

    private func show(_ text: String, ended: Bool, _ state: inout State) {
        state.shown = text
        // A line longer than the terminal is wide would wrap, and only its last row could be renewed.
        let fitting = isTerminal ? String(text.prefix(max(columns - 1, 1))) : text
        write((isTerminal ? Self.clearLine : "") + fitting + (ended ? "\n" : ""))
    }
}

private func terminalColumns() -> Int {
    var size = winsize()
    let known = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return known ? Int(size.ws_col) : 80
}
