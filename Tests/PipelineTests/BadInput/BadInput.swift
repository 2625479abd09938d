import Artifacts
import Foundation
import TestSupport
import Testing

/// One way to be wrong: what is spoilt, the command that meets it, and what its line must say.
struct BadInput: Sendable, CustomTestStringConvertible {
    let what: String
    let command: String
    /// What and where: part of the line.
    let says: String
    let spoil: @Sendable (Workshop) throws -> Void

    /// - Parameter command: words separated by single spaces, the executable first.
    init(
        _ what: String, _ command: String, says: String, spoil: @escaping @Sendable (Workshop) throws -> Void = { _ in }
    ) {
        self.what = what
        self.command = command
        self.says = says
        self.spoil = spoil
    }

    var testDescription: String { "\(what): \(command)" }

    /// Spoils a fresh workshop and runs the command: exit code 1, one line of the form all errors have, nothing on
    /// standard output, and not one file made, changed or removed.
    func check(isUnprivileged: Bool = false) throws {
        let workshop = try Workshop()
        try spoil(workshop)
        try workshop.expectRefusal(command, says: says, isUnprivileged: isUnprivileged)
    }
}

/// A folder with sound files of every kind, for one test to spoil:
/// `edges.tsv`, `pins.txt`, `features.npy` (6 × 4), the graph `graph`, `config.yaml`, the finished run `run` of 4 steps,
/// its embeddings `embeddings` (6 × 4), `pairs.tsv`.
final class Workshop: Sendable {
    static let checkpoint = "run/checkpoints/step-00000004.safetensors"

    /// Made once by the executables themselves.
    private static let original = Result { try Workshop.make() }

    let folder: TemporaryDirectory
    var path: String { folder.path }

    init() throws {
        folder = try TemporaryDirectory()
        let original = try Self.original.get()
        for name in try original.names() {
            try FileManager.default.copyItem(atPath: original.file(name), toPath: folder.file(name))
        }
    }

    private static func make() throws -> TemporaryDirectory {
        let folder = try TemporaryDirectory()
        _ = try HandDrawnGraph.write(to: folder)
        let features = (0..<24).map { Float($0 * 7 % 5) - 2 }
        try writeNumpy(path: folder.file("features.npy"), shape: [6, 4], features)
        try folder.write("p0\tp1\n", to: "pairs.tsv")
        try folder.write(
            """
            graph: graph
            run: run
            model: {hidden_width: 8, output_width: 4}
            batch: {pairs: 4, shared_negatives: 4}
            training: {epochs: 1, batches_per_epoch: 4}
            """, to: "config.yaml")
        for arguments in [
            "import --edges edges.tsv --pins pins.txt --features features.npy --out graph",
            "train --config config.yaml", "embed --run run --out embeddings",
        ] {
            let ended = try RealProcess("pinsage", arguments.split(separator: " ").map(String.init), in: folder.path)
                .end()
            try #require(ended.code == 0, "pinsage \(arguments): \(ended.error)")
        }
        // Sockets cannot be copied.
        for name in ["batches.ipc", "batches.ipc.control"] {
            try FileManager.default.removeItem(atPath: folder.file("run/" + name))
        }
        return folder
    }

    func expectRefusal(_ command: String, says: String, isUnprivileged: Bool = false) throws {
        let words = command.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let before = try contents()
        let ended = try RealProcess(words[0], Array(words.dropFirst()), in: path, isUnprivileged: isUnprivileged)
            .end(within: 20)
        #expect(ended.code == 1, "\(ended.error)")
        #expect(ended.output == "")
        #expect(ended.error.hasSuffix("\n") && ended.errorLines.count == 1, "\(ended.error)")
        let form = #/pinsage(-trainer|-sampler| [a-z]+): [a-z ]+: .+: .*expected .+, found:? .+\. [A-Z`].*[.?]\n/#
        #expect(try form.wholeMatch(in: ended.error) != nil, "not the form of an error: \(ended.error)")
        #expect(ended.error.contains(says), "expected \(says), found \(ended.error)")
        let after = try contents()
        for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
            Issue.record(
                "\(name): \(before[name] == nil ? "was made" : after[name] == nil ? "was removed" : "was changed")")
        }
    }

    /// Every file's bytes, by its path; the same for every folder.
    private func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            contents[name] = FileManager.default.contents(atPath: folder.file(name)) ?? Data("a folder".utf8)
        }
        return contents
    }
}
