import Artifacts
import Configuration
import Foundation
import GraphStore
import Inference
import TestSupport
import Testing

@Suite("Embeddings that end with the pins' structure")
struct StructureTests {
    private static func config(share: String) -> String {
        #"{"seed":11,"walks":{"count":6,"steps":12,"top":7},"model":{"structure_share":\#(share)}}"#
    }

    @Test("a row is [√(1 − w) z ‖ √w s]; with w = 1 the network does not count", arguments: [0.36, 1])
    func parts(share: Double) throws {
        let fixture = try EmbedFixture(outputWidth: 10, structureWidth: 5)
        try fixture.writeCheckpoint(to: fixture.checkpointPath, config: Self.config(share: "0"))
        #expect(try EmbedAllPins.run(fixture.job("plain")).width == 10)
        let z = try fixture.embeddings("plain")
        try fixture.writeCheckpoint(to: fixture.checkpointPath, config: Self.config(share: "\(share)"))
        #expect(try EmbedAllPins.run(fixture.job()).width == 15)
        let found = try fixture.embeddings()
        #expect(try Manifest.read(directory: fixture.folder.file("out"), kind: "embeddings").featureWidth == 15)
        let (own, other) = (Float((1 - share).squareRoot()), Float(share.squareRoot()))
        for pin in 0..<137 {
            let expected =
                z[pin * 10..<pin * 10 + 10].map { $0 * own }
                + fixture.structure[pin * 5..<pin * 5 + 5].map { $0 * other }
            #expect(Array(found[pin * 15..<pin * 15 + 15]) == expected, "pin \(pin)")
        }
    }

    @Test(
        "scripts/check_embed.py finds the same",
        .enabled(if: Python.hasNumPy, "python3 cannot import numpy"))
    func script() throws {
        let fixture = try EmbedFixture(outputWidth: 10, structureWidth: 5)
        try EmbedAllPins.run(fixture.job())
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let arguments = [
            root.appending(path: "scripts/check_embed.py").path, "--graph", fixture.graph.directory,
            "--checkpoint", fixture.checkpointPath, "--embeddings", fixture.folder.file("out"),
        ]
        #expect(try Python.run(arguments).contains(#""pins": 137, "width": 15"#))
    }

    @Test("rows of any length have no structure in them, nor has what a run is validated with")
    func leftOut() throws {
        let free = try EmbedFixture(outputWidth: 10, output: .free, structureWidth: 5)
        #expect(try EmbedAllPins.run(free.job()).width == 10)
        let fixture = try EmbedFixture(outputWidth: 10, structureWidth: 5)
        var job = fixture.job()
        #expect(try EmbedAllPins.run(job).width == 15)
        job.hidesValidation = true
        #expect(try EmbedAllPins.run(job).width == 10)
    }

    @Test("shards change no bit; new pins and updated embeddings are those of a full rebuild")
    func otherWays() throws {
        let fixture = try EmbedFixture(
            pins: 2_100, boards: 400, clusters: 40, outputWidth: 10, structureWidth: 5)
        let folder = fixture.folder
        try folder.write("x\tboard-3\ny\tboard-7\nx\tboard-11\n", to: "new.tsv")
        try writeNumpy(path: folder.file("new.npy"), shape: [2, 9], (0..<18).map { Float($0 % 7) / 7 - 0.4 })
        try EmbedAllPins.run(fixture.job("before"))
        var sharded = fixture.job("sharded")
        sharded.shardCount = 3
        try EmbedAllPins.run(sharded)
        #expect(try folder.bytes("sharded/embeddings.npy") == folder.bytes("before/embeddings.npy"))
        var options = GraphUpdateOptions(graph: fixture.graph.directory)
        (options.edges, options.features, options.output) =
            (folder.file("new.tsv"), folder.file("new.npy"), folder.file("grown"))
        try GraphUpdate.run(options)
        var job = fixture.job("full")
        job.graph = try BipartiteGraph(directory: folder.file("grown"))
        try EmbedAllPins.run(job)
        let all = try fixture.embeddings("full")
        #expect(all.count == 2_102 * 15)
        (job.output, job.update) = (folder.file("updated"), folder.file("before"))
        try EmbedAllPins.run(job)
        #expect(try folder.bytes("updated/embeddings.npy") == folder.bytes("full/embeddings.npy"))
        let newPins = NewPinsJob(
            graph: fixture.graph, checkpointPath: fixture.checkpointPath, edges: folder.file("new.tsv"),
            features: folder.file("new.npy"), output: folder.file("two"))
        #expect(try EmbedNewPins.run(newPins).width == 15)
        #expect(try fixture.embeddings("two") == Array(all.suffix(30)))
    }
}
