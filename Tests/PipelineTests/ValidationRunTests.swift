import Foundation
import TestSupport
import Testing

/// `pinsage train` with boards of its own held out, in real processes.
@Suite(.serialized) struct ValidationRunTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.path }

    init() throws {
        folder = try TemporaryDirectory()
        let made = try pinsage(
            "generate", "--out", "graph", "--pins", "1500", "--boards", "800", "--edges", "8000", "--topics", "8",
            "--feature-width", "16", "--seed", "5", in: folder.path)
        #expect(made.code == 0, "\(made.error)")
        try folder.write(
            """
            graph: graph
            model: { hidden_width: 32, output_width: 16 }
            batch: { pairs: 128, shared_negatives: 100, supervision: disjoint }
            training: { loss: max_margin, epochs: 6, batches_per_epoch: 12, learning_rate: 0.01, patience: 2 }
            validation: { share: 0.1, pairs: 300 }
            checkpoints: { keep: 1 }
            """, to: "config.yaml")
    }

    private func train(_ run: String, _ more: String...) throws -> Ended {
        try RealProcess("pinsage", ["train", "--config", "config.yaml", "--run", run] + more, in: path).end()
    }

    private func records(_ run: String) throws -> [[String: Any]] {
        try folder.text("\(run)/validation.jsonl").split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test("each epoch has its line, the best checkpoint is kept, and workers, signals and threads change none of it")
    func sameFigures() throws {
        let whole = try train("whole")
        #expect(whole.code == 0, "\(whole.error)")
        let records = try records("whole")
        #expect(!records.isEmpty && records.count <= 6)
        #expect(records.compactMap { $0["epoch"] as? Int } == Array(0..<records.count))
        let lines = whole.errorLines.filter { $0.hasPrefix("epoch ") && $0.contains("hit@10 ") }
        #expect(lines.count == records.count, "\(whole.error)")
        let ranks = records.compactMap { $0["MRR"] as? Double }
        let best = try #require(ranks.indices.max { ranks[$0] < ranks[$1] })
        #expect(try folder.text("whole/checkpoints/best") == "step-000000\(12 * (best + 1)).safetensors\n")
        // Better than chance, which finds one pair in 150.
        #expect(try #require(records[best]["hit@10"] as? Double) > 0.02, "\(records)")

        let process = try RealProcess(
            "pinsage", ["train", "--config", "config.yaml", "--run", "broken", "--set", "samplers.count=2"], in: path)
        let found = eventually(within: 60) {
            FileManager.default.fileExists(atPath: "\(path)/broken/checkpoints/step-00000012.safetensors")
        }
        #expect(found)
        process.send(SIGINT)
        #expect(process.end().code == 3)
        let resumed = try train("broken", "--resume", "--set", "trainer.threads=2")
        #expect(resumed.code == 0, "\(resumed.error)")
        for name in ["validation.jsonl", "checkpoints/best", "checkpoints/latest"] {
            #expect(try folder.text("broken/\(name)") == folder.text("whole/\(name)"), "\(name)")
        }
        let latest = try folder.text("whole/checkpoints/latest").trimmingCharacters(in: .newlines)
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: "\(path)/broken/checkpoints/\(latest)"))
                == Data(contentsOf: URL(fileURLWithPath: "\(path)/whole/checkpoints/\(latest)")))

        // By hand, from nothing but the checkpoints that are left, the same figures once more.
        try FileManager.default.removeItem(atPath: "\(path)/whole/validation.jsonl")
        let validated = try pinsage("mine", "--config", "config.yaml", "--run", "whole", in: path)
        #expect(validated.code == 0, "\(validated.error)")
        let again = try self.records("whole")
        #expect(again.compactMap { $0["step"] as? Int }.contains(12 * (best + 1)))
        for record in again {
            let before = records.first { $0["step"] as? Int == record["step"] as? Int }
            #expect(before.map { NSDictionary(dictionary: $0) == NSDictionary(dictionary: record) } == true)
        }
        let embedded = try pinsage("embed", "--run", "whole", "--best", "--out", "embeddings", in: path)
        #expect(embedded.code == 0, "\(embedded.error)")
        #expect(try folder.text("embeddings/manifest.json").contains("step-000000\(12 * (best + 1)).safetensors"))
    }

    @Test("what cannot be validated is said in one line, before anything is written")
    func refused() throws {
        let none = try train("none", "--set", "validation.share=0.0000001")
        #expect(none.code == 1 && none.errorLines.count == 1)
        #expect(none.error.contains("evaluation: graph: no validation pairs: "), "\(none.error)")
        #expect(!FileManager.default.fileExists(atPath: "\(path)/none"))
    }

    @Test(
        "mined hard negatives and validation share one embedding for each epoch; without a patience all are validated")
    func bothDuties() throws {
        let ended = try train(
            "both", "--set", "training.patience=0", "--set", "training.epochs=4", "--set",
            "batch.hard_negatives_max=1", "--set", "hard_negatives.ranks=20-200")
        #expect(ended.code == 0, "\(ended.error)")
        #expect(try records("both").compactMap { $0["epoch"] as? Int } == [0, 1, 2, 3])
        let log = try folder.text("both/logs/companion.log").split(separator: "\n")
        #expect(log.count { $0.contains("embedded every pin") } == 4)
        #expect(log.count { $0.contains("hard negatives mined") } == 3)
        let quick = try train("quick", "--set", "training.patience=0")
        #expect(quick.code == 0, "\(quick.error)")
        #expect(try records("quick").compactMap { $0["epoch"] as? Int } == Array(0..<6))
    }
}
