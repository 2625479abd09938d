import Artifacts
import Configuration
import Foundation
import GraphStore
import Inference
import TestSupport
import Testing

@Suite("Pins that arrive later")
struct LaterPinsTests {
    let fixture: EmbedFixture
    let folder: TemporaryDirectory

    /// 2,100 pins; `new.tsv` and `new.npy` hold three more, one of them on two boards.
    init() throws {
        fixture = try EmbedFixture(pins: 2_100, boards: 400, clusters: 40, hiddenWidth: 24, outputWidth: 10)
        folder = fixture.folder
        try folder.write("x\tboard-3\ny\tboard-7\nx\tboard-11\nz\tboard-3\n", to: "new.tsv")
        let rows = (0..<27).map { Float($0 % 7) / 7 - 0.4 }
        try writeNumpy(path: folder.file("new.npy"), shape: [3, 9], rows)
    }

    func update(_ change: (inout GraphUpdateOptions) -> Void) throws -> BipartiteGraph {
        var options = GraphUpdateOptions(graph: fixture.graph.directory)
        options.output = folder.file("grown")
        change(&options)
        try GraphUpdate.run(options)
        return try BipartiteGraph(directory: folder.file("grown"))
    }

    func job(_ name: String, _ graph: BipartiteGraph, update: String? = nil) -> EmbedJob {
        var job = fixture.job(name)
        job.graph = graph
        job.update = update.map { folder.file($0) }
        return job
    }

    @Test("new pins get the vectors of a full rebuild, bit for bit")
    func newPins() throws {
        let newPins = NewPinsJob(
            graph: fixture.graph, checkpointPath: fixture.checkpointPath, edges: folder.file("new.tsv"),
            features: folder.file("new.npy"), output: folder.file("three"))
        #expect(try EmbedNewPins.run(newPins).pinCount == 3)
        let grown = try update {
            $0.edges = folder.file("new.tsv")
            $0.features = folder.file("new.npy")
        }
        #expect(grown.pinCount == 2_103 && grown.ancestors == [fixture.graph.fingerprint])
        try EmbedAllPins.run(job("all", grown))
        let (three, all) = try (fixture.embeddings("three"), fixture.embeddings("all"))
        #expect(three.map(\.bitPattern) == all.suffix(30).map(\.bitPattern) && Set(three).count > 10)
        #expect(try folder.text("three/pins.txt") == "x\ny\nz\n")
        try Manifest.read(directory: folder.file("three"), kind: "embeddings").verifyChecksums(
            directory: folder.file("three"))
        #expect(!fixture.names(in: folder.file("three")).contains("graph"))
    }

    @Test("embeddings updated after pins, boards and edges came, or a pin went, are those of a full rebuild")
    func incremental() throws {
        try EmbedAllPins.run(fixture.job("before"))
        try folder.write("pin-5\tboard-9\nx\tboard-3\nx\tboard-new\n", to: "more.tsv")
        try folder.write("pin-2090\n", to: "gone.txt")
        try writeNumpy(path: folder.file("one.npy"), shape: [1, 9], [Float](repeating: 0.25, count: 9))
        for isRemoval in [false, true] {
            try? FileManager.default.removeItem(atPath: folder.file("grown"))
            let grown = try update {
                if isRemoval {
                    $0.remove = folder.file("gone.txt")
                } else {
                    $0.edges = folder.file("more.tsv")
                    $0.features = folder.file("one.npy")
                }
            }
            try EmbedAllPins.run(job("full", grown))
            var stages: Set<String> = []
            try EmbedAllPins.run(job("updated", grown, update: "before"), progress: { stages.insert($0) })
            let names = fixture.names(in: folder.file("full"))
            #expect(names.contains("inputs.npy") && fixture.names(in: folder.file("updated")) == names)
            for name in names {
                #expect(try folder.bytes("updated/\(name)") == folder.bytes("full/\(name)"), "\(name) \(isRemoval)")
            }
            #expect(stages.contains { $0.contains("changed pins") }, "nothing was taken from before: \(isRemoval)")
            #expect(try fixture.embeddings("full") != fixture.embeddings("before"))
        }
    }

    @Test("embeddings updated after a compaction are those of a full rebuild, and of updates one after the other")
    func compacted() throws {
        try EmbedAllPins.run(fixture.job("before"))
        try writeNumpy(path: folder.file("one.npy"), shape: [1, 9], [Float](repeating: 0.25, count: 9))
        for name in ["each", "once"] {
            try FileManager.default.copyItem(atPath: fixture.graph.directory, toPath: folder.file(name))
            for (text, removed) in [
                ("pin-5\tboard-9\nx\tboard-3\n", ""), ("pin-6\tboard-2\n", "x\n"), ("x\tboard-7\n", "pin-2090\n"),
            ] {
                var options = GraphUpdateOptions(graph: folder.file(name))
                options.edges = try folder.write(text, to: "more.tsv")
                if !removed.isEmpty { options.remove = try folder.write(removed, to: "gone.txt") }
                if text.contains("x\t") { options.features = folder.file("one.npy") }
                if name == "each" { try GraphUpdate.run(options) } else { try GraphUpdate.append(options) }
            }
        }
        try GraphUpdate.compact(GraphUpdateOptions(graph: folder.file("once")))
        let (each, once) = try (
            BipartiteGraph(directory: folder.file("each")), BipartiteGraph(directory: folder.file("once"))
        )
        try EmbedAllPins.run(job("full", once))
        try EmbedAllPins.run(job("of-each", each, update: "before"))
        var stages: Set<String> = []
        try EmbedAllPins.run(job("of-once", once, update: "before"), progress: { stages.insert($0) })
        for name in fixture.names(in: folder.file("full")) {
            let bytes = try folder.bytes("full/\(name)")
            #expect(try folder.bytes("of-once/\(name)") == bytes, "\(name)")
            // The manifest names the folder of its graph.
            if name != Manifest.fileName { #expect(try folder.bytes("of-each/\(name)") == bytes, "\(name)") }
        }
        #expect(stages.contains { $0.contains("changed pins") }, "nothing was taken from before")
    }

    @Test("earlier embeddings of another checkpoint, or without their neighbourhoods, are refused")
    func notUpdatable() throws {
        try EmbedAllPins.run(fixture.job("bare", keepNeighbors: false))
        try EmbedAllPins.run(fixture.job("before"))
        func problem(_ old: String) -> String {
            do {
                try EmbedAllPins.run(job("out", fixture.graph, update: old))
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(problem("bare").contains("bare: cannot be updated: expected --keep-neighbors"))
        fixture.parameters.matrix("conv.1.message.weight")[2, 3] += 0.5
        try fixture.writeCheckpoint(to: fixture.checkpointPath)
        #expect(problem("before").contains("before: cannot be updated: expected made with"))
    }

    @Test("edges of pins that are there, and of boards that are not, give no new vectors")
    func refusals() throws {
        for (text, problem) in [
            ("pin-4\tboard-3\n", "no new pins"), ("x\tboard-none\n", "unknown board: expected an id listed in"),
        ] {
            try folder.write(text, to: "bad.tsv")
            let job = NewPinsJob(
                graph: fixture.graph, checkpointPath: fixture.checkpointPath, edges: folder.file("bad.tsv"),
                features: folder.file("new.npy"), output: folder.file("none"))
            let error = #expect(throws: (any Error).self) { try EmbedNewPins.run(job) }
            #expect(error.map { "\($0)" }?.contains(problem) == true, "\(String(describing: error))")
            #expect(!fixture.names(in: folder.path).contains { $0.hasPrefix("none") })
        }
    }
}
