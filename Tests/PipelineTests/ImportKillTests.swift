import Foundation
import GraphStore
import TestSupport
import Testing

/// An import that is killed at any moment leaves the graph that was there, and nothing that the next one does not remove.
@Suite struct ImportKillTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    @Test("a killed import leaves the old graph and one temporary folder, which the next import removes")
    func killed() throws {
        try folder.write("a\tx\nb\tx\n", to: "old.tsv")
        let lines = (0..<600_000).map { "pin\($0 * 7919 % 99_991)\tboard\($0 * 104_729 % 30_011)\n" }
        try folder.write(lines.joined(), to: "new.tsv")
        let old = try GraphImport.run(GraphImportOptions(edges: folder.file("old.tsv"), output: folder.file("graph")))
        let whole = try GraphImport.run(GraphImportOptions(edges: folder.file("new.tsv"), output: folder.file("whole")))

        var killed = 0
        for milliseconds in [0, 20, 60, 120, 200, 300, 450, 700] {
            let run = try importing()
            usleep(UInt32(milliseconds) * 1000)
            run.send(SIGKILL)
            let hasEnded = run.end().code == 0
            let graph = try BipartiteGraph(directory: folder.file("graph"))
            try graph.verify()
            // Killed when the new graph was in place and the old one was being removed, it has done its work.
            let isNew = graph.fingerprint == whole.fingerprint
            #expect(isNew || !hasEnded && graph.fingerprint == old.fingerprint, "after \(milliseconds) ms")
            if isNew { break }
            killed += 1
            let others = try folder.names().filter { !["graph", "new.tsv", "old.tsv", "whole"].contains($0) }
            // The one before it has been removed by this one, unless it was killed before it came so far.
            #expect(others.count <= 2 && others.allSatisfy { $0.hasPrefix("graph.tmp-") }, "\(others)")
        }
        #expect(killed > 0)
        let last = try importing().end()
        #expect(last.code == 0, "\(last.error)")
        #expect(try folder.names() == ["graph", "new.tsv", "old.tsv", "whole"])
        #expect(try BipartiteGraph(directory: folder.file("graph")).fingerprint == whole.fingerprint)
    }

    @Test("an import of hardly anything but ids stays below its --memory")
    func memory() throws {
        // The index of pins doubles at 3,145,728 of them; four times as large it would not have room.
        let lines = (0..<3_300_000).map { "p\($0)\tb\($0 % 1000)\n" }
        try folder.write(lines.joined(), to: "ids.tsv")
        let (ended, peakBytes) = try pinsageWithPeak(
            [
                "import", "--edges", "ids.tsv", "--out", "graph", "--feature-width", "1", "--threads", "2", "--memory",
                "256M",
            ],
            in: folder.path)
        #expect(ended.code == 0, "\(ended.error)")
        #expect(peakBytes > 200 << 20 && peakBytes < 256 << 20, "\(peakBytes >> 20) MiB")
    }

    private func importing() throws -> RealProcess {
        try RealProcess(
            "pinsage", ["import", "--edges", "new.tsv", "--out", "graph", "--force", "--memory", "128M"],
            in: folder.path)
    }

    @Test("edges that are generated on the fly come through a pipe, and give the generated graph")
    func piped() throws {
        let size = ["--pins", "3000", "--boards", "900", "--edges", "40000"]
        #expect(try RealProcess("pinsage", ["generate", "--out", "made"] + size, in: folder.path).end().code == 0)
        let pinsage = try RealProcess.built("pinsage")
        let command =
            "\(pinsage) generate --edges-tsv - \(size.joined(separator: " ")) | \(pinsage) import --edges - "
            + "--pins made/pins.txt --features made/features.npy --out piped"
        let ended = try RealProcess("/bin/sh", ["-c", command], in: folder.path).end()
        #expect(ended.code == 0, "\(ended.error)")
        let (made, piped) = (
            try BipartiteGraph(directory: folder.file("made")), try BipartiteGraph(directory: folder.file("piped"))
        )
        #expect(made.fingerprint == piped.fingerprint)
        try piped.verify()

        let bad = try RealProcess(
            "/bin/sh", ["-c", "printf 'a\\tx\\nb\\n' | \(pinsage) import --edges - --out bad"], in: folder.path
        ).end()
        #expect(bad.code == 1 && bad.error.contains("graph: standard input:2: no tab"), "\(bad.error)")
        #expect(try folder.names() == ["made", "piped"])
    }
}
