import Foundation
import TestSupport
import Testing

/// What people see of a training: one live line on a terminal, plain lines elsewhere.
@Suite struct LiveLineTests {
    private let workshop: Workshop
    private let arguments = [
        "train", "--config", "config.yaml", "--run", "new", "--set", "training.batches_per_epoch=2000",
    ]

    init() throws { workshop = try Workshop() }

    @Test("on a terminal one line renews itself: step, loss, pairs/s, queue, wait, ETA")
    func terminal() throws {
        let terminal = try Terminal()
        let training = try RealProcess("pinsage", arguments, in: workshop.path, terminal: terminal.theirs)
        try terminal.theirs.close()
        let shown = terminal.readToEnd()
        #expect(training.end().code == 0, "\(shown)")
        // A terminal shows a line feed as carriage return and line feed.
        let clear = "\r\u{1B}[K"
        let lines = shown.split(separator: "\r\n").map(String.init)
        #expect(lines.count == 1 && shown.hasSuffix("\r\n"), "\(shown)")
        #expect(shown.hasPrefix(clear))
        let updates = shown.components(separatedBy: clear).dropFirst()
        let form = #/step \d+/2000  loss (–|\d+\.\d+)  \d+ pairs/s  queue \d+  wait \d+ %  ETA (–|[\d:]+)/#
        for update in updates.dropLast() {
            #expect(try form.wholeMatch(in: update) != nil, "\(update)")
            #expect(update.count < 80)
        }
        #expect(updates.count > 2, "\(shown)")
        #expect(updates.contains { $0.contains("loss 0.") && !$0.contains("ETA –") }, "\(shown)")
        #expect(updates.last?.hasPrefix("step 2000/2000  loss 0.") == true, "\(shown)")
    }

    @Test("an error on a terminal takes the live line's place")
    func errorOnTerminal() throws {
        let terminal = try Terminal()
        try workshop.folder.write("p0\tb0\np1 b0\n", to: "edges.tsv")
        let importing = try RealProcess(
            "pinsage", ["import", "--edges", "edges.tsv", "--out", "new"], in: workshop.path, terminal: terminal.theirs)
        try terminal.theirs.close()
        let shown = terminal.readToEnd()
        #expect(importing.end().code == 1)
        let last = shown.components(separatedBy: "\r\u{1B}[K").last ?? ""
        #expect(last.hasPrefix("pinsage import: graph: edges.tsv:2: no tab") && last.hasSuffix("\r\n"), "\(shown)")
    }

    @Test("elsewhere there are plain lines, and of a short training only the last")
    func plain() throws {
        let ended = try RealProcess("pinsage", arguments, in: workshop.path).end()
        #expect(ended.code == 0)
        #expect(ended.errorLines.count == 1 && !ended.error.contains("\r"), "\(ended.error)")
        #expect(ended.error.hasPrefix("step 2000/2000  loss 0."), "\(ended.error)")
        #expect(ended.error.hasSuffix("  checkpoint new/checkpoints/step-00002000.safetensors\n"), "\(ended.error)")
    }
}

/// A pseudo-terminal of 80 columns.
private struct Terminal {
    let ours: FileHandle
    let theirs: FileHandle

    init() throws {
        // The C library's own calls for this are macros that Swift does not see: TIOCSPTLCK unlocks, TIOCGPTN numbers.
        let main = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (lock, number) = (Int32(0), Int32(0))
        let isOpen = main >= 0 && ioctl(main, 0x4004_5431, &lock) == 0 && ioctl(main, 0x8004_5430, &number) == 0
        try #require(isOpen, "no pseudo-terminal: \(String(cString: strerror(errno)))")
        var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
        let isSized = ioctl(main, UInt(TIOCSWINSZ), &size) == 0
        let other = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(isSized && other >= 0)
        ours = FileHandle(fileDescriptor: main, closeOnDealloc: true)
        theirs = FileHandle(fileDescriptor: other, closeOnDealloc: true)
    }

    /// All that was written until the last process has closed the terminal.
    func readToEnd() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ours.fileDescriptor, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
