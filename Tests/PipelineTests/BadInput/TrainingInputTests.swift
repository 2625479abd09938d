import Foundation
import TestSupport
import Testing

/// What training, and each of its processes alone, refuses.
@Suite struct TrainingInputTests {
    private static let roles = ["pinsage train", "pinsage-trainer", "pinsage-sampler"]

    /// The same for every process: each reads the whole config.
    static let configs: [BadInput] = roles.flatMap { role -> [BadInput] in
        let command = role + " --config config.yaml --run new"
        func text(_ what: String, _ text: String, says: String) -> BadInput {
            BadInput(what, command, says: "config: " + says) { try $0.folder.write(text, to: "config.yaml") }
        }
        func set(_ what: String, _ setting: String, says: String) -> BadInput {
            BadInput(what, "\(command) --set \(setting)", says: "config: --set \(setting): \(says)")
        }
        return [
            BadInput(
                "no config", role + " --config none.yaml", says: "config: none.yaml: config file: expected a YAML"),
            BadInput("a folder", role + " --config graph", says: "config: graph: config file: expected a YAML file"),
            BadInput("other bytes", command, says: "config: config.yaml: config file: expected UTF-8 text") {
                try $0.folder.write([0xFF, 0xFE, 0x67, 0x00], to: "config.yaml")
            },
            text("a zero byte", "graph: graph\nrun: a\0b\n", says: "config.yaml: syntax: expected YAML"),
            text("no YAML", "graph: [graph\n", says: "config.yaml:2:1: syntax: expected YAML"),
            text("nothing", "", says: "config.yaml: config file: expected `key: value` lines, found nothing"),
            text("a key twice", "seed: 1\nseed: 2\n", says: "config.yaml:1:1: seed: expected each key once"),
            text("an unknown key", "walks:\n  cuont: 3\n", says: "config.yaml:2:3: walks.cuont: expected one of count"),
            text("a wrong type", "walks:\n  count: many\n", says: "config.yaml:2:10: walks.count: expected an integer"),
            text("out of range", "walks:\n  count: 0\n", says: "config.yaml:2:10: walks.count: expected an integer"),
            set("no value", "walks.count", says: "override: expected SECTION.KEY=VALUE"),
            set("an unknown setting", "walks.cuont=3", says: "walks.cuont: expected one of count"),
            set("a setting of a wrong type", "seed=one", says: "seed: expected an integer"),
            set("no endpoint", "samplers.endpoint=here", says: "samplers.endpoint: expected ipc://PATH or tcp://"),
        ]
    }

    static let graphs: [BadInput] = roles.flatMap { role -> [BadInput] in
        let command = role + " --config config.yaml --run new"
        return [
            BadInput("no graph", command + " --set graph=none", says: "none: no graph: expected a graph folder"),
            BadInput("a damaged manifest", command, says: "graph/manifest.json: bad manifest") {
                try $0.folder.write("{", to: "graph/manifest.json")
            },
            BadInput("a damaged graph", command, says: "graph/features.npy: wrong length") {
                try $0.cut("graph/features.npy")
            },
            BadInput(
                "a path that is too long",
                command + " --set samplers.endpoint=ipc:///tmp/" + String(repeating: "x", count: 103),
                says: "path too long: expected at most 107 bytes, found 108"),
        ]
    }

    static let runs: [BadInput] = roles.dropLast().flatMap { role -> [BadInput] in
        let command = role + " --config config.yaml"
        func endpoint(_ what: String, _ endpoint: String, says: String) -> BadInput {
            BadInput(what, "\(command) --run new --set samplers.endpoint=\(endpoint)", says: "\(endpoint): \(says)")
        }
        return [
            BadInput("a run that is finished", command, says: "run: run exists: expected no checkpoint, found 1"),
            BadInput("nothing to resume", command + " --run new --resume", says: "new/checkpoints: nothing to resume"),
            BadInput(
                "a file for a run", command + " --run pins.txt", says: "pins.txt/checkpoints: cannot create folder"),
            BadInput("a run below a file", command + " --run pins.txt/new", says: "pins.txt/new: cannot create folder"),
            BadInput(
                "resume with another graph", command + " --resume --set graph=other", says: "graph_fingerprint: exp"
            ) {
                try $0.makeOtherGraph()
            },
            BadInput(
                "resume with another network", command + " --resume --set model.hidden_width=16",
                says: "model.hidden_width: expected 8 as when the run was started, found 16"),
            BadInput("resume from a damaged checkpoint", command + " --resume", says: "found damaged ones only") {
                try $0.damage(Workshop.checkpoint)
            },
            BadInput("resume from another shape", command + " --resume", says: "expected shape [8], found shape [2, 4]")
            {
                try $0.rewriteCheckpoint { name, shape, _ in if name == "conv.2.update.bias" { shape = [2, 4] } }
            },
            endpoint(
                "no folder for the socket", "ipc://none/b", says: "no such directory: expected none/, found nothing"),
            endpoint("a file for a socket", "ipc://pins.txt", says: "not a socket: expected a free path"),
            endpoint("another host's address", "tcp://192.0.2.1:5555", says: "not an address of this host"),
        ]
    }

    @Test("a config that cannot be used", arguments: configs)
    func config(input: BadInput) throws { try input.check() }

    @Test("a graph or an endpoint that cannot be used", arguments: graphs)
    func graph(input: BadInput) throws { try input.check() }

    @Test("a run that cannot begin or go on", arguments: runs)
    func run(input: BadInput) throws { try input.check() }

    @Test(
        "a worker whose name is no address is refused", arguments: [String(repeating: "x", count: 256), "a\u{7}"])
    func workerName(name: String) throws {
        try Workshop().expectRefusal(
            "pinsage-sampler --config config.yaml --name \(name)",
            says: "--name: worker name: expected 1 to 255 bytes of plain text, found")
    }

    @Test("a graph without two pins on a board cannot be trained on")
    func noPairs() throws {
        let workshop = try Workshop()
        try GraphOnDisk.write(
            to: workshop.folder.file("lonely"), boardsOfPins: [[0], [1]], boardCount: 2, features: [1, 2],
            featureWidth: 1)
        for role in ["pinsage train", "pinsage-sampler"] {
            try workshop.expectRefusal(
                "\(role) --config config.yaml --run new --set graph=lonely", says: "lonely: no positive pairs")
        }
    }

    @Test("a port that is taken is named by both who need it", arguments: roles.dropLast())
    func port(role: String) throws {
        let taken = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(taken) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(taken, $0, length) == 0 && listen(taken, 1) == 0 && getsockname(taken, $0, &length) == 0
            }
        }
        try #require(isListening)
        let endpoint = "tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        try Workshop().expectRefusal(
            "\(role) --config config.yaml --run new --set samplers.endpoint=\(endpoint)",
            says: "\(endpoint): address in use")
    }

    @Test("a run and an endpoint belong to one trainer at a time; Ctrl-C ends all within 2 s, with one line and 3")
    func inUse() throws {
        let workshop = try Workshop()
        let command = "pinsage train --config config.yaml --run busy --set training.batches_per_epoch=1000000"
        let words = command.split(separator: " ").dropFirst().map(String.init)
        let busy = try RealProcess("pinsage", words, in: workshop.path)
        defer { busy.send(SIGKILL) }
        let busyRun = workshop.folder.file("busy")
        let isUnderWay = eventually { FileManager.default.fileExists(atPath: busyRun + "/metrics.jsonl") }
        try #require(isUnderWay, "\(busy.error)")

        let ipc = "ipc://busy/batches.ipc"
        for role in Self.roles.dropLast() {
            for resume in ["", " --resume"] {
                try refuse("\(role) --config config.yaml --run busy\(resume)", says: "busy: run in use", workshop)
            }
            try refuse(
                "\(role) --config config.yaml --run new --set samplers.endpoint=\(ipc)",
                says: "\(ipc): address in use: expected a free endpoint", workshop)
            #expect(!FileManager.default.fileExists(atPath: workshop.folder.file("new")))
        }
        let start = Date()
        busy.send(SIGINT)
        let stopped = busy.end()
        #expect(Date().timeIntervalSince(start) < 2)
        #expect(stopped.code == 3)
        #expect(stopped.error == "pinsage train: stopped, everything learned is saved. Continue with --resume.\n")
    }

    /// The busy run's own logs go on meanwhile, so that files cannot be compared.
    private func refuse(_ command: String, says: String, _ workshop: Workshop) throws {
        let words = command.split(separator: " ").map(String.init)
        let ended = try RealProcess(words[0], Array(words.dropFirst()), in: workshop.path).end(within: 20)
        #expect(ended.code == 1)
        #expect(ended.errorLines.count == 1 && ended.error.contains(says), "\(ended.error)")
        #expect(ended.output == "")
    }
}
