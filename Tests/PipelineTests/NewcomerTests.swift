import Foundation
import TestSupport
import Testing

/// `pinsage train` and `make` as somebody meets them who does not know them yet.
@Suite struct NewcomerTests {
    private let workshop: Workshop
    private var path: String { workshop.path }

    init() throws { workshop = try Workshop() }

    @Test("without samplers the training waits, and says where and for what")
    func noSamplers() throws {
        let training = try RealProcess(
            "pinsage", ["train", "--config", "config.yaml", "--run", "new", "--set", "samplers.count=0"], in: path)
        defer { training.send(SIGKILL) }
        #expect(eventually { training.error.hasSuffix("\n") })
        #expect(
            training.error
                == "samplers.count is 0: waiting for workers at ipc://new/batches.ipc. "
                + "Start them with `pinsage-sampler --config config.yaml --set samplers.count=0 --set run=new`.\n")
        training.send(SIGINT)
        let ended = training.end(within: 10)
        #expect(ended.code == 3)
        #expect(ended.errorLines.last == "pinsage train: stopped before the first step, nothing to save. Start again.")
    }

    @Test("a sampler without a trainer waits, says so, and ends with a signal")
    func noTrainer() throws {
        let sampler = try RealProcess(
            "pinsage-sampler", ["--config", "config.yaml", "--set", "samplers.endpoint=ipc://none/b"], in: path)
        defer { sampler.send(SIGKILL) }
        #expect(eventually { sampler.error.hasSuffix("\n") })
        #expect(sampler.error.contains("no trainer answers yet endpoint=ipc://none/b.control"), "\(sampler.error)")
        sampler.send(SIGTERM)
        let ended = sampler.end(within: 10)
        #expect(ended.code == 0)
        #expect(ended.errorLines.count == 1, "\(ended.error)")
    }

    @Test("Ctrl-C at any moment of the start ends with 3 and one line", arguments: [0, 5, 10, 20, 40, 80])
    func earlyStop(milliseconds: UInt32) throws {
        let training = try RealProcess(
            "pinsage",
            ["train", "--config", "config.yaml", "--run", "new", "--set", "training.batches_per_epoch=1000000"],
            in: path)
        defer { training.send(SIGKILL) }
        // From here on the supervisor takes note of signals.
        #expect(eventually { blocksInterrupts(training.pid) })
        usleep(milliseconds * 1000)
        training.send(SIGINT)
        let ended = training.end(within: 10)
        #expect(ended.code == 3)
        #expect(ended.errorLines.count == 1 && ended.error.hasPrefix("pinsage train: stopped"), "\(ended.error)")
    }

    /// Whether a process has begun to take signals in its own time.
    private func blocksInterrupts(_ pid: Int32) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let mask = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }?.dropFirst(7)
        let bits = mask.flatMap { UInt64($0.trimmingCharacters(in: .whitespaces), radix: 16) } ?? 0
        return bits >> UInt64(SIGINT - 1) & 1 == 1
    }

    /// Executables in a folder of their own; `pinsage` finds the others beside it.
    private func install(_ names: String...) throws -> String {
        try FileManager.default.createDirectory(atPath: path + "/bin", withIntermediateDirectories: true)
        for name in names {
            try FileManager.default.copyItem(atPath: RealProcess.built(name), toPath: "\(path)/bin/\(name)")
        }
        return path + "/bin/pinsage"
    }

    @Test("an executable that is missing beside pinsage is named before anything is begun")
    func missingExecutable() throws {
        let pinsage = try install("pinsage")
        for missing in ["pinsage-trainer", "pinsage-sampler"] {
            let ended = try RealProcess(pinsage, ["train", "--config", "config.yaml", "--run", "new"], in: path).end()
            #expect(ended.code == 1)
            #expect(
                ended.error
                    == "pinsage train: supervisor: \(path)/bin/\(missing): missing executable: expected it beside "
                    + "pinsage, found none. Build it with `make build`.\n")
            #expect(!FileManager.default.fileExists(atPath: path + "/new"))
            _ = try install(missing)
        }
    }

    @Test("a worker that says at once what is wrong ends the training with its line")
    func refusedWorker() throws {
        let pinsage = try install("pinsage", "pinsage-trainer")
        // The real worker with another seed, as if it were started from another config.
        let script = "#!/bin/sh\nexec '\(try RealProcess.built("pinsage-sampler"))' \"$@\" --set seed=7\n"
        try workshop.folder.write(script, to: "bin/pinsage-sampler")
        chmod(path + "/bin/pinsage-sampler", 0o755)
        let ended = try RealProcess(pinsage, ["train", "--config", "config.yaml", "--run", "new"], in: path).end()
        #expect(ended.code == 1)
        #expect(ended.errorLines.count == 1, "\(ended.error)")
        #expect(
            ended.error.hasPrefix(
                "pinsage train: supervisor: sampler0: sampler: worker: refused by the trainer: seed: expected 1 ")
                && ended.error.hasSuffix("Give both the same graph and the same config.\n"), "\(ended.error)")
    }

    @Test("an import that is killed leaves nothing that opens as a graph, and runs again", .timeLimit(.minutes(1)))
    func killedImport() throws {
        // The edges come from a pipe that stays open, so that the import is surely in the midst of its work.
        #expect(mkfifo(path + "/pipe", 0o600) == 0)
        let arguments = ["import", "--pins", "pins.txt", "--features", "features.npy", "--out", "new", "--edges"]
        let importing = try RealProcess("pinsage", arguments + ["pipe"], in: path)
        defer { importing.send(SIGKILL) }
        let edges = try #require(FileHandle(forWritingAtPath: path + "/pipe"))
        try edges.write(contentsOf: Data("p0\tb0\n".utf8))
        let temporary = "new.tmp-\(importing.pid)"
        #expect(eventually { FileManager.default.fileExists(atPath: "\(path)/\(temporary)/features.npy") })
        importing.send(SIGKILL)
        #expect(importing.end().code == -SIGKILL)
        try edges.close()

        #expect(!FileManager.default.fileExists(atPath: path + "/new"))
        try workshop.expectRefusal("pinsage inspect \(temporary)", says: "\(temporary): no graph")
        let again = try RealProcess("pinsage", arguments + ["edges.tsv"], in: path).end()
        #expect(again.code == 0, "\(again.error)")
        #expect(try workshop.folder.bytes("new/manifest.json") == workshop.folder.bytes("graph/manifest.json"))
    }

    @Test("a graph that is killed while it is generated leaves neither graph nor pairs, and runs again")
    func killedGenerate() throws {
        let arguments = [
            "generate", "--out", "new", "--pairs", "held-out.tsv", "--pins", "100000", "--boards", "9000", "--edges",
            "100000",
        ]
        let generating = try RealProcess("pinsage", arguments, in: path)
        defer { generating.send(SIGKILL) }
        let temporary = "new.tmp-\(generating.pid)"
        #expect(eventually { FileManager.default.fileExists(atPath: "\(path)/\(temporary)") })
        generating.send(SIGKILL)
        #expect(generating.end().code == -SIGKILL)
        for name in ["new", "held-out.tsv"] { #expect(!FileManager.default.fileExists(atPath: "\(path)/\(name)")) }
        try workshop.expectRefusal("pinsage inspect \(temporary)", says: "\(temporary): no graph")
        #expect(try RealProcess("pinsage", arguments, in: path).end().code == 0)
        let inspected = try RealProcess("pinsage", ["inspect", "new"], in: path).end()
        #expect(inspected.code == 0, "\(inspected.error)")
    }

    @Test("make lists its targets, and says in one line what it misses")
    func make() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        for name in ["Makefile", "scripts", "configs"] {
            #expect(try RealProcess("/usr/bin/env", ["cp", "-R", "\(root)/\(name)", path], in: path).end().code == 0)
        }
        let targets = try RealProcess("/usr/bin/env", ["make"], in: path).end()
        #expect(targets.code == 0)
        for target in ["train-cluster", "test", "build", "check", "watch", "clean"] {
            #expect(targets.output.contains("\n\(target) ") || targets.output.hasPrefix("\(target) "), "\(target)")
        }
        for (arguments, line) in [
            (
                ["train-cluster", "CONFIG=missing.yaml"],
                "train-cluster: missing.yaml: no config: expected a config file, found none. Choose one of configs/"
            ),
            (["watch"], "watch-queue: runs: no run: expected a run directory, found none. Start one with"),
            (
                ["watch", "RUN=none"],
                "watch-queue: none/queue_depth.log: no log: expected a queue depth log, found none."
            ),
        ] {
            let ended = try RealProcess("/usr/bin/env", ["make"] + arguments, in: path).end(within: 20)
            #expect(ended.code != 0)
            // Besides make's own word that its target failed.
            let ours = ended.errorLines.filter { !$0.hasPrefix("make") }
            #expect(ours.count == 1 && ours[0].hasPrefix(line), "\(ended.error)")
        }
    }
}
