import Basics
import Foundation
import TestSupport
import Testing

@Suite("pinsage embed as a process", .serialized)
struct EmbedTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// A graph of so many pins, and a run of a few batches on it.
    private func train(pins: Int) throws {
        let (boards, edges) = ("\(pins / 4)", "\(pins * 10)")
        let ended = try pinsage(
            "generate", "--out", "graph", "--pairs", "pairs.tsv", "--pins", "\(pins)", "--boards", boards, "--edges",
            edges, in: folder.path)
        #expect(ended.code == 0, "\(ended.error)")
        try folder.write(
            """
            graph: graph
            walks: {count: 4, steps: 20}
            batch: {pairs: 32}
            training: {epochs: 1, batches_per_epoch: 3}
            """, to: "config.yaml")
        let trained = try pinsage("train", "--config", "config.yaml", "--run", "run", in: folder.path)
        #expect(trained.code == 0, "\(trained.error)")
    }

    @Test("killed ten times at random and started again, it ends with the same bytes")
    func killed() throws {
        try train(pins: 20_000)
        let plain = try pinsage("embed", "--run", "run", "--out", "plain", in: folder.path)
        #expect(plain.code == 0, "\(plain.error)")
        var random = CounterBasedGenerator(seed: 4, purpose: 9, 0, 0)
        let arguments = ["embed", "--run", "run", "--out", "out", "--shards", "12"]
        for kill in 0..<10 {
            let process = try RealProcess("pinsage", arguments, in: folder.path)
            usleep(UInt32.random(in: 20_000...200_000, using: &random))
            process.send(SIGKILL)
            let ended = process.end()
            // Where it was quicker, the next one begins anew.
            #expect(ended.code == -SIGKILL || ended.code == 0, "kill \(kill): \(ended.error)")
        }
        let ended = try RealProcess("pinsage", arguments, in: folder.path).end()
        #expect(ended.code == 0, "\(ended.error)")
        #expect(try folder.bytes("out/embeddings.npy") == folder.bytes("plain/embeddings.npy"))
        #expect(try folder.bytes("out/manifest.json") == folder.bytes("plain/manifest.json"))
        #expect(try !folder.names().contains("out.work"))
    }

    @Test("a signal keeps finished shards and says where they are; exit code 3")
    func signalled() throws {
        try train(pins: 20_000)
        let arguments = ["embed", "--run", "run", "--out", "out", "--shards", "16", "--threads", "1"]
        let process = try RealProcess("pinsage", arguments, in: folder.path)
        let hasShard = eventually {
            FileManager.default.fileExists(atPath: folder.file("out.work/neighborhoods/00000-of-00016"))
        }
        process.send(SIGTERM)
        let ended = process.end()
        #expect(hasShard && ended.code == 3, "\(ended.error)")
        #expect(ended.errorLines.last?.contains("finished shards are in") == true, "\(ended.error)")
        #expect(try folder.names().contains("out.work") && !folder.names().contains("out"))
    }

    @Test("with --memory the process stays below it, mapped tables included, and the bytes are the same")
    func memory() throws {
        try train(pins: 130_000)
        let plain = try peak(["embed", "--run", "run", "--out", "plain"])
        let limited = try peak(["embed", "--run", "run", "--out", "limited", "--memory", "128M"])
        // 130,000 messages of 256 float32 are 127 MiB: they fit three eighths of this, on the heap, but not of 128 MiB.
        let onHeap = try peak(["embed", "--run", "run", "--out", "heap", "--memory", "352M"])
        #expect(plain > 160 << 20, "without a limit \(plain >> 20) MiB: the test shows nothing")
        #expect(limited < 128 << 20, "\(limited >> 20) MiB")
        #expect((127 << 20..<352 << 20).contains(onHeap), "\(onHeap >> 20) MiB")
        #expect(try folder.bytes("heap/embeddings.npy") == folder.bytes("plain/embeddings.npy"))
        #expect(try folder.bytes("limited/embeddings.npy") == folder.bytes("plain/embeddings.npy"))
    }

    /// The most resident memory that a command had, in bytes.
    private func peak(_ arguments: [String]) throws -> Int {
        let (ended, peakBytes) = try pinsageWithPeak(arguments, in: folder.path)
        #expect(ended.code == 0, "\(ended.error)")
        return peakBytes
    }

    @Test("float16 embeddings are searched and evaluated like float32")
    func float16() throws {
        try train(pins: 2_000)
        var found: [[String: Any]] = []
        for precision in ["float32", "float16"] {
            let ended = try pinsage(
                "embed", "--run", "run", "--out", precision, "--precision", precision, in: folder.path)
            #expect(ended.code == 0, "\(ended.error)")
            let related = try pinsage("related", "--embeddings", precision, "--pin", "p7", "--json", in: folder.path)
            #expect(related.code == 0, "\(related.error)")
            let evaluated = try pinsage(
                "evaluate", "--embeddings", precision, "--pairs", "pairs.tsv", "--json", in: folder.path)
            #expect(evaluated.code == 0, "\(evaluated.error)")
            let answer = try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: Any]
            let results = answer?["results"] as? [String: [String: Any]]
            found.append(results?["model"] ?? [:])
        }
        let rates = found.map { $0["MRR"] as? Double ?? -1 }
        #expect(rates[0] > 0 && abs(rates[0] - rates[1]) < 0.01, "\(rates)")
        let sizes = try ["float32", "float16"].map { try folder.bytes("\($0)/embeddings.npy").count - 128 }
        #expect(sizes == [2_000 * 128 * 4, 2_000 * 128 * 2])
    }
}
