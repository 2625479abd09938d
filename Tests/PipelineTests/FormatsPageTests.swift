import Foundation
import TestSupport
import Testing

/// The Python blocks of docs/FORMATS.md, run on what the executables write.
@Suite("docs/FORMATS.md", .enabled(if: Python.hasNumPy, "python3 has no numpy"), .serialized)
struct FormatsPageTests {
    private let folder: TemporaryDirectory
    private let blocks: [String]

    init() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../docs/FORMATS.md")
        blocks = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```python\n").dropFirst()
            .map { $0.components(separatedBy: "\n```")[0] }
        folder = try TemporaryDirectory()
        try run("generate", "--out", "graph", "--pins", "600", "--boards", "300", "--edges", "6000", "--seed", "2")
        try folder.write(
            """
            graph: graph
            model: {hidden_width: 32, output_width: 16}
            batch: {pairs: 64, shared_negatives: 50}
            training: {epochs: 2, batches_per_epoch: 150}
            """, to: "config.yaml")
    }

    private func run(_ arguments: String...) throws {
        let ended = try RealProcess("pinsage", arguments, in: folder.path).end()
        #expect(ended.code == 0, "\(arguments): \(ended.error)")
    }

    @Test("every block that shows how to open a file opens the file and finds what the page says")
    func files() throws {
        try run("train", "--config", "config.yaml", "--run", "run")
        try run("embed", "--run", "run", "--out", "embeddings", "--keep-neighbors")
        try run("neighbors", "graph", "--all", "--out", "neighborhoods")
        let checkpoint = "run/checkpoints/step-00000300.safetensors"
        try run(
            "neighbors", "graph", "--all", "--out", "work", "--checkpoint", checkpoint, "--shard", "0/2", "--needs")
        try run(
            "map", "--checkpoint", checkpoint, "--graph", "graph", "--work", "work", "--layer", "1", "--shard", "0/2")
        #expect(try folder.bytes("embeddings/neighbors.npy") == folder.bytes("neighborhoods/neighbors.npy"))
        try FileManager.default.copyItem(atPath: folder.file("graph"), toPath: folder.file("appended"))
        try folder.write("p7\tb1\np7\tb2\n", to: "more.tsv")
        try run("update", "appended", "--append", "--edges", "more.tsv")
        let ofFiles = blocks.filter { !$0.contains("zmq") }
        #expect(ofFiles.count == 8)
        for block in ofFiles { try Python.run(block, in: folder.path) }
    }

    @Test(
        "the block that plays the trainer to a sampler gets a batch as the page says",
        .enabled(if: Python.canImport("zmq, xxhash"), "python3 has no zmq or no xxhash"))
    func message() throws {
        let block = try #require(blocks.first { $0.contains("zmq") })
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let sampler = URL(fileURLWithPath: tests).deletingLastPathComponent().appending(path: "pinsage-sampler").path
        try Python.run(block.replacing("\"pinsage-sampler\"", with: "\"\(sampler)\""), in: folder.path)
    }
}
