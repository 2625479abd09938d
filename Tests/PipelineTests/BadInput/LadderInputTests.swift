import Foundation
import TestSupport
import Testing

/// What a ladder refuses before it trains anything.
@Suite struct LadderInputTests {
    private static let command = "pinsage ladder --config config.yaml --pairs pairs.tsv --out new"

    static let inputs: [BadInput] = [
        BadInput(
            "no config", "pinsage ladder --config none.yaml --pairs pairs.tsv --out new", says: "none.yaml: config file"
        ),
        BadInput("an unknown setting", command + " --set walks.cuont=3", says: "walks.cuont: expected one of count"),
        BadInput("no graph", command + " --set graph=none", says: "none: no graph: expected a graph folder"),
        BadInput(
            "no samplers", command + " --set samplers.count=0", says: "samplers.count: no samplers: expected 1 or"),
        BadInput(
            "no pairs", "pinsage ladder --config config.yaml --pairs none.tsv --out new", says: "none.tsv: cannot"),
        BadInput("an empty file of pairs", command, says: "pairs.tsv: no pairs") {
            try $0.folder.write("", to: "pairs.tsv")
        },
        BadInput("an unknown pin", command, says: "pairs.tsv:2: unknown pin") {
            try $0.folder.write("p0\tp1\np0\tp99\n", to: "pairs.tsv")
        },
        BadInput("a pair in the graph", command, says: "pairs.tsv:1: pair in the graph") {
            try $0.folder.write("p0\tp1\tb0\n", to: "pairs.tsv")
        },
        BadInput(
            "a folder of something else", "pinsage ladder --config config.yaml --pairs pairs.tsv --out run",
            says: "ladder: run: output folder in use: expected a ladder's folder or none, found 'checkpoints'"),
        BadInput(
            "a file", "pinsage ladder --config config.yaml --pairs pairs.tsv --out pins.txt", says: "pins.txt: cannot"),
    ]

    @Test("a ladder refuses what it cannot climb, in one line, and leaves everything as it was", arguments: inputs)
    func refused(input: BadInput) throws { try input.check() }

    @Test(
        "a command line that cannot be meant ends with 2",
        arguments: [
            (["--seeds", "0"], "--seeds is 0: expected 1 to 21"),
            (["--seeds", "22"], "--seeds is 22: expected 1 to 21"),
            (["--threads", "0"], "--threads is 0: expected 1 or more"),
            (["--rungs", "content,top"], "--rungs names \"top\": expected some of content,"),
            (["--rungs", ""], "--rungs names \"\": expected some of content,"),
        ])
    func usage(arguments: [String], says: String) throws {
        let workshop = try Workshop()
        let words = Self.command.split(separator: " ").map(String.init).dropFirst()
        let ended = try RealProcess("pinsage", words + arguments, in: workshop.path).end()
        #expect(ended.code == 2)
        #expect(ended.error.contains(says), "\(ended.error)")
        #expect(!FileManager.default.fileExists(atPath: workshop.path + "/new"))
    }
}
