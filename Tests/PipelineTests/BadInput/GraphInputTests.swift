import Foundation
import TestSupport
import Testing

/// What `import` and `generate` refuse.
@Suite struct GraphInputTests {
    private static let importing =
        "pinsage import --edges edges.tsv --pins pins.txt --features features.npy --out new"

    private static func importing(_ what: String, _ replaced: String, by word: String, says: String) -> BadInput {
        BadInput(what, importing.replacing(replaced, with: word), says: says)
    }

    private static func importing(
        _ what: String, says: String, _ spoil: @escaping @Sendable (Workshop) throws -> Void
    ) -> BadInput {
        BadInput(what, importing, says: says, spoil: spoil)
    }

    static let paths = [
        importing("no edges", "edges.tsv", by: "none.tsv", says: "none.tsv: cannot open: expected a file, found none"),
        importing("no pins", "pins.txt", by: "none.txt", says: "none.txt: cannot open"),
        importing("no features", "features.npy", by: "none.npy", says: "none.npy: cannot open"),
        importing("a folder for edges", "edges.tsv", by: "graph", says: "graph: cannot read: expected a file"),
        importing("a folder for pins", "pins.txt", by: "graph", says: "graph: cannot read: expected a file"),
        importing(
            "a folder for features", "features.npy", by: "graph", says: "expected a regular file, found a folder"),
        importing(
            "output below a file", "--out new", by: "--out pins.txt/new", says: "pins.txt/new: cannot list folder"),
        importing(
            "a file in the output's place", "--out new", by: "--out pins.txt", says: "pins.txt: cannot list folder"),
        importing(
            "output where nobody may write", "--out new", by: "--out /proc/a/new", says: "/proc/a: cannot create"),
        importing(
            "output is a graph", "--out new", by: "--out graph", says: "found a graph. Add --force to replace it"),
        importing("output is a run", "--out new", by: "--out run --force", says: "run: output folder in use"),
        BadInput(
            "a link to itself for edges", importing.replacing("edges.tsv", with: "loop"), says: "loop: cannot open"
        ) { try FileManager.default.createSymbolicLink(atPath: $0.folder.file("loop"), withDestinationPath: "loop") },
        BadInput("generate: output is a graph", "pinsage generate --out graph", says: "graph: output folder in use"),
        BadInput("generate: a file in the output's place", "pinsage generate --out pins.txt", says: "pins.txt: cannot"),
        BadInput(
            "generate: pairs are there", "pinsage generate --out new --pairs pairs.tsv",
            says: "pairs.tsv: output file in use: expected no file, found one. Add --force"),
        BadInput(
            "generate: pairs are a folder", "pinsage generate --out new --pairs run", says: "run: output file in use"),
        BadInput(
            "generate: pairs below a file", "pinsage generate --out new --pairs pins.txt/x", says: "pins.txt/x: cannot"),
    ]

    static let texts = [
        importing("an edge of an unknown pin", says: "edges.tsv:2: unknown pin: expected an id listed in pins.txt") {
            try $0.folder.write("p0\tb0\np9\tb0\n", to: "edges.tsv")
        },
        importing("no tab", says: "edges.tsv:2: no tab: expected pin TAB board, found 'p1 b0'") {
            try $0.folder.write("p0\tb0\np1 b0\n", to: "edges.tsv")
        },
        importing("three columns", says: "edges.tsv:1: too many columns") {
            try $0.folder.write("p0\tb0\t1\n", to: "edges.tsv")
        },
        importing("an empty line", says: "edges.tsv:2: empty line") {
            try $0.folder.write("p0\tb0\n\n", to: "edges.tsv")
        },
        importing("no edge at all", says: "edges.tsv: no edges") { try $0.folder.write("", to: "edges.tsv") },
        importing("edges that are not UTF-8", says: "edges.tsv:2: not UTF-8") {
            try $0.folder.write(Array("p0\tb0\np1\tb".utf8) + [0xFF, 0x0A], to: "edges.tsv")
        },
        importing("a zero byte in edges", says: "edges.tsv:2: zero byte: expected ids in UTF-8, found 'b?'") {
            try $0.folder.write("p0\tb0\np1\tb\0\n", to: "edges.tsv")
        },
        importing("Windows line ends", says: "edges.tsv:1: Windows line end") {
            try $0.folder.write("p0\tb0\r\n", to: "edges.tsv")
        },
        BadInput("damaged gzip", importing.replacing("edges.tsv", with: "e.gz"), says: "e.gz: damaged") {
            try $0.folder.write([0x1F, 0x8B, 1, 2, 3, 4, 5, 6], to: "e.gz")
        },
        BadInput("gzip by name only", importing.replacing("edges.tsv", with: "e.gz"), says: "e.gz: not compressed") {
            try $0.folder.write("p0\tb0\n", to: "e.gz")
        },
        importing(
            "a pin listed twice", says: "pins.txt:3: repeated id: expected each id once, found 'p0', as on line 1"
        ) {
            try $0.folder.write("p0\np1\np0\n", to: "pins.txt")
        },
        importing("pins that are not UTF-8", says: "pins.txt:2: not UTF-8") {
            try $0.folder.write(Array("p0\np".utf8) + [0xFF, 0x0A], to: "pins.txt")
        },
        importing("a zero byte in pins", says: "pins.txt:2: zero byte") {
            try $0.folder.write("p0\np\0\n", to: "pins.txt")
        },
    ]

    static let tables = [
        importing("float64", says: "features.npy: unsupported element type: expected '<f4', '<f2', found '<f8'") {
            try $0.zeros("features.npy", type: "<f8", shape: "6, 4", byteCount: 192)
        },
        importing("int32", says: "features.npy: wrong element type: expected float32 or float16, found int32") {
            try $0.zeros("features.npy", type: "<i4", shape: "6, 4", byteCount: 96)
        },
        importing("three dimensions", says: "features.npy: wrong number of dimensions: expected 2, found 3") {
            try $0.zeros("features.npy", shape: "1, 6, 4", byteCount: 96)
        },
        importing("no columns", says: "features.npy: no columns") {
            try $0.zeros("features.npy", shape: "6, 0", byteCount: 0)
        },
        importing("a pin without features", says: "features.npy: wrong number of rows: expected 6, one for each line") {
            try $0.zeros("features.npy", shape: "5, 4", byteCount: 80)
        },
        importing("features without a pin", says: "features.npy: wrong number of rows: expected 6") {
            try $0.zeros("features.npy", shape: "7, 4", byteCount: 112)
        },
        importing("NaN", says: "features.npy: row 2 (pin 'p2'): expected finite numbers, found nan in column 1") {
            try $0.features { $0[9] = .nan }
        },
        importing("infinity", says: "features.npy: row 5 (pin 'p5'): expected finite numbers, found -inf in column 3") {
            try $0.features { $0[23] = -.infinity }
        },
        importing("cut short", says: "features.npy: wrong length: expected 224 bytes, found 223") {
            try $0.cut("features.npy")
        },
        importing("cut within the header", says: "features.npy: wrong length: expected 128 bytes, found 74") {
            try $0.cut("features.npy", by: 150)
        },
        importing(
            "an empty table", says: "features.npy: not a .npy file: expected the NumPy magic bytes, found an empty"
        ) {
            try $0.folder.write("", to: "features.npy")
        },
        importing("a text for a table", says: "features.npy: not a .npy file") {
            try $0.folder.write("0.1 0.2\n", to: "features.npy")
        },
    ]

    @Test("a path that cannot be read or written", arguments: paths)
    func path(input: BadInput) throws { try input.check() }

    @Test("a text with a line that cannot be used", arguments: texts)
    func text(input: BadInput) throws { try input.check() }

    @Test("a table that cannot be used", arguments: tables)
    func table(input: BadInput) throws { try input.check() }

    @Test("a table in Fortran order is imported, to the same bytes")
    func fortranOrder() throws {
        let workshop = try Workshop()
        let rows = try workshop.folder.bytes("features.npy").suffix(96)
        try workshop.zeros("features.npy", shape: "6, 4", byteCount: 0, order: "True")
        var bytes = try workshop.folder.bytes("features.npy")
        for column in 0..<4 {
            for row in 0..<6 { bytes += rows.dropFirst((row * 4 + column) * 4).prefix(4) }
        }
        try workshop.folder.write(bytes, to: "features.npy")
        let words = Self.importing.split(separator: " ").dropFirst().map(String.init)
        let ended = try RealProcess("pinsage", words, in: workshop.path).end()
        #expect(ended.code == 0, "\(ended.error)")
        #expect(try workshop.folder.bytes("new/features.npy") == workshop.folder.bytes("graph/features.npy"))
    }

    @Test("folders above an output are made, alike for every command that writes")
    func foldersAbove() throws {
        let workshop = try Workshop()
        for (command, made) in [
            (Self.importing.replacing("--out new", with: "--out a/b/new"), "a/b/new/manifest.json"),
            ("pinsage generate --out c/d/new --pairs e/f/pairs.tsv --pins 50 --boards 9 --edges 60", "e/f/pairs.tsv"),
            ("pinsage neighbors graph --all --out g/h/new", "g/h/new/neighbors.npy"),
            ("pinsage embed --run run --out i/j/new", "i/j/new/embeddings.npy"),
            ("pinsage train --config config.yaml --run k/l/new", "k/l/new/checkpoints/latest"),
        ] {
            let words = command.split(separator: " ").dropFirst().map(String.init)
            let ended = try RealProcess("pinsage", words, in: workshop.path).end()
            #expect(ended.code == 0, "\(command): \(ended.error)")
            #expect(FileManager.default.fileExists(atPath: workshop.folder.file(made)), "\(command)")
        }
        // And they are gone again when nothing came of it.
        let features = "--features none.npy --out m/n/new"
        try workshop.expectRefusal(
            "pinsage import --edges edges.tsv --pins pins.txt \(features)", says: "none.npy: cannot open")
    }

    @Test(
        "a command line that cannot be meant ends with 2 and the usage",
        arguments: [
            "import --edges edges.tsv", "import --edges edges.tsv --features features.npy --out new",
            "import --edges edges.tsv --out new --feature-width 0", "generate --out new --pins 3",
            "generate --out new --pairs new/pairs.tsv", "generate --out new --pairs new", "inspect",
            "neighbors graph", "neighbors graph --all", "neighbors graph --pin p0 --top 0", "train", "train --config",
            "embed --out new", "embed --run run --out new --threads 0", "embed --checkpoint c --out new",
            "evaluate --embeddings embeddings", "evaluate --embeddings embeddings --pairs pairs.tsv --top 0",
            "related --embeddings embeddings", "related --embeddings embeddings --pin p0 --top 0", "nonsense",
        ])
    func usage(arguments: String) throws {
        let workshop = try Workshop()
        let words = arguments.split(separator: " ").map(String.init)
        let ended = try RealProcess("pinsage", words, in: workshop.path).end()
        #expect(ended.code == 2, "\(ended.error)")
        #expect(ended.error.hasPrefix("Error: ") && ended.error.contains("Usage: pinsage"), "\(ended.error)")
        #expect(ended.output == "")
        #expect(!FileManager.default.fileExists(atPath: workshop.folder.file("new")))
    }
}
