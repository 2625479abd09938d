import Foundation
import TestSupport
import Testing

/// `pinsage ladder` with real trainings on a small generated graph.
@Suite(.serialized) struct LadderTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.path }

    init() throws {
        folder = try TemporaryDirectory()
        let made = try pinsage(
            "generate", "--out", "graph", "--pairs", "pairs.tsv", "--pins", "800", "--boards", "400", "--edges",
            "4000", "--topics", "8", "--feature-width", "16", "--seed", "5", in: folder.path)
        #expect(made.code == 0, "\(made.error)")
        try folder.write(
            """
            graph: graph
            seed: 3
            model: {hidden_width: 32, output_width: 16}
            batch: {pairs: 256, shared_negatives: 100}
            training: {epochs: 2, batches_per_epoch: 20}
            checkpoints: {every_batches: 5}
            """, to: "config.yaml")
    }

    private func ladder(_ rungs: String, to out: String, _ more: [String] = []) -> [String] {
        ["ladder", "--config", "config.yaml", "--pairs", "pairs.tsv", "--out", out, "--rungs", rungs] + more
    }

    private func climb(_ rungs: String, to out: String, _ more: [String] = []) throws -> Ended {
        let ended = try RealProcess("pinsage", ladder(rungs, to: out, more), in: path).end()
        #expect(ended.code == 0, "\(ended.error)")
        return ended
    }

    private func report(_ out: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(folder.bytes("\(out)/ladder.json"))) as? [String: Any])
    }

    /// A ladder's JSON without the times.
    private func timeless(_ out: String) throws -> Data {
        var report = try report(out)
        report["rungs"] = try #require(report["rungs"] as? [[String: Any]]).map {
            $0.filter { $0.key != "training_seconds" }
        }
        return try JSONSerialization.data(withJSONObject: report, options: [.sortedKeys])
    }

    /// Inode and bytes of all that a training wrote.
    private func runs(_ out: String) throws -> [String: Int] {
        let files = try #require(FileManager.default.enumerator(atPath: "\(path)/\(out)/runs")).compactMap {
            $0 as? String
        }
        return try Dictionary(
            uniqueKeysWithValues: files.map { file in
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(out)/runs/\(file)")
                return (file, try #require(attributes[.systemFileNumber] as? Int))
            })
    }

    @Test("two rungs and two seeds are trained, ranked as evaluate ranks them, and not measured twice")
    func twoRungs() throws {
        let ended = try climb("content,full_no_prior,full", to: "out", ["--seeds", "2"])
        #expect(ended.output.isEmpty)
        #expect(ended.error.contains("# Ladder of config.yaml"))
        #expect(try folder.names().contains("out"))
        let report = try report("out")
        let rungs = try #require(report["rungs"] as? [[String: Any]])
        #expect(rungs.compactMap { $0["name"] as? String } == ["content", "full_no_prior", "full"])

        // The two rungs share their trainings: one run for each seed.
        let names = try FileManager.default.contentsOfDirectory(atPath: path + "/out/runs")
        let trained = names.filter { !$0.contains(".") }.sorted()
        #expect(trained.count == 2 && trained[0].hasPrefix("3-") && trained[1].hasPrefix("4-"), "\(names)")

        let embedded = try pinsage("embed", "--run", "out/runs/\(trained[0])", "--out", "e", in: path)
        #expect(embedded.code == 0, "\(embedded.error)")
        let evaluated = try pinsage("evaluate", "--embeddings", "e", "--pairs", "pairs.tsv", "--json", in: path)
        #expect(evaluated.code == 0, "\(evaluated.error)")
        let all = try #require(try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: Any])
        let results = try #require(all["results"] as? [String: [String: Double]])
        for (rung, key) in [("full-3", "model"), ("full_no_prior-3", "model_no_prior"), ("content", "content")] {
            let kept = try JSONSerialization.jsonObject(with: Data(folder.bytes("out/results/\(rung).json")))
            let score = try #require((kept as? [String: Any])?["score"] as? [String: Any])
            let figures = try #require(score["figures"] as? [Double])
            #expect(figures == ["hit@10", "hit@100", "hit@500", "MRR"].map { results[key]?[$0] ?? -1 }, "\(rung)")
        }

        // Again: nothing is trained, the same bytes. With one seed, from the same results.
        let (before, json) = (try runs("out"), try folder.bytes("out/ladder.json"))
        _ = try climb("content,full_no_prior,full", to: "out", ["--seeds", "2"])
        #expect(try folder.bytes("out/ladder.json") == json)
        _ = try climb("content,full", to: "out", ["--seeds", "1"])
        #expect(try runs("out") == before)
        // Another budget is another training.
        _ = try climb("full", to: "out", ["--seeds", "1", "--set", "training.epochs=1"])
        #expect(try runs("out").count > before.count)
    }

    @Test("a ladder that is interrupted, or killed, goes on to the same figures", arguments: [SIGINT, SIGKILL])
    func interrupted(signal: Int32) throws {
        let rungs = "content,uniform,importance"
        _ = try climb(rungs, to: "whole", ["--seeds", "1"])
        let climbing = try RealProcess("pinsage", ladder(rungs, to: "cut", ["--seeds", "1"]), in: path)
        defer { climbing.send(SIGKILL) }
        // In the second training, after its first checkpoint.
        let isUnderWay = eventually { isInSecondTraining("cut") }
        #expect(isUnderWay)
        climbing.send(signal)
        let ended = climbing.end(within: 20)
        #expect(ended.code == (signal == SIGINT ? 3 : -SIGKILL))
        if signal == SIGINT {
            #expect(
                ended.errorLines.last
                    == "pinsage ladder: stopped, what is measured is kept. The same command goes on from here.")
        }
        #expect(!FileManager.default.fileExists(atPath: path + "/cut/ladder.json"))
        // The processes of a ladder that was killed end by themselves.
        #expect(try eventually { try isFree("cut") })
        let before = try runs("cut")
        _ = try climb(rungs, to: "cut", ["--seeds", "1"])
        #expect(try timeless("cut") == timeless("whole"))
        let after = try runs("cut")
        #expect(before.filter { $0.key.hasSuffix(".json") }.allSatisfy { after[$0.key] == $0.value })
    }

    private func isInSecondTraining(_ out: String) -> Bool {
        let files = FileManager.default
        let runs = (try? files.contentsOfDirectory(atPath: "\(path)/\(out)/runs")) ?? []
        return files.fileExists(atPath: "\(path)/\(out)/results/uniform-3.json")
            && runs.contains { run in
                !runs.contains("\(run).json")
                    && files.fileExists(atPath: "\(path)/\(out)/runs/\(run)/checkpoints/latest")
            }
    }

    /// Whether no trainer holds a run of the ladder.
    private func isFree(_ out: String) throws -> Bool {
        for run in try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(out)/runs") {
            let lock = open("\(path)/\(out)/runs/\(run)/lock", O_RDONLY)
            if lock < 0 { continue }
            defer { close(lock) }
            if flock(lock, LOCK_EX | LOCK_NB) != 0 { return false }
        }
        return true
    }

    @Test("a training that fails ends the ladder with its last line")
    func failing() throws {
        let ended = try RealProcess(
            "pinsage",
            ladder("importance", to: "out", ["--set", "training.learning_rate=1", "--set", "training.margin=1e38"]),
            in: path
        ).end()
        #expect(ended.code == 1)
        let line = try #require(ended.errorLines.last)
        #expect(
            line.hasPrefix(
                "pinsage ladder: ladder: importance, seed 3: training failed: expected exit code 0, found that it ")
                && line.contains("expected finite numbers, found")
                && line.hasSuffix("then start the ladder again."), "\(line)")
    }
}
