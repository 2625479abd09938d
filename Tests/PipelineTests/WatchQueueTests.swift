import Foundation
import TestSupport
import Testing

@Suite struct WatchQueueTests {
    @Test("the queue watcher shows each line as it comes")
    func linesAppear() throws {
        let folder = try TemporaryDirectory()
        try folder.write(
            """
            # time step depth in_flight ready capacity trainer_wait_ms batches_per_s WORKER=batches_received…
            2026-11-24T21:36:31Z 11 8 4 4 8 741 14.54 sampler1=8 sampler0=7
            2026-11-24T21:36:32Z 19 8 5 3 8 250 8.00 sampler1=4 sampler0=4

            """, to: "queue_depth.log")
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let script = tests.appending(path: "../../scripts/watch-queue")
        let process = Process()
        let shown = try folder.write("", to: "shown.txt")
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [script.path, folder.path]
        process.standardOutput = FileHandle(forWritingAtPath: shown)
        try process.run()
        // It follows the log until it is ended, with its children: they are one process group.
        defer { kill(-process.processIdentifier, SIGKILL) }
        var lines: [String] = []
        _ = try eventually {
            let text = try folder.text("shown.txt")
            lines = text.split(separator: "\n").dropFirst(2).map(String.init)
            return lines.count == 2 && text.hasSuffix("\n")
        }
        let columns = lines.map { $0.split(separator: " ").map(String.init) }
        #expect(
            columns.map { Array($0.prefix(8)) } == [
                ["21:36:31", "11", "8", "4", "4", "8", "741", "14.54"],
                ["21:36:32", "19", "8", "5", "3", "8", "250", "8.00"],
            ])
        #expect(columns.map { Array($0.suffix(2)) } == [["sampler1=8", "sampler0=7"], ["sampler1=4", "sampler0=4"]])
    }
}
