import Foundation
import TestSupport
import Testing

/// What the commands that read graphs, checkpoints and embeddings refuse.
@Suite struct ReaderInputTests {
    private static let evaluating = "pinsage evaluate --embeddings embeddings --pairs pairs.tsv"
    private static let relating = "pinsage related --embeddings embeddings --pin p0"
    private static let embedding = "pinsage embed --checkpoint \(Workshop.checkpoint) --graph graph --out new"
    private static let ofRun = "pinsage embed --run run --out new"

    static let graphs = [
        BadInput(
            "no graph", "pinsage inspect none", says: "none: no graph: expected a graph folder with manifest.json"),
        BadInput("a file for a graph", "pinsage inspect pins.txt", says: "pins.txt: no graph"),
        BadInput("embeddings for a graph", "pinsage inspect embeddings", says: "expected 'graph', found 'embeddings'"),
        BadInput("an empty manifest", "pinsage inspect graph", says: "graph/manifest.json: bad manifest") {
            try $0.folder.write("", to: "graph/manifest.json")
        },
        BadInput("half a manifest", "pinsage inspect graph", says: "graph/manifest.json: bad manifest") {
            try $0.cut("graph/manifest.json", by: 30)
        },
        BadInput("a manifest without counts", "pinsage inspect graph", says: "graph/manifest.json: bad manifest") {
            try $0.folder.write("{\"format_version\": 1}", to: "graph/manifest.json")
        },
        BadInput("a changed checksum", "pinsage inspect graph", says: "fingerprint does not match the checksums") {
            let text = try $0.folder.text("graph/manifest.json")
            try $0.folder.write(text.replacing("\"xxh64\" : \"", with: "\"xxh64\" : \"0"), to: "graph/manifest.json")
        },
        BadInput("a changed byte", "pinsage inspect graph --json", says: "graph/features.npy: checksum mismatch") {
            try $0.damage("graph/features.npy")
        },
        BadInput("a missing file", "pinsage inspect graph", says: "graph/boards.txt: cannot open") {
            try $0.remove("graph/boards.txt")
        },
        BadInput("a file cut short", "pinsage inspect graph", says: "graph/pin_boards.npy: wrong length") {
            try $0.cut("graph/pin_boards.npy")
        },
        BadInput("neighbors: no graph", "pinsage neighbors none --pin p0", says: "none: no graph"),
        BadInput("neighbors: unknown pin", "pinsage neighbors graph --pin zz --json", says: "unknown pin"),
        BadInput(
            "neighbors: a folder of others", "pinsage neighbors graph --all --out embeddings", says: "found 'bias"),
        BadInput("neighbors: a file", "pinsage neighbors graph --all --out pins.txt", says: "pins.txt: cannot list"),
        BadInput(
            "neighbors: below a file", "pinsage neighbors graph --all --out pins.txt/x", says: "pins.txt/x: cannot"),
        BadInput("neighbors: a damaged graph", "pinsage neighbors graph --all --out new", says: "wrong length") {
            try $0.cut("graph/board_offsets.npy", by: 8)
        },
    ]

    static let embeddings = [
        BadInput("no embeddings", relating.replacing(" embeddings ", with: " none "), says: "none: no embeddings"),
        BadInput("a graph for embeddings", "pinsage related --embeddings graph --pin p0", says: "found 'graph'"),
        BadInput(
            "an unknown pin", relating.replacing("p0", with: "zz"), says: "unknown pin: expected an id in this file"),
        BadInput("a damaged manifest", relating, says: "embeddings/manifest.json: bad manifest") {
            try $0.folder.write("{}", to: "embeddings/manifest.json")
        },
        BadInput("an unknown metric", relating, says: "unknown metric: expected cosine or dot, found euclid") {
            let text = try $0.folder.text("embeddings/manifest.json")
            try $0.folder.write(text.replacing("cosine", with: "euclid"), to: "embeddings/manifest.json")
        },
        BadInput("cut short", relating, says: "embeddings/embeddings.npy: wrong length") {
            try $0.cut("embeddings/embeddings.npy")
        },
        BadInput("another width", relating, says: "embeddings.npy: wrong shape: expected (6, 4), found (6, 3)") {
            try $0.embed((0..<18).map(Float.init), shape: [6, 3])
        },
        BadInput("too few rows", evaluating, says: "embeddings.npy: wrong shape: expected (6, 4), found (5, 4)") {
            try $0.embed((0..<20).map(Float.init), shape: [5, 4])
        },
        BadInput("NaN", relating, says: "embeddings.npy: row 1: expected finite numbers, found nan") {
            try $0.embed((0..<24).map { $0 == 6 ? .nan : Float($0) }, shape: [6, 4])
        },
        BadInput("infinity", evaluating, says: "embeddings.npy: row 5: expected finite numbers, found inf") {
            try $0.embed((0..<24).map { $0 == 23 ? .infinity : Float($0) }, shape: [6, 4])
        },
        BadInput(
            "evaluate: no embeddings", evaluating.replacing(" embeddings ", with: " none "), says: "none: no embed"),
        BadInput("no pairs", evaluating.replacing("pairs.tsv", with: "none.tsv"), says: "none.tsv: cannot open"),
        BadInput("a folder for pairs", evaluating.replacing("pairs.tsv", with: "graph"), says: "graph: not a file"),
        BadInput("no graph at --graph", evaluating + " --graph none --json", says: "none: no graph"),
        BadInput("another graph at --graph", evaluating + " --graph other", says: "other: another graph") {
            try $0.makeOtherGraph()
        },
    ]

    static let pairs = [
        ("p0\tp1\np0\tzz\n", "pairs.tsv:2: unknown pin"), ("p0\tp0\n", "pairs.tsv:1: query and positive are the same"),
        ("p0 p1\n", "pairs.tsv:1: malformed pair"), ("p0\tp1\tb\tp2\n", "pairs.tsv:1: malformed pair"),
        ("p0\tp1\tb0\n", "pairs.tsv:1: pair in the graph"),
        ("", "pairs.tsv: no pairs"), ("p0\tp1\n\n", "pairs.tsv:2: malformed pair"),
        ("p0\tp1\0\n", "pairs.tsv:1: unknown pin: expected an id of the embeddings' pins.txt, found \"p1?\""),
    ].map { text, says in
        BadInput("pairs \(text.debugDescription)", evaluating, says: says) {
            try $0.folder.write(text, to: "pairs.tsv")
        }
    }

    static let heldOut = [
        BadInput(
            "held-out edge of the graph", evaluating + " --heldout heldout.tsv",
            says: "heldout.tsv:1: edge in the graph"
        ) {
            try $0.folder.write("b0\tp0\n", to: "heldout.tsv")
        }
    ]

    static let checkpoints = [
        BadInput("no run", ofRun.replacing("--run run", with: "--run none"), says: "none: not a run"),
        BadInput("a file for a run", ofRun.replacing("--run run", with: "--run pins.txt"), says: "pins.txt: not a run"),
        BadInput("a run without a checkpoint", ofRun, says: "run: no checkpoint") { try $0.remove("run/checkpoints") },
        BadInput("a run whose graph is gone", ofRun, says: "graph: no graph") { try $0.remove("graph") },
        BadInput("a run of one damaged checkpoint", ofRun, says: "checksum mismatch") {
            try $0.damage(Workshop.checkpoint)
        },
        BadInput(
            "no checkpoint", embedding.replacing("004", with: "005"), says: "step-00000005.safetensors: cannot open"),
        BadInput("no graph", embedding.replacing("--graph graph", with: "--graph none"), says: "none: no graph"),
        BadInput(
            "another graph", embedding.replacing("--graph graph", with: "--graph other"),
            says: "trained on another graph: expected fingerprint"
        ) { try $0.makeOtherGraph() },
        BadInput("a changed byte", embedding, says: "checksum mismatch") { try $0.damage(Workshop.checkpoint) },
        BadInput("cut short", embedding, says: "wrong length") { try $0.cut(Workshop.checkpoint) },
        BadInput("an empty file", embedding, says: "wrong length: expected 8 bytes, found 0") {
            try $0.folder.write("", to: Workshop.checkpoint)
        },
        BadInput("a text", embedding, says: "bad safetensors header") {
            try $0.folder.write("not a checkpoint\n", to: Workshop.checkpoint)
        },
        BadInput(
            "another shape", embedding, says: "tensor conv.1.message.weight: expected shape [8, 5], found shape [5, 8]"
        ) {
            try $0.rewriteCheckpoint { name, shape, _ in
                if name == "conv.1.message.weight" { shape.reverse() }
            }
        },
        BadInput("NaN", embedding, says: "tensor head.hidden.bias: expected finite numbers") {
            try $0.rewriteCheckpoint { name, _, values in
                if name == "head.hidden.bias" { values[0] = .nan }
            }
        },
        BadInput("output is a graph", ofRun.replacing("new", with: "graph"), says: "graph: output folder in use"),
        BadInput("output is a file", ofRun.replacing("new", with: "pins.txt"), says: "pins.txt: output folder in use"),
        BadInput("output below a file", ofRun.replacing("new", with: "pins.txt/x"), says: "x.work: cannot create"),
        BadInput("a damaged graph", embedding, says: "graph/features.npy: wrong length") {
            try $0.cut("graph/features.npy")
        },
    ]

    @Test("a graph that cannot be used", arguments: graphs)
    func graph(input: BadInput) throws { try input.check() }

    @Test("embeddings that cannot be used", arguments: embeddings)
    func embedded(input: BadInput) throws { try input.check() }

    @Test("pairs and held-out edges that cannot be used", arguments: pairs + heldOut)
    func pair(input: BadInput) throws { try input.check() }

    @Test("a checkpoint that cannot be embedded with", arguments: checkpoints)
    func checkpoint(input: BadInput) throws { try input.check() }

    @Test("related gives the same answer with --exact and without: every search is exact")
    func exact() throws {
        let workshop = try Workshop()
        let arguments = ["related", "--embeddings", "embeddings", "--pin", "p2", "--json"]
        let plain = try RealProcess("pinsage", arguments, in: workshop.path).end()
        let exact = try RealProcess("pinsage", arguments + ["--exact"], in: workshop.path).end()
        #expect(plain.code == 0 && exact.code == 0)
        #expect(plain.output.contains("\"pin\":\"p2\"") && plain.output == exact.output)
        let help = try RealProcess("pinsage", ["related", "--help"], in: workshop.path).end()
        #expect(
            help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(
                "search of this version is exact"))
    }

    /// Whether a process can be run here that may not do everything: root may read and write anywhere.
    private static let hasLimits: Bool = {
        let ended = try? RealProcess("pinsage", ["--version"], in: "/", isUnprivileged: true).end(within: 20)
        return ended?.code == 0
    }()

    static let forbidden = [
        BadInput(
            "edges", "pinsage import --edges secret --out open/new", says: "secret: cannot open: expected the right"),
        BadInput(
            "config", "pinsage train --config secret", says: "secret: config file: expected a file that may be read"),
        BadInput("pairs", "pinsage evaluate --embeddings embeddings --pairs secret", says: "secret: cannot open"),
        BadInput("features", "pinsage inspect graph", says: "graph/features.npy: cannot open: expected the right") {
            chmod($0.folder.file("graph/features.npy"), 0)
        },
        BadInput(
            "graph", "pinsage generate --out shut/new", says: "shut/new: cannot create folder: expected the right"),
        BadInput(
            "held-out pairs", "pinsage generate --out open/new --pairs shut/p", says: "shut/p: cannot create: expec"),
        BadInput("neighbors", "pinsage neighbors graph --all --out shut/new", says: "shut/new: cannot create folder"),
        BadInput("embeddings", "pinsage embed --run run --out shut/new", says: "shut/new.work: cannot create"),
        BadInput("run", "pinsage train --config config.yaml --run shut/new", says: "shut/new: cannot create folder"),
    ]

    @Test(
        "what may not be read or written", .enabled(if: hasLimits, "needs setpriv, as these tests run as root"),
        arguments: forbidden)
    func permission(input: BadInput) throws {
        let workshop = try Workshop()
        for (name, mode) in [("shut", 0o555), ("open", 0o777)] as [(String, mode_t)] {
            try #require(mkdir(workshop.folder.file(name), 0o755) == 0)
            chmod(workshop.folder.file(name), mode)
        }
        try workshop.folder.write("p0\tp1\n", to: "secret")
        chmod(workshop.folder.file("secret"), 0)
        try input.spoil(workshop)
        try workshop.expectRefusal(input.command, says: input.says, isUnprivileged: true)
    }
}
