import Foundation
import TestSupport
import Testing

/// Real processes from a generated graph to figures: what `make train-cluster` does, smaller.
@Suite(.serialized) struct PipelineTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.path }

    init() throws {
        folder = try TemporaryDirectory()
        let made = try pinsage(
            "generate", "--out", "graph", "--pairs", "pairs.tsv", "--pins", "4000", "--boards", "2000", "--edges",
            "20000", "--topics", "8", "--feature-width", "32", "--seed", "5", in: folder.path)
        #expect(made.code == 0, "\(made.error)")
        try folder.write(
            """
            graph: graph
            seed: 3
            model:
              hidden_width: 64
              output_width: 32
            batch:
              pairs: 512
              shared_negatives: 300
            training:
              epochs: 3
              batches_per_epoch: 50
            samplers:
              count: 1
            checkpoints:
              every_batches: 40
            """, to: "config.yaml")
    }

    private func checkpoint(_ run: String) throws -> Data {
        let latest = try folder.text("\(run)/checkpoints/latest").trimmingCharacters(in: .newlines)
        return try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(run)/checkpoints/\(latest)"))
    }

    private func losses(_ run: String) throws -> [Double] {
        try folder.text("\(run)/metrics.jsonl").split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return try #require(object?["loss"] as? Double)
        }
    }

    @Test("training, embedding and evaluating a generated graph beats content, popularity, item-kNN and chance")
    func wholeJob() throws {
        let trained = try pinsage(
            "train", "--config", "config.yaml", "--run", "run", "--set", "samplers.count=2", in: path)
        #expect(trained.code == 0, "\(trained.error)")
        let losses = try losses("run")
        #expect(losses.last! < 0.9 * losses.first!, "the loss went from \(losses.first!) to \(losses.last!)")
        for log in ["logs/trainer.log", "logs/sampler0.log", "logs/sampler1.log", "queue_depth.log", "config.yaml"] {
            #expect(FileManager.default.fileExists(atPath: "\(path)/run/\(log)"), "\(log) is missing")
        }

        let embedded = try pinsage("embed", "--run", "run", "--out", "embeddings", in: path)
        #expect(embedded.code == 0, "\(embedded.error)")
        let evaluated = try pinsage(
            "evaluate", "--embeddings", "embeddings", "--pairs", "pairs.tsv", "--json", in: path)
        #expect(evaluated.code == 0, "\(evaluated.error)")
        try checkBetter(evaluated.output)

        let pin = try #require(try folder.text("graph/pins.txt").split(separator: "\n").first)
        let related = try pinsage("related", "--embeddings", "embeddings", "--pin", String(pin), "--json", in: path)
        #expect(related.code == 0, "\(related.error)")
        let answer = try JSONSerialization.jsonObject(with: Data(related.output.utf8)) as? [String: Any]
        #expect(answer != nil, "\(related.output)")
    }

    /// The model's row against baselines': those that do not spread content or saves over the graph, which a training
    /// as short as this one does not beat in long lists.
    private func checkBetter(_ json: String) throws {
        let report = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let results = try #require(report["results"] as? [String: [String: Double]], "\(json)")
        let model = try #require(results["model"], "\(json)")
        let simple = [
            "content", "popularity", "item_knn", "graph_mean", "svd_cosine", "svd_dot", "random_walk", "random",
        ]
        #expect(Set(results.keys) == Set(["model", "model_no_prior"] + simple))
        for method in ["content", "popularity", "item_knn", "random"] {
            let metrics = try #require(results[method])
            for key in ["hit@10", "hit@100", "hit@500", "MRR"] {
                let (ours, theirs) = (try #require(model[key]), try #require(metrics[key]))
                #expect(ours > theirs, "\(key): \(method) has \(theirs), the model \(ours)")
            }
        }
    }

    @Test("one sampler, three samplers, and three of which one is killed write the same checkpoint, byte for byte")
    func sameBytes() throws {
        let one = try pinsage("train", "--config", "config.yaml", "--run", "one", in: path)
        #expect(one.code == 0, "\(one.error)")
        let three = try pinsage(
            "train", "--config", "config.yaml", "--run", "three", "--set", "samplers.count=3", in: path)
        #expect(three.code == 0, "\(three.error)")
        #expect(try checkpoint("one") == checkpoint("three"))

        let hurt = try RealProcess(
            "pinsage", ["train", "--config", "config.yaml", "--run", "\(path)/killed", "--set", "samplers.count=3"],
            in: path)
        let isUnderWay = eventually {
            workerPids(run: "\(path)/killed")["sampler1"] != nil
        }
        #expect(isUnderWay)
        let victim = workerPids(run: "\(path)/killed")["sampler1"]
        #expect(victim != nil)
        if let victim { kill(victim, SIGKILL) }
        let ended = hurt.end()
        #expect(ended.code == 0, "\(ended.error)")
        #expect(try checkpoint("killed") == checkpoint("one"))
    }

    @Test("tcp and features in the batch change no tensor")
    func overTCP() throws {
        let plain = try pinsage("train", "--config", "config.yaml", "--run", "plain", in: path)
        #expect(plain.code == 0, "\(plain.error)")
        let port = 20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 20_000
        let remote = try pinsage(
            "train", "--config", "config.yaml", "--run", "remote", "--set", "samplers.endpoint=tcp://127.0.0.1:\(port)",
            "--set", "trainer.features=inline", "--set", "trainer.threads=2", in: path)
        #expect(remote.code == 0, "\(remote.error)")
        #expect(try checkpoint("plain") == checkpoint("remote"))
    }

    @Test("Ctrl-C stops everything within two seconds with a checkpoint, and --resume ends with the same bytes")
    func interruptAndResume() throws {
        let whole = try pinsage("train", "--config", "config.yaml", "--run", "whole", in: path)
        #expect(whole.code == 0, "\(whole.error)")

        let run = "\(path)/halved"
        let process = try RealProcess("pinsage", ["train", "--config", "config.yaml", "--run", run], in: path)
        let isUnderWay = eventually {
            ((try? String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8))?.split(separator: "\n").count ?? 0)
                > 2
        }
        #expect(isUnderWay)
        let start = Date()
        process.send(SIGINT)
        let stopped = process.end()
        #expect(Date().timeIntervalSince(start) < 2)
        #expect(stopped.code == 3, "\(stopped.error)")
        let workers = workerPids(run: run)
        #expect(workers.count == 1)
        for (name, pid) in workers { #expect(kill(pid, 0) != 0, "\(name) is still there") }
        #expect(FileManager.default.fileExists(atPath: "\(run)/checkpoints/latest"))

        let again = try pinsage("train", "--config", "config.yaml", "--run", run, in: path)
        #expect(again.code == 1)
        #expect(again.errorLines.last?.contains("Continue it with --resume") == true, "\(again.error)")
        let resumed = try pinsage("train", "--config", "config.yaml", "--run", run, "--resume", in: path)
        #expect(resumed.code == 0, "\(resumed.error)")
        #expect(try checkpoint("halved") == checkpoint("whole"))
    }
}
