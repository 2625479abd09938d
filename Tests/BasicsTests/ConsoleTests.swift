import Basics
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@Suite struct RunLogTests {
    @Test("a record is one line with time, level, label, message and sorted fields, and is in the file at once")
    func lines() throws {
        let directory = try TemporaryDirectory()
        var log = try RunLog.bootstrap(label: "trainer", path: directory.file("t.log"), alsoStandardError: false)
        log[metadataKey: "worker"] = "2"
        log.info("batch refused\nagain", metadata: ["why": "bad \"magic\"", "batch": "17"])
        log.debug("not shown")
        let text = try directory.text("t.log")
        let line = #" info trainer: batch refused\nagain batch=17 why="bad \"magic\"" worker=2"# + "\n"
        #expect(text.hasSuffix(line), "\(text)")
        let time = String(text.dropLast(line.count))
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
        // To Swift "\r\n" is one character, and not a line feed.
        log.error("second\r\nline\u{1B}[31m", metadata: ["why": "bytes of a\r\nfile"])
        let bytes = try directory.bytes("t.log")
        #expect(bytes.count { $0 == 10 } == 2 && bytes.count { $0 < 32 } == 2)
    }

    @Test("a second start appends to the log")
    func appends() throws {
        let directory = try TemporaryDirectory()
        for name in ["a", "b"] {
            try RunLog.bootstrap(label: name, path: directory.file("t.log"), alsoStandardError: false).info("hello")
        }
        #expect(try directory.text("t.log").split(separator: "\n").count == 2)
    }

    @Test("a log that cannot be opened is one line with its path")
    func cannotOpen() {
        #expect(
            throws: RunLogError(path: "/no/such/dir/t.log", reason: "No such file or directory")
        ) { try RunLog.bootstrap(label: "x", path: "/no/such/dir/t.log", alsoStandardError: false) }
    }
}

@Suite struct ProgressLineTests {
    /// What a progress line writes while the clock goes on by hand.
    private final class Console: Sendable {
        let written = Mutex<[String]>([])
        let time = Mutex(ContinuousClock.now)

        func line(isTerminal: Bool, columns: Int = 80) -> ProgressLine {
            ProgressLine(
                isTerminal: isTerminal, columns: columns, now: { self.time.withLock { $0 } },
                write: { text in self.written.withLock { $0.append(text) } })
        }
        func wait(_ duration: Duration) { time.withLock { $0 += duration } }
        var output: [String] { written.withLock { $0 } }
    }

    @Test("on a terminal the line renews itself, ten times a second at most, cut to the width")
    func terminal() {
        let console = Console()
        let line = console.line(isTerminal: true, columns: 8)
        line.update("one")
        line.update("too soon")
        console.wait(.milliseconds(100))
        line.update("123456789")
        line.finish("end")
        let clear = "\r\u{1B}[K"
        #expect(console.output == [clear + "one", clear + "1234567", clear + "end\n"])
    }

    @Test("elsewhere there is a plain line every ten seconds, none before, and the last one once")
    func plain() {
        let console = Console()
        let line = console.line(isTerminal: false, columns: 8)
        line.update("short work says nothing")
        console.wait(.seconds(10))
        line.update("one is never cut")
        console.wait(.seconds(9))
        line.update("too soon")
        console.wait(.seconds(1))
        line.update("two")
        line.finish("two")
        line.update("a new line of work")
        console.wait(.seconds(10))
        line.update("goes on")
        line.finish("done")
        #expect(console.output == ["one is never cut\n", "two\n", "goes on\n", "done\n"])
    }

    @Test("a line that is not shown is not made")
    func lazy() {
        let line = Console().line(isTerminal: true)
        line.update("shown")
        func fail() -> String {
            Issue.record("made")
            return ""
        }
        line.update(fail())
    }
}
