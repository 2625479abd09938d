import Foundation
import TestSupport
import Testing

/// Runs with mined hard negatives, with real processes: whatever happens to the companion, the result is the same.
@Suite(.serialized) struct HardNegativeRunTests {
    private let job: SmallJob
    private static let hard = [
        "batch.hard_negatives_max=2", "hard_negatives.ranks=20-200", "training.loss=max_margin",
    ]

    init() throws { job = try SmallJob() }

    private func companion(_ run: String) throws -> RealProcess {
        try RealProcess(
            "pinsage", ["mine", "--config", "config.yaml", "--run", run] + Self.hard.flatMap { ["--set", $0] },
            in: job.path)
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: "\(job.path)/\(path)") }

    private func calm() throws -> String {
        let trained = try job.train("calm", set: Self.hard)
        #expect(trained.code == 0, "\(trained.error)")
        return try job.checksum("calm")
    }

    @Test("companions killed at each epoch's end, two samplers, a trainer killed: the bytes of a calm run")
    func killed() throws {
        let expected = try calm()
        try FileManager.default.createDirectory(atPath: "\(job.path)/wild", withIntermediateDirectories: true)
        let samplers = try ["a", "b"].map { name in
            try job.sampler("wild", ["--name", name] + Self.hard.flatMap { ["--set", $0] })
        }
        func trainer(_ more: [String] = []) throws -> RealProcess {
            try RealProcess(
                "pinsage-trainer",
                ["--config", "config.yaml", "--run", "wild"] + Self.hard.flatMap { ["--set", $0] } + more, in: job.path)
        }
        var train = try trainer()
        // Before it has seen anything, in the middle of its work, after it.
        for (epoch, delay) in [(1, 0), (1, 40_000), (2, 15_000), (2, 200_000)] {
            let victim = try companion("wild")
            let step = "wild/checkpoints/step-000000\(epoch * 20).safetensors"
            #expect(eventually(within: 60) { exists(step) }, "\(train.error)")
            usleep(UInt32(delay))
            victim.send(SIGKILL)
            _ = victim.end()
            if delay == 40_000 {
                train.send(SIGKILL)
                _ = train.end()
                train = try trainer(["--resume"])
            }
            if epoch == 1, delay > 0 {
                let last = try companion("wild")
                #expect(eventually(within: 60) { exists("wild/hard_negatives/epoch-00001/manifest.json") })
                last.send(SIGKILL)
                _ = last.end()
            }
        }
        let last = try companion("wild")
        #expect(train.end().code == 0, "\(train.error)")
        #expect(last.end(within: 20).code == 0, "the companion ends by itself")
        for sampler in samplers {
            sampler.send(SIGTERM)
            _ = sampler.end()
        }
        #expect(try job.checksum("wild") == expected)
        #expect(!exists("wild/companion/snapshot.tmp-\(last.pid)"))
    }

    @Test("a sampler that is slow keeps its tickets and its table through every answer to a heartbeat")
    func slowSampler() throws {
        let trained = try job.train(
            "slow", set: Self.hard + ["walks.count=500", "training.epochs=2", "training.batches_per_epoch=6"])
        #expect(trained.code == 0, "\(trained.error)")
        let log = try job.folder.text("slow/logs/trainer.log")
        #expect(log.contains("duplicates=0") && log.contains("leased_again=0"), "\(log)")
    }

    @Test("a sampler that does not see the run's folder gets tables from the trainer, and changes no bit")
    func remote() throws {
        let expected = try calm()
        let started = try job.start("far", set: Self.hard + ["samplers.count=0"])
        let sampler = try job.sampler(
            "elsewhere",
            (Self.hard + ["samplers.endpoint=ipc://far/batches.ipc"]).flatMap { ["--set", $0] })
        let ended = started.end()
        #expect(ended.code == 0, "\(ended.error)")
        let word = sampler.end()
        #expect(word.error.contains("hard negatives have come from the trainer epoch=2"), "\(word.error)")
        #expect(try job.checksum("far") == expected)
    }

    @Test("a run cut within an epoch is resumed although its table is gone or damaged: it is mined again")
    func resumed() throws {
        let expected = try calm()
        for (number, damage) in ["", "x"].enumerated() {
            let run = "cut\(number)"
            let process = try job.start(run, set: Self.hard + ["checkpoints.every_batches=1"])
            #expect(eventually(within: 60) { exists("\(run)/checkpoints/step-00000026.safetensors") })
            process.send(SIGINT)
            #expect([0, 3].contains(process.end().code))
            let table = "\(job.path)/\(run)/hard_negatives/epoch-00001/table.npy"
            if damage.isEmpty {
                try? FileManager.default.removeItem(atPath: "\(job.path)/\(run)/hard_negatives")
            } else if var bytes = FileManager.default.contents(atPath: table) {
                bytes[bytes.count - 5] ^= 1
                try bytes.write(to: URL(fileURLWithPath: table))
            }
            #expect(try job.train(run, set: Self.hard, resume: true).code == 0)
            #expect(try job.checksum(run) == expected, "\(run)")
        }
    }

    @Test("the audit of each epoch stands in the log and in the metrics; pairs that share a board are left out")
    func audit() throws {
        _ = try calm()
        let walked = try job.train(
            "walked", set: Self.hard + ["hard_negatives.source=pagerank", "hard_negatives.exclude_co_saved=false"])
        #expect(walked.code == 0, "\(walked.error)")
        #expect(!exists("walked/companion"))
        let soft = try job.train("soft", set: Self.hard + ["hard_negatives.source=pagerank", "training.loss=softmax"])
        #expect(soft.code == 0, "\(soft.error)")
        for run in ["calm", "walked", "soft"] {
            let lines = try job.folder.text("\(run)/metrics.jsonl").split(separator: "\n")
            let audits = try lines.compactMap { line in
                (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["audit"] as? [String: Any]
            }
            #expect(audits.map { $0["per_pair"] as? Int } == [0, 1, 2])
            let last = try #require(audits.last)
            func figure(_ name: String) -> Double { last[name] as? Double ?? .nan }
            #expect(figure("positive_score") > figure("random_score"), "\(last)")
            // The softmax knows no hinges.
            #expect((last["hard_active_share"] == nil) == (run == "soft"), "\(last)")
            if run != "soft" {
                #expect(figure("hard_score") > figure("random_score"), "\(last)")
                #expect(figure("hard_active_share") > figure("shared_active_share"), "\(last)")
            }
            #expect(run == "walked" ? figure("co_saved_share") > 0 : figure("co_saved_share") == 0, "\(last)")
            #expect(audits[0]["hard_score"] == nil)
            let log = try job.folder.text("\(run)/logs/trainer.log")
            #expect(log.split(separator: "\n").count { $0.contains("negatives of the epoch") } == 3)
        }
        #expect(try job.folder.text("calm/logs/companion.log").contains("ranks 20-200 of 1999, linear to 2"))
    }

    @Test("a window too deep for the graph is one line before anything begins")
    func tooDeep() throws {
        let ended = try job.train("deep", set: ["batch.hard_negatives_max=1", "hard_negatives.ranks=2000-5000"])
        #expect(ended.code == 1)
        #expect(
            ended.errorLines == [
                "pinsage train: config: hard_negatives.ranks: window of ranks: expected 1-1999, the largest that fits 2000 "
                    + "pins, found 2000-5000. Set it so, or to auto."
            ])
        #expect(!exists("deep"))
    }
}
