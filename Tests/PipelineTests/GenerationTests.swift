import Basics
import Foundation
import GraphStore
import TestSupport
import Testing

/// Appends and compactions by the executables: what readers say of them, and what is left when they are killed.
@Suite struct GenerationTests {
    private let folder: TemporaryDirectory
    private let random = Random()

    /// The moments of the kills; what they meet depends on the machine.
    private final class Random {
        var generator = CounterBasedGenerator(seed: 15, purpose: 8, 0, 0)
    }

    init() throws { folder = try TemporaryDirectory() }

    /// Lines of an addition: 60,000 edges, the pins of all but the first new.
    private func writeAddition(_ number: Int) throws {
        let lines = (0..<60_000).map { i in
            "pin\(number)-\(i * 7919 % 14_999)\tboard\((i &* 104_729 &+ number) % 6_011)\n"
        }
        try folder.write(lines.joined(), to: "add-\(number).tsv")
    }

    @Test("an append and a compaction that are killed at any moment leave what was before, or all of it")
    func killed() throws {
        for number in 0..<4 { try writeAddition(number) }
        try folder.write("pin1-5\npin2-9\n", to: "gone.txt")
        try expectSuccess("import", "--edges", "add-0.tsv", "--out", "each")
        for copy in ["graph", "trial"] {
            try FileManager.default.copyItem(atPath: folder.file("each"), toPath: folder.file(copy))
        }
        for number in 1..<4 { try expectSuccess(update("each", number)) }
        let whole = try BipartiteGraph(directory: folder.file("each")).fingerprint
        // How long they take here and now.
        let appending = try seconds { try expectSuccess(update("trial", 1) + ["--append"]) }
        let compacting = try seconds { try expectSuccess("compact", "trial") }

        var killed = (append: 0, compact: 0)
        for number in 1..<4 {
            for attempt in 0..<5 where try pending() < number {
                let code = try kill(update("graph", number) + ["--append"], within: appending, attempt, of: 4)
                let count = try pending()
                #expect(count == number || count == number - 1 && code != 0, "\(count) of \(number), code \(code)")
                if count < number { killed.append += 1 }
            }
            if try pending() < number { try expectSuccess(update("graph", number) + ["--append"]) }
        }
        let appended = try BipartiteGraph(directory: folder.file("graph")).fingerprint
        for attempt in 0..<8 where try pending() > 0 {
            let code = try kill(["compact", "graph"], within: compacting, attempt, of: 7)
            let graph = try BipartiteGraph(directory: folder.file("graph"))
            try graph.verify()
            let count = try pending()
            #expect(count == 0 ? graph.fingerprint == whole : count == 3 && graph.fingerprint == appended && code != 0)
            if count > 0 { killed.compact += 1 }
        }
        #expect(killed.append > 0 && killed.compact > 0, "\(killed)")
        try expectSuccess("compact", "graph")
        #expect(try BipartiteGraph(directory: folder.file("graph")).fingerprint == whole)
        #expect(try pending() == 0)
        // Killed after its last step it has done all but remove the old graph, which the next change does.
        let others = try folder.names().filter { $0.hasPrefix("graph.") }
        #expect(others.count <= 1 && others.allSatisfy { $0.hasPrefix("graph.tmp-") }, "\(others)")
    }

    /// Starts a command and kills it at a random moment, the first time at once and each time later, up to so many
    /// seconds; gives back its code.
    private func kill(_ words: [String], within seconds: Double, _ attempt: Int, of last: Int) throws -> Int32 {
        let run = try pinsage(words)
        let longest = 1e6 * seconds * Double(attempt) / Double(last)
        usleep(UInt32(longest * Double.random(in: 0..<1, using: &random.generator)))
        run.send(SIGKILL)
        return run.end().code
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = Date()
        try body()
        return Date().timeIntervalSince(start)
    }

    private func update(_ graph: String, _ number: Int) -> [String] {
        ["update", graph, "--edges", "add-\(number).tsv"] + (number == 3 ? ["--remove", "gone.txt"] : [])
    }

    private func pending() throws -> Int {
        let pending = try PendingGenerations(of: BipartiteGraph(directory: folder.file("graph")))
        try pending.verify()
        return pending.entries.count
    }

    private func pinsage(_ words: [String]) throws -> RealProcess { try RealProcess("pinsage", words, in: folder.path) }

    private func expectSuccess(_ words: String...) throws { try expectSuccess(words) }

    private func expectSuccess(_ words: [String]) throws {
        let ended = try pinsage(words).end()
        #expect(ended.code == 0, "\(words): \(ended.error)")
    }

    @Test("every command that reads a graph says in one line what is pending, and none after the compaction")
    func notices() throws {
        let workshop = try Workshop()
        func run(_ command: String) throws -> Ended {
            let ended = try RealProcess("pinsage", command.split(separator: " ").map(String.init), in: workshop.path)
                .end()
            #expect(ended.code == 0, "\(command): \(ended.error)")
            return ended
        }
        try workshop.folder.write("p0\tb3\np1\tb9\n", to: "more.tsv")
        try workshop.folder.write("p5\n", to: "gone.txt")
        let json = try run("update graph --append --edges more.tsv --json").output
        #expect(json == "{\"edges\":2,\"generation\":1,\"new_pins\":0,\"removed_pins\":0}\n")
        let before = try run("update graph --append --remove gone.txt").error
        #expect(
            before.contains(
                "graph: generation 2 is pending: 0 edges, 0 new and 1 removed pins; `pinsage compact graph`"))
        let notice =
            "graph: 2 pending generations, 2 edges, 0 new and 1 removed pins, not in the graph until `pinsage compact graph`"
        let commands = [
            "inspect graph", "embed --run run --out new", "train --config config.yaml --run another",
            "evaluate --embeddings embeddings --pairs pairs.tsv --graph graph", "neighbors graph --pin p0",
        ]
        for command in commands {
            let lines = try run(command).errorLines
            #expect(lines.filter { $0 == notice }.count == 1, "\(command): \(lines)")
            #expect(
                lines.filter { $0.contains("pending") && !$0.hasPrefix("generation ") }.count == 1,
                "\(command): \(lines)")
        }
        let inspected = try run("inspect graph --json").output
        #expect(
            inspected.contains(
                "\"pending\":[{\"edges\":2,\"generation\":1,\"new_pins\":0,\"removed_pins\":0},"
                    + "{\"edges\":0,\"generation\":2,\"new_pins\":0,\"removed_pins\":1}]"), "\(inspected)")
        #expect(try run("compact graph --json").output.contains("\"generations\":2"))
        #expect(try run("compact graph").error.contains("graph: nothing is pending"))
        for command in ["inspect graph", "embed --run run --out new", "neighbors graph --pin p0"] {
            #expect(try !run(command).error.contains("pending"), "\(command)")
        }
    }

    static let append = "pinsage update graph --append"

    /// Spoils a graph with a generation that adds an edge.
    static func spoilt(
        _ what: String, _ command: String, says: String, _ spoil: @escaping @Sendable (Workshop) throws -> Void
    ) -> BadInput {
        BadInput(what, command, says: says) { workshop in
            try workshop.folder.write("p0\tb3\n", to: "more.tsv")
            let ended = try RealProcess(
                "pinsage", ["update", "graph", "--append", "--edges", "more.tsv"], in: workshop.path
            ).end()
            try #require(ended.code == 0, "\(ended.error)")
            try spoil(workshop)
        }
    }

    static let inputs = [
        BadInput("append: no graph", "pinsage update none --append --edges edges.tsv", says: "none: no graph"),
        BadInput("compact: no graph", "pinsage compact none", says: "none: no graph"),
        BadInput("compact: embeddings", "pinsage compact embeddings", says: "expected 'graph', found 'embeddings'"),
        BadInput("append: no edges", append + " --edges none.tsv", says: "none.tsv: cannot open"),
        BadInput("append: no tab", append + " --edges pins.txt", says: "pins.txt:1: no tab"),
        BadInput(
            "append: new pins without content", append + " --edges more.tsv",
            says: "graph: 1 new pins, from 'x' on: expected --features"
        ) {
            try $0.folder.write("x\tb0\n", to: "more.tsv")
        },
        BadInput(
            "append: content of others", append + " --edges more.tsv --features features.npy",
            says: "features.npy: wrong number of rows: expected 1"
        ) {
            try $0.folder.write("x\tb0\n", to: "more.tsv")
        },
        BadInput(
            "append: another width", append + " --edges more.tsv --features new.npy",
            says: "new.npy: wrong width: expected 4, as in graph, found 3"
        ) {
            try $0.folder.write("x\tb0\n", to: "more.tsv")
            try $0.zeros("new.npy", shape: "1, 3", byteCount: 12)
        },
        BadInput("append: a pin that is there", append + " --pins pins.txt", says: "pins.txt:1: repeated id"),
        BadInput(
            "append: an unlisted pin", append + " --pins new.txt --edges more.tsv", says: "more.tsv:2: unknown pin"
        ) {
            try $0.folder.write("x\n", to: "new.txt")
            try $0.folder.write("p0\tb0\ny\tb0\n", to: "more.tsv")
        },
        BadInput("append: an unknown pin to remove", append + " --remove gone.txt", says: "gone.txt:2: unknown pin") {
            try $0.folder.write("p0\nzz\n", to: "gone.txt")
        },
        spoilt("compact: cut short", "pinsage compact graph", says: "000001/edges.npy: wrong length") {
            try $0.cut("graph/generations/000001/edges.npy")
        },
        spoilt("append: a changed byte", append + " --remove pins.txt", says: "edges.npy: checksum mismatch") {
            try $0.damage("graph/generations/000001/edges.npy")
        },
        spoilt("inspect: a changed byte", "pinsage inspect graph", says: "edge_boards.txt: checksum mismatch") {
            try $0.damage("graph/generations/000001/edge_boards.txt")
        },
        spoilt("embed: no manifest", "pinsage embed --run run --out new", says: "000001/manifest.json: cannot open") {
            try $0.remove("graph/generations/000001/manifest.json")
        },
        spoilt(
            "compact: a gap", "pinsage compact graph", says: "generations out of order: expected 000001, found 000002"
        ) {
            try FileManager.default.moveItem(
                atPath: $0.folder.file("graph/generations/000001"), toPath: $0.folder.file("graph/generations/000002"))
        },
        spoilt("compact: another graph's", "pinsage compact other", says: "000001: not a generation of this graph") {
            try $0.makeOtherGraph()
            try FileManager.default.moveItem(
                atPath: $0.folder.file("graph/generations"), toPath: $0.folder.file("other/generations"))
        },
        spoilt(
            "import over what is pending", "pinsage import --edges edges.tsv --out graph --force",
            says: "found a graph and 'generations', which would be lost"
        ) { _ in },
    ]

    @Test("an addition that cannot be used, and a generation that cannot be trusted", arguments: inputs)
    func refused(input: BadInput) throws { try input.check() }
}
